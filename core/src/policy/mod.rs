//! The policy: the versioned rule table that a route is computed from.
//!
//! A policy is text (TOML) that is read once and prepared for matching. It never looks at a request; `route` does that.
//! Reading order: `Policy` and `Rule` here, `pattern` (what a rule may say about words), `lexicon` (which words mean
//! what), `builtin.toml` (the table that is compiled in). Policy files are put on top of it: `files` (which rules may
//! do what), `file` and `file_rule` (reading one), `condition` (what a rule may require besides words), `preset`,
//! `written` (what may stand in a file).

mod builtin;
pub mod condition;
pub mod file;
mod file_condition;
pub mod file_rule;
pub mod files;
pub mod layer;
pub mod lexicon;
pub mod pattern;
pub mod preset;
mod row;
pub mod schema;
mod written;

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::agent::{Catalog, Tier};
use crate::model::Model;
use crate::policy::layer::Layer;
use crate::routing_context::ProjectKind;
use crate::toml_text::problem::Problem;

use file::PolicySource;
use files::Files;
use lexicon::{Grammar, Lexicon};
use pattern::{Pattern, PatternError};
pub use row::RuleEffect;
use row::{Row, Table};

/// The version of the router's code, as far as it decides routes. Raise it whenever the same rules would decide
/// differently.
pub const ROUTER_VERSION: u32 = 3;

/// How many hex digits of the hash are kept: 64 bits distinguish any two policies that anyone will ever compare.
const HASH_DIGITS: usize = 16;

impl RuleEffect {
    /// Returns the tier that the effect names, or `None` if it asks the user.
    pub fn tier(self) -> Option<Tier> {
        match self {
            RuleEffect::Haiku => Some(Tier::Haiku),
            RuleEffect::Sonnet => Some(Tier::Sonnet),
            RuleEffect::Opus => Some(Tier::Opus),
            RuleEffect::Escalate => None,
        }
    }
}

/// One row of the table: what follows if these words are there.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Stable id in kebab case, prefixed by its layer: `safety.force-push`.
    pub id: Cow<'static, str>,
    /// The layer that tries the rule.
    pub layer: Layer,
    /// What follows.
    pub effect: RuleEffect,
    /// One sentence that explains it to the user.
    pub because: Cow<'static, str>,
    /// The measured share of acceptable routes among those that the rule decided. Never 1.
    pub confidence: f64,
    /// At least one of these must match; if there are none, the other conditions suffice.
    pub(crate) any: Cow<'static, [Pattern]>,
    /// Each of these must match as well.
    pub(crate) also: Cow<'static, [Pattern]>,
    /// None of these may match.
    pub(crate) unless: Cow<'static, [Pattern]>,
    /// The most words of the user's own that the request may have.
    pub(crate) words_max: Option<usize>,
    /// Whether the first sentence must be, or must not be, a question.
    pub(crate) question: Option<bool>,
}

/// Why a text is not a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// It is not TOML, or has unknown or missing fields.
    #[error("the policy cannot be read: {message}")]
    Syntax {
        /// What the parser said.
        message: String,
    },
    /// A rule's id does not begin with a layer's name.
    #[error("rule `{rule}` does not begin with its layer `{layer}.`")]
    Prefix {
        /// The rule.
        rule: String,
        /// The layer that it names.
        layer: String,
    },
    /// Two rules share an id.
    #[error("rule `{rule}` is there twice")]
    Duplicate {
        /// The rule.
        rule: String,
    },
    /// A confidence is not a probability below one.
    #[error("rule `{rule}` has a confidence that is not above 0 and below 1")]
    Confidence {
        /// The rule.
        rule: String,
    },
    /// A pattern is malformed.
    #[error("rule `{rule}` has the pattern `{pattern}`: {problem}")]
    Pattern {
        /// The rule.
        rule: String,
        /// The pattern as written.
        pattern: String,
        /// What is wrong with it.
        problem: PatternError,
    },
    /// A word list that the router itself relies on is missing.
    #[error("the word list `{name}` is missing")]
    MissingWords {
        /// Its name.
        name: String,
    },
}

/// A prepared rule table.
#[derive(Debug, Clone)]
pub struct Policy {
    text_hash: blake3::Hash,
    rules: Cow<'static, [Rule]>,
    lexicon: Lexicon,
    grammar: Grammar,
    model: Model,
    files: Files,
}

impl Policy {
    /// Returns the compiled-in policy, which was prepared when the program was built.
    pub fn builtin() -> Policy {
        let lexicon = builtin::lexicon();
        let grammar = Grammar::new(&lexicon).expect("a test reads the compiled-in policy");
        let text_hash = blake3::Hash::from_bytes(builtin::TEXT_HASH);
        Policy {
            text_hash,
            rules: Cow::Borrowed(&builtin::RULES),
            lexicon,
            grammar,
            model: Model::builtin(),
            files: Files::default(),
        }
    }

    /// Reads a whole rule table and prepares it for matching.
    pub fn parse(text: &str) -> Result<Policy, PolicyError> {
        let table: Table =
            toml::from_str(text).map_err(|e| PolicyError::Syntax { message: e.message().to_owned() })?;
        let mut lexicon = Lexicon::of_forms();
        lexicon.add_lists(&table.words);
        let grammar =
            Grammar::new(&lexicon).map_err(|name| PolicyError::MissingWords { name: name.to_owned() })?;
        let mut rules: Vec<Rule> = Vec::with_capacity(table.rules.len());
        for row in table.rules {
            let rule = row.prepare(&mut lexicon)?;
            if rules.iter().any(|earlier| earlier.id == rule.id) {
                return Err(PolicyError::Duplicate { rule: rule.id.into_owned() });
            }
            rules.push(rule);
        }
        let text_hash = blake3::hash(text.as_bytes());
        let (model, files) = (Model::builtin(), Files::default());
        Ok(Policy { text_hash, rules: rules.into(), lexicon, grammar, model, files })
    }

    /// Returns the policy with policy files on top, or everything that is wrong with them. The first file is tried
    /// first.
    ///
    /// The kinds of project decide which presets `auto` means; the catalog decides which agents a rule may name.
    pub fn with_files(
        mut self,
        sources: &[PolicySource],
        kinds: &BTreeSet<ProjectKind>,
        catalog: &Catalog,
    ) -> Result<Policy, Vec<Problem>> {
        self.files = Files::read(sources, kinds, catalog, &mut self.lexicon)?;
        Ok(self)
    }

    /// Returns the policy files.
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// Returns the policy with another model.
    #[must_use]
    pub fn with_model(mut self, model: Model) -> Policy {
        self.model = model;
        self
    }

    /// Returns the hash of the rule table's text, which a model's word lists and rules come from.
    pub fn rules_hash(&self) -> [u8; 32] {
        *self.text_hash.as_bytes()
    }

    /// Returns the hash of everything besides the request that a route depends on: rules, model, policy files, catalog,
    /// router version.
    pub fn hash(&self, catalog: &Catalog) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.text_hash.as_bytes());
        hasher.update(&ROUTER_VERSION.to_le_bytes());
        hasher.update(self.model.identity());
        hasher.update(catalog.fingerprint().as_bytes());
        if let Some(files) = &self.files.hash {
            hasher.update(files.as_bytes());
        }
        hasher.finalize().to_hex()[..HASH_DIGITS].to_owned()
    }

    /// Returns the built-in rules in the order in which they are tried within their layer.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    pub(crate) fn lexicon(&self) -> &Lexicon {
        &self.lexicon
    }

    pub(crate) fn model(&self) -> &Model {
        &self.model
    }

    pub(crate) fn grammar(&self) -> &Grammar {
        &self.grammar
    }
}

impl Row<'_> {
    fn prepare(self, lexicon: &mut Lexicon) -> Result<Rule, PolicyError> {
        let layer = match self.id.split_once('.') {
            Some(("safety", _)) => Layer::Safety,
            Some(("rules", _)) => Layer::Rules,
            Some((layer, _)) => {
                return Err(PolicyError::Prefix { rule: self.id.to_owned(), layer: layer.to_owned() });
            }
            None => return Err(PolicyError::Prefix { rule: self.id.to_owned(), layer: "rules".to_owned() }),
        };
        if !(self.confidence > 0.0 && self.confidence < 1.0) {
            return Err(PolicyError::Confidence { rule: self.id.to_owned() });
        }
        let mut read =
            |sources: &[String]| -> Result<Cow<'static, [Pattern]>, PolicyError> {
                let mut patterns = Vec::with_capacity(sources.len());
                for source in sources {
                    Pattern::parse(source, lexicon, &mut patterns).map_err(|problem| {
                        PolicyError::Pattern { rule: self.id.to_owned(), pattern: source.clone(), problem }
                    })?;
                }
                Ok(patterns.into())
            };
        Ok(Rule {
            any: read(&self.any)?,
            also: read(&self.also)?,
            unless: read(&self.unless)?,
            id: Cow::Owned(self.id.to_owned()),
            layer,
            effect: self.effect,
            because: Cow::Owned(self.because),
            confidence: self.confidence,
            words_max: self.words_max,
            question: self.question,
        })
    }
}

#[cfg(test)]
mod tests;
