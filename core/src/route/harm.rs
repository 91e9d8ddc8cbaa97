//! What could happen if a request is run that only resembles dangerous ones, in words for a person.

use crate::agent::reach::Reach;
use crate::policy::Policy;
use crate::policy::lexicon::WordListId;
use crate::text::tokens::Kind;

use super::stream::Stream;

/// A kind of harm.
struct Harm {
    /// The word lists that speak of it.
    lists: &'static [&'static str],
    /// What the words are about and what could happen, as a clause: a list finds words, not what is done with them.
    could: &'static str,
    /// What a run must be able to touch to do it.
    needs: Reach,
}

impl Harm {
    /// Returns those of its lists that occur in the words.
    fn lists_in(&self, own: &Stream, policy: &Policy) -> impl Iterator<Item = WordListId> {
        let is_there = |list: &WordListId| own.contains(*list);
        self.lists.iter().filter_map(|name| policy.lexicon().list_id(name)).filter(is_there)
    }
}

/// The kinds of harm, the more specific first.
const HARMS: [Harm; 11] = [
    harm(
        &["secret", "token"],
        "it speaks of secrets, and could not be told apart from requests to show or change one",
        Reach::Reading,
    ),
    harm(
        &["pay"],
        "it speaks of money, and could not be told apart from requests to spend or move it",
        Reach::Commands,
    ),
    harm(
        &["admin", "guard", "disable", "public"],
        "it speaks of rights or a protection, and could not be told apart from requests to allow more",
        Reach::Files,
    ),
    harm(
        &["push-order", "push-infinitive", "push-cjk", "pr"],
        "it speaks of sending work away, and could not be told apart from requests to put it where others fetch it",
        Reach::Commands,
    ),
    harm(
        &["deploy", "registry"],
        "it speaks of a release or a registry, and could not be told apart from requests to bring something out",
        Reach::Commands,
    ),
    harm(
        &["prod"],
        "it speaks of production, and could not be told apart from requests to change something there",
        Reach::Commands,
    ),
    harm(
        &["send", "channel", "mail"],
        "it speaks of messages or where they go, and could not be told apart from requests to send one",
        Reach::Commands,
    ),
    // With accepted edits Claude Code also removes files of the project without asking.
    harm(
        &["strong-delete", "delete"],
        "it speaks of taking something away, and could not be told apart from requests to delete what does not come back",
        Reach::Files,
    ),
    harm(
        &["machine", "dns"],
        "it speaks of machines or names in a network, and could not be told apart from requests to change them",
        Reach::Commands,
    ),
    harm(
        &["repository", "remote", "branch", "history"],
        "it speaks of a repository or its history, and could not be told apart from requests to change it for others",
        Reach::Commands,
    ),
    harm(
        &["agent-config"],
        "it speaks of the settings of agents, and could not be told apart from requests to allow them more",
        Reach::Files,
    ),
];

const fn harm(lists: &'static [&'static str], could: &'static str, needs: Reach) -> Harm {
    Harm { lists, could, needs }
}

/// What is said where no list speaks of a harm.
pub(super) const UNNAMED: &str = "it could not be told apart from requests that cannot be undone, though no single word says so (maybe a false alarm)";

/// Words of these lists that speak of no harm by themselves.
const BROAD: [&str; 10] = [
    "project",
    "workspace",
    "account",
    "tenant",
    "home",
    "environment",
    "environments",
    "package",
    "certificate",
    "certificates",
];

/// How many words before the one that speaks of a harm are quoted, unless an order begins with it.
const BEFORE: usize = 4;
/// How many words after it.
const BEHIND: usize = 8;

/// Returns what could happen, and the words that speak of it; `None` if no list does.
pub(super) fn named<'a>(own: &Stream<'a>, policy: &Policy) -> Option<(&'static str, &'a str)> {
    let count = own.places().len();
    let first = |counts: &dyn Fn(usize) -> bool| {
        HARMS.iter().find_map(|harm| {
            let is_said = |list: WordListId| {
                (0..count).find(|at| own.has(list, *at) && !BROAD.contains(&own.word(*at)) && counts(*at))
            };
            Some((harm.could, harm.lists_in(own, policy).filter_map(is_said).min()?))
        })
    };
    let (could, at) = first(&|at| !own.is_mention(at)).or_else(|| first(&|at| !own.is_negated(at)))?;
    let ends = |at: usize| matches!(own.places()[at].kind, Kind::End | Kind::Question);
    let reach = if own.has_ideographs() { 3 } else { 1 };
    let before = if own.is_order_start(at) { 0 } else { BEFORE * reach };
    let from = (at.saturating_sub(before)..at).rev().take_while(|at| !ends(*at)).last().unwrap_or(at);
    let to = (at..count.min(at + BEHIND * reach)).take_while(|at| !ends(*at)).last().unwrap_or(at);
    Some((could, own.text().get(own.places()[from].start()..own.places()[to].end())?))
}

/// Returns the least that a run must be able to touch for any harm that the words speak of.
pub(super) fn needs(own: &Stream, policy: &Policy) -> Reach {
    let spoken_of = HARMS.iter().filter(|harm| harm.lists_in(own, policy).next().is_some());
    spoken_of.map(|harm| harm.needs).min().unwrap_or(Reach::Commands)
}

#[cfg(test)]
mod tests {
    use super::super::signals::Signals;
    use super::*;
    use crate::text::segment;

    #[test]
    fn every_list_that_speaks_of_a_harm_exists() {
        let policy = Policy::builtin();
        for name in HARMS.iter().flat_map(|harm| harm.lists.iter()) {
            assert!(policy.lexicon().list_id(name).is_some(), "{name}");
        }
    }

    #[test]
    fn the_harm_is_named_with_the_words_around_it() {
        let policy = Policy::builtin();
        for (text, harm) in [
            (
                "fix a.rs. wipe the laptop",
                Some((
                    "it speaks of taking something away, and could not be told apart from requests to delete what does not come back",
                    "wipe the laptop",
                )),
            ),
            (
                "print the decoded token",
                Some((
                    "it speaks of secrets, and could not be told apart from requests to show or change one",
                    "print the decoded token",
                )),
            ),
            ("xyzzy", None),
        ] {
            let segments = segment::segment(text);
            let signals = Signals::read(&segments, &policy);
            assert_eq!(named(&signals.instruction, &policy), harm, "{text}");
        }
    }
}
