//! Replaces this process by another program: the terminal is its own from then on.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

/// Replaces this process; returns why that was not possible.
#[expect(clippy::disallowed_methods, reason = "this is the room that spawns")]
pub fn by(program: &Path, args: &[String], dir: &Path) -> io::Error {
    Command::new(program).args(args).current_dir(dir).exec()
}
