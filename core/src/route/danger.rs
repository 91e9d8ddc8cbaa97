//! How probable a danger must be for a person to be asked, by what the run can touch.
//!
//! Orders that a safety rule knows are asked about whatever the rights: without them they would fail later, and cost money.
//! What is only likely to be dangerous is weighed: a run that can neither run a command nor change a file does no harm.

use serde::{Deserialize, Serialize};

use crate::agent::reach::Reach;
use crate::routing_context::Isolation;

/// How dangerous a request is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Danger {
    /// The probability, by the classifier or, if it is surer, the safety rule that fired.
    pub p: f64,
    /// Whether the run could do it at all, with its agent's rights.
    pub possible: bool,
}

/// Returns from which share on the classifier asks the user because of danger.
///
/// Commands reach everything, from wherever they are run; files of a working tree of its own can be thrown away with it.
pub(super) fn asks_from(reach: Reach, isolation: Isolation) -> f64 {
    match (reach, isolation) {
        (Reach::Commands, _) => 0.3,
        (Reach::Files, Isolation::Shared) => 0.6,
        (Reach::Files, Isolation::Worktree) | (Reach::Reading, _) => 0.8,
    }
}

/// Returns what a danger needs, by the rule that found it.
pub(super) fn needed_by(rule: &str) -> Reach {
    match rule {
        "safety.secrets" => Reach::Reading,
        "safety.agent-config" | "safety.agent-power" | "safety.delete-files" => Reach::Files,
        _ => Reach::Commands,
    }
}

/// Returns a reach as a clause about the agent.
pub(super) fn in_words(reach: Reach) -> &'static str {
    match reach {
        Reach::Reading => "although this agent may only read",
        Reach::Files => "and this agent may change files",
        Reach::Commands => "and this agent may run commands",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_further_a_run_reaches_the_sooner_a_person_is_asked() {
        let of = |isolation| {
            [Reach::Reading, Reach::Files, Reach::Commands].map(|reach| asks_from(reach, isolation))
        };
        assert!(of(Isolation::Shared).is_sorted_by(|less, more| less > more));
        assert!(of(Isolation::Worktree).is_sorted_by(|less, more| less >= more));
        let apart = of(Isolation::Worktree).into_iter().zip(of(Isolation::Shared));
        assert!(apart.into_iter().all(|(apart, shared)| apart >= shared));
    }
}
