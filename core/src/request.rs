//! A request: what the user asked, where it came from, and what was fixed beforehand.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::agent::Tier;
use crate::conversation::Context;
use crate::ids::AgentName;
use crate::routing_context::RoutingContext;

/// Which face a request came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The command line.
    Cli,
    /// A hook of an interactive session.
    Hook,
}

/// Whose words a request has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Speaker {
    /// The user's own.
    #[default]
    Person,
    /// A model's, such as what it tells a subagent. They choose nothing: a mark or "use opus" in them is text.
    Model,
}

/// What the user fixed by structured means (flags), as opposed to words in the text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overrides {
    /// `--tier`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
    /// `--agent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentName>,
}

impl Overrides {
    /// Returns whether anything was fixed.
    pub fn are_given(&self) -> bool {
        self.tier.is_some() || self.agent.is_some()
    }
}

/// How scarce the quotas are that the work would use: 0 is plenty, 1 is almost nothing left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "f64", into = "f64")]
pub struct QuotaPressure(f64);

impl From<f64> for QuotaPressure {
    fn from(share: f64) -> QuotaPressure {
        QuotaPressure::new(share)
    }
}

impl From<QuotaPressure> for f64 {
    fn from(pressure: QuotaPressure) -> f64 {
        pressure.share()
    }
}

impl QuotaPressure {
    /// Creates a pressure; a value outside 0 to 1 is clamped, and NaN becomes 0.
    pub fn new(share: f64) -> QuotaPressure {
        QuotaPressure(if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) })
    }

    /// Returns whether there is no pressure.
    pub fn is_none(&self) -> bool {
        self.0 == 0.0
    }

    /// Returns it as a number from 0 to 1.
    pub fn share(self) -> f64 {
        self.0
    }
}

/// The arbiter's vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LlmVote {
    /// The haiku tier.
    Haiku,
    /// The sonnet tier.
    Sonnet,
    /// The opus tier.
    Opus,
    /// The user must be asked first.
    Ask,
}

impl LlmVote {
    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            LlmVote::Haiku => "haiku",
            LlmVote::Sonnet => "sonnet",
            LlmVote::Opus => "opus",
            LlmVote::Ask => "ask",
        }
    }

    /// Returns the tier that it names.
    pub fn tier(self) -> Option<Tier> {
        match self {
            LlmVote::Haiku => Some(Tier::Haiku),
            LlmVote::Sonnet => Some(Tier::Sonnet),
            LlmVote::Opus => Some(Tier::Opus),
            LlmVote::Ask => None,
        }
    }

    /// Reads the arbiter's answer: a single word and nothing else. An explanation is not an answer.
    pub fn read(answer: &str) -> Option<LlmVote> {
        let word = answer.trim().trim_matches(['.', '"', '\'', '`', '*']).to_lowercase();
        [LlmVote::Haiku, LlmVote::Sonnet, LlmVote::Opus, LlmVote::Ask]
            .into_iter()
            .find(|known| known.as_str() == word)
    }
}

/// What the user asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The words, unchanged. Not empty, and free of NUL.
    text: String,
    /// Which face it came through.
    pub origin: Origin,
    /// Whose words they are.
    pub speaker: Speaker,
    /// What was fixed by flags.
    pub overrides: Overrides,
    /// What the agent already knows.
    pub context: Context,
    /// How scarce quotas are; moves doubtful requests to cheaper tiers.
    pub pressure: QuotaPressure,
    /// The arbiter's vote, if one was asked for.
    pub llm_vote: Option<LlmVote>,
    /// What the rules of policy files may consider besides the words.
    pub routing_context: RoutingContext,
}

/// Why a text is not a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Nothing but whitespace.
    #[error("the prompt is empty")]
    Empty,
    /// A NUL character, which no command line or text tool carries faithfully.
    #[error("the prompt has a NUL character at byte {at}")]
    Nul {
        /// The byte offset.
        at: usize,
    },
}

impl Request {
    /// Creates a request from words of a session; `None` if there are none. A NUL means nothing to a router and must not keep
    /// it from deciding.
    pub fn of_session(words: &str) -> Option<Request> {
        Request::new(words.replace('\0', " "), Origin::Hook, Overrides::default()).ok()
    }

    /// Creates a request from a text that has words and no NUL.
    pub fn new(text: String, origin: Origin, overrides: Overrides) -> Result<Request, RequestError> {
        if let Some(at) = text.bytes().position(|b| b == 0) {
            return Err(RequestError::Nul { at });
        }
        if text.trim().is_empty() {
            return Err(RequestError::Empty);
        }
        Ok(Request {
            text,
            origin,
            speaker: Speaker::Person,
            overrides,
            context: Context::Fresh,
            pressure: QuotaPressure::default(),
            llm_vote: None,
            routing_context: RoutingContext::default(),
        })
    }

    /// Returns the words, unchanged.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the hash that stands for the words where the words must not appear: sha256, first 16 hex digits.
    ///
    /// This is the predecessor's `request_hash`, so that old and new metrics can be joined.
    pub fn hash(&self) -> String {
        request_hash(&self.text)
    }

    /// Returns a hash that reveals nothing without the key: blake3, first 16 hex digits.
    pub fn keyed_hash(&self, key: &[u8; 32]) -> String {
        blake3::keyed_hash(key, self.text.as_bytes()).to_hex()[..16].to_owned()
    }
}

/// Returns the sha256 of the text, first 16 hex digits.
pub fn request_hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(8).map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_hash_is_the_predecessors() {
        // printf 'hello' | sha256sum
        assert_eq!(request_hash("hello"), "2cf24dba5fb0a30e");
    }

    #[test]
    fn a_prompt_without_words_or_with_nul_is_refused() {
        let make = |text: &str| Request::new(text.to_owned(), Origin::Cli, Overrides::default());
        assert_eq!(make(" \n").unwrap_err(), RequestError::Empty);
        assert_eq!(make("a\0b").unwrap_err(), RequestError::Nul { at: 1 });
        assert!(make("--help me").is_ok());
    }
}
