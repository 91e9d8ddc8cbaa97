//! What could happen if a request is run that only resembles dangerous ones, in words for a person.

use crate::policy::Policy;
use crate::policy::lexicon::WordListId;
use crate::text::segment;

use super::signals::Signals;

/// Harms, the more specific first, with the word lists that speak of them.
const HARMS: [(&[&str], &str); 9] = [
    (&["agent-config"], "it may change what agents are allowed to do"),
    (&["secret", "token"], "it may show or change secrets"),
    (&["pay"], "it may spend or move money"),
    (&["admin", "guard", "disable", "public"], "it may widen rights or take a protection away"),
    (&["deploy", "prod", "registry"], "it may bring something out that others use"),
    (&["send", "channel", "mail"], "it may reach other people"),
    (&["strong-delete", "delete"], "it may delete something that does not come back"),
    (&["machine", "dns"], "it may change systems that are running"),
    (&["repository", "remote", "branch", "history"], "it may change what others have fetched"),
];

/// What is said where no list speaks of a harm.
const UNNAMED: &str = "it resembles requests that cannot be taken back";

/// Returns what could happen, by the words that made the classifier ask.
pub(super) fn by_words(words: &str, policy: &Policy) -> &'static str {
    let segments = segment::segment(words);
    let signals = Signals::read(&segments, policy);
    let has = |name: &&str| {
        let list: Option<WordListId> = policy.lexicon().list_id(name);
        list.is_some_and(|list| signals.instruction.contains(list))
    };
    HARMS.iter().find(|(lists, _)| lists.iter().any(|list| has(list))).map_or(UNNAMED, |(_, harm)| harm)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_that_speaks_of_a_harm_exists() {
        let policy = Policy::builtin();
        for name in HARMS.iter().flat_map(|(lists, _)| lists.iter()) {
            assert!(policy.lexicon().list_id(name).is_some(), "{name}");
        }
    }

    #[test]
    fn the_harm_follows_from_the_words() {
        let policy = Policy::builtin();
        for (words, harm) in [
            ("wipe the laptop", "it may delete something that does not come back"),
            ("print the decoded token", "it may show or change secrets"),
            ("get it live for the customers", "it may bring something out that others use"),
            ("xyzzy", UNNAMED),
        ] {
            assert_eq!(by_words(words, &policy), harm, "{words}");
        }
    }
}
