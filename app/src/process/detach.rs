//! Starts this program again in the background, to drive a detached run.
//!
//! The background process prints [`READY`] first, and only then is it given its order. So a start that fails before
//! that (no `systemd-run`, no bus) has done nothing, and another way can be tried.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::Signal;

use super::own_program::{self, OwnProgram};
use super::owned::{self, Owned};
use super::{scope, tree};

/// The first line of the background process: it is running, and waits for its order.
pub const READY: &str = "ready";

/// A program starts within milliseconds, and one that goes through the system's service manager within a second. A hook
/// waits for this, and the user for the hook.
const READY_LIMIT: Duration = Duration::from_millis(1500);

/// The same for our own program started directly: on a very busy machine it is slow, and there is no other way left to
/// try.
const READY_LIMIT_OF_LAST_WAY: Duration = Duration::from_secs(30);

/// From the order to the answer: settings are read, a busy ledger is waited for, and a small model may be asked, which
/// has a limit of its own in the settings. Nobody sets that to minutes; a process that stays silent this long hangs.
const ANSWER_LIMIT: Duration = Duration::from_secs(300);

/// How long a process that has closed its output may take to end.
const END_LIMIT: Duration = Duration::from_secs(1);

/// Starts `program verb` in a session of its own, passes it `order` on standard input, and returns the first line of
/// its answer: from then on it does not depend on us.
///
/// If we run inside a systemd service, it is started outside of it if possible, so that it outlives the service's
/// restart.
pub fn start(program: &Path, verb: &str, order: &[u8]) -> io::Result<String> {
    let program = OwnProgram::of(program);
    let ways = scope::ways_out();
    let outside =
        ways.iter().find_map(|way| Background::start(through(way, &program, verb), READY_LIMIT).ok());
    let background = match outside {
        Some(background) => background,
        None => Background::start(plain(&program, verb), READY_LIMIT_OF_LAST_WAY)?,
    };
    background.answer(order.to_vec())
}

/// Starts `program verb` in the background, sends it nothing, and does not wait for it.
pub fn leave_behind(program: &Path, verb: &str) -> io::Result<()> {
    let mut command = plain(&OwnProgram::of(program), verb);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    owned::spawn(|| command.spawn(), |child| Some(child.id())).map(drop)
}

/// Leaves the caller's session, so that closing its terminal does not end us.
pub fn leave_session() -> io::Result<()> {
    own_program::name_process();
    rustix::process::setsid()?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "this is the room that spawns")]
fn plain(program: &OwnProgram, verb: &str) -> Command {
    use std::os::unix::process::CommandExt as _;
    let mut command = Command::new(&program.file);
    command.arg0(&program.name).arg(verb);
    command
}

/// Returns the command that `way` executes once it has left the service: the streams stay the same.
#[expect(clippy::disallowed_methods, reason = "this is the room that spawns")]
fn through(way: &scope::Way, program: &OwnProgram, verb: &str) -> Command {
    let mut command = Command::new(way.program);
    command.args(way.args).arg("--").arg(program.file_for_others()).arg(verb);
    command
}

/// A background process that waits for its order. It ends if it gets none.
struct Background {
    child: Child,
    owned: Owned,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Background {
    /// Starts it and waits until it is ready.
    fn start(mut command: Command, limit: Duration) -> io::Result<Background> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let (mut child, owned) = owned::spawn(|| command.spawn(), |child| Some(child.id()))?;
        let stdin = child.stdin.take().expect("the child's standard input is piped");
        let stdout = BufReader::new(child.stdout.take().expect("the child's output is piped"));
        let said = within(limit, owned.pid(), move || first_line(stdout))?;
        match said {
            (line, stdout) if line.trim_end() == READY => Ok(Background { child, owned, stdin, stdout }),
            _ => Err(give_up(child, owned)),
        }
    }

    /// Sends it its order and returns its answer.
    fn answer(self, order: Vec<u8>) -> io::Result<String> {
        let Background { child, owned, mut stdin, stdout } = self;
        let (line, _) = within(ANSWER_LIMIT, owned.pid(), move || {
            stdin.write_all(&order)?;
            drop(stdin);
            first_line(stdout)
        })?;
        if line.is_empty() { Err(give_up(child, owned)) } else { Ok(line) }
    }
}

/// Reads a line; an empty one means the end of the stream.
fn first_line(mut from: BufReader<ChildStdout>) -> io::Result<(String, BufReader<ChildStdout>)> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    Ok((line, from))
}

/// Runs something that may never end on a thread, which is abandoned after the limit. The process that it waits for is
/// killed then.
fn within<T: Send + 'static>(
    limit: Duration,
    pid: i32,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (sender, done) = mpsc::channel();
    // If it took too long, nobody receives any more.
    std::thread::spawn(move || drop(sender.send(work())));
    done.recv_timeout(limit).unwrap_or_else(|_| {
        tree::send(pid, Signal::KILL);
        let message = format!("the background process gave no sign within {} s", limit.as_secs());
        Err(io::Error::new(io::ErrorKind::TimedOut, message))
    })
}

/// Returns the error for a process that closed its output without an answer: it has ended or is about to.
fn give_up(mut child: Child, owned: Owned) -> io::Error {
    match owned::end_within(&mut child, owned, END_LIMIT) {
        Ok(status) => io::Error::other(format!("the background process ended at once ({status})")),
        Err(error) => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "this is the room that spawns")]
    fn shell(words: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", words]);
        command
    }

    #[test]
    fn a_process_that_is_not_ready_in_time_or_says_something_else_is_not_waited_for() {
        let silent = Background::start(shell("exec sleep 600"), Duration::from_millis(50));
        assert_eq!(silent.err().map(|error| error.kind()), Some(io::ErrorKind::TimedOut));
        for words in ["exit 3", "echo hello; exec sleep 600"] {
            let other = Background::start(shell(words), READY_LIMIT_OF_LAST_WAY);
            assert!(other.is_err(), "{words}");
        }
    }

    #[test]
    fn an_order_is_given_to_whoever_is_ready_and_its_answer_is_returned() {
        let background =
            Background::start(shell("echo ready; read order; echo \"got $order\""), READY_LIMIT_OF_LAST_WAY);
        let answer = background.unwrap().answer(b"seven\n".to_vec());
        assert_eq!(answer.unwrap(), "got seven\n");
        let background = Background::start(shell("echo ready; exit 3"), READY_LIMIT_OF_LAST_WAY).unwrap();
        let error = background.answer(vec![]).unwrap_err();
        assert!(error.to_string().contains("ended at once"), "{error}");
    }
}
