//! What a terminal window does before its program: only between fork and exec can it be done, which is here.

use std::io::stdin;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use rustix::process::{ioctl_tiocsctty, setsid};

/// The first word.
pub const VERB: &str = "at-terminal";

/// Leads a session whose terminal is standard input, so that Ctrl-C and a closed window are signals, and becomes the
/// program.
pub fn begin_session(words: &[String]) -> ExitCode {
    let Some((program, args)) = words.split_first() else { return ExitCode::from(2) };
    setsid().expect("a child of a test leads no process group");
    ioctl_tiocsctty(stdin()).expect("standard input is a terminal that nobody has");
    let error = Command::new(program).args(args).exec();
    panic!("`{program}` cannot be started: {error}");
}
