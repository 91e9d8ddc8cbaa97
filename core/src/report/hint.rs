//! What a person can do next, for every way in which a run can end badly.

use crate::run::next::Finish;
use crate::run::outcome::{Outcome, Verdict};

/// Returns one sentence on what to do next, or `None` where nothing needs doing. `rules` would allow what was denied.
pub fn hint(end: &Finish, rules: &[String]) -> Option<String> {
    match end.verdict {
        Verdict::Succeeded | Verdict::Cancelled => None,
        Verdict::Refused => Some(
            "read the request once more; `--approve` runs it as it is, and `pointsman explain` shows the rule".to_owned(),
        ),
        Verdict::Waiting | Verdict::Failed => {
            // By the end's own code: a run can end for another reason than its last attempt.
            let outcome = Outcome::ALL.into_iter().find(|outcome| outcome.error_code() == end.code);
            Some(match outcome {
                Some(Outcome::PermissionDenied) if !rules.is_empty() => allow(rules),
                Some(outcome) => for_outcome(outcome).to_owned(),
                None => BREAKER.to_owned(),
            })
        }
    }
}

/// The most rules that are named.
const RULES_MAX: usize = 3;

fn allow(rules: &[String]) -> String {
    let flags: Vec<String> =
        rules.iter().take(RULES_MAX).map(|rule| format!("--allow-tool '{rule}'")).collect();
    format!("if it should be allowed, run it again with {}", flags.join(" "))
}

/// The only way to fail without an attempt.
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
        Outcome::PermissionDenied => {
            "allow the tool in the project's `.claude/settings.json` (permissions.allow), or choose another \
             `--permission-mode`"
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
            "check the network and the service, then run it again; `pointsman doctor` helps"
        }
        Outcome::WorkerLost => "run it again; with `--session` the agent goes on where it was",
        Outcome::Quota => "run it again after the reset, or let `--wait` do that",
        Outcome::Budget => "`--max-usd` allows more",
        Outcome::InvalidRequest => {
            "shorten the request (refer to files by path), or check the model's name in the config"
        }
        Outcome::Configuration => {
            "`pointsman doctor` checks the CLI: update it, or mend the settings that it names"
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
