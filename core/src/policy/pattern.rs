//! Patterns: what a rule may say about a sequence of words.
//!
//! A pattern is a few elements separated by spaces:
//!
//! | written | means |
//! |---|---|
//! | `delete` | a word of the list `delete` |
//! | `'force'` | this word |
//! | `a\|b` | either |
//! | `a/b` | `a`, when no `b` follows directly |
//! | `v:a` | `a` used as a verb that is asked for: not a noun, not described, not in a question |
//! | `^a` | `a` where an order begins: at the start of a sentence, after "and", "please", … |
//! | `a$` | `a` where a sentence, or what stands before its next comma, ends |
//! | `a .. b`, `a ..8 b` | `b` after `a` with up to 3 (8) words between, in the same sentence |
//! | `a ~8 b` | the same, in either order |
//!
//! Nothing here can repeat or backtrack, so matching takes time linear in the number of words.

use std::borrow::Cow;

use super::lexicon::{Lexicon, WordListId};

/// How many words `..` may skip if no number is given.
const GAP_DEFAULT: u8 = 3;

/// One position of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Element {
    /// The word lists of which one must contain the word.
    pub any_of: Cow<'static, [WordListId]>,
    /// The word lists of which none may follow directly.
    pub not_next: Cow<'static, [WordListId]>,
    /// Whether it must be used as a verb that is asked for.
    pub verb: bool,
    /// Whether it must stand where an order begins.
    pub imperative: bool,
    /// Whether no word of the same clause may follow.
    pub last: bool,
    /// How many words may stand between the previous element and this one.
    pub gap: u8,
}

/// Why a text is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It ends with a gap, or is empty.
    #[error("it needs an element at its end")]
    OpenEnd,
    /// More or fewer than two elements in either order.
    #[error("`~` joins exactly two elements")]
    NotTwo,
    /// What follows `..` or `~` is not a number.
    #[error("`{0}` is not a number of words")]
    NotANumber(String),
    /// An element that excludes twice.
    #[error("`{0}` has more than one `/`")]
    TwoSlashes(String),
    /// A name that no word list has.
    #[error("there is no word list `{0}`")]
    NoSuchList(String),
}

/// A sequence of elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// Never empty.
    pub elements: Cow<'static, [Element]>,
}

impl Pattern {
    /// Parses one written pattern and appends the patterns that it stands for (two, if the order is free).
    pub fn parse(source: &str, lexicon: &mut Lexicon, into: &mut Vec<Pattern>) -> Result<(), PatternError> {
        let mut elements: Vec<Element> = Vec::new();
        let mut gap = 0;
        let mut free = false;
        for word in split(source, b' ').into_iter().filter(|word| !word.is_empty()) {
            if let Some(count) = word.strip_prefix("..") {
                gap = if count.is_empty() { GAP_DEFAULT } else { number(count)? };
            } else if let Some(count) = word.strip_prefix('~') {
                gap = number(count)?;
                free = true;
            } else {
                elements.push(element(word, gap, lexicon)?);
                gap = 0;
            }
        }
        if elements.is_empty() || gap != 0 {
            return Err(PatternError::OpenEnd);
        }
        if free {
            let [a, b] = elements.as_slice() else {
                return Err(PatternError::NotTwo);
            };
            let swapped = vec![Element { gap: 0, ..b.clone() }, Element { gap: b.gap, ..a.clone() }];
            into.push(Pattern { elements: swapped.into() });
        }
        into.push(Pattern { elements: elements.into() });
        Ok(())
    }
}

/// Splits outside of literals. A literal ends at a quote that is followed by a separator or the end, so it may contain
/// an apostrophe.
fn split(text: &str, by: u8) -> Vec<&str> {
    let bytes = text.as_bytes();
    let mut parts = Vec::with_capacity(8);
    let (mut from, mut quoted, mut previous) = (0, false, b' ');
    for (at, &byte) in bytes.iter().enumerate() {
        if byte == b'\'' && quoted {
            quoted = bytes.get(at + 1).is_some_and(|next| !matches!(next, b' ' | b'|' | b'/' | b'$'));
        } else if byte == b'\'' {
            quoted = matches!(previous, b' ' | b'|' | b'/' | b'^' | b':');
        } else if byte == by && !quoted {
            parts.push(&text[from..at]);
            from = at + 1;
        }
        previous = byte;
    }
    parts.push(&text[from..]);
    parts
}

fn number(text: &str) -> Result<u8, PatternError> {
    text.parse().map_err(|_| PatternError::NotANumber(text.to_owned()))
}

fn element(word: &str, gap: u8, lexicon: &mut Lexicon) -> Result<Element, PatternError> {
    let (imperative, word) = word.strip_prefix('^').map_or((false, word), |rest| (true, rest));
    let (verb, word) = word.strip_prefix("v:").map_or((false, word), |rest| (true, rest));
    let (last, word) = word.strip_suffix('$').map_or((false, word), |rest| (true, rest));
    let mut lists = |names: &str| -> Result<Vec<WordListId>, PatternError> {
        split(names, b'|').into_iter().map(|name| list_of(name, lexicon)).collect()
    };
    let (any_of, not_next) = match split(word, b'/').as_slice() {
        [any] => (lists(any)?, Vec::new()),
        [any, not] => (lists(any)?, lists(not)?),
        _ => return Err(PatternError::TwoSlashes(word.to_owned())),
    };
    Ok(Element { any_of: any_of.into(), not_next: not_next.into(), verb, imperative, last, gap })
}

fn list_of(name: &str, lexicon: &mut Lexicon) -> Result<WordListId, PatternError> {
    if let Some(word) = name.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        return Ok(lexicon.literal(word));
    }
    lexicon.list_id(name).ok_or_else(|| PatternError::NoSuchList(name.to_owned()))
}
