//! Flags of an agent's CLI that a user passes on, as data.

use serde::{Deserialize, Serialize};

/// Flags to pass on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedFlags {
    /// Each with its value as one argument, `--effort=high`: a value never becomes a flag.
    pub args: Vec<String>,
    /// What is added to the system prompt, behind our contract: the CLI takes one text or file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_prompt: Option<String>,
    /// Whether the agent can touch more than its project with them.
    #[serde(default)]
    pub widens_reach: bool,
}

impl PassedFlags {
    /// Returns whether nothing is passed on.
    pub fn is_empty(&self) -> bool {
        self.args.is_empty() && self.system_prompt.is_none()
    }
}

/// Why a word is not passed on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotPassed {
    /// We set it ourselves, or it would break what we rely on.
    #[error("`{flag}` is not passed on: {instead}")]
    Ours {
        /// The flag.
        flag: String,
        /// What to do instead.
        instead: &'static str,
    },
    /// It is not among those that are known to be safe.
    #[error("`{flag}` is not passed on")]
    Unknown {
        /// The flag.
        flag: String,
    },
    /// A flag lacks its value.
    #[error("`{flag}` lacks its value")]
    NoValue {
        /// The flag.
        flag: String,
    },
    /// The agent's CLI has no flags that are known.
    #[error("flags are passed on to Claude Code alone")]
    NotThere,
    /// A word that belongs to no flag.
    #[error("`{word}` belongs to no flag")]
    Stray {
        /// The word.
        word: String,
    },
}
