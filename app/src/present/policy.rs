//! A policy: the results of its examples, the check of its files, its rules.

use pointsman_core::agent::{Catalog, Tier};
use pointsman_core::eval::examples::Tried;
use pointsman_core::policy::Policy;
use pointsman_core::policy::file_rule::{Author, FileEffect, FileRule};
use pointsman_core::policy::preset::Preset;
use pointsman_core::report::run::SCHEMA_VERSION;
use pointsman_core::route::{DeadRule, dead_rules};
use pointsman_core::toml_text::problem::Problem;
use serde::Serialize;

use super::tables;

/// The output of `policy test -o json`.
#[derive(Serialize)]
pub struct Tested {
    schema_version: u32,
    failed_count: usize,
    examples: Vec<Tried>,
}

impl Tested {
    /// Returns the examples with the number of failures.
    pub fn new(examples: Vec<Tried>) -> Tested {
        let failed_count = examples.iter().filter(|tried| !tried.holds).count();
        Tested { schema_version: SCHEMA_VERSION, failed_count, examples }
    }

    /// Returns whether all examples hold.
    pub fn all_hold(&self) -> bool {
        self.failed_count == 0
    }

    /// Returns the examples that failed, and a summary.
    pub fn text(&self) -> String {
        let failed = self.examples.iter().filter(|tried| !tried.holds);
        let mut lines: Vec<String> = failed.map(failed_example).collect();
        lines.push(match (self.examples.len(), self.failed_count) {
            (0, _) => "there are no examples; write them as `[[example]]`".to_owned(),
            (1, 0) => "1 example holds".to_owned(),
            (count, 0) => format!("all {count} examples hold"),
            (count, failed) => format!("{failed} of {count} examples failed"),
        });
        lines.join("\n")
    }
}

fn failed_example(tried: &Tried) -> String {
    let Tried { place, request, expected, happened, rules, .. } = tried;
    let head = format!("FAILED  {place}: {request:?}\n  expected: {expected}\n  happened: {happened}");
    format!("{head}\n  fired:    {}", rules.join(", "))
}

/// The output of `policy check -o json`.
#[derive(Serialize)]
pub struct Checked<'a> {
    schema_version: u32,
    rule_count: usize,
    example_count: usize,
    presets: Vec<Preset>,
    /// Rules of the project that name an agent which is not theirs to choose.
    left_out: &'a [Problem],
    /// Rules that can never fire.
    never_fires: Vec<DeadRule>,
}

impl Checked<'_> {
    /// Returns what the policy's files contain.
    pub fn new(policy: &Policy) -> Checked<'_> {
        let files = policy.files();
        Checked {
            schema_version: SCHEMA_VERSION,
            rule_count: files.rules.len(),
            example_count: files.examples.len(),
            presets: files.presets.keys().copied().collect(),
            left_out: &files.left_out,
            never_fires: dead_rules(policy),
        }
    }

    /// Returns whether every rule holds as it was written: none had to be left out, and each can fire.
    pub fn is_complete(&self) -> bool {
        self.left_out.is_empty() && self.never_fires.is_empty()
    }

    /// Returns what is wrong, and a summary in one line.
    pub fn text(&self) -> String {
        let presets: String =
            self.presets.iter().map(|preset| format!(", preset {}", preset.as_str())).collect();
        let verdict = match (self.left_out.len(), self.never_fires.len()) {
            (0, 0) => "nothing is wrong".to_owned(),
            (0, count) => format!("{count} of them can never fire"),
            (count, _) => format!("{} left out, as said above", counted(count, "rule")),
        };
        let dead =
            |dead: &DeadRule| format!("{}: {} can never fire: {}\n", dead.place, dead.rule, dead.because);
        let dead: String = self.never_fires.iter().map(dead).collect();
        let (rules, examples) = (counted(self.rule_count, "rule"), counted(self.example_count, "example"));
        format!("{dead}{rules}, {examples}{presets}: {verdict}")
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// The output of `policy show -o json`.
#[derive(Serialize)]
pub struct Shown<'a> {
    schema_version: u32,
    policy_hash: String,
    presets: Vec<Preset>,
    rules: Vec<ShownRule<'a>>,
    left_out: &'a [Problem],
}

#[derive(Serialize)]
struct ShownRule<'a> {
    id: &'a str,
    from: Author,
    /// `file:line`.
    origin: &'a str,
    tier: Option<Tier>,
    agent: Option<&'a str>,
    ask: bool,
    because: &'a str,
    confidence: f64,
}

impl Shown<'_> {
    /// Returns the rules of the policy's files.
    pub fn new<'p>(policy: &'p Policy, catalog: &Catalog) -> Shown<'p> {
        let files = policy.files();
        Shown {
            schema_version: SCHEMA_VERSION,
            policy_hash: policy.hash(catalog),
            presets: files.presets.keys().copied().collect(),
            rules: files.rules.iter().map(ShownRule::new).collect(),
            left_out: &files.left_out,
        }
    }
}

impl ShownRule<'_> {
    fn new(rule: &FileRule) -> ShownRule<'_> {
        let (tier, agent, ask) = match &rule.effect {
            FileEffect::Tier(tier) => (Some(*tier), None, false),
            FileEffect::Agent(name) => (None, Some(name.as_str()), false),
            FileEffect::Ask(tier) => (*tier, None, true),
        };
        let FileRule { id, author, place: origin, because, confidence, .. } = rule;
        ShownRule { id, from: *author, origin, tier, agent, ask, because, confidence: *confidence }
    }
}

/// Returns the rules of the policy's files as a table, and a summary of the built-in ones.
pub fn text(policy: &Policy, catalog: &Catalog) -> String {
    let row = |rule: &FileRule| {
        vec![rule.id.clone(), effect(&rule.effect), rule.place.clone(), rule.because.clone()]
    };
    let rows: Vec<Vec<String>> = policy.files().rules.iter().map(row).collect();
    let table = match rows.is_empty() {
        true => String::new(),
        false => tables::columns(&["RULE", "THEN", "FROM", "BECAUSE"], &rows) + "\n\n",
    };
    format!(
        "{table}built in: {} rules; those that ask a person come first and are never lifted\npolicy {}",
        policy.rules().len(),
        policy.hash(catalog)
    )
}

fn effect(effect: &FileEffect) -> String {
    match effect {
        FileEffect::Tier(tier) => tier.to_string(),
        FileEffect::Agent(name) => format!("agent {name}"),
        FileEffect::Ask(None) => "ask".to_owned(),
        FileEffect::Ask(Some(tier)) => format!("ask, then {tier}"),
    }
}
