//! Decides: asks every layer in order, then combines their findings.

use crate::agent::reach::Reach;
use crate::agent::{Catalog, Tier};
use crate::conversation;
use crate::ids::AgentName;
use crate::policy::Policy;
use crate::request::{LlmVote, Origin, Request};

use super::answer::{self, Answered};
use super::choose::{self, Opinion, Sure};
use super::classifier;
use super::danger::{self, Danger};
use super::file_rules::{self, ByFiles};
use super::harm;
use super::overrides;
use super::own_decision::Input;
use super::precedence::Precedence;
use super::reason;
use super::rules::{self, Found};
use super::safety::{self, Work};
use super::signals::Signals;
use super::stream::Stream;
use super::trace::Trace;
use super::warm_cache::{self, Stay};
use super::{Decision, Route, RouteError, arbiter};
use crate::model::{Class, PerClass};
use crate::policy::layer::Layer;
use crate::text::segment::Segments;

/// A decision, and what else an explanation needs.
pub(super) struct Decided {
    pub route: Route,
    pub trace: Trace,
    /// The classifier's probability of each class.
    pub p: PerClass,
    /// The built-in rules that fired, which are features of the classifier.
    pub signs: Vec<String>,
}

/// Asks every layer and combines their findings.
pub(super) fn decide(
    request: &Request,
    signals: &Signals,
    catalog: &Catalog,
    policy: &Policy,
    trace: Trace,
) -> Result<Decided, RouteError> {
    let BuiltinFindings { danger, by_rule, safety_trace: mut trace, rule_trace } =
        apply_builtin_rules(policy, signals, trace);
    // Only built-in rules are features: the model has never seen others.
    let signs: Vec<&str> = trace.fired_ids().chain(rule_trace.fired_ids()).collect();
    let p_of_words = classifier::probabilities(signals, policy, &signs);
    let signs = signs.into_iter().map(str::to_owned).collect();
    let answered = answer::read(&request.context, signals, policy, &p_of_words);
    let agreed = answered.as_ref().and_then(|answered| answer::agreed(answered, policy, &mut trace));
    let p = agreed.as_ref().map_or(p_of_words, |agreed| agreed.p_beside(&p_of_words));
    let danger = danger.or(agreed.and_then(|agreed| agreed.danger));
    let model = policy.model();
    let sure = Sure { of_tier: model.sure_of_tier(), of_question: model.sure_of_question() };
    let mut opinion = choose::choose(&p, request.pressure, sure).as_answer(answered.as_ref());
    if trace.fired_ids().any(|id| id == safety::AGENT_CONFIG) {
        // Even after the user has said yes: what agents may do is not work for the weakest of them.
        opinion.tier = opinion.tier.max(Tier::Sonnet);
    }
    let mut file_trace = trace.alike();
    let by_files = file_rules::apply(request, signals, catalog, policy, opinion.tier, &mut file_trace);

    let precedence = if request.overrides.are_given() { Precedence::ByPerson } else { by_files.precedence };
    let reach_of = |agent: &AgentName| reach(request, agent, catalog);
    let of_rights = |agent: &AgentName| opinion.within(reach_of(agent), request.routing_context.isolation);
    let opinion = &of_rights(&tier_and_agent(None, &by_files, opinion.tier, catalog).1);
    let word = request.llm_vote.filter(|word| opinion.stop.is_none() && precedence <= counts_until(*word));
    let unsettled_tier = word.and_then(LlmVote::tier).unwrap_or(opinion.tier);
    let stay = stay(request, signals, answered.as_ref(), unsettled_tier, catalog)
        .filter(|_| precedence == Precedence::Nothing);
    let unsettled_tier = stay.as_ref().map_or(unsettled_tier, |stay| stay.tier);
    let voted_tier = by_files.named.as_ref().map_or(unsettled_tier, |named| named.found.tier);
    let work = known_work(&by_files, by_rule.as_ref());
    let underspecified = safety::check_for_missing_words(signals, work, &request.context, &mut trace);
    // Where several kinds of work are named, none of them alone is the reason.
    let by_rule = by_rule.filter(|_| rule_trace.fired_ids().count() == 1);
    let asks = trace.fired_ids().next().map(str::to_owned);
    let asked_for = asks.as_deref().map(danger::needed_by);
    let chosen = overrides::apply(request, catalog, policy, signals, voted_tier, &mut trace)?;
    let own = chosen.is_some().then(|| {
        let asked_by_file = by_files.asked.as_ref().and(file_trace.fired_ids().next());
        let said = Input {
            asks: asks.or_else(|| asked_by_file.map(str::to_owned)),
            by_files: &by_files,
            by_rule: by_rule.as_ref(),
            fired: file_trace.fired_ids().chain(rule_trace.fired_ids()).collect(),
            opinion,
            context: &request.context,
        };
        said.decision()
    });
    trace.append(file_trace);
    trace.append(rule_trace);
    let (tier, agent) = tier_and_agent(chosen.as_ref(), &by_files, voted_tier, catalog);
    // Whoever was chosen in the place of the router's own may reach further.
    let (opinion, reach) = (of_rights(&agent), reach_of(&agent));
    let doubt = opinion.apply(&p, precedence, &request.context, &mut trace);
    let doubt = doubt.map(|found| explained(found, &opinion, reach, signals, answered.as_ref(), policy));
    let (asked_by_arbiter, by_arbiter) = arbiter::weigh(word, voted_tier, &mut trace);

    let p_of_danger = p[Class::Danger as usize].max(p_of_words[Class::Danger as usize]);
    let needed = || asked_for.unwrap_or_else(|| harm::needs(&signals.instruction, policy));
    let p_of_danger = danger.as_ref().map_or(p_of_danger, |found| found.confidence.max(p_of_danger));
    let how_dangerous =
        Danger { p: rounded(p_of_danger), possible: reach == Reach::Commands || reach >= needed() };
    let stop = danger.or(underspecified).or(by_files.asked).or(doubt).or(asked_by_arbiter);
    let decision = if stop.is_some() { Decision::Escalate } else { Decision::Direct };
    let by_files = by_files.named.map(|named| named.found);
    let stays = stay.map(|stay| stays(&stay, opinion.tier, opinion.confidence, &mut trace));
    let named = chosen.map(overrides::Choice::found).or(by_files).or(by_arbiter).or(stays);
    let by = stop.or(named).unwrap_or_else(|| opinion.found(by_rule));
    let route = Route {
        decision,
        agent,
        tier,
        confidence: rounded(by.confidence),
        reason: reason::sentence(&by.because, by.words.as_deref()),
        words: by.words,
        layer: by.layer,
        rules: trace.fired_ids().map(str::to_owned).collect(),
        complexity: signals.complexity(tier),
        timing: signals.timing(decision),
        policy_hash: policy.hash(catalog),
        danger: Some(how_dangerous),
        answer: answered.as_ref().map(|answered| answered.answer),
        own,
    };
    Ok(Decided { route, trace, p: p_of_words, signs })
}

/// Returns whether the tier that has the session keeps it because of its warm cache. Words that do nothing but answer stay
/// with it anyway.
fn stay(
    request: &Request,
    signals: &Signals,
    answered: Option<&Answered>,
    tier: Tier,
    catalog: &Catalog,
) -> Option<Stay> {
    let session = request.context.session().filter(|_| !answered.is_some_and(Answered::is_whole))?;
    warm_cache::stay(session, tier, signals.complexity(tier), catalog)
}

fn stays(stay: &Stay, tier: Tier, confidence: f64, trace: &mut Trace) -> Found {
    let because = stay.because(tier);
    trace.fired(warm_cache::WARM_CACHE, Layer::Default, &because, None);
    Found { layer: Layer::Default, tier: stay.tier, because, words: None, confidence }
}

/// Returns a question of the classifier's with what could happen, or what is missing, and the words that made it one.
fn explained(
    found: Found,
    opinion: &Opinion,
    reach: Reach,
    signals: &Signals,
    answered: Option<&Answered>,
    policy: &Policy,
) -> Found {
    if opinion.stop != Some(Class::Danger) {
        let words = reason::quotable(signals.instruction.text());
        let because = safety::seen_unclear(signals).unwrap_or(choose::UNCLEAR).to_owned();
        return Found { because, words, ..found };
    }
    let answered = answered.filter(|_| opinion.is_of_agreement());
    let order = answered.and_then(|answered| answered.agreed.as_deref()).map(conversation::as_order);
    // Where no word speaks of a harm, no single words are to blame.
    let named = |own: &Stream| match harm::named(own, policy) {
        Some((harm, words)) => (harm, reason::quotable(words)),
        None => (harm::UNNAMED, None),
    };
    let (harm, words) = match &order {
        Some(order) => named(&Stream::new(order, policy.lexicon(), policy.grammar())),
        None => named(&signals.instruction),
    };
    let agrees = answered.map_or("", Answered::agrees);
    let because = format!("{agrees}{harm}, {}", danger::in_words(reach));
    Found { because, words, ..found }
}

/// Returns how far the work reaches that an agent does. A session's own model does it with rights that a person widens on
/// the way, so there it may reach as far as the person.
fn reach(request: &Request, agent: &AgentName, catalog: &Catalog) -> Reach {
    match request.origin {
        Origin::Hook => Reach::Commands,
        Origin::Cli => catalog.get(agent).map_or(Reach::Commands, Reach::of),
    }
}

/// Returns how much may be settled for the arbiter's vote to count: a repository may name the tier, but cannot prevent
/// a question.
fn counts_until(word: LlmVote) -> Precedence {
    match word {
        LlmVote::Ask => Precedence::Tier,
        LlmVote::Haiku | LlmVote::Sonnet | LlmVote::Opus => Precedence::Nothing,
    }
}

/// Returns the tier and the agent, independent of whether the user is asked.
fn tier_and_agent(
    chosen: Option<&overrides::Choice>,
    by_files: &ByFiles,
    voted_tier: Tier,
    catalog: &Catalog,
) -> (Tier, AgentName) {
    let tier = chosen.map_or(voted_tier, |choice| choice.tier);
    let named = match chosen {
        Some(choice) => choice.agent.clone(),
        None => by_files.named.as_ref().and_then(|named| named.agent.clone()),
    };
    (tier, named.unwrap_or_else(|| catalog.for_tier(tier).name.clone()))
}

/// Returns whether the kind of work is known. "Fix" and "implement" alone name a kind of work, but not what is meant.
fn known_work(by_files: &ByFiles, by_rule: Option<&Found>) -> Work {
    let is_named = by_rule.is_some_and(|found| found.tier != Tier::Sonnet);
    if by_files.precedence >= Precedence::Meaning || is_named { Work::Known } else { Work::Unknown }
}

/// What the built-in rules found, before any other layer is asked.
pub(super) struct BuiltinFindings {
    pub danger: Option<Found>,
    pub by_rule: Option<Found>,
    pub safety_trace: Trace,
    pub rule_trace: Trace,
}

/// Applies every built-in rule.
pub(super) fn apply_builtin_rules(policy: &Policy, signals: &Signals, mut trace: Trace) -> BuiltinFindings {
    let mut rule_trace = trace.alike();
    let danger = safety::apply(policy, signals, &mut trace);
    let danger = danger.or_else(|| danger_in_the_middle(policy, signals, &mut trace));
    let by_rule = rules::first_fired(Layer::Rules, policy, signals, &mut rule_trace);
    BuiltinFindings { danger, by_rule, safety_trace: trace, rule_trace }
}

/// Returns what a safety rule finds in the middle of very long words.
fn danger_in_the_middle(policy: &Policy, signals: &Signals, trace: &mut Trace) -> Option<Found> {
    signals.middle.iter().find_map(|piece| {
        let segments = Segments::of_words(piece.clone());
        let mut found = Trace::fired_only();
        let danger = safety::apply(policy, &Signals::read(&segments, policy), &mut found)?;
        trace.append(found);
        Some(danger)
    })
}

/// The highest confidence that is claimed about what words mean.
const CONFIDENCE_MAX: f64 = 0.99;

/// Rounds a confidence. Three digits are more than is really known, and hide the last bits of the arithmetic.
fn rounded(confidence: f64) -> f64 {
    (confidence.min(CONFIDENCE_MAX) * 1000.0).round() / 1000.0
}
