//! What a person hears when a session begins: only when there is something to say, and never more than ten lines.

use jiff::{SignedDuration, Timestamp};
use pointsman_core::breaker::Breaker;
use pointsman_core::hook::answer::{Answer, Effect};

use pointsman_core::ids::AgentName;
use pointsman_core::report::plain_text::one_line;
use pointsman_core::run::outcome::Verdict;
use pointsman_core::run::row::RunRow;

use super::desk::Desk;
use crate::clock;
use crate::engine::hooks::BreakerRow;

/// How many runs are looked at.
const RUN_COUNT_MAX: usize = 50;

/// How long a failure is news.
const NEWS: SignedDuration = SignedDuration::from_hours(24);

/// How many lines of each kind are told.
const LINES_MAX: usize = 3;

/// Looks at the ledger in passing and says what needs attention.
pub fn answer(desk: &Desk) -> Answer {
    let Some((runs, breakers)) = desk.store.glance(RUN_COUNT_MAX) else { return Answer::default() };
    let lines = lines(&runs, &breakers, clock::now());
    if lines.is_empty() {
        return Answer::default();
    }
    let text = format!("pointsman: {}", lines.join("\n"));
    Answer { effect: Effect::Context { event: "SessionStart", text: text.clone() }, notice: Some(text) }
}

/// At most ten: a headline and three lines for each of three kinds.
fn lines(runs: &[RunRow], breakers: &[BreakerRow], now: Timestamp) -> Vec<String> {
    let news: Vec<&RunRow> =
        runs.iter().filter(|run| now.duration_since(run.updated_at) <= NEWS && !run.rehearsal).collect();
    let (over, going): (Vec<&RunRow>, Vec<&RunRow>) = news.into_iter().partition(|run| run.is_finished());
    let failed: Vec<&RunRow> = over.into_iter().filter(|run| run.verdict == Some(Verdict::Failed)).collect();
    let paused: Vec<&BreakerRow> =
        breakers.iter().filter(|row| matches!(row.breaker, Breaker::Open { .. })).collect();
    let mut lines = vec![];
    tell(&mut lines, "still going", &going, in_words);
    tell(&mut lines, "failed since yesterday", &failed, in_words);
    tell(&mut lines, "paused after failures", &paused, |row| format!("{} on {}", row.agent, row.model));
    lines
}

fn tell<T>(lines: &mut Vec<String>, what: &str, rows: &[&T], in_words: impl Fn(&T) -> String) {
    match rows {
        [] => {}
        [only] => lines.push(format!("{what}: {}", in_words(only))),
        [first, rest @ ..] => {
            lines.push(format!("{what}: {}", in_words(first)));
            lines.extend(rest.iter().take(LINES_MAX - 2).map(|row| format!("  {}", in_words(row))));
            if rest.len() >= LINES_MAX - 1 {
                lines.push(format!("  and {} more (`pointsman runs list`)", rest.len() + 2 - LINES_MAX));
            }
        }
    }
}

fn in_words(run: &RunRow) -> String {
    let project = std::path::Path::new(&run.project_root).file_name().unwrap_or_default();
    let agent = run.agent.as_ref().map_or("nobody yet", AgentName::as_str);
    // A directory's name is anybody's: it must neither command a terminal nor look like a line of ours.
    format!("run {} in {} ({agent})", run.run_id, one_line(&project.to_string_lossy(), 40))
}
