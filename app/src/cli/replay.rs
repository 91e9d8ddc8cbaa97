//! `pointsman replay`: past requests decided again, and what would be different.

use pointsman_core::error_code::ErrorCode;

use super::context::{environment, runtime};
use super::exit::Failure;
use super::routing_args::{ReplayArgs, SpanArgs};
use crate::engine::history::Span;
use crate::engine::replayed::Replay;
use crate::present::output::{self, PlainFormat};
use crate::{clock, present};

impl SpanArgs {
    /// Returns which runs to consider, counting back from now.
    pub fn span(&self) -> Span {
        let since = self.since.map(|since| clock::now().checked_sub(since).unwrap_or(jiff::Timestamp::MIN));
        Span { since, count_max: self.limit }
    }
}

/// Runs the verb.
pub fn main(args: &ReplayArgs) -> Result<u8, Failure> {
    let environment = environment(args.project.as_deref())?;
    let loaded = environment.settings(&[])?;
    let decider = match &args.against {
        Some(path) => environment.decider_against(&loaded, path)?,
        None => environment.decider(&loaded)?,
    };
    let mut replay = Replay::new(&decider);
    runtime()?.block_on(environment.history().each(args.span.span(), |past| replay.add(&decider, &past)))?;
    match args.output {
        PlainFormat::Text => output::text(&present::replay::text(&replay, clock::now())),
        PlainFormat::Json => output::json(&replay),
    }
    if !args.fail_on_change || replay.changed.is_empty() {
        return Ok(0);
    }
    // The JSON already contains the differences, so the failure is only printed as text.
    let message = format!("{} of {} runs would go elsewhere", replay.changed.len(), replay.runs);
    let failure =
        Failure::new(ErrorCode::RoutesChanged, message, "leave out `--fail-on-change` to only look");
    output::failure(&failure);
    Ok(failure.exit_code())
}
