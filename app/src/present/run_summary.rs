//! The result of a run, in the lines after its answer.

use jiff::tz::TimeZone;
use pointsman_core::agent_env::Payer;
use pointsman_core::changes::{ChangeSource, Changes};
use pointsman_core::error_code::ErrorCode;
use pointsman_core::report::run::RunReport;
use pointsman_core::run::outcome::{Outcome, Verdict};

use super::human::{Openings, count, duration, until, usd};
use super::output::{self, Tone, Verbosity};
use super::{attempt, changes, payer};

/// Prints the result of a run: the agent and the model that did it, how long it took, what it cost.
pub fn say(report: &RunReport, said: Option<&str>, verbosity: Verbosity, zone: &TimeZone) {
    let openings = Openings { is_rehearsal: report.rehearsal };
    match report.verdict {
        Some(Verdict::Succeeded) if verbosity == Verbosity::Quiet => {}
        Some(Verdict::Succeeded) => output::say(Tone::Good, &openings.mark("done:"), &summary(report)),
        Some(Verdict::Cancelled) => output::say(Tone::Warning, &coded("cancelled", report), &summary(report)),
        Some(Verdict::Deferred) => {
            output::say(Tone::Warning, &coded("deferred", report), &deferred(report, zone))
        }
        Some(verdict @ (Verdict::Failed | Verdict::Refused)) => failed(report, verdict, said),
        None => {
            let opening = openings.mark(&output::coded("error", Some(ErrorCode::NoVerdict)));
            output::say(Tone::Bad, &opening, "the run has no verdict; this is a bug");
            output::more(ErrorCode::NoVerdict);
        }
    }
    if let Some(changed) = report.changes.as_ref().filter(|changed| !changed.is_empty())
        && verbosity == Verbosity::Normal
    {
        say_changes(report, changed);
    }
    if let Some(hint) = &report.hint {
        output::hint(hint);
    }
    // A user who stopped a run knows why it ended.
    if let Some(code) = report.code.filter(|_| report.verdict != Some(Verdict::Cancelled)) {
        output::more(code);
    }
}

/// Prints what changed meanwhile.
fn say_changes(report: &RunReport, changed: &Changes) {
    let more = match changed.source {
        ChangeSource::Git => format!(" · `pointsman runs diff {}`", report.short_id),
        ChangeSource::Listing => String::new(),
    };
    output::say(Tone::Plain, "changed:", &format!("{}{more}", changes::summary(changed)));
    changes::files(changed).iter().for_each(|file| output::detail(file));
}

fn coded(opening: &str, report: &RunReport) -> String {
    Openings { is_rehearsal: report.rehearsal }.mark(&output::coded(opening, report.code))
}

fn failed(report: &RunReport, verdict: Verdict, said: Option<&str>) {
    let reason = report.reason.as_deref().unwrap_or("no reason was recorded");
    let outcome = report.attempts.last().and_then(|attempt| attempt.outcome);
    let outcome = outcome.map_or_else(|| verdict.as_str(), Outcome::as_str);
    output::say(Tone::Bad, &coded("error", report), &format!("{outcome}: {reason}"));
    if !report.attempts.is_empty() {
        output::detail(&summary(report));
    }
    if let Some(words) = said.map(str::trim).filter(|words| !words.is_empty() && report.attempts.len() == 1) {
        output::detail(&format!("the agent's last words: {}", words.lines().last().unwrap_or_default()));
    }
}

fn deferred(report: &RunReport, zone: &TimeZone) -> String {
    let reason = report.reason.as_deref().unwrap_or_default();
    let reset = report.resets_at.zip(report.finished_at);
    let reset = reset.map(|(then, now)| format!("; resets {}", until(then, now, zone))).unwrap_or_default();
    format!("{reason}{reset} · run {}", report.short_id)
}

/// Returns what is known of the work besides the agent's word.
fn verified(report: &RunReport) -> Option<String> {
    match report.attempts.last()?.verification.as_ref() {
        Some(check) => check.passed.then(|| format!("verified by `{}`", check.command)),
        None => {
            report.changes.as_ref().filter(|changed| !changed.is_empty()).map(|_| "unverified".to_owned())
        }
    }
}

/// Returns how long the run took, and how long of that its agents.
fn time(report: &RunReport, agents_ms: u64) -> String {
    let span = report.created_at.zip(report.finished_at);
    let total_ms = span.map(|(from, to)| to.duration_since(from).as_millis()).unwrap_or_default();
    let (total, agents) =
        (duration(u64::try_from(total_ms).unwrap_or_default().max(agents_ms)), duration(agents_ms));
    if total == agents { total } else { format!("{total} (agent {agents})") }
}

/// Returns the agent, the model served, time, tokens, cost, and run id.
fn summary(report: &RunReport) -> String {
    let mut parts = vec![];
    if let Some(last) = report.attempts.last() {
        parts.push(attempt::text(last));
    }
    if report.attempts.len() > 1 {
        parts.push(format!("{} attempts", report.attempts.len()));
    }
    let duration_ms: u64 = report.attempts.iter().map(|attempt| attempt.duration_ms).sum();
    parts.push(time(report, duration_ms));
    let tokens = report.tokens();
    if tokens.total() > 0 {
        let input = tokens.input + tokens.cache_read + tokens.cache_write;
        parts.push(format!("{} in, {} out", count(input), count(tokens.output)));
    }
    parts.extend(report.cost_usd().map(usd));
    if let Some(last) = report.attempts.last()
        && !report.rehearsal
        && last.payer != Payer::Unknown
    {
        parts.push(payer::text_with_gateway(last.payer, last.gateway.as_deref()));
    }
    parts.extend(verified(report));
    parts.push(format!("run {}", report.short_id));
    parts.join(" · ")
}
