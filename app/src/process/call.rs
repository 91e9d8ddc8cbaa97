//! Calling a program to its end: what it says, within a limit.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::Signal;

use super::{owned, tree};

/// The most that is kept of what a program says.
const TEXT_BYTES_MAX: u64 = 64 << 10;

/// How a call ended.
#[derive(Debug)]
pub struct CallOutput {
    /// Whether the program ended well.
    pub is_success: bool,
    /// What it said, standard error behind standard output.
    pub text: String,
}

/// Why there is no end of a call.
#[derive(Debug)]
pub enum CallError {
    /// The system says no.
    Io(io::Error),
    /// It took too long, and was killed with its group.
    TooLong,
}

/// Calls a program with nothing on standard input and exactly this environment.
#[expect(clippy::disallowed_methods, reason = "this is the room that spawns")]
pub fn run(
    program: &Path,
    args: &[&str],
    env: &BTreeMap<String, String>,
    cwd: &Path,
    limit: Duration,
) -> Result<CallOutput, CallError> {
    let start = || {
        Command::new(program)
            .args(args)
            .env_clear()
            .envs(env)
            .current_dir(cwd)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
    };
    let (mut child, owned) = owned::spawn(start, |child| Some(child.id())).map_err(CallError::Io)?;
    let group = owned.pid();
    let (mut stdout, mut stderr) = (child.stdout.take(), child.stderr.take());
    let (sender, ended) = mpsc::channel();
    std::thread::spawn(move || {
        let errors = std::thread::spawn(move || text_of(stderr.as_mut()));
        let said = text_of(stdout.as_mut());
        // The caller's limit is over the reading and this; the thread stays where even a kill does not end it.
        let status = child.wait();
        owned.collected();
        // Nobody listens any more where it took too long.
        let _ = sender.send((status, said + &errors.join().unwrap_or_default()));
    });
    let Ok((status, text)) = ended.recv_timeout(limit) else {
        tree::send_group(group, Signal::KILL);
        return Err(CallError::TooLong);
    };
    let status = status.map_err(CallError::Io)?;
    Ok(CallOutput { is_success: status.success(), text: text.trim().to_owned() })
}

fn text_of(stream: Option<&mut impl io::Read>) -> String {
    let mut bytes = vec![];
    if let Some(stream) = stream {
        // What was read until then is all that can be told.
        let _ = stream.take(TEXT_BYTES_MAX).read_to_end(&mut bytes);
        let _ = io::copy(stream, &mut io::sink());
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
