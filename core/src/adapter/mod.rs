//! Translating for one CLI each: an [`Invocation`](invocation::Invocation) out, [`AgentEvent`](event::AgentEvent)s in.
//!
//! The room is pure text work. It never spawns, never judges and never touches a file: what a line
//! of output *means* for the run is decided in `run::outcome`.
//!
//! Reading order: `invocation` (what is started), `event` (what comes back), `transcript` (what it
//! adds up to), then one adapter.

pub mod claude;
pub mod event;
mod fields;
pub mod invocation;
pub mod plain;
pub mod transcript;

use crate::agent::AdapterKind;
use event::AgentEvent;
use invocation::{Invocation, Order};

impl AdapterKind {
    /// Translates an order into the one command that carries it out.
    pub fn invocation(self, order: &Order<'_>) -> Invocation {
        match self {
            AdapterKind::Claude => claude::argv::invocation(order),
            AdapterKind::Plain => plain::invocation(order),
        }
    }

    /// Translates one line of the agent's standard output (without its line end).
    pub fn decode(self, line: &str) -> Vec<AgentEvent> {
        match self {
            AdapterKind::Claude => claude::decode::decode(line),
            AdapterKind::Plain => plain::decode(line),
        }
    }

    /// Tells whether the CLI said on standard error that the session to resume is unknown to it.
    pub fn session_was_lost(self, stderr_tail: &str) -> bool {
        match self {
            AdapterKind::Claude => stderr_tail.contains(claude::SESSION_UNKNOWN),
            AdapterKind::Plain => false,
        }
    }

    /// Tells whether the CLI limits by itself what its agent may do.
    pub fn has_permissions(self) -> bool {
        match self {
            AdapterKind::Claude => true,
            AdapterKind::Plain => false,
        }
    }

    /// Returns the longest prompt that the CLI reads, in bytes.
    pub fn prompt_bytes_max(self) -> Option<usize> {
        match self {
            AdapterKind::Claude => Some(claude::PROMPT_BYTES_MAX),
            AdapterKind::Plain => None,
        }
    }

    /// Tells whether the stream announces its own end with a result event.
    ///
    /// Where it does not, a silent start is normal and the end of the process is the end of the answer.
    pub fn announces_result(self) -> bool {
        match self {
            AdapterKind::Claude => true,
            AdapterKind::Plain => false,
        }
    }
}
