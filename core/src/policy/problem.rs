//! What is wrong with a policy file, with its place: several are collected, so that they can be mended at once.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error_code::ErrorCode;

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
    /// What stands there does not fit together, or is not a policy file's to say.
    BrokenRule,
}

/// One thing that is wrong, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The file, as it was named by who read it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The kind.
    pub kind: ProblemKind,
    /// What is wrong, in one sentence.
    pub what: String,
    /// What to write instead.
    pub hint: String,
}

impl Problem {
    /// Returns the error code of the cause.
    pub fn code(&self) -> ErrorCode {
        match self.kind {
            ProblemKind::NotToml => ErrorCode::PolicyNotToml,
            ProblemKind::UnknownKey => ErrorCode::UnknownPolicyKey,
            ProblemKind::WrongValue => ErrorCode::WrongPolicyValue,
            ProblemKind::MissingKey => ErrorCode::MissingPolicyKey,
            ProblemKind::BadPattern => ErrorCode::BadPolicyPattern,
            ProblemKind::BrokenRule => ErrorCode::BrokenPolicyRule,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.what)
    }
}

/// Returns the known word that is spelled most alike, when one is.
pub(super) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let distance = |known: &&str| strsim::damerau_levenshtein(known, word);
    let alike = |known: &&str| distance(known) <= 1 + word.chars().count() / 4;
    // Words of a stranger's file may be long; comparing takes the product of both lengths.
    (word.len() <= 64).then(|| known.into_iter().filter(alike).min_by_key(distance)).flatten()
}

/// Returns "did you mean" or the list of what could stand there.
pub(super) fn instead(word: &str, known: &[&str]) -> String {
    match nearest(word, known.iter().copied()) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => format!("known here: {}", known.join(", ")),
    }
}
