//! The format of a policy file: its keys, and what each may hold. `file` and `file_rule` say what it means.
//!
//! Nothing in it is trusted: texts and lists are bounded, and invisible characters are rejected.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Unexpected};

use crate::toml_text::decode::{Given, OneOrMany, Tables};
use crate::toml_text::place::{Source, is_unseen};
use crate::toml_text::problem::{ProblemKind, Problems};

/// The longest text that a key may have, in characters.
const TEXT_CHARS_MAX: usize = 4000;

/// How many entries a list may have.
const LIST_MAX: usize = 200;

/// The value of a key, if it is given.
pub(super) type Key<T> = Option<Given<T>>;

/// A file.
#[derive(Deserialize)]
pub(super) struct FileText {
    pub preset: Key<Text>,
    pub words: Key<BTreeMap<String, Given<Texts>>>,
    pub rule: Key<Tables<Given<RuleText>>>,
    pub example: Key<Tables<Given<ExampleText>>>,
}

/// A `[[rule]]`.
#[derive(Deserialize)]
pub(super) struct RuleText {
    pub id: Key<Text>,
    pub because: Key<Text>,
    pub tier: Key<Text>,
    pub agent: Key<Text>,
    pub ask: Key<bool>,
    pub confidence: Key<f64>,
    pub unless: Key<Texts>,
    pub words: Key<Texts>,
    pub regex: Key<Texts>,
    pub paths: Key<Texts>,
    pub files: Key<Texts>,
    pub chars: Key<SpanText>,
    pub own_words: Key<SpanText>,
    pub question: Key<bool>,
    pub language: Key<Texts>,
    pub project: Key<Texts>,
    pub hours: Key<Text>,
    pub days: Key<Texts>,
    pub mode: Key<Texts>,
}

impl RuleText {
    /// Returns whether it has a condition. `unless` alone would hold for nearly everything.
    pub fn has_condition(&self) -> bool {
        let RuleText { words, regex, paths, files, language, project, days, mode, .. } = self;
        let lists = [words, regex, paths, files, language, project, days, mode];
        let has_bounds = self.chars.is_some() || self.own_words.is_some();
        lists.into_iter().any(Option::is_some)
            || has_bounds
            || self.question.is_some()
            || self.hours.is_some()
    }
}

/// The bounds of a number.
#[derive(Deserialize)]
pub(super) struct SpanText {
    pub min: Key<f64>,
    pub max: Key<f64>,
}

/// An `[[example]]`.
#[derive(Deserialize)]
pub(super) struct ExampleText {
    pub request: Key<Text>,
    pub expect: Key<Text>,
    pub rule: Key<Text>,
    pub project: Key<Texts>,
    pub files: Key<Texts>,
    pub at: Key<Text>,
    pub mode: Key<Text>,
}

/// A text in which everything can be seen.
pub(super) struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.trim().is_empty() {
            return wrong("empty", "a string that is not empty");
        }
        if text.chars().count() > TEXT_CHARS_MAX {
            return wrong("longer", &format!("a string of at most {TEXT_CHARS_MAX} characters"));
        }
        if text.chars().any(is_unseen) {
            return wrong("one with control or invisible characters", "a string of visible characters");
        }
        Ok(Text(text))
    }
}

/// A list of texts; a single text stands for a list of one.
pub(super) struct Texts(Vec<Given<Text>>);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Texts, D::Error> {
        let OneOrMany(texts) = OneOrMany::deserialize(deserializer)?;
        match texts.len() {
            0 => wrong("empty", "a list that is not empty"),
            1..=LIST_MAX => Ok(Texts(texts)),
            count => wrong(&format!("{count} entries"), &format!("a list of at most {LIST_MAX}")),
        }
    }
}

fn wrong<T, E: Error>(found: &str, expected: &str) -> Result<T, E> {
    Err(E::invalid_value(Unexpected::Other(found), &expected))
}

/// A text, with its key and its byte offset.
#[derive(Clone, Copy)]
pub(super) struct Word<'w> {
    pub key: &'w str,
    pub at: usize,
    pub text: &'w str,
}

/// Returns the text, unless it is invalid.
pub(super) fn word(given: &Given<Text>) -> Option<Word<'_>> {
    let Given { key, at, value, .. } = given;
    value.as_ref().map(|Text(text)| Word { key, at: *at, text })
}

/// Returns the texts under a key that are valid.
pub(super) fn words<'t>(key: impl IntoIterator<Item = &'t Given<Texts>>) -> impl Iterator<Item = Word<'t>> {
    key.into_iter().flat_map(|given| &given.value).flat_map(|Texts(texts)| texts).filter_map(word)
}

/// A source that is being read, and the problems found in it.
pub(super) struct Reader {
    pub source: Arc<Source>,
    pub problems: Problems,
    /// How many word lists the lexicon may have once the source has been read.
    pub lists_max: usize,
    /// How many more regular expressions are allowed.
    pub regexes_left: Cell<usize>,
}

impl Reader {
    /// Returns the tables of a list that are valid, each with its byte offset; reports if there are too many.
    pub fn tables<'t, T>(
        &self,
        key: &'t Key<Tables<Given<T>>>,
        most: usize,
    ) -> impl Iterator<Item = (&'t T, usize)> + use<'t, T> {
        let tables = key.iter().flat_map(|given| &given.value).flat_map(|Tables(tables)| tables);
        let count = tables.clone().count();
        if let Some(Given { key, at, .. }) = key.as_ref().filter(|_| count > most) {
            self.wrong(*at, key, &format!("at most {most} tables"), &format!("{count} of them"));
        }
        tables.take(most).filter_map(|table| Some((table.value.as_ref()?, table.at)))
    }

    /// Returns `file:line` of a byte offset.
    pub fn line_of(&self, at: usize) -> String {
        let place = self.source.place(at);
        format!("{}:{}", place.file, place.line)
    }

    /// Reports a problem.
    pub fn problem(&self, at: usize, kind: ProblemKind, what: impl AsRef<str>, hint: impl AsRef<str>) {
        self.problems.report(|| self.source.place(at), kind, what.as_ref(), hint.as_ref());
    }

    /// Reports that a value is not what is expected.
    pub fn wrong(&self, at: usize, key: &str, expected: &str, found: &str) {
        self.problems.wrong(|| self.source.place(at), key, expected, found);
    }

    /// Reports that a text is not what is expected.
    pub fn wrong_word(&self, word: Word, expected: &str) {
        self.wrong(word.at, word.key, expected, &format!("`{}`", word.text));
    }

    /// Reads one of a few known words, or reports that it is none of them.
    pub fn one_of<T>(&self, word: Word, known: &[&str], read: impl Fn(&str) -> Option<T>) -> Option<T> {
        let value = read(word.text);
        if value.is_none() {
            self.problems.unknown_word(|| self.source.place(word.at), word.key, word.text, known);
        }
        value
    }

    /// Reads a list of known words.
    pub fn all_of<T>(&self, key: &Key<Texts>, known: &[&str], read: impl Fn(&str) -> Option<T>) -> Vec<T> {
        words(key).filter_map(|word| self.one_of(word, known, &read)).collect()
    }
}
