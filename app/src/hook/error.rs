//! Why a hook cannot do its work, or a part of it. The user is told in one line.

use std::io;

use pointsman_core::hook::input::InputError;

use crate::assemble::AssembleError;
use crate::engine::error::EngineError;

use super::INPUT_BYTES_MAX;

/// Why a hook cannot do its work, or a part of it.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// The event could not be read.
    #[error("{0}")]
    Unreadable(io::Error),
    /// The input is longer than any event.
    #[error("an event of {} MB or more is not read", INPUT_BYTES_MAX >> 20)]
    TooLong,
    /// The input is not a valid event.
    #[error(transparent)]
    NoEvent(#[from] InputError),
    /// Settings, agents or policy are invalid.
    #[error(transparent)]
    Assemble(#[from] AssembleError),
    /// A part of the settings is left out, for the given reason.
    #[error("{0}")]
    LeftOut(String),
    /// No decision was made.
    #[error(transparent)]
    Decide(#[from] EngineError),
    /// What the prompt says could not be stored for the hooks that follow.
    #[error("nothing can be noted: {0}")]
    NotNoted(io::Error),
    /// A fact could not be recorded.
    #[error("nothing can be recorded: {0}")]
    NotRecorded(io::Error),
    /// The marker of a prompt could not be claimed.
    #[error("no run can take the prompt over: {0}")]
    NotClaimed(io::Error),
    /// The run of a prompt did not start, for the given reason.
    #[error("{0}")]
    NotStarted(String),
}
