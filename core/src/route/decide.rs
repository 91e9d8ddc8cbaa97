//! Deciding: every layer is asked in order, then their findings are put together.

use crate::agent::{Catalog, Tier};
use crate::ids::AgentName;
use crate::policy::Policy;
use crate::request::{JudgesWord, Request};

use super::choose;
use super::classifier;
use super::explain::Looks;
use super::file_rules::{self, ByFiles};
use super::overrides;
use super::own_decision::Said;
use super::precedence::Settled;
use super::rules::{self, Found};
use super::signals::Signals;
use super::{Decision, Route, RouteError, judge, safety};
use crate::model::PerClass;
use crate::policy::layer::Layer;

/// A decision, and what an explanation needs besides.
pub(super) struct Decided {
    pub route: Route,
    pub looks: Looks,
    /// What the classifier holds the request for.
    pub p: PerClass,
    /// The built-in rules that fired: the classifier's features.
    pub signs: Vec<String>,
}

/// Asks every layer and puts their findings together.
pub(super) fn decide(
    request: &Request,
    signals: &Signals,
    catalog: &Catalog,
    policy: &Policy,
    looks: Looks,
) -> Result<Decided, RouteError> {
    let RulesLooked { danger, by_rule, safety_looks: mut looks, rule_looks } =
        look_at_rules(policy, signals, looks);
    let mut file_looks = looks.alike();
    let mut by_files = file_rules::look(request, signals, catalog, policy, &mut file_looks);
    // Only built-in rules are features: the model has never seen others.
    let signs: Vec<&str> = looks.fired_ids().chain(rule_looks.fired_ids()).collect();
    let p = classifier::probabilities(signals, policy, &signs);
    let is_of_agents = signs.contains(&safety::AGENT_CONFIG);
    let signs = signs.into_iter().map(str::to_owned).collect();
    let mut opinion = choose::choose(&p, request.pressure);
    if is_of_agents {
        // Also once a person has said yes: what agents may do is no work for the weakest of them.
        opinion.tier = opinion.tier.max(Tier::Sonnet);
    }

    let settled = if request.overrides.are_given() { Settled::ByPerson } else { by_files.settled };
    by_files.doubt_strangers(&p);
    let word = request.judges_word.filter(|word| opinion.stop.is_none() && settled <= heard_until(*word));
    let unsettled_tier = word.and_then(JudgesWord::tier).unwrap_or(opinion.tier);
    let judged_tier = by_files.named.as_ref().map_or(unsettled_tier, |named| named.found.tier);
    let is_known_work = is_known_work(&by_files, by_rule.as_ref());
    let unclear = safety::look_for_missing_words(signals, is_known_work, request.context, &mut looks);
    let asks = looks.fired_ids().next().map(str::to_owned);
    let chosen = overrides::look(request, catalog, policy, signals, judged_tier, &mut looks)?;
    let own = chosen.is_some().then(|| {
        let asked_by_file = by_files.asked.as_ref().and(file_looks.fired_ids().next());
        let said = Said {
            asks: asks.or_else(|| asked_by_file.map(str::to_owned)),
            by_files: &by_files,
            by_rule: by_rule.as_ref(),
            fired: file_looks.fired_ids().chain(rule_looks.fired_ids()).collect(),
            opinion: &opinion,
            p: &p,
            context: request.context,
        };
        said.decision()
    });
    looks.append(file_looks);
    looks.append(rule_looks);
    let doubt = opinion.look(&p, settled, request.context, &mut looks);
    let (asked_by_judge, by_judge) = judge::hear(word, judged_tier, &mut looks);

    let (tier, agent) = who(chosen.as_ref(), &by_files, judged_tier, catalog);
    let stop = danger.or(unclear).or(by_files.asked).or(doubt).or(asked_by_judge);
    let decision = if stop.is_some() { Decision::Escalate } else { Decision::Direct };
    let by_files = by_files.named.map(|named| named.found);
    let named = chosen.map(overrides::Choice::found).or(by_files).or(by_judge);
    let by = stop.or(named).unwrap_or_else(|| opinion.found(by_rule));
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

/// How much may be settled for the judge's word to count: a repository may name the tier, and takes no question away.
fn heard_until(word: JudgesWord) -> Settled {
    match word {
        JudgesWord::Ask => Settled::Tier,
        JudgesWord::Haiku | JudgesWord::Sonnet | JudgesWord::Opus => Settled::Nothing,
    }
}

/// Who does it, whatever else is decided.
fn who(
    chosen: Option<&overrides::Choice>,
    by_files: &ByFiles,
    judged_tier: Tier,
    catalog: &Catalog,
) -> (Tier, AgentName) {
    let tier = chosen.map_or(judged_tier, |choice| choice.tier);
    let named = match chosen {
        Some(choice) => choice.agent.clone(),
        None => by_files.named.as_ref().and_then(|named| named.agent.clone()),
    };
    (tier, named.unwrap_or_else(|| catalog.for_tier(tier).name.clone()))
}

/// "Fix" and "implement" alone name a kind of work, but not what is meant.
fn is_known_work(by_files: &ByFiles, by_rule: Option<&Found>) -> bool {
    by_files.settled >= Settled::Meaning || by_rule.is_some_and(|found| found.tier != Tier::Sonnet)
}

/// What the built-in rules said, before anything else is asked.
pub(super) struct RulesLooked {
    pub danger: Option<Found>,
    pub by_rule: Option<Found>,
    pub safety_looks: Looks,
    pub rule_looks: Looks,
}

/// Looks at every built-in rule.
pub(super) fn look_at_rules(policy: &Policy, signals: &Signals, mut looks: Looks) -> RulesLooked {
    let mut rule_looks = looks.alike();
    let danger = safety::look(policy, signals, &mut looks);
    let by_rule = rules::first_fired(Layer::Rules, policy, signals, &mut rule_looks);
    RulesLooked { danger, by_rule, safety_looks: looks, rule_looks }
}

/// Nobody is surer than this of what words mean.
const CONFIDENCE_MAX: f64 = 0.99;

/// Three digits are more than anybody knows, and hide the last bits of the arithmetic.
fn rounded(confidence: f64) -> f64 {
    (confidence.min(CONFIDENCE_MAX) * 1000.0).round() / 1000.0
}
