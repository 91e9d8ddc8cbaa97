//! The one way to the ledger: a handle that is cloned freely and awaited, with a keeper behind it that has the ledger for
//! itself.
//!
//! The keeper works where it is asked until something is asked while an agent is heard ([`LedgerHandle::to_thread`]), and on a
//! thread of its own from then on: a slow ledger must not stop a driver from hearing its agent, and two wake-ups for each
//! question are not worth it before.
//!
//! A ledger that fails is not the end of a run: what must not be lost goes to the spool, and the keeper tries the ledger
//! again by itself, at first soon and then more rarely. Once it works, what the spool holds is imported before anything
//! is added.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, mpsc};
use std::time::Duration;

use pointsman_core::run::event::RunEvent;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use super::error::StoreError;
use super::ledger::{Ledger, LedgerEntry};
use super::spool::Spool;

/// A disk that is gone lets a thread wait for ever; the caller does not wait with it. Longer than a writer waits for another.
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
    keeper: Arc<Whereabouts>,
    /// Whether the keeper stays here, and others go on before and after it works, as they would beside a thread: in a test
    /// whose clock is not real nothing may wait for a thread.
    #[cfg(test)]
    is_played: bool,
}

/// Where the keeper is.
struct Whereabouts {
    /// On the thread of the caller, until it moves.
    inline: Mutex<Option<Keeper>>,
    /// On its thread.
    thread: OnceLock<mpsc::Sender<Job>>,
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
    /// Makes a keeper. It opens the ledger when it is asked for the first time.
    pub(super) fn new(path: &Path, opener: Opener, spool: Option<Spool>) -> LedgerHandle {
        let keeper = Keeper::new(opener, spool.clone());
        LedgerHandle {
            path: path.to_owned(),
            spool,
            keeper: Arc::new(Whereabouts { inline: Mutex::new(Some(keeper)), thread: OnceLock::new() }),
            #[cfg(test)]
            is_played: false,
        }
    }

    /// Makes a keeper that stays where it is asked.
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
        // Before the lock is given back: a caller that finds no keeper there finds the thread.
        let _ = self.keeper.thread.set(jobs);
    }

    /// Has the keeper do something with the ledger.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut dyn Ledger) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.have(|keeper| keeper.with(question)).await?
    }

    /// Keeps an entry in the ledger, or in the spool in its place.
    pub(super) async fn append(&self, entry: Arc<LedgerEntry>) -> Kept {
        let asked = Arc::clone(&entry);
        match self.have(move |keeper| keeper.append(&asked)).await {
            Ok(kept) => kept,
            Err(error) => self.append_beside(entry, error).await,
        }
    }

    /// Keeps entries in the spool, from where the ledger imports them.
    pub(super) async fn spool(&self, log: Vec<Arc<LedgerEntry>>) {
        // What cannot be kept there either was said when it happened.
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

    /// Has the keeper do something. An error is that of a keeper that does not answer.
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

    /// Has the keeper do something here, or gives the job back where it has moved.
    fn do_inline<T, J: FnOnce(&mut Keeper) -> T>(&self, job: J) -> Result<T, J> {
        let mut inline = self.keeper.inline.lock().unwrap_or_else(PoisonError::into_inner);
        match inline.as_mut() {
            Some(keeper) => Ok(job(keeper)),
            None => Err(job),
        }
    }
}

/// The one owner of the ledger.
pub(super) struct Keeper {
    opener: Opener,
    /// Nothing until it is asked for the first time.
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

    /// Does something with the ledger, if there is one that works.
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
            // The one that stands there now may be well.
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

    /// Takes over what the spool holds; returns how many events were new.
    pub(super) fn drain(&mut self) -> usize {
        let Some(spool) = self.spool.clone() else { return 0 };
        spool.drain(|events: &[RunEvent]| self.with(|ledger| ledger.add_events(events)))
    }

    /// Opens the ledger anew, whatever became of it before.
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
            // Earlier events first: a log must not have a gap.
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
