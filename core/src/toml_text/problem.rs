//! What is wrong with a text, with its place: several problems are collected, so that they can be fixed at once.

use std::cell::RefCell;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::redact::redact;

use super::place::{Place, printable};

/// The most problems that are collected: the user fixes the first ones and tries again.
pub const PROBLEMS_MAX: usize = 20;

/// The kind of a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemKind {
    /// The text is not TOML.
    NotToml,
    /// A key that does not exist.
    UnknownKey,
    /// A value that the key does not allow.
    WrongValue,
    /// A required key that is missing.
    MissingKey,
    /// A pattern, regular expression or glob that is invalid.
    BadPattern,
    /// Something that is inconsistent, or that this file may not set.
    BrokenRule,
}

/// One problem: where it is, what is wrong, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Where it is.
    #[serde(flatten)]
    pub at: Place,
    /// The kind.
    pub kind: ProblemKind,
    /// What is wrong, in one sentence; never contains a value that may be secret.
    pub what: String,
    /// What to write instead.
    pub hint: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.what)
    }
}

/// The problems found so far.
#[derive(Debug, Default)]
pub struct Problems(RefCell<Vec<Problem>>);

impl Problems {
    /// Reports a problem. The place is computed only while there is room.
    pub fn report(&self, at: impl FnOnce() -> Place, kind: ProblemKind, what: &str, hint: &str) {
        let mut problems = self.0.borrow_mut();
        if problems.len() < PROBLEMS_MAX {
            problems.push(Problem { at: at(), kind, what: printable(&redact(what)), hint: printable(hint) });
        }
    }

    /// Reports that a value is not what is expected.
    pub fn wrong(&self, at: impl FnOnce() -> Place, key: &str, expected: &str, found: &str) {
        let what = format!("`{key}` must be {expected}, but is {found}");
        self.report(at, ProblemKind::WrongValue, &what, &format!("write {expected}"));
    }

    /// Reports that a word is none of those that a key knows.
    pub fn unknown_word(&self, at: impl FnOnce() -> Place, key: &str, word: &str, known: &[&str]) {
        let what = format!("`{key}` cannot be `{word}`");
        self.report(at, ProblemKind::WrongValue, &what, &instead(word, known));
    }

    /// Returns how many there are.
    pub fn count(&self) -> usize {
        self.0.borrow().len()
    }

    /// Returns the value if nothing is wrong, otherwise all problems, in the order of their places.
    pub fn into_result<T>(self, value: Option<T>) -> Result<T, Vec<Problem>> {
        let mut problems = self.0.into_inner();
        problems.sort_by_key(|problem| (problem.at.line, problem.at.column));
        value.filter(|_| problems.is_empty()).ok_or(problems)
    }
}

/// Returns the known word with the most similar spelling, if one is similar enough.
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let distance = |known: &&str| strsim::damerau_levenshtein(known, word);
    let alike = |known: &&str| distance(known) <= 1 + word.chars().count() / 4;
    // Words of an untrusted file may be long; the cost of comparing is the product of both lengths.
    (word.len() <= 64).then(|| known.into_iter().filter(alike).min_by_key(distance)).flatten()
}

/// Returns a "did you mean" hint, or the list of what is allowed.
pub fn instead(word: &str, known: &[&str]) -> String {
    match nearest(word, known.iter().copied()) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => format!("expected one of: {}", known.join(", ")),
    }
}
