//! Rules: how one rule of the table is matched against a request, and the layer of ordinary rules.

use crate::agent::Tier;
use crate::policy::pattern::Pattern;
use crate::policy::{Policy, Rule};

use super::reason;
use super::signals::Signals;
use super::stream::{Reading, Stream};
use super::trace::{EXCEPTED, MENTIONED, NEGATED, NO_MATCH, OTHER_FORM, QUOTED, Trace};
use crate::policy::layer::Layer;

/// What a layer found.
pub(super) struct Found {
    /// The layer of the rule.
    pub layer: Layer,
    /// The tier that does it.
    pub tier: Tier,
    /// Why, for display.
    pub because: String,
    /// The words that it is about, if they should be named.
    pub words: Option<String>,
    /// The rule's confidence.
    pub confidence: f64,
}

impl Found {
    pub(super) fn of(rule: &Rule, words: Option<&str>) -> Found {
        Found {
            layer: rule.layer,
            tier: rule.effect.tier().unwrap_or(Tier::Sonnet),
            because: rule.because.clone().into_owned(),
            words: words.and_then(reason::quotable),
            confidence: rule.confidence,
        }
    }
}

/// Tries every rule of a layer and returns the finding of the first that fired.
pub(super) fn first_fired(
    layer: Layer,
    policy: &Policy,
    signals: &Signals,
    trace: &mut Trace,
) -> Option<Found> {
    let mut found = None;
    for rule in policy.rules().iter().filter(|rule| rule.layer == layer) {
        if check(rule, signals, Reading::NotNegated, trace).is_some() && found.is_none() {
            // The kind of work is a sentence of its own.
            found = Some(Found::of(rule, None));
        }
    }
    found
}

/// Matches one rule against a request, records the result in the trace, and returns the words that it matched, or that it
/// needs none; `None` if it did not fire.
pub(super) fn check<'a>(
    rule: &Rule,
    signals: &Signals<'a>,
    reading: Reading,
    trace: &mut Trace,
) -> Option<Option<&'a str>> {
    let held = matches(rule, signals, reading);
    match held {
        Some(words) => trace.fired(&rule.id, rule.layer, &rule.because, words),
        None => trace.skipped(&rule.id, rule.layer, &rule.because, || why_not(rule, signals, reading)),
    }
    held
}

/// Returns the words that a rule matches in a request, or that it needs none; `None` if it does not hold.
pub(super) fn matches<'a>(rule: &Rule, signals: &Signals<'a>, reading: Reading) -> Option<Option<&'a str>> {
    let words = first_match(&rule.any, &signals.instruction, reading);
    let holds = words.is_some() || rule.any.is_empty();
    (holds && has_form(rule, signals) && !is_excepted(rule, signals)).then_some(words)
}

fn has_form(rule: &Rule, signals: &Signals) -> bool {
    rule.words_max.is_none_or(|most| signals.word_count <= most)
        && rule.question.is_none_or(|wanted| signals.is_question == wanted)
        && rule.also.iter().all(|pattern| signals.instruction.find(pattern, Reading::Raw).is_some())
}

fn is_excepted(rule: &Rule, signals: &Signals) -> bool {
    first_match(&rule.unless, &signals.instruction, Reading::NotNegated).is_some()
}

/// Returns the words that the first matching pattern matched.
pub(super) fn first_match<'a>(
    patterns: &[Pattern],
    stream: &Stream<'a>,
    reading: Reading,
) -> Option<&'a str> {
    patterns.iter().find_map(|pattern| stream.find(pattern, reading))
}

fn why_not<'a>(rule: &Rule, signals: &Signals<'a>, reading: Reading) -> (&'static str, Option<&'a str>) {
    let words = first_match(&rule.any, &signals.instruction, reading);
    if words.is_some() {
        return (if has_form(rule, signals) { EXCEPTED } else { OTHER_FORM }, words);
    }
    if let Some(words) = first_match(&rule.any, &signals.instruction, Reading::NotNegated) {
        return (MENTIONED, Some(words));
    }
    if let Some(words) = first_match(&rule.any, &signals.instruction, Reading::Raw) {
        return (NEGATED, Some(words));
    }
    match first_match(&rule.any, signals.quoted.stream(), Reading::Raw) {
        Some(words) => (QUOTED, Some(words)),
        None => (NO_MATCH, None),
    }
}
