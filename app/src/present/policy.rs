//! A policy: the results of its examples, the check of its files, its rules.

use std::path::Path;

use anstyle::Style;
use pointsman_core::agent::{Catalog, Tier};
use pointsman_core::eval::examples::Tried;
use pointsman_core::policy::file_rule::{Author, FileEffect, FileRule};
use pointsman_core::policy::preset::Preset;
use pointsman_core::policy::{Policy, Rule, RuleEffect};
use pointsman_core::report::run::SCHEMA_VERSION;
use pointsman_core::route::{DeadRule, dead_rules};
use pointsman_core::toml_text::problem::Problem;
use serde::Serialize;

use super::fit::{self, Column, Line, Span};
use super::human::short_path;

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
    built_in: Vec<BuiltInRule<'a>>,
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
            built_in: policy.rules().iter().map(BuiltInRule::new).collect(),
            left_out: &files.left_out,
        }
    }
}

/// A rule that comes with the program.
#[derive(Serialize)]
struct BuiltInRule<'a> {
    id: &'a str,
    /// What follows: a tier, or `ask`.
    then: &'static str,
    because: &'a str,
    confidence: f64,
}

impl BuiltInRule<'_> {
    fn new(rule: &Rule) -> BuiltInRule<'_> {
        let then = then(rule.effect);
        BuiltInRule { id: &rule.id, then, because: &rule.because, confidence: rule.confidence }
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

/// Returns every rule, in the order in which they are tried: those of files with their places, then the built-in ones.
pub fn lines(policy: &Policy, catalog: &Catalog, home: &Path, width: Option<usize>) -> Vec<Line> {
    let plain = |text: &str| vec![Span::plain(text)];
    let mut lines = vec![];
    if !policy.files().rules.is_empty() {
        lines.push(vec![Span::new("Rules of policy files", Style::new().bold())]);
        lines.extend(of_files(policy, home, width));
        lines.push(vec![]);
    }
    lines.push(vec![Span::new("Built-in rules", Style::new().bold())]);
    let columns = [Column::left("RULE", 0), Column::left("THEN", 0), Column::rest("BECAUSE", 10)];
    let row = |rule: &Rule| [&*rule.id, then(rule.effect), &*rule.because].map(Span::plain).to_vec();
    lines.extend(fit::table(&columns, &policy.rules().iter().map(row).collect::<Vec<_>>(), width));
    lines.push(vec![]);
    let order = "Rules that ask a person come first, and no file lifts one that is built in.";
    lines.extend(fit::wrapped(order, width).iter().map(|line| plain(line)));
    lines.push(plain(&format!("policy {}", policy.hash(catalog))));
    lines
}

fn of_files(policy: &Policy, home: &Path, width: Option<usize>) -> Vec<Line> {
    let columns = [
        Column::left("RULE", 0),
        Column::left("THEN", 0),
        Column::left("FROM", 1),
        Column::rest("BECAUSE", 16),
    ];
    let row = |rule: &FileRule| {
        let place = short_path(Path::new(&rule.place), home);
        [rule.id.clone(), effect(&rule.effect), place, rule.because.clone()].map(Span::plain).to_vec()
    };
    fit::table(&columns, &policy.files().rules.iter().map(row).collect::<Vec<_>>(), width)
}

/// Returns what follows from a built-in rule.
fn then(effect: RuleEffect) -> &'static str {
    match effect {
        RuleEffect::Haiku => "haiku",
        RuleEffect::Sonnet => "sonnet",
        RuleEffect::Opus => "opus",
        RuleEffect::Escalate => "ask",
    }
}

fn effect(effect: &FileEffect) -> String {
    match effect {
        FileEffect::Tier(tier) => tier.to_string(),
        FileEffect::Agent(name) => format!("agent {name}"),
        FileEffect::Ask(None) => "ask".to_owned(),
        FileEffect::Ask(Some(tier)) => format!("ask, then {tier}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_fit_terminals_of_all_widths() {
        let (policy, catalog) = (Policy::builtin(), Catalog::of_generals(vec![]).unwrap());
        for width in [50, 80, 120] {
            let lines = lines(&policy, &catalog, Path::new("/home/me"), Some(width));
            let text = fit::unstyled(&lines).lines().take(26).collect::<Vec<_>>().join("\n");
            insta::assert_snapshot!(format!("policy_{width}"), text);
        }
    }
}
