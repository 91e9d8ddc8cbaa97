//! One run in a list: the contract of `runs list -o json`.

use jiff::Timestamp;
use serde::Serialize;

use crate::agent::Tier;
use crate::ids::{AgentName, RunId, SessionId};
use crate::run::outcome::Verdict;
use crate::run::row::RunRow;

/// One line of the list.
#[derive(Debug, Serialize)]
pub struct RunLine<'a> {
    /// The run.
    pub run_id: &'a RunId,
    /// When it was requested.
    pub created_at: Timestamp,
    /// When its log last grew.
    pub updated_at: Timestamp,
    /// The phase: `running`, `waiting`, …, or the verdict. Older than `finished` and `deferred`: `waiting` means here a
    /// run that waits, or one that ended because it would have to.
    pub phase: &'static str,
    /// Whether it is over.
    pub finished: bool,
    /// Whether it ended because it would have had to wait.
    pub deferred: bool,
    /// The session.
    pub session_id: &'a SessionId,
    /// The project directory.
    pub project_root: &'a str,
    /// The hash of the request.
    pub request_hash: &'a str,
    /// The agent of the last attempt.
    pub agent: Option<&'a AgentName>,
    /// The tier of the last attempt.
    pub tier: Option<Tier>,
    /// Whether it was played by the scripted agent.
    pub rehearsal: bool,
}

impl<'a> RunLine<'a> {
    /// Converts a row.
    pub fn new(row: &'a RunRow) -> RunLine<'a> {
        RunLine {
            run_id: &row.run_id,
            created_at: row.created_at,
            updated_at: row.updated_at,
            phase: row.verdict.map_or(row.phase.as_str(), Verdict::recorded_name),
            finished: row.is_finished(),
            deferred: row.verdict == Some(Verdict::Deferred),
            session_id: &row.session_id,
            project_root: &row.project_root,
            request_hash: &row.request_hash,
            agent: row.agent.as_ref(),
            tier: row.tier,
            rehearsal: row.rehearsal,
        }
    }
}
