//! Where the processes of attempts come from: this program as a shim, or a script in tests.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::net::UnixStream;
use tokio::process::{Child, Command};

use super::own_program::OwnProgram;
use super::owned::{self, Owned};
#[cfg(test)]
use super::scripted;
#[cfg(not(test))]
use super::shim;
use super::{abandoned, hardening, identity, tree};

/// The arguments that turn this program into a shim.
#[cfg(not(test))]
const SHIM_ARGS: [&str; 1] = [shim::VERB];

/// The arguments that turn the unit-test program into a shim.
#[cfg(test)]
const SHIM_ARGS: [&str; 4] = ["--exact", "process::shim::tests::is_a_shim", "--ignored", "--nocapture"];

/// Starts the processes that attempts run in.
#[derive(Debug, Clone)]
pub struct Processes(Source);

#[derive(Debug, Clone)]
enum Source {
    OwnProgram(OwnProgram),
    #[cfg(test)]
    Scripted(scripted::Stage),
}

/// A shim that was started and waits for its order. It does nothing without one, and ends when this is dropped.
#[derive(Debug)]
pub struct Shim(pub(super) Kind);

#[derive(Debug)]
pub(super) enum Kind {
    Process(io::Result<Box<ShimProcess>>),
    #[cfg(test)]
    Scripted(scripted::Stage),
}

impl Processes {
    /// Returns processes guarded by a shim. `path` is the path of this program, which is also the shim.
    pub fn guarded(path: &Path) -> Processes {
        Processes(Source::OwnProgram(OwnProgram::of(path)))
    }

    /// Returns processes that only play a script; `play` is called with each launch and the number of earlier launches.
    #[cfg(test)]
    pub fn scripted(
        play: impl Fn(&super::launch::Launch, usize) -> scripted::Script + Send + Sync + 'static,
    ) -> Processes {
        Processes(Source::Scripted(scripted::Stage::new(play)))
    }

    /// Returns everything launched so far.
    #[cfg(test)]
    pub fn launches(&self) -> Vec<super::launch::Launch> {
        match &self.0 {
            Source::OwnProgram(_) => panic!("only scripted processes keep what was launched"),
            Source::Scripted(stage) => stage.launches(),
        }
    }

    /// Kills what is left of the attempts of a run whose driver was killed; see [`abandoned::end`]. Blocks.
    pub fn end_abandoned(&self, attempt_dirs: &[PathBuf], mark: &str) {
        match &self.0 {
            Source::OwnProgram(_) => abandoned::end(attempt_dirs, mark),
            #[cfg(test)]
            Source::Scripted(_) => {}
        }
    }

    /// Starts a shim ahead of its order. A failure is reported when the order is given.
    pub fn ready(&self) -> Shim {
        Shim(match &self.0 {
            // What a dying shim leaves behind must become our child, not the system's.
            Source::OwnProgram(program) => {
                hardening::keep_others_out();
                Kind::Process(
                    tree::become_subreaper().and_then(|()| ShimProcess::start(program).map(Box::new)),
                )
            }
            #[cfg(test)]
            Source::Scripted(stage) => Kind::Scripted(stage.clone()),
        })
    }
}

/// A running shim. Dropping it closes its lifeline, whereupon it ends its tree and itself.
#[derive(Debug)]
pub(super) struct ShimProcess {
    /// Dropped before the child: it needs to look at the child once more.
    owned: Option<Owned>,
    /// When it started.
    pub(super) started_ticks: Option<u64>,
    pub(super) child: Child,
    /// Whether it was killed: what it guarded may then be alive.
    pub(super) was_killed: bool,
    /// Our end of the lifeline, until it is taken.
    pub(super) lifeline: Option<UnixStream>,
}

impl ShimProcess {
    #[expect(clippy::disallowed_methods, reason = "this is the room that spawns")]
    fn start(program: &OwnProgram) -> io::Result<ShimProcess> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let lifeline = Some(UnixStream::from_std(ours)?);
        // Not killed on drop: it must live to end its tree.
        let start = || {
            Command::new(&program.file)
                .arg0(&program.name)
                .args(SHIM_ARGS)
                .env_clear()
                .stdin(Stdio::from(std::os::fd::OwnedFd::from(theirs)))
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
        };
        let (child, owned) = owned::spawn(start, Child::id)?;
        let started_ticks = identity::stat(owned.pid()).map(|stat| stat.started_ticks);
        Ok(ShimProcess { owned: Some(owned), started_ticks, child, was_killed: false, lifeline })
    }

    /// Waits for its end. Cancel safe.
    pub(super) async fn wait(&mut self) {
        // An error would mean that it was reaped elsewhere: it is gone all the same.
        self.was_killed |= self.child.wait().await.is_ok_and(|status| status.code().is_none());
        if let Some(owned) = self.owned.take() {
            owned.collected();
        }
    }
}
