//! What goes wrong with settings, and what people should hear although nothing went wrong.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use super::layers::{Layer, Origin};

/// Why settings cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A file is not TOML.
    #[error("{at}: not valid TOML: {message}")]
    Syntax {
        /// Where.
        at: Origin,
        /// What the reader says.
        message: String,
    },
    /// A key that does not exist.
    #[error("{at}: unknown setting `{key}`")]
    UnknownKey {
        /// Where.
        at: Origin,
        /// The whole key.
        key: String,
        /// The nearest key that exists.
        nearest: Option<String>,
        /// All keys that could stand here.
        known: Vec<&'static str>,
    },
    /// A value that the key cannot have.
    #[error("{at}: `{key}` must be {expected}, but is {found}")]
    WrongValue {
        /// Where.
        at: Origin,
        /// The whole key.
        key: String,
        /// What was expected.
        expected: String,
        /// What is there; never a value that may be secret.
        found: String,
    },
    /// A key that must be there.
    #[error("{at}: `{key}` is missing")]
    MissingKey {
        /// The place of the table that lacks it.
        at: Origin,
        /// The whole key.
        key: String,
    },
    /// Another rule is broken.
    #[error("{at}: `{key}` {message}")]
    Invalid {
        /// Where.
        at: Origin,
        /// The whole key.
        key: String,
        /// What is wrong with it.
        message: String,
    },
    /// A file that is there cannot be read.
    #[error("{}: cannot be read: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
}

impl Error {
    /// Tells whether it is the command line that is wrong, not a file.
    pub fn is_of_flags(&self) -> bool {
        match self {
            Error::Syntax { at, .. }
            | Error::UnknownKey { at, .. }
            | Error::WrongValue { at, .. }
            | Error::MissingKey { at, .. }
            | Error::Invalid { at, .. } => at.layer == Layer::Flag,
            Error::Unreadable { .. } => false,
        }
    }

    /// Returns what the reader can do next.
    pub fn hint(&self) -> String {
        match self {
            Error::UnknownKey { nearest: Some(nearest), .. } => format!("did you mean `{nearest}`?"),
            Error::UnknownKey { known, nearest: None, .. } if !known.is_empty() => {
                format!("known here: {}", known.join(", "))
            }
            Error::WrongValue { expected, key, .. } if expected.contains("duration") => {
                format!("write a number with its unit, for example `{key} = \"90s\"`")
            }
            Error::Unreadable { .. } => "check that it is a file that you may read".to_owned(),
            Error::Syntax { .. }
            | Error::UnknownKey { .. }
            | Error::WrongValue { .. }
            | Error::MissingKey { .. }
            | Error::Invalid { .. } => "`pointsman config show --origin` lists every setting".to_owned(),
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

/// Returns a text from a file or variable as it may stand in a message: a terminal obeys control characters.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
