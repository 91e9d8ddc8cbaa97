//! What can only be tested inside: the tables. Spellings and harmless lines are in `core/tests/it/redaction`.

use super::kinds::KINDS;
use super::prefixes::{Check, PREFIXES, Rest};
use super::redact;

/// Returns `n` characters that look random; assembled here, so that no complete secret is in the source.
fn filler(n: usize, alphabet: &str) -> String {
    let alphabet: Vec<char> = alphabet.chars().collect();
    (0..n).map(|i| alphabet[(i * 7 + i / 3 + 5) % alphabet.len()]).collect()
}

#[test]
fn every_kind_compiles_and_has_a_bit() {
    for kind in &KINDS {
        assert!(!kind.regex().as_str().is_empty());
    }
    assert!(KINDS.len() < 64, "the set of kinds is one u64");
}

#[test]
fn every_prefix_finds_its_tokens_and_no_words() {
    for prefix in PREFIXES {
        let alphabet = match prefix.rest {
            Rest::Hex => "0123456789abcdef",
            Rest::Alnum | Rest::Word | Rest::Any => "aB3dE5gH7jK9mN2pQ4rS6tU8vW",
        };
        let (Check::Random(length) | Check::Exactly(length) | Check::AtLeast(length)) = prefix.check;
        let length = if matches!(prefix.check, Check::Exactly(_)) { length } else { length + 4 };
        let text = format!("say {}{} and on", prefix.text, filler(length, alphabet));
        assert_eq!(redact(&text), format!("say [redacted:{}] and on", prefix.name), "{text}");
        let words = format!("see {}refactor-the-login-page and on", prefix.text);
        assert_eq!(redact(&words), words);
    }
}
