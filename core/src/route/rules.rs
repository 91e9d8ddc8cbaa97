//! Rules: how one rule of the table is held against a request, and the layer of ordinary rules.

use crate::agent::Tier;
use crate::policy::pattern::Pattern;
use crate::policy::{Policy, Rule};

use super::Layer;
use super::explain::{EXCEPTED, Look, MENTIONED, NEGATED, NO_MATCH, OTHER_FORM, QUOTED};
use super::signals::Signals;
use super::stream::{Reading, Stream};

/// What a layer found.
pub(super) struct Found {
    /// The layer of the rule.
    pub layer: Layer,
    /// The tier that does it.
    pub tier: Tier,
    /// Why, for people.
    pub because: String,
    /// The rule's measured precision.
    pub confidence: f64,
}

impl Found {
    pub(super) fn of(rule: &Rule) -> Found {
        Found {
            layer: rule.layer,
            tier: rule.effect.tier().unwrap_or(Tier::Sonnet),
            because: rule.because.clone(),
            confidence: rule.confidence,
        }
    }
}

/// Looks at every rule of the policy and rules layers and returns the first that fired.
pub(super) fn first_fired(policy: &Policy, signals: &Signals, looked: &mut Vec<Look>) -> Option<Found> {
    let mut found = None;
    for rule in policy.rules() {
        let reading = match rule.layer {
            Layer::Policy | Layer::Rules => Reading::NotNegated,
            Layer::Safety | Layer::Override | Layer::Classifier | Layer::Judge | Layer::Default => continue,
        };
        let look = look_at(rule, signals, reading);
        if look.has_fired() && found.is_none() {
            found = Some(Found::of(rule));
        }
        looked.push(look);
    }
    found
}

/// Holds one rule against a request.
pub(super) fn look_at(rule: &Rule, signals: &Signals, reading: Reading) -> Look {
    let passed =
        |reason, words: Option<&str>| Look::passed(&rule.id, rule.layer, reason, &rule.because, words);
    let words = match first_match(&rule.any, &signals.own, reading) {
        Some(words) => Some(words),
        None if rule.any.is_empty() => None,
        None => {
            let (reason, words) = why_not(rule, signals);
            return passed(reason, words);
        }
    };
    let fits = rule.words_max.is_none_or(|most| signals.word_count <= most)
        && rule.question.is_none_or(|wanted| signals.is_question == wanted)
        && rule.also.iter().all(|pattern| signals.own.find(pattern, Reading::Raw).is_some());
    if !fits {
        return passed(if words.is_some() { OTHER_FORM } else { NO_MATCH }, words);
    }
    if first_match(&rule.unless, &signals.own, Reading::NotNegated).is_some() {
        return passed(EXCEPTED, words);
    }
    Look::fired(&rule.id, rule.layer, &rule.because, words)
}

/// Returns the words that the first matching pattern matched.
pub(super) fn first_match<'a>(
    patterns: &[Pattern],
    stream: &Stream<'a>,
    reading: Reading,
) -> Option<&'a str> {
    patterns.iter().find_map(|pattern| stream.find(pattern, reading))
}

fn why_not<'a>(rule: &Rule, signals: &Signals<'a>) -> (&'static str, Option<&'a str>) {
    if let Some(words) = first_match(&rule.any, &signals.own, Reading::NotNegated) {
        return (MENTIONED, Some(words));
    }
    if let Some(words) = first_match(&rule.any, &signals.own, Reading::Raw) {
        return (NEGATED, Some(words));
    }
    match first_match(&rule.any, &signals.material, Reading::Raw) {
        Some(words) => (QUOTED, Some(words)),
        None => (NO_MATCH, None),
    }
}
