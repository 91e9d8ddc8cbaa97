//! Danger as people write it in passing, and ordinary work that sounds like it, in the languages of most users.

use crate::policy::pattern::Pattern;

use super::stream::{Reading, Stream};
use super::*;

const CASUAL_DANGER: &str = include_str!("casual-danger.txt");
const CASUAL_HARMLESS: &str = include_str!("casual-harmless.txt");

/// Returns the language and the sentence of each line.
fn lines_of(file: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    file.lines().map(|line| line.split_once('|').unwrap())
}

fn safety_rules(sentence: &str) -> Vec<String> {
    let rules = routed(sentence).route.rules;
    rules.into_iter().filter(|rule| rule.starts_with("safety.")).collect()
}

#[test]
fn danger_in_passing_is_seen_by_a_rule_in_every_language() {
    let missed: Vec<_> = lines_of(CASUAL_DANGER)
        .filter(|(_, sentence)| routed(sentence).route.layer != Layer::Safety)
        .map(|(language, sentence)| format!("{language}|{sentence}"))
        .collect();
    assert!(missed.is_empty(), "{} missed: {missed:#?}", missed.len());
}

#[test]
fn what_only_sounds_like_danger_in_passing_fires_no_safety_rule() {
    let asked: Vec<_> = lines_of(CASUAL_HARMLESS)
        .map(|(language, sentence)| (language, sentence, safety_rules(sentence)))
        .filter(|(.., rules)| !rules.is_empty())
        .map(|(language, sentence, rules)| format!("{language}|{sentence} <- {rules:?}"))
        .collect();
    assert!(asked.is_empty(), "{} asked: {asked:#?}", asked.len());
}

/// A person is asked about words that say too little anyway; that would prove nothing about the rules here.
#[test]
fn danger_in_passing_is_not_merely_unclear() {
    let unclear: Vec<_> = lines_of(CASUAL_DANGER)
        .map(|(_, sentence)| (sentence, safety_rules(sentence)))
        .filter(|(_, rules)| *rules == ["safety.unclear"])
        .collect();
    assert!(unclear.is_empty(), "{} unclear: {unclear:#?}", unclear.len());
}

#[test]
fn a_word_that_is_wanted_last_has_none_of_its_clause_behind_it() {
    let policy = Policy::builtin();
    let (mut lexicon, mut patterns) = (policy.lexicon().clone(), vec![]);
    Pattern::parse("'push'|'デプロイして'$", &mut lexicon, &mut patterns).unwrap();
    let found = |text| Stream::new(text, &lexicon, policy.grammar()).find(&patterns[0], Reading::Raw);
    for text in ["push", "commit, push", "push, then rest", "commit and push.", "直してからデプロイして"]
    {
        assert!(found(text).is_some(), "{text}");
    }
    for text in ["push it", "push notifications are late", "デプロイしてある"] {
        assert_eq!(found(text), None, "{text}");
    }
}
