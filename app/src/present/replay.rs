//! What would be different if past requests were decided again.

use jiff::Timestamp;
use pointsman_core::report::replay::{Decided, Difference};
use pointsman_core::text::counted;

use super::human::ago;
use crate::engine::replayed::{LeftOut, Replay};

/// Returns every difference, and how many runs there are of each kind.
pub fn text(replay: &Replay, now: Timestamp) -> String {
    let mut parts: Vec<String> = replay.changed.iter().map(|one| difference(one, now)).collect();
    parts.push(summary(replay));
    parts.join("\n\n")
}

fn summary(replay: &Replay) -> String {
    let LeftOut { without_words, undecidable, unreadable } = replay.left_out;
    let left_out = [
        (without_words, "their words were not stored"),
        (undecidable, "they name an agent that is no more"),
        (unreadable, "their log cannot be read, or has no route yet"),
    ];
    let left_out: Vec<String> = left_out
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, why)| format!("\n{count} could not be decided again: {why}"))
        .collect();
    format!(
        "{}, policy {}: {} would go where they went, {} elsewhere{}",
        counted(replay.runs, "run", "runs"),
        replay.policy_hash,
        replay.same,
        replay.changed.len(),
        left_out.concat()
    )
}

fn difference(one: &Difference, now: Timestamp) -> String {
    let when = one.at.map(|at| format!(" · {}", ago(at, now))).unwrap_or_default();
    let rehearsal = if one.rehearsal { " · rehearsal" } else { "" };
    let outcomes: Vec<&str> = one.became.outcomes.iter().map(|outcome| outcome.as_str()).collect();
    let attempts = match (outcomes.is_empty(), one.became.last_tier) {
        (false, Some(tier)) => format!(", {} on {tier} last", outcomes.join(", ")),
        (true, _) | (false, None) => String::new(),
    };
    let approved = if one.became.approved { ", approved by a person" } else { "" };
    [
        format!("run {}{when}{rehearsal}", one.run_id),
        format!("  request  {}", one.request),
        format!("  was      {}", decided(&one.was)),
        format!("  is       {}", decided(&one.is)),
        format!("  became   {}{attempts}{approved}", one.became.state),
        format!("  so       {}", one.hindsight.as_text()),
    ]
    .join("\n")
}

fn decided(decided: &Decided) -> String {
    let Decided { answer, tier, confidence, rule } = decided;
    let what = match answer.as_str() {
        "escalate" => format!("ask a person first, then {tier}"),
        tier => tier.to_owned(),
    };
    format!("{what}, {:.0} % sure, by {rule}", confidence * 100.0)
}
