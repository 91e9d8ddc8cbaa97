//! What is wrong with a text, with its place: several are collected, so that they can be mended at once.

use std::cell::RefCell;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::place::{Place, printable};

/// More than this many are not collected: a person mends the first ones and looks again.
pub const PROBLEMS_MAX: usize = 20;

/// What kind of problem it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemKind {
    /// The text is not TOML.
    NotToml,
    /// A key that does not exist.
    UnknownKey,
    /// A value that the key cannot have.
    WrongValue,
    /// A key that must be there.
    MissingKey,
    /// A pattern, regular expression or glob that cannot be read.
    BadPattern,
    /// What stands there does not fit together, or is not this file's to say.
    BrokenRule,
}

/// One thing that is wrong, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Where.
    #[serde(flatten)]
    pub at: Place,
    /// The kind.
    pub kind: ProblemKind,
    /// What is wrong, in one sentence; never a value that may be secret.
    pub what: String,
    /// What to write instead.
    pub hint: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.what)
    }
}

/// The problems that were found so far.
#[derive(Debug, Default)]
pub struct Problems(RefCell<Vec<Problem>>);

impl Problems {
    /// Enters a problem. The place is asked for only while there is room.
    pub fn enter(&self, at: impl FnOnce() -> Place, kind: ProblemKind, what: &str, hint: &str) {
        let mut problems = self.0.borrow_mut();
        if problems.len() < PROBLEMS_MAX {
            problems.push(Problem { at: at(), kind, what: printable(what), hint: printable(hint) });
        }
    }

    /// Enters that a value is not what it must be.
    pub fn wrong(&self, at: impl FnOnce() -> Place, key: &str, expected: &str, found: &str) {
        let what = format!("`{key}` must be {expected}, but is {found}");
        self.enter(at, ProblemKind::WrongValue, &what, &format!("write {expected}"));
    }

    /// Enters that a word is none of those that a key knows.
    pub fn unknown_word(&self, at: impl FnOnce() -> Place, key: &str, word: &str, known: &[&str]) {
        let what = format!("`{key}` cannot be `{word}`");
        self.enter(at, ProblemKind::WrongValue, &what, &instead(word, known));
    }

    /// Returns how many there are.
    pub fn count(&self) -> usize {
        self.0.borrow().len()
    }

    /// Returns the value if nothing is wrong, else everything that is, in the order in which it was written.
    pub fn into_result<T>(self, value: Option<T>) -> Result<T, Vec<Problem>> {
        let mut problems = self.0.into_inner();
        problems.sort_by_key(|problem| (problem.at.line, problem.at.column));
        value.filter(|_| problems.is_empty()).ok_or(problems)
    }
}

/// Returns the known word that is spelled most alike, when one is.
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let distance = |known: &&str| strsim::damerau_levenshtein(known, word);
    let alike = |known: &&str| distance(known) <= 1 + word.chars().count() / 4;
    // Words of a stranger's file may be long; comparing takes the product of both lengths.
    (word.len() <= 64).then(|| known.into_iter().filter(alike).min_by_key(distance)).flatten()
}

/// Returns "did you mean" or the list of what could stand there.
pub fn instead(word: &str, known: &[&str]) -> String {
    match nearest(word, known.iter().copied()) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => format!("known here: {}", known.join(", ")),
    }
}
