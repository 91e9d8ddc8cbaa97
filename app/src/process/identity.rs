//! Tells a process from a later one with the same pid.

use std::fs;

use serde::{Deserialize, Serialize};

/// A process: a pid alone is reused after a while, a pid together with its start time is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessIdentity {
    /// The process id.
    pub pid: i32,
    /// When it started, in clock ticks since boot. `None` if the system does not tell.
    pub started_ticks: Option<u64>,
    /// The boot of the machine. `None` if the system does not tell.
    pub boot_id: Option<String>,
    /// The machine. Older versions do not record it; they knew only one.
    #[serde(default)]
    pub host_id: Option<String>,
    /// The namespace that the pid belongs to: containers on one kernel have the same boot id and different pids. `None`
    /// if the system does not tell.
    #[serde(default)]
    pub pid_namespace: Option<String>,
}

/// Where this process runs, and what can be seen of other processes from there.
#[derive(Debug, Clone)]
pub enum Host {
    /// This machine.
    This,
    /// A simulated machine.
    #[cfg(test)]
    Played(PlayedHost),
}

impl Host {
    /// Returns the identity of the running program.
    pub fn own(&self) -> ProcessIdentity {
        match self {
            Host::This => ProcessIdentity::own(),
            #[cfg(test)]
            Host::Played(host) => host.own(),
        }
    }

    /// Returns whether a process is still alive, as far as that can be seen.
    pub fn liveness(&self, process: &ProcessIdentity) -> Liveness {
        match self {
            Host::This => process.liveness(),
            #[cfg(test)]
            Host::Played(host) => host.liveness(process),
        }
    }
}

/// A machine on which processes live until a test declares them dead.
#[cfg(test)]
#[derive(Debug, Clone, Default)]
pub struct PlayedHost {
    pid: i32,
    dead: std::sync::Arc<std::sync::Mutex<std::collections::BTreeSet<i32>>>,
}

#[cfg(test)]
impl PlayedHost {
    /// Returns the same machine as seen by another process on it.
    pub fn seen_by(&self, pid: i32) -> PlayedHost {
        PlayedHost { pid, dead: std::sync::Arc::clone(&self.dead) }
    }

    /// Makes a process appear dead to all observers, whatever it still does.
    pub fn bury(&self, pid: i32) {
        self.dead.lock().unwrap().insert(pid);
    }

    fn own(&self) -> ProcessIdentity {
        ProcessIdentity { pid: self.pid, ..ProcessIdentity::own() }
    }

    fn liveness(&self, process: &ProcessIdentity) -> Liveness {
        if self.dead.lock().unwrap().contains(&process.pid) { Liveness::Dead } else { Liveness::Alive }
    }
}

/// What is known about a process from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// It is alive.
    Alive,
    /// It is dead.
    Dead,
    /// It is on another machine, or in another container: its state is unknown here.
    Elsewhere,
    /// It was started before this machine was; or on a machine that calls itself the same, such as a copy of it.
    OfAnotherBoot,
}

impl ProcessIdentity {
    /// Returns the identity of the running program.
    pub fn own() -> ProcessIdentity {
        ProcessIdentity::of(i32::try_from(std::process::id()).unwrap_or(0))
    }

    /// Returns the identity that a pid has now.
    pub fn of(pid: i32) -> ProcessIdentity {
        ProcessIdentity {
            pid,
            started_ticks: stat(pid).map(|stat| stat.started_ticks),
            boot_id: boot_id(),
            host_id: host_id(),
            pid_namespace: pid_namespace(),
        }
    }

    /// Asks the process to end (SIGTERM).
    pub fn terminate(&self) -> std::io::Result<()> {
        self.signal(rustix::process::Signal::TERM)
    }

    /// Tells a driver that there is something new to look at (SIGUSR1).
    pub fn wake(&self) -> std::io::Result<()> {
        self.signal(rustix::process::Signal::USR1)
    }

    fn signal(&self, signal: rustix::process::Signal) -> std::io::Result<()> {
        let pid = rustix::process::Pid::from_raw(self.pid).ok_or(std::io::ErrorKind::InvalidInput)?;
        Ok(rustix::process::kill_process(pid, signal)?)
    }

    /// Returns whether this very process is still alive, as far as that can be seen from here.
    pub fn liveness(&self) -> Liveness {
        let is_other = |theirs: &Option<String>, ours: Option<String>| theirs.is_some() && *theirs != ours;
        if is_other(&self.host_id, host_id()) {
            return Liveness::Elsewhere;
        }
        if self.boot_id != boot_id() {
            return Liveness::OfAnotherBoot;
        }
        if is_other(&self.pid_namespace, pid_namespace()) {
            return Liveness::Elsewhere;
        }
        if self.is_alive() { Liveness::Alive } else { Liveness::Dead }
    }

    /// Returns whether this very process is still alive here (a zombie is not).
    pub fn is_alive(&self) -> bool {
        if self.pid <= 0 || self.boot_id != boot_id() {
            return false;
        }
        match (stat(self.pid), self.started_ticks) {
            (Some(stat), Some(started)) => stat.started_ticks == started && stat.state != 'Z',
            (Some(_), None) => true,
            // No entry on Linux means that it is gone; elsewhere there is no such table.
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

/// Returns the id of this machine: the one created by its installation, or its network name.
fn host_id() -> Option<String> {
    let read = |path: &str| fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
    let made = read("/etc/machine-id").filter(|id| !id.is_empty());
    made.or_else(|| rustix::system::uname().nodename().to_str().ok().map(str::to_owned))
}

/// Returns the namespace of this process's pids, as the kernel names it: `pid:[4026531836]`.
fn pid_namespace() -> Option<String> {
    let link = fs::read_link("/proc/self/ns/pid").ok()?;
    link.to_str().map(str::to_owned)
}

/// The contents of `/proc/PID/stat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) pid: i32,
    pub(super) parent: i32,
    pub(super) session: i32,
    pub(super) state: char,
    pub(super) started_ticks: u64,
}

/// Reads a process's entry in the process table; `None` if it is gone or the system has no such table.
pub(super) fn stat(pid: i32) -> Option<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Parses an entry. The program's name is in parentheses and may itself contain spaces and parentheses.
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

    /// Seen to fail with a constant in the place of each: nothing would ever be of another boot, or elsewhere.
    #[test]
    fn an_identity_says_what_the_kernel_says() {
        let own = ProcessIdentity::own();
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
        let namespace = fs::read_link("/proc/self/ns/pid").unwrap();
        assert_eq!(own.boot_id.as_deref(), Some(boot.trim_end()));
        assert_eq!(own.pid_namespace.as_deref(), namespace.to_str());
        assert_eq!(u32::try_from(own.pid).unwrap(), std::process::id());
        assert!(own.host_id.is_some_and(|host| host.len() > 1 && !host.ends_with('\n')));
    }

    /// Seen to fail with only pid, start time and boot compared: looking from outside ended a run in a container.
    #[test]
    fn of_a_process_elsewhere_nothing_is_said() {
        let own = ProcessIdentity::own();
        assert_eq!(own.liveness(), Liveness::Alive);
        let other = |text: &str| Some(text.to_owned());
        let dead = ProcessIdentity { started_ticks: Some(1), ..own };
        assert_eq!(dead.liveness(), Liveness::Dead);
        assert_eq!(ProcessIdentity { host_id: other("x"), ..dead.clone() }.liveness(), Liveness::Elsewhere);
        let in_container = ProcessIdentity { pid_namespace: other("pid:[1]"), ..dead.clone() };
        assert_eq!(in_container.liveness(), Liveness::Elsewhere);
        let before_boot = ProcessIdentity { boot_id: other("another boot"), ..in_container };
        assert_eq!(before_boot.liveness(), Liveness::OfAnotherBoot);
        let of_before = ProcessIdentity { host_id: None, pid_namespace: None, ..dead };
        assert_eq!(of_before.liveness(), Liveness::Dead, "older versions knew one machine");
    }
}
