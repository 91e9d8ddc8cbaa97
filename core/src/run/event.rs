//! The log of a run: past-tense facts, each written once and never changed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::end::StopCause;
use super::outcome::{Flag, Outcome, Verdict};
use super::tools::Denied;
use super::verify::Verification;
use crate::agent::{PermissionMode, Tier};
use crate::agent_env::Payer;
use crate::changes::Changes;
use crate::conversation::Context;
use crate::error_code::{self, ErrorCode};
use crate::ids::{AgentName, AgentSessionId, RunId, SessionId};
use crate::mode::Mode;
use crate::request::{LlmVote, Origin, Overrides, QuotaPressure};
use crate::route::Route;
use crate::usage::Tokens;

/// The version of the persisted form. Readers accept equal and older ones; fields are only ever added.
pub const EVENT_VERSION: u32 = 1;

/// One entry of a run's log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunEvent {
    /// The run.
    pub run_id: RunId,
    /// The position in the run's log, from 1, without gaps.
    pub seq: u32,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub fact: Fact,
}

/// What can happen to a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum Fact {
    /// Somebody asked.
    Requested(Requested),
    /// It was decided who does it.
    Routed {
        /// What `pointsman route -o json` prints. Where a person chose the tier or the agent, `own` has what the router
        /// would have decided.
        route: Route,
    },
    /// The user approved a route that asks first.
    Approved {
        /// How the approval was given: `--approve` or `terminal`.
        by: String,
    },
    /// A process was about to be spawned.
    AttemptStarted(AttemptStarted),
    /// The process ended and was judged.
    AttemptEnded(Box<AttemptEnded>),
    /// The run began to wait.
    Waiting {
        /// Until when.
        until: Timestamp,
        /// What it waits for: `backoff`, `quota` or `breaker`.
        why: WaitReason,
    },
    /// The run is over. Nothing follows.
    Finished {
        /// The verdict on the whole run.
        verdict: Verdict,
        /// Why it ended badly; missing in older logs.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "error_code::if_known")]
        code: Option<ErrorCode>,
        /// The exit code of the verb that waited for it.
        exit_code: u8,
        /// One sentence that explains it to the user.
        reason: String,
        /// What the user can do next.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
        /// When it makes sense to try again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        resets_at: Option<Timestamp>,
        /// What changed in the project meanwhile; absent if nothing was looked at.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        changes: Option<Changes>,
    },
}

impl Fact {
    /// Returns the fact's name, as in the log.
    pub fn kind(&self) -> &'static str {
        match self {
            Fact::Requested(_) => "requested",
            Fact::Routed { .. } => "routed",
            Fact::Approved { .. } => "approved",
            Fact::AttemptStarted(_) => "attempt_started",
            Fact::AttemptEnded(_) => "attempt_ended",
            Fact::Waiting { .. } => "waiting",
            Fact::Finished { .. } => "finished",
        }
    }
}

/// What a run waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitReason {
    /// A temporary failure: the next attempt is made later.
    Backoff,
    /// The account's limit: the run waits for its reset.
    Quota,
    /// The breaker of the agent is open.
    Breaker,
}

impl WaitReason {
    /// Returns the reason's name.
    pub fn as_str(self) -> &'static str {
        match self {
            WaitReason::Backoff => "backoff",
            WaitReason::Quota => "quota",
            WaitReason::Breaker => "breaker",
        }
    }
}

/// What was requested, and under which conditions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Requested {
    /// The version of this log's form.
    pub version: u32,
    /// sha256 of the words, first 16 hex digits.
    pub request_hash: String,
    /// The words, secrets redacted: in the ledger only, and not even there if prompts are not stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// The session.
    pub session_id: SessionId,
    /// The project directory.
    pub project_root: String,
    /// Which face it came through.
    pub origin: Origin,
    /// The routing mode.
    pub mode: Mode,
    /// Whether the scripted agent plays it. In a line of the event stream, `rehearsal` is a field of the line itself.
    #[serde(default, rename = "rehearsed", alias = "rehearsal")]
    pub rehearsal: bool,
    /// What was fixed by flags.
    #[serde(default)]
    pub overrides: Overrides,
    /// How scarce quotas were; absent if there was no pressure.
    #[serde(default, skip_serializing_if = "QuotaPressure::is_none")]
    pub quota_pressure: QuotaPressure,
    /// What the agent already knew; absent if the words stood alone.
    #[serde(default, skip_serializing_if = "Context::is_fresh")]
    pub context: Context,
    /// The arbiter's vote, if one was asked for.
    #[serde(default, rename = "judges_word", skip_serializing_if = "Option::is_none")]
    pub llm_vote: Option<LlmVote>,
}

/// A process that was about to be spawned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttemptStarted {
    /// The attempt's number in the run, from 1.
    pub attempt: u32,
    /// The agent.
    pub agent: AgentName,
    /// Its tier.
    pub tier: Tier,
    /// The model that the CLI was told to use.
    pub model_requested: String,
    /// Why this attempt is made: `start`, `retry`, `escalate` or `fall_back`.
    pub why: AttemptReason,
    /// The agent session that it begins or resumes.
    #[serde(deserialize_with = "AgentSessionId::recorded", default)]
    pub agent_session_id: Option<AgentSessionId>,
    /// Whether it continues an earlier attempt's agent session.
    #[serde(default)]
    pub resumed: bool,
    /// The permission mode that the CLI was given, if it has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permission_mode: Option<PermissionMode>,
    /// The expected payer.
    #[serde(default)]
    pub payer: Payer,
    /// The host that requests are sent to, if it is not the vendor's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<String>,
}

/// Why an attempt is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptReason {
    /// The first one.
    Start,
    /// The same agent again.
    Retry,
    /// One tier up.
    Escalate,
    /// Another agent, because the first one is unavailable.
    FallBack,
}

/// A process that ended, and the judgement of its attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttemptEnded {
    /// The attempt's number.
    pub attempt: u32,
    /// The outcome, by its name.
    pub outcome: Outcome,
    /// What else is worth knowing.
    #[serde(default)]
    pub flags: Vec<Flag>,
    /// Why the outcome is what it is, in one sentence.
    pub detail: String,
    /// The exit code, if the process ended by itself.
    pub exit_code: Option<i32>,
    /// The signal that ended the process.
    #[serde(default)]
    pub signal: Option<i32>,
    /// Why we stopped it ourselves, if we did.
    #[serde(default)]
    pub stopped: Option<StopCause>,
    /// The models that really answered in the main thread.
    pub models_served: Vec<String>,
    /// The tokens that it used.
    pub tokens: Tokens,
    /// What the agent reports as its cost.
    pub cost_reported_usd: Option<f64>,
    /// What we estimate if nothing final was reported.
    pub cost_estimated_usd: Option<f64>,
    /// The agent's session, to be resumed.
    #[serde(deserialize_with = "AgentSessionId::recorded", default)]
    pub agent_session_id: Option<AgentSessionId>,
    /// The time from spawn to end, in milliseconds.
    pub duration_ms: u64,
    /// The answer, secrets redacted, cut to a bound; absent if prompts are not stored.
    pub answer: Option<String>,
    /// When the limit that was hit resets.
    pub resets_at: Option<Timestamp>,
    /// Whether any model answered: then there is an agent session that can be resumed, and a stronger tier may do
    /// better.
    #[serde(default)]
    pub progressed: bool,
    /// Whether the CLI itself says that the failure will pass in a moment.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub passes_soon: bool,
    /// The tool calls that were not allowed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub denied: Vec<Denied>,
    /// MCP servers that failed to start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub servers_failed: Vec<String>,
    /// The payer, if the agent reports another one than was expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payer: Option<Payer>,
    /// How many lines of output could not be read.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unreadable_lines: u64,
    /// About how many tokens the conversation holds: the most of one call.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub context_tokens: u64,
    /// The user's own check of the work, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<Verification>,
}

impl AttemptEnded {
    /// Returns what the attempt cost in US dollars: the reported figure, or the estimated one if that is higher.
    ///
    /// There is an estimate beside a report only if the process was ended in the middle of a turn.
    pub fn cost_usd(&self) -> Option<f64> {
        let figures = [self.cost_reported_usd, self.cost_estimated_usd];
        figures.into_iter().flatten().reduce(f64::max)
    }
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}
