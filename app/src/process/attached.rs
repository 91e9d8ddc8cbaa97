//! Runs a program whose output is ours: what it prints is seen as it prints it.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use tokio::process::Command;

use super::own_program::OwnProgram;
use super::{owned, tree};

/// How long a program that is asked to stop may take: it stops an agent, which has a second or two.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// Runs this program, whose path is given, with empty standard input and exactly this environment. Its standard output is
/// ours; its errors go to `errors`.
///
/// Returns `None` if `stop` came first: the program is asked to stop then, and killed where it does not.
#[expect(clippy::disallowed_methods, reason = "this is the room that spawns")]
pub async fn run_own(
    program: &Path,
    args: &[&str],
    env: &BTreeMap<String, String>,
    cwd: &Path,
    errors: OwnedFd,
    stop: impl Future<Output = ()>,
) -> io::Result<Option<ExitStatus>> {
    let program = OwnProgram::of(program);
    let mut command = Command::new(&program.file);
    command.arg0(&program.name).args(args).env_clear().envs(env).current_dir(cwd);
    command.stdin(Stdio::null()).stderr(Stdio::from(errors));
    let (mut child, owned) = owned::spawn(|| command.spawn(), tokio::process::Child::id)?;
    let ended = tokio::select! {
        ended = child.wait() => Some(ended),
        () = stop => None,
    };
    if ended.is_none() {
        tree::send(owned.pid(), Signal::TERM);
        if tokio::time::timeout(STOP_LIMIT, child.wait()).await.is_err() {
            child.kill().await?;
        }
    }
    owned.collected();
    ended.transpose()
}

/// Kills a process at once.
pub fn kill(pid: i32) {
    tree::send(pid, Signal::KILL);
}
