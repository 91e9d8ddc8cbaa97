//! One attempt: what answered, and what else is worth knowing about it.

use pointsman_core::report::run::AttemptReport;
use pointsman_core::run::outcome::{Flag, Outcome};
use pointsman_core::text::counted;

use crate::plain_text::plain_text;

/// Returns the agent that did the attempt and the models that answered.
pub fn text(attempt: &AttemptReport) -> String {
    let models = match attempt.models_served.as_slice() {
        [] => "no model is known to have answered".to_owned(),
        models => format!("served by {}", models.join(", ")),
    };
    format!("{} ({}), {models}{}", attempt.agent, attempt.tier, marks(attempt))
}

/// Returns what else is worth knowing about an attempt, in brackets, or an empty text.
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
            // Shown by name below, or where it matters.
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

/// Returns a mark that lists names, if there are any.
fn named(what: &str, names: impl Iterator<Item = String>) -> Option<String> {
    let names: Vec<String> = names.collect();
    let more = names.len().saturating_sub(NAMES_MAX);
    let shown = names.iter().take(NAMES_MAX).map(|name| plain_text(name)).collect::<Vec<_>>().join(", ");
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!names.is_empty()).then(|| format!("{what}: {shown}{rest}"))
}

/// Returns a mark for lines that could not be read. They matter if the attempt did not end well: they may have held the
/// answer.
fn lines_lost(attempt: &AttemptReport) -> Option<String> {
    let matters = attempt.flags.contains(&Flag::UnreadableLines);
    matters.then(|| {
        format!("{} of its output could not be read", counted(attempt.unreadable_lines, "line", "lines"))
    })
}
