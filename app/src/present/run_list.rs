//! Runs as a list.

use jiff::Timestamp;
use pointsman_core::ids::AgentName;
use pointsman_core::report::run::SCHEMA_VERSION;
use pointsman_core::report::run_line::RunLine;
use pointsman_core::run::row::RunRow;
use serde::Serialize;

use super::human::ago;
use super::tables;

/// The output of `runs list -o json`.
#[derive(Serialize)]
pub struct RunList<'a> {
    schema_version: u32,
    runs: Vec<RunLine<'a>>,
}

impl RunList<'_> {
    /// Returns the list as data.
    pub fn new(runs: &[RunRow]) -> RunList<'_> {
        RunList { schema_version: SCHEMA_VERSION, runs: runs.iter().map(RunLine::new).collect() }
    }
}

/// Returns the list as a table.
pub fn text(runs: &[RunRow], now: Timestamp) -> String {
    let rows: Vec<Vec<String>> = runs.iter().map(|run| row(run, now)).collect();
    tables::columns(&["RUN", "STATE", "AGENT", "WHEN", "PROJECT", ""], &rows)
}

fn row(run: &RunRow, now: Timestamp) -> Vec<String> {
    vec![
        run.run_id.to_string(),
        run.word().to_owned(),
        run.agent.as_ref().map_or("-", AgentName::as_str).to_owned(),
        ago(run.created_at, now),
        run.project_root.clone(),
        if run.rehearsal { "rehearsal".to_owned() } else { String::new() },
    ]
}
