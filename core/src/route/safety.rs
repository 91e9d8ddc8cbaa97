//! Safety: what the user is asked about first, no matter what was chosen.

use crate::policy::Policy;

use super::reason;
use super::rules::{Found, check, first_match};
use super::signals::Signals;
use super::stream::Reading;
use super::trace::{IN_SESSION, MENTIONED, NO_MATCH, Trace};
use crate::agent::Tier;
use crate::conversation::Context;
use crate::policy::layer::Layer;
use crate::text::client::Artefact;

/// The rule that protects the agents' own configuration.
pub(super) const AGENT_CONFIG: &str = "safety.agent-config";

/// The rule for quoted orders that the user's own words adopt.
const ENDORSED: &str = "safety.endorsed-quote";
const ENDORSED_BECAUSE: &str =
    "your words order to do what the quoted or pasted text says, and that is dangerous";
const ENDORSED_CONFIDENCE: f64 = 0.9;

/// The rule for requests that say nothing.
const UNDERSPECIFIED: &str = "safety.unclear";
const UNDERSPECIFIED_BECAUSE: &str =
    "the words do not say what is meant: name a file, a symptom, or an expected result";
const PLACEHOLDER_BECAUSE: &str = "a placeholder was left in the words: put in what it stands for";
const ANSWER_BECAUSE: &str = "it answers somebody, but no session goes on: say what is to be done";
const DANGLING_BECAUSE: &str =
    "it refers to something that the words do not name: say what is meant, or go on in its session";
const QUESTION_BECAUSE: &str =
    "it does not say what the question is about: name a file, a program, or what was seen";
const UNDERSPECIFIED_CONFIDENCE: f64 = 0.97;

/// The most words of the user's own that a request can have and still say nothing.
const UNDERSPECIFIED_WORDS_MAX: usize = 12;
/// A request that only refers to something not mentioned may have this many content words and still say nothing.
const DANGLING_CONTENT_MAX: usize = 3;

/// Whether words say what is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clarity {
    /// They do.
    Clear,
    /// They need the context to mean anything.
    Unclear,
}

/// Tries every safety rule and returns the finding of the first that fired.
pub(super) fn apply(policy: &Policy, signals: &Signals, trace: &mut Trace) -> Option<Found> {
    let endorsed = signals.instruction.is_asked(policy.grammar().endorse);
    // "What does X do? Try it": the order is to do what was only asked about.
    let reading = if endorsed && signals.is_question { Reading::NotNegated } else { Reading::Asked };
    // Where there are no words but a client's, whoever runs them runs what stands in them.
    let endorsed = endorsed || signals.artefact == Some(Artefact::Machine);
    let mut found = None;
    let mut quoted = None;
    for rule in policy.rules().iter().filter(|rule| rule.layer == Layer::Safety) {
        if let Some(words) = check(rule, signals, reading, trace) {
            found.get_or_insert_with(|| Found::of(rule, words));
        } else if quoted.is_none() && (endorsed || trace.keeps_skipped()) {
            quoted = first_match(&rule.any, signals.quoted.stream(), Reading::Asked);
        }
    }
    match quoted {
        Some(words) if endorsed => {
            trace.fired(ENDORSED, Layer::Safety, ENDORSED_BECAUSE, Some(words));
            found.get_or_insert_with(|| stop(ENDORSED_BECAUSE, Some(words), ENDORSED_CONFIDENCE));
        }
        Some(words) => {
            trace.skipped(ENDORSED, Layer::Safety, ENDORSED_BECAUSE, || (MENTIONED, Some(words)));
        }
        None => trace.skipped(ENDORSED, Layer::Safety, ENDORSED_BECAUSE, || (NO_MATCH, None)),
    }
    found
}

/// Whether the kind of work is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    Known,
    Unknown,
}

/// Checks whether the words say what is meant.
///
/// They do not if there are few of them, nothing is pasted, none names a thing (a path, an identifier, a number, a
/// quotation), no rule knows the work, and all of them are generic ("fix the bug") or refer to something that was not
/// mentioned ("the feature we talked about"). A placeholder that was left in the words counts too.
pub(super) fn check_for_missing_words(
    signals: &Signals,
    work: Work,
    context: &Context,
    trace: &mut Trace,
) -> Option<Found> {
    let underspecified =
        signals.artefact.is_some() || (clarity(signals) == Clarity::Unclear && work == Work::Unknown);
    let fires = (underspecified && context.session().is_none()) || signals.has_placeholder;
    let because = why_unclear(signals);
    if fires {
        trace.fired(UNDERSPECIFIED, Layer::Safety, because, None);
    } else {
        let why = if underspecified { IN_SESSION } else { NO_MATCH };
        trace.skipped(UNDERSPECIFIED, Layer::Safety, because, || (why, None));
    }
    fires.then(|| stop(because, None, UNDERSPECIFIED_CONFIDENCE))
}

/// Returns what is missing in words that do not say what is meant.
fn why_unclear(signals: &Signals) -> &'static str {
    seen_unclear(signals).unwrap_or(match signals {
        _ if signals.is_dangling => DANGLING_BECAUSE,
        _ if signals.is_question => QUESTION_BECAUSE,
        _ => UNDERSPECIFIED_BECAUSE,
    })
}

/// Returns why words do not say what is meant, where their form shows it.
pub(super) fn seen_unclear(signals: &Signals) -> Option<&'static str> {
    match signals.artefact {
        Some(artefact) => Some(artefact.because()),
        None if signals.has_placeholder => Some(PLACEHOLDER_BECAUSE),
        None if signals.is_answer_alone => Some(ANSWER_BECAUSE),
        None => None,
    }
}

/// Returns whether words alone say what is meant, whatever is known of the kind of work.
pub(super) fn clarity(signals: &Signals) -> Clarity {
    let few =
        signals.word_count <= UNDERSPECIFIED_WORDS_MAX && signals.pasted_bytes == 0 && !signals.has_referent;
    let empty =
        signals.content_count == 0 || (signals.is_dangling && signals.content_count <= DANGLING_CONTENT_MAX);
    if few && empty { Clarity::Unclear } else { Clarity::Clear }
}

fn stop(because: &str, words: Option<&str>, confidence: f64) -> Found {
    let words = words.and_then(reason::quotable);
    Found { layer: Layer::Safety, tier: Tier::Sonnet, because: because.to_owned(), words, confidence }
}
