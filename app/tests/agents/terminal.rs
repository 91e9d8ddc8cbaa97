//! What a terminal window does before its program: only between fork and exec can it be done, which is here.

use std::io::stdin;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};
use std::sync::Arc;

use rustix::process::{ioctl_tiocsctty, setsid};
use signal_hook::consts::{SIGHUP, SIGINT};
use signal_hook::flag;

/// The first word.
pub const VERB: &str = "at-terminal";

/// Leads a session whose terminal is standard input, so that Ctrl-C and a closed window are signals, and becomes the
/// program.
pub fn begin_session(words: &[String]) -> ExitCode {
    let Some((program, args)) = words.split_first() else { return ExitCode::from(2) };
    setsid().expect("a child of a test leads no process group");
    ioctl_tiocsctty(stdin()).expect("standard input is a terminal that nobody has");
    // Whoever started the tests in the background or with `nohup` had them ignored, and that is inherited. What is
    // caught is reset by exec, so that the program has them as in any new window.
    for signal in [SIGINT, SIGHUP] {
        flag::register(signal, Arc::default()).expect("it may be caught");
    }
    let error = Command::new(program).args(args).exec();
    panic!("`{program}` cannot be started: {error}");
}
