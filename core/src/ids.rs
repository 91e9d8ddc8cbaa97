//! Names and ids: newtypes that can only hold a safe text.
//!
//! Every id may become part of a file name, an environment value or an argument, so all of them share one narrow
//! alphabet and are checked where they enter.

pub mod short;

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

/// The id of a session of an agent's own CLI: a UUID in its text form.
///
/// An agent may say anything, and its session's id goes on a command line: nothing but a UUID is one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AgentSessionId(String);

impl AgentSessionId {
    /// Returns the nil UUID: it stands for an id that is not made yet.
    pub fn nil() -> AgentSessionId {
        AgentSessionId("00000000-0000-0000-0000-000000000000".to_owned())
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads an optional recorded id. What an older version recorded that is no UUID is no session to go on with.
    pub fn recorded<'de, D: serde::Deserializer<'de>>(source: D) -> Result<Option<Self>, D::Error> {
        Ok(Option::<String>::deserialize(source)?.and_then(|text| text.parse().ok()))
    }
}

impl FromStr for AgentSessionId {
    type Err = InvalidAgentSessionId;
    fn from_str(text: &str) -> Result<Self, InvalidAgentSessionId> {
        let fits = |(at, c): (usize, char)| match at {
            8 | 13 | 18 | 23 => c == '-',
            _ => c.is_ascii_hexdigit(),
        };
        let is_uuid = text.len() == 36 && text.chars().enumerate().all(fits);
        if is_uuid { Ok(Self(text.to_owned())) } else { Err(InvalidAgentSessionId) }
    }
}

impl TryFrom<String> for AgentSessionId {
    type Error = InvalidAgentSessionId;
    fn try_from(text: String) -> Result<Self, InvalidAgentSessionId> {
        text.parse()
    }
}

impl From<AgentSessionId> for String {
    fn from(id: AgentSessionId) -> String {
        id.0
    }
}

impl fmt::Display for AgentSessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Why a text is not the id of an agent's session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the id of an agent's session is not a UUID")]
pub struct InvalidAgentSessionId;

/// The longest id of a part of a stream that is accepted, in bytes. Real ones have about thirty.
const STREAM_ID_LEN_MAX: usize = 128;

/// The id that a stream gives to one of its parts: a message, a tool call, a task. Only compared, never shown or stored.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamId(String);

impl FromStr for StreamId {
    type Err = InvalidStreamId;
    fn from_str(text: &str) -> Result<Self, InvalidStreamId> {
        let fits =
            (1..=STREAM_ID_LEN_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        if fits { Ok(Self(text.to_owned())) } else { Err(InvalidStreamId) }
    }
}

/// Why a text is not the id of a part of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the id of a part of a stream is 1 to {STREAM_ID_LEN_MAX} visible ASCII characters")]
pub struct InvalidStreamId;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_uuid_is_the_id_of_an_agents_session() {
        let uuid = "0190a1B2-c3d4-7e5f-8a9b-0c1d2e3f4a5b";
        assert_eq!(uuid.parse::<AgentSessionId>().unwrap().as_str(), uuid);
        for text in [
            "",
            "--dangerously-skip-permissions",
            "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5",
            "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b ",
            "0190a1b2c3d4-7e5f-8a9b-0c1d2e3f4a5b--",
            "{190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5}",
            "０190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a",
        ] {
            assert!(text.parse::<AgentSessionId>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_id_of_a_part_of_a_stream_is_short_and_visible() {
        for text in ["toolu_01AbC", "msg_1", "call:0", "a", &"x".repeat(128)] {
            assert!(text.parse::<StreamId>().is_ok(), "{text:?}");
        }
        for text in ["", "a b", "a\n", "é", "\u{1b}[31m", &"x".repeat(129)] {
            assert!(text.parse::<StreamId>().is_err(), "{text:?}");
        }
    }

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
