//! What a ledger does, whatever keeps it: thirteen questions and orders, by room.
//!
//! Every method is one transaction. None relies on what a connection remembers from one to the next, so that a ledger behind
//! a pool of connections can do the same. The suite in `contract` says what each must do.

use std::path::PathBuf;

use jiff::Timestamp;
use pointsman_core::agent::Agent;
use pointsman_core::breaker::{Breaker, BreakerLimits};
use pointsman_core::hook::fact::HookFact;
use pointsman_core::ids::{AgentName, RunId, SessionId};
use pointsman_core::run::event::RunEvent;
use pointsman_core::run::outcome::Outcome;
use pointsman_core::run::row::RunRow;
use pointsman_core::run::state::RunState;
use serde::Serialize;

use super::error::StoreError;
use crate::process::identity::ProcessIdentity;

/// What outlives a process.
pub trait Ledger: Send {
    /// Tells whether it still is what it was opened as; one that is not is opened anew before it is asked.
    fn is_current(&self) -> bool {
        true
    }

    /// Appends to the log of one run. Where the place of an event is taken, or the run is over, somebody else went on with
    /// the run: that is [`StoreError::Taken`], and nothing is kept.
    fn append(&mut self, entry: &LedgerEntry) -> Result<(), StoreError>;

    /// Adds events of any runs that are not here yet, and renews the lines of their runs. Returns how many were new. What
    /// cannot follow what is here is void: it is of somebody who was taken for dead and went on.
    fn add_events(&mut self, events: &[RunEvent]) -> Result<usize, StoreError>;

    /// Returns a run's log, empty when there is no such run.
    fn events(&mut self, run: &RunId) -> Result<Vec<RunEvent>, StoreError>;

    /// Returns the lines of runs.
    fn runs(&mut self, which: &Runs) -> Result<Vec<RunRow>, StoreError>;

    /// Returns who drives runs that are not over.
    fn drivers(&mut self) -> Result<Vec<DriverRow>, StoreError>;

    /// Notes that a driver lives.
    fn renew_driver(&mut self, run: &RunId, at: Timestamp) -> Result<(), StoreError>;

    /// Asks the driver of a run to stop it.
    fn request_cancel(&mut self, run: &RunId, at: Timestamp) -> Result<(), StoreError>;

    /// Tells whether somebody asked. It is asked every second, and must be cheap where nothing was written since.
    fn is_cancel_requested(&mut self, run: &RunId) -> Result<bool, StoreError>;

    /// Reads, decides and writes one breaker while nobody else can.
    fn change_breaker(
        &mut self,
        agent: &AgentName,
        model: &str,
        decide: &mut dyn FnMut(Breaker) -> Breaker,
    ) -> Result<(), StoreError>;

    /// Returns all breakers that are not in their first state.
    fn breakers(&mut self) -> Result<Vec<BreakerRow>, StoreError>;

    /// Returns the agent session in which a session of ours goes on.
    fn agent_session(&mut self, key: &AgentSessionKey) -> Result<Option<String>, StoreError>;

    /// Adds facts of hooks that are not here yet; returns those that are new.
    fn add_hook_facts(&mut self, facts: &[HookFact]) -> Result<Vec<HookFact>, StoreError>;

    /// Returns the facts of hooks since an instant, oldest first.
    fn hook_facts(&mut self, since: Timestamp) -> Result<Vec<HookFact>, StoreError>;
}

/// What is written to the log of one run at once, and what is noted with it.
#[derive(Debug, Clone)]
pub struct LedgerEntry {
    /// The new events: at least one, all of one run.
    pub events: Vec<RunEvent>,
    /// The run's line after them.
    pub row: RunRow,
    /// The driver from now on. Lost with the ledger: then nobody can cancel it from outside.
    pub driver: Option<ProcessIdentity>,
    /// In which session of the agent's CLI our session goes on from now on.
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
    /// Makes an entry of events and the state after them; `None` where nothing was asked yet or nothing happened.
    pub fn new(events: Vec<RunEvent>, run: &RunState) -> Option<LedgerEntry> {
        let last = events.last()?;
        let row = RunRow::new(&last.run_id, run, last.at)?;
        Some(LedgerEntry { events, row, driver: None, agent_session: None, call: None })
    }
}

/// Returns which events of one run can be added to its log. `known` is the log so far, in order.
///
/// Behind a gap nothing can be said: those events are added, for the file that fills it may come later.
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

/// Which runs are meant.
#[derive(Debug, Clone)]
pub enum Runs {
    /// Those whose id begins with a text, newest first.
    Newest {
        /// The text.
        prefix: String,
        /// How many at most.
        count_max: usize,
    },
    /// Those that are not over.
    Open,
    /// Those of a session that ended well: of this project first, then newest first. Rehearsals and real runs know nothing of
    /// each other.
    OfSession {
        /// The session.
        session: SessionId,
        /// The project.
        project: PathBuf,
        /// Whether rehearsals are meant.
        rehearsal: bool,
        /// How many at most.
        count_max: usize,
    },
}

/// The driver of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct DriverRow {
    /// The run.
    pub run_id: RunId,
    /// The process, and where it is.
    pub driver: ProcessIdentity,
    /// When it said last that it lives; older versions do not say.
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

/// Author sessions of a CLI are meant, and for which session of ours.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AgentSessionKey {
    /// Our session.
    pub session: SessionId,
    /// The CLI: sessions of one are unknown to another.
    pub command: String,
    /// The CLI's own agent, which its session keeps; empty where it runs without one.
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

/// The session of an agent's CLI in which a session of ours goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentSessionLink {
    /// Author it is.
    pub key: AgentSessionKey,
    /// The CLI's session.
    pub agent_session: String,
}
