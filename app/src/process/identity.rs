//! Telling one process from a later one with the same pid.

use std::fs;

use serde::{Deserialize, Serialize};

/// A process: a pid alone is used again after a while, a pid with its start time is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessIdentity {
    /// The process id.
    pub pid: i32,
    /// When it started, in clock ticks since boot. `None` where the system does not tell.
    pub started_ticks: Option<u64>,
    /// Which boot of the machine. `None` where the system does not tell.
    pub boot_id: Option<String>,
}

impl ProcessIdentity {
    /// Returns the identity of the running program.
    pub fn own() -> ProcessIdentity {
        ProcessIdentity::of(i32::try_from(std::process::id()).unwrap_or(0))
    }

    /// Returns the identity that a pid has now.
    pub fn of(pid: i32) -> ProcessIdentity {
        ProcessIdentity { pid, started_ticks: stat(pid).map(|stat| stat.started_ticks), boot_id: boot_id() }
    }

    /// Asks the process to end (SIGTERM).
    pub fn terminate(&self) -> std::io::Result<()> {
        let pid = rustix::process::Pid::from_raw(self.pid).ok_or(std::io::ErrorKind::InvalidInput)?;
        Ok(rustix::process::kill_process(pid, rustix::process::Signal::TERM)?)
    }

    /// Tells whether this very process is still alive (a zombie is not).
    pub fn is_alive(&self) -> bool {
        if self.pid <= 0 || self.boot_id != boot_id() {
            return false;
        }
        match (stat(self.pid), self.started_ticks) {
            (Some(stat), Some(started)) => stat.started_ticks == started && stat.state != 'Z',
            (Some(_), None) => true,
            (None, _) if cfg!(target_os = "linux") => false,
            (None, _) => exists(self.pid),
        }
    }
}

fn exists(pid: i32) -> bool {
    rustix::process::Pid::from_raw(pid).is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok())
}

fn boot_id() -> Option<String> {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").ok().map(|text| text.trim().to_owned())
}

/// What `/proc/PID/stat` says of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) pid: i32,
    pub(super) parent: i32,
    pub(super) session: i32,
    pub(super) state: char,
    pub(super) started_ticks: u64,
}

/// Reads a process's line in the process table; `None` when it is gone or the system has no such table.
pub(super) fn stat(pid: i32) -> Option<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The program's name stands in parentheses and may itself contain spaces and parentheses.
fn parse_stat(text: &str) -> Option<Stat> {
    let pid = text.split_whitespace().next()?.parse().ok()?;
    let mut rest = text[text.rfind(')')? + 1..].split_whitespace();
    let state = rest.next()?.chars().next()?;
    let parent = rest.next()?.parse().ok()?;
    // proc(5): the state is field 3, the parent 4, the session 6, the start time 22.
    let session = rest.nth(1)?.parse().ok()?;
    let started_ticks = rest.nth(15)?.parse().ok()?;
    Some(Stat { pid, parent, session, state, started_ticks })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_name_with_spaces_and_parentheses_does_not_shift_the_fields() {
        let text = "77 (a) b (c)) S 12 76 75 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 98765 1 2 3";
        let stat = Stat { pid: 77, parent: 12, session: 75, state: 'S', started_ticks: 98765 };
        assert_eq!(parse_stat(text), Some(stat));
    }

    #[test]
    fn a_pid_that_was_given_to_another_process_is_not_the_same_one() {
        let own = ProcessIdentity::own();
        assert!(own.is_alive());
        assert!(!ProcessIdentity { started_ticks: Some(1), ..own.clone() }.is_alive());
        assert!(!ProcessIdentity { boot_id: Some("another boot".into()), ..own }.is_alive());
    }
}
