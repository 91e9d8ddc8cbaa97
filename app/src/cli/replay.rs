//! `pointsman replay`: past requests decided again, and what would be different.

use pointsman_core::error_code::ErrorCode;
use pointsman_core::report::replay::{self, Decided, Difference};
use pointsman_core::report::run::SCHEMA_VERSION;
use serde::Serialize;

use super::exit::Failure;
use super::routing_args::{ReplayArgs, SpanArgs};
use super::run::{runtime, world};
use crate::clock;
use crate::engine::history::{PastRun, Span};
use crate::engine::project::Decider;
use crate::present::output::{self, PlainFormat};
use crate::present::run_summary;

/// The contract of `replay -o json`.
#[derive(Debug, Serialize)]
struct Replay {
    schema_version: u32,
    policy_hash: String,
    /// How many runs were looked at.
    runs: usize,
    /// How many of them would go where they went.
    same: usize,
    /// Runs that cannot be decided again, and why.
    left_out: LeftOut,
    /// Runs that would go elsewhere, newest first.
    changed: Vec<Difference>,
}

#[derive(Debug, Default, Serialize)]
struct LeftOut {
    /// Their words were not stored.
    without_words: usize,
    /// They name an agent that is no more.
    undecidable: usize,
    /// Their log cannot be read, or has no route yet.
    unreadable: usize,
}

impl SpanArgs {
    /// Returns which runs are looked at, from now on back.
    pub fn span(&self) -> Span {
        let since = self.since.map(|since| clock::now().checked_sub(since).unwrap_or(jiff::Timestamp::MIN));
        Span { since, count_max: self.limit }
    }
}

/// Runs the verb.
pub fn main(args: &ReplayArgs) -> Result<u8, Failure> {
    let world = world(args.project.as_deref())?;
    let loaded = world.settings(&[])?;
    let decider = match &args.against {
        Some(path) => world.decider_against(&loaded, path)?,
        None => world.decider(&loaded)?,
    };
    let mut replay = Replay {
        schema_version: SCHEMA_VERSION,
        policy_hash: decider.policy_hash(),
        runs: 0,
        same: 0,
        left_out: LeftOut::default(),
        changed: vec![],
    };
    runtime()?.block_on(world.history().each(args.span.span(), |past| replay.add(&decider, &past)))?;
    match args.output {
        PlainFormat::Text => output::text(&in_words(&replay)),
        PlainFormat::Json => output::json(&replay),
    }
    if !args.fail_on_change || replay.changed.is_empty() {
        return Ok(0);
    }
    // The JSON has the differences already, so the failure itself is for people only.
    let message = format!("{} of {} runs would go elsewhere", replay.changed.len(), replay.runs);
    let failure =
        Failure::new(ErrorCode::RoutesChanged, message, "leave out `--fail-on-change` to only look");
    output::failure(&failure);
    Ok(failure.exit_code())
}

impl Replay {
    fn add(&mut self, decider: &Decider, past: &PastRun) {
        self.runs += 1;
        let Some(run) = past.state.as_ref().filter(|run| run.route.is_some()) else {
            self.left_out.unreadable += 1;
            return;
        };
        let Some(mut request) = replay::request_of(run) else {
            self.left_out.without_words += 1;
            return;
        };
        let Ok(route) = decider.decide(&mut request) else {
            self.left_out.undecidable += 1;
            return;
        };
        match replay::difference(&past.row.run_id, run, &route) {
            None => self.same += 1,
            Some(difference) => self.changed.push(difference),
        }
    }
}

fn in_words(replay: &Replay) -> String {
    let mut parts: Vec<String> = replay.changed.iter().map(difference).collect();
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
        "{} runs, policy {}: {} would go where they went, {} elsewhere{}",
        replay.runs,
        replay.policy_hash,
        replay.same,
        replay.changed.len(),
        left_out.concat()
    )
}

fn difference(one: &Difference) -> String {
    let when = one.at.map(|at| format!(" · {}", run_summary::ago(at, clock::now()))).unwrap_or_default();
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
        format!("  so       {}", one.hindsight.in_words()),
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
