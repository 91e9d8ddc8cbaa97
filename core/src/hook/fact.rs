//! What hooks record: past-tense facts, each with the ids by which the CLI pairs them. Never the words of a prompt.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::delegation::{Disposition, PersonSaid, Target};
use super::prompt::{Action, LeftBecause};
use super::transcript::{Part, TranscriptSummary};
use crate::ids::{RunId, SessionId};
use crate::mode::Mode;
use crate::route::Route;

/// The version of the persisted form. Readers accept equal and older ones; fields are only ever added.
pub const FACT_VERSION: u32 = 1;

/// One fact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HookFact {
    /// The version of the form.
    pub version: u32,
    /// A UUIDv7: a fact that is imported twice is still one fact.
    pub id: RunId,
    /// When it was recorded.
    pub at: Timestamp,
    /// The CLI's session.
    pub session: SessionId,
    /// The current prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_id: Option<String>,
    /// The root of the project.
    pub project_root: String,
    /// The session's mode; absent means off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Why this mode.
    pub mode_because: String,
    /// Whether the session is part of the experiment.
    #[serde(default)]
    pub is_experiment: bool,
    /// How long the hook's process had been running, in microseconds.
    pub hook_us: u64,
    /// What happened.
    #[serde(flatten)]
    pub what: HookEvent,
}

/// What can be recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum HookEvent {
    /// A prompt was routed. The name is the predecessor's `routing_recommendation`.
    RoutingRecommendation(Box<Recommendation>),
    /// A prompt was left alone.
    PromptLeft {
        /// Why.
        because: LeftBecause,
    },
    /// The main model handed work to a subagent, or wanted to.
    Delegation(Box<Delegation>),
    /// The delegating tool returned: with the subagent's answer, or with the notice that it runs in the background.
    DelegationReturned {
        /// The delegation.
        tool_use_id: String,
        /// The subagent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent_id: Option<String>,
        /// Whether the subagent is still running.
        is_background: bool,
        /// How long the tool took.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        duration_ms: Option<u64>,
    },
    /// A subagent began.
    SubagentStarted {
        /// The subagent.
        agent_id: String,
        /// Its kind.
        agent_type: String,
    },
    /// A subagent ended.
    SubagentEnded {
        /// The subagent.
        agent_id: String,
        /// Its kind.
        agent_type: String,
        /// The delegation that it came from, according to the CLI's own records.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tool_use_id: Option<String>,
        /// What ran; absent if the transcript could not be read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ran: Option<TranscriptSummary>,
        /// Where the transcript is. The CLI may still be writing it when its hook runs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        transcript: Option<PathBuf>,
        /// Whether all of it was there, so that nothing needs to read it again.
        #[serde(default)]
        is_whole: bool,
    },
    /// The main model finished its turn.
    TurnEnded {
        /// What ran; absent if the transcript could not be read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ran: Option<TranscriptSummary>,
        /// Where the transcript is. The CLI may still be writing it when its hook runs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        transcript: Option<PathBuf>,
        /// Whether all of it was there, so that nothing needs to read it again.
        #[serde(default)]
        is_whole: bool,
    },
    /// A session began or continued.
    SessionStarted {
        /// How, in the CLI's word.
        source: String,
    },
    /// A session ended or was compacted: what ran in it so far.
    SessionSummary {
        /// `end` or `compact`.
        moment: String,
        /// Why, in the CLI's word.
        reason: String,
        /// What the main model ran; absent if the transcript could not be read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ran: Option<TranscriptSummary>,
        /// Where the transcript is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        transcript: Option<PathBuf>,
    },
}

/// What was recommended for a prompt, and what was done about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recommendation {
    /// The hash of the words.
    pub request_hash: String,
    /// The route.
    pub route: Route,
    /// What the user said beforehand.
    pub said: PersonSaid,
    /// What was done.
    pub action: Action,
    /// The approximate number of tokens that the directive took.
    pub directive_tokens: u32,
    /// The run that took over the prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<RunId>,
}

/// A delegation: what was asked for, and what was done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delegation {
    /// The delegation.
    pub tool_use_id: String,
    /// The subagent that delegates, if it is not the main model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_agent_id: Option<String>,
    /// What the main model named.
    pub asked: Target,
    /// The route of the subagent's own prompt.
    pub route: Route,
    /// What was done.
    #[serde(flatten)]
    pub done: Disposition,
}

impl HookEvent {
    /// Returns the name of its kind, as in the persisted form.
    pub fn kind(&self) -> &'static str {
        match self {
            HookEvent::RoutingRecommendation(_) => "routing_recommendation",
            HookEvent::PromptLeft { .. } => "prompt_left",
            HookEvent::Delegation(_) => "delegation",
            HookEvent::DelegationReturned { .. } => "delegation_returned",
            HookEvent::SubagentStarted { .. } => "subagent_started",
            HookEvent::SubagentEnded { .. } => "subagent_ended",
            HookEvent::TurnEnded { .. } => "turn_ended",
            HookEvent::SessionStarted { .. } => "session_started",
            HookEvent::SessionSummary { .. } => "session_summary",
        }
    }
}

impl HookFact {
    /// Returns the transcript that shows what ran, and which part of it.
    pub fn source(&self) -> Option<(&Path, Part<'_>)> {
        match &self.what {
            HookEvent::SubagentEnded { transcript: Some(path), .. } => Some((path, Part::All)),
            HookEvent::TurnEnded { transcript: Some(path), .. } => {
                Some((path, Part::Prompt(self.prompt_id.as_deref()?)))
            }
            HookEvent::SessionSummary { transcript: Some(path), .. } => Some((path, Part::Session)),
            _ => None,
        }
    }

    /// Returns what ran, as far as it is known.
    pub fn ran(&self) -> Option<&TranscriptSummary> {
        match &self.what {
            HookEvent::SubagentEnded { ran, .. }
            | HookEvent::TurnEnded { ran, .. }
            | HookEvent::SessionSummary { ran, .. } => ran.as_ref(),
            _ => None,
        }
    }

    /// Returns whether it is not known at all what ran, and may still become known.
    pub fn is_blank(&self) -> bool {
        self.is_open() && self.ran().is_none_or(|ran| ran.answers == 0)
    }

    /// Declares that reading the transcript again will not show more.
    pub fn settle(&mut self) {
        if let HookEvent::SubagentEnded { is_whole, .. } | HookEvent::TurnEnded { is_whole, .. } =
            &mut self.what
        {
            *is_whole = true;
        }
    }

    /// Returns whether reading the transcript again may show more.
    pub fn is_open(&self) -> bool {
        match &self.what {
            HookEvent::SubagentEnded { is_whole, .. } | HookEvent::TurnEnded { is_whole, .. } => !is_whole,
            _ => false,
        }
    }

    /// Updates what ran with a newer reading, unless that knows less. `last_message` is the last message according to
    /// the CLI.
    pub fn enrich(&mut self, found: TranscriptSummary, last_message: Option<&str>) {
        let known = self.ran().map_or(0, |ran| ran.answers + ran.failures);
        let is_all = last_message.is_some_and(|said| {
            found.last_text.as_deref().is_some_and(|text| text.trim_end() == said.trim_end())
        });
        if found.answers + found.failures < known {
            return;
        }
        match &mut self.what {
            HookEvent::SubagentEnded { ran, is_whole, .. } | HookEvent::TurnEnded { ran, is_whole, .. } => {
                *ran = Some(found);
                *is_whole |= is_all;
            }
            HookEvent::SessionSummary { ran, .. } => *ran = Some(found),
            _ => {}
        }
    }
}
