//! An agent CLI for tests: speaks Claude Code's stream and does what its arguments say.
//!
//! Everything is scripted by leading arguments, because agents get an allow-listed environment. The words
//! are steps, done one after the other; words from `-p` on are the flags that pointsman adds. A step that
//! ends the process ends the script. `plain` as the first word makes it an agent that only reads a prompt
//! and prints text.
//!
//!     fake-agent completes "all good"
//!     fake-agent dumps argv FILE leaks-grandchild ignores-term says working hangs
//!     fake-agent first 2 STATE overloaded completes "at last"
//!     fake-agent plain floods text 1000000
//!
//! Reading order: `script` (what the words mean), `stream` (what the CLI would print), `mischief`
//! (processes and floods that a well-behaved agent does not make), `terminal` (no agent: begins a session).

#![expect(clippy::disallowed_methods, reason = "a program of its own, which plays what others only handle")]

mod mischief;
mod script;
mod stream;
mod terminal;

use std::process::ExitCode;

/// What the newest known CLI answers to `--version`.
const VERSION: &str = "2.1.330 (Claude Code)";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    // A CLI is asked with its leading arguments, here its script.
    if args.last().is_some_and(|last| last == "--version") {
        stream::print(VERSION);
        return ExitCode::SUCCESS;
    }
    match args.first().map(String::as_str) {
        Some(mischief::LEAF) => mischief::leaf(&args[1..]),
        Some(mischief::CHAIN) => mischief::chain(),
        Some(terminal::VERB) => terminal::begin_session(&args[1..]),
        Some(_) | None => ExitCode::from(script::play(&args)),
    }
}
