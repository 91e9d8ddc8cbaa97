//! Which children this module has started and not reaped yet. Every other child of ours is an orphan of some other
//! process.

use std::collections::BTreeMap;
use std::io;
use std::process::{Child, ExitStatus};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::identity::{self, Stat};

/// How long to wait before checking again whether a child has ended.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// By pid: the start time, if we will not be told that the child was reaped.
static OWNED: Mutex<BTreeMap<i32, Option<u64>>> = Mutex::new(BTreeMap::new());

/// The list, which does not change while this is held.
pub(super) struct List(MutexGuard<'static, BTreeMap<i32, Option<u64>>>);

/// Locks the list.
pub(super) fn list() -> List {
    // Each change is a single call, so a panic elsewhere has left it intact.
    List(OWNED.lock().unwrap_or_else(PoisonError::into_inner))
}

impl List {
    /// Returns whether a child is one of ours.
    pub(super) fn has(&self, child: &Stat) -> bool {
        self.0.get(&child.pid).is_some_and(|left| left.is_none_or(|started| started == child.started_ticks))
    }
}

/// A child of ours, until it is reaped.
#[derive(Debug)]
pub(super) struct Owned {
    pid: i32,
}

/// Starts a child and registers it before anybody can look.
///
/// This waits until the program has been started; if it is on a dead disk, only the kernel can end the wait.
pub(super) fn spawn<C>(
    start: impl FnOnce() -> io::Result<C>,
    pid: impl FnOnce(&C) -> Option<u32>,
) -> io::Result<(C, Owned)> {
    let mut list = list();
    let child = start()?;
    let pid = pid(&child).and_then(|pid| i32::try_from(pid).ok()).expect("a child that just began has a pid");
    list.0.insert(pid, None);
    Ok((child, Owned { pid }))
}

impl Owned {
    /// Returns its pid.
    pub(super) fn pid(&self) -> i32 {
        self.pid
    }

    /// Removes the child because its exit status was collected: the pid may mean another process from now on.
    pub(super) fn collected(self) {
        list().0.remove(&self.pid);
        std::mem::forget(self);
    }
}

/// Waits for a child that should end by itself, and kills it if it does not end in time.
pub(super) fn end_within(child: &mut Child, owned: Owned, limit: Duration) -> io::Result<ExitStatus> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            owned.collected();
            return Ok(status);
        }
        if begun.elapsed() >= limit {
            // The system reaps it after our own end.
            child.kill()?;
            return Err(io::ErrorKind::TimedOut.into());
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

impl Drop for Owned {
    /// Keeps the entry, since nobody waited for the child. The start time is added because the pid may be reused some
    /// day.
    fn drop(&mut self) {
        let started = identity::stat(self.pid).map(|stat| stat.started_ticks);
        list().0.insert(self.pid, Some(started.unwrap_or_default()));
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use rustix::process::Signal;

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "this is the room that spawns")]
    fn sleeping() -> (Child, Owned) {
        // Without our output: its reader would wait for the child if a test fails.
        let start = || Command::new("sleep").arg("600").stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        spawn(start, |child| Some(child.id())).unwrap()
    }

    #[test]
    fn a_child_that_does_not_end_in_time_is_killed() {
        use std::os::unix::process::ExitStatusExt as _;
        let (mut child, owned) = sleeping();
        let error = end_within(&mut child, owned, Duration::ZERO).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(child.wait().unwrap().signal(), Some(Signal::KILL.as_raw()));
    }

    /// Seen to fail with the entry kept: a driver that lives for long would collect them.
    #[test]
    fn of_a_child_whose_end_was_seen_nothing_is_kept() {
        let (mut child, owned) = sleeping();
        let pid = owned.pid();
        child.kill().unwrap();
        child.wait().unwrap();
        owned.collected();
        assert!(!list().0.contains_key(&pid));
    }

    /// Seen to fail with the entry removed, and with the start time not compared.
    #[test]
    fn a_child_that_nobody_waits_for_is_still_ours_and_a_later_one_with_its_pid_is_not() {
        let (mut child, owned) = sleeping();
        let stat = identity::stat(owned.pid()).unwrap();
        assert!(list().has(&stat));
        drop(owned);
        assert!(list().has(&stat));
        assert!(!list().has(&Stat { started_ticks: stat.started_ticks + 1, ..stat }));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
