//! Rules of policy files that can never fire: what they look for is no word, or their own exceptions always hold.

use std::collections::BTreeMap;

use serde::Serialize;

use super::stream::{Reading, Stream};
use crate::policy::Policy;
use crate::policy::file_rule::FileRule;
use crate::policy::lexicon::WordListId;
use crate::policy::pattern::Pattern;

/// A rule, or a part of one, that can never fire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeadRule {
    /// The rule's id.
    pub rule: String,
    /// `file:line`.
    pub place: String,
    /// Why not.
    pub because: String,
}

/// Finds the rules that can never fire. What cannot be told is not reported: a pattern with a named list of words may always
/// fire.
pub fn dead_rules(policy: &Policy) -> Vec<DeadRule> {
    let literals = policy.lexicon().literals.iter().map(|(word, list)| (*list, word.as_str())).collect();
    let tester = Tester { policy, literals };
    policy.files().rules.iter().flat_map(|rule| tester.problems(rule)).collect()
}

struct Tester<'p> {
    policy: &'p Policy,
    literals: BTreeMap<WordListId, &'p str>,
}

impl Tester<'_> {
    fn problems(&self, rule: &FileRule) -> Vec<DeadRule> {
        let dead = |because: String| DeadRule { rule: rule.id.clone(), place: rule.place.clone(), because };
        let patterns = rule.words.iter().chain(&rule.unless);
        let lists =
            patterns.flat_map(|pattern| pattern.elements.iter()).flat_map(|element| element.any_of.iter());
        let mut words: Vec<&str> = lists
            .filter(|list| !self.is_found(**list))
            .filter_map(|list| self.literals.get(list).copied())
            .collect();
        words.sort_unstable();
        words.dedup();
        let mut found: Vec<DeadRule> = words
            .iter()
            .map(|word| dead(format!("`'{word}'` is never found: it is read as no words")))
            .collect();
        if found.is_empty() && self.is_always_excepted(rule) {
            found.push(dead("its `unless` holds for all that its `words` look for".to_owned()));
        }
        found
    }

    /// Returns whether a list is found in its own words; one whose words are not known here counts as found.
    fn is_found(&self, list: WordListId) -> bool {
        self.literals.get(&list).is_none_or(|word| self.stream(word).contains(list))
    }

    fn is_always_excepted(&self, rule: &FileRule) -> bool {
        let samples: Option<Vec<(&Pattern, String)>> =
            rule.words.iter().map(|pattern| Some((pattern, self.sample(pattern)?))).collect();
        let Some(samples) = samples.filter(|samples| !samples.is_empty()) else { return false };
        samples.iter().all(|(pattern, text)| {
            let stream = self.stream(text);
            let is_excepted =
                rule.unless.iter().any(|unless| stream.find(unless, Reading::NotNegated).is_some());
            stream.find(pattern, Reading::Asked).is_none() || is_excepted
        })
    }

    /// Returns the shortest text that a pattern could mean, where its words are known.
    fn sample(&self, pattern: &Pattern) -> Option<String> {
        let word = |lists: &[WordListId]| {
            lists.iter().all(|list| self.literals.contains_key(list)).then(|| lists[0])
        };
        let words: Option<Vec<&str>> = pattern
            .elements
            .iter()
            .map(|element| self.literals.get(&word(&element.any_of)?).copied())
            .collect();
        words.map(|words| words.join(" "))
    }

    fn stream<'t>(&self, text: &'t str) -> Stream<'t> {
        Stream::new(text, self.policy.lexicon(), self.policy.grammar())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use crate::policy::file::PolicySource;
    use crate::policy::file_rule::Author;

    fn dead(rule: &str) -> Vec<String> {
        let text = format!("[[rule]]\nid = \"r\"\nbecause = \"b\"\ntier = \"haiku\"\n{rule}\n");
        let source = PolicySource { author: Author::User, name: "policy.toml", text: &text };
        let policy =
            Policy::builtin().with_files(&[source], &Default::default(), &fixture::catalog(vec![])).unwrap();
        dead_rules(&policy).into_iter().map(|dead| dead.because).collect()
    }

    #[test]
    fn a_rule_that_can_never_fire_is_found() {
        for rule in [
            "words = [\"'!'\"]",
            "words = [\"'deploy' ..3 '—'\"]",
            "words = [\"'deploy'\"]\nunless = [\"'deploy'\"]",
            "words = [\"'deploy' 'now'\"]\nunless = [\"'now'\"]",
        ] {
            assert_eq!(dead(rule).len(), 1, "{rule}");
        }
        for rule in [
            "words = [\"'deploy'\"]",
            "words = [\"^v:'deploy' ..3 'now'$\", \"deploy\"]",
            "words = [\"'npm run'\"]",
            "words = [\"'--force'\"]",
            "words = [\"'node.js'|'c++'\"]",
            "words = [\"'deploy'\"]\nunless = [\"'staging'\"]",
            "words = [\"delete\"]\nunless = [\"delete\"]",
        ] {
            assert_eq!(dead(rule), Vec::<String>::new(), "{rule}");
        }
    }
}
