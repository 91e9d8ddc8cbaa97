//! Prints one line of a run's live log as text.

use pointsman_core::report::live::{Body, Line, LiveDetail};
use pointsman_core::run::event::Fact;
use pointsman_core::run::tools::call_in_words;

use super::human::{Openings, duration};
use super::output::{self, Tone};
use super::route;

/// Prints a line.
pub fn print(line: &Line) {
    let openings = Openings { is_rehearsal: line.rehearsal };
    let live = match &line.body {
        Body::Fact(event) => return print_fact(&event.fact, openings),
        Body::Live(live) => live,
    };
    let say = |tone: Tone, word: &str, sentence: &str| output::say(tone, &openings.mark(word), sentence);
    match &live.seen {
        LiveDetail::Text { text } => output::text(text),
        LiveDetail::ToolUse { tool, what, subagent } => {
            let call = call_in_words(tool, what);
            say(Tone::Plain, if *subagent { "subagent uses" } else { "uses" }, &call);
        }
        LiveDetail::Verifying { command } => say(Tone::Plain, "verify:", command),
        LiveDetail::Notice { text } => say(Tone::Warning, "notice:", text),
        LiveDetail::PermissionDenied { tool, what } => {
            let call = call_in_words(tool, what);
            say(Tone::Warning, "denied:", &call);
        }
        LiveDetail::ModelServed { model } => say(Tone::Plain, "served by", model),
        LiveDetail::ModelFallback { from, to } => say(Tone::Warning, "fallback:", &format!("{from} to {to}")),
        LiveDetail::ApiError { kind, .. } => say(Tone::Warning, "api error:", kind),
        LiveDetail::AgentStarted { .. }
        | LiveDetail::TextDelta { .. }
        | LiveDetail::RateLimit(_)
        | LiveDetail::UnknownAgentEvent { .. } => {}
    }
}

fn print_fact(fact: &Fact, openings: Openings) {
    let word = |word: &str| openings.mark(word);
    match fact {
        Fact::Requested(_) => {}
        Fact::Routed { route } => output::say(Tone::Plain, &word("route:"), &route::text(route)),
        Fact::Approved { by } => output::say(Tone::Plain, &word("approved:"), by),
        Fact::AttemptStarted(started) => output::say(
            Tone::Plain,
            &word(&format!("attempt {}:", started.attempt)),
            &format!("{} ({}), model {}", started.agent, started.tier, started.model_requested),
        ),
        Fact::AttemptEnded(ended) => output::say(
            if ended.outcome.exit_code() == 0 { Tone::Good } else { Tone::Warning },
            &word(&format!("{}:", ended.outcome)),
            &format!("{} ({})", ended.detail, duration(ended.duration_ms)),
        ),
        Fact::Waiting { until, .. } => output::say(Tone::Plain, &word("waiting:"), &format!("until {until}")),
        Fact::Finished { verdict, code, reason, .. } => {
            output::say(Tone::Plain, &word(&output::coded(verdict.as_str(), *code)), reason);
        }
    }
}
