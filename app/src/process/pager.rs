//! Hands a text to the person's pager, which has the terminal until they leave it.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::SIGINT;

use super::owned;

/// What a shell exits with where there is no such command.
const NOT_FOUND: i32 = 127;

/// Shows a text with a pager, a command for a shell; returns once the person has left it, and whether there was one.
#[expect(clippy::disallowed_methods, reason = "this is the room that spawns")]
pub fn show(pager: &str, env: &BTreeMap<String, String>, text: &str) -> io::Result<bool> {
    // Ctrl-C is the pager's to handle: the terminal would be left in its state if we ended before it. A handler, because what
    // is ignored a child inherits.
    let handler = signal_hook::flag::register(SIGINT, Arc::new(AtomicBool::new(false)))?;
    let start = || {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", pager]).env_clear().envs(env).stdin(Stdio::piped()).spawn()
    };
    let (mut child, owned) = owned::spawn(start, |child| Some(child.id()))?;
    if let Some(mut pipe) = child.stdin.take() {
        // Who leaves before the end has seen enough.
        let _ = pipe.write_all(text.as_bytes());
    }
    let ended = child.wait();
    owned.collected();
    signal_hook::low_level::unregister(handler);
    Ok(ended?.code() != Some(NOT_FOUND))
}
