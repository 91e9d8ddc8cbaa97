//! Names and ids: newtypes that can only hold a safe text.
//!
//! Every id may become part of a file name, an environment value or an argument, so all of them share one narrow
//! alphabet and are checked where they enter.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest id that is accepted, in bytes.
pub const ID_LEN_MAX: usize = 64;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{kind} `{text}` is not valid: use 1 to 64 of a-z, 0-9, `-` and `_`, starting with a letter or digit"
)]
pub struct InvalidId {
    kind: &'static str,
    text: String,
}

fn is_id(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.len() <= ID_LEN_MAX
        && bytes.first().is_some_and(|b| allowed(*b))
        && bytes.iter().all(|b| allowed(*b) || matches!(b, b'-' | b'_'))
}

/// Returns the part of a rejected text that is safe and short enough to show in an error.
fn shown(text: &str) -> String {
    text.chars().take(ID_LEN_MAX).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Returns the id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                if is_id(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(InvalidId { kind: $kind, text: shown(text) })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

id! {
    /// The id of a run: a UUIDv7 in its text form.
    RunId, "run id"
}
id! {
    /// The name of a session: continuing context across runs. Given by the user, or the id of the run that began it.
    SessionId, "session id"
}
id! {
    /// The name of an agent in the catalog.
    AgentName, "agent name"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_are_ids() {
        for text in ["a", "haiku-general", "0", "a_b-9", &"x".repeat(64)] {
            assert_eq!(text.parse::<SessionId>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn a_name_that_could_leave_its_directory_is_refused() {
        for text in
            ["", "..", "../x", "a/b", "a\\b", "A", "-x", "_x", "a b", "a\0", "é", "a.b", &"x".repeat(65)]
        {
            assert!(text.parse::<SessionId>().is_err(), "{text:?}");
            assert!(serde_json::from_value::<SessionId>(serde_json::json!(text)).is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_error_never_carries_control_characters() {
        let error = "\u{1b}[31mred".parse::<RunId>().unwrap_err().to_string();
        assert!(!error.chars().any(char::is_control), "{error:?}");
    }
}
