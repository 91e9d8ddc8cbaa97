//! The vocabulary of judging: outcomes of attempts, verdicts on runs, and what else is worth knowing.

use serde::{Deserialize, Serialize};

use crate::error_code::ErrorCode;

/// The judgement of one attempt. The names are the ones used in every record, report and test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A usable answer from the routed tier.
    Completed,
    /// A usable answer, but another tier served the main thread; `on_model_mismatch` says what follows.
    ModelMismatch,
    /// The process ended without a result, nobody is known to have answered, or the model refused.
    NoResult,
    /// A result without text, and no text after the last tool call.
    EmptyAnswer,
    /// An answer that breaks the output contract, says that it is blocked, or was cut by the output limit.
    InvalidOutput,
    /// The limit of turns was reached.
    MaxTurns,
    /// The agent asked for a stronger tier with this attempt's marker.
    AskedEscalation,
    /// The user's own check of the work (`--verify`, `verify.command`) failed, or did not end in time.
    VerifyFailed,
    /// The tool calls that were denied were the work itself, tools were denied and the contract is not met, or a hook
    /// refused the prompt.
    PermissionDenied,
    /// The attempt took longer than `limits.timeout`, and there is no answer.
    TimeoutWall,
    /// The agent was silent for longer than `limits.idle`, and there is no answer.
    TimeoutIdle,
    /// The agent said nothing within `limits.startup`.
    TimeoutStartup,
    /// The service is overloaded (HTTP 529).
    Overloaded,
    /// Too many requests at once; not the account's limit.
    Throttled,
    /// Network, server or machine trouble; the CLI broke down, or somebody else ended it.
    Infrastructure,
    /// The shim, or the process that drove the run, went away.
    WorkerLost,
    /// The account's limit, credits or spending limit are used up.
    Quota,
    /// The cost limit was reached.
    Budget,
    /// The API or the CLI refuses the request itself: too long, an unknown model.
    InvalidRequest,
    /// The CLI refuses its arguments or settings or is too old, the project directory is gone, or the check of the work
    /// cannot be run.
    Configuration,
    /// The login is missing or refused.
    Auth,
    /// The account cannot pay.
    Billing,
    /// The CLI is not there, or cannot be executed on this machine; `fallback_agent` takes over if there is one.
    AgentMissing,
    /// It was stopped: Ctrl-C, a signal, or `runs cancel`.
    Cancelled,
}

/// What follows from an outcome, as `docs/outcomes.md` explains it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutcomeClass {
    /// The answer counts, and the run ends.
    Usable,
    /// One tier up, once in a run, if a model has answered; not with `--no-escalate`, on the top tier, or beyond the limit of
    /// attempts.
    Escalatable,
    /// Once more with the same agent, then the run fails.
    Timeout,
    /// Again with the same agent, after a random part of a wait that doubles from `retry.base` to `retry.cap`, until
    /// `retry.max_elapsed`. Each failure counts for the breaker, except `worker_lost`.
    Transient,
    /// The run ends, deferred, and `resets_at` says until when; with `--wait` it goes on at the reset.
    Quota,
    /// The run ends: nothing that could be tried again would help.
    Final,
}

impl Outcome {
    /// Every outcome, in the order of the documentation's table.
    pub const ALL: [Outcome; 24] = [
        Outcome::Completed,
        Outcome::ModelMismatch,
        Outcome::NoResult,
        Outcome::EmptyAnswer,
        Outcome::InvalidOutput,
        Outcome::MaxTurns,
        Outcome::AskedEscalation,
        Outcome::VerifyFailed,
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
        Outcome::Configuration,
        Outcome::Auth,
        Outcome::Billing,
        Outcome::AgentMissing,
        Outcome::Cancelled,
    ];

    /// Returns the outcome's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Outcome::Completed => "completed",
            Outcome::ModelMismatch => "model_mismatch",
            Outcome::NoResult => "no_result",
            Outcome::EmptyAnswer => "empty_answer",
            Outcome::InvalidOutput => "invalid_output",
            Outcome::MaxTurns => "max_turns",
            Outcome::AskedEscalation => "asked_escalation",
            Outcome::VerifyFailed => "verify_failed",
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
            Outcome::Configuration => "configuration",
            Outcome::Auth => "auth",
            Outcome::Billing => "billing",
            Outcome::AgentMissing => "agent_missing",
            Outcome::Cancelled => "cancelled",
        }
    }

    /// Returns what follows from it.
    pub fn class(self) -> OutcomeClass {
        match self {
            Outcome::Completed | Outcome::ModelMismatch => OutcomeClass::Usable,
            Outcome::NoResult
            | Outcome::EmptyAnswer
            | Outcome::InvalidOutput
            | Outcome::MaxTurns
            | Outcome::AskedEscalation
            | Outcome::VerifyFailed => OutcomeClass::Escalatable,
            Outcome::TimeoutWall | Outcome::TimeoutIdle | Outcome::TimeoutStartup => OutcomeClass::Timeout,
            Outcome::Overloaded | Outcome::Throttled | Outcome::Infrastructure | Outcome::WorkerLost => {
                OutcomeClass::Transient
            }
            Outcome::Quota => OutcomeClass::Quota,
            Outcome::PermissionDenied
            | Outcome::Budget
            | Outcome::InvalidRequest
            | Outcome::Configuration
            | Outcome::Auth
            | Outcome::Billing
            | Outcome::AgentMissing
            | Outcome::Cancelled => OutcomeClass::Final,
        }
    }

    /// Returns whether the attempt counts towards the limit of attempts.
    pub fn consumes_attempt(self) -> bool {
        match self.class() {
            OutcomeClass::Usable | OutcomeClass::Escalatable | OutcomeClass::Timeout => true,
            // Whatever dies again and again may be what the agent does.
            OutcomeClass::Transient => self == Outcome::WorkerLost,
            OutcomeClass::Quota => false,
            OutcomeClass::Final => {
                matches!(self, Outcome::PermissionDenied | Outcome::Budget | Outcome::InvalidRequest)
            }
        }
    }

    /// Returns the error code of a run that ended badly with this outcome.
    pub fn error_code(self) -> Option<ErrorCode> {
        match self {
            Outcome::Completed => None,
            Outcome::ModelMismatch => Some(ErrorCode::ModelMismatch),
            Outcome::NoResult => Some(ErrorCode::NoResult),
            Outcome::EmptyAnswer => Some(ErrorCode::EmptyAnswer),
            Outcome::InvalidOutput => Some(ErrorCode::InvalidOutput),
            Outcome::MaxTurns => Some(ErrorCode::MaxTurns),
            Outcome::AskedEscalation => Some(ErrorCode::AskedEscalation),
            Outcome::VerifyFailed => Some(ErrorCode::VerifyFailed),
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
            Outcome::Configuration => Some(ErrorCode::AgentConfiguration),
            Outcome::Auth => Some(ErrorCode::Auth),
            Outcome::Billing => Some(ErrorCode::Billing),
            Outcome::AgentMissing => Some(ErrorCode::AgentMissing),
            // The stop itself says more precisely how: see `next::cancelled`.
            Outcome::Cancelled => Some(ErrorCode::Interrupted),
        }
    }

    /// Returns the exit code of a run whose last outcome this is, if no escalation or retry saved it.
    pub fn exit_code(self) -> u8 {
        match self.class() {
            // A mismatch has an error code for when the settings make it fail a run; otherwise its answer counts.
            OutcomeClass::Usable => 0,
            OutcomeClass::Escalatable
            | OutcomeClass::Timeout
            | OutcomeClass::Transient
            | OutcomeClass::Quota
            | OutcomeClass::Final => self.error_code().map_or(0, ErrorCode::exit_code),
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
    /// It was stopped.
    Cancelled,
    /// It was not started: the user must approve first.
    Refused,
    /// It ended early because it would have had to wait; it makes sense to try again after the reset.
    ///
    /// Earlier records called it `waiting`, and so does everything in schema version 1: programs that read that know no
    /// other name.
    #[serde(rename = "waiting", alias = "deferred")]
    Deferred,
}

impl Verdict {
    /// Returns the verdict's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Verdict::Succeeded => "succeeded",
            Verdict::Failed => "failed",
            Verdict::Cancelled => "cancelled",
            Verdict::Refused => "refused",
            Verdict::Deferred => "deferred",
        }
    }

    /// Returns the verdict's name in JSON of schema version 1 and in the log, which had one name for a run that waits
    /// and for one that ended because it would have had to.
    pub fn recorded_name(self) -> &'static str {
        match self {
            Verdict::Deferred => "waiting",
            Verdict::Succeeded | Verdict::Failed | Verdict::Cancelled | Verdict::Refused => self.as_str(),
        }
    }

    /// Parses a verdict's name, including that of older records.
    pub fn parse(text: &str) -> Option<Verdict> {
        [Verdict::Succeeded, Verdict::Failed, Verdict::Cancelled, Verdict::Refused, Verdict::Deferred]
            .into_iter()
            .find(|verdict| verdict.as_str() == text || verdict.recorded_name() == text)
    }
}

/// What else is worth knowing about an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// Processes were still alive after the result and were killed.
    Leak,
    /// The CLI switched to the fallback model that we gave it.
    FallbackModel,
    /// A model answered whose tier is not known.
    UnknownModel,
    /// Only the end of the answer was kept.
    AnswerCut,
    /// A line of output exceeded the bound: long values in it were cut.
    OversizedLine,
    /// Tools were denied.
    ToolsDenied,
    /// The answer was taken from the stream: the model had ended its turn, and no result came.
    NoResultLine,
    /// A turn after the one that answered failed.
    LaterFailure,
    /// Background tasks had not ended when the agent did.
    OpenTasks,
    /// An impossible cost was reported; it does not count.
    OddCost,
    /// By the agent's own account, another payer paid than was expected.
    OtherPayer,
    /// By the agent's own account, it worked with other rights than it was given: shown as RIGHTS DIFFER.
    OtherRights,
    /// The agent named a model of another tier at its start; which one answered is another matter.
    OtherModel,
    /// A tool that was allowed by name is not among the agent's tools.
    ToolsMissing,
    /// Requests were served beyond the account's limit, for money.
    Overage,
    /// MCP servers failed to start.
    ServersFailed,
    /// Lines of output could not be read, and the attempt ended badly.
    UnreadableLines,
}
