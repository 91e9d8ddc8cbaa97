//! Judges one attempt: what its evidence and its end mean together.

use super::contract::{self, Breach, Nonce, Signal};
use super::end::{Exit, ProcessEnd, StopCause};
use super::evidence::Evidence;
use super::outcome::{Flag, Outcome};
use super::quote::{one_line, telling_line};
use super::tools::Denied;
use crate::adapter::event::{AgentResult, ApiErrorKind, ApiFailure, Complaint, EndKind, Reset};
use crate::agent::{Agent, Catalog, PermissionMode};

/// An outcome and its reasons.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// The outcome.
    pub outcome: Outcome,
    /// What else is worth knowing.
    pub flags: Vec<Flag>,
    /// The reason, in one sentence.
    pub detail: String,
    /// When the limit that was hit resets.
    pub reset: Option<Reset>,
    /// Whether the CLI itself says that the failure will pass in a moment.
    pub passes_soon: bool,
}

impl Judgement {
    pub(super) fn new(outcome: Outcome, detail: impl Into<String>) -> Judgement {
        Judgement { outcome, flags: vec![], detail: detail.into(), reset: None, passes_soon: false }
    }
}

/// Judges an attempt by its evidence and its end.
///
/// The order matters: our own stop overrides whatever the stream says afterwards, a process that never started has no
/// stream, and a success needs a result that is not an error, a model that answered, *and* an answer that meets the
/// contract. The exit code alone is never enough. What an agent said before it was stopped for its silence, or before
/// its shim was lost, counts.
pub fn judge(
    agent: &Agent,
    catalog: &Catalog,
    nonce: &Nonce,
    seen: &Evidence,
    end: &ProcessEnd,
) -> Judgement {
    let mut judgement = stopped(seen, end)
        .or_else(|| never_began(agent, seen, end))
        .or_else(|| own_failure(seen))
        .or_else(|| missing_result(agent, seen, end))
        .or_else(|| no_model_answered(agent, seen))
        .or_else(|| broken_contract(nonce, seen))
        .or_else(|| denied_work(agent, seen))
        .unwrap_or_else(|| served(agent, catalog, seen));
    judgement.flags.extend(flags(agent, catalog, seen, end, judgement.outcome));
    judgement
}

fn stopped(seen: &Evidence, end: &ProcessEnd) -> Option<Judgement> {
    let judgement = match end.stopped? {
        StopCause::Interrupt => Judgement::new(Outcome::Cancelled, "stopped by Ctrl-C"),
        StopCause::Terminate => Judgement::new(Outcome::Cancelled, "stopped on request"),
        StopCause::IdleTimeout | StopCause::WallTimeout if seen.has_answer() => return None,
        StopCause::StartupTimeout => {
            Judgement::new(Outcome::TimeoutStartup, "no sign of life within the start-up limit")
        }
        StopCause::IdleTimeout => {
            Judgement::new(Outcome::TimeoutIdle, "silent for longer than the idle limit")
        }
        StopCause::WallTimeout => Judgement::new(Outcome::TimeoutWall, "took longer than `limits.timeout`"),
        StopCause::Budget => Judgement::new(Outcome::Budget, "the estimated cost passed the limit"),
        StopCause::AuthFailed => {
            let said = seen.failure.as_ref().and_then(|failure| failure.text.as_deref()).map(says);
            Judgement::new(Outcome::Auth, or(said.unwrap_or_default(), "the agent's login was refused"))
        }
        StopCause::PostResult => return None,
    };
    Some(judgement)
}

fn never_began(agent: &Agent, seen: &Evidence, end: &ProcessEnd) -> Option<Judgement> {
    let program = &agent.command[0];
    match &end.exit {
        Exit::NotSpawned { missing: true, message } => Some(Judgement::new(
            Outcome::AgentMissing,
            format!("`{program}` could not be started: {message}"),
        )),
        Exit::NotSpawned { missing: false, message } => Some(Judgement::new(
            Outcome::Infrastructure,
            format!("the agent could not be started: {message}"),
        )),
        Exit::TooLong { bytes, bytes_max } => Some(Judgement::new(
            Outcome::InvalidRequest,
            format!("the prompt has {bytes} bytes, and `{program}` reads at most {bytes_max}"),
        )),
        Exit::Unfit { message } => Some(Judgement::new(Outcome::Configuration, message)),
        Exit::Lost if !seen.has_answer() => {
            Some(Judgement::new(Outcome::WorkerLost, "the process that watched the agent went away"))
        }
        Exit::Lost | Exit::Code { .. } | Exit::Signal { .. } => None,
    }
}

/// Returns the failure that the agent itself reports: in the result that counts, or before it died without one.
fn own_failure(seen: &Evidence) -> Option<Judgement> {
    let Some(result) = seen.result() else { return last_failure(seen) };
    // The text beside such an end is what the model said, and not a message: only errors are quoted.
    let errors = one_line(&result.errors.join("; "));
    let with_errors = |outcome, otherwise| Some(Judgement::new(outcome, or(errors.clone(), otherwise)));
    match &result.end {
        EndKind::Answered if seen.answer().trim().is_empty() => last_failure(seen),
        EndKind::Answered => None,
        EndKind::MaxTurns => with_errors(Outcome::MaxTurns, "the limit of turns was reached"),
        EndKind::Budget => with_errors(Outcome::Budget, "the limit of cost was reached"),
        EndKind::WrongForm => {
            with_errors(Outcome::InvalidOutput, "the answer never had the form that was asked for")
        }
        EndKind::Interrupted => {
            with_errors(Outcome::Infrastructure, "the agent was interrupted from outside")
        }
        EndKind::HookRefused => {
            let said = or(words_of(result), "a hook refused the prompt, or stopped the turn");
            Some(Judgement::new(Outcome::PermissionDenied, said))
        }
        EndKind::Failed(complaint) => Some(of_complaint(complaint, &words_of(result))),
        EndKind::Error => Some(match words_of(result) {
            said if said.is_empty() => {
                Judgement::new(Outcome::NoResult, "the agent reports an error without words")
            }
            said => Judgement::new(Outcome::Infrastructure, said),
        }),
    }
}

/// Returns the last failure of an API call, or the limit that was reached, if no model answered afterwards.
fn last_failure(seen: &Evidence) -> Option<Judgement> {
    match (&seen.failure, &seen.limit) {
        (Some(failure), None) => Some(of_api_failure(failure)),
        (Some(failure), Some(_)) if failure.kind != ApiErrorKind::AccountLimit && failure.text.is_some() => {
            Some(of_api_failure(failure))
        }
        (_, Some(limit)) => {
            let mut judgement = Judgement::new(Outcome::Quota, "the account's limit is used up");
            judgement.reset = limit.reset;
            Some(judgement)
        }
        (None, None) => None,
    }
}

fn of_complaint(complaint: &Complaint, said: &str) -> Judgement {
    let (outcome, otherwise) = match complaint {
        Complaint::Api(failure) => return of_api_failure(failure),
        Complaint::Configuration => (Outcome::Configuration, "the agent refuses its arguments or settings"),
        Complaint::Missing => (Outcome::AgentMissing, "the agent cannot run on this machine"),
        Complaint::Machine => (Outcome::Infrastructure, "the agent broke down"),
        Complaint::SessionUnknown => (Outcome::Infrastructure, "the agent no longer has the session"),
    };
    Judgement::new(outcome, or(says(said), otherwise))
}

fn of_api_failure(failure: &ApiFailure) -> Judgement {
    let (outcome, otherwise) = match failure.kind {
        ApiErrorKind::Login | ApiErrorKind::LoginRenewing => (Outcome::Auth, "the agent's login was refused"),
        ApiErrorKind::AccountLimit => (Outcome::Quota, "the account's limit is used up"),
        ApiErrorKind::Billing => (Outcome::Billing, "the account cannot pay"),
        ApiErrorKind::TooManyRequests => (Outcome::Throttled, "too many requests in a short time"),
        ApiErrorKind::Overloaded => (Outcome::Overloaded, "the service has too much to do"),
        ApiErrorKind::BadRequest => (Outcome::InvalidRequest, "the API refuses the request"),
        ApiErrorKind::OutputLimit => (Outcome::InvalidOutput, "the answer was cut at the limit of output"),
        ApiErrorKind::Refusal => (Outcome::NoResult, "the model refused to answer"),
        ApiErrorKind::Service => (Outcome::Infrastructure, "the agent's API call failed"),
    };
    let said = says(failure.text.as_deref().unwrap_or_default());
    let detail = match outcome {
        // Half an answer is not an error message.
        Outcome::InvalidOutput => otherwise.to_owned(),
        _ => or(said, otherwise),
    };
    Judgement {
        reset: failure.limit.as_ref().and_then(|limit| limit.reset),
        passes_soon: failure.kind == ApiErrorKind::LoginRenewing,
        ..Judgement::new(outcome, detail)
    }
}

/// The exit codes of a shell for a program behind a wrapper that cannot be executed, or was not found.
const NOT_EXECUTABLE: [i32; 2] = [126, 127];

/// The signal for an illegal instruction: the program was built for another machine.
const SIGILL: i32 = 4;

/// Judges an end without a result: a signal, a CLI that did not start, or one that just stopped talking.
fn missing_result(agent: &Agent, seen: &Evidence, end: &ProcessEnd) -> Option<Judgement> {
    if seen.result().is_some() || seen.was_answered_without_result() {
        return None;
    }
    let said = last_words(seen, end);
    let with_words = |what: String| match said.as_str() {
        "" => what,
        said => format!("{what}; it says: {said}"),
    };
    let code = match end.exit {
        Exit::Code { code: 0 } if !agent.adapter.capabilities(None).announces_result => return None,
        Exit::Code { code } => code,
        Exit::Signal { signal } => return Some(by_signal(signal, seen, &with_words)),
        Exit::NotSpawned { .. } | Exit::TooLong { .. } | Exit::Unfit { .. } | Exit::Lost => return None,
    };
    if !seen.has_begun && NOT_EXECUTABLE.contains(&code) {
        let what = format!("`{}` cannot be executed (exit code {code})", agent.command[0]);
        return Some(Judgement::new(Outcome::AgentMissing, with_words(what)));
    }
    // A program that catches a signal, and a shell around it, exit with 128 plus the signal's number.
    if let signal @ 1..=31 = code - 128 {
        return Some(by_signal(signal, seen, &with_words));
    }
    // Text outside the stream is the CLI's own as long as no model has spoken.
    let complaint = Some(seen).filter(|seen| !seen.a_model_answered()).and_then(|seen| {
        let all = format!("{}\n{}", end.stderr_tail, seen.plain_line.as_deref().unwrap_or_default());
        agent.adapter.complaint(&all)
    });
    if let Some(complaint) = complaint {
        let judgement = of_complaint(&complaint, "");
        let detail = or(says(&said), &judgement.detail);
        return Some(Judgement { detail, ..judgement });
    }
    let refuses = agent.adapter.capabilities(None).announces_result && !seen.has_begun && code != 0;
    let (outcome, what) = match refuses && !said.is_empty() {
        true => (Outcome::Configuration, format!("the agent ended with code {code} before it began")),
        false => (Outcome::NoResult, format!("the agent ended with code {code} and no result")),
    };
    Some(Judgement::new(outcome, with_words(what)))
}

fn by_signal(signal: i32, seen: &Evidence, with_words: &dyn Fn(String) -> String) -> Judgement {
    if signal == SIGILL && !seen.has_begun {
        let what = "the agent's program was built for another processor (illegal instruction)";
        return Judgement::new(Outcome::AgentMissing, with_words(what.to_owned()));
    }
    Judgement::new(Outcome::Infrastructure, with_words(format!("the agent was killed by signal {signal}")))
}

/// Returns what a process said last outside its stream: on standard error, or as text where records should be.
fn last_words(seen: &Evidence, end: &ProcessEnd) -> String {
    let on_stdout = seen.plain_line.as_deref().unwrap_or_default();
    match telling_line(&end.stderr_tail) {
        line if line.is_empty() => telling_line(on_stdout),
        line => line,
    }
}

/// Judges a result that claims success with text that no model is known to have written.
fn no_model_answered(agent: &Agent, seen: &Evidence) -> Option<Judgement> {
    if !agent.adapter.capabilities(None).names_models || seen.a_model_answered() {
        return None;
    }
    let said = seen.words_of_cli().unwrap_or_else(|| seen.answer());
    let nobody = "no model is known to have answered, and no token was counted";
    let otherwise =
        if said.trim().is_empty() { nobody.to_owned() } else { format!("{nobody}; {}", says(said)) };
    Some(match agent.adapter.complaint(said) {
        Some(complaint) => Judgement { detail: otherwise, ..of_complaint(&complaint, said) },
        None => Judgement::new(Outcome::NoResult, otherwise),
    })
}

/// Judges what the answer itself says or fails to say.
fn broken_contract(nonce: &Nonce, seen: &Evidence) -> Option<Judgement> {
    let answer = seen.answer();
    let denied = seen.tools.denied();
    let unmet = |outcome, detail: String| {
        Some(if denied.is_empty() {
            Judgement::new(outcome, detail)
        } else {
            Judgement::new(Outcome::PermissionDenied, format!("denied: {}; {detail}", list(&denied)))
        })
    };
    match contract::signal(answer, nonce) {
        Some(Signal::Escalate(reason)) => {
            return Some(Judgement::new(Outcome::AskedEscalation, or(one_line(&reason), "no reason given")));
        }
        Some(Signal::Blocked(reason)) => {
            let reason = or(one_line(&reason), "no reason given");
            return unmet(Outcome::InvalidOutput, format!("the agent was blocked: {reason}"));
        }
        None => {}
    }
    match contract::check(&contract::without_markers(answer)) {
        Err(Breach::Empty) => {
            let instead = seen.words_of_cli().map(|words| format!("; {}", says(words))).unwrap_or_default();
            unmet(Outcome::EmptyAnswer, format!("the answer is empty{instead}"))
        }
        Err(Breach::BareAcknowledgement) => {
            unmet(Outcome::InvalidOutput, format!("the answer is only `{}`", one_line(answer)))
        }
        Ok(()) => None,
    }
}

/// Judges an answer about work that was not allowed. If the agent should only plan, its plan is the work.
fn denied_work(agent: &Agent, seen: &Evidence) -> Option<Judgement> {
    let should_work = agent.effective_permission_mode() != PermissionMode::Plan;
    (should_work && seen.tools.was_denied_its_work()).then(|| {
        let detail = format!("what was denied was the work itself: {}", list(&seen.tools.denied()));
        Judgement::new(Outcome::PermissionDenied, detail)
    })
}

/// Judges a usable answer: whether the routed tier gave it.
fn served(agent: &Agent, catalog: &Catalog, seen: &Evidence) -> Judgement {
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

fn flags(agent: &Agent, catalog: &Catalog, seen: &Evidence, end: &ProcessEnd, outcome: Outcome) -> Vec<Flag> {
    let announces = agent.adapter.capabilities(None).announces_result;
    let stayed = end.leaked_count > 0 || end.stopped.is_some() || end.exit == Exit::Lost;
    let is_usable = matches!(outcome, Outcome::Completed | Outcome::ModelMismatch);
    let named_tier = seen.model_named.as_deref().and_then(|model| catalog.tier_of_model(model));
    let asked_mode = agent.effective_permission_mode();
    let unknown = seen.models_served.iter().any(|model| catalog.tier_of_model(model).is_none());
    [
        (is_usable && stayed && announces, Flag::Leak),
        (!announces && end.leaked_count > 0, Flag::Leak),
        (seen.model_fallback.is_some(), Flag::FallbackModel),
        (unknown, Flag::UnknownModel),
        (seen.text_was_cut && seen.result().is_none(), Flag::AnswerCut),
        (is_usable && seen.was_answered_without_result(), Flag::NoResultLine),
        (end.oversized_lines > 0, Flag::OversizedLine),
        (!seen.tools.denied().is_empty(), Flag::ToolsDenied),
        (seen.permission_mode.is_some_and(|mode| mode != asked_mode), Flag::OtherRights),
        (lacks_an_allowed_tool(agent, seen), Flag::ToolsMissing),
        (named_tier.is_some_and(|tier| tier != agent.tier), Flag::OtherModel),
        (is_usable && seen.failed_later(), Flag::LaterFailure),
        (is_usable && seen.has_open_tasks(), Flag::OpenTasks),
        (seen.has_odd_cost(), Flag::OddCost),
        (seen.used_overage, Flag::Overage),
        (!seen.servers_failed.is_empty(), Flag::ServersFailed),
        (!is_usable && seen.unreadable_count > 0, Flag::UnreadableLines),
    ]
    .into_iter()
    .filter_map(|(applies, flag)| applies.then_some(flag))
    .collect()
}

/// Returns whether a tool that was allowed by name is missing from those that the agent lists. MCP tools appear later.
fn lacks_an_allowed_tool(agent: &Agent, seen: &Evidence) -> bool {
    // One tool with two names, of which each version lists one.
    let names = |name| if name == "Task" { "Agent" } else { name };
    let Some(listed) = &seen.tools_listed else { return false };
    let rules = agent.allow_tools.iter().map(|rule| rule.split('(').next().unwrap_or_default().trim());
    rules
        .filter(|name| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric()))
        .any(|name| !listed.iter().any(|tool| names(tool.as_str()) == names(name)))
}

/// The most denied calls that one sentence names. All are recorded.
const DENIED_NAMED: usize = 5;

fn list(denied: &[Denied]) -> String {
    let named = denied.iter().take(DENIED_NAMED).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match denied.len().saturating_sub(DENIED_NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

/// Returns the text of a result: all of its errors, or its text.
fn words_of(result: &AgentResult) -> String {
    if result.errors.is_empty() {
        return one_line(result.text.as_deref().unwrap_or_default());
    }
    one_line(&result.errors.join("; "))
}

fn says(words: &str) -> String {
    match one_line(words) {
        line if line.is_empty() => line,
        line => format!("the agent says: {line}"),
    }
}

fn or(words: String, otherwise: &str) -> String {
    if words.is_empty() { otherwise.to_owned() } else { words }
}

#[cfg(test)]
mod tests;
