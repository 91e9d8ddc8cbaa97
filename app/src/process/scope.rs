//! Whether we run inside a systemd service, and how to start a process outside of it.
//!
//! Restarting a service ends all processes of its control group, whatever session they are in. A scope is a control
//! group of its own; `systemd-run --scope` creates one, enters it, and becomes the command.

use std::fs;

/// A command that becomes the command that follows it, outside of our service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) program: &'static str,
    pub(super) args: &'static [&'static str],
}

/// Asks the user's service manager.
const BY_USER: Way =
    Way { program: "systemd-run", args: &["--user", "--scope", "--quiet", "--collect", "--no-ask-password"] };

/// Asks the system's service manager; it answers only root without prompting the user.
const BY_SYSTEM: Way =
    Way { program: "systemd-run", args: &["--scope", "--quiet", "--collect", "--no-ask-password"] };

/// Returns the ways out of the service that we run in, best first; empty if we run in none.
pub(super) fn ways_out() -> &'static [Way] {
    // Other systems have no such file.
    let cgroups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let user = if rustix::process::geteuid().is_root() { User::Root } else { User::Other };
    ways_out_of(&cgroups, user)
}

/// The user of a process, as far as service managers care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum User {
    Root,
    Other,
}

/// Returns the same for any process, given the contents of its `/proc/PID/cgroup`.
fn ways_out_of(cgroups: &str, user: User) -> &'static [Way] {
    let Some(path) = systemd_path(cgroups) else { return &[] };
    let units = || path.split('/').filter(|part| is_unit(part));
    match units().next_back() {
        Some(unit) if unit.ends_with(".service") && !is_user_manager(unit) => {
            match (units().any(is_user_manager), user) {
                // A service of a user's manager: only that manager can help.
                (true, _) | (false, User::Other) => &[BY_USER],
                // Root may have a manager of its own if the system's does not answer.
                (false, User::Root) => &[BY_SYSTEM, BY_USER],
            }
        }
        _ => &[],
    }
}

/// Returns the path in the tree that systemd maintains: the only one in cgroup v2, a named one in v1.
fn systemd_path(cgroups: &str) -> Option<&str> {
    let path_of =
        |prefix: &str| cgroups.lines().find_map(|line| line.split_once(prefix).map(|found| found.1));
    path_of(":name=systemd:").or_else(|| cgroups.lines().find_map(|line| line.strip_prefix("0::")))
}

fn is_unit(part: &str) -> bool {
    part.ends_with(".service") || part.ends_with(".scope")
}

fn is_user_manager(unit: &str) -> bool {
    unit.starts_with("user@") && unit.ends_with(".service")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seen to fail with the user's manager taken for a service, and with the outermost unit considered.
    #[test]
    fn only_whoever_runs_in_a_service_is_started_outside_of_it() {
        let users = "/user.slice/user-1000.slice/user@1000.service";
        let none: &[Way] = &[];
        let rows = [
            ("0::/system.slice/agents.service".to_owned(), User::Root, &[BY_SYSTEM, BY_USER][..]),
            ("0::/system.slice/agents.service".to_owned(), User::Other, &[BY_USER]),
            (
                "0::/system.slice/system-agents.slice/agents@7.service/payload".to_owned(),
                User::Other,
                &[BY_USER],
            ),
            (format!("0::{users}/app.slice/agents.service"), User::Other, &[BY_USER]),
            (format!("0::{users}/app.slice/agents.service"), User::Root, &[BY_USER]),
            (
                "12:pids:/a.service\n1:name=systemd:/system.slice/cron.service\n0::/".to_owned(),
                User::Other,
                &[BY_USER],
            ),
            // A terminal, a login, a container, another system.
            (format!("0::{users}/app.slice/vte-spawn-1.scope"), User::Other, none),
            (format!("0::{users}/init.scope"), User::Other, none),
            (format!("0::{users}"), User::Other, none),
            ("0::/user.slice/user-1000.slice/session-3.scope".to_owned(), User::Other, none),
            ("0::/system.slice/agents.service/run-1.scope".to_owned(), User::Other, none),
            ("12:pids:/a.service\n1:name=systemd:/\n0::/".to_owned(), User::Root, none),
            ("0::/".to_owned(), User::Root, none),
            (String::new(), User::Root, none),
        ];
        for (cgroups, user, ways) in rows {
            assert_eq!(ways_out_of(&cgroups, user), ways, "{cgroups}, {user:?}");
        }
    }
}
