//! What `runs prune` would remove, and what it removed.

use jiff::Timestamp;
use jiff::civil::Date;
use pointsman_core::report::run::SCHEMA_VERSION;
use pointsman_core::retention::{Past, Prunable};
use pointsman_core::text::counted;
use serde::Serialize;

use crate::engine::retention::Pruned;

/// The output of `runs prune -o json`.
#[derive(Debug, Serialize)]
pub struct PruneReport {
    schema_version: u32,
    /// Whether it was removed.
    removed: bool,
    /// Whole runs.
    runs: usize,
    /// Live logs of runs whose facts stay.
    live_logs: usize,
    /// Facts of hooks before this instant.
    hook_facts_before: Option<Timestamp>,
    /// Days of metrics.
    metric_days: Vec<Date>,
    /// About how many bytes.
    bytes: u64,
    /// How many runs that are over there are in all.
    runs_in_all: usize,
}

impl PruneReport {
    /// Returns what may go, or went.
    pub fn new(past: &Past, gone: &Prunable, pruned: Option<Pruned>) -> PruneReport {
        PruneReport {
            schema_version: SCHEMA_VERSION,
            removed: pruned.is_some(),
            runs: pruned.map_or(gone.runs.len(), |pruned| pruned.run_count),
            live_logs: pruned.map_or(gone.live_logs.len(), |pruned| pruned.live_log_count),
            hook_facts_before: gone.hook_facts_before,
            metric_days: gone.metric_days.clone(),
            bytes: gone.bytes(past),
            runs_in_all: past.runs.len(),
        }
    }
}

/// Returns what would go.
pub fn text(report: &PruneReport) -> String {
    let mut parts = vec![];
    if report.runs > 0 {
        parts.push(format!("{} of {}", counted(report.runs, "run", "runs"), report.runs_in_all));
    }
    if report.live_logs > 0 {
        parts.push(counted(report.live_logs, "live log of a run that stays", "live logs of runs that stay"));
    }
    if let Some(before) = report.hook_facts_before {
        parts.push(format!("what hooks saw before {before}"));
    }
    if !report.metric_days.is_empty() {
        parts.push(counted(report.metric_days.len(), "day of metrics", "days of metrics"));
    }
    if parts.is_empty() {
        return "Nothing is old enough to go, and nothing is too much.".to_owned();
    }
    let lines: Vec<String> = parts.iter().map(|part| format!("  {part}")).collect();
    format!("This would go, about {} in all:\n{}", bytes(report.bytes), lines.join("\n"))
}

/// Returns what went.
pub fn removed(pruned: &Pruned) -> String {
    let parts = [
        (pruned.run_count, "run", "runs"),
        (pruned.live_log_count, "live log", "live logs"),
        (pruned.hook_fact_count, "fact of hooks", "facts of hooks"),
        (pruned.metric_day_count, "day of metrics", "days of metrics"),
    ];
    let said: Vec<String> = parts
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, one, many)| counted(count, one, many))
        .collect();
    if said.is_empty() { "nothing was left to remove".to_owned() } else { said.join(", ") }
}

fn bytes(count: u64) -> String {
    match count {
        0..1_000_000 => format!("{:.0} kB", count as f64 / 1e3),
        _ => format!("{:.0} MB", count as f64 / 1e6),
    }
}
