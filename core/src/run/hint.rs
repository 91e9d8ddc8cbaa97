//! What the user can do next, for every way in which a run can end badly.

use crate::run::next::Finish;
use crate::run::outcome::{Outcome, Verdict};

/// What was denied, and how it could be allowed.
#[derive(Debug, Clone, Default)]
pub struct Denials {
    /// Whether anything was denied.
    pub any: bool,
    /// The rules that would have allowed it.
    pub rules: Vec<String>,
}

/// Returns one sentence on what to do next, or `None` if nothing needs to be done.
pub fn hint(end: &Finish, denials: &Denials) -> Option<String> {
    match end.verdict {
        Verdict::Succeeded if !denials.rules.is_empty() => Some(allow(&denials.rules)),
        Verdict::Succeeded | Verdict::Cancelled => None,
        Verdict::Refused => Some(
            "read the request once more; `--approve` runs it as it is, and `pointsman explain` shows the rule".to_owned(),
        ),
        Verdict::Deferred | Verdict::Failed => {
            // By the code of the run's own end: a run can end for another reason than its last attempt.
            let outcome = Outcome::ALL.into_iter().find(|outcome| outcome.error_code() == end.code);
            Some(match outcome {
                Some(Outcome::PermissionDenied) if !denials.rules.is_empty() => allow(&denials.rules),
                Some(Outcome::PermissionDenied) if !denials.any => HOOK.to_owned(),
                Some(Outcome::Quota) if end.resets_at.is_none() => NO_RESET.to_owned(),
                Some(outcome) => for_outcome(outcome).to_owned(),
                None => BREAKER.to_owned(),
            })
        }
    }
}

/// The most rules that are listed.
const RULES_MAX: usize = 3;

fn allow(rules: &[String]) -> String {
    let flags: Vec<String> =
        rules.iter().take(RULES_MAX).map(|rule| format!("--allow-tool '{rule}'")).collect();
    format!("to allow what was denied, run it again with {}", flags.join(" "))
}

/// No tool was denied: a hook refused.
const HOOK: &str =
    "a hook of the agent's CLI refused it; its words say what it wants, and `claude`, then `/hooks` shows it";

/// For a limit without a known reset: credits, a spending limit, an admin's decision.
const NO_RESET: &str = "no reset is known: do what the message says (add credits, ask the admin, take another model); `--wait` looks again later";

/// For an open breaker: the only way to fail without an attempt.
const BREAKER: &str = "wait a minute, or use `--wait`; `pointsman doctor` shows the breakers";

fn for_outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Completed => "nothing",
        Outcome::ModelMismatch => {
            "the account or the CLI chose another model; `on_model_mismatch = \"flag\"` lets such answers count"
        }
        Outcome::NoResult => {
            "`pointsman runs logs latest` shows what the agent did; `pointsman doctor` checks its CLI"
        }
        Outcome::EmptyAnswer | Outcome::InvalidOutput => {
            "`pointsman runs logs latest` shows what the agent did; say in the request what should come back"
        }
        Outcome::MaxTurns => "`--max-turns N` allows more, or a smaller request needs fewer",
        Outcome::AskedEscalation => {
            "choose a stronger tier with `--tier`, or allow it by leaving out `--no-escalate`"
        }
        Outcome::VerifyFailed => {
            "`pointsman runs show latest` has its output; with `--session NAME` or `--continue` the next run goes on where it was"
        }
        Outcome::PermissionDenied => {
            "`--permission-profile test` allows the project's own tests and builds; other tools are allowed in the \
             project's `.claude/settings.json` (permissions.allow)"
        }
        Outcome::TimeoutWall => {
            "`--timeout 2h` allows more time; with `--session NAME` the next run goes on where it was"
        }
        Outcome::TimeoutIdle => {
            "`limits.idle` in the config allows longer silence; `pointsman runs logs latest` shows the last output"
        }
        Outcome::TimeoutStartup => {
            "`pointsman doctor` checks the CLI; `limits.startup` in the config allows a slower start"
        }
        Outcome::Overloaded | Outcome::Throttled => {
            "the service has too much to do: try again later, or use `--wait`"
        }
        Outcome::Infrastructure => {
            "look at the message: the network, the service or this machine (disk, memory) failed; then run it again"
        }
        Outcome::WorkerLost => "run it again; with `--session` the agent goes on where it was",
        Outcome::Quota => "run it again after the reset, or let `--wait` do that",
        Outcome::Budget => "`--max-usd` allows more",
        Outcome::InvalidRequest => {
            "shorten the request (refer to files by path), or check the model's name in the config"
        }
        Outcome::Configuration => {
            "do what the message says (update the CLI, fix its settings, choose another mode or user); `pointsman doctor` checks it"
        }
        Outcome::Auth => {
            "log in (`claude`, then `/login`) or set the API key; `pointsman doctor` shows who would pay"
        }
        Outcome::Billing => "check the account's credit; nothing will be answered before that",
        Outcome::AgentMissing => {
            "install the CLI (`npm install -g @anthropic-ai/claude-code`), or name it in the config \
             (`agents.NAME.command`); `pointsman run --rehearse` shows the whole path without it"
        }
        Outcome::Cancelled => "nothing",
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::error_code::ErrorCode;

    fn end(verdict: Verdict, code: Option<ErrorCode>) -> Finish {
        Finish { verdict, code, exit_code: 1, reason: String::new(), resets_at: None }
    }

    fn rules(count: usize) -> Denials {
        Denials { any: true, rules: (0..count).map(|n| format!("Bash(x{n}:*)")).collect() }
    }

    #[test]
    fn what_to_do_next_follows_from_the_runs_own_end() {
        let (none, denied) = (Denials::default(), Denials { any: true, rules: vec![] });
        let failed = |code| end(Verdict::Failed, Some(code));
        let until = |end| Finish { resets_at: Some(Timestamp::UNIX_EPOCH), ..end };
        for (end, denials, begins) in [
            (end(Verdict::Succeeded, None), &none, None),
            (end(Verdict::Succeeded, None), &denied, None),
            (end(Verdict::Succeeded, None), &rules(1), Some("to allow what was denied")),
            (end(Verdict::Cancelled, Some(ErrorCode::Interrupted)), &rules(1), None),
            (end(Verdict::Refused, Some(ErrorCode::NotApproved)), &none, Some("read the request once more")),
            (failed(ErrorCode::PermissionDenied), &none, Some("a hook of the agent's CLI")),
            (failed(ErrorCode::PermissionDenied), &denied, Some("`--permission-profile test`")),
            (failed(ErrorCode::PermissionDenied), &rules(1), Some("to allow what was denied")),
            (failed(ErrorCode::Budget), &rules(1), Some("`--max-usd`")),
            (failed(ErrorCode::Quota), &none, Some("no reset is known")),
            (until(failed(ErrorCode::Quota)), &none, Some("run it again after the reset")),
            (end(Verdict::Deferred, Some(ErrorCode::BreakerOpen)), &none, Some("wait a minute")),
        ] {
            let hint = hint(&end, denials);
            let fits = hint
                .as_deref()
                .zip(begins)
                .map_or(hint.is_none() && begins.is_none(), |(h, b)| h.starts_with(b));
            assert!(fits, "{end:?}: {hint:?}, not {begins:?}");
        }
    }

    #[test]
    fn at_most_three_rules_are_named_and_each_can_be_copied_into_a_shell() {
        let hint = hint(&end(Verdict::Succeeded, None), &rules(5)).unwrap();
        assert!(
            hint.ends_with(
                "with --allow-tool 'Bash(x0:*)' --allow-tool 'Bash(x1:*)' --allow-tool 'Bash(x2:*)'"
            ),
            "{hint}"
        );
    }
}
