//! Ends the processes of an attempt for which nobody is left to do it: the driver was killed, and the shim was killed as
//! well or is stopped.
//!
//! They are found by what the shim recorded and by the mark that every process of a run has in its environment. These
//! are not our children, so the kernel gives no proof of their end: the search goes on until it finds nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::identity::{self, Liveness, ProcessIdentity, Stat};
use super::lifeline::{TREE_RECORD, TreeRecord};
use super::tree;
use crate::regular_file;

/// A killed process is gone in microseconds; somebody waits for us.
const LIMIT: Duration = Duration::from_secs(2);

/// So many looks in a row find nothing before it is believed: a process may begin between two entries of the table.
const EMPTY_LOOKS: u32 = 2;

const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// The largest record that is read: two identities have a few hundred bytes.
const RECORD_BYTES_MAX: u64 = 16 << 10;

/// Kills what is left of the attempts that kept their records in these directories, and whatever has this assignment in
/// its environment. Blocks.
///
/// Does nothing if we are one of them: an agent that calls us must not end itself in the middle of it.
pub(super) fn end(attempt_dirs: &[PathBuf], mark: &str) {
    let recorded: Vec<ProcessIdentity> =
        attempt_dirs.iter().filter_map(|dir| record(dir)).flatten().collect();
    let own = ProcessIdentity::own().pid;
    let begun = Instant::now();
    let mut empty_count = 0;
    while empty_count < EMPTY_LOOKS && begun.elapsed() < LIMIT {
        let table = tree::process_table();
        let living = living(&recorded, mark, &table);
        if living.iter().any(|stat| stat.pid == own) {
            return;
        }
        let is_over = living.is_empty() && !table.iter().any(is_beginning);
        empty_count = if is_over { empty_count + 1 } else { 0 };
        living.iter().for_each(tree::kill_if_same);
        std::thread::sleep(LOOK_AGAIN);
    }
}

fn record(attempt_dir: &Path) -> Option<[ProcessIdentity; 2]> {
    let bytes = regular_file::read(&attempt_dir.join(TREE_RECORD), RECORD_BYTES_MAX).ok()?;
    let TreeRecord { shim, agent } = serde_json::from_slice(&bytes).ok()?;
    Some([shim, agent])
}

/// Returns the recorded processes that live, all their descendants, and all that have the mark.
fn living(recorded: &[ProcessIdentity], mark: &str, table: &[Stat]) -> Vec<Stat> {
    let roots: Vec<i32> = recorded
        .iter()
        .filter(|process| process.liveness() == Liveness::Alive)
        .map(|process| process.pid)
        .collect();
    let recorded = roots.iter().filter_map(|pid| identity::stat(*pid));
    let marked = table.iter().filter(|stat| stat.state != 'Z' && has_mark(stat.pid, mark)).cloned();
    let mut found: Vec<Stat> = recorded.chain(tree::descendants(&roots)).chain(marked).collect();
    found.sort_unstable_by_key(|stat| stat.pid);
    found.dedup_by_key(|stat| stat.pid);
    found
}

/// Returns whether a process is just replacing its program: until the new one begins, which takes long on a busy machine,
/// neither words nor environment are to be seen, and so no mark. A thread of the kernel never has any.
fn is_beginning(stat: &Stat) -> bool {
    const KERNEL: i32 = 2;
    let is_kernels = stat.pid == KERNEL || stat.parent == KERNEL;
    let is_empty =
        |file: &str| fs::read(format!("/proc/{}/{file}", stat.pid)).is_ok_and(|bytes| bytes.is_empty());
    stat.state != 'Z' && !is_kernels && is_empty("environ") && is_empty("cmdline")
}

/// Returns whether a process was started with this assignment in its environment. Of other users' processes that cannot
/// be seen, and none of them is ours to end.
fn has_mark(pid: i32, mark: &str) -> bool {
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environment.split(|byte| *byte == 0).any(|entry| entry == mark.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::super::owned;
    use super::*;

    /// What has no mark is somebody else's, and would be killed. Seen to fail with the comparison turned round.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "this is the room that spawns")]
    fn a_process_has_a_mark_if_it_is_the_whole_of_an_entry_of_its_environment() {
        let mut sleep = Command::new("/bin/sleep");
        sleep.arg("600").env_clear().env("OTHER", "1").env("MARK", "run-1");
        sleep.stdout(Stdio::null()).stderr(Stdio::null());
        let (mut child, owned) = owned::spawn(|| sleep.spawn(), |child| Some(child.id())).unwrap();
        let pid = owned.pid();
        // For a moment a program that has just begun has no environment yet.
        while fs::read(format!("/proc/{pid}/environ")).unwrap().is_empty() {
            std::thread::yield_now();
        }
        let found = ["MARK=run-1", "OTHER=1", "MARK=run-12", "MARK=run-", "ARK=run-1", "MARK=run-2"]
            .map(|mark| has_mark(pid, mark));
        child.kill().unwrap();
        child.wait().unwrap();
        owned.collected();
        assert_eq!(found, [true, true, false, false, false, false]);
        assert!(!has_mark(pid, "MARK=run-1"), "it is gone");
    }

    /// Else every search would last as long as it may. Seen to fail with the environment looked at alone.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "this is the room that spawns")]
    fn a_program_that_was_given_no_environment_is_not_for_ever_beginning() {
        let mut sleep = Command::new("/bin/sleep");
        sleep.arg("600").env_clear().stdout(Stdio::null()).stderr(Stdio::null());
        let (mut child, owned) = owned::spawn(|| sleep.spawn(), |child| Some(child.id())).unwrap();
        let pid = owned.pid();
        while fs::read(format!("/proc/{pid}/cmdline")).unwrap().first() != Some(&b'/') {
            std::thread::yield_now();
        }
        while is_beginning(&identity::stat(pid).unwrap()) {
            std::thread::yield_now();
        }
        assert!(fs::read(format!("/proc/{pid}/environ")).unwrap().is_empty());
        child.kill().unwrap();
        child.wait().unwrap();
        owned.collected();
    }
}
