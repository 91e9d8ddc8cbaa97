//! One run as a value: the contract of `run -o json` and `runs show -o json`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::agent::{PermissionMode, Tier};
use crate::agent_env::Payer;
use crate::changes::Changes;
use crate::error_code::{self, ErrorCode};
use crate::ids::{AgentName, AgentSessionId, RunId, SessionId, short};
use crate::mode::Mode;
use crate::route::Route;
use crate::run::event::{AttemptReason, Requested};
use crate::run::outcome::{Flag, Outcome, Verdict};
use crate::run::state::{Attempt, Phase, RunState};
use crate::run::tools::Denied;
use crate::run::verify::Verification;
use crate::usage::Tokens;

/// The version of every JSON that this program prints. Fields are added freely, never changed.
pub const SCHEMA_VERSION: u32 = 1;

/// A run, for output as text and JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// The version of this form.
    pub schema_version: u32,
    /// The run.
    pub run_id: RunId,
    /// Its short form.
    #[serde(default)]
    pub short_id: String,
    /// The session.
    pub session_id: SessionId,
    /// The routing mode.
    pub mode: Mode,
    /// Whether the scripted agent played it.
    pub rehearsal: bool,
    /// The state: the verdict's name, or `running` and the like. Older than `phase` and `deferred`: `waiting` means
    /// here a run that waits, or one that ended because it would have to.
    pub state: String,
    /// The phase: `requested`, `ready`, `running`, `waiting` or `finished`.
    #[serde(default)]
    pub phase: String,
    /// Whether it ended because it would have had to wait.
    #[serde(default)]
    pub deferred: bool,
    /// The verdict, once there is one.
    pub verdict: Option<Verdict>,
    /// Why it ended badly: a code that has its own page.
    #[serde(default, deserialize_with = "error_code::if_known")]
    pub code: Option<ErrorCode>,
    /// The exit code of the verb that waited for it.
    pub exit_code: Option<u8>,
    /// The reason for the verdict, in one sentence.
    pub reason: Option<String>,
    /// What to do next.
    pub hint: Option<String>,
    /// When it makes sense to try again.
    pub resets_at: Option<Timestamp>,
    /// The usable answer, if there is one.
    pub answer: Option<String>,
    /// The decision.
    pub route: Option<RouteReport>,
    /// Whether a stronger tier was tried.
    pub escalated: bool,
    /// The attempts in order.
    pub attempts: Vec<AttemptReport>,
    /// When it was requested.
    pub created_at: Option<Timestamp>,
    /// When it finished.
    pub finished_at: Option<Timestamp>,
    /// What changed in the project meanwhile; `null` if that was not looked at.
    #[serde(default)]
    pub changes: Option<Changes>,
    /// The project directory.
    pub project_root: String,
    /// The hash of the request.
    pub request_hash: String,
}

/// A route as `route -o json` prints it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RouteReport {
    /// The version of this form.
    pub schema_version: u32,
    /// The caller's own id for the request; a run has none.
    pub id: Option<String>,
    /// The decision.
    #[serde(flatten)]
    pub route: Route,
}

impl RouteReport {
    /// Wraps a route for which the caller gave no id.
    pub fn new(route: Route) -> RouteReport {
        RouteReport { schema_version: SCHEMA_VERSION, id: None, route }
    }
}

/// One attempt, for output as text and JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttemptReport {
    /// The agent.
    pub agent: AgentName,
    /// Its tier.
    pub tier: Tier,
    /// Why it was made.
    pub why: AttemptReason,
    /// The model that the CLI was told to use.
    pub model_requested: String,
    /// The models that really answered.
    pub models_served: Vec<String>,
    /// The outcome; absent while it runs.
    pub outcome: Option<Outcome>,
    /// What else is worth knowing.
    pub flags: Vec<Flag>,
    /// Why the outcome is what it is.
    pub detail: Option<String>,
    /// The exit code, if the process ended by itself.
    pub exit_code: Option<i32>,
    /// The time from spawn to end.
    pub duration_ms: u64,
    /// The tokens that it used.
    pub tokens: Tokens,
    /// What it cost.
    pub cost_usd: Cost,
    /// The permission mode that the CLI was given, if it has any.
    #[serde(default)]
    pub permission_mode: Option<PermissionMode>,
    /// The payer.
    pub payer: Payer,
    /// The host that requests were sent to, if it is not the vendor's own.
    #[serde(default)]
    pub gateway: Option<String>,
    /// The agent's own session.
    pub agent_session_id: Option<AgentSessionId>,
    /// The tool calls that were not allowed.
    #[serde(default)]
    pub denied: Vec<Denied>,
    /// MCP servers that failed to start.
    #[serde(default)]
    pub servers_failed: Vec<String>,
    /// How many lines of output could not be read.
    #[serde(default)]
    pub unreadable_lines: u64,
    /// The user's own check of the work, if there was one.
    #[serde(default)]
    pub verification: Option<Verification>,
}

/// Two figures that must not be mixed: what the agent reports, and what we estimate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// What the agent reported, in US dollars.
    pub reported: Option<f64>,
    /// What we estimate if no report is final, in US dollars.
    pub estimated: Option<f64>,
}

impl Cost {
    /// Returns the figure that counts: the reported one, or the estimated one if that is higher.
    pub fn usd(self) -> Option<f64> {
        [self.reported, self.estimated].into_iter().flatten().reduce(f64::max)
    }
}

impl RunReport {
    /// Creates the report of a run. `answer` is the last attempt's text; it counts only if the run succeeded.
    pub fn new(run_id: &RunId, requested: &Requested, run: &RunState, answer: Option<String>) -> RunReport {
        let (verdict, code, exit_code, reason, hint, finished_at, resets_at) = match &run.phase {
            Phase::Finished { verdict, code, exit_code, reason, hint, at, resets_at } => (
                Some(*verdict),
                *code,
                Some(*exit_code),
                Some(reason.clone()),
                hint.clone(),
                Some(*at),
                *resets_at,
            ),
            Phase::Waiting { until, .. } => (None, None, None, None, None, None, Some(*until)),
            Phase::New | Phase::Requested | Phase::Ready | Phase::Running => {
                (None, None, None, None, None, None, None)
            }
        };
        RunReport {
            schema_version: SCHEMA_VERSION,
            run_id: run_id.clone(),
            short_id: short::short(run_id.as_str()),
            session_id: requested.session_id.clone(),
            mode: requested.mode,
            rehearsal: requested.rehearsal,
            state: run.recorded_word().to_owned(),
            phase: run.phase.name().to_owned(),
            deferred: verdict == Some(Verdict::Deferred),
            verdict,
            code,
            exit_code,
            reason,
            hint,
            resets_at,
            answer: answer.filter(|_| verdict == Some(Verdict::Succeeded)),
            route: run.route.clone().map(RouteReport::new),
            escalated: run.attempts.iter().any(|attempt| attempt.started.why == AttemptReason::Escalate),
            attempts: run.attempts.iter().map(AttemptReport::new).collect(),
            created_at: run.requested_at,
            finished_at,
            changes: run.changes.clone(),
            project_root: requested.project_root.clone(),
            request_hash: requested.request_hash.clone(),
        }
    }

    /// Returns the tokens that all attempts used.
    pub fn tokens(&self) -> Tokens {
        self.attempts.iter().fold(Tokens::default(), |sum, attempt| sum + attempt.tokens)
    }

    /// Returns what all attempts cost, by the figures that count.
    pub fn cost_usd(&self) -> Option<f64> {
        let costs = self.attempts.iter().filter_map(|attempt| attempt.cost_usd.usd());
        costs.fold(None, |sum: Option<f64>, cost| Some(sum.unwrap_or(0.0) + cost))
    }
}

impl AttemptReport {
    fn new(attempt: &Attempt) -> AttemptReport {
        let started = &attempt.started;
        let ended = attempt.ended.as_ref();
        AttemptReport {
            agent: started.agent.clone(),
            tier: started.tier,
            why: started.why,
            model_requested: started.model_requested.clone(),
            models_served: ended.map(|e| e.models_served.clone()).unwrap_or_default(),
            outcome: ended.map(|e| e.outcome),
            flags: ended.map(|e| e.flags.clone()).unwrap_or_default(),
            detail: ended.map(|e| e.detail.clone()),
            exit_code: ended.and_then(|e| e.exit_code),
            duration_ms: ended.map_or(0, |e| e.duration_ms),
            tokens: ended.map(|e| e.tokens).unwrap_or_default(),
            cost_usd: ended
                .map(|e| Cost { reported: e.cost_reported_usd, estimated: e.cost_estimated_usd })
                .unwrap_or_default(),
            payer: ended.and_then(|e| e.payer).unwrap_or(started.payer),
            permission_mode: started.permission_mode,
            gateway: started.gateway.clone(),
            denied: ended.map(|e| e.denied.clone()).unwrap_or_default(),
            servers_failed: ended.map(|e| e.servers_failed.clone()).unwrap_or_default(),
            unreadable_lines: ended.map_or(0, |e| e.unreadable_lines),
            verification: ended.and_then(|e| e.verification.clone()),
            agent_session_id: ended
                .and_then(|e| e.agent_session_id.clone())
                .or_else(|| started.agent_session_id.clone()),
        }
    }
}
