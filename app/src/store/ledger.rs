//! What a ledger does, whatever stores it: queries and commands, grouped by subject.
//!
//! Every method is one transaction. None relies on state that a connection keeps from one call to the next, so that a
//! ledger behind a connection pool can do the same. The suite in `contract` specifies what each must do.

use std::path::PathBuf;

use jiff::Timestamp;
use pointsman_core::agent::Agent;
use pointsman_core::breaker::{Breaker, BreakerLimits};
use pointsman_core::hook::fact::HookFact;
use pointsman_core::ids::{AgentName, AgentSessionId, RunId, SessionId};
use pointsman_core::retention::Past;
use pointsman_core::run::event::RunEvent;
use pointsman_core::run::outcome::Outcome;
use pointsman_core::run::row::RunRow;
use pointsman_core::run::state::RunState;
use serde::Serialize;

use super::error::StoreError;
use crate::process::identity::ProcessIdentity;

/// What outlives a process.
pub trait Ledger: Send {
    /// Returns whether the ledger is still what it was opened as; if not, it is reopened before it is used.
    fn is_current(&self) -> bool {
        true
    }

    /// Appends to the log of one run. If the position of an event is taken, or the run is over, another process went on
    /// with the run: that is [`StoreError::Taken`], and nothing is stored.
    fn append(&mut self, entry: &LedgerEntry) -> Result<(), StoreError>;

    /// Adds events of any runs that are not in the ledger yet, and updates the rows of their runs. Returns how many
    /// were new. An event that cannot follow what is stored is void: it was written by a driver that was taken for dead
    /// and went on.
    fn add_events(&mut self, events: &[RunEvent]) -> Result<usize, StoreError>;

    /// Returns a run's log, empty if there is no such run.
    fn events(&mut self, run: &RunId) -> Result<Vec<RunEvent>, StoreError>;

    /// Returns the rows of runs, without those that are odd.
    fn runs(&mut self, which: &Runs) -> Result<Vec<RunRow>, StoreError>;

    /// Returns which rows of drivers, and of this many runs, the newest, are odd.
    fn odd_rows(&mut self, run_count_max: usize) -> Result<Vec<OddRow>, StoreError>;

    /// Returns the drivers of runs that are not over.
    fn drivers(&mut self) -> Result<Vec<DriverRow>, StoreError>;

    /// Records that a driver is alive.
    fn renew_driver(&mut self, run: &RunId, at: Timestamp) -> Result<(), StoreError>;

    /// Asks the driver of a run to stop it.
    fn request_cancel(&mut self, run: &RunId, at: Timestamp) -> Result<(), StoreError>;

    /// Returns whether a stop was requested. It is called every second, and must be cheap if nothing was written since.
    fn is_cancel_requested(&mut self, run: &RunId) -> Result<bool, StoreError>;

    /// Reads one breaker, decides, and writes it, while nobody else can.
    fn change_breaker(
        &mut self,
        agent: &AgentName,
        model: &str,
        decide: &mut dyn FnMut(Breaker) -> Breaker,
    ) -> Result<(), StoreError>;

    /// Returns all breakers that are not in their initial state.
    fn breakers(&mut self) -> Result<Vec<BreakerRow>, StoreError>;

    /// Returns the agent session in which a session of ours continues.
    fn agent_session(&mut self, key: &AgentSessionKey) -> Result<Option<AgentSessionId>, StoreError>;

    /// Adds facts of hooks that are not in the ledger yet; returns those that are new.
    fn add_hook_facts(&mut self, facts: &[HookFact]) -> Result<Vec<HookFact>, StoreError>;

    /// Replaces facts of hooks that the ledger has.
    fn update_hook_facts(&mut self, facts: &[HookFact]) -> Result<(), StoreError>;

    /// Returns the facts of hooks since an instant, oldest first.
    fn hook_facts(&mut self, since: Timestamp) -> Result<Vec<HookFact>, StoreError>;

    /// Returns what there is of the past: runs that are over, days with facts of hooks. Nothing is known here of live
    /// logs and metrics.
    fn past(&mut self) -> Result<Past, StoreError>;

    /// Removes all of these runs that are over, and of sessions without any run what was remembered of them. Returns
    /// how many runs there were.
    fn remove_runs(&mut self, runs: &[RunId]) -> Result<usize, StoreError>;

    /// Removes facts of hooks from before an instant, the oldest first, at most so many. Returns how many there were.
    fn remove_hook_facts(&mut self, before: Timestamp, count_max: usize) -> Result<usize, StoreError>;

    /// Gives space that is no longer needed back to the disk, a part of it at a time. Returns whether there may be
    /// more.
    fn give_space_back(&mut self) -> Result<bool, StoreError>;
}

/// What is written to the log of one run at once, together with what belongs to it.
#[derive(Debug, Clone)]
pub struct LedgerEntry {
    /// The new events: at least one, all of one run.
    pub events: Vec<RunEvent>,
    /// The run's row after these events.
    pub row: RunRow,
    /// The driver from now on. If it is lost with the ledger, the run cannot be cancelled from outside.
    pub driver: Option<ProcessIdentity>,
    /// The agent session in which our session continues from now on.
    pub agent_session: Option<AgentSessionLink>,
    /// What the breaker of an agent is told.
    pub call: Option<EndedCall>,
}

/// How a call of an agent's service ended, for its breaker.
#[derive(Debug, Clone)]
pub struct EndedCall {
    /// The agent.
    pub agent: AgentName,
    /// The model.
    pub model: String,
    /// How it ended.
    pub outcome: Outcome,
    /// When breakers open.
    pub limits: BreakerLimits,
}

impl EndedCall {
    /// Returns the breaker after the call.
    pub(super) fn record(&self, breaker: Breaker, now: Timestamp) -> Breaker {
        breaker.record(self.outcome, &self.limits, now)
    }
}

impl LedgerEntry {
    /// Creates an entry from events and the state after them; `None` if nothing was requested yet or nothing happened.
    pub fn new(events: Vec<RunEvent>, run: &RunState) -> Option<LedgerEntry> {
        let last = events.last()?;
        let row = RunRow::new(&last.run_id, run, last.at)?;
        Some(LedgerEntry { events, row, driver: None, agent_session: None, call: None })
    }
}

/// Returns which events of one run can be appended to its log. `known` is the log so far, in order.
///
/// Nothing can be said about events behind a gap: they are added, because the file that fills the gap may come later.
pub(super) fn that_follow<'a>(known: &[RunEvent], new: &'a [RunEvent]) -> Vec<&'a RunEvent> {
    let mut new: Vec<&RunEvent> =
        new.iter().filter(|event| known.iter().all(|other| other.seq != event.seq)).collect();
    new.sort_by_key(|event| event.seq);
    new.dedup_by_key(|event| event.seq);
    let Ok(mut state) = RunState::replay(known) else { return new };
    let can_follow = |event: &&RunEvent| {
        let is_behind_gap = event.seq > state.seq + 1 && !state.is_finished();
        is_behind_gap || state.apply(event).is_ok()
    };
    new.into_iter().filter(can_follow).collect()
}

/// Selects runs.
#[derive(Debug, Clone)]
pub enum Runs {
    /// Those whose id begins with a prefix, newest first.
    Newest {
        /// The prefix.
        prefix: String,
        /// The most runs to return.
        count_max: usize,
    },
    /// Those that are not over.
    Open,
    /// Those of a session that ended well: runs of this project first, then newest first. Rehearsals and real runs know
    /// nothing of each other.
    OfSession {
        /// The session.
        session: SessionId,
        /// The project.
        project: PathBuf,
        /// Whether rehearsals are selected.
        rehearsal: bool,
        /// The most runs to return.
        count_max: usize,
    },
}

/// A row that this version does not understand: a newer one wrote it, or somebody else. It stays, and hides no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OddRow {
    /// The key, as it stands there: anything.
    pub key: String,
    /// What is odd.
    pub what: String,
}

/// The driver of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct DriverRow {
    /// The run.
    pub run_id: RunId,
    /// The process, and where it runs; `None` if the row is odd.
    pub driver: Option<ProcessIdentity>,
    /// When it last recorded that it is alive; older versions do not record it.
    pub heartbeat_at: Option<Timestamp>,
}

/// One breaker.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BreakerRow {
    /// The agent.
    pub agent: String,
    /// The model.
    pub model: String,
    /// Its state.
    pub breaker: Breaker,
}

/// Identifies which sessions of a CLI are meant, and for which session of ours.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AgentSessionKey {
    /// Our session.
    pub session: SessionId,
    /// The CLI's command: sessions of one CLI are unknown to another.
    pub command: String,
    /// The CLI's own agent, which its session keeps; empty if it runs without one.
    pub agent: String,
    /// The project directory.
    pub project: PathBuf,
}

impl AgentSessionKey {
    /// Returns the key of an agent's sessions.
    pub fn new(session: &SessionId, agent: &Agent, project: &std::path::Path) -> AgentSessionKey {
        AgentSessionKey {
            session: session.clone(),
            command: agent.command[0].clone(),
            agent: agent.session_key().to_owned(),
            project: project.to_owned(),
        }
    }
}

/// The session of an agent's CLI in which a session of ours continues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentSessionLink {
    /// Identifies our session and the agent.
    pub key: AgentSessionKey,
    /// The CLI's session.
    pub agent_session: AgentSessionId,
}
