//! `scan` on one screen, and as data. Has counts and no word of a prompt.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use pointsman_core::report::run::SCHEMA_VERSION;
use pointsman_core::scan::report::{ASSUMPTION, Estimate, PRICES, Prompts, ScanReport, Served, Subagents};
use pointsman_core::text::counted;
use serde::Serialize;

use super::{human, tables};
use crate::engine::scan::Scanned;
use crate::plain_text::one_line;

/// The longest path that is shown, in characters: the report has lines of at most a hundred.
const PATH_CHARS_MAX: usize = 60;

/// The output of `scan -o json`.
#[derive(Debug, Serialize)]
pub struct Printed<'a> {
    schema_version: u32,
    since: Timestamp,
    looked_in: String,
    files: usize,
    bytes: u64,
    unreadable_files: usize,
    #[serde(flatten)]
    report: &'a ScanReport,
}

impl Printed<'_> {
    /// Returns the report as data.
    pub fn new(scanned: &Scanned) -> Printed<'_> {
        Printed {
            schema_version: SCHEMA_VERSION,
            since: scanned.since,
            looked_in: scanned.dir.display().to_string(),
            files: scanned.files,
            bytes: scanned.bytes,
            unreadable_files: scanned.unreadable,
            report: &scanned.report,
        }
    }
}

/// Returns what could not be read, as a clause, if there is anything.
pub fn left_out(scanned: &Scanned) -> Option<String> {
    let lines = scanned.report.unreadable_lines;
    let files = scanned.unreadable as u64;
    let parts: Vec<String> = [(files, "file or directory", "files or directories"), (lines, "line", "lines")]
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, one, many)| counted(count, one, many))
        .collect();
    (!parts.is_empty()).then(|| format!("{} that cannot be read", parts.join(" and ")))
}

/// Returns the report for a terminal.
pub fn text(scanned: &Scanned, span: SignedDuration, home: &Path) -> String {
    let dir = one_line(&human::short_path(&scanned.dir, home), PATH_CHARS_MAX);
    let (report, span) = (&scanned.report, time(span));
    if !scanned.dir_exists {
        return format!(
            "There are no transcripts: `{dir}` does not exist.\n\
             Claude Code makes it in the first session. If its files are elsewhere, set CLAUDE_CONFIG_DIR."
        );
    }
    if report.sessions == 0 && report.served.iter().all(|served| served.answers == 0) {
        return format!(
            "There are no transcripts of the last {span} in `{dir}`.\n\
             `--since 90d` looks further back; by default Claude Code keeps what is younger than 30 days."
        );
    }
    let answers: u64 = report.served.iter().map(|served| served.answers).sum();
    let head = format!(
        "Claude Code in the last {span}: {}, {}, {}.\nRead: {} in `{dir}`. Nothing was written.",
        counted(report.sessions, "session", "sessions"),
        counted(report.subagents.total, "subagent", "subagents"),
        counted(answers, "answer", "answers"),
        bytes(scanned.bytes),
    );
    let parts = [
        head,
        served(report),
        subagents(&report.subagents),
        prompts(&report.prompts),
        estimate(&report.estimate),
    ];
    parts.join("\n\n")
}

fn served(report: &ScanReport) -> String {
    let row = |served: &Served| {
        vec![
            served.tier.map_or("other", |tier| tier.as_str()).to_owned(),
            served.answers.to_string(),
            human::count(served.tokens.total()),
            percent(served.token_share),
            served.usd.map_or("no price".to_owned(), human::usd),
            percent(served.usd_share),
        ]
    };
    let head = ["SERVED BY", "ANSWERS", "TOKENS", "SHARE", "COST (ESTIMATED)", "SHARE"];
    tables::columns(&head, &report.served.iter().map(row).collect::<Vec<_>>())
}

fn subagents(all: &Subagents) -> String {
    let Subagents { total, named, served_by_another, named_none, unknown } = all;
    if *total == 0 {
        return "Subagents: none.".to_owned();
    }
    let another = match named {
        0 => "no call names a model".to_owned(),
        _ => format!("{served_by_another} of {named} whose call names a model were served by another one"),
    };
    let none = counted(*named_none, "call names", "calls name");
    format!("Subagents: {another}; {none} none, {unknown} unknown.")
}

fn prompts(prompts: &Prompts) -> String {
    let routed = prompts.routed();
    let row = |(word, count): (&str, u64)| {
        let share = (routed > 0).then(|| count as f64 / routed as f64);
        vec![word.to_owned(), count.to_string(), percent(share)]
    };
    let Prompts { haiku, sonnet, opus, asked, answers, commands, by_programs } = *prompts;
    let rows = [("haiku", haiku), ("sonnet", sonnet), ("opus", opus), ("you, to ask first", asked)];
    let table = match routed {
        0 => "Your prompts: none to route.".to_owned(),
        _ => tables::columns(&["YOUR PROMPTS WOULD GO TO", "PROMPTS", "SHARE"], &rows.map(row)),
    };
    format!(
        "{table}\nNot routed: {}, {}, {by_programs} by programs (`claude -p`).",
        counted(answers, "short answer", "short answers"),
        counted(commands, "command", "commands")
    )
}

fn estimate(estimate: &Estimate) -> String {
    let change = match estimate.change {
        Some(change) if change.abs() >= 0.005 => format!(" ({:+.0} %)", change * 100.0),
        Some(_) => " (no change)".to_owned(),
        None => String::new(),
    };
    let (was, routed) = (human::usd(estimate.usd_as_it_was), human::usd(estimate.usd_by_routes));
    let sentence = format!("Estimate: {was} as it was, {routed} with the routes followed{change}.");
    [sentence, wrapped("Assumed:", ASSUMPTION), wrapped("Prices:", PRICES)].join("\n")
}

/// Returns a sentence in lines that a screen of a hundred columns has room for.
fn wrapped(opening: &str, words: &str) -> String {
    const COLUMNS: usize = 100;
    let mut lines = vec![opening.to_owned()];
    for word in words.split(' ') {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() < COLUMNS => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(format!("  {word}")),
        }
    }
    lines.join("\n") + "."
}

fn percent(share: Option<f64>) -> String {
    share.map_or("-".to_owned(), |share| format!("{:.0} %", share * 100.0))
}

fn bytes(count: u64) -> String {
    match count {
        0..1_000_000 => format!("{:.0} kB", count as f64 / 1e3),
        _ => format!("{:.0} MB", count as f64 / 1e6),
    }
}

/// Returns a span of time as it is said.
fn time(span: SignedDuration) -> String {
    match span.as_hours() {
        0 => counted(span.as_mins().unsigned_abs(), "minute", "minutes"),
        hours if hours % 24 == 0 => counted((hours / 24).unsigned_abs(), "day", "days"),
        hours => counted(hours.unsigned_abs(), "hour", "hours"),
    }
}
