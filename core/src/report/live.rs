//! A run as it happens: the lines of `run -o jsonl` and `runs logs`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::adapter::event::RateLimit;
use crate::ids::{AgentSessionId, RunId};
use crate::run::event::RunEvent;

/// One line of the event stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// The version of this form.
    pub schema_version: u32,
    /// Whether the scripted agent plays the run.
    pub rehearsal: bool,
    /// A fact of the run's log, or something that is only seen live.
    #[serde(flatten)]
    pub body: Body,
}

/// The content of a line. Both kinds have `run_id`, `at` and `type`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Body {
    /// A fact of the run's log.
    Fact(Box<RunEvent>),
    /// Something seen live.
    Live(LiveEvent),
}

/// Something that is seen live and not recorded in the ledger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LiveEvent {
    /// The run.
    pub run_id: RunId,
    /// When it was seen.
    pub at: Timestamp,
    /// What was seen.
    #[serde(flatten)]
    pub seen: LiveDetail,
}

/// What can be seen of an agent at work. Secrets are redacted from all text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum LiveDetail {
    /// The agent's CLI began its session and named its version.
    AgentStarted {
        /// The agent's own session id.
        #[serde(deserialize_with = "AgentSessionId::recorded", default)]
        agent_session_id: Option<AgentSessionId>,
        /// The version that the CLI reports.
        cli_version: Option<String>,
        /// Where the CLI says it found its key.
        api_key_source: Option<String>,
    },
    /// The next words of the answer as they are written, by whole lines, so that a secret is never shown in halves.
    TextDelta {
        /// The characters.
        text: String,
    },
    /// A complete piece of the main thread's text.
    Text {
        /// The text.
        text: String,
    },
    /// The agent calls a tool.
    ToolUse {
        /// The tool's name.
        tool: String,
        /// What it is called with, in one line: the command, the file, the address.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        what: String,
        /// Whether a subagent calls it.
        subagent: bool,
    },
    /// A tool was not allowed.
    PermissionDenied {
        /// The tool's name.
        tool: String,
        /// What it was called with, in one line.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        what: String,
    },
    /// A model answered in the main thread, for the first time in this attempt.
    ModelServed {
        /// The model's name.
        model: String,
    },
    /// The CLI switched to its fallback model.
    ModelFallback {
        /// The model that was asked for.
        from: String,
        /// The model that takes over.
        to: String,
    },
    /// The server's report about the account's limits.
    RateLimit(RateLimit),
    /// An API call failed. The CLI may go on.
    ApiError {
        /// How it failed: `login`, `login_renewing`, `account_limit`, `billing`, `too_many_requests`, `overloaded`,
        /// `bad_request`, `output_limit`, `refusal`, `service`.
        kind: String,
        /// The HTTP status.
        status: Option<u16>,
    },
    /// A line of a kind that this version does not know. Never fatal.
    UnknownAgentEvent {
        /// What the line calls itself.
        kind: String,
        /// The line, cut to a bound.
        raw: String,
    },
    /// The user's own check of the work runs.
    Verifying {
        /// The command.
        command: String,
    },
    /// Something that people should hear, from pointsman itself.
    Notice {
        /// The sentence.
        text: String,
    },
}
