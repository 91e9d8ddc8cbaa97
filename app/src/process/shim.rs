//! The shim: one small process per attempt, between the supervisor and the agent.
//!
//! Standard input is the lifeline. Standard output and standard error belong to the agent and are not written to here,
//! except for an error that ends the shim.
//!
//! Waits: for the order as long as the supervisor lives, whose death closes the lifeline (it may be stopped for hours
//! by Ctrl-Z, and there is nothing to guard yet); for the agent's end or a command likewise, since the supervisor has
//! the deadlines; for the end of the tree [`CLEAN_UP_LIMIT`](cleanup::CLEAN_UP_LIMIT), then the supervisor is told. A
//! program on a dead disk can hang while it is started; the supervisor's deadlines cover that too.

use std::fs::{self, File};
use std::io::{self, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use pointsman_core::run::end::Exit;
use rustix::process::{Signal, WaitStatus};
use serde::Serialize;

use super::cleanup::{self, Reaper};
use super::identity::ProcessIdentity;
use super::lifeline::{
    EXIT_RECORD, ExitRecord, LEAK_NOTE, RECORD_IN_FILE_VERSION, ShimOrder, TREE_RECORD, TreeRecord,
};
use super::shim_events::{ShimEvent, ShimEvents};
use super::tree;
use super::{hardening, own_program};

/// The hidden verb under which this program is a shim.
pub const VERB: &str = "__shim";

/// Children of an agent that ended by itself get this long to end as well before they count as leaked.
const LEAK_GRACE: Duration = Duration::from_millis(300);

/// Runs the shim to its end.
pub fn main() -> ExitCode {
    own_program::name_process();
    hardening::keep_others_out();
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        // Only the supervisor reads our standard error, as part of the tail that it keeps: it is the agent's stream as
        // well.
        Err(error) => {
            let _ = writeln!(io::stderr(), "pointsman shim: {error}");
            ExitCode::from(70)
        }
    }
}

fn serve() -> io::Result<()> {
    rustix::process::setsid()?;
    tree::become_subreaper()?;
    let mut events = ShimEvents::new()?;
    let order = ShimOrder::read(&events.first_line()?)?;
    // An agent that is faster than us may stop us at once: then we are found by this.
    record_tree(&order, ProcessIdentity::own());
    let agent = match spawn(&order) {
        Ok(agent) => i32::try_from(agent.id()).expect("a pid fits the system's own type"),
        Err(error) => {
            let exit = not_spawned(&error, &order.invocation.program);
            return report(&ExitRecord { exit, leaked_count: 0, unended_count: 0 }, &events, &order);
        }
    };
    let mut reaper = Reaper::new(agent);
    let record = watch(&mut reaper, agent, &mut events, &order)?;
    report(&record, &events, &order)?;
    // Usually there is nothing left to end.
    reaper.end_all_without_limit();
    Ok(())
}

/// Tells the supervisor how the agent ended.
fn report(record: &ExitRecord, events: &ShimEvents, order: &ShimOrder) -> io::Result<()> {
    if order.version == RECORD_IN_FILE_VERSION {
        write_record(&order.dir.join(EXIT_RECORD), record)?;
        return if record.unended_count > 0 { events.send(&[LEAK_NOTE]) } else { Ok(()) };
    }
    let mut line = serde_json::to_vec(record)?;
    line.push(b'\n');
    events.send(&line)
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

/// Returns the exit for an agent that could not be spawned. A file that the system does not accept as a program is as
/// good as none: npm leaves one after a failed install.
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

/// Records the roots of the tree. Only needed when driver and shim are both gone or stopped: an agent that removed the
/// directory must not lose its result by that.
fn record_tree(order: &ShimOrder, agent: ProcessIdentity) {
    let tree = TreeRecord { shim: ProcessIdentity::own(), agent };
    let _ = write_record(&order.dir.join(TREE_RECORD), &tree);
}

/// Waits for the agent's end or a command, then leaves no process behind, or reports how many.
fn watch(
    reaper: &mut Reaper,
    agent: i32,
    events: &mut ShimEvents,
    order: &ShimOrder,
) -> io::Result<ExitRecord> {
    record_tree(order, ProcessIdentity::of(agent));
    let mut agent_lives = false;
    match until_end_or_command(agent, events, order.stop_grace)? {
        Ended::ByItself if reaper.others_end_within(LEAK_GRACE) => {}
        Ended::ByItself | Ended::Stopped => {
            agent_lives = ProcessIdentity::of(agent).is_alive();
            // Sent before the agent is reaped: until then no other group can have this number.
            tree::send_group(agent, Signal::KILL);
        }
    }
    let unended_count = if reaper.end_all() { 0 } else { cleanup::living_count().max(1) };
    Ok(ExitRecord {
        exit: reaper.agent_status.map_or(Exit::Lost, exit_of),
        leaked_count: reaper.killed_count + u32::from(agent_lives),
        unended_count,
    })
}

fn exit_of(status: WaitStatus) -> Exit {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Exit::Code { code },
        (None, Some(signal)) => Exit::Signal { signal },
        (None, None) => Exit::Lost,
    }
}

enum Ended {
    ByItself,
    Stopped,
}

fn until_end_or_command(pid: i32, events: &mut ShimEvents, stop_grace: Duration) -> io::Result<Ended> {
    let mut kill_at: Option<Instant> = None;
    loop {
        match events.next(pid, kill_at)? {
            ShimEvent::AgentEnded if kill_at.is_some() => return Ok(Ended::Stopped),
            ShimEvent::AgentEnded => return Ok(Ended::ByItself),
            ShimEvent::OtherChildEnded => tree::reap_orphans(pid),
            ShimEvent::Stop => {
                tree::send_group(pid, Signal::TERM);
                // A suspended process cannot obey; resume it so that it can.
                tree::send_group(pid, Signal::CONT);
                kill_at = kill_at.or(Some(Instant::now() + stop_grace));
            }
            ShimEvent::Kill | ShimEvent::TimeIsUp => return Ok(Ended::Stopped),
        }
    }
}

/// Writes a record atomically.
fn write_record<T: Serialize>(path: &Path, record: &T) -> io::Result<()> {
    let part = path.with_extension("part");
    let mut file: File =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
    file.write_all(&serde_json::to_vec(record)?)?;
    fs::rename(&part, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[ignore = "no test: as this one the program of the tests is started again, as a shim"]
    fn is_a_shim() {
        if std::env::args().any(|arg| arg == "--exact") {
            let _ = main();
        }
    }
}
