//! A failure that ends a verb, as a value: printed as text or JSON, and passed from a driver to its caller.

use serde::{Deserialize, Serialize};

use super::run::SCHEMA_VERSION;
use crate::error_code::ErrorCode;
use crate::request::RequestError;
use crate::toml_text::problem::Problem;

/// A failure that ends a verb: the reason, what to do next, and a code, which determines the exit code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The cause, as a code that has its own page.
    pub code: ErrorCode,
    /// What failed and why.
    pub message: String,
    /// What the user can do next.
    pub hint: Option<String>,
    /// The problems in policy files, each with its place; the message states them in words.
    #[serde(default)]
    pub problems: Vec<Problem>,
}

/// A failure as data, for JSON output.
#[derive(Debug, Serialize)]
pub struct FailureReport<'a> {
    schema_version: u32,
    error: FailureData<'a>,
}

#[derive(Debug, Serialize)]
struct FailureData<'a> {
    code: ErrorCode,
    exit_code: u8,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    problems: &'a [Problem],
}

impl<'a> FailureReport<'a> {
    /// Wraps a failure.
    pub fn new(failure: &'a Failure) -> FailureReport<'a> {
        let error = FailureData {
            code: failure.code,
            exit_code: failure.exit_code(),
            message: &failure.message,
            hint: failure.hint.as_deref(),
            problems: &failure.problems,
        };
        FailureReport { schema_version: SCHEMA_VERSION, error }
    }
}

impl Failure {
    /// Creates a failure with a hint.
    pub fn new(code: ErrorCode, message: impl Into<String>, hint: impl Into<String>) -> Failure {
        Failure { code, message: message.into(), hint: Some(hint.into()), problems: vec![] }
    }

    /// Creates a failure that needs no hint.
    pub fn bare(code: ErrorCode, message: impl Into<String>) -> Failure {
        Failure { code, message: message.into(), hint: None, problems: vec![] }
    }

    /// Creates a failure for when the system refused something that every run needs.
    pub fn of_system(error: &std::io::Error) -> Failure {
        let message = format!("the system refused what a run needs: {error}");
        Failure::new(ErrorCode::SystemRefused, message, "look at the limits of this user (`ulimit -a`)")
    }

    /// Returns the exit code of the program.
    pub fn exit_code(&self) -> u8 {
        self.code.exit_code()
    }
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Failure {
        let (code, hint) = match error {
            RequestError::Empty => (ErrorCode::EmptyRequest, "say in words what should be done"),
            RequestError::Nul { .. } => {
                (ErrorCode::NulInRequest, "take the character out: no agent could read past it")
            }
        };
        Failure::new(code, error.to_string(), hint)
    }
}
