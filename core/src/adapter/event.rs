//! What an agent's output says, in our words.

use serde::{Deserialize, Serialize};

use crate::run::tokens::Tokens;

/// One fact from an agent's output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum AgentEvent {
    /// The agent has begun.
    Started {
        /// The agent's own session id.
        session_id: Option<String>,
        /// The model that the session starts with. A claim: see `Served` for what answered.
        model: Option<String>,
        /// The CLI's version.
        cli_version: Option<String>,
        /// Where the CLI says it found its key (`none` on a subscription login).
        api_key_source: Option<String>,
    },
    /// A complete piece of text from the main thread.
    Text {
        /// The text.
        text: String,
    },
    /// The next characters of a text that will come again whole, for people who watch.
    TextDelta {
        /// The characters.
        text: String,
    },
    /// The agent calls a tool.
    ToolUse {
        /// The tool's name.
        name: String,
        /// Whether a subagent calls it.
        subagent: bool,
    },
    /// A main-thread answer came from this model.
    Served {
        /// The model's name, as the API gave it.
        model: String,
    },
    /// The CLI switched to the fallback model that it was started with.
    ModelFallback {
        /// The model that was asked for.
        from: String,
        /// The model that goes on.
        to: String,
    },
    /// The API call failed and the CLI says what it was.
    ApiError {
        /// The CLI's word for it, such as `rate_limit` or `authentication_failed`.
        kind: String,
        /// The HTTP status.
        status: Option<u16>,
    },
    /// The account's limits, as the server reported them.
    RateLimit(RateLimit),
    /// A background task began: the agent is not done before it ends.
    TaskOpened {
        /// The task's id.
        id: String,
    },
    /// A background task ended.
    TaskClosed {
        /// The task's id.
        id: String,
    },
    /// A tool was not allowed.
    PermissionDenied {
        /// The tool's name.
        tool: String,
    },
    /// The running sum of what one API call used, before the result says it for good.
    Usage {
        /// The call's id: a later usage of the same call replaces the earlier one. `None`: the newest call.
        message_id: Option<String>,
        /// The model that is billed.
        model: Option<String>,
        /// What it used so far.
        tokens: Tokens,
    },
    /// The agent's turn is over.
    Result(Box<AgentResult>),
    /// Nothing that anybody waits for, but a sign of life (tool results, progress, thinking).
    Alive,
    /// A line of a kind that this version does not know. Kept, never fatal.
    Unknown {
        /// What the line calls itself.
        kind: String,
        /// The line, cut to a bound.
        raw: String,
    },
}

/// What the server said about the account's limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RateLimit {
    /// `allowed`, `allowed_warning` or `rejected`.
    pub status: String,
    /// When the named window starts anew, seconds since 1970.
    pub resets_at: Option<i64>,
    /// Which window: `five_hour`, `seven_day`, …
    pub window: Option<String>,
    /// How much of the window is used, 0 to 1.
    pub utilization: Option<f64>,
}

impl RateLimit {
    /// Tells whether the request was turned away.
    pub fn is_rejected(&self) -> bool {
        self.status == "rejected"
    }
}

/// The agent's own account of a finished turn.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AgentResult {
    /// The CLI's word for the kind of end. Not to be trusted alone: an API error says `success`.
    pub subtype: String,
    /// Whether the CLI calls it an error.
    pub is_error: bool,
    /// The answer, or the error's text.
    pub text: Option<String>,
    /// How many turns the agent took; 0 when a hook stopped the prompt.
    pub turn_count: Option<u32>,
    /// Why the turn ended, in the CLI's words.
    pub terminal_reason: Option<String>,
    /// Why the model stopped.
    pub stop_reason: Option<String>,
    /// The HTTP status of the failed API call.
    pub api_error_status: Option<u16>,
    /// The CLI's finer word for an API error, such as `usage_limit_reached`.
    pub api_error: Option<String>,
    /// The tools that were not allowed.
    pub denied_tools: Vec<String>,
    /// Messages about an error that has no text.
    pub errors: Vec<String>,
    /// The agent's session.
    pub session_id: Option<String>,
    /// What the agent reports to have cost, in US dollars.
    pub cost: ReportedCost,
    /// What was used, over all models and subagents.
    pub tokens: Tokens,
}

/// The cost that a result line reports, and over what it was summed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "over", content = "usd")]
pub enum ReportedCost {
    /// None was reported.
    #[default]
    None,
    /// Since the last result line of this process: shares add up.
    SinceLastResult(f64),
    /// Since the process began: the last one counts.
    Invocation(f64),
}
