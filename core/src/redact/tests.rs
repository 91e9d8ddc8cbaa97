//! What can only be tested inside: the tables. Spellings and harmless lines are in `core/tests/it/redaction`.

use super::kinds::KINDS;
use super::line::{Found, Secrets};
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
            Rest::Alnum | Rest::Word | Rest::Base64 | Rest::Any => "aB3dE5gH7jK9mN2pQ4rS6tU8vW",
        };
        let (Check::Random(length) | Check::Exactly(length) | Check::AtLeast(length)) = prefix.check;
        let length = if matches!(prefix.check, Check::Exactly(_)) { length } else { length + 4 };
        let text = format!("say {}{} and on", prefix.text, filler(length, alphabet));
        assert_eq!(redact(&text), format!("say [redacted:{}] and on", prefix.name), "{text}");
        let words = format!("see {}refactor-the-login-page and on", prefix.text);
        assert_eq!(redact(&words), words);
    }
}

/// Whoever prints only the first columns of a line leaves the beginning of a token at its end.
#[test]
fn the_beginning_of_a_token_of_fixed_length_is_found_at_the_end_of_a_line() {
    let (capitals, hex) = ("ABCDEFGH2345KLMN7", "0123456789abcdef");
    for (mark, alphabet, least, whole) in [("AKIA", capitals, 8, 16), ("SK", hex, 12, 32)] {
        let is_found = |length: usize, behind: &str| {
            redact(&format!("see {mark}{}{behind}", filler(length, alphabet))).contains("[redacted:")
        };
        assert!((least..=whole).all(|length| is_found(length, "")), "{mark}");
        assert!(!is_found(least - 1, "") && !is_found(whole + 1, ""), "{mark}");
        assert!(!is_found(least, " and on"), "{mark}: what is followed was not cut off");
    }
    for words in ["see AKIAregister", "see AKIA1234567", "see SKILLS"] {
        assert_eq!(redact(words), words);
    }
}

#[test]
fn secrets_that_overlap_are_one_and_those_that_touch_are_two() {
    for (found, want) in [
        (vec![(4..9, "b"), (0..5, "a"), (9..12, "c")], vec![(0..9, "a"), (9..12, "c")]),
        (vec![(0..5, "short"), (0..9, "long")], vec![(0..9, "long")]),
        (vec![(0..9, "out"), (2..5, "in")], vec![(0..9, "out")]),
        (vec![(0..5, "general"), (0..5, "special")], vec![(0..5, "special")]),
    ] {
        let ordered: Vec<Found> = Secrets { found, ..Secrets::default() }.in_order().found;
        assert_eq!(ordered, want);
    }
}

#[test]
fn a_token_begins_where_no_word_goes_on_into_it() {
    let rest = filler(36, "0123456789abcdef");
    for (before, own_mark, letters_only) in [
        ("", true, true),
        ("=", true, true),
        ("\\n", true, true),
        ("\\x3d", true, true),
        ("\\u003d", true, true),
        ("%3D", true, true),
        ("\u{1b}[32m", true, true),
        ("\u{1b}[m", true, true),
        ("a/", true, false),
        ("a+", true, false),
        ("my_", true, false),
        ("my-", true, false),
        ("my", false, false),
        ("[3xm", false, false),
        ("%3g", false, false),
        ("\\xg3", false, false),
        ("\\u003g", false, false),
    ] {
        let found = |prefix: &str| redact(&format!("x {before}{prefix}{rest}")).contains("[redacted:");
        assert_eq!((found("ghp_"), found("dapi")), (own_mark, letters_only), "{before}");
    }
    // A beginning that is also a word's.
    assert_eq!(redact(&format!("x my-re_{rest}")), format!("x my-re_{rest}"));
}
