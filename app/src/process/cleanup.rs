//! Killing processes until there is proof that none is left.
//!
//! In the shim, whose children all belong to one agent, the proof is the kernel's: no child to wait for (`ECHILD`).
//! Every descendant of a subreaper descends from one of its children, so no child means no descendant.
//!
//! In the supervisor, which has other children too, only the orphans of a lost shim are killed, see [`LostShim`].

use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Signal, WaitOptions, WaitStatus, wait};

use super::identity::{self, Stat};
use super::{owned, tree};

/// A killed process is gone in microseconds. After this long, either the kernel itself cannot end it (it waits for a
/// dead disk), or we may not kill it (it belongs to another user by now): then this must be reported, and waiting
/// longer is pointless.
pub(super) const CLEAN_UP_LIMIT: Duration = Duration::from_secs(10);

/// How long to wait before checking again whether killed processes are gone.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// The same for processes that did not end in time: nobody waits for them any more.
const LOOK_AGAIN_CALMLY: Duration = Duration::from_secs(1);

/// How many ended children are reaped before the living are killed again, because orphans may end faster than they are
/// reaped.
const COLLECTED_AT_ONCE: u32 = 4096;

/// Reaps all children of a shim.
#[derive(Debug)]
pub(super) struct Reaper {
    agent: i32,
    /// How the agent ended, once it was reaped.
    pub(super) agent_status: Option<WaitStatus>,
    /// How many other processes were killed.
    pub(super) killed_count: u32,
}

impl Reaper {
    pub(super) fn new(agent: i32) -> Reaper {
        Reaper { agent, agent_status: None, killed_count: 0 }
    }

    /// Waits briefly for processes other than the agent that are just about to end; returns whether all are gone.
    pub(super) fn others_end_within(&self, limit: Duration) -> bool {
        let begun = Instant::now();
        // No child except the ended agent, whose status is reaped last, means no other descendant.
        while tree::children().iter().any(|child| *child != self.agent) {
            if begun.elapsed() >= limit {
                return false;
            }
            std::thread::sleep(LOOK_AGAIN);
            tree::reap_orphans(self.agent);
        }
        true
    }

    /// Kills and reaps until no child is left; returns false if that takes longer than the limit.
    pub(super) fn end_all(&mut self) -> bool {
        let begun = Instant::now();
        while !self.collect() {
            if begun.elapsed() >= CLEAN_UP_LIMIT {
                return false;
            }
            kill_all();
            std::thread::sleep(LOOK_AGAIN);
        }
        true
    }

    /// The same without a limit, for a process that has nothing else to do and that nobody waits for.
    pub(super) fn end_all_without_limit(&mut self) {
        while !self.collect() {
            kill_all();
            std::thread::sleep(LOOK_AGAIN_CALMLY);
        }
    }

    /// Reaps ended children; returns whether none is left, alive or ended.
    fn collect(&mut self) -> bool {
        for _ in 0..COLLECTED_AT_ONCE {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) => self.note(pid.as_raw_pid(), status),
                Ok(None) => return false,
                Err(Errno::CHILD) => return true,
                // A call that does not wait cannot be interrupted; any other error is no proof.
                Err(_) => return false,
            }
        }
        false
    }

    fn note(&mut self, pid: i32, status: WaitStatus) {
        if pid == self.agent {
            self.agent_status = Some(status);
        } else if status.terminating_signal() == Some(Signal::KILL.as_raw()) {
            self.killed_count += 1;
        }
    }
}

/// Kills every child of this process, and all their descendants.
///
/// The children come first and at once: a child that forks and exits without pause has ended by the time that the whole
/// process table is read, while a kill within microseconds of listing the children hits it. A fork that has not
/// returned when its parent is killed does not happen.
fn kill_all() {
    for child in tree::children() {
        // Nobody but us reaps it, so the pid still means it.
        tree::send(child, Signal::KILL);
    }
    // Without this, a deep tree would be killed one generation at a time.
    tree::descendants(&[identity::ProcessIdentity::own().pid]).iter().for_each(tree::kill_if_same);
}

/// Returns how many descendants of this process are alive.
pub(super) fn living_count() -> u32 {
    count(tree::descendants(&[identity::ProcessIdentity::own().pid]).len())
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// A shim that died before it could end its tree, which is below us now.
///
/// A child of ours is an orphan of that shim unless one of these shows that it cannot be:
/// - this module started it and has not reaped it yet (another shim, a probe, a driver in the background);
/// - it started before the shim did (children that we had when we were started by `exec`);
/// - it is in our own session: the shim led a session of its own, and no process comes back from one.
///
/// What remains is a daemon with a session of its own that a process other than us orphaned onto us meanwhile.
#[derive(Debug, Clone, Copy)]
pub(super) struct LostShim {
    /// When it started; `None` if the system does not tell, which then has no process table either.
    pub(super) started_ticks: Option<u64>,
}

/// What became of the orphans of a shim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ended {
    /// How many were killed.
    pub(super) killed_count: u32,
    /// How many of them could not be ended.
    pub(super) living_count: u32,
}

impl LostShim {
    /// Kills the orphans and their descendants until none is left, for [`CLEAN_UP_LIMIT`] at most. Blocks.
    pub(super) fn end_orphans(self) -> Ended {
        let begun = Instant::now();
        let mut killed: Vec<(i32, u64)> = vec![];
        let mut empty_looks = 0;
        loop {
            let orphans = self.orphans();
            let living = kill_or_collect(&orphans);
            for stat in &living {
                if !killed.contains(&(stat.pid, stat.started_ticks)) {
                    killed.push((stat.pid, stat.started_ticks));
                }
            }
            // An ended orphan counts: it may have left another that was not our child yet when we looked. The list of
            // children may miss one while another is reaped elsewhere, but not twice.
            empty_looks = if orphans.is_empty() { empty_looks + 1 } else { 0 };
            if empty_looks == 2 || begun.elapsed() >= CLEAN_UP_LIMIT {
                return Ended { killed_count: count(killed.len()), living_count: count(living.len()) };
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    fn orphans(self) -> Vec<Stat> {
        // From the process table and not from `getsid`: the leader may be outside of our PID namespace, as in a
        // container, and then the session is 0, which a `Pid` cannot be.
        let own = identity::ProcessIdentity::own().pid;
        let own_session = identity::stat(own).map_or(0, |stat| stat.session);
        // Held while we look: no child can be started meanwhile that is not in the list yet.
        let owned = owned::list();
        let children = tree::children().into_iter().filter_map(identity::stat);
        children
            .filter(|stat| {
                !owned.has(stat)
                    && stat.session != own_session
                    && self.started_ticks.is_some_and(|started| stat.started_ticks >= started)
            })
            .collect()
    }
}

/// Reaps those of these children that have ended, and kills the others with all their descendants, which are returned.
fn kill_or_collect(orphans: &[Stat]) -> Vec<Stat> {
    let (ended, living): (Vec<&Stat>, Vec<&Stat>) = orphans.iter().partition(|stat| stat.state == 'Z');
    // As in the shim: the children come first and at once. Nobody but us reaps them, so the pids still mean them.
    living.iter().for_each(|stat| tree::send(stat.pid, Signal::KILL));
    ended.iter().for_each(|stat| tree::reap(stat.pid));
    let roots: Vec<i32> = living.iter().map(|stat| stat.pid).collect();
    let below = if roots.is_empty() { vec![] } else { tree::descendants(&roots) };
    below.iter().for_each(tree::kill_if_same);
    living.into_iter().copied().chain(below).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::{Child, Command, Stdio};

    use pointsman_core::run::end::{Exit, ProcessEnd, StopCause};
    use tokio::sync::mpsc;

    use super::super::launch::{Launch, LineMeaning};
    use super::super::processes::Processes;
    use super::super::scripted::{a_launch, an_invocation};
    use super::super::supervise::{Handle, supervise};
    use super::*;

    /// Prints its pid and that of a child which left its session, and stays.
    const AGENT: &str = "setsid sleep 600 >/dev/null 2>&1 & echo pids $$ $!; exec sleep 600";

    #[expect(clippy::disallowed_methods, reason = "this is the room that spawns")]
    fn shell(words: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", words]).stdin(Stdio::piped());
        command
    }

    fn is_alive(pid: i32) -> bool {
        identity::stat(pid).is_some_and(|stat| stat.state != 'Z')
    }

    /// Runs such an agent under a real shim; sends both pids once they are known.
    async fn run_agent(dir: &Path, said: mpsc::UnboundedSender<(Handle, Vec<i32>)>) -> ProcessEnd {
        let mut invocation = an_invocation();
        invocation.program = "/bin/sh".to_owned();
        invocation.args = vec!["-c".to_owned(), AGENT.to_owned()];
        invocation.env.insert("PATH".to_owned(), "/usr/bin:/bin".to_owned());
        let launch = Launch { invocation, dir: dir.to_owned(), ..a_launch() };
        let (handle, supervision) = supervise(launch, Processes::guarded(Path::new("shim")).ready());
        let mut on_line = |line: &str, _stopped: Option<StopCause>| {
            if let Some(pids) = line.strip_prefix("pids ") {
                let pids = pids.split(' ').map(|pid| pid.parse().unwrap()).collect();
                said.send((handle.clone(), pids)).unwrap();
            }
            LineMeaning { settled: false, usd: None, stop: None }
        };
        supervision.run(&mut on_line).await
    }

    /// Starts a shell in a session of its own, and waits until the system's coarse clock can tell it from later ones.
    fn elder(words: &str) -> Child {
        let elder = shell(&format!("exec setsid /bin/sh -c '{words}'")).spawn().unwrap();
        while started_now() <= started(&elder) {}
        elder
    }

    fn started(child: &Child) -> u64 {
        identity::stat(i32::try_from(child.id()).unwrap()).unwrap().started_ticks
    }

    fn started_now() -> u64 {
        let mut child = shell("exit 0").spawn().unwrap();
        let now = started(&child);
        child.wait().unwrap();
        now
    }

    fn exit_code(mut child: Child) -> Option<i32> {
        drop(child.stdin.take());
        child.wait().unwrap().code()
    }

    /// Seen to fail with each of the three conditions in `orphans` left out, and with every ended child reaped.
    #[tokio::test]
    async fn a_lost_shim_takes_its_own_tree_with_it_and_nothing_else() {
        let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        // One existed before, in a session of its own; another part of the program started two, one of which has ended;
        // one was started by this module.
        let elder = elder("read word; exit 6");
        let ended = shell("exit 7").spawn().unwrap();
        let living = shell("read word; exit 8").spawn().unwrap();
        let (probe, owned) =
            owned::spawn(|| shell("read word; exit 9").spawn(), |child| Some(child.id())).unwrap();
        let (said, mut pids) = mpsc::unbounded_channel::<(Handle, Vec<i32>)>();
        let meanwhile = async {
            let (lost, lost_pids) = pids.recv().await.unwrap();
            let (kept, kept_pids) = pids.recv().await.unwrap();
            tree::send(identity::stat(lost_pids[0]).unwrap().parent, Signal::KILL);
            let end = lost.wait().await;
            assert_eq!((&end.exit, end.leaked_count), (&Exit::Lost, 2), "{end:?}");
            assert!(!lost_pids.iter().any(|pid| is_alive(*pid)), "the tree of the lost shim is gone");
            assert!(
                kept.is_running() && kept_pids.iter().all(|pid| is_alive(*pid)),
                "the other one's is not"
            );
            kept.stop(StopCause::Interrupt);
        };
        let (one, other, ()) =
            tokio::join!(run_agent(dirs[0].path(), said.clone()), run_agent(dirs[1].path(), said), meanwhile);
        let kept = if one.exit == Exit::Lost { other } else { one };
        assert_eq!((kept.exit, kept.leaked_count), (Exit::Signal { signal: Signal::TERM.as_raw() }, 1));
        assert_eq!([elder, ended, living, probe].map(exit_code), [6, 7, 8, 9].map(Some));
        owned.collected();
    }
}
