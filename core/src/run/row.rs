//! A run in one row: what lists and searches need to know about it, without its log.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::outcome::Verdict;
use super::state::{Phase, RunState};
use crate::agent::Tier;
use crate::ids::{AgentName, RunId, SessionId};

/// One row per run: a projection of its log.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRow {
    /// The run.
    pub run_id: RunId,
    /// How many events this row was made from.
    pub seq: u32,
    /// When it was requested.
    pub created_at: Timestamp,
    /// When its log last grew.
    pub updated_at: Timestamp,
    /// Its phase.
    pub phase: RowPhase,
    /// The verdict, once it is finished.
    pub verdict: Option<Verdict>,
    /// The session.
    pub session_id: SessionId,
    /// The project directory.
    pub project_root: String,
    /// The hash of the request.
    pub request_hash: String,
    /// The agent of the last attempt.
    pub agent: Option<AgentName>,
    /// The tier of the last attempt.
    pub tier: Option<Tier>,
    /// Whether it was played by the scripted agent.
    pub rehearsal: bool,
}

/// The phase of a run, without the details that are only in its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RowPhase {
    /// Requested, not yet routed.
    Requested,
    /// Ready for its next step.
    Ready,
    /// A process is running.
    Running,
    /// It waits until an instant.
    Waiting,
    /// It is over.
    Finished,
}

impl RowPhase {
    /// Returns the phase's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            RowPhase::Requested => "requested",
            RowPhase::Ready => "ready",
            RowPhase::Running => "running",
            RowPhase::Waiting => "waiting",
            RowPhase::Finished => "finished",
        }
    }

    /// Parses a phase's name.
    pub fn parse(text: &str) -> Option<RowPhase> {
        [RowPhase::Requested, RowPhase::Ready, RowPhase::Running, RowPhase::Waiting, RowPhase::Finished]
            .into_iter()
            .find(|phase| phase.as_str() == text)
    }

    fn of(phase: &Phase) -> Option<RowPhase> {
        Some(match phase {
            Phase::New => return None,
            Phase::Requested => RowPhase::Requested,
            Phase::Ready => RowPhase::Ready,
            Phase::Running => RowPhase::Running,
            Phase::Waiting { .. } => RowPhase::Waiting,
            Phase::Finished { .. } => RowPhase::Finished,
        })
    }
}

impl RunRow {
    /// Creates the row of a run whose log last grew at an instant; `None` before it was requested.
    pub fn new(run_id: &RunId, run: &RunState, updated_at: Timestamp) -> Option<RunRow> {
        let requested = run.requested.as_ref()?;
        let last = run.attempts.last().map(|attempt| (attempt.started.agent.clone(), attempt.started.tier));
        let routed = run.route.as_ref().map(|route| (route.agent.clone(), route.tier));
        let (agent, tier) = last.or(routed).unzip();
        Some(RunRow {
            run_id: run_id.clone(),
            seq: run.seq,
            created_at: run.requested_at.unwrap_or(updated_at),
            updated_at,
            phase: RowPhase::of(&run.phase)?,
            verdict: run.verdict(),
            session_id: requested.session_id.clone(),
            project_root: requested.project_root.clone(),
            request_hash: requested.request_hash.clone(),
            agent,
            tier,
            rehearsal: requested.rehearsal,
        })
    }

    /// Returns one word for the state: the phase, or the verdict once there is one.
    pub fn word(&self) -> &'static str {
        self.verdict.map_or(self.phase.as_str(), Verdict::as_str)
    }

    /// Returns whether the run ended with a usable answer.
    pub fn ended_well(&self) -> bool {
        self.verdict == Some(Verdict::Succeeded)
    }

    /// Returns whether the run is over.
    pub fn is_finished(&self) -> bool {
        self.phase == RowPhase::Finished
    }
}
