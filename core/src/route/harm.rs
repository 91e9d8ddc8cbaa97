//! What could happen if a request is run that only resembles dangerous ones, in words for a person.

use crate::agent::reach::Reach;
use crate::policy::Policy;
use crate::text::segment;

use super::signals::Signals;

/// A kind of harm.
struct Harm {
    /// The word lists that speak of it.
    lists: &'static [&'static str],
    /// What could happen, as a clause.
    could: &'static str,
    /// What a run must be able to touch to do it.
    needs: Reach,
}

/// The kinds of harm, the more specific first.
const HARMS: [Harm; 9] = [
    harm(&["agent-config"], "it may change what agents are allowed to do", Reach::Files),
    harm(&["secret", "token"], "it may show or change secrets", Reach::Reading),
    harm(&["pay"], "it may spend or move money", Reach::Commands),
    harm(
        &["admin", "guard", "disable", "public"],
        "it may widen rights or take a protection away",
        Reach::Files,
    ),
    harm(&["deploy", "prod", "registry"], "it may bring something out that others use", Reach::Commands),
    harm(&["send", "channel", "mail"], "it may reach other people", Reach::Commands),
    // With accepted edits Claude Code also removes files of the project without asking.
    harm(&["strong-delete", "delete"], "it may delete something that does not come back", Reach::Files),
    harm(&["machine", "dns"], "it may change systems that are running", Reach::Commands),
    harm(
        &["repository", "remote", "branch", "history"],
        "it may change a repository that others use",
        Reach::Commands,
    ),
];

const fn harm(lists: &'static [&'static str], could: &'static str, needs: Reach) -> Harm {
    Harm { lists, could, needs }
}

/// What is said where no list speaks of a harm.
pub(super) const UNNAMED: &str = "it could not be told whether this can be undone";

/// Returns what could happen, by the words that made the classifier ask.
pub(super) fn by_words(words: &str, policy: &Policy) -> Option<&'static str> {
    let segments = segment::segment(words);
    let signals = Signals::read(&segments, policy);
    spoken_of(&signals, policy).next().map(|harm| harm.could)
}

/// Returns the least that a run must be able to touch for any harm that the words speak of.
pub(super) fn needs(signals: &Signals, policy: &Policy) -> Reach {
    spoken_of(signals, policy).map(|harm| harm.needs).min().unwrap_or(Reach::Commands)
}

fn spoken_of(signals: &Signals, policy: &Policy) -> impl Iterator<Item = &'static Harm> {
    let has = |name: &&str| {
        let list = policy.lexicon().list_id(name);
        list.is_some_and(|list| signals.instruction.contains(list))
    };
    HARMS.iter().filter(move |harm| harm.lists.iter().any(has))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_that_speaks_of_a_harm_exists() {
        let policy = Policy::builtin();
        for name in HARMS.iter().flat_map(|harm| harm.lists.iter()) {
            assert!(policy.lexicon().list_id(name).is_some(), "{name}");
        }
    }

    #[test]
    fn the_harm_follows_from_the_words() {
        let policy = Policy::builtin();
        for (words, harm) in [
            ("wipe the laptop", Some("it may delete something that does not come back")),
            ("print the decoded token", Some("it may show or change secrets")),
            ("get it live for the customers", Some("it may bring something out that others use")),
            ("xyzzy", None),
        ] {
            assert_eq!(by_words(words, &policy), harm, "{words}");
        }
    }
}
