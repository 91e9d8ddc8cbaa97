//! A route in one line for people.

use pointsman_core::route::{Decision, Route};

/// Says a route in one line for people.
pub fn in_words(route: &Route) -> String {
    let decision = match route.decision {
        Decision::Direct => format!("{} ({})", route.agent, route.tier),
        Decision::Escalate => format!("ask a person first, then {} ({})", route.agent, route.tier),
    };
    format!("{decision}, {:.0} % sure: {}", route.confidence * 100.0, route.reason)
}
