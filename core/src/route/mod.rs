//! Deciding who does a request: `route(request, catalog, policy) -> Route`, a pure function.
//!
//! The room never runs anything, reads no clock and no file, and gives byte-equal answers for equal input.
//!
//! In reading order: `route` here · `segment` (own words or pasted) · `tokens` and `stream` (words and
//! where they stand) · `signals` (facts) · `safety`, `overrides`, `rules` (the layers) · `explain`
//! (what was looked at, and why it did or did not fire).

pub mod explain;
mod overrides;
mod rules;
mod safety;
mod segment;
mod signals;
mod stream;
pub(crate) mod tokens;

use serde::{Deserialize, Serialize};

use crate::agent::{Catalog, Tier};
use crate::ids::AgentName;
use crate::policy::Policy;
use crate::request::Request;

pub use explain::{Look, LookOutcome, NO_MATCH};
use signals::Signals;

/// Confidence of a route that no layer had an opinion on; measured on the labelled sample.
const DEFAULT_CONFIDENCE: f64 = 0.6;
/// Confidence of the route that is taken when routing itself failed: nothing is known.
const FALLBACK_CONFIDENCE: f64 = 0.5;

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

/// A route, with everything that was looked at on the way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Routed {
    /// The decision.
    pub route: Route,
    /// Every rule that was looked at, in order.
    pub looked: Vec<Look>,
}

/// Why a request has no route.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// An override names an agent that does not exist.
    #[error("agent `{agent}` was not found; known agents: {known}")]
    UnknownAgent {
        /// The name that was not found.
        agent: AgentName,
        /// All names, comma separated.
        known: String,
    },
}

/// Decides who does a request.
///
/// The layers in order: safety, the person's override, rules, default. The first layer with an
/// opinion names the tier; safety alone decides whether a person is asked, and nothing lifts that.
pub fn route(request: &Request, catalog: &Catalog, policy: &Policy) -> Result<Routed, RouteError> {
    let segments = segment::segment(request.text());
    let signals = Signals::read(&segments, policy);
    let mut looked = Vec::with_capacity(policy.rules().len() + 8);

    let danger = safety::look(policy, &signals, &mut looked);
    // An override is looked at first but needs to know what the rules would do: words may only raise.
    let mut looked_by_rules = Vec::with_capacity(policy.rules().len());
    let by_rule = rules::first_fired(policy, &signals, &mut looked_by_rules);
    let judged_tier = by_rule.as_ref().map_or(Tier::Sonnet, |found| found.tier);
    // "Fix" and "implement" alone name a kind of work, but not what is meant.
    let is_known_work = by_rule.is_some() && judged_tier != Tier::Sonnet;
    let unclear = safety::look_for_missing_words(&signals, is_known_work, request.context, &mut looked);
    let chosen = overrides::look(request, catalog, policy, &signals, judged_tier, &mut looked)?;
    looked.append(&mut looked_by_rules);

    let tier = chosen.as_ref().map_or(judged_tier, |choice| choice.tier);
    let agent = match chosen.as_ref().and_then(|choice| choice.agent.clone()) {
        Some(agent) => agent,
        None => catalog.for_tier(tier).name.clone(),
    };
    let stop = danger.or(unclear);
    let (layer, confidence, reason) = if let Some(found) = &stop {
        (Layer::Safety, found.confidence, found.because.clone())
    } else if let Some(choice) = &chosen {
        (Layer::Override, choice.confidence, choice.because.clone())
    } else if let Some(found) = by_rule {
        (found.layer, found.confidence, found.because)
    } else {
        let because = "no rule knows this kind of work, so the middle tier does it".to_owned();
        looked.push(Look::fired("default", Layer::Default, &because, None));
        (Layer::Default, DEFAULT_CONFIDENCE, because)
    };
    let decision = if stop.is_some() { Decision::Escalate } else { Decision::Direct };
    let route = Route {
        decision,
        agent,
        tier,
        confidence,
        reason,
        layer,
        rules: looked.iter().filter(|look| look.has_fired()).map(|look| look.rule.clone()).collect(),
        complexity: signals.complexity(tier),
        timing: signals.timing(decision),
        policy_hash: policy.hash(catalog),
    };
    Ok(Routed { route, looked })
}

/// Returns the route that is taken when routing failed: the middle tier, and nothing is claimed about it.
pub fn fallback(catalog: &Catalog) -> Route {
    Route {
        decision: Decision::Direct,
        agent: catalog.for_tier(Tier::Sonnet).name.clone(),
        tier: Tier::Sonnet,
        confidence: FALLBACK_CONFIDENCE,
        reason: "routing failed, so the middle tier does it".to_owned(),
        layer: Layer::Default,
        rules: vec!["fallback".to_owned()],
        complexity: Complexity::Moderate,
        timing: Timing::Unattended,
        policy_hash: String::new(),
    }
}

#[cfg(test)]
mod tests;
