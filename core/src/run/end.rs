//! How an attempt's process ended, as the process room saw it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Why we stopped a process ourselves. Beats whatever the stream says afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopCause {
    /// Ctrl-C.
    Interrupt,
    /// SIGTERM to us, or `runs cancel`.
    Terminate,
    /// No sign of life at the start.
    StartupTimeout,
    /// No sign of life for too long.
    IdleTimeout,
    /// The whole attempt took too long.
    WallTimeout,
    /// The result was there, and the process did not end by itself.
    PostResult,
    /// The estimated cost passed the limit.
    Budget,
    /// The CLI said that the login is refused; it would go on asking.
    AuthFailed,
}

/// How the process itself went away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "how")]
pub enum Exit {
    /// It ended with this code.
    Code {
        /// The exit code.
        code: i32,
    },
    /// A signal ended it.
    Signal {
        /// The signal's number.
        signal: i32,
    },
    /// It never began.
    NotSpawned {
        /// Whether the program could not be found or not be executed (and not something passing).
        missing: bool,
        /// The system's message.
        message: String,
    },
    /// It was not started: its CLI would refuse to read so many words.
    TooLong {
        /// How many bytes they are.
        bytes: usize,
        /// How many it reads.
        bytes_max: usize,
    },
    /// It was not started: its CLI, or the place to work in, is not fit for it.
    Unfit {
        /// What is wrong.
        message: String,
    },
    /// Its shim went away without an exit record.
    Lost,
}

/// The end of one attempt's process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProcessEnd {
    /// How the process went away.
    pub exit: Exit,
    /// Whether and why we stopped it.
    pub stopped: Option<StopCause>,
    /// How many processes of its tree were still alive and had to be killed.
    pub leaked_count: u32,
    /// From spawn to end.
    pub duration: Duration,
    /// The end of its standard error, for messages.
    pub stderr_tail: String,
    /// How many lines of output were longer than the bound, and shortened or dropped.
    pub oversized_lines: u64,
}
