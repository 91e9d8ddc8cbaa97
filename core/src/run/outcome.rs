//! Judging one attempt: what its output and its end together mean.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::contract::{self, Breach, Nonce, Signal};
use super::end::{Exit, ProcessEnd, StopCause};
use crate::adapter::event::AgentResult;
use crate::adapter::transcript::Transcript;
use crate::agent::{Agent, Catalog};
use crate::error_code::ErrorCode;

/// The judgement of one attempt. The names are the ones in every record, report and test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A usable answer from the routed tier.
    Completed,
    /// A usable answer, but the main thread was served by another tier.
    ModelMismatch,
    /// The process ended without a result.
    NoResult,
    /// A result without an answer.
    EmptyAnswer,
    /// An answer that breaks the output contract.
    InvalidOutput,
    /// The limit of turns was reached.
    MaxTurns,
    /// The agent asked for a stronger tier through the typed channel.
    AskedEscalation,
    /// Tools were denied (or a hook refused the prompt) and the contract is not met.
    PermissionDenied,
    /// The whole attempt took too long.
    TimeoutWall,
    /// Silence for too long.
    TimeoutIdle,
    /// No first sign of life.
    TimeoutStartup,
    /// The service has too much to do.
    Overloaded,
    /// Too many requests in a short time.
    Throttled,
    /// Network, server or machine trouble.
    Infrastructure,
    /// The process that watched the agent went away.
    WorkerLost,
    /// The account's limit is used up until a known time.
    Quota,
    /// The cost limit was reached.
    Budget,
    /// The API refuses the request itself: too long, or an unknown model.
    InvalidRequest,
    /// The login is missing or refused.
    Auth,
    /// The account cannot pay.
    Billing,
    /// The agent's CLI is not there.
    AgentMissing,
    /// We stopped it because somebody wanted us to.
    Cancelled,
}

/// What follows from an outcome, as in the table of `docs/outcomes.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The answer is usable.
    Usable,
    /// A stronger tier may do better.
    Escalatable,
    /// Once more on the same tier.
    Timeout,
    /// Again later; not the agent's fault.
    Transient,
    /// Wait for the reset.
    Quota,
    /// Nothing that we could do again would help.
    Final,
}

impl Outcome {
    /// Every outcome, in the order of the documentation's table.
    pub const ALL: [Outcome; 22] = [
        Outcome::Completed,
        Outcome::ModelMismatch,
        Outcome::NoResult,
        Outcome::EmptyAnswer,
        Outcome::InvalidOutput,
        Outcome::MaxTurns,
        Outcome::AskedEscalation,
        Outcome::PermissionDenied,
        Outcome::TimeoutWall,
        Outcome::TimeoutIdle,
        Outcome::TimeoutStartup,
        Outcome::Overloaded,
        Outcome::Throttled,
        Outcome::Infrastructure,
        Outcome::WorkerLost,
        Outcome::Quota,
        Outcome::Budget,
        Outcome::InvalidRequest,
        Outcome::Auth,
        Outcome::Billing,
        Outcome::AgentMissing,
        Outcome::Cancelled,
    ];

    /// Returns the outcome's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Completed => "completed",
            Outcome::ModelMismatch => "model_mismatch",
            Outcome::NoResult => "no_result",
            Outcome::EmptyAnswer => "empty_answer",
            Outcome::InvalidOutput => "invalid_output",
            Outcome::MaxTurns => "max_turns",
            Outcome::AskedEscalation => "asked_escalation",
            Outcome::PermissionDenied => "permission_denied",
            Outcome::TimeoutWall => "timeout_wall",
            Outcome::TimeoutIdle => "timeout_idle",
            Outcome::TimeoutStartup => "timeout_startup",
            Outcome::Overloaded => "overloaded",
            Outcome::Throttled => "throttled",
            Outcome::Infrastructure => "infrastructure",
            Outcome::WorkerLost => "worker_lost",
            Outcome::Quota => "quota",
            Outcome::Budget => "budget",
            Outcome::InvalidRequest => "invalid_request",
            Outcome::Auth => "auth",
            Outcome::Billing => "billing",
            Outcome::AgentMissing => "agent_missing",
            Outcome::Cancelled => "cancelled",
        }
    }

    /// Returns what follows from it.
    pub fn class(self) -> Class {
        match self {
            Outcome::Completed | Outcome::ModelMismatch => Class::Usable,
            Outcome::NoResult
            | Outcome::EmptyAnswer
            | Outcome::InvalidOutput
            | Outcome::MaxTurns
            | Outcome::AskedEscalation => Class::Escalatable,
            Outcome::TimeoutWall | Outcome::TimeoutIdle | Outcome::TimeoutStartup => Class::Timeout,
            Outcome::Overloaded | Outcome::Throttled | Outcome::Infrastructure | Outcome::WorkerLost => {
                Class::Transient
            }
            Outcome::Quota => Class::Quota,
            Outcome::PermissionDenied
            | Outcome::Budget
            | Outcome::InvalidRequest
            | Outcome::Auth
            | Outcome::Billing
            | Outcome::AgentMissing
            | Outcome::Cancelled => Class::Final,
        }
    }

    /// Tells whether the attempt counts against the limit of attempts.
    pub fn consumes_attempt(self) -> bool {
        match self.class() {
            Class::Usable | Class::Escalatable | Class::Timeout => true,
            Class::Transient | Class::Quota => false,
            Class::Final => {
                matches!(self, Outcome::PermissionDenied | Outcome::Budget | Outcome::InvalidRequest)
            }
        }
    }

    /// Returns the code of a run that this outcome ended badly.
    pub fn error_code(self) -> Option<ErrorCode> {
        match self {
            Outcome::Completed => None,
            Outcome::ModelMismatch => Some(ErrorCode::ModelMismatch),
            Outcome::NoResult => Some(ErrorCode::NoResult),
            Outcome::EmptyAnswer => Some(ErrorCode::EmptyAnswer),
            Outcome::InvalidOutput => Some(ErrorCode::InvalidOutput),
            Outcome::MaxTurns => Some(ErrorCode::MaxTurns),
            Outcome::AskedEscalation => Some(ErrorCode::AskedEscalation),
            Outcome::PermissionDenied => Some(ErrorCode::PermissionDenied),
            Outcome::TimeoutWall => Some(ErrorCode::TimeoutWall),
            Outcome::TimeoutIdle => Some(ErrorCode::TimeoutIdle),
            Outcome::TimeoutStartup => Some(ErrorCode::TimeoutStartup),
            Outcome::Overloaded => Some(ErrorCode::Overloaded),
            Outcome::Throttled => Some(ErrorCode::Throttled),
            Outcome::Infrastructure => Some(ErrorCode::Infrastructure),
            Outcome::WorkerLost => Some(ErrorCode::WorkerLost),
            Outcome::Quota => Some(ErrorCode::Quota),
            Outcome::Budget => Some(ErrorCode::Budget),
            Outcome::InvalidRequest => Some(ErrorCode::InvalidRequest),
            Outcome::Auth => Some(ErrorCode::Auth),
            Outcome::Billing => Some(ErrorCode::Billing),
            Outcome::AgentMissing => Some(ErrorCode::AgentMissing),
            // Whoever stopped it knows better how: see `next::cancelled`.
            Outcome::Cancelled => Some(ErrorCode::Interrupted),
        }
    }

    /// Returns the exit code of a run whose last outcome this is, where no escalation or retry saved it.
    pub fn exit_code(self) -> u8 {
        match self.class() {
            // A mismatch has a code for where the settings let it fail a run; by itself its answer counts.
            Class::Usable => 0,
            Class::Escalatable | Class::Timeout | Class::Transient | Class::Quota | Class::Final => {
                self.error_code().map_or(0, ErrorCode::exit_code)
            }
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// The judgement of a whole run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// There is a usable answer.
    Succeeded,
    /// There is none, and nothing more will be tried.
    Failed,
    /// Somebody stopped it.
    Cancelled,
    /// It was not begun: a person must say yes first.
    Refused,
    /// It ended early; trying again after the reset makes sense.
    Waiting,
}

impl Verdict {
    /// Returns the verdict's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Succeeded => "succeeded",
            Verdict::Failed => "failed",
            Verdict::Cancelled => "cancelled",
            Verdict::Refused => "refused",
            Verdict::Waiting => "waiting",
        }
    }
}

/// What else is worth knowing of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// Processes were still alive after the result and had to be killed.
    Leak,
    /// The CLI switched to the fallback model that we gave it.
    FallbackModel,
    /// A model answered whose tier is not known.
    UnknownModel,
    /// Only the end of the answer was kept.
    AnswerCut,
    /// A line of output was longer than the bound and was dropped.
    OversizedLine,
    /// Tools were denied, and the contract is met all the same.
    ToolsDenied,
}

/// An outcome with its reasons.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// The outcome.
    pub outcome: Outcome,
    /// What else is worth knowing.
    pub flags: Vec<Flag>,
    /// One sentence on why.
    pub detail: String,
    /// When the limit that was hit starts anew.
    pub resets_at: Option<Timestamp>,
}

impl Judgement {
    fn new(outcome: Outcome, detail: impl Into<String>) -> Judgement {
        Judgement { outcome, flags: vec![], detail: detail.into(), resets_at: None }
    }
}

/// Judges an attempt by its transcript and its end.
///
/// The order matters: our own stop beats whatever the stream says afterwards, a process that never
/// began has no stream, and a success needs a result that is not an error *and* an answer that meets
/// the contract. Never the exit code alone.
pub fn judge(
    agent: &Agent,
    catalog: &Catalog,
    nonce: &Nonce,
    seen: &Transcript,
    end: &ProcessEnd,
) -> Judgement {
    let mut judgement = stopped(end)
        .or_else(|| never_began(agent, end))
        .or_else(|| api_failure(seen))
        .or_else(|| unusable_end(agent, seen, end))
        .or_else(|| broken_contract(nonce, seen))
        .unwrap_or_else(|| served(agent, catalog, seen));
    judgement.flags.extend(flags(agent, catalog, seen, end));
    judgement
}

fn stopped(end: &ProcessEnd) -> Option<Judgement> {
    let judgement = match end.stopped? {
        StopCause::Interrupt => Judgement::new(Outcome::Cancelled, "stopped by Ctrl-C"),
        StopCause::Terminate => Judgement::new(Outcome::Cancelled, "stopped on request"),
        StopCause::StartupTimeout => {
            Judgement::new(Outcome::TimeoutStartup, "no sign of life within the start-up limit")
        }
        StopCause::IdleTimeout => {
            Judgement::new(Outcome::TimeoutIdle, "silent for longer than the idle limit")
        }
        StopCause::WallTimeout => Judgement::new(Outcome::TimeoutWall, "took longer than the time limit"),
        StopCause::Budget => Judgement::new(Outcome::Budget, "the estimated cost passed the limit"),
        StopCause::AuthFailed => Judgement::new(Outcome::Auth, "the agent's login was refused"),
        StopCause::PostResult => return None,
    };
    Some(judgement)
}

fn never_began(agent: &Agent, end: &ProcessEnd) -> Option<Judgement> {
    match &end.exit {
        Exit::NotSpawned { missing: true, message } => Some(Judgement::new(
            Outcome::AgentMissing,
            format!("`{}` could not be started: {message}", agent.command[0]),
        )),
        Exit::NotSpawned { missing: false, message } => Some(Judgement::new(
            Outcome::Infrastructure,
            format!("the agent could not be started: {message}"),
        )),
        Exit::TooLong { bytes, bytes_max } => Some(Judgement::new(
            Outcome::InvalidRequest,
            format!("the prompt has {bytes} bytes, and `{}` reads at most {bytes_max}", agent.command[0]),
        )),
        Exit::Lost => {
            Some(Judgement::new(Outcome::WorkerLost, "the process that watched the agent went away"))
        }
        Exit::Code { .. } | Exit::Signal { .. } => None,
    }
}

/// An API error that the CLI reported, in its result or before it died.
fn api_failure(seen: &Transcript) -> Option<Judgement> {
    let none = AgentResult::default();
    let result = match &seen.result {
        Some(result) if result.is_error && result.subtype == "success" => result,
        None if seen.api_error.is_some() || seen.rejection.is_some() => &none,
        Some(_) | None => return None,
    };
    let kind = seen.api_error.as_ref().map_or("", |(kind, _)| kind.as_str());
    let status = result.api_error_status.or(seen.api_error.as_ref().and_then(|(_, status)| *status));
    let detail = match result.text.as_deref().map(str::trim) {
        Some(text) if !text.is_empty() => format!("the agent says: {}", first_line(text)),
        _ => format!("the agent's API call failed ({kind})"),
    };
    let outcome = api_outcome(result, kind, status, seen.rejection.is_some());
    let mut judgement = Judgement::new(outcome, detail);
    if outcome == Outcome::Quota {
        let resets_at = seen.rejection.as_ref().and_then(|limit| limit.resets_at);
        judgement.resets_at = resets_at.and_then(|at| Timestamp::from_second(at).ok());
    }
    Some(judgement)
}

fn api_outcome(result: &AgentResult, kind: &str, status: Option<u16>, rejected: bool) -> Outcome {
    if rejected || result.api_error.as_deref() == Some("usage_limit_reached") {
        return Outcome::Quota;
    }
    let too_long = ["prompt_too_long", "blocking_limit"];
    if too_long.iter().any(|reason| result.terminal_reason.as_deref() == Some(reason)) {
        return Outcome::InvalidRequest;
    }
    match result.stop_reason.as_deref() {
        Some("refusal") => return Outcome::NoResult,
        Some("max_tokens") => return Outcome::InvalidOutput,
        Some(_) | None => {}
    }
    match (status, kind) {
        (_, "billing_error") | (Some(402), _) => Outcome::Billing,
        (Some(401 | 403), _) | (_, "authentication_failed") => Outcome::Auth,
        (Some(529), _) | (_, "overloaded") => Outcome::Overloaded,
        (Some(429), _) | (_, "rate_limit") => Outcome::Throttled,
        (Some(400..=499), _) | (_, "invalid_request" | "model_not_found") => Outcome::InvalidRequest,
        (_, _) => Outcome::Infrastructure,
    }
}

/// An end that leaves nothing to read: no result, or one that names its own failure.
fn unusable_end(agent: &Agent, seen: &Transcript, end: &ProcessEnd) -> Option<Judgement> {
    let Some(result) = &seen.result else { return missing_result(agent, end) };
    let errors = || result.errors.first().map_or_else(|| result.subtype.clone(), |text| first_line(text));
    match result.subtype.as_str() {
        "error_max_turns" => Some(Judgement::new(Outcome::MaxTurns, errors())),
        "error_max_budget_usd" => Some(Judgement::new(Outcome::Budget, errors())),
        "error_max_structured_output_retries" => Some(Judgement::new(Outcome::InvalidOutput, errors())),
        _ if result.is_error => Some(Judgement::new(Outcome::Infrastructure, errors())),
        _ if result.turn_count == Some(0) => {
            let text = first_line(result.text.as_deref().unwrap_or("a hook refused the prompt"));
            Some(Judgement::new(Outcome::PermissionDenied, text))
        }
        _ => None,
    }
}

fn missing_result(agent: &Agent, end: &ProcessEnd) -> Option<Judgement> {
    let said = match first_line(&end.stderr_tail) {
        line if line.is_empty() => String::new(),
        line => format!("; it says: {line}"),
    };
    if agent.adapter.session_was_lost(&end.stderr_tail) {
        return Some(Judgement::new(Outcome::Infrastructure, "the agent no longer has the session"));
    }
    match end.exit {
        Exit::Signal { signal } => Some(Judgement::new(
            Outcome::Infrastructure,
            format!("the agent was killed by signal {signal}{said}"),
        )),
        Exit::Code { code: 0 } if !agent.adapter.announces_result() => None,
        Exit::Code { code } => Some(Judgement::new(
            Outcome::NoResult,
            format!("the agent ended with code {code} and no result{said}"),
        )),
        Exit::NotSpawned { .. } | Exit::TooLong { .. } | Exit::Lost => None,
    }
}

/// What the answer itself says or fails to say.
fn broken_contract(nonce: &Nonce, seen: &Transcript) -> Option<Judgement> {
    let answer = seen.answer();
    let denied = &seen.denied_tools;
    let unmet = |outcome, detail: String| {
        Some(if denied.is_empty() {
            Judgement::new(outcome, detail)
        } else {
            Judgement::new(Outcome::PermissionDenied, format!("denied: {}; {detail}", denied.join(", ")))
        })
    };
    match contract::signal(answer, nonce) {
        Some(Signal::Escalate(reason)) => {
            return Some(Judgement::new(Outcome::AskedEscalation, or_unsaid(&reason)));
        }
        Some(Signal::Blocked(reason)) => {
            return unmet(Outcome::InvalidOutput, format!("the agent was blocked: {}", or_unsaid(&reason)));
        }
        None => {}
    }
    match contract::check(answer) {
        Err(Breach::Empty) => unmet(Outcome::EmptyAnswer, "the answer is empty".to_owned()),
        Err(Breach::BareAcknowledgement) => {
            unmet(Outcome::InvalidOutput, format!("the answer is only `{}`", first_line(answer)))
        }
        Ok(()) => None,
    }
}

/// A usable answer: was it the routed tier that gave it?
fn served(agent: &Agent, catalog: &Catalog, seen: &Transcript) -> Judgement {
    let configured_fallback = seen.model_fallback.as_ref().filter(|_| agent.fallback_model.is_some());
    let other = seen.models_served.iter().find(|model| {
        let announced = configured_fallback.is_some_and(|(_, to)| to == *model);
        !announced && catalog.tier_of_model(model).is_some_and(|tier| tier != agent.tier)
    });
    match other {
        Some(model) => Judgement::new(
            Outcome::ModelMismatch,
            format!("routed to {}, but `{model}` answered", agent.tier),
        ),
        None => Judgement::new(Outcome::Completed, "a usable answer"),
    }
}

fn flags(agent: &Agent, catalog: &Catalog, seen: &Transcript, end: &ProcessEnd) -> Vec<Flag> {
    let usable = end.stopped == Some(StopCause::PostResult) || end.stopped.is_none();
    let unknown = seen.models_served.iter().any(|model| catalog.tier_of_model(model).is_none());
    [
        (usable && seen.is_settled() && (end.leaked_count > 0 || end.stopped.is_some()), Flag::Leak),
        (!agent.adapter.announces_result() && end.leaked_count > 0, Flag::Leak),
        (seen.model_fallback.is_some(), Flag::FallbackModel),
        (unknown, Flag::UnknownModel),
        (seen.text_was_cut && seen.result.is_none(), Flag::AnswerCut),
        (end.oversized_lines > 0, Flag::OversizedLine),
        (!seen.denied_tools.is_empty(), Flag::ToolsDenied),
    ]
    .into_iter()
    .filter_map(|(applies, flag)| applies.then_some(flag))
    .collect()
}

/// The longest piece of an agent's words in a one-line message, in characters.
const LINE_CHARS_MAX: usize = 200;

fn first_line(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("");
    line.chars().filter(|c| !c.is_control()).take(LINE_CHARS_MAX).collect()
}

fn or_unsaid(reason: &str) -> String {
    if reason.is_empty() { "no reason given".to_owned() } else { first_line(reason) }
}

#[cfg(test)]
mod tests;
