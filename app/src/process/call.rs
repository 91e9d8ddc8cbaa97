//! Runs a program to its end within a time limit, and returns its output.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::Signal;

use super::{owned, tree};

/// The most of a program's output that is kept.
const TEXT_BYTES_MAX: u64 = 4 << 20;

/// How a call ended.
#[derive(Debug)]
pub struct CallOutput {
    /// Whether the program exited successfully.
    pub is_success: bool,
    /// Its output: standard output, then standard error.
    pub text: String,
}

/// Why a call has no result.
#[derive(Debug)]
pub enum CallError {
    /// The system reports an error.
    Io(io::Error),
    /// It took too long and was killed together with its process group.
    TooLong,
}

/// Runs a program with empty standard input and exactly this environment.
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
        // The caller's limit covers reading and this; if not even a kill ends the program, only this thread stays
        // blocked.
        let status = child.wait();
        owned.collected();
        // If it took too long, nobody receives any more.
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
        // What was read before an error is all that can be reported.
        let _ = stream.take(TEXT_BYTES_MAX).read_to_end(&mut bytes);
        let _ = io::copy(stream, &mut io::sink());
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
