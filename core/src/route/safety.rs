//! Safety: what a person is asked about first, whatever anybody chose.

use crate::policy::Policy;

use super::Layer;
use super::explain::{IN_SESSION, Look, MENTIONED, NO_MATCH};
use super::rules::{Found, look_at};
use super::signals::Signals;
use super::stream::Reading;
use crate::agent::Tier;
use crate::request::Context;

/// The rule that takes quoted orders as given when the person says so.
const ENDORSED: &str = "safety.endorsed-quote";
const ENDORSED_BECAUSE: &str =
    "your words order to do what the quoted or pasted text says, and that is dangerous";
const ENDORSED_CONFIDENCE: f64 = 0.9;

/// The rule for requests that say nothing.
const UNCLEAR: &str = "safety.unclear";
const UNCLEAR_BECAUSE: &str =
    "the words do not say what is meant: name a file, a symptom, or an expected result";
const UNCLEAR_CONFIDENCE: f64 = 0.85;

/// The most own words that a request which says nothing has.
const UNCLEAR_WORDS_MAX: usize = 12;
/// A request that only points at something unsaid may have this many words with content and still say nothing.
const DANGLING_CONTENT_MAX: usize = 3;

/// Looks at every safety rule and returns the first that fired.
pub(super) fn look(policy: &Policy, signals: &Signals, looked: &mut Vec<Look>) -> Option<Found> {
    let mut found = None;
    let mut quoted = None;
    for rule in policy.rules().iter().filter(|rule| rule.layer == Layer::Safety) {
        let look = look_at(rule, signals, Reading::Asked);
        if look.has_fired() {
            found.get_or_insert_with(|| Found::of(rule));
        } else if quoted.is_none() {
            quoted = super::rules::first_match(&rule.any, &signals.material, Reading::Asked);
        }
        looked.push(look);
    }
    let endorsed = signals.own.is_asked(policy.structure().endorse);
    let look = match (quoted, endorsed) {
        (Some(words), true) => Look::fired(ENDORSED, Layer::Safety, ENDORSED_BECAUSE, Some(words)),
        (Some(words), false) => {
            Look::passed(ENDORSED, Layer::Safety, MENTIONED, ENDORSED_BECAUSE, Some(words))
        }
        (None, _) => Look::passed(ENDORSED, Layer::Safety, NO_MATCH, ENDORSED_BECAUSE, None),
    };
    if look.has_fired() {
        found.get_or_insert_with(|| stop(ENDORSED_BECAUSE, ENDORSED_CONFIDENCE));
    }
    looked.push(look);
    found
}

/// Looks whether the words say what is meant.
///
/// They do not when there are few of them, nothing is pasted, none names a thing (a path, an
/// identifier, a number, a quotation), no rule knows the work, and all are generic ("fix the bug") or
/// point at something that was never said here ("the feature we talked about"). A placeholder that
/// was left in the words counts too.
pub(super) fn look_for_missing_words(
    signals: &Signals,
    is_known_work: bool,
    context: Context,
    looked: &mut Vec<Look>,
) -> Option<Found> {
    let few = signals.word_count <= UNCLEAR_WORDS_MAX && signals.pasted_bytes == 0 && !signals.has_referent;
    let empty =
        signals.content_count == 0 || (signals.is_dangling && signals.content_count <= DANGLING_CONTENT_MAX);
    let unclear = few && empty && !is_known_work;
    let fires = (unclear && context == Context::Fresh) || signals.has_placeholder;
    looked.push(match (fires, unclear) {
        (true, _) => Look::fired(UNCLEAR, Layer::Safety, UNCLEAR_BECAUSE, None),
        (false, true) => Look::passed(UNCLEAR, Layer::Safety, IN_SESSION, UNCLEAR_BECAUSE, None),
        (false, false) => Look::passed(UNCLEAR, Layer::Safety, NO_MATCH, UNCLEAR_BECAUSE, None),
    });
    fires.then(|| stop(UNCLEAR_BECAUSE, UNCLEAR_CONFIDENCE))
}

fn stop(because: &str, confidence: f64) -> Found {
    Found { layer: Layer::Safety, tier: Tier::Sonnet, because: because.to_owned(), confidence }
}
