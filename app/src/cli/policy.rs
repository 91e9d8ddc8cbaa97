//! `pointsman policy`: test, check, show, schema, init.

use std::path::Path;

use pointsman_core::agent::{Catalog, Tier};
use pointsman_core::error_code::ErrorCode;
use pointsman_core::eval::examples::{Tried, try_example};
use pointsman_core::policy::Policy;
use pointsman_core::policy::file_rule::{FileEffect, FileRule, Whose};
use pointsman_core::policy::preset::Preset;
use pointsman_core::policy::schema::FILE_SCHEMA;
use pointsman_core::report::run::SCHEMA_VERSION;
use pointsman_core::toml_text::problem::Problem;
use serde::Serialize;

use super::args::{PolicyArgs, PolicyVerb};
use super::exit::Failure;
use super::run::world;
use crate::assemble::{AssembleError, PolicyHere};
use crate::config::init::InitError;
use crate::config::policy;
use crate::present::output::{self, PlainFormat, Tone};

/// The contract of `policy test -o json`.
#[derive(Serialize)]
struct Tested {
    schema_version: u32,
    failed_count: usize,
    examples: Vec<Tried>,
}

/// The contract of `policy check -o json`.
#[derive(Serialize)]
struct Checked<'a> {
    schema_version: u32,
    rule_count: usize,
    example_count: usize,
    presets: Vec<Preset>,
    /// Rules of the project that name an agent which is not theirs to choose.
    left_out: &'a [Problem],
}

/// The contract of `policy show -o json`.
#[derive(Serialize)]
struct Shown<'a> {
    schema_version: u32,
    policy_hash: String,
    presets: Vec<Preset>,
    rules: Vec<ShownRule<'a>>,
    left_out: &'a [Problem],
}

#[derive(Serialize)]
struct ShownRule<'a> {
    id: &'a str,
    from: Whose,
    /// `file:line`.
    origin: &'a str,
    tier: Option<Tier>,
    agent: Option<&'a str>,
    ask: bool,
    because: &'a str,
    confidence: f64,
}

/// Runs the verb.
pub fn main(args: PolicyArgs) -> Result<u8, Failure> {
    match args.verb {
        PolicyVerb::Test { file, of_project, output } => test(named(file.as_deref(), of_project), output),
        PolicyVerb::Check { file, of_project, output } => check(named(file.as_deref(), of_project), output),
        PolicyVerb::Show { output } => show(output),
        PolicyVerb::Schema => {
            output::text(FILE_SCHEMA);
            Ok(0)
        }
        PolicyVerb::Init { project } => begin(if project { Whose::Project } else { Whose::User }),
    }
}

/// The file that is named on the command line, and whose it counts as.
type Named<'a> = Option<(&'a Path, Whose)>;

fn named(file: Option<&Path>, of_project: bool) -> Named<'_> {
    file.map(|path| (path, if of_project { Whose::Project } else { Whose::User }))
}

/// The policy of one file alone, or the one that holds here.
fn here(file: Named) -> Result<(Policy, Catalog), Failure> {
    let world = world(None)?;
    let loaded = world.settings(&[])?;
    let catalog = loaded.catalog().map_err(AssembleError::from)?;
    let PolicyHere { policy, warnings, .. } = match file {
        Some((path, whose)) => {
            // Named by a person, so it is an argument that cannot be read, and no broken configuration.
            let text = policy::read_as(whose, path).map_err(|error| {
                Failure::new(ErrorCode::UnreadableInput, error.to_string(), "check the path")
            })?;
            world.policy_of(&loaded, &catalog, &[text])?
        }
        None => world.policy(&loaded, &catalog)?,
    };
    for warning in &warnings {
        output::say(Tone::Warning, "warning:", &warning.to_string());
        warning.hint.iter().for_each(|hint| output::hint(hint));
    }
    Ok((policy, catalog))
}

fn test(file: Named, format: PlainFormat) -> Result<u8, Failure> {
    let (policy, catalog) = here(file)?;
    // The presets' examples are tests of this program: your own rules may well decide otherwise.
    let own = policy.files().examples.iter().filter(|example| example.whose != Whose::Preset);
    let examples: Vec<Tried> = own.map(|example| try_example(example, &policy, &catalog)).collect();
    let failed_count = examples.iter().filter(|tried| !tried.holds).count();
    match format {
        PlainFormat::Text => output::text(&tested_in_words(&examples, failed_count)),
        PlainFormat::Json => {
            output::json(&Tested { schema_version: SCHEMA_VERSION, failed_count, examples });
        }
    }
    Ok(u8::from(failed_count > 0))
}

fn tested_in_words(examples: &[Tried], failed_count: usize) -> String {
    let failed = examples.iter().filter(|tried| !tried.holds);
    let mut lines: Vec<String> = failed
        .map(|tried| {
            let Tried { place, request, expected, happened, rules, .. } = tried;
            let head =
                format!("FAILED  {place}: {request:?}\n  expected: {expected}\n  happened: {happened}");
            format!("{head}\n  fired:    {}", rules.join(", "))
        })
        .collect();
    lines.push(match (examples.len(), failed_count) {
        (0, _) => "there are no examples; write them as `[[example]]`".to_owned(),
        (1, 0) => "1 example holds".to_owned(),
        (count, 0) => format!("all {count} examples hold"),
        (count, failed) => format!("{failed} of {count} examples failed"),
    });
    lines.join("\n")
}

fn check(file: Named, format: PlainFormat) -> Result<u8, Failure> {
    let (policy, _) = here(file)?;
    let files = policy.files();
    let (rule_count, example_count) = (files.rules.len(), files.examples.len());
    let presets: Vec<Preset> = files.presets.keys().copied().collect();
    match format {
        PlainFormat::Text => {
            let named: String =
                presets.iter().map(|preset| format!(", preset {}", preset.as_str())).collect();
            let verdict = match files.left_out.len() {
                0 => "nothing is wrong".to_owned(),
                count => format!("{} left out, as said above", counted(count, "rule")),
            };
            output::text(&format!(
                "{}, {}{named}: {verdict}",
                counted(rule_count, "rule"),
                counted(example_count, "example")
            ));
        }
        PlainFormat::Json => output::json(&Checked {
            schema_version: SCHEMA_VERSION,
            rule_count,
            example_count,
            presets,
            left_out: &files.left_out,
        }),
    }
    Ok(u8::from(!files.left_out.is_empty()))
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn show(format: PlainFormat) -> Result<u8, Failure> {
    let (policy, catalog) = here(None)?;
    let files = policy.files();
    match format {
        PlainFormat::Json => output::json(&Shown {
            schema_version: SCHEMA_VERSION,
            policy_hash: policy.hash(&catalog),
            presets: files.presets.keys().copied().collect(),
            rules: files.rules.iter().map(shown).collect(),
            left_out: &files.left_out,
        }),
        PlainFormat::Text => {
            let row = |rule: &FileRule| {
                vec![rule.id.clone(), in_words(&rule.effect), rule.place.clone(), rule.because.clone()]
            };
            let rows: Vec<Vec<String>> = files.rules.iter().map(row).collect();
            let mut text = String::new();
            if !rows.is_empty() {
                text = output::table(&["RULE", "THEN", "FROM", "BECAUSE"], &rows) + "\n\n";
            }
            let builtin = policy.rules().len();
            text.push_str(&format!(
                "built in: {builtin} rules; those that ask a person come first and are never lifted\npolicy {}",
                policy.hash(&catalog)
            ));
            output::text(&text);
        }
    }
    Ok(0)
}

fn shown(rule: &FileRule) -> ShownRule<'_> {
    let (tier, agent, ask) = match &rule.effect {
        FileEffect::Tier(tier) => (Some(*tier), None, false),
        FileEffect::Agent(name) => (None, Some(name.as_str()), false),
        FileEffect::Ask(tier) => (*tier, None, true),
    };
    let FileRule { id, whose, place: origin, because, confidence, .. } = rule;
    ShownRule { id, from: *whose, origin, tier, agent, ask, because, confidence: *confidence }
}

fn in_words(effect: &FileEffect) -> String {
    match effect {
        FileEffect::Tier(tier) => tier.to_string(),
        FileEffect::Agent(name) => format!("agent {name}"),
        FileEffect::Ask(None) => "ask".to_owned(),
        FileEffect::Ask(Some(tier)) => format!("ask, then {tier}"),
    }
}

fn begin(whose: Whose) -> Result<u8, Failure> {
    let world = world(None)?;
    let dir = match whose {
        Whose::Project => world.settings(&[])?.project.root,
        Whose::User | Whose::Preset => world.dirs.config.clone(),
    };
    let path = policy::write_first(&dir, whose).map_err(|error| match error {
        InitError::Exists { .. } => Failure::new(
            ErrorCode::ConfigExists,
            error.to_string(),
            "`pointsman policy show` shows the rules that hold now",
        ),
        InitError::Write { .. } => error.into(),
    })?;
    output::say(Tone::Good, "written:", &output::short_path(&path, &world.dirs.home));
    output::hint("`pointsman policy check` reads it, `pointsman policy test` tries its examples");
    Ok(0)
}
