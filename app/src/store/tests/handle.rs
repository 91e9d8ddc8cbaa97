//! The handle on a ledger that fails on demand, on a clock that runs as fast as the test.

use std::time::Duration;

use pointsman_core::run::outcome::Verdict;

use super::super::handle::{Kept, LedgerHandle, Opener};
use super::super::ledger::Ledger;
use super::super::spool::{Durability, Spool};
use super::contract::{entry, short_run};
use super::memory::Memory;

struct Failing {
    memory: Memory,
    handle: LedgerHandle,
    spool: Spool,
    _dir: tempfile::TempDir,
}

impl Failing {
    fn new() -> Failing {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::new(vec![dir.path().join("spool")], Durability::Process);
        let memory = Memory::default();
        let opened = memory.clone();
        let opener: Opener = Box::new(move || Ok(Box::new(opened.clone()) as Box<dyn Ledger>));
        let handle = LedgerHandle::played(dir.path(), opener, Some(spool.clone()));
        Failing { memory, handle, spool, _dir: dir }
    }

    fn fail(&self, times: u32) {
        self.memory.0.lock().unwrap().failures = times;
    }

    fn spooled_count(&self) -> usize {
        self.spool.peek::<serde_json::Value>().len()
    }

    async fn answers(&self) -> bool {
        self.handle.ask(|ledger| ledger.drivers()).await.is_ok()
    }
}

/// Seen to fail without the retry: the ledger stayed broken until the process ended.
#[tokio::test(start_paused = true)]
async fn p22_a_ledger_that_works_again_is_used_again_and_has_what_was_spooled_meanwhile() {
    let it = Failing::new();
    let log = short_run("run-1", "s", Verdict::Refused);
    it.fail(1);
    assert!(matches!(it.handle.append(entry(&log, 0, 1).into()).await, Kept::Spool(_)));
    assert!(
        matches!(it.handle.append(entry(&log, 1, 2).into()).await, Kept::Spool(_)),
        "not asked again at once"
    );
    assert_eq!(it.spooled_count(), 2);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let kept = it.handle.append(entry(&log, 2, 3).into()).await;
    assert!(matches!(kept, Kept::Ledger), "{kept:?}");
    assert_eq!(it.spooled_count(), 0, "imported without being asked");
    let run = "run-1".parse().unwrap();
    assert_eq!(it.handle.ask(move |ledger| ledger.events(&run)).await.unwrap(), log);
}

#[tokio::test(start_paused = true)]
async fn a_ledger_that_stays_broken_is_tried_more_and_more_rarely_but_always_again() {
    let it = Failing::new();
    let mut tries = 0;
    for _ in 0..600 {
        it.fail(1);
        it.answers().await;
        tries += u32::from(it.memory.0.lock().unwrap().failures == 0);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!((10..=600).contains(&tries), "{tries}: it is asked, and its failure is seen");
    it.fail(0);
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert!(it.answers().await);
}

/// A failure of one question is no reason to do without the ledger.
#[tokio::test(start_paused = true)]
async fn a_place_that_is_taken_is_no_trouble_of_the_ledger() {
    let it = Failing::new();
    let log = short_run("run-1", "s", Verdict::Refused);
    assert!(matches!(it.handle.append(entry(&log, 0, 2).into()).await, Kept::Ledger));
    assert!(matches!(it.handle.append(entry(&log, 0, 2).into()).await, Kept::Void(_)));
    assert!(matches!(it.handle.append(entry(&log, 2, 3).into()).await, Kept::Ledger));
    assert_eq!(it.spooled_count(), 0, "a void event must not come back");
}

/// Seen to fail with the keeper left on the caller's thread: the answer was waited for by the thread that had to give
/// it.
#[tokio::test]
async fn a_question_that_takes_long_holds_nobody_once_the_keeper_is_on_its_thread() {
    let dir = tempfile::tempdir().unwrap();
    let opener: Opener = Box::new(|| Ok(Box::new(Memory::default()) as Box<dyn Ledger>));
    let handle = LedgerHandle::new(dir.path(), opener, None);
    assert!(handle.ask(|ledger| ledger.drivers()).await.is_ok(), "here");
    handle.to_thread();
    handle.to_thread();
    let (release, released) = std::sync::mpsc::channel();
    let slow = handle.have(move |_| released.recv_timeout(Duration::from_secs(60)).is_ok());
    let hears = async {
        tokio::task::yield_now().await;
        release.send(()).unwrap();
    };
    let (was_released, ()) = tokio::join!(slow, hears);
    assert!(was_released.unwrap());
    assert!(handle.clone().ask(|ledger| ledger.drivers()).await.is_ok(), "there");
}
