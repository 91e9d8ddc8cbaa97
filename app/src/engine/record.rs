//! Recording what happens: a fact is applied, stored, written to the live log, and then published to the watcher.

use std::io;
use std::mem::Discriminant;
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

/// Is told about a run as it happens.
pub trait Watcher: Send {
    /// Takes in one line. Must return quickly: the run waits.
    fn on_line(&mut self, line: &Line);

    /// Takes in a piece of the agent's own words as it comes, before secrets are removed: for eyes alone.
    fn on_text(&mut self, _piece: &str) {}

    /// Is called several times a second, where somebody watches.
    fn on_tick(&mut self) {}

    /// Shows what has not been shown yet, and returns the agent's last words as far as they are on standard output. May
    /// take as long as the reader does.
    fn finish(&mut self) -> String {
        String::new()
    }
}

/// A watcher that ignores everything.
pub struct Unwatched;

impl Watcher for Unwatched {
    fn on_line(&mut self, _line: &Line) {}
}

/// The log of one run while it is driven.
pub struct RunLog {
    /// The run.
    pub run_id: RunId,
    /// Its state.
    pub state: RunState,
    rehearsal: bool,
    clock: Clock,
    /// Events that have happened and are stored with the next ones.
    staged: Vec<RunEvent>,
    /// Everything that was stored so far, in case the ledger is replaced by a new one meanwhile.
    log: Vec<Arc<LedgerEntry>>,
    /// The driver.
    identity: ProcessIdentity,
    /// The driver, to be stored with the next events; `None` once the ledger has it.
    driver: Option<ProcessIdentity>,
    /// To be stored with the next events.
    agent_session: Option<AgentSessionLink>,
    /// To be reported to a breaker with the next events.
    call: Option<EndedCall>,
    /// Whether the live log may contain what agents say.
    words_are_kept: bool,
    journal: Option<Journal>,
    /// Whether a line could not be written to it.
    has_gaps: bool,
    /// Notices that are published behind the next facts.
    to_say: Vec<String>,
    watcher: Box<dyn Watcher>,
    /// Which kinds of trouble with the store were already published: a worse one follows a lesser one.
    troubles_told: Vec<Discriminant<Kept>>,
}

impl RunLog {
    /// Begins the log of a run that this process drives.
    pub fn new(
        run_id: RunId,
        requested: &Requested,
        clock: Clock,
        driver: ProcessIdentity,
        journal: Option<io::Result<Journal>>,
        watcher: Box<dyn Watcher>,
    ) -> RunLog {
        let (journal, trouble) = match journal {
            Some(Ok(journal)) => (Some(journal), None),
            Some(Err(error)) => (None, Some(without_live_log(&error))),
            None => (None, None),
        };
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
            has_gaps: false,
            to_say: trouble.into_iter().collect(),
            watcher,
            troubles_told: vec![],
        }
    }

    /// Stores facts that happen together, in one transaction with those that were staged, and then publishes them.
    ///
    /// When the ledger fails, the facts go to the spool and the run continues: trouble of the orchestrator must not
    /// stand between users and their agent.
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
        // Nothing follows the end of a run.
        if !self.state.is_finished() {
            std::mem::take(&mut self.to_say)
                .into_iter()
                .for_each(|text| self.emit(LiveDetail::Notice { text }));
        }
    }

    /// Publishes a notice behind the next facts: a stream begins with what was requested.
    pub fn say_later(&mut self, notice: String) {
        self.to_say.push(notice);
    }

    /// Stores an entry together with what was set aside for it, and returns its events.
    async fn flush(&mut self, store: &Store, entry: LedgerEntry) -> Vec<RunEvent> {
        let (driver, agent_session, call) =
            (self.driver.clone(), self.agent_session.take(), self.call.take());
        let entry = Arc::new(LedgerEntry { driver, agent_session, call, ..entry });
        // Nothing follows the end of a run; and an answer can be long.
        if !self.state.is_finished() {
            self.log.push(Arc::clone(&entry));
        }
        let kept = store.append(Arc::clone(&entry)).await;
        match &kept {
            // The driver is stored once; until the ledger accepts it, it goes with every entry.
            Kept::Ledger => self.driver = None,
            // Another ledger has taken its place, which knows nothing of this run.
            Kept::Spool(StoreError::Replaced { .. }) => {
                self.driver = Some(self.identity.clone());
                store.spool(self.log.clone()).await;
            }
            Kept::Spool(_) | Kept::Nowhere(..) | Kept::Void(_) => {}
        }
        self.publish_trouble(&kept);
        Arc::try_unwrap(entry).map_or_else(|shared| shared.events.clone(), |entry| entry.events)
    }

    /// Applies a fact that is stored with the next one, so that what follows from it can be decided at once.
    pub fn stage(&mut self, fact: Fact) {
        self.apply(fact);
    }

    /// Stages the end of an attempt, to be stored with the fact that follows it, together with the agent session to
    /// continue and what the agent's breaker is told.
    pub fn stage_end(
        &mut self,
        ended: AttemptEnded,
        agent_session: Option<AgentSessionLink>,
        call: Option<EndedCall>,
    ) {
        (self.agent_session, self.call) = (agent_session, call);
        self.stage(Fact::AttemptEnded(Box::new(ended)));
    }

    /// Returns whether a staged call has not been reported to its breaker yet.
    pub fn owes_breaker_a_call(&self) -> bool {
        self.call.is_some()
    }

    fn apply(&mut self, fact: Fact) {
        let event =
            RunEvent { run_id: self.run_id.clone(), seq: self.state.seq + 1, at: self.clock.now(), fact };
        self.state.apply(&event).expect("drive only records what can follow; anything else is a bug");
        self.staged.push(event);
    }

    /// Shows a piece of the agent's own words, which goes into no record.
    pub fn show_text(&mut self, piece: &str) {
        self.watcher.on_text(piece);
    }

    /// Publishes something that is only seen live.
    pub fn emit(&mut self, seen: LiveDetail) {
        self.emit_at(self.clock.now(), seen);
    }

    /// Detaches the watcher, so that it can finish by itself.
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
            // The live log is a convenience; the ledger has the facts. The next line may find room again.
            if let Err(error) = journal.write(&text, weight)
                && !std::mem::replace(&mut self.has_gaps, true)
            {
                self.to_say.push(format!("the live log of this run has gaps: {error}"));
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
                format!("{trouble}; this part of the run is kept nowhere: {error}")
            }
            Kept::Void(trouble) => format!("{trouble}: another process went on with this run"),
        };
        let kind = std::mem::discriminant(kept);
        if !self.troubles_told.contains(&kind) {
            self.troubles_told.push(kind);
            self.emit(LiveDetail::Notice { text });
        }
    }
}

fn without_live_log(error: &io::Error) -> String {
    format!("this run has no live log: {error}")
}

/// Removes the prompt: prompts stay in the ledger; a stream or a log carries the hash.
fn without_prompt(mut body: Body) -> Body {
    if let Body::Fact(event) = &mut body
        && let Fact::Requested(requested) = &mut event.fact
    {
        requested.prompt = None;
    }
    body
}

/// Returns whether a line holds text of the agent that is not part of a fact.
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
            | LiveDetail::Verifying { .. }
            | LiveDetail::Notice { .. } => false,
        },
    }
}
