//! What goes wrong with settings, and warnings for the user although nothing went wrong.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use pointsman_core::toml_text::problem::Problem;

/// Why settings cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Something is invalid; of several problems, the first.
    #[error("{0}")]
    Problem(Problem),
    /// A file exists but cannot be read.
    #[error("{}: cannot be read: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        reason: String,
    },
}

impl From<Vec<Problem>> for Error {
    fn from(problems: Vec<Problem>) -> Error {
        Error::Problem(problems.into_iter().next().expect("what has no problem is no error"))
    }
}

impl Error {
    /// Returns what the reader can do next.
    pub fn hint(&self) -> &str {
        match self {
            Error::Problem(problem) => &problem.hint,
            Error::Unreadable { .. } => "check that it is a file that you may read",
        }
    }
}

/// Something that was ignored or overruled while settings were read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// The place, if there is one: `file:line` or the name of a variable.
    pub at: Option<String>,
    /// What happened, in one sentence without a full stop.
    pub message: String,
    /// What the reader can do about it.
    pub hint: Option<String>,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.at {
            Some(at) => write!(f, "{at}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}
