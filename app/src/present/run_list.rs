//! Runs and sessions as lists.

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;
use pointsman_core::ids::{AgentName, short};
use pointsman_core::report::run::SCHEMA_VERSION;
use pointsman_core::report::run_line::{ListedRun, RunLine};
use pointsman_core::report::session_line::SessionLine;
use serde::Serialize;

use super::fit::{self, Column, Line, Span};
use super::human::{Openings, ago, duration, usd};
use crate::plain_text::one_line;

/// The longest text of a cell, in characters: names of directories may have any.
const CELL_CHARS_MAX: usize = 200;

/// The short forms of the ids of a list of runs.
pub fn short_ids(runs: &[ListedRun]) -> Vec<String> {
    let ids: Vec<&str> = runs.iter().map(|run| run.row.run_id.as_str()).collect();
    short::short_forms(&ids)
}

/// The output of `runs list -o json`.
#[derive(Serialize)]
pub struct RunList<'a> {
    schema_version: u32,
    runs: Vec<RunLine<'a>>,
}

impl<'a> RunList<'a> {
    /// Returns the list as data.
    pub fn new(runs: &'a [ListedRun], short_ids: &'a [String], now: Timestamp) -> RunList<'a> {
        let lines = runs.iter().zip(short_ids).map(|(run, short)| RunLine::new(run, short, now)).collect();
        RunList { schema_version: SCHEMA_VERSION, runs: lines }
    }
}

/// The output of `runs sessions -o json`.
#[derive(Serialize)]
pub struct SessionList<'a> {
    schema_version: u32,
    sessions: &'a [SessionLine],
}

impl SessionList<'_> {
    /// Returns the list as data.
    pub fn new(sessions: &[SessionLine]) -> SessionList<'_> {
        SessionList { schema_version: SCHEMA_VERSION, sessions }
    }
}

const RUN_COLUMNS: [Column; 8] = [
    Column::left("RUN", 0),
    Column::left("STATE", 0),
    Column::left("AGENT", 3),
    Column::left("WHEN", 1),
    Column::right("TOOK", 4),
    Column::right("COST", 2),
    Column::left("PROJECT", 5),
    Column::rest("REQUEST", 18),
];

/// Returns runs as a table for a terminal of this width; `None` where nothing has to fit.
pub fn runs(runs: &[ListedRun], now: Timestamp, width: Option<usize>) -> Vec<Line> {
    let row = |(run, short): (&ListedRun, String)| {
        let digest = run.digest.as_ref();
        let cost = digest.and_then(|digest| digest.spent.usd());
        let project = &run.row.project_root;
        vec![
            Span::new(short, Style::new().bold()),
            Span::new(run.row.word(), of_state(run.row.word())),
            Span::plain(agent(run.row.agent.as_ref())),
            Span::plain(ago(run.row.created_at, now)),
            Span::plain(duration(run.duration_ms(now))),
            Span::plain(cost.map_or("-".to_owned(), usd)),
            Span::plain(if width.is_some() { last_part(project) } else { one_line(project, CELL_CHARS_MAX) }),
            request(digest.and_then(|digest| digest.words.as_deref()), run.row.rehearsal),
        ]
    };
    let rows: Vec<Vec<Span>> = runs.iter().zip(short_ids(runs)).map(row).collect();
    fit::table(&RUN_COLUMNS, &rows, width)
}

const SESSION_COLUMNS: [Column; 7] = [
    Column::left("SESSION", 0),
    Column::left("LAST USED", 0),
    Column::right("RUNS", 1),
    Column::left("AGENT", 3),
    Column::right("COST", 2),
    Column::left("PROJECT", 4),
    Column::rest("FIRST REQUEST", 18),
];

/// Returns sessions as a table for a terminal of this width; `None` where nothing has to fit.
pub fn sessions(sessions: &[SessionLine], now: Timestamp, width: Option<usize>) -> Vec<Line> {
    let row = |session: &SessionLine| {
        let project = &session.project_root;
        vec![
            Span::new(&session.short_id, Style::new().bold()),
            Span::plain(ago(session.last_used_at, now)),
            Span::plain(session.runs.to_string()),
            Span::plain(agent(session.agent.as_ref())),
            Span::plain(session.cost_usd.map_or("-".to_owned(), usd)),
            Span::plain(if width.is_some() { last_part(project) } else { one_line(project, CELL_CHARS_MAX) }),
            request(session.words.as_deref(), session.rehearsal),
        ]
    };
    fit::table(&SESSION_COLUMNS, &sessions.iter().map(row).collect::<Vec<_>>(), width)
}

fn agent(agent: Option<&AgentName>) -> String {
    agent.map_or("-", AgentName::as_str).to_owned()
}

fn request(words: Option<&str>, is_rehearsal: bool) -> Span {
    let openings = Openings { is_rehearsal };
    match words {
        Some(words) => Span::plain(openings.mark(&one_line(words, CELL_CHARS_MAX))),
        None => Span::new(openings.mark("(not stored)"), Style::new().dimmed()),
    }
}

/// Returns the last part of a path: on a terminal there is no room for all of it.
fn last_part(path: &str) -> String {
    const CHARS_MAX: usize = 24;
    one_line(path.rsplit('/').find(|part| !part.is_empty()).unwrap_or(path), CHARS_MAX)
}

/// Returns how the word for a state looks.
fn of_state(word: &str) -> Style {
    match word {
        "succeeded" => AnsiColor::Green.on_default(),
        "failed" | "refused" => AnsiColor::Red.on_default(),
        "cancelled" | "deferred" | "waiting" => AnsiColor::Yellow.on_default(),
        _ => AnsiColor::Cyan.on_default(),
    }
}

#[cfg(test)]
mod tests;
