//! Combines policy files: which rules come first, and what those of a repository may do.
//!
//! The project's rules are tried first, then the user's, then the presets'. A rule can ask the user or choose among the
//! configured agents; there is no way to write one that removes a question. A repository's rule is left out if it names
//! an agent that does not exist, or that may do more than its tier's own. Without trust it raises no tier: that is decided
//! request by request (`route::file_rules`).

use std::collections::{BTreeMap, BTreeSet};

use crate::agent::Catalog;
use crate::routing_context::ProjectKind;
use crate::toml_text::problem::{Problem, ProblemKind, Problems, instead};

use super::file::{self, Example, PolicySource, PresetChoice};
use super::file_rule::{Author, FileEffect, FileRule};
use super::lexicon::Lexicon;
use super::preset::Preset;

/// The combined policy files, ready to be matched against requests.
#[derive(Debug, Clone, Default)]
pub struct Files {
    /// The rules in the order in which they are tried.
    pub rules: Vec<FileRule>,
    /// The examples in the files.
    pub examples: Vec<Example>,
    /// The presets that are on, and the author of the file that switched each on: the user, if both files did.
    pub presets: BTreeMap<Preset, Author>,
    /// Problems of a repository's rules that were left out because of their agent.
    pub left_out: Vec<Problem>,
    /// A hash over everything that was read; `None` if there was no file.
    pub(super) hash: Option<blake3::Hash>,
}

impl Files {
    /// Returns whether any rule depends on the time.
    pub fn look_at_time(&self) -> bool {
        self.rules.iter().any(FileRule::looks_at_time)
    }

    /// Reads files in this order, followed by the presets that they switch on.
    pub(super) fn read(
        sources: &[PolicySource],
        kinds: &BTreeSet<ProjectKind>,
        catalog: &Catalog,
        lexicon: &mut Lexicon,
    ) -> Result<Files, Vec<Problem>> {
        let mut files = Files::default();
        let mut hasher = blake3::Hasher::new();
        let mut problems = vec![];
        for source in sources {
            hasher.update(&[source.author as u8]);
            hasher.update(&(source.text.len() as u64).to_le_bytes());
            hasher.update(source.text.as_bytes());
            match file::read(source, lexicon) {
                Ok(read) => {
                    // The user's file comes after the project's, and its entry replaces the project's.
                    files.presets.extend(
                        presets(read.preset, kinds).into_iter().map(|preset| (preset, source.author)),
                    );
                    problems.extend(files.take(source, read.rules, catalog));
                    files.examples.extend(read.examples);
                }
                Err(found) => problems.extend(found),
            }
        }
        for (preset, chosen_by) in files.presets.clone() {
            hasher.update(&[chosen_by as u8]);
            hasher.update(preset.text().as_bytes());
            let name = preset.source_name();
            let source = PolicySource { author: Author::Preset, name: &name, text: preset.text() };
            let read = file::read(&source, lexicon).expect("a test reads every preset");
            files.rules.extend(read.rules.into_iter().map(|rule| FileRule { chosen_by, ..rule }));
            files.examples.extend(read.examples);
        }
        for rule in &files.left_out {
            // Whether a rule is left out depends on the agents' rights, which the catalog's fingerprint does not cover.
            hasher.update(&rule.at.line.to_le_bytes());
        }
        files.hash = Some(hasher.finalize());
        if problems.is_empty() { Ok(files) } else { Err(problems) }
    }

    /// Adds the rules of a file whose agents may be chosen; returns what is wrong with the others.
    fn take(&mut self, source: &PolicySource, rules: Vec<FileRule>, catalog: &Catalog) -> Vec<Problem> {
        let (written, problems) = (source.written(), Problems::default());
        for rule in rules {
            match refusal(&rule, catalog) {
                None => self.rules.push(rule),
                Some((what, hint)) => {
                    problems.report(|| written.place(rule.agent_at), ProblemKind::BrokenRule, &what, &hint);
                }
            }
        }
        let mut problems = problems.into_result(Some(())).err().unwrap_or_default();
        match source.author {
            // A bad rule in a repository is no reason to refuse to work there.
            Author::Project | Author::TrustedProject => {
                self.left_out.append(&mut problems);
                vec![]
            }
            Author::User | Author::Preset => problems,
        }
    }
}

/// Returns the presets that a file's choice selects here.
fn presets(choice: PresetChoice, kinds: &BTreeSet<ProjectKind>) -> Vec<Preset> {
    match choice {
        PresetChoice::None => vec![],
        PresetChoice::Named(preset) => vec![preset],
        PresetChoice::Auto => Preset::ALL.into_iter().filter(|preset| preset.is_for(kinds)).collect(),
    }
}

/// Returns why a rule may not choose its agent, and what to do.
fn refusal(rule: &FileRule, catalog: &Catalog) -> Option<(String, String)> {
    let FileEffect::Agent(name) = &rule.effect else { return None };
    let Some(agent) = catalog.get(name) else {
        let known: Vec<&str> = catalog.agents().map(|agent| agent.name.as_str()).collect();
        return Some((format!("there is no agent `{name}`"), instead(name.as_str(), &known)));
    };
    let usual = catalog.for_tier(agent.tier);
    (rule.author.is_project() && !agent.may_do_no_more_than(usual)).then(|| {
        let what =
            format!("the agent `{name}` may do more than `{}`, so no repository chooses it", usual.name);
        (what, "write the rule into your own policy file if you want it".to_owned())
    })
}
