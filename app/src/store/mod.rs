//! The ledger and what stands in for it: everything that outlives a process.
//!
//! `Store` never fails to open. When the database cannot be used, the store says why ([`Store::trouble`])
//! and appends what must not be lost to the spool, from where the next good start takes it over.
//! The only room with SQL.
//!
//! Reading order: `ledger` (the database), `spool` (its stand-in), `metrics` (daily files),
//! `hooks` (what a hook may touch: a spool, a note, a glance at the ledger), `takeovers` (one prompt, one run), `journal` (a run's live log), `private` (directories and files that nobody else may read), `lock`.

pub mod hooks;
pub mod journal;
mod ledger;
pub mod lock;
mod metrics;
pub mod private;
mod spool;
pub mod takeovers;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use pointsman_core::agent::Agent;
use pointsman_core::breaker::{Admission, Breaker, BreakerLimits};
use pointsman_core::hook::fact::HookFact;
use pointsman_core::ids::{AgentName, RunId, SessionId};
use pointsman_core::run::event::RunEvent;
use pointsman_core::run::outcome::Outcome;
use pointsman_core::run::state::RunState;

pub use ledger::{BreakerRow, RunRow};

use crate::process::identity::ProcessIdentity;
use ledger::Ledger;
use spool::{Durability, Spool};

/// What can be wrong with the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The directory is not ours alone.
    #[error(transparent)]
    Private(#[from] private::PrivateError),
    /// The database says no.
    #[error("the ledger `{path}` cannot be used: {source}")]
    Database {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// The file is not a healthy database.
    #[error("the ledger `{path}` is damaged: {what}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The file was written by a newer version.
    #[error("the ledger `{path}` has schema {found}, and this version knows up to {known}")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema version.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// SQLite itself is too old to be trusted with a write-ahead log.
    #[error("SQLite {found} is older than 3.51.3, which can corrupt a write-ahead log")]
    OldSqlite {
        /// Its version.
        found: &'static str,
    },
    /// A stored log cannot be read.
    #[error("the log of run `{run}` cannot be read: {what}")]
    Log {
        /// The run.
        run: String,
        /// What is wrong.
        what: String,
    },
}

/// Where the store keeps its files.
#[derive(Debug, Clone)]
pub struct StorePaths {
    /// The state directory, ours alone.
    pub state: PathBuf,
    /// Where the spool goes when the state directory cannot be used, best first.
    pub spool_fallbacks: Vec<PathBuf>,
}

impl StorePaths {
    /// Returns the ledger's file.
    pub fn ledger(&self) -> PathBuf {
        self.state.join("ledger.db")
    }

    /// Returns this installation's key for hashing words that are not kept; makes it at its first use.
    ///
    /// Where it cannot be kept, a key of the moment does: then hashes of different runs cannot be compared.
    pub fn hash_key(&self) -> [u8; 32] {
        let path = self.state.join("hash.key");
        let kept = || std::fs::read(&path).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        if let Some(key) = kept() {
            return key;
        }
        let mut key = [0; 32];
        getrandom::fill(&mut key).expect("the system has random numbers; without them nothing here is safe");
        let written = private::ensure_dir(&self.state).is_ok() && private::write_new(&path, &key).is_ok();
        // Somebody else may have been first; then theirs is the one.
        if written { key } else { kept().unwrap_or(key) }
    }

    fn spools(&self, name: &str) -> Vec<PathBuf> {
        let dirs = std::iter::once(&self.state).chain(&self.spool_fallbacks);
        dirs.map(|dir| dir.join(name)).collect()
    }

    fn event_spool(&self) -> Spool {
        Spool::new(self.spools("spool"), Durability::Power)
    }

    fn hook_spool(&self) -> Spool {
        Spool::new(self.spools("hook-spool"), Durability::Process)
    }
}

/// Refuses a ledger that lost its content: an empty file beside the files of known runs is damage, not a beginning.
fn not_emptied(paths: &StorePaths) -> Result<(), StoreError> {
    let path = paths.ledger();
    let is_empty = |path: &Path| std::fs::metadata(path).is_ok_and(|meta| meta.len() == 0);
    let has_log = std::fs::metadata(path.with_extension("db-wal")).is_ok_and(|meta| meta.len() > 0);
    let knows_runs =
        || std::fs::read_dir(paths.state.join("runs")).is_ok_and(|mut runs| runs.next().is_some());
    if is_empty(&path) && !has_log && knows_runs() {
        return Err(StoreError::Damaged { path, what: "it is empty, and runs were known".to_owned() });
    }
    Ok(())
}

/// What is written to the log of one run at once, and what is noted with it.
pub struct Entry<'a> {
    /// The new events.
    pub events: &'a [RunEvent],
    /// Where the run stands after them.
    pub run: &'a RunState,
    /// Who drives the run from now on. Lost with the ledger: then nobody can cancel it from outside.
    pub driver: Option<&'a ProcessIdentity>,
    /// In which session of the agent's CLI our session goes on from now on.
    pub agent_session: Option<&'a AgentSessionLink>,
}

/// The session of an agent's CLI in which a session of ours goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentSessionLink {
    /// Our session.
    pub session: SessionId,
    /// The CLI: sessions of one are unknown to another.
    pub command: String,
    /// The CLI's own agent, which its session keeps; empty where it runs without one.
    pub agent: String,
    /// The project directory.
    pub project: PathBuf,
    /// The CLI's session.
    pub agent_session: String,
}

/// Whose sessions of a CLI are meant.
#[derive(Debug, Clone, Copy)]
pub struct CliAgent<'a> {
    /// The CLI's command.
    pub command: &'a str,
    /// The CLI's own agent; empty where it runs without one.
    pub agent: &'a str,
}

impl<'a> CliAgent<'a> {
    /// Returns whose sessions an agent's are.
    pub fn of(agent: &'a Agent) -> CliAgent<'a> {
        CliAgent { command: &agent.command[0], agent: agent.session_key() }
    }
}

/// The ledger, or the spool in its place.
pub struct Store {
    paths: StorePaths,
    /// The state directory, if it is ours; nothing is written into one that is not.
    state: Option<PathBuf>,
    ledger: Result<Ledger, StoreError>,
    spool: Spool,
}

impl Store {
    /// Opens the store. Never fails: what is wrong with it is its [`trouble`](Store::trouble).
    pub fn open(paths: StorePaths) -> Store {
        let ours = private::ensure_dir(&paths.state);
        let state = ours.is_ok().then(|| paths.state.clone());
        let ledger = ours
            .map_err(StoreError::from)
            .and_then(|()| not_emptied(&paths))
            .and_then(|()| Ledger::open(&paths.ledger()));
        let spool = paths.event_spool();
        Store { paths, state, ledger, spool }
    }

    /// Makes the ledger readable only, for who looks back. Whatever cannot be forbidden is only not done.
    pub fn forbid_writes(&self) {
        let _ = self.ledger.as_ref().map(Ledger::forbid_writes);
    }

    /// Returns why the ledger cannot be used, if it cannot.
    pub fn trouble(&self) -> Option<&StoreError> {
        self.ledger.as_ref().err()
    }

    /// Returns where the files are.
    pub fn paths(&self) -> &StorePaths {
        &self.paths
    }

    /// Returns the directory of a run's files, where there can be one.
    pub fn run_dir(&self, run: &RunId) -> Option<PathBuf> {
        self.state.as_ref().map(|state| state.join("runs").join(run.as_str()))
    }

    /// Appends a record to the day's metrics.
    pub fn append_metrics<T: serde::Serialize>(&self, now: Timestamp, record: &T) -> std::io::Result<()> {
        self.state.as_ref().map_or(Ok(()), |state| metrics::append(state, now, record))
    }

    /// Takes a session for one run; `Ok(None)` when another run has it.
    pub fn try_lock_session(&self, session: &SessionId) -> std::io::Result<Option<lock::Lock>> {
        let state = self.state.as_ref().ok_or(std::io::ErrorKind::NotFound)?;
        lock::try_lock(&state.join("locks"), &format!("session-{session}"))
    }

    /// Takes over what the spool holds; returns how many events were new.
    pub fn drain_spool(&mut self) -> usize {
        let Ok(ledger) = &mut self.ledger else { return 0 };
        self.spool.drain(|events| ledger.take_over(events))
    }

    /// Takes over what hooks have written, each fact completed first; returns those that are new.
    pub fn drain_hook_spool(&mut self, complete: impl Fn(&mut HookFact)) -> Vec<HookFact> {
        let Ok(ledger) = &mut self.ledger else { return vec![] };
        let mut new = vec![];
        self.paths.hook_spool().drain(|facts: &[HookFact]| {
            let mut facts = facts.to_vec();
            facts.iter_mut().for_each(&complete);
            let taken = ledger.add_hook_facts(&facts)?;
            let count = taken.len();
            new.extend(taken);
            Ok(count)
        });
        new
    }

    /// Returns the facts of hooks since an instant, oldest first.
    pub fn hook_facts(&self, since: Timestamp) -> Result<Vec<HookFact>, String> {
        self.reading().map_err(ToString::to_string)?.hook_facts(since).map_err(|error| error.to_string())
    }

    /// Appends an entry, in one transaction. What the ledger refuses goes to the spool, the events at least.
    ///
    /// Returns `Err` only when both refuse; then the events exist in memory alone.
    pub fn append(&mut self, entry: &Entry<'_>) -> std::io::Result<()> {
        if let Ok(ledger) = &mut self.ledger {
            match ledger.append(entry) {
                Ok(()) => return Ok(()),
                Err(error) => self.ledger = Err(error),
            }
        }
        self.spool.append(entry.events)
    }

    /// Appends an entry to the ledger or nowhere; returns whether it is there.
    pub fn try_append(&mut self, entry: &Entry<'_>) -> bool {
        self.ledger.as_mut().is_ok_and(|ledger| ledger.append(entry).is_ok())
    }

    /// Asks a breaker whether a call may pass. Without a ledger every call passes.
    pub fn admit(
        &mut self,
        agent: &AgentName,
        model: &str,
        limits: &BreakerLimits,
        now: Timestamp,
    ) -> Admission {
        let decide = |breaker: Breaker| breaker.admit(limits, now);
        self.with_breaker(agent, model, decide).unwrap_or(Admission::Pass)
    }

    /// Tells a breaker how a call ended.
    pub fn record_outcome(
        &mut self,
        agent: &AgentName,
        model: &str,
        outcome: Outcome,
        limits: &BreakerLimits,
        now: Timestamp,
    ) {
        self.with_breaker(agent, model, |breaker| (breaker.record(outcome, limits, now), ()));
    }

    fn with_breaker<T>(
        &mut self,
        agent: &AgentName,
        model: &str,
        decide: impl FnOnce(Breaker) -> (Breaker, T),
    ) -> Option<T> {
        let ledger = self.ledger.as_mut().ok()?;
        match ledger.with_breaker(agent, model, decide) {
            Ok(decision) => Some(decision),
            Err(error) => {
                self.ledger = Err(error);
                None
            }
        }
    }

    /// Returns the agent session in which a session of ours goes on.
    pub fn agent_session(&self, session: &SessionId, cli: CliAgent<'_>, project: &Path) -> Option<String> {
        self.ledger.as_ref().ok()?.agent_session(session, cli, project).ok().flatten()
    }

    /// Returns runs of a session that ended well, and their projects: those of this project first, then newest first.
    /// Rehearsals and real runs know nothing of each other.
    pub fn runs_of_session(
        &self,
        session: &SessionId,
        project: &Path,
        rehearsal: bool,
        count_max: usize,
    ) -> Vec<(RunId, PathBuf)> {
        let Ok(ledger) = &self.ledger else { return vec![] };
        ledger.runs_of_session(session, project, rehearsal, count_max).unwrap_or_default()
    }

    fn reading(&self) -> Result<&Ledger, &StoreError> {
        self.ledger.as_ref()
    }

    /// Returns a run's log, empty when there is no such run.
    pub fn events(&self, run: &RunId) -> Result<Vec<RunEvent>, String> {
        self.reading().map_err(ToString::to_string)?.events(run).map_err(|error| error.to_string())
    }

    /// Returns runs whose id begins with a text, newest first.
    pub fn runs_by_prefix(&self, prefix: &str, count_max: usize) -> Result<Vec<RunRow>, String> {
        let ledger = self.reading().map_err(ToString::to_string)?;
        ledger.runs_by_prefix(prefix, count_max).map_err(|error| error.to_string())
    }

    /// Returns the newest runs.
    pub fn runs(&self, count_max: usize) -> Result<Vec<RunRow>, String> {
        self.runs_by_prefix("", count_max)
    }

    /// Returns runs that are not over, with who drives them.
    pub fn open_runs(&self) -> Result<Vec<(RunId, Option<ProcessIdentity>)>, String> {
        self.reading().map_err(ToString::to_string)?.open_runs().map_err(|error| error.to_string())
    }

    /// Returns who drives a run.
    pub fn driver(&self, run: &RunId) -> Option<ProcessIdentity> {
        self.reading().ok()?.driver(run).ok().flatten()
    }

    /// Returns all breakers that are not in their first state.
    pub fn breakers(&self) -> Result<Vec<BreakerRow>, String> {
        self.reading().map_err(ToString::to_string)?.breakers().map_err(|error| error.to_string())
    }

    /// Returns how much waits in the spool.
    pub fn spooled_bytes(&self) -> u64 {
        self.spool.bytes()
    }

    /// Tells whether the ledger's file is no healthy database, as opposed to being out of reach.
    pub fn is_damaged(&self) -> bool {
        match &self.ledger {
            Ok(ledger) => matches!(ledger.check(), Err(StoreError::Damaged { .. })),
            Err(error) => matches!(error, StoreError::Damaged { .. }),
        }
    }

    /// Moves a damaged ledger aside and begins a new one; returns where the old one is.
    pub fn replace_if_damaged(&mut self) -> Result<Option<PathBuf>, String> {
        if !self.is_damaged() {
            return Ok(None);
        }
        let ledger = self.paths.ledger();
        let aside = ledger.with_extension(format!("damaged-{}.db", crate::clock::now().as_second()));
        std::fs::rename(&ledger, &aside).map_err(|error| format!("`{}`: {error}", ledger.display()))?;
        for side_file in ["db-wal", "db-shm"] {
            // They belong to the damaged file; without it they would damage the new one.
            let _ = std::fs::rename(ledger.with_extension(side_file), aside.with_extension(side_file));
        }
        self.ledger = Ledger::open(&ledger);
        self.trouble().map_or(Ok(Some(aside)), |trouble| Err(trouble.to_string()))
    }

    /// Checks the whole database; returns what is wrong.
    pub fn check(&self) -> Result<(), String> {
        self.reading().map_err(ToString::to_string)?.check().map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests;
