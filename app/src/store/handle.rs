//! The one way to the ledger: a handle that can be cloned freely and awaited, with a keeper behind it that has the
//! ledger for itself.
//!
//! The keeper works on the caller's thread until [`LedgerHandle::to_thread`] is called, because an agent may be
//! printing from then on, and on a thread of its own after that: a slow ledger must not keep a driver from reading its
//! agent's output, and before that two wake-ups per question are not worth it.
//!
//! A failing ledger does not end a run: what must not be lost goes to the spool, and the keeper retries the ledger by
//! itself, soon at first and then less often. Once it works, the contents of the spool are imported before anything is
//! added.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, mpsc};
use std::time::Duration;

use pointsman_core::run::event::RunEvent;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use super::error::StoreError;
use super::ledger::{Ledger, LedgerEntry};
use super::spool::Spool;

/// A vanished disk can block a thread forever; the caller does not wait with it. Longer than a writer waits for
/// another.
const ANSWER_LIMIT: Duration = Duration::from_secs(15);

/// The first and the longest wait before a failed ledger is retried.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_LONGEST: Duration = Duration::from_secs(60);

/// Opens the ledger, and reopens it after a failure.
pub(super) type Opener = Box<dyn Fn() -> Result<Box<dyn Ledger>, StoreError> + Send>;

type Job = Box<dyn FnOnce(&mut Keeper) + Send>;

/// The way to the ledger. Cheap to clone.
#[derive(Clone)]
pub(super) struct LedgerHandle {
    path: PathBuf,
    /// Stands in when not even the keeper answers; read-only handles have none.
    spool: Option<Spool>,
    keeper: Arc<KeeperPlace>,
    /// Whether the keeper stays on this thread, with other tasks running before and after its work as they would beside
    /// a thread: in a test on a paused clock nothing may wait for a thread.
    #[cfg(test)]
    is_played: bool,
}

/// Where the keeper is.
struct KeeperPlace {
    /// On the caller's thread, until it moves.
    inline: Mutex<Option<Keeper>>,
    /// On its own thread.
    thread: OnceLock<mpsc::Sender<Job>>,
}

/// Where an entry was stored.
#[derive(Debug, Clone)]
pub enum Kept {
    /// In the ledger.
    Ledger,
    /// In the spool, because of this error.
    Spool(StoreError),
    /// Nowhere: both refuse it.
    Nowhere(StoreError, Arc<std::io::Error>),
    /// Nowhere: the ledger holds another event at that position, because another process went on with this run.
    Void(StoreError),
}

impl LedgerHandle {
    /// Creates a keeper. It opens the ledger on first use.
    pub(super) fn new(path: &Path, opener: Opener, spool: Option<Spool>) -> LedgerHandle {
        let keeper = Keeper::new(opener, spool.clone());
        LedgerHandle {
            path: path.to_owned(),
            spool,
            keeper: Arc::new(KeeperPlace { inline: Mutex::new(Some(keeper)), thread: OnceLock::new() }),
            #[cfg(test)]
            is_played: false,
        }
    }

    /// Creates a keeper that stays on the caller's thread.
    #[cfg(test)]
    pub(super) fn played(path: &Path, opener: Opener, spool: Option<Spool>) -> LedgerHandle {
        LedgerHandle { is_played: true, ..LedgerHandle::new(path, opener, spool) }
    }

    /// Moves the keeper to a thread of its own, which ends with the last handle.
    pub(super) fn to_thread(&self) {
        #[cfg(test)]
        if self.is_played {
            return;
        }
        let mut inline = self.keeper.inline.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(mut keeper) = inline.take() else { return };
        let (jobs, todo) = mpsc::channel::<Job>();
        std::thread::spawn(move || {
            while let Ok(job) = todo.recv() {
                job(&mut keeper);
            }
        });
        // Set before the lock is released: a caller that finds no keeper there finds the thread.
        let _ = self.keeper.thread.set(jobs);
    }

    /// Has the keeper do something with the ledger.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut dyn Ledger) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.have(|keeper| keeper.with(question)).await?
    }

    /// Stores an entry in the ledger, or else in the spool.
    pub(super) async fn append(&self, entry: Arc<LedgerEntry>) -> Kept {
        let asked = Arc::clone(&entry);
        match self.have(move |keeper| keeper.append(&asked)).await {
            Ok(kept) => kept,
            Err(error) => self.append_beside(entry, error).await,
        }
    }

    /// Stores entries in the spool, from where the ledger imports them.
    pub(super) async fn spool(&self, log: Vec<Arc<LedgerEntry>>) {
        // If the spool refuses an entry, that was already reported when it happened.
        let keep = move |spool: &Spool| log.iter().for_each(|entry| drop(spool.append(&entry.events)));
        let _ = self.have(move |keeper| keeper.spool.as_ref().map(keep)).await;
    }

    async fn append_beside(&self, entry: Arc<LedgerEntry>, because: StoreError) -> Kept {
        let spool = self.spool.clone();
        let reason = because.clone();
        let written = tokio::task::spawn_blocking(move || spooled(spool.as_ref(), &entry.events, reason));
        match timeout(ANSWER_LIMIT, written).await {
            Ok(Ok(kept)) => kept,
            Ok(Err(_)) | Err(_) => Kept::Nowhere(because, Arc::new(std::io::ErrorKind::TimedOut.into())),
        }
    }

    /// Has the keeper do something. An error means that the keeper does not answer.
    pub(super) async fn have<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Keeper) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        #[cfg(test)]
        if self.is_played {
            tokio::task::yield_now().await;
            let done = self.do_inline(job).ok();
            tokio::task::yield_now().await;
            return Ok(done.expect("it stays here"));
        }
        let job = match self.do_inline(job) {
            Ok(done) => return Ok(done),
            Err(job) => job,
        };
        let silent = || StoreError::Silent { path: self.path.clone() };
        let jobs = self.keeper.thread.get().expect("who is not here is on its thread");
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |keeper| drop(answer.send(job(keeper))));
        jobs.send(job).map_err(|_| silent())?;
        match timeout(ANSWER_LIMIT, answered).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(_)) | Err(_) => Err(silent()),
        }
    }

    /// Has the keeper do something on this thread, or returns the job if the keeper has moved.
    fn do_inline<T, J: FnOnce(&mut Keeper) -> T>(&self, job: J) -> Result<T, J> {
        let mut inline = self.keeper.inline.lock().unwrap_or_else(PoisonError::into_inner);
        match inline.as_mut() {
            Some(keeper) => Ok(job(keeper)),
            None => Err(job),
        }
    }
}

/// The only owner of the ledger.
pub(super) struct Keeper {
    opener: Opener,
    /// `None` until it is used for the first time.
    ledger: Option<Result<Box<dyn Ledger>, StoreError>>,
    spool: Option<Spool>,
    retry_at: Instant,
    retry_after: Duration,
}

impl Keeper {
    fn new(opener: Opener, spool: Option<Spool>) -> Keeper {
        Keeper {
            opener,
            ledger: None,
            spool,
            retry_at: Instant::now() + RETRY_FIRST,
            retry_after: RETRY_FIRST,
        }
    }

    /// Does something with the ledger, if it works.
    pub(super) fn with<T>(
        &mut self,
        question: impl FnOnce(&mut dyn Ledger) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.try_again();
        let ledger = self.opened().as_mut().map_err(|error| error.clone())?;
        let answer = question(ledger.as_mut());
        if let Err(error) = &answer
            && error.is_of_the_ledger()
        {
            let is_replaced = matches!(error, StoreError::Replaced { .. });
            self.ledger = Some(Err(error.clone()));
            self.retry_after = RETRY_FIRST;
            // The file that replaced it may be healthy.
            self.retry_at = Instant::now() + if is_replaced { Duration::ZERO } else { RETRY_FIRST };
        }
        answer
    }

    /// Returns why the ledger cannot be used, if it cannot.
    pub(super) fn trouble(&mut self) -> Option<StoreError> {
        self.opened().as_ref().err().cloned()
    }

    fn opened(&mut self) -> &mut Result<Box<dyn Ledger>, StoreError> {
        self.ledger.get_or_insert_with(|| (self.opener)())
    }

    /// Imports the contents of the spool; returns how many events were new.
    pub(super) fn drain(&mut self) -> usize {
        let Some(spool) = self.spool.clone() else { return 0 };
        spool.drain(|events: &[RunEvent]| self.with(|ledger| ledger.add_events(events)))
    }

    /// Reopens the ledger, whatever happened to it before.
    pub(super) fn reopen(&mut self) -> Result<(), StoreError> {
        self.ledger = Some((self.opener)());
        self.trouble().map_or(Ok(()), Err)
    }

    fn try_again(&mut self) {
        let is_due = match self.opened() {
            Ok(ledger) if ledger.is_current() => return,
            Ok(_) => true,
            Err(_) => Instant::now() >= self.retry_at,
        };
        if !is_due {
            return;
        }
        match self.reopen() {
            // Earlier events come first: a log must not have a gap.
            Ok(()) => drop(self.drain()),
            Err(_) => {
                self.retry_after = (self.retry_after * 2).min(RETRY_LONGEST);
                self.retry_at = Instant::now() + self.retry_after;
            }
        }
    }

    fn append(&mut self, entry: &LedgerEntry) -> Kept {
        match self.with(|ledger| ledger.append(entry)) {
            Ok(()) => Kept::Ledger,
            Err(error @ StoreError::Taken { .. }) => Kept::Void(error),
            Err(error) => spooled(self.spool.as_ref(), &entry.events, error),
        }
    }
}

fn spooled(spool: Option<&Spool>, events: &[RunEvent], because: StoreError) -> Kept {
    let appended =
        spool.map_or(Err(std::io::ErrorKind::ReadOnlyFilesystem.into()), |spool| spool.append(events));
    match appended {
        Ok(()) => Kept::Spool(because),
        Err(error) => Kept::Nowhere(because, Arc::new(error)),
    }
}
