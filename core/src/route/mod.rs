//! Deciding who does a request: `route(request, catalog, policy) -> Route`, a pure function.
//!
//! The room never runs anything, reads no clock and no file, and gives byte-equal answers for equal input.

use serde::{Deserialize, Serialize};

use crate::agent::Tier;
use crate::ids::AgentName;

/// Run it, or ask a person first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// The agent may run unattended.
    Direct,
    /// A person must say yes first.
    Escalate,
}

/// The layer of the router that decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layer {
    /// Hard safety: destructive, outward-facing, secrets, own configuration.
    Safety,
    /// The person's own structured choice.
    Override,
    /// A rule of the policy file.
    Policy,
    /// A built-in rule.
    Rules,
    /// The learned classifier.
    Classifier,
    /// An LLM judge.
    Judge,
    /// Nothing else had an opinion.
    Default,
}

/// How much planning a request needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Complexity {
    /// One step.
    Simple,
    /// A few steps of a known pattern.
    Moderate,
    /// Plan first, then execute.
    Complex,
}

/// Whether somebody should be there while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Timing {
    /// A person is needed.
    NeedsPerson,
    /// It can run unattended.
    Unattended,
}

/// The decision for one request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Route {
    /// Run it, or ask first.
    pub decision: Decision,
    /// Who does it (once approved, when `decision` is escalate).
    pub agent: AgentName,
    /// The tier that does it (once approved, when `decision` is escalate).
    pub tier: Tier,
    /// Probability that the tier is acceptable, 0 to 1.
    pub confidence: f64,
    /// One sentence for people.
    pub reason: String,
    /// Which layer decided.
    pub layer: Layer,
    /// The ids of the rules that fired, in the order in which they were looked at.
    pub rules: Vec<String>,
    /// How much planning it needs.
    pub complexity: Complexity,
    /// Whether somebody should be there.
    pub timing: Timing,
    /// What the decision was computed from: rules, catalog and router version.
    pub policy_hash: String,
}
