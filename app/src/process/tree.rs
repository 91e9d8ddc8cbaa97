//! Who descends from whom, and ending all of them.
//!
//! Killing a process group misses whoever left it (`setsid`). A subreaper keeps every orphan below
//! itself, so a walk over parents finds them all. On systems without a process table in `/proc` the
//! walk finds nothing and only the group is killed.

use std::fs;
use std::io;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, waitpid};

use super::identity::{self, Stat};

/// A process that the kernel cannot end (waiting for a dead disk) must not hold us for ever.
const KILL_LIMIT: Duration = Duration::from_secs(5);

/// How long to wait before looking again whether killed processes are gone.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// Makes every orphan among our descendants our child, where the system can do that.
#[cfg(target_os = "linux")]
pub(super) fn become_subreaper() -> io::Result<()> {
    Ok(rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?)
}

/// Makes every orphan among our descendants our child, where the system can do that.
#[cfg(not(target_os = "linux"))]
pub(super) fn become_subreaper() -> io::Result<()> {
    Ok(())
}

/// Returns all living descendants of a process, zombies left out.
pub(super) fn descendants(root: i32) -> Vec<Stat> {
    let table = process_table();
    let mut found: Vec<Stat> = vec![];
    let mut parents = vec![root];
    while let Some(parent) = parents.pop() {
        for stat in table.iter().filter(|stat| stat.parent == parent) {
            parents.push(stat.pid);
            if stat.state != 'Z' {
                found.push(*stat);
            }
        }
    }
    found
}

fn process_table() -> Vec<Stat> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| identity::stat(entry.file_name().to_str()?.parse().ok()?)).collect()
}

/// Kills every descendant of this process and reaps what becomes our child; returns how many there were.
pub(super) fn kill_descendants() -> u32 {
    let own = identity::ProcessIdentity::own().pid;
    let begun = Instant::now();
    let mut killed: Vec<(i32, u64)> = vec![];
    loop {
        reap_orphans(None);
        let living = descendants(own);
        if living.is_empty() || begun.elapsed() > KILL_LIMIT {
            return u32::try_from(killed.len()).unwrap_or(u32::MAX);
        }
        for stat in living {
            if identity::stat(stat.pid).is_some_and(|now| now.started_ticks == stat.started_ticks) {
                send(stat.pid, Signal::KILL);
            }
            if !killed.contains(&(stat.pid, stat.started_ticks)) {
                killed.push((stat.pid, stat.started_ticks));
            }
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// Waits a little for descendants that are just about to end; returns whether all are gone.
pub(super) fn descendants_end_within(limit: Duration, except: Option<i32>) -> bool {
    if has_no_child_but(except) {
        return true;
    }
    let own = identity::ProcessIdentity::own().pid;
    let begun = Instant::now();
    loop {
        reap_orphans(except);
        if descendants(own).is_empty() {
            return true;
        }
        if begun.elapsed() >= limit {
            return false;
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// Tells whether this process has no child, or only the given one.
///
/// Whoever descends from a subreaper has a child of it above, so no child but an ended agent means no descendants.
fn has_no_child_but(except: Option<i32>) -> bool {
    children().is_some_and(|children| children.into_iter().all(|child| Some(child) == except))
}

/// Returns the pids of this process's children, ended ones included, without reading the whole process table;
/// `None` where the system does not list them. None can leave the list unread: only we reap.
fn children() -> Option<Vec<i32>> {
    let mut children = vec![];
    for thread in fs::read_dir("/proc/self/task").ok()? {
        let listed = fs::read_to_string(thread.ok()?.path().join("children")).ok()?;
        children.extend(listed.split_whitespace().filter_map(|child| child.parse::<i32>().ok()));
    }
    Some(children)
}

/// Collects the exit of every ended child except one, so that no zombies pile up.
///
/// The exception is the agent while somebody else waits for it.
pub(super) fn reap_orphans(except: Option<i32>) {
    let children = children().unwrap_or_else(|| {
        let own = identity::ProcessIdentity::own().pid;
        process_table().iter().filter(|stat| stat.parent == own).map(|stat| stat.pid).collect()
    });
    for child in children.into_iter().filter(|child| Some(*child) != except).filter_map(Pid::from_raw) {
        // Whoever it was, if it has ended there is nothing to do with its status.
        let _ = waitpid(Some(child), WaitOptions::NOHANG);
    }
}

/// Sends a signal to one process; one that is gone is no error.
pub(super) fn send(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        // The only failures are "it is gone" and "it is not ours any more"; both mean: nothing to do.
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// Sends a signal to a whole process group; one that is gone is no error.
pub(super) fn send_group(group: i32, signal: Signal) {
    if let Some(group) = Pid::from_raw(group) {
        let _ = rustix::process::kill_process_group(group, signal);
    }
}
