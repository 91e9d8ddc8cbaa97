//! The format of a rule table: `builtin.toml`, row by row. The build script parses it with the same code.

use std::collections::BTreeMap;

use serde::Deserialize;

/// What a rule leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RuleEffect {
    /// The haiku tier does it.
    Haiku,
    /// The sonnet tier does it.
    Sonnet,
    /// The opus tier does it.
    Opus,
    /// The user is asked first.
    Escalate,
}

/// A whole table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table<'a> {
    #[serde(borrow)]
    pub words: BTreeMap<&'a str, &'a str>,
    #[serde(rename = "rule", borrow)]
    pub rules: Vec<Row<'a>>,
}

/// One rule as written; the fields are explained at `Rule`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row<'a> {
    pub id: &'a str,
    pub effect: RuleEffect,
    pub because: String,
    pub confidence: f64,
    #[serde(default)]
    pub any: Vec<String>,
    #[serde(default)]
    pub also: Vec<String>,
    #[serde(default)]
    pub unless: Vec<String>,
    pub words_max: Option<usize>,
    pub question: Option<bool>,
}
