//! The descendants of a process, and signals to them.
//!
//! Killing a process group misses processes that left it (`setsid`). A subreaper keeps every orphan below itself, so
//! walking the parent links finds them all. On systems without a process table in `/proc` the walk finds nothing and
//! only the group is killed.

use std::fs;
use std::io;

use rustix::process::{Pid, Signal, WaitOptions, waitpid};

use super::identity::{self, Stat};

/// Makes every orphan among our descendants our child, if the system can do that.
#[cfg(target_os = "linux")]
pub(super) fn become_subreaper() -> io::Result<()> {
    Ok(rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?)
}

/// Makes every orphan among our descendants our child, if the system can do that.
#[cfg(not(target_os = "linux"))]
pub(super) fn become_subreaper() -> io::Result<()> {
    Ok(())
}

/// Returns all living descendants of these processes, parents before their children, without zombies.
pub(super) fn descendants(roots: &[i32]) -> Vec<Stat> {
    let table = process_table();
    let mut found: Vec<Stat> = vec![];
    let mut parents = roots.to_vec();
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

/// Returns all processes that can be seen; none if the system has no process table.
pub(super) fn process_table() -> Vec<Stat> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| identity::stat(entry.file_name().to_str()?.parse().ok()?)).collect()
}

/// Returns the pids of this process's children, including ended ones; empty if the system has no process table.
///
/// The kernel's own list of children is read, not the whole table. It misses one child at most while another is reaped.
pub(super) fn children() -> Vec<i32> {
    listed_children().unwrap_or_else(|| {
        let own = identity::ProcessIdentity::own().pid;
        process_table().iter().filter(|stat| stat.parent == own).map(|stat| stat.pid).collect()
    })
}

/// Reads the kernel's lists. An orphan becomes the child of any one of our threads, so the lists of all threads are
/// read.
fn listed_children() -> Option<Vec<i32>> {
    let mut children = vec![];
    for thread in fs::read_dir("/proc/self/task").ok()? {
        let listed = fs::read_to_string(thread.ok()?.path().join("children")).ok()?;
        children.extend(listed.split_whitespace().filter_map(|child| child.parse::<i32>().ok()));
    }
    Some(children)
}

/// Reaps a child if it has ended.
pub(super) fn reap(child: i32) {
    if let Some(child) = Pid::from_raw(child) {
        // The status of an ended child is not needed, whichever child it was.
        let _ = waitpid(Some(child), WaitOptions::NOHANG);
    }
}

/// Reaps every ended child except one, so that zombies do not pile up.
///
/// The exception is the agent, which is waited for elsewhere.
pub(super) fn reap_orphans(except: i32) {
    children().into_iter().filter(|child| *child != except).for_each(reap);
}

/// Sends a signal to one process; a process that is gone is no error.
///
/// We must be the one to reap the pid, or else it may mean another process by now: see [`kill_if_same`].
pub(super) fn send(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        // The only failures are "it is gone" and "it is not ours any more"; in both cases there is nothing to do.
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// Kills a process that another process may reap at any moment, if its pid still means it.
#[cfg(target_os = "linux")]
pub(super) fn kill_if_same(process: &Stat) {
    use rustix::process::{PidfdFlags, pidfd_open, pidfd_send_signal};
    let Some(pid) = Pid::from_raw(process.pid) else { return };
    // What is checked after opening is what was opened: it cannot become another process any more.
    let Ok(opened) = pidfd_open(pid, PidfdFlags::empty()) else { return };
    if identity::stat(process.pid).is_some_and(|now| now.started_ticks == process.started_ticks) {
        // It may have ended meanwhile, or belong to another user by now.
        let _ = pidfd_send_signal(opened, Signal::KILL);
    }
}

/// Kills a process that another process may reap at any moment. Without a process table none is ever found.
#[cfg(not(target_os = "linux"))]
pub(super) fn kill_if_same(process: &Stat) {
    send(process.pid, Signal::KILL);
}

/// Sends a signal to a whole process group; a group that is gone is no error.
pub(super) fn send_group(group: i32, signal: Signal) {
    if let Some(group) = Pid::from_raw(group) {
        let _ = rustix::process::kill_process_group(group, signal);
    }
}
