//! Short answers to what the model said last: "yes", "go ahead", "the second one". They are not requests.

/// The longest reply, in words.
const REPLY_WORDS_MAX: usize = 5;

/// The words that replies are made of. A word that names a thing or an action of its own is not one of them.
const REPLY_WORDS: [&str; 96] = [
    "yes",
    "y",
    "yep",
    "yeah",
    "yup",
    "ok",
    "okay",
    "k",
    "sure",
    "go",
    "ahead",
    "do",
    "it",
    "please",
    "continue",
    "proceed",
    "thanks",
    "thank",
    "you",
    "thx",
    "looks",
    "good",
    "lgtm",
    "great",
    "perfect",
    "nice",
    "cool",
    "no",
    "nope",
    "not",
    "stop",
    "wait",
    "hi",
    "hello",
    "hey",
    "that",
    "this",
    "the",
    "first",
    "second",
    "third",
    "last",
    "option",
    "one",
    "two",
    "three",
    "1",
    "2",
    "3",
    "a",
    "b",
    "c",
    "and",
    "run",
    "try",
    "again",
    "on",
    "then",
    "now",
    "right",
    "correct",
    "exactly",
    "fine",
    "agreed",
    "is",
    "sounds",
    "for",
    "me",
    "ja",
    "nein",
    "weiter",
    "gern",
    "danke",
    "bitte",
    "mach",
    "oui",
    "non",
    "merci",
    "sí",
    "si",
    "gracias",
    "sim",
    "obrigado",
    "da",
    "net",
    "да",
    "нет",
    "спасибо",
    "evet",
    "tak",
    "nie",
    "はい",
    "是",
    "好",
    "네",
    "jo",
];

/// Words that rule out a yes.
const NO_WORDS: [&str; 12] =
    ["no", "nope", "not", "stop", "wait", "nein", "non", "net", "нет", "nie", "hi", "hello"];

/// Words of which a yes has at least one.
const YES_WORDS: [&str; 28] = [
    "yes", "y", "yep", "yeah", "yup", "ok", "okay", "sure", "go", "do", "proceed", "continue", "agreed",
    "right", "correct", "ja", "mach", "oui", "sí", "si", "sim", "da", "да", "evet", "tak", "はい", "是",
    "네",
];

fn reply_words(text: &str) -> impl Iterator<Item = String> {
    let is_around = |c: char| !c.is_alphanumeric();
    text.split_whitespace()
        .map(move |word| word.trim_matches(is_around).to_lowercase())
        .filter(|word| !word.is_empty())
}

/// Returns whether a prompt only answers what the model said last.
pub fn is_reply(text: &str) -> bool {
    // No further: a prompt may have megabytes.
    let count = reply_words(text).take(REPLY_WORDS_MAX + 1).count();
    (1..=REPLY_WORDS_MAX).contains(&count)
        && reply_words(text).all(|word| REPLY_WORDS.contains(&word.as_str()))
}

/// Returns whether a reply says yes.
pub fn says_yes(text: &str) -> bool {
    let has = |words: &[&str]| reply_words(text).any(|word| words.contains(&word.as_str()));
    is_reply(text) && has(&YES_WORDS) && !has(&NO_WORDS)
}
