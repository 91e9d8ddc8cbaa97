//! Deciding who does a request: `route(request, catalog, policy) -> Route`, a pure function.
//!
//! The room never runs anything, reads no clock and no file, and gives byte-equal answers for equal input.
//!
//! In reading order: `route` here · `segment` (own words or pasted) · `tokens` and `stream` (words and
//! where they stand) · `signals` (facts) · `safety`, `overrides`, `file_rules`, `rules` (the layers) · `explain`
//! (what was looked at, and why it did or did not fire) · `own_decision` (what it would have said without the person).

mod choose;
pub mod classifier;
pub mod explain;
mod file_rules;
pub mod judge;
mod overrides;
mod own_decision;
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
use crate::request::{JudgesWord, Request};

use choose::Settled;
use classifier::{Opinion, PerClass};
use explain::Looks;
pub use explain::{Look, LookOutcome, NO_MATCH};
pub use own_decision::OwnDecision;
use own_decision::Said;
use rules::Found;
use signals::Signals;

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
    /// What the router would have decided where the person chose; older records do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<OwnDecision>,
}

/// A route, with everything that was looked at on the way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explained {
    /// The decision.
    pub route: Route,
    /// Every rule that was looked at, in order.
    pub looked: Vec<Look>,
    /// What the classifier said, and because of what.
    pub opinion: Opinion,
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
/// The layers in order: safety, the person's override, the rules of policy files, classifier, default. The first
/// layer with an opinion names the tier. A built-in rule that agrees with the classifier is named as the reason,
/// since it says more to people. A person is asked when safety, a policy file or the classifier says so, and no
/// override lifts that.
pub fn route(request: &Request, catalog: &Catalog, policy: &Policy) -> Result<Route, RouteError> {
    let segments = segment::segment(request.text());
    let signals = Signals::read(&segments, policy);
    decide(request, &signals, catalog, policy, Looks::fired_only()).map(|decided| decided.route)
}

/// Decides, and says everything that was looked at.
pub fn explain(request: &Request, catalog: &Catalog, policy: &Policy) -> Result<Explained, RouteError> {
    let segments = segment::segment(request.text());
    let signals = Signals::read(&segments, policy);
    let decided = decide(request, &signals, catalog, policy, Looks::everything())?;
    let fired: Vec<&str> = decided.signs.iter().map(String::as_str).collect();
    let opinion = classifier::opinion(&signals, policy, &fired, &decided.p);
    Ok(Explained { route: decided.route, looked: decided.looks.into_all(), opinion })
}

struct Decided {
    route: Route,
    looks: Looks,
    p: PerClass,
    /// The built-in rules that fired: the classifier's features.
    signs: Vec<String>,
}

fn decide(
    request: &Request,
    signals: &Signals,
    catalog: &Catalog,
    policy: &Policy,
    looks: Looks,
) -> Result<Decided, RouteError> {
    let RulesLooked { danger, by_rule, safety_looks: mut looks, rule_looks } =
        look_at_rules(policy, signals, looks);
    let mut file_looks = looks.alike();
    let by_files = file_rules::look(request, signals, catalog, policy, &mut file_looks);
    // Only built-in rules are features: the model has never seen others.
    let signs: Vec<&str> = looks.fired_ids().chain(rule_looks.fired_ids()).collect();
    let p = classifier::probabilities(signals, policy, &signs);
    let signs = signs.into_iter().map(str::to_owned).collect();
    let opinion = choose::choose(&p, request.pressure);

    let settled = if request.overrides.are_given() { Settled::ByPerson } else { by_files.settled };
    let word = request.judges_word.filter(|_| settled == Settled::Nothing && opinion.stop.is_none());
    let unsettled_tier = word.and_then(JudgesWord::tier).unwrap_or(opinion.tier);
    let judged_tier = by_files.named.as_ref().map_or(unsettled_tier, |named| named.found.tier);
    // "Fix" and "implement" alone name a kind of work, but not what is meant.
    let is_known_work = by_files.settled >= Settled::Meaning
        || by_rule.as_ref().is_some_and(|found| found.tier != Tier::Sonnet);
    let unclear = safety::look_for_missing_words(signals, is_known_work, request.context, &mut looks);
    let asks = looks.fired_ids().next().map(str::to_owned);
    let chosen = overrides::look(request, catalog, policy, signals, judged_tier, &mut looks)?;
    let said = Said {
        asks: asks.or_else(|| by_files.asked.as_ref().and(file_looks.fired_ids().next().map(str::to_owned))),
        by_files: &by_files,
        by_rule: by_rule.as_ref(),
        fired: file_looks.fired_ids().chain(rule_looks.fired_ids()).collect(),
        opinion: &opinion,
        p: &p,
        context: request.context,
    };
    let own = chosen.is_some().then(|| said.decision());
    looks.append(file_looks);
    looks.append(rule_looks);
    let doubt = opinion.look(&p, settled, request.context, &mut looks);
    let by_judge = word.map(|word| heard(word, judged_tier, &mut looks));
    let (asked_by_judge, by_judge) = match word {
        Some(JudgesWord::Ask) => (by_judge, None),
        Some(JudgesWord::Haiku | JudgesWord::Sonnet | JudgesWord::Opus) | None => (None, by_judge),
    };

    let tier = chosen.as_ref().map_or(judged_tier, |choice| choice.tier);
    let named_agent = match &chosen {
        Some(choice) => choice.agent.clone(),
        None => by_files.named.as_ref().and_then(|named| named.agent.clone()),
    };
    let agent = named_agent.unwrap_or_else(|| catalog.for_tier(tier).name.clone());
    let stop = danger.or(unclear).or(by_files.asked).or(doubt).or(asked_by_judge);
    let decision = if stop.is_some() { Decision::Escalate } else { Decision::Direct };
    let chosen = chosen.map(|choice| Found {
        layer: Layer::Override,
        tier,
        because: choice.because,
        confidence: choice.confidence,
    });
    let by_files = by_files.named.map(|named| named.found);
    let by = stop.or(chosen).or(by_files).or(by_judge).unwrap_or_else(|| opinion.found(by_rule));
    let route = Route {
        decision,
        agent,
        tier,
        confidence: rounded(by.confidence),
        reason: by.because,
        layer: by.layer,
        rules: looks.fired_ids().map(str::to_owned).collect(),
        complexity: signals.complexity(tier),
        timing: signals.timing(decision),
        policy_hash: policy.hash(catalog),
        own,
    };
    Ok(Decided { route, looks, p, signs })
}

/// Enters the judge's word.
fn heard(word: JudgesWord, tier: Tier, looks: &mut Looks) -> Found {
    let because = match word.tier() {
        Some(tier) => format!("the judge was asked and says {tier}"),
        None => "the judge was asked and says that a person should decide".to_owned(),
    };
    looks.fired(judge::RULE, Layer::Judge, &because, Some(word.as_str()));
    Found { layer: Layer::Judge, tier, because, confidence: judge::CONFIDENCE }
}

/// What the built-in rules said, before anything else is asked.
struct RulesLooked {
    danger: Option<Found>,
    by_rule: Option<Found>,
    safety_looks: Looks,
    rule_looks: Looks,
}

fn look_at_rules(policy: &Policy, signals: &Signals, mut looks: Looks) -> RulesLooked {
    let mut rule_looks = looks.alike();
    let danger = safety::look(policy, signals, &mut looks);
    let by_rule = rules::first_fired(Layer::Rules, policy, signals, &mut rule_looks);
    RulesLooked { danger, by_rule, safety_looks: looks, rule_looks }
}

/// Three digits are more than anybody knows, and hide the last bits of the arithmetic.
fn rounded(confidence: f64) -> f64 {
    (confidence * 1000.0).round() / 1000.0
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
        own: None,
    }
}

#[cfg(test)]
mod tests;
