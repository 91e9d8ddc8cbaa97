//! Starting this program again in the background, to drive a run that nobody waits for.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

/// Starts `program verb` in a session of its own, hands it `order` on standard input, and returns the
/// first line that it prints: by then it needs us no longer.
#[expect(clippy::disallowed_methods, reason = "this is the room that spawns")]
pub fn start(program: &Path, verb: &str, order: &[u8]) -> io::Result<String> {
    let mut child = Command::new(program)
        .arg(verb)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut stdin = child.stdin.take().expect("the child's standard input is piped");
    stdin.write_all(order)?;
    drop(stdin);
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("the child's output is piped")).read_line(&mut line)?;
    if line.is_empty() {
        let status = child.wait()?;
        return Err(io::Error::other(format!("the background process ended at once ({status})")));
    }
    Ok(line)
}

/// Leaves the session of whoever started us, so that the end of a terminal is not ours.
pub fn leave_session() -> io::Result<()> {
    rustix::process::setsid()?;
    Ok(())
}
