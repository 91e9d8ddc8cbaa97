use super::lexicon::{How, WordListId};
use super::*;

/// The source of the compiled-in table.
const BUILTIN: &str = include_str!("builtin.toml");

#[test]
fn what_was_prepared_at_build_time_is_what_reading_the_table_gives() {
    let (prepared, read) = (Policy::builtin(), Policy::parse(BUILTIN).unwrap());
    assert!(chains(&prepared.lexicon) == chains(&read.lexicon));
    let Lexicon { chains, entries, .. } = prepared.lexicon.clone();
    assert!(prepared.lexicon == Lexicon { literals: Default::default(), chains, entries, ..read.lexicon });
    assert_eq!(prepared.rules, read.rules);
    assert_eq!(prepared.text_hash, read.text_hash);
}

/// Returns the entries of each chain, wherever they stand in the table.
fn chains(lexicon: &Lexicon) -> Vec<Vec<(u64, WordListId, How)>> {
    let entry = |at: u32| lexicon.entries.get(at as usize);
    let chain = |first: &u32| {
        std::iter::successors(entry(*first), |before| entry(before.next)).map(|e| (e.hash, e.list, e.how))
    };
    lexicon.chains.iter().map(|first| chain(first).collect()).collect()
}

#[test]
fn the_compiled_in_policy_is_a_policy() {
    let policy = Policy::parse(BUILTIN).unwrap();
    assert!(policy.rules().len() > 20);
    assert!(policy.rules().iter().all(|rule| !rule.because.is_empty()));
}

#[test]
fn a_changed_rule_changes_the_hash() {
    let catalog = crate::fixture::catalog(vec![]);
    let hash = Policy::builtin().hash(&catalog);
    assert_eq!(hash, Policy::builtin().hash(&catalog));
    assert_eq!(hash.len(), HASH_DIGITS);
    let other = Policy::parse(&BUILTIN.replacen("confidence = 0.9\n", "confidence = 0.8\n", 1)).unwrap();
    assert_ne!(hash, other.hash(&catalog));
}

fn problem(rule: &str) -> String {
    let words = &BUILTIN[..BUILTIN.find("[[rule]]").unwrap()];
    Policy::parse(&format!("{words}\n[[rule]]\n{rule}")).unwrap_err().to_string()
}

#[test]
fn a_malformed_rule_is_refused_with_its_name() {
    let rule = |id: &str, confidence: &str, any: &str| {
        format!(
            "id = \"{id}\"\neffect = \"haiku\"\nbecause = \"x\"\nconfidence = {confidence}\nany = [\"{any}\"]"
        )
    };
    assert_eq!(
        problem(&rule("rules.x", "0.9", "nothing")),
        "rule `rules.x` has the pattern `nothing`: there is no word list `nothing`"
    );
    assert_eq!(problem(&rule("x", "0.9", "delete")), "rule `x` does not begin with its layer `rules.`");
    assert!(problem(&rule("rules.x", "1.0", "delete")).contains("confidence"));
    assert!(problem(&rule("rules.x", "0.9", "delete ..")).contains("element at its end"));
    assert!(problem(&rule("rules.x", "0.9", "delete ~3 all ..2 data")).contains("exactly two"));
    let twice =
        format!("{}\n[[rule]]\n{}", rule("rules.x", "0.9", "delete"), rule("rules.x", "0.9", "delete"));
    assert_eq!(problem(&twice), "rule `rules.x` is there twice");
}

#[test]
fn no_two_words_of_the_compiled_in_policy_share_a_hash() {
    assert!(lexicon::colliding_words(BUILTIN).is_empty());
}
