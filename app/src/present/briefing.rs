//! What needs attention when a session begins, in a few lines.

use jiff::{SignedDuration, Timestamp};
use pointsman_core::breaker::Breaker;
use pointsman_core::ids::AgentName;
use pointsman_core::run::outcome::Verdict;
use pointsman_core::run::row::RunRow;

use crate::engine::hooks::BreakerRow;
use crate::plain_text::one_line;

/// How long a failure is news.
const NEWS: SignedDuration = SignedDuration::from_hours(24);

/// The most lines of each kind.
const LINES_MAX: usize = 3;

/// Returns at most nine lines: three for each of three kinds.
pub fn lines(runs: &[RunRow], breakers: &[BreakerRow], now: Timestamp) -> Vec<String> {
    let news: Vec<&RunRow> =
        runs.iter().filter(|run| now.duration_since(run.updated_at) <= NEWS && !run.rehearsal).collect();
    let (over, going): (Vec<&RunRow>, Vec<&RunRow>) = news.into_iter().partition(|run| run.is_finished());
    let failed: Vec<&RunRow> = over.into_iter().filter(|run| run.verdict == Some(Verdict::Failed)).collect();
    let paused: Vec<&BreakerRow> =
        breakers.iter().filter(|row| matches!(row.breaker, Breaker::Open { .. })).collect();
    let mut lines = vec![];
    push(&mut lines, "still going", &going, run_line);
    push(&mut lines, "failed since yesterday", &failed, run_line);
    push(&mut lines, "paused after failures", &paused, |row| format!("{} on {}", row.agent, row.model));
    lines
}

fn push<T>(lines: &mut Vec<String>, what: &str, rows: &[&T], text: impl Fn(&T) -> String) {
    match rows {
        [] => {}
        [only] => lines.push(format!("{what}: {}", text(only))),
        [first, rest @ ..] => {
            lines.push(format!("{what}: {}", text(first)));
            lines.extend(rest.iter().take(LINES_MAX - 2).map(|row| format!("  {}", text(row))));
            if rest.len() >= LINES_MAX - 1 {
                lines.push(format!("  and {} more (`pointsman runs list`)", rest.len() + 2 - LINES_MAX));
            }
        }
    }
}

fn run_line(run: &RunRow) -> String {
    let project = std::path::Path::new(&run.project_root).file_name().unwrap_or_default();
    let agent = run.agent.as_ref().map_or("nobody yet", AgentName::as_str);
    // A directory can have any name: it must neither control a terminal nor look like a line of ours.
    format!("run {} in {} ({agent})", run.run_id, one_line(&project.to_string_lossy(), 40))
}
