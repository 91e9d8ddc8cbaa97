//! Decides what a run does next: a pure function of its state.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::end::StopCause;
use super::event::{AttemptEnded, AttemptReason, WaitReason};
use super::outcome::{Outcome, OutcomeClass, Verdict};
use super::rights;
use super::state::{Attempt, Phase, RunState};
use crate::agent::Catalog;
use crate::error_code::ErrorCode;
use crate::ids::{AgentName, AgentSessionId};
use crate::route::Decision;

/// The limits of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// The most attempts that count, in the whole run.
    pub attempt_count_max: u32,
    /// The longest attempt.
    pub wall: Duration,
    /// The longest silence of an attempt.
    pub idle: Duration,
    /// The longest wait for an attempt's first output.
    pub startup: Duration,
    /// How long a process may live after its result.
    pub post_result_grace: Duration,
    /// How long a process has between the polite signal and being killed.
    pub stop_grace: Duration,
    /// The most agent turns of one attempt.
    pub max_turns: Option<u32>,
    /// The most US dollars of the whole run.
    pub max_usd: Option<f64>,
    /// The most bytes of an answer that are kept.
    pub answer_bytes_max: usize,
    /// The ceiling of the first backoff.
    pub backoff_base: Duration,
    /// The highest ceiling of a backoff.
    pub backoff_cap: Duration,
    /// How long consecutive transient failures are retried.
    pub backoff_max_elapsed: Duration,
    /// What a model mismatch leads to.
    pub on_model_mismatch: OnModelMismatch,
    /// Whether a stronger tier may be tried.
    pub escalation: Escalation,
    /// Whether the run waits for limits to reset.
    pub on_limit: OnLimit,
}

/// What a model mismatch leads to, the mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnModelMismatch {
    /// The answer counts; the record notes it.
    Flag,
    /// One more try on the same tier.
    Retry,
    /// The run fails.
    Fail,
}

/// Whether a stronger tier may be tried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Escalation {
    /// Once, one tier up.
    #[default]
    Allowed,
    /// Never (`--no-escalate`).
    Forbidden,
}

/// Whether the run waits for limits to reset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnLimit {
    /// It ends and reports when to try again.
    #[default]
    End,
    /// It waits (`--wait`).
    Wait,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Spawn an agent.
    Invoke(Plan),
    /// Do nothing until then, then ask again.
    Wait {
        /// Until when.
        until: Timestamp,
        /// What it waits for.
        why: WaitReason,
    },
    /// The run is over.
    Finish(Finish),
}

/// The next attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The agent.
    pub agent: AgentName,
    /// The reason for the attempt.
    pub why: AttemptReason,
    /// What is carried over from the previous attempt.
    pub carry: Carry,
    /// The most that it may cost, in US dollars.
    pub usd_left: Option<f64>,
}

/// What an attempt takes over from the previous one.
#[derive(Debug, Clone, PartialEq)]
pub enum Carry {
    /// Nothing: it starts afresh with the request.
    Nothing,
    /// The agent session, which contains all work so far.
    Session {
        /// The agent's session id.
        agent_session_id: AgentSessionId,
    },
    /// A note on what happened, for an agent that has no knowledge of it.
    Note,
}

/// How a run ends.
#[derive(Debug, Clone, PartialEq)]
pub struct Finish {
    /// The verdict on the run.
    pub verdict: Verdict,
    /// Why it ended badly; `None` if it ended well.
    pub code: Option<ErrorCode>,
    /// The exit code.
    pub exit_code: u8,
    /// One sentence that explains it to the user.
    pub reason: String,
    /// When it makes sense to try again.
    pub resets_at: Option<Timestamp>,
}

impl Finish {
    /// Creates a bad end. The code determines the exit code.
    fn badly(verdict: Verdict, code: ErrorCode, reason: impl Into<String>) -> Finish {
        Finish {
            verdict,
            code: Some(code),
            exit_code: code.exit_code(),
            reason: reason.into(),
            resets_at: None,
        }
    }
}

/// Returns the next step of a run. `jitter` is a random number from 0 up to 1.
pub fn next_step(run: &RunState, limits: &Limits, catalog: &Catalog, now: Timestamp, jitter: f64) -> Step {
    match &run.phase {
        Phase::Waiting { until, why } if now < *until => return Step::Wait { until: *until, why: *why },
        Phase::Finished { verdict, code, exit_code, reason, resets_at, .. } => {
            return Step::Finish(Finish {
                verdict: *verdict,
                code: *code,
                exit_code: *exit_code,
                reason: reason.clone(),
                resets_at: *resets_at,
            });
        }
        Phase::New | Phase::Requested | Phase::Ready | Phase::Running | Phase::Waiting { .. } => {}
    }
    let wait = if matches!(run.phase, Phase::Waiting { .. }) { Wait::Over } else { Wait::ToCome };
    match run.last_ended() {
        None => first_step(run, limits),
        Some(ended) => after(run, ended, wait, limits, catalog, now, jitter),
    }
}

fn first_step(run: &RunState, limits: &Limits) -> Step {
    let route = run.route.as_ref().expect("a run is routed before its next step is asked for");
    if route.decision == Decision::Escalate && !run.approved {
        let reason = format!("a person must approve this first: {}", route.reason);
        return Step::Finish(Finish::badly(Verdict::Refused, ErrorCode::NotApproved, reason));
    }
    Step::Invoke(Plan {
        agent: route.agent.clone(),
        why: AttemptReason::Start,
        carry: Carry::Nothing,
        usd_left: limits.max_usd,
    })
}

/// Whether the wait that an attempt's end calls for is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    ToCome,
    Over,
}

fn after(
    run: &RunState,
    ended: &AttemptEnded,
    wait: Wait,
    limits: &Limits,
    catalog: &Catalog,
    now: Timestamp,
    jitter: f64,
) -> Step {
    match ended.outcome.class() {
        OutcomeClass::Usable => usable(run, ended, limits, catalog),
        OutcomeClass::Escalatable => escalate(run, ended, limits, catalog),
        OutcomeClass::Timeout => retry_once(run, ended, limits, catalog),
        OutcomeClass::Transient if wait == Wait::Over => {
            invoke(run, AttemptReason::Retry, limits, catalog, same_agent(run))
        }
        OutcomeClass::Transient => back_off(run, ended, limits, now, jitter),
        OutcomeClass::Quota if wait == Wait::Over => {
            invoke(run, AttemptReason::Retry, limits, catalog, same_agent(run))
        }
        OutcomeClass::Quota => wait_for_reset(ended, limits, now, jitter),
        OutcomeClass::Final if ended.outcome == Outcome::Cancelled => {
            Step::Finish(cancelled(ended.stopped.unwrap_or(StopCause::Interrupt)))
        }
        OutcomeClass::Final if ended.outcome == Outcome::AgentMissing => {
            fall_back(run, &same_agent(run), limits, catalog).unwrap_or_else(|| failed(ended))
        }
        // Several agents share one login; while one of them renews it, the others are turned away.
        OutcomeClass::Final if ended.outcome == Outcome::Auth && ended.passes_soon => {
            match (wait, count(run, Outcome::Auth)) {
                (Wait::Over, 1) => invoke(run, AttemptReason::Retry, limits, catalog, same_agent(run)),
                (Wait::ToCome, 1) => {
                    let moment = LOGIN_RENEWAL_WAIT
                        .min(limits.backoff_cap)
                        .mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0);
                    Step::Wait { until: later(now, moment), why: WaitReason::Backoff }
                }
                (_, _) => failed(ended),
            }
        }
        OutcomeClass::Final => failed(ended),
    }
}

/// How long the renewal of a login by another process usually takes at most.
const LOGIN_RENEWAL_WAIT: Duration = Duration::from_secs(10);

/// Returns the step to take instead of invoking an agent whose open breaker refuses it until then.
pub fn refused_by_breaker(
    run: &RunState,
    limits: &Limits,
    catalog: &Catalog,
    refused: &AgentName,
    until: Timestamp,
) -> Step {
    if let Some(step) = fall_back(run, refused, limits, catalog) {
        return step;
    }
    let own_failure = run.last_ended().filter(|ended| {
        let same = run.attempts.last().is_some_and(|attempt| attempt.started.agent == *refused);
        same && ended.outcome.class() == OutcomeClass::Transient
    });
    match (limits.on_limit, own_failure) {
        (OnLimit::Wait, _) => Step::Wait { until, why: WaitReason::Breaker },
        (OnLimit::End, Some(ended)) => {
            let reason = format!("{}; the circuit breaker of {refused} is open now", ended.detail);
            Step::Finish(Finish::badly(Verdict::Failed, code(ended), reason))
        }
        (OnLimit::End, None) => {
            let reason = format!("{refused} failed too often lately; its circuit breaker is open");
            let end = Finish::badly(Verdict::Deferred, ErrorCode::BreakerOpen, reason);
            Step::Finish(Finish { resets_at: Some(until), ..end })
        }
    }
}

/// Returns how a run ends that was stopped, between attempts or during one.
pub fn cancelled(cause: StopCause) -> Finish {
    let (code, reason) = match cause {
        StopCause::Terminate => (ErrorCode::StopRequested, "stopped on request"),
        StopCause::Interrupt
        | StopCause::StartupTimeout
        | StopCause::IdleTimeout
        | StopCause::WallTimeout
        | StopCause::PostResult
        | StopCause::Budget
        | StopCause::AuthFailed => (ErrorCode::Interrupted, "stopped by Ctrl-C"),
    };
    Finish::badly(Verdict::Cancelled, code, reason)
}

/// Returns how a run ends whose driver died while there was still something to do.
pub fn abandoned() -> Finish {
    Finish::badly(Verdict::Failed, ErrorCode::WorkerLost, "the process that drove the run died")
}

/// Falls back to the agent that the operator configured for when this one is unavailable; each is tried once.
fn fall_back(run: &RunState, from: &AgentName, limits: &Limits, catalog: &Catalog) -> Option<Step> {
    let next = catalog.get(from)?.fallback_agent.clone()?;
    let tried = run.attempts.iter().any(|attempt| attempt.started.agent == next);
    let may = catalog.get(&next).is_some_and(|agent| rights::may_take_over(run, agent, catalog));
    (!tried && may).then(|| invoke(run, AttemptReason::FallBack, limits, catalog, next))
}

fn usable(run: &RunState, ended: &AttemptEnded, limits: &Limits, catalog: &Catalog) -> Step {
    let mismatch = ended.outcome == Outcome::ModelMismatch;
    match limits.on_model_mismatch {
        OnModelMismatch::Fail if mismatch => failed(ended),
        OnModelMismatch::Retry if mismatch && count(run, Outcome::ModelMismatch) == 1 => {
            retry_once(run, ended, limits, catalog)
        }
        OnModelMismatch::Flag | OnModelMismatch::Retry | OnModelMismatch::Fail => Step::Finish(Finish {
            verdict: Verdict::Succeeded,
            code: None,
            exit_code: 0,
            reason: ended.detail.clone(),
            resets_at: None,
        }),
    }
}

/// Escalates one tier up, once, carrying the work over.
fn escalate(run: &RunState, ended: &AttemptEnded, limits: &Limits, catalog: &Catalog) -> Step {
    let last = run.attempts.last().expect("an attempt has ended");
    let done_before = run.attempts.iter().any(|attempt| attempt.started.why == AttemptReason::Escalate);
    let stronger = last.started.tier.up().map(|tier| catalog.for_tier(tier));
    let target = stronger.filter(|agent| rights::may_take_over(run, agent, catalog)).map(|a| a.name.clone());
    match target {
        // Without proof that a model worked, a stronger one does not help: something else is wrong.
        Some(agent)
            if ended.progressed
                && limits.escalation == Escalation::Allowed
                && !done_before
                && attempts_left(run, limits) =>
        {
            invoke(run, AttemptReason::Escalate, limits, catalog, agent)
        }
        Some(_) | None => failed(ended),
    }
}

/// Tries once more on the same tier.
fn retry_once(run: &RunState, ended: &AttemptEnded, limits: &Limits, catalog: &Catalog) -> Step {
    let same_class = run.attempts.iter().filter_map(|attempt| attempt.ended.as_ref());
    let count = same_class.filter(|other| other.outcome.class() == ended.outcome.class()).count();
    if count == 1 && attempts_left(run, limits) {
        invoke(run, AttemptReason::Retry, limits, catalog, same_agent(run))
    } else {
        failed(ended)
    }
}

/// The most attempts of a run that may be lost together with the process that watched them: what kills that one may be
/// the agent's own work.
const LOST_MAX: usize = 3;

/// Waits with full jitter: a random part of a ceiling that doubles with each try.
fn back_off(run: &RunState, ended: &AttemptEnded, limits: &Limits, now: Timestamp, jitter: f64) -> Step {
    let in_row = run.attempts.iter().rev().map_while(|attempt| {
        attempt
            .ended
            .as_ref()
            .filter(|ended| ended.outcome.class() == OutcomeClass::Transient)
            .map(|_| attempt)
    });
    // From the first failure on, not from the first start: an attempt may work for an hour before it fails.
    let first_failure = |attempt: &Attempt| attempt.ended_at.unwrap_or(now);
    let (count, since) = in_row.fold((0u32, now), |(count, _), attempt| (count + 1, first_failure(attempt)));
    let elapsed = now.duration_since(since).unsigned_abs();
    let is_lost = ended.outcome == Outcome::WorkerLost;
    let is_poison =
        is_lost && (self::count(run, Outcome::WorkerLost) >= LOST_MAX || !attempts_left(run, limits));
    if elapsed >= limits.backoff_max_elapsed || is_poison {
        return failed(ended);
    }
    let ceiling = limits
        .backoff_base
        .saturating_mul(2u32.saturating_pow(count.saturating_sub(1)))
        .min(limits.backoff_cap);
    Step::Wait { until: later(now, ceiling.mul_f64(jitter.clamp(0.0, 1.0))), why: WaitReason::Backoff }
}

/// How long to wait if the server did not say when its limit resets.
const RESET_UNKNOWN_WAIT: Duration = Duration::from_secs(15 * 60);

/// How long to wait if the reset that the server named has already passed: clocks differ, and resets move.
const RESET_PAST_WAIT: Duration = Duration::from_secs(10);

/// The most that is added to a reset, so that not all runs that wait for the same one start at once.
const RESET_JITTER_MAX: Duration = Duration::from_secs(2);

fn wait_for_reset(ended: &AttemptEnded, limits: &Limits, now: Timestamp, jitter: f64) -> Step {
    if limits.on_limit == OnLimit::End {
        let end = Finish::badly(Verdict::Deferred, code(ended), &ended.detail);
        return Step::Finish(Finish { resets_at: ended.resets_at, ..end });
    }
    let reset = match ended.resets_at {
        Some(at) if at > now => at,
        Some(_) => later(now, RESET_PAST_WAIT),
        None => later(now, RESET_UNKNOWN_WAIT),
    };
    let until = later(reset, RESET_JITTER_MAX.mul_f64(jitter.clamp(0.0, 1.0)));
    Step::Wait { until, why: WaitReason::Quota }
}

fn invoke(run: &RunState, why: AttemptReason, limits: &Limits, catalog: &Catalog, agent: AgentName) -> Step {
    let spent: f64 = run
        .attempts
        .iter()
        .filter_map(|attempt| attempt.ended.as_ref())
        .filter_map(AttemptEnded::cost_usd)
        .sum();
    let usd_left = limits.max_usd.map(|max| max - spent);
    if usd_left.is_some_and(|left| left <= 0.0) {
        let reason = "the cost limit of the run is used up";
        return Step::Finish(Finish::badly(Verdict::Failed, ErrorCode::Budget, reason));
    }
    let carry = carry(run, catalog, &agent);
    Step::Invoke(Plan { agent, why, carry, usd_left })
}

/// Returns what the next attempt takes over: the session if the same CLI can continue it, otherwise a note; nothing if
/// nothing was done yet.
fn carry(run: &RunState, catalog: &Catalog, to: &AgentName) -> Carry {
    let Some(last) = run.attempts.last() else { return Carry::Nothing };
    let Some(ended) = last.ended.as_ref().filter(|ended| ended.progressed) else { return Carry::Nothing };
    let same_cli = match (catalog.get(&last.started.agent), catalog.get(to)) {
        (Some(from), Some(to)) => {
            from.session_key() == to.session_key()
                && from.adapter == to.adapter
                && from.command == to.command
                && to.adapter.capabilities(None).resumes
        }
        (Some(_) | None, Some(_) | None) => false,
    };
    match &ended.agent_session_id {
        Some(id) if same_cli => Carry::Session { agent_session_id: id.clone() },
        Some(_) | None => Carry::Note,
    }
}

fn same_agent(run: &RunState) -> AgentName {
    run.attempts.last().expect("an attempt has ended").started.agent.clone()
}

fn attempts_left(run: &RunState, limits: &Limits) -> bool {
    let ended = run.attempts.iter().filter_map(|attempt| attempt.ended.as_ref());
    let consumed = ended.filter(|ended| ended.outcome.consumes_attempt()).count();
    consumed < limits.attempt_count_max as usize
}

fn count(run: &RunState, outcome: Outcome) -> usize {
    run.attempts.iter().filter_map(|attempt| attempt.ended.as_ref()).filter(|e| e.outcome == outcome).count()
}

fn failed(ended: &AttemptEnded) -> Step {
    Step::Finish(Finish::badly(Verdict::Failed, code(ended), &ended.detail))
}

fn code(ended: &AttemptEnded) -> ErrorCode {
    ended.outcome.error_code().expect("a run ends badly only after an attempt that did")
}

/// Returns a later instant, in whole milliseconds like every instant in a log.
pub(crate) fn later(now: Timestamp, by: Duration) -> Timestamp {
    let by = i64::try_from(by.as_millis()).map_or(SignedDuration::MAX, SignedDuration::from_millis);
    now.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
