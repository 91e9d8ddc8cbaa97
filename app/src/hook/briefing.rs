//! What the user is told when a session begins: only if there is something to say, and never more than ten lines.

use pointsman_core::hook::answer::{HookAnswer, HookEffect};

use super::context::HookContext;
use crate::clock;
use crate::present::briefing;

/// How many runs are considered.
const RUN_COUNT_MAX: usize = 50;

/// Glances at the ledger and reports what needs attention.
pub fn answer(context: &HookContext) -> HookAnswer {
    let Some((runs, breakers)) = context.store.newest_runs_and_breakers(RUN_COUNT_MAX) else {
        return HookAnswer::default();
    };
    let lines = briefing::lines(&runs, &breakers, clock::now());
    if lines.is_empty() {
        return HookAnswer::default();
    }
    let text = format!("pointsman: {}", lines.join("\n"));
    HookAnswer {
        effect: HookEffect::Context { event: "SessionStart", text: text.clone() },
        notice: Some(text),
    }
}
