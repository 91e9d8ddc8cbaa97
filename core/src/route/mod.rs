//! Decides which agent does a request: `route(request, catalog, policy) -> Route`, a pure function.
//!
//! The room never runs anything, reads no clock and no file, and gives byte-equal answers for equal input.
//!
//! In reading order: `route` here · `decide` (the layers in order) · `stream` (words of the text and their positions) ·
//! `signals` (facts) · `answer` (what words are in a session) · `safety`, `overrides`, `file_rules`, `rules` (the layers) · `danger` (what a run can touch) ·
//! `harm` and `reason` (what a question says) · `trace` (what was tried, and why it did or did not fire) · `own_decision` (what the router would have decided without
//! the user's choice).

mod answer;
pub mod arbiter;
mod choose;
pub mod classifier;
mod danger;
mod dead_rules;
mod decide;
mod file_rules;
mod harm;
mod overrides;
mod own_decision;
mod precedence;
mod reason;
mod rules;
mod safety;
mod signals;
mod stream;
pub mod trace;
pub mod training;
mod warm_cache;

use serde::{Deserialize, Serialize};

use crate::agent::{Catalog, Tier};
use crate::conversation::Context;
use crate::ids::AgentName;
use crate::policy::Policy;
use crate::policy::layer::Layer;
use crate::request::Request;
use crate::text::segment;

pub use answer::Answer;
use classifier::Opinion;
pub use danger::Danger;
pub use dead_rules::{DeadRule, dead_rules};
pub use overrides::{marked_tier, named_tier};
pub use own_decision::OwnDecision;
use signals::Signals;
pub use signals::content_words;
use trace::Trace;
pub use trace::{NO_MATCH, TraceEntry, TraceOutcome};

/// The confidence of the route that is taken if routing itself failed: nothing is known.
const FALLBACK_CONFIDENCE: f64 = 0.5;

/// Whether to run a request, or to ask the user first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// The agent may run unattended.
    Direct,
    /// The user must approve first.
    Escalate,
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

/// Whether the user should be present while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Timing {
    /// The user is needed.
    NeedsPerson,
    /// It can run unattended.
    Unattended,
}

/// The decision for one request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Route {
    /// Whether to run it, or to ask first.
    pub decision: Decision,
    /// The agent that does it (once approved, if `decision` is escalate).
    pub agent: AgentName,
    /// The tier that does it (once approved, if `decision` is escalate).
    pub tier: Tier,
    /// The probability that the tier is acceptable, 0 to 1.
    pub confidence: f64,
    /// One sentence that explains it to the user. A question ends with the words that made it one.
    pub reason: String,
    /// The words of the request that made it a question, as the reason quotes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
    /// The layer that decided.
    pub layer: Layer,
    /// The ids of the rules that fired, in the order in which they were tried.
    pub rules: Vec<String>,
    /// How much planning it needs.
    pub complexity: Complexity,
    /// Whether the user should be present.
    pub timing: Timing,
    /// The hash of everything besides the request that the decision depends on; see [`Policy::hash`].
    pub policy_hash: String,
    /// How dangerous it is; missing in older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub danger: Option<Danger>,
    /// What the words are, if they answer what the agent of a session said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
    /// What the router would have decided without the user's choice; missing in older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<OwnDecision>,
}

impl Route {
    /// Returns whether nothing but the classifier's opinion decided.
    pub fn is_by_classifier(&self) -> bool {
        self.layer == Layer::Classifier
    }
}

/// A route, with everything that was considered on the way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explained {
    /// The decision.
    pub route: Route,
    /// Every rule that was tried, in order.
    #[serde(rename = "looked")]
    pub trace: Vec<TraceEntry>,
    /// What the classifier said, and why.
    pub opinion: Opinion,
}

/// Why a request cannot be routed.
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

/// Decides which agent does a request.
///
/// The layers in order: safety, the user's override, the rules of policy files, classifier, default. The first layer
/// with an opinion names the tier. If a built-in rule agrees with the classifier, it is given as the reason, because it
/// means more to the user. The user is asked if safety, a policy file, the classifier or the arbiter says so, and no
/// override lifts that.
pub fn route(request: &Request, catalog: &Catalog, policy: &Policy) -> Result<Route, RouteError> {
    let segments = segment::segment(overrides::without_mark(request.text()));
    let signals = Signals::read(&segments, policy);
    decide::decide(request, &signals, catalog, policy, Trace::fired_only()).map(|decided| decided.route)
}

/// Returns whether words are nothing but a yes, in a session that waits for an answer.
pub fn is_yes(words: &str, policy: &Policy) -> bool {
    let segments = segment::segment(words);
    let p = [0.0; crate::model::Class::COUNT];
    let answered = answer::read(&Context::of_session(), &Signals::read(&segments, policy), policy, &p);
    answered.is_some_and(|answered| answered.answer == Answer::Yes)
}

/// Decides, and returns everything that was considered.
pub fn explain(request: &Request, catalog: &Catalog, policy: &Policy) -> Result<Explained, RouteError> {
    let segments = segment::segment(overrides::without_mark(request.text()));
    let signals = Signals::read(&segments, policy);
    let decided = decide::decide(request, &signals, catalog, policy, Trace::everything())?;
    let fired: Vec<&str> = decided.signs.iter().map(String::as_str).collect();
    let opinion = classifier::opinion(&signals, policy, &fired, &decided.p);
    Ok(Explained { route: decided.route, trace: decided.trace.into_entries(), opinion })
}

/// Returns the route that is taken if routing failed: the middle tier, with no claims about it.
pub fn fallback(catalog: &Catalog) -> Route {
    Route {
        decision: Decision::Direct,
        agent: catalog.for_tier(Tier::Sonnet).name.clone(),
        tier: Tier::Sonnet,
        confidence: FALLBACK_CONFIDENCE,
        reason: "routing failed, so the middle tier does it".to_owned(),
        words: None,
        layer: Layer::Default,
        rules: vec!["fallback".to_owned()],
        complexity: Complexity::Moderate,
        timing: Timing::Unattended,
        policy_hash: String::new(),
        danger: None,
        answer: None,
        own: None,
    }
}

#[cfg(test)]
mod tests;
