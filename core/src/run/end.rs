//! How an attempt's process ended, as observed by the process room.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Why we stopped a process ourselves. Overrides whatever the stream says afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopCause {
    /// Ctrl-C.
    Interrupt,
    /// SIGTERM to us, or `runs cancel`.
    Terminate,
    /// No sign of life at startup.
    StartupTimeout,
    /// No sign of life for too long.
    IdleTimeout,
    /// The whole attempt took too long.
    WallTimeout,
    /// The result was there, but the process did not end by itself.
    PostResult,
    /// The estimated cost exceeded the limit.
    Budget,
    /// The CLI reported that the login is refused; it would have kept retrying.
    AuthFailed,
}

/// How the process itself ended.
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
    /// It never started.
    NotSpawned {
        /// Whether the program was not found or not executable (rather than a temporary problem).
        missing: bool,
        /// The system's message.
        message: String,
    },
    /// It was not started: the prompt is longer than its CLI would read.
    TooLong {
        /// The prompt's length in bytes.
        bytes: usize,
        /// The most bytes that the CLI reads.
        bytes_max: usize,
    },
    /// It was not started: its CLI or the working directory is not suitable.
    Unfit {
        /// What is wrong.
        message: String,
    },
    /// Its shim disappeared without an exit record.
    Lost,
}

/// The end of one attempt's process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProcessEnd {
    /// How the process ended.
    pub exit: Exit,
    /// Why we stopped it, if we did.
    pub stopped: Option<StopCause>,
    /// How many processes of its tree were still alive and had to be killed.
    pub leaked_count: u32,
    /// The time from spawn to end.
    pub duration: Duration,
    /// The end of its standard error, for messages.
    pub stderr_tail: String,
    /// How many lines of output exceeded the bound, and were shortened or dropped.
    pub oversized_lines: u64,
}
