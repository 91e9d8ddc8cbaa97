//! The lines around a run for people: the route before it, the result after it, a preview instead of it.

use jiff::Timestamp;
use pointsman_core::agent_env::Payer;
use pointsman_core::error_code::ErrorCode;
use pointsman_core::report::plain_text::plain_text;
use pointsman_core::report::run::{AttemptReport, RunReport};
use pointsman_core::run::outcome::{Flag, Outcome, Verdict};

use super::output::{self, Tone};
use super::route;
use crate::assemble::Assembled;
use crate::config::error::Warning;
use crate::config::login::StrayKey;
use crate::engine::preview::Preview;
use crate::engine::submit::Submission;
use crate::engine::{Engine, launch};

/// Returns what people should hear before a run begins.
pub fn notices(assembled: &Assembled) -> Vec<String> {
    let of_warning = |warning: &Warning| match &warning.hint {
        Some(hint) => format!("{warning}; {hint}"),
        None => warning.to_string(),
    };
    let of_key = |key: &StrayKey| {
        let file = output::short_path(&key.file, &assembled.home);
        format!("`{}` in {file} could change who pays, or where your login is sent", key.name)
    };
    assembled.warnings.iter().map(of_warning).chain(assembled.stray_keys.iter().map(of_key)).collect()
}

/// Returns what people should hear of events that were kept elsewhere until now.
pub fn taken_over(event_count: usize) -> Option<String> {
    (event_count > 0).then(|| format!("{event_count} events were taken over from the spool"))
}

/// Says in one line where the request goes, with which rights, and who pays.
pub fn route_notice(engine: &Engine, submission: &Submission) {
    let said = route_in_words(engine, submission);
    output::say(Tone::Plain, &word("route:", submission.is_rehearsal()), &said);
}

/// Returns where the request goes, with which rights, and who pays.
pub fn route_in_words(engine: &Engine, submission: &Submission) -> String {
    let (route, project) = (submission.route(), submission.project());
    let mut parts = vec![route::in_words(route)];
    if let Some(agent) = project.catalog().get(&route.agent) {
        if agent.adapter.capabilities(None).has_permissions {
            parts.push(agent.effective_permission_mode().as_str().to_owned());
        } else {
            parts.push("no limits of its own: it may do what you may".to_owned());
        }
        if !submission.is_rehearsal() && agent.adapter.capabilities(None).names_models {
            let (payer, gateway) = launch::payer(engine, project, agent);
            parts.push(pays_through(payer, gateway.as_deref()));
        }
    }
    parts.join(" · ")
}

fn word(word: &str, rehearsal: bool) -> String {
    if rehearsal { format!("rehearsal: {word}") } else { word.to_owned() }
}

/// Says who pays.
pub fn pays(payer: Payer) -> String {
    match payer {
        Payer::Subscription => "billed to the subscription".to_owned(),
        Payer::ApiKey => "billed to the API key".to_owned(),
        Payer::Cloud(cloud) => format!("billed to {}", cloud.title()),
        Payer::Unknown => "the agent's own settings decide who pays".to_owned(),
    }
}

/// Says who pays, and through which gateway.
fn pays_through(payer: Payer, gateway: Option<&str>) -> String {
    match gateway {
        Some(host) => format!("{}, through {}", pays(payer), plain_text(host)),
        None => pays(payer),
    }
}

/// Says what came of a run: who really did it, how long it took, what it cost.
pub fn line(report: &RunReport, said: Option<&str>, quiet: bool) {
    let rehearsal = report.rehearsal;
    match report.verdict {
        Some(Verdict::Succeeded) if quiet => {}
        Some(Verdict::Succeeded) => output::say(Tone::Good, &word("done:", rehearsal), &summary(report)),
        Some(Verdict::Cancelled) => output::say(Tone::Warning, &coded("cancelled", report), &summary(report)),
        Some(Verdict::Deferred) => output::say(Tone::Warning, &coded("deferred", report), &waiting(report)),
        Some(verdict @ (Verdict::Failed | Verdict::Refused)) => failed(report, verdict, said),
        None => {
            let opening = word(&output::coded("error", Some(ErrorCode::NoVerdict)), rehearsal);
            output::say(Tone::Bad, &opening, "the run has no verdict; this is a bug");
            output::more(ErrorCode::NoVerdict);
        }
    }
    if let Some(hint) = &report.hint {
        output::hint(hint);
    }
    // Who stopped a run knows why it ended.
    if let Some(code) = report.code.filter(|_| report.verdict != Some(Verdict::Cancelled)) {
        output::more(code);
    }
}

fn coded(opening: &str, report: &RunReport) -> String {
    word(&output::coded(opening, report.code), report.rehearsal)
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

fn waiting(report: &RunReport) -> String {
    let reason = report.reason.as_deref().unwrap_or_default();
    let until = report.resets_at.map(|at| format!("; resets {at}")).unwrap_or_default();
    format!("{reason}{until} · run {}", report.run_id)
}

/// Agent, model served, time, tokens, cost, run id.
fn summary(report: &RunReport) -> String {
    let mut parts = vec![];
    if let Some(last) = report.attempts.last() {
        parts.push(served(last));
    }
    if report.attempts.len() > 1 {
        parts.push(format!("{} attempts", report.attempts.len()));
    }
    let duration_ms: u64 = report.attempts.iter().map(|attempt| attempt.duration_ms).sum();
    parts.push(seconds(duration_ms));
    let tokens = report.tokens();
    if tokens.total() > 0 {
        let input = tokens.input + tokens.cache_read + tokens.cache_write;
        parts.push(format!("{} in, {} out", count(input), count(tokens.output)));
    }
    if let Some(usd) = report.cost_usd() {
        parts.push(usd_text(usd));
    }
    if let Some(last) = report.attempts.last()
        && !report.rehearsal
        && last.payer != Payer::Unknown
    {
        parts.push(pays_through(last.payer, last.gateway.as_deref()));
    }
    parts.push(format!("run {}", report.run_id));
    parts.join(" · ")
}

fn served(attempt: &AttemptReport) -> String {
    let models = match attempt.models_served.as_slice() {
        [] => "no model is known to have answered".to_owned(),
        models => format!("served by {}", models.join(", ")),
    };
    format!("{} ({}), {models}{}", attempt.agent, attempt.tier, marks(attempt))
}

/// Returns what else is worth knowing of an attempt, in brackets, or nothing.
pub fn marks(attempt: &AttemptReport) -> String {
    let marks: Vec<String> = attempt
        .flags
        .iter()
        .filter_map(|flag| match flag {
            Flag::Leak => Some("LEAK"),
            Flag::FallbackModel => Some("fallback model"),
            Flag::UnknownModel => Some("model of unknown tier"),
            Flag::AnswerCut => Some("answer cut"),
            Flag::NoResultLine => Some("no result line"),
            Flag::LaterFailure => Some("a later turn failed"),
            Flag::OpenTasks => Some("background tasks were left"),
            Flag::OtherRights => Some("RIGHTS DIFFER"),
            Flag::OtherModel => Some("began with a model of another tier"),
            Flag::ToolsMissing => Some("an allowed tool is not there"),
            Flag::OddCost => Some("odd cost"),
            Flag::Overage => Some("paid overage"),
            Flag::OversizedLine => Some("an overlong line was shortened"),
            // Said by name, or where it matters.
            Flag::ToolsDenied | Flag::ServersFailed | Flag::OtherPayer | Flag::UnreadableLines => None,
        })
        .chain((attempt.outcome == Some(Outcome::ModelMismatch)).then_some("MODEL MISMATCH"))
        .map(str::to_owned)
        .chain(named("denied", attempt.denied.iter().map(ToString::to_string)))
        .chain(named("MCP servers failed", attempt.servers_failed.iter().cloned()))
        .chain(lines_lost(attempt))
        .collect();
    if marks.is_empty() { String::new() } else { format!(" [{}]", marks.join(", ")) }
}

/// The most names in one mark.
const NAMES_MAX: usize = 3;

/// A mark that names things, if there are any.
fn named(what: &str, names: impl Iterator<Item = String>) -> Option<String> {
    let names: Vec<String> = names.collect();
    let more = names.len().saturating_sub(NAMES_MAX);
    let shown = names.iter().take(NAMES_MAX).map(|name| plain_text(name)).collect::<Vec<_>>().join(", ");
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!names.is_empty()).then(|| format!("{what}: {shown}{rest}"))
}

/// Lines that could not be read matter where the attempt did not end well: the answer may have stood in them.
fn lines_lost(attempt: &AttemptReport) -> Option<String> {
    let matters = attempt.flags.contains(&Flag::UnreadableLines);
    matters.then(|| format!("{} lines of its output could not be read", attempt.unreadable_lines))
}

/// Returns a duration as people read it.
pub fn seconds(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{:.1} s", ms as f64 / 1000.0),
        _ => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1000),
    }
}

/// Returns a count as people read it.
pub fn count(count: u64) -> String {
    match count {
        0..1_000 => count.to_string(),
        1_000..1_000_000 => format!("{:.1}k", count as f64 / 1e3),
        _ => format!("{:.1}M", count as f64 / 1e6),
    }
}

/// Returns a cost as people read it.
pub fn usd_text(usd: f64) -> String {
    if usd > 0.0 && usd < 0.01 { format!("${usd:.4}") } else { format!("${usd:.2}") }
}

/// Returns how long ago something was.
pub fn ago(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds}s ago"),
        60..3_600 => format!("{}m ago", seconds / 60),
        3_600..86_400 => format!("{}h ago", seconds / 3_600),
        _ => format!("{}d ago", seconds / 86_400),
    }
}

/// Says what a run would do.
pub fn preview(preview: &Preview) -> String {
    let argv: Vec<String> = preview.argv.iter().map(|arg| shell_word(arg)).collect();
    let program = match &preview.program {
        Some(_) => String::new(),
        None => "\n           (not found: this run would end with exit 69)".to_owned(),
    };
    let or_none = |count: Option<String>| count.unwrap_or_else(|| "no limit".to_owned());
    let limits = &preview.limits;
    [
        format!("route      {}", route::in_words(&preview.route)),
        format!("rules      {}", preview.route.rules.join(", ")),
        format!("directory  {}", preview.cwd.display()),
        format!("command    {}{program}", argv.join(" ")),
        format!("stdin      {} bytes: the request", preview.stdin_bytes),
        format!("rights     {}", preview.permission_mode),
        format!("pays       {}", pays(preview.payer)),
        format!("env        {}", preview.environment.join(" ")),
        format!("withheld   {} variables of yours", preview.withheld.len()),
        format!(
            "limits     {} attempts, each {} at most, {} of silence; turns: {}; cost: {}",
            limits.attempts,
            seconds(limits.wall_seconds * 1000),
            seconds(limits.idle_seconds * 1000),
            or_none(limits.max_turns.map(|turns| turns.to_string())),
            or_none(limits.max_usd.map(usd_text)),
        ),
    ]
    .join("\n")
}

/// Returns an argument as one would type it.
fn shell_word(arg: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !arg.is_empty() && arg.chars().all(plain) {
        arg.to_owned()
    } else {
        format!("'{}'", arg.replace('\'', r"'\''"))
    }
}
