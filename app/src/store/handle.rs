//! The one way to the ledger: a handle that is cloned freely and awaited, with a keeper behind it that has the ledger for
//! itself, on a thread of its own.
//!
//! A ledger that fails is not the end of a run: what must not be lost goes to the spool, and the keeper tries the ledger
//! again by itself, at first soon and then more rarely. Once it works, what the spool holds is taken over before anything
//! is added.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use pointsman_core::run::event::RunEvent;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use super::error::StoreError;
use super::ledger::{Entry, Ledger};
use super::spool::Spool;

/// A disk that is gone lets a thread wait for ever; nobody who asks waits with it. Longer than a writer waits for another.
const ANSWER_LIMIT: Duration = Duration::from_secs(15);

/// The first wait before a ledger that failed is tried again, and the longest.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_LONGEST: Duration = Duration::from_secs(60);

/// How the keeper gets at the ledger, again where it failed.
pub(super) type Opener = Box<dyn Fn() -> Result<Box<dyn Ledger>, StoreError> + Send>;

type Job = Box<dyn FnOnce(&mut Keeper) + Send>;

/// The way to the ledger. Cheap to clone.
#[derive(Clone)]
pub(super) struct LedgerHandle {
    path: PathBuf,
    /// What stands in when not even the keeper answers; who only looks has none.
    spool: Option<Spool>,
    way: Way,
}

#[derive(Clone)]
enum Way {
    /// To the keeper's thread.
    Thread(mpsc::Sender<Job>),
    /// To a keeper that works at once, on the thread of whoever asks: where time is not real, nothing may wait for a thread.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests on a virtual clock use it"))]
    Inline(Arc<Mutex<Keeper>>),
}

/// Where an entry is kept.
#[derive(Debug, Clone)]
pub enum Kept {
    /// In the ledger.
    Ledger,
    /// In the spool, because of this.
    Spool(StoreError),
    /// Nowhere: both refuse.
    Nowhere(StoreError, Arc<std::io::Error>),
    /// In the ledger stands another event at that place: somebody else went on with this run.
    Void(StoreError),
}

impl LedgerHandle {
    /// Starts a keeper on a thread of its own. The ledger is opened there; whoever asks first waits for that.
    pub(super) fn start(path: &Path, opener: Opener, spool: Option<Spool>) -> LedgerHandle {
        let (jobs, todo) = mpsc::channel::<Job>();
        let keepers = spool.clone();
        std::thread::spawn(move || {
            let mut keeper = Keeper::new(opener, keepers);
            while let Ok(job) = todo.recv() {
                job(&mut keeper);
            }
        });
        LedgerHandle { path: path.to_owned(), spool, way: Way::Thread(jobs) }
    }

    /// Makes a keeper that works on the thread of whoever asks.
    #[cfg(test)]
    pub(super) fn inline(path: &Path, opener: Opener, spool: Option<Spool>) -> LedgerHandle {
        let keeper = Arc::new(Mutex::new(Keeper::new(opener, spool.clone())));
        LedgerHandle { path: path.to_owned(), spool, way: Way::Inline(keeper) }
    }

    /// Has the keeper do something with the ledger.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut dyn Ledger) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.have(|keeper| keeper.with(question)).await?
    }

    /// Keeps an entry in the ledger, or in the spool in its place.
    pub(super) async fn append(&self, entry: Entry) -> Kept {
        let events = entry.events.clone();
        match self.have(move |keeper| keeper.append(&entry)).await {
            Ok(kept) => kept,
            Err(error) => self.append_beside(events, error).await,
        }
    }

    async fn append_beside(&self, events: Vec<RunEvent>, because: StoreError) -> Kept {
        let spool = self.spool.clone();
        let reason = because.clone();
        let written = tokio::task::spawn_blocking(move || spooled(spool.as_ref(), &events, reason));
        match timeout(ANSWER_LIMIT, written).await {
            Ok(Ok(kept)) => kept,
            Ok(Err(_)) | Err(_) => Kept::Nowhere(because, Arc::new(std::io::ErrorKind::TimedOut.into())),
        }
    }

    /// Has the keeper do something. An error is that of a keeper that does not answer.
    pub(super) async fn have<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Keeper) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let silent = || StoreError::Silent { path: self.path.clone() };
        match &self.way {
            Way::Inline(keeper) => {
                // Others go on before and after, as they do beside a thread; and a process may die there.
                tokio::task::yield_now().await;
                let done = job(&mut keeper.lock().unwrap_or_else(PoisonError::into_inner));
                tokio::task::yield_now().await;
                Ok(done)
            }
            Way::Thread(jobs) => {
                let (answer, answered) = oneshot::channel();
                let job: Job = Box::new(move |keeper| drop(answer.send(job(keeper))));
                jobs.send(job).map_err(|_| silent())?;
                match timeout(ANSWER_LIMIT, answered).await {
                    Ok(Ok(value)) => Ok(value),
                    Ok(Err(_)) | Err(_) => Err(silent()),
                }
            }
        }
    }
}

/// Who has the ledger.
pub(super) struct Keeper {
    opener: Opener,
    ledger: Result<Box<dyn Ledger>, StoreError>,
    spool: Option<Spool>,
    retry_at: Instant,
    retry_after: Duration,
}

impl Keeper {
    fn new(opener: Opener, spool: Option<Spool>) -> Keeper {
        let ledger = opener();
        Keeper { opener, ledger, spool, retry_at: Instant::now() + RETRY_FIRST, retry_after: RETRY_FIRST }
    }

    /// Does something with the ledger, if there is one that works.
    pub(super) fn with<T>(
        &mut self,
        question: impl FnOnce(&mut dyn Ledger) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.try_again();
        let ledger = self.ledger.as_mut().map_err(|error| error.clone())?;
        let answer = question(ledger.as_mut());
        if let Err(error) = &answer
            && error.is_of_the_ledger()
        {
            self.ledger = Err(error.clone());
            self.retry_after = RETRY_FIRST;
            self.retry_at = Instant::now() + RETRY_FIRST;
        }
        answer
    }

    /// Returns why the ledger cannot be used, if it cannot.
    pub(super) fn trouble(&self) -> Option<StoreError> {
        self.ledger.as_ref().err().cloned()
    }

    /// Takes over what the spool holds; returns how many events were new.
    pub(super) fn drain(&mut self) -> usize {
        let Some(spool) = self.spool.clone() else { return 0 };
        spool.drain(|events: &[RunEvent]| self.with(|ledger| ledger.add_events(events)))
    }

    /// Opens the ledger anew, whatever became of it before.
    pub(super) fn reopen(&mut self) -> Result<(), StoreError> {
        self.ledger = (self.opener)();
        self.trouble().map_or(Ok(()), Err)
    }

    fn try_again(&mut self) {
        if self.ledger.is_ok() || Instant::now() < self.retry_at {
            return;
        }
        match self.reopen() {
            // Earlier events first: a log must not have a gap.
            Ok(()) => drop(self.drain()),
            Err(_) => {
                self.retry_after = (self.retry_after * 2).min(RETRY_LONGEST);
                self.retry_at = Instant::now() + self.retry_after;
            }
        }
    }

    fn append(&mut self, entry: &Entry) -> Kept {
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
