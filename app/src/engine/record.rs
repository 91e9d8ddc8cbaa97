//! Keeping what happens: a fact is applied, stored, written to the live log, and then told to watchers.

use std::sync::Arc;

use jiff::Timestamp;
use pointsman_core::ids::RunId;
use pointsman_core::report::live::{Body, Line, LiveDetail, LiveEvent};
use pointsman_core::report::run::SCHEMA_VERSION;
use pointsman_core::run::event::{AttemptEnded, Fact, Requested, RunEvent};
use pointsman_core::run::state::RunState;

use crate::clock::Clock;
use crate::process::identity::ProcessIdentity;
use crate::store::journal::{Journal, Weight};
use crate::store::{AgentSessionLink, EndedCall, Kept, LedgerEntry, Store, StoreError};

/// Somebody who is told about a run as it happens.
pub trait Watcher: Send {
    /// Takes in one line. Must return soon: the run waits.
    fn on_line(&mut self, line: &Line);

    /// Shows what was not shown yet. May take as long as the reader does.
    fn finish(&mut self) {}
}

/// Nobody watches.
pub struct Unwatched;

impl Watcher for Unwatched {
    fn on_line(&mut self, _line: &Line) {}
}

/// The log of one run while it is driven.
pub struct RunLog {
    /// The run.
    pub run_id: RunId,
    /// Where it stands.
    pub state: RunState,
    rehearsal: bool,
    clock: Clock,
    /// Events that happened and are kept with the next ones.
    staged: Vec<RunEvent>,
    /// All that was kept so far, for a ledger that begins anew meanwhile.
    log: Vec<Arc<LedgerEntry>>,
    /// The driver, until it is noted.
    identity: ProcessIdentity,
    /// The same, to be noted with the next events.
    driver: Option<ProcessIdentity>,
    /// Noted with the next events.
    agent_session: Option<AgentSessionLink>,
    /// Told to a breaker with the next events.
    call: Option<EndedCall>,
    /// Whether the live log may hold what agents say.
    words_are_kept: bool,
    journal: Option<Journal>,
    watcher: Box<dyn Watcher>,
    /// Whether the trouble of the store was told already.
    trouble_told: bool,
}

impl RunLog {
    /// Begins the log of a run that this process drives.
    pub fn new(
        run_id: RunId,
        requested: &Requested,
        clock: Clock,
        driver: ProcessIdentity,
        journal: Option<Journal>,
        watcher: Box<dyn Watcher>,
    ) -> RunLog {
        RunLog {
            run_id,
            state: RunState::default(),
            rehearsal: requested.rehearsal,
            clock,
            staged: vec![],
            log: vec![],
            driver: Some(driver.clone()),
            identity: driver,
            agent_session: None,
            call: None,
            words_are_kept: requested.prompt.is_some(),
            journal,
            watcher,
            trouble_told: false,
        }
    }

    /// Keeps facts that happen together, in one transaction with those that were held, and then tells them.
    ///
    /// When the ledger fails, the facts are in the spool and the run goes on: an orchestrator's trouble
    /// must not stand between a person and their agent.
    pub async fn record(&mut self, store: &Store, facts: Vec<Fact>) {
        facts.into_iter().for_each(|fact| self.apply(fact));
        let events = std::mem::take(&mut self.staged);
        let events = match LedgerEntry::new(events, &self.state) {
            Some(entry) => self.flush(store, entry).await,
            None => return,
        };
        for event in events {
            self.publish(Body::Fact(Box::new(event)), Weight::Fact);
        }
    }

    /// Keeps an entry with what was noted for it, and gives its events back.
    async fn flush(&mut self, store: &Store, entry: LedgerEntry) -> Vec<RunEvent> {
        let (driver, agent_session, call) =
            (self.driver.clone(), self.agent_session.take(), self.call.take());
        let entry = Arc::new(LedgerEntry { driver, agent_session, call, ..entry });
        // Nothing follows an end; and an answer can be long.
        if !self.state.is_finished() {
            self.log.push(Arc::clone(&entry));
        }
        let kept = store.append(Arc::clone(&entry)).await;
        match &kept {
            // The driver is noted once; until the ledger takes it, with all that follows.
            Kept::Ledger => self.driver = None,
            // Another ledger stands there now, which knows nothing of this run.
            Kept::Spool(StoreError::Replaced { .. }) => {
                self.driver = Some(self.identity.clone());
                store.spool(self.log.clone()).await;
            }
            Kept::Spool(_) | Kept::Nowhere(..) | Kept::Void(_) => {}
        }
        self.publish_trouble(&kept);
        Arc::try_unwrap(entry).map_or_else(|shared| shared.events.clone(), |entry| entry.events)
    }

    /// Lets a fact happen that is kept with the next one: what follows it is decided at once.
    pub fn stage(&mut self, fact: Fact) {
        self.apply(fact);
    }

    /// Lets an attempt end, which is kept with the fact that follows it: with the agent session to go on in, and with what
    /// the agent's breaker is told.
    pub fn stage_end(
        &mut self,
        ended: AttemptEnded,
        agent_session: Option<AgentSessionLink>,
        call: Option<EndedCall>,
    ) {
        (self.agent_session, self.call) = (agent_session, call);
        self.stage(Fact::AttemptEnded(Box::new(ended)));
    }

    /// Tells whether a breaker has not been told yet what was held.
    pub fn owes_breaker_a_call(&self) -> bool {
        self.call.is_some()
    }

    fn apply(&mut self, fact: Fact) {
        let event =
            RunEvent { run_id: self.run_id.clone(), seq: self.state.seq + 1, at: self.clock.now(), fact };
        self.state.apply(&event).expect("drive only records what can follow; anything else is a bug");
        self.staged.push(event);
    }

    /// Tells something that is only seen live.
    pub fn emit(&mut self, seen: LiveDetail) {
        self.emit_at(self.clock.now(), seen);
    }

    /// Lets the watcher go, to finish by itself.
    pub fn stop_watching(&mut self) -> Box<dyn Watcher> {
        std::mem::replace(&mut self.watcher, Box::new(Unwatched))
    }

    fn emit_at(&mut self, at: Timestamp, seen: LiveDetail) {
        self.publish(Body::Live(LiveEvent { run_id: self.run_id.clone(), at, seen }), Weight::Live);
    }

    fn publish(&mut self, body: Body, weight: Weight) {
        let line =
            Line { schema_version: SCHEMA_VERSION, rehearsal: self.rehearsal, body: without_prompt(body) };
        if let Some(journal) = &mut self.journal
            && (self.words_are_kept || !has_words(&line.body))
        {
            let text = serde_json::to_string(&line).expect("plain data has a JSON form");
            if journal.write(&text, weight).is_err() {
                // The live log is a convenience; the ledger has the facts.
                self.journal = None;
            }
        }
        self.watcher.on_line(&line);
    }

    fn publish_trouble(&mut self, kept: &Kept) {
        let text = match kept {
            Kept::Ledger => return,
            Kept::Spool(trouble) => {
                format!("{trouble}; the record goes to the spool (`pointsman doctor` helps)")
            }
            Kept::Nowhere(trouble, error) => {
                format!("{trouble}; nothing of this run can be kept: {error}")
            }
            Kept::Void(trouble) => format!("{trouble}: another process went on with this run"),
        };
        if !std::mem::replace(&mut self.trouble_told, true) {
            self.emit(LiveDetail::Notice { text });
        }
    }
}

/// Prompts stay in the ledger: a stream or a log carries the hash.
fn without_prompt(mut body: Body) -> Body {
    if let Body::Fact(event) = &mut body
        && let Fact::Requested(requested) = &mut event.fact
    {
        requested.prompt = None;
    }
    body
}

/// Tells whether a line holds words of the agent that are not part of a fact.
fn has_words(body: &Body) -> bool {
    match body {
        Body::Fact(_) => false,
        Body::Live(live) => match live.seen {
            LiveDetail::Text { .. } | LiveDetail::TextDelta { .. } | LiveDetail::UnknownAgentEvent { .. } => {
                true
            }
            LiveDetail::AgentStarted { .. }
            | LiveDetail::ToolUse { .. }
            | LiveDetail::PermissionDenied { .. }
            | LiveDetail::ModelServed { .. }
            | LiveDetail::ModelFallback { .. }
            | LiveDetail::RateLimit(_)
            | LiveDetail::ApiError { .. }
            | LiveDetail::Notice { .. } => false,
        },
    }
}
