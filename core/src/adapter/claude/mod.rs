//! Claude Code in its non-interactive mode (`claude -p`), spoken as stream-json.
//!
//! What is known about the CLI was found by experiment on 2.1.197 and 2.1.330; `docs/agent-clis.md`
//! has the facts. `argv` writes the command, `decode` reads the stream.

pub mod argv;
pub mod decode;
