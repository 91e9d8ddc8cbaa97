//! The shim: one small process per attempt, between the supervisor and the agent.
//!
//! Standard input is the lifeline: first one line with the [`ShimOrder`], then single bytes as
//! commands; its end means that the supervisor died. Standard output and error are the agent's own
//! and are never written to here.

use std::fs::{self, File};
use std::io::{self, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use pointsman_core::adapter::invocation::Invocation;
use pointsman_core::run::end::Exit;
use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use super::identity::ProcessIdentity;
use super::shim_news::{News, NewsSource};
use super::tree;

/// The hidden verb under which this program is a shim.
pub const VERB: &str = "__shim";

/// The exit record's name in the attempt's directory.
pub const EXIT_RECORD: &str = "exit.json";

/// The agent's identity, for whoever has to find it after the shim died.
pub const AGENT_RECORD: &str = "agent.json";

/// Children of an agent that ended by itself get this long to end as well before they count as leaked.
const LEAK_GRACE: Duration = Duration::from_millis(300);

/// Everything that a shim is told.
#[derive(Debug, Serialize, Deserialize)]
pub struct ShimOrder {
    /// What to spawn.
    pub invocation: Invocation,
    /// Where the records go.
    pub dir: PathBuf,
    /// How long the agent has between the polite signal and the kill.
    pub stop_grace: Duration,
}

/// How the agent ended, as the shim saw it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitRecord {
    /// How the process went away.
    pub exit: Exit,
    /// How many other processes of its tree were alive and had to be killed.
    pub leaked_count: u32,
}

/// A command on the lifeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LifelineCommand {
    /// Polite signal, grace, kill.
    Stop,
    /// Kill at once.
    Kill,
}

impl LifelineCommand {
    /// Returns the byte that stands for the command.
    pub fn byte(self) -> u8 {
        match self {
            LifelineCommand::Stop => b's',
            LifelineCommand::Kill => b'k',
        }
    }
}

/// Runs the shim to its end.
pub fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        // Nobody reads our standard error but the supervisor's tail of it: the agent's is the same stream.
        Err(error) => {
            let _ = writeln!(io::stderr(), "pointsman shim: {error}");
            ExitCode::from(70)
        }
    }
}

fn serve() -> io::Result<()> {
    rustix::process::setsid()?;
    tree::become_subreaper()?;
    let mut news = NewsSource::new()?;
    let order: ShimOrder = serde_json::from_slice(&news.first_line()?)?;
    let record = match spawn(&order) {
        Ok(agent) => watch(agent, news, &order)?,
        Err(error) => ExitRecord { exit: not_spawned(&error, &order.invocation.program), leaked_count: 0 },
    };
    write_record(&order.dir.join(EXIT_RECORD), &record)
}

#[expect(clippy::disallowed_methods, reason = "this is the room that spawns")]
fn spawn(order: &ShimOrder) -> io::Result<Child> {
    let invocation = &order.invocation;
    let words = invocation.stdin.as_bytes();
    let stdin = unlinked(tempfile::tempfile_in(&order.dir), words)
        .or_else(|_| unlinked(tempfile::tempfile(), words))?;
    Command::new(&invocation.program)
        .args(&invocation.args)
        .env_clear()
        .envs(&invocation.env)
        .current_dir(&invocation.cwd)
        .stdin(Stdio::from(stdin))
        .stdout(Stdio::inherit())
        .stderr(Stdio::inherit())
        .process_group(0)
        .spawn()
}

/// Fills a file to read from. It is unlinked from the start: no name leads to the prompt.
fn unlinked(made: io::Result<File>, bytes: &[u8]) -> io::Result<File> {
    let mut file = made?;
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file)
}

/// A file that the system does not take for a program is as good as none: npm leaves one where an install failed.
fn not_spawned(error: &io::Error, program: &str) -> Exit {
    let kinds = [io::ErrorKind::NotFound, io::ErrorKind::PermissionDenied, io::ErrorKind::NotADirectory];
    let is_no_program = error.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error());
    let hint = match error.kind() {
        _ if is_no_program => "; it is no program of this machine: install it again",
        io::ErrorKind::NotFound if Path::new(program).exists() => {
            "; the file is there, but what it needs to run (an interpreter, a loader) is not: install it again"
        }
        _ => "",
    };
    let missing = is_no_program || kinds.contains(&error.kind());
    Exit::NotSpawned { missing, message: format!("{error}{hint}") }
}

/// Waits for the agent's end or a command, then leaves no process behind.
fn watch(mut agent: Child, mut news: NewsSource, order: &ShimOrder) -> io::Result<ExitRecord> {
    let pid = i32::try_from(agent.id()).expect("a pid fits the system's own type");
    write_record(&order.dir.join(AGENT_RECORD), &ProcessIdentity::of(pid))?;
    let ended_by_itself = until_end_or_command(pid, &mut news, order.stop_grace)?;
    let leaked_count = match ended_by_itself {
        Ended::ByItself if tree::descendants_end_within(LEAK_GRACE, Some(pid)) => 0,
        Ended::ByItself | Ended::Stopped => {
            tree::send_group(pid, Signal::KILL);
            kill_tree_except_status_of(&mut agent)
        }
    };
    let status = agent.wait()?;
    tree::reap_orphans(None);
    let exit = match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code { code },
        (None, Some(signal)) => Exit::Signal { signal },
        (None, None) => Exit::Lost,
    };
    Ok(ExitRecord { exit, leaked_count })
}

enum Ended {
    ByItself,
    Stopped,
}

fn until_end_or_command(pid: i32, news: &mut NewsSource, stop_grace: Duration) -> io::Result<Ended> {
    let mut kill_at: Option<Instant> = None;
    loop {
        match news.next(pid, kill_at)? {
            News::AgentEnded if kill_at.is_some() => return Ok(Ended::Stopped),
            News::AgentEnded => return Ok(Ended::ByItself),
            News::OtherChildEnded => tree::reap_orphans(Some(pid)),
            News::Stop => {
                tree::send_group(pid, Signal::TERM);
                // A stopped process cannot obey; let it run so that it can.
                tree::send_group(pid, Signal::CONT);
                kill_at = kill_at.or(Some(Instant::now() + stop_grace));
            }
            News::Kill | News::TimeIsUp => return Ok(Ended::Stopped),
        }
    }
}

/// Kills the tree; the agent's own exit status is collected first, so that it is not lost.
fn kill_tree_except_status_of(agent: &mut Child) -> u32 {
    let pid = i32::try_from(agent.id()).unwrap_or(0);
    let agent_lives = ProcessIdentity::of(pid).is_alive();
    tree::send(pid, Signal::KILL);
    // `Child` keeps the status; a second wait gives it again.
    let _ = agent.wait();
    tree::kill_descendants() + u32::from(agent_lives)
}

/// Writes a record so that it is there whole or not at all.
fn write_record<T: Serialize>(path: &Path, record: &T) -> io::Result<()> {
    let part = path.with_extension("part");
    let mut file: File =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
    file.write_all(&serde_json::to_vec(record)?)?;
    fs::rename(&part, path)
}
