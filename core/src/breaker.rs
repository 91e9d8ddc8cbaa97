//! The circuit breaker of one agent and model: a fold over outcomes.
//!
//! Its state is kept in the store, so that many short-lived processes share it. Only failures of the infrastructure
//! count; an agent that answers badly is not a broken service.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::run::next::later;
use crate::run::outcome::{Outcome, OutcomeClass};

/// When a breaker opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerLimits {
    /// How many consecutive counted failures open it.
    pub threshold: u32,
    /// How long it stays open before one probe may pass.
    pub open_for: Duration,
    /// How long a probe may take before it is given up: as long as an attempt may.
    pub probe_for: Duration,
}

/// The state that is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Breaker {
    /// Calls are admitted.
    Closed {
        /// How many consecutive counted failures there were.
        failure_count: u32,
    },
    /// Calls are refused until then.
    Open {
        /// When a probe may pass.
        until: Timestamp,
    },
    /// One probe is in flight; other calls are refused until it answers or is given up.
    HalfOpen {
        /// When the probe is given up.
        probe_until: Timestamp,
    },
}

/// Whether a call is admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It is.
    Pass,
    /// It is, and all others wait for its outcome.
    Probe,
    /// It is not, before then.
    Refuse {
        /// When to ask again.
        until: Timestamp,
    },
}

impl Default for Breaker {
    fn default() -> Breaker {
        Breaker::Closed { failure_count: 0 }
    }
}

impl Breaker {
    /// Decides about a call; returns the state to store along with the decision.
    pub fn admit(self, limits: &BreakerLimits, now: Timestamp) -> (Breaker, Admission) {
        match self {
            Breaker::Closed { .. } => (self, Admission::Pass),
            Breaker::Open { until } | Breaker::HalfOpen { probe_until: until } if now < until => {
                (self, Admission::Refuse { until })
            }
            Breaker::Open { .. } | Breaker::HalfOpen { .. } => {
                (Breaker::HalfOpen { probe_until: later(now, limits.probe_for) }, Admission::Probe)
            }
        }
    }

    /// Records how a call ended.
    pub fn record(self, outcome: Outcome, limits: &BreakerLimits, now: Timestamp) -> Breaker {
        match (effect(outcome), self) {
            (CallResult::None, Breaker::HalfOpen { .. }) => Breaker::Open { until: now },
            (CallResult::None, breaker) => breaker,
            (CallResult::Works, _) => Breaker::default(),
            (CallResult::Fails, Breaker::Closed { failure_count }) => {
                opened_at(failure_count + 1, limits, now)
            }
            (CallResult::Fails, Breaker::Open { until }) => Breaker::Open { until },
            (CallResult::Fails, Breaker::HalfOpen { .. }) => {
                Breaker::Open { until: later(now, limits.open_for) }
            }
        }
    }

    /// Returns one word for the state.
    pub fn name(self) -> &'static str {
        match self {
            Breaker::Closed { .. } => "closed",
            Breaker::Open { .. } => "open",
            Breaker::HalfOpen { .. } => "half-open",
        }
    }
}

enum CallResult {
    Works,
    Fails,
    None,
}

/// Returns what an outcome says about the service: one that answered works, even if the answer is bad; a stop of our
/// own says nothing.
fn effect(outcome: Outcome) -> CallResult {
    match outcome.class() {
        OutcomeClass::Transient if outcome == Outcome::WorkerLost => CallResult::None,
        OutcomeClass::Transient => CallResult::Fails,
        OutcomeClass::Usable | OutcomeClass::Escalatable => CallResult::Works,
        OutcomeClass::Timeout | OutcomeClass::Quota | OutcomeClass::Final => CallResult::None,
    }
}

fn opened_at(failure_count: u32, limits: &BreakerLimits, now: Timestamp) -> Breaker {
    if failure_count >= limits.threshold {
        Breaker::Open { until: later(now, limits.open_for) }
    } else {
        Breaker::Closed { failure_count }
    }
}

#[cfg(test)]
mod tests;
