//! Everything that outlives a process: the ledger, and what stands in for it.
//!
//! A `Store` never fails to open. When the ledger cannot be used, the store tells why ([`Store::trouble`]), and what
//! must not be lost goes to the spool, from where the next good start imports it. The only module with SQL.
//!
//! Reading order: `ledger` (what a ledger does), `handle` (the one way to it), `sqlite` (a ledger in a file), `spool`
//! (its stand-in), `view` (both seen as one), `error`; then `journal` (a run's live log), `metrics` (daily files),
//! `retention` (what goes of the past), `hooks` (what a hook may touch), `takeovers` (one prompt, one run), `private`
//! (files that no other user may read), `lock`.

mod error;
mod handle;
pub mod hook_counts;
pub mod hooks;
pub mod journal;
mod ledger;
pub mod lock;
mod metrics;
pub mod private;
mod retention;
mod spool;
mod sqlite;
pub mod takeovers;
mod view;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use pointsman_core::breaker::{Admission, BreakerLimits};
use pointsman_core::hook::fact::HookFact;
use pointsman_core::ids::{AgentName, AgentSessionId, RunId, SessionId};
use pointsman_core::run::event::RunEvent;
use pointsman_core::run::row::RunRow;

use crate::regular_file;
pub use error::StoreError;
pub use handle::Kept;
pub use ledger::{
    AgentSessionKey, AgentSessionLink, BreakerRow, DriverRow, EndedCall, LedgerEntry, OddRow, Runs,
};
pub use retention::Pruned;
pub use spool::Spooled;

use handle::{LedgerHandle, Opener};
use ledger::Ledger;
use spool::{Durability, Spool};
use sqlite::Sqlite;

/// Where the store keeps its files.
#[derive(Debug, Clone)]
pub struct StorePaths {
    /// The state directory, private to us.
    pub state: PathBuf,
    /// Where the spool goes if the state directory cannot be used, best first.
    pub spool_fallbacks: Vec<PathBuf>,
}

impl StorePaths {
    /// Returns the ledger's file.
    pub fn ledger(&self) -> PathBuf {
        self.state.join("ledger.db")
    }

    /// Returns this installation's key for hashing prompts that are not stored; creates it on first use.
    ///
    /// If it cannot be stored, a temporary key is used: hashes of different runs can then not be compared.
    pub fn hash_key(&self) -> [u8; 32] {
        let path = self.state.join("hash.key");
        if let Some(key) = self.known_hash_key() {
            return key;
        }
        let mut key = [0; 32];
        getrandom::fill(&mut key).expect("the system has random numbers; without them nothing here is safe");
        let written = private::ensure_dir(&self.state).is_ok() && private::write_new(&path, &key).is_ok();
        // Another process may have been first; its key then wins.
        if written { key } else { self.known_hash_key().unwrap_or(key) }
    }

    /// Returns the key, if it already exists.
    pub fn known_hash_key(&self) -> Option<[u8; 32]> {
        regular_file::read(&self.state.join("hash.key"), 32).ok().and_then(|bytes| bytes.try_into().ok())
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

/// Rejects a ledger that lost its content: an empty file beside the files of known runs is damage, not a new ledger.
fn check_not_emptied(paths: &StorePaths) -> Result<(), StoreError> {
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

/// The ledger with everything around it. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    paths: StorePaths,
    /// The state directory, if it is ours; nothing is written into one that is not.
    state: Option<PathBuf>,
    ledger: LedgerHandle,
}

impl Store {
    /// Opens the store for work. Never fails: what is wrong with it is reported by [`trouble`](Store::trouble).
    pub fn open(paths: StorePaths) -> Store {
        let state = private::ensure_dir(&paths.state).is_ok().then(|| paths.state.clone());
        let place = paths.clone();
        let opener: Opener = Box::new(move || {
            private::ensure_dir(&place.state)?;
            check_not_emptied(&place)?;
            Ok(Box::new(Sqlite::open(&place.ledger())?))
        });
        let ledger = LedgerHandle::new(&paths.ledger(), opener, Some(paths.event_spool()));
        Store { paths, state, ledger }
    }

    /// Opens the store read-only: nothing is created, migrated, imported or repaired.
    pub fn open_to_read(paths: StorePaths) -> Store {
        let state = paths.state.is_dir().then(|| paths.state.clone());
        let place = paths.clone();
        let opener: Opener = Box::new(move || {
            private::check_dir(&place.state)?;
            check_not_emptied(&place)?;
            Ok(Box::new(Sqlite::open_to_read(&place.ledger())?))
        });
        let ledger = LedgerHandle::new(&paths.ledger(), opener, None);
        Store { paths, state, ledger }
    }

    /// Opens the store on a ledger in memory, for a test on a paused clock.
    #[cfg(test)]
    pub fn on(paths: StorePaths, ledger: &tests::memory::Memory) -> Store {
        private::ensure_dir(&paths.state).unwrap();
        let ledger = ledger.clone();
        let opener: Opener = Box::new(move || Ok(Box::new(ledger.clone())));
        let spool = Spool::new(paths.spools("spool"), Durability::Process);
        let ledger = LedgerHandle::played(&paths.ledger(), opener, Some(spool));
        Store { state: Some(paths.state.clone()), paths, ledger }
    }

    /// Announces that an agent's output is read on this thread from now on: no question to the ledger blocks it any
    /// more.
    pub fn step_aside(&self) {
        self.ledger.to_thread();
    }

    /// Returns why the ledger cannot be used, if it cannot.
    pub async fn trouble(&self) -> Option<StoreError> {
        self.ledger.have(|keeper| keeper.trouble()).await.unwrap_or_else(Some)
    }

    /// Returns the locations of the files.
    pub fn paths(&self) -> &StorePaths {
        &self.paths
    }

    /// Returns the directory of a run's files, if there can be one.
    pub fn run_dir(&self, run: &RunId) -> Option<PathBuf> {
        self.state.as_ref().map(|state| state.join("runs").join(run.as_str()))
    }

    /// Appends a record to the day's metrics.
    pub fn append_metrics<T: serde::Serialize>(&self, now: Timestamp, record: &T) -> std::io::Result<()> {
        self.state.as_ref().map_or(Ok(()), |state| metrics::append(state, now, record))
    }

    /// Returns what cannot be written beside the ledger, and why: a run goes on without it.
    pub fn unwritable(&self, now: Timestamp) -> Vec<(&'static str, String)> {
        let Some(state) = &self.state else { return vec![] };
        let dir =
            |name: &str| private::check_writable(&state.join(name)).err().map(|error| error.to_string());
        let places = [
            ("live logs", dir("runs")),
            ("the locks of sessions", dir("locks")),
            ("metrics", metrics::trouble(state, now)),
            ("notes of hooks", dir("hook-notes")),
        ];
        places.into_iter().filter_map(|(what, why)| Some((what, why?))).collect()
    }

    /// Locks a session for one run; `Ok(None)` if another run holds it.
    pub fn try_lock_session(&self, session: &SessionId) -> std::io::Result<Option<lock::Lock>> {
        self.try_lock(&format!("session-{session}"))
    }

    /// Takes a lock by name; `Ok(None)` if it is held elsewhere.
    pub fn try_lock(&self, name: &str) -> std::io::Result<Option<lock::Lock>> {
        let state = self.state.as_ref().ok_or(std::io::ErrorKind::NotFound)?;
        lock::try_lock(&state.join("locks"), name)
    }

    /// Returns whether a run holds a session, without locking it.
    pub fn is_session_held(&self, session: &SessionId) -> bool {
        let state = self.state.as_ref();
        state.is_some_and(|state| lock::is_held(&state.join("locks").join(format!("session-{session}"))))
    }

    /// Appends an entry, in one transaction. If the ledger refuses it, at least its events go to the spool.
    pub async fn append(&self, entry: Arc<LedgerEntry>) -> Kept {
        self.ledger.append(entry).await
    }

    /// Stores the whole log of a run in the spool, for a ledger that does not know it.
    pub async fn spool(&self, log: Vec<Arc<LedgerEntry>>) {
        self.ledger.spool(log).await;
    }

    /// Appends an entry to the ledger or nowhere; returns whether it was stored.
    pub async fn try_append(&self, entry: LedgerEntry) -> bool {
        self.ledger.ask(move |ledger| ledger.append(&entry)).await.is_ok()
    }

    /// Returns a run's log, empty if there is no such run.
    pub async fn events(&self, run: &RunId) -> Result<Vec<RunEvent>, StoreError> {
        let run = run.clone();
        self.inspected(move |ledger, spooled| view::log(ledger, spooled, &run)).await
    }

    /// Returns the rows of runs.
    pub async fn runs(&self, which: Runs) -> Result<Vec<RunRow>, StoreError> {
        self.inspected(move |ledger, spooled| view::rows(ledger, spooled, &which)).await
    }

    /// Returns which rows of drivers, and of this many runs, the newest, this version does not understand.
    pub async fn odd_rows(&self, run_count_max: usize) -> Result<Vec<OddRow>, StoreError> {
        self.ledger.ask(move |ledger| ledger.odd_rows(run_count_max)).await
    }

    async fn inspected<T: Send + 'static>(
        &self,
        look: impl FnOnce(&mut dyn Ledger, &[RunEvent]) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let spool = self.paths.event_spool();
        self.ledger.ask(move |ledger| look(ledger, &spool.peek())).await
    }

    /// Returns the drivers of runs that are not over.
    pub async fn drivers(&self) -> Result<Vec<DriverRow>, StoreError> {
        self.ledger.ask(|ledger| ledger.drivers()).await
    }

    /// Records that the driver of a run is alive.
    pub async fn renew_driver(&self, run: &RunId, at: Timestamp) -> Result<(), StoreError> {
        let run = run.clone();
        self.ledger.ask(move |ledger| ledger.renew_driver(&run, at)).await
    }

    /// Asks the driver of a run to stop it.
    pub async fn request_cancel(&self, run: &RunId, at: Timestamp) -> Result<(), StoreError> {
        let run = run.clone();
        self.ledger.ask(move |ledger| ledger.request_cancel(&run, at)).await
    }

    /// Returns whether a stop of the run was requested.
    pub async fn is_cancel_requested(&self, run: &RunId) -> Result<bool, StoreError> {
        let run = run.clone();
        self.ledger.ask(move |ledger| ledger.is_cancel_requested(&run)).await
    }

    /// Asks a breaker whether a call may pass. Without a ledger every call passes.
    pub async fn admit(
        &self,
        agent: &AgentName,
        model: &str,
        limits: &BreakerLimits,
        now: Timestamp,
    ) -> Admission {
        let (agent, model, limits) = (agent.clone(), model.to_owned(), *limits);
        let question = move |ledger: &mut dyn Ledger| {
            let mut admission = Admission::Pass;
            ledger.change_breaker(&agent, &model, &mut |before| {
                let (after, decided) = before.admit(&limits, now);
                admission = decided;
                after
            })?;
            Ok(admission)
        };
        self.ledger.ask(question).await.unwrap_or(Admission::Pass)
    }

    /// Returns all breakers that are not in their initial state.
    pub async fn breakers(&self) -> Result<Vec<BreakerRow>, StoreError> {
        self.ledger.ask(|ledger| ledger.breakers()).await
    }

    /// Returns the agent session in which a session of ours continues.
    pub async fn agent_session(&self, key: AgentSessionKey) -> Option<AgentSessionId> {
        self.ledger.ask(move |ledger| ledger.agent_session(&key)).await.ok().flatten()
    }

    /// Returns the facts of hooks since an instant, oldest first.
    pub async fn hook_facts(&self, since: Timestamp) -> Result<Vec<HookFact>, StoreError> {
        self.ledger.ask(move |ledger| ledger.hook_facts(since)).await
    }

    /// Returns the facts of hooks that wait to be imported.
    pub fn hook_facts_waiting(&self) -> Vec<HookFact> {
        self.paths.hook_spool().peek()
    }

    /// Imports the contents of the spool; returns how many events were new.
    pub async fn drain_spool(&self) -> usize {
        self.ledger.have(|keeper| keeper.drain()).await.unwrap_or(0)
    }

    /// Imports the contents of the spool and returns which runs are not over then. A single question, because every
    /// start of a run asks it.
    pub async fn drain_and_look(&self) -> (usize, Vec<RunRow>) {
        let looked = self.ledger.have(|keeper| {
            let imported_count = keeper.drain();
            (imported_count, keeper.with(|ledger| ledger.runs(&Runs::Open)).unwrap_or_default())
        });
        looked.await.unwrap_or_default()
    }

    /// Imports what hooks have written, completing them first; returns those that are new.
    pub async fn drain_hook_spool(
        &self,
        complete: impl Fn(&mut [HookFact]) + Send + 'static,
    ) -> Vec<HookFact> {
        let spool = self.paths.hook_spool();
        let drained = self.ledger.have(move |keeper| {
            let mut new = vec![];
            spool.drain(|facts: &[HookFact]| {
                let mut facts = facts.to_vec();
                complete(&mut facts);
                let taken = keeper.with(|ledger| ledger.add_hook_facts(&facts))?;
                let count = taken.len();
                new.extend(taken);
                Ok::<usize, StoreError>(count)
            });
            new
        });
        drained.await.unwrap_or_default()
    }

    /// Replaces facts that the ledger has, because more is known of them.
    pub async fn update_hook_facts(&self, facts: Vec<HookFact>) {
        if !facts.is_empty() {
            // Without this the next reader finds it out again.
            let _ = self.ledger.ask(move |ledger| ledger.update_hook_facts(&facts)).await;
        }
    }

    /// Returns whether the spool of hooks has anything in it, without reading it.
    pub fn hooks_have_spooled(&self) -> bool {
        self.paths.hook_spool().is_used()
    }

    /// Returns what is waiting in the spool of events.
    pub fn spooled(&self) -> Spooled {
        self.paths.event_spool().waiting::<RunEvent>()
    }

    /// Returns what is waiting in the spool of hooks.
    pub fn spooled_by_hooks(&self) -> Spooled {
        self.paths.hook_spool().waiting::<HookFact>()
    }

    /// Checks the whole ledger; an error tells what is wrong.
    pub fn check(&self) -> Result<(), StoreError> {
        check_not_emptied(&self.paths)?;
        Sqlite::open_to_read(&self.paths.ledger())?.check()
    }

    /// Moves a damaged ledger aside and begins a new one; returns where the old one is.
    pub async fn replace_if_damaged(&self, now: Timestamp) -> Result<Option<PathBuf>, StoreError> {
        if !matches!(self.check(), Err(StoreError::Damaged { .. })) {
            return Ok(None);
        }
        let ledger = self.paths.ledger();
        let aside = ledger.with_extension(format!("damaged-{}.db", now.as_second()));
        let stays = |error| StoreError::NotMoved { path: ledger.clone(), source: Arc::new(error) };
        std::fs::rename(&ledger, &aside).map_err(stays)?;
        for side_file in ["db-wal", "db-shm"] {
            // They belong to the damaged file; left in place, they would damage the new one.
            let _ = std::fs::rename(ledger.with_extension(side_file), aside.with_extension(side_file));
        }
        let reopened = self.ledger.have(|keeper| keeper.reopen()).await;
        reopened.and_then(|done| done).map(|()| Some(aside))
    }
}

#[cfg(test)]
pub mod tests;
