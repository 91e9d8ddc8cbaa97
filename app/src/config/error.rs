//! What goes wrong with settings, and what people should hear although nothing went wrong.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use pointsman_core::toml_text::problem::Problem;

/// Why settings cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Something does not fit; of several things, the first.
    #[error("{0}")]
    Problem(Problem),
    /// A file that is there cannot be read.
    #[error("{}: cannot be read: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
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

/// Something that was left out or overruled while settings were read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// The place, when there is one: `file:line` or the name of a variable.
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
