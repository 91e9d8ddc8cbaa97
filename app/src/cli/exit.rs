//! Exit codes, and how a failure is said.

use pointsman_core::report::run::SCHEMA_VERSION;
use pointsman_core::run::next;
use serde::Serialize;

use crate::config;
use crate::engine::error::EngineError;

/// The command line was not understood.
pub const USAGE: u8 = 2;
/// The input data is bad.
pub const BAD_INPUT: u8 = 65;
/// An agent or a service is not available.
pub const UNAVAILABLE: u8 = 69;
/// A bug of this program.
pub const BUG: u8 = 70;
/// Something could not be created.
pub const CANNOT_CREATE: u8 = 73;
/// Try again later.
pub const TRY_LATER: u8 = 75;
/// The policy says no.
pub const REFUSED: u8 = 77;
/// The configuration is wrong.
pub const CONFIG: u8 = 78;

/// The table for `--help`: every code that a verb can end with.
pub const TABLE: &str = "\
Exit codes:
  0    done
  1    the agent's work failed, or a check found problems
  2    the command line was not understood
  65   bad input: the prompt, a file, an id
  69   an agent or a service is not available (missing, not logged in, down)
  70   a bug of pointsman
  73   something could not be created
  75   try again later (quota, overload, a busy session)
  77   refused: a person must approve it, or a tool was denied
  78   the configuration is wrong
  124  the agent took too long
  130  stopped by Ctrl-C; 143 stopped by a signal";

/// A failure that ends a verb: what failed and why, what to do next, and the exit code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The exit code.
    pub exit_code: u8,
    /// What failed and why.
    pub message: String,
    /// What the reader can do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// A failure as data, for who asked for JSON.
#[derive(Debug, Serialize)]
pub struct FailureReport<'a> {
    schema_version: u32,
    error: &'a Failure,
}

impl<'a> FailureReport<'a> {
    /// Wraps a failure.
    pub fn new(error: &'a Failure) -> FailureReport<'a> {
        FailureReport { schema_version: SCHEMA_VERSION, error }
    }
}

impl Failure {
    /// Makes a failure with a hint.
    pub fn new(exit_code: u8, message: impl Into<String>, hint: impl Into<String>) -> Failure {
        Failure { exit_code, message: message.into(), hint: Some(hint.into()) }
    }

    /// Makes a failure that needs no hint.
    pub fn bare(exit_code: u8, message: impl Into<String>) -> Failure {
        Failure { exit_code, message: message.into(), hint: None }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Failure {
        let (exit_code, hint) = match &error {
            EngineError::StoppedWaiting { cause } => {
                return Failure::bare(next::cancelled(*cause).exit_code, error.to_string());
            }
            EngineError::Request(_) => {
                (BAD_INPUT, "give the prompt as an argument, with `--file`, or on standard input")
            }
            EngineError::Route(_) => (USAGE, "`pointsman config show` lists the agents"),
            EngineError::SessionBusy { .. } => {
                (TRY_LATER, "`--wait` waits for it; `pointsman runs list` shows it")
            }
            EngineError::UnknownRun { .. } => {
                (BAD_INPUT, "`pointsman runs list` shows the runs; `latest` is the newest")
            }
            EngineError::AmbiguousRun { .. } => (BAD_INPUT, "give more of the id"),
            EngineError::Store { .. } => {
                (UNAVAILABLE, "`pointsman doctor` says what is wrong and what mends it")
            }
            EngineError::NotRunning { .. } => (BAD_INPUT, "`pointsman runs show` has its end"),
            EngineError::Signal { .. } => (UNAVAILABLE, "it may belong to another user"),
        };
        Failure::new(exit_code, error.to_string(), hint)
    }
}

impl From<config::error::Error> for Failure {
    fn from(error: config::error::Error) -> Failure {
        let exit_code = if error.is_of_flags() { USAGE } else { CONFIG };
        Failure::new(exit_code, error.to_string(), error.hint())
    }
}

impl From<config::env::NoHome> for Failure {
    fn from(error: config::env::NoHome) -> Failure {
        Failure::new(CONFIG, error.to_string(), "set HOME to your home directory")
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        Failure::bare(CANNOT_CREATE, error.to_string())
    }
}
