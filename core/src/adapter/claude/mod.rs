//! Claude Code in its non-interactive mode (`claude -p`), spoken as stream-json.
//!
//! What is known about the CLI was found by experiment on 2.1.197 and 2.1.330; `docs/agent-clis.md`
//! has the facts. `argv` writes the command, `decode` reads the stream.

pub mod argv;
pub mod decode;

/// The CLI refuses to read more than this from standard input.
pub const PROMPT_BYTES_MAX: usize = 10 * 1024 * 1024;

/// What the CLI says on standard error when it cannot resume a session.
pub const SESSION_UNKNOWN: &str = "No conversation found";
