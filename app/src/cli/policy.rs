//! `pointsman policy`: test, check, show, schema, init.

use std::path::Path;

use pointsman_core::agent::Catalog;
use pointsman_core::error_code::ErrorCode;
use pointsman_core::eval::examples::{Tried, try_example};
use pointsman_core::policy::Policy;
use pointsman_core::policy::file_rule::Author;
use pointsman_core::policy::schema::FILE_SCHEMA;

use super::context::environment;
use super::exit::Failure;
use super::policy_learn::{self, Writing};
use super::setup_args::{PolicyArgs, PolicyVerb};
use crate::assemble::{AssembleError, EffectivePolicy};
use crate::config::init::InitError;
use crate::config::policy;
use crate::present;
use crate::present::human::short_path;
use crate::present::output::{self, PlainFormat, Tone};
use crate::present::pager;
use crate::present::policy::{Checked, Shown, Tested};

/// Runs the verb.
pub fn main(args: PolicyArgs) -> Result<u8, Failure> {
    match args.verb {
        PolicyVerb::Test { file, output } => test(file.named(), output),
        PolicyVerb::Check { file, output } => check(file.named(), output),
        PolicyVerb::Show { output } => show(output),
        PolicyVerb::Learn { span, write, consent, output } => {
            let writing = if write { Writing::IfAgreed(consent.consent()) } else { Writing::No };
            policy_learn::main(span.span(), writing, output)
        }
        PolicyVerb::Schema => {
            output::text(FILE_SCHEMA);
            Ok(0)
        }
        PolicyVerb::Init { project } => begin(if project { Author::Project } else { Author::User }),
    }
}

/// The file named on the command line, and the author that it counts as.
type Named<'a> = Option<(&'a Path, Author)>;

/// Returns the policy of one file alone, or the one in force here.
fn effective(file: Named) -> Result<(Policy, Catalog), Failure> {
    let environment = environment(None)?;
    let loaded = environment.settings(&[])?;
    let catalog = loaded.catalog().map_err(AssembleError::from)?;
    let EffectivePolicy { policy, warnings, left_out, .. } = match file {
        Some((path, author)) => {
            // The user named it, so this is an argument that cannot be read, not a broken configuration.
            let text = policy::read_as(author, path).map_err(|error| {
                Failure::new(ErrorCode::UnreadableInput, error.to_string(), "check the path")
            })?;
            environment.policy_of(&loaded, &catalog, &[text])?
        }
        None => environment.policy(&loaded, &catalog)?,
    };
    if !left_out.is_empty() {
        // Who checks the files wants to hear of it as an error, whoever wrote them.
        return Err(AssembleError::Policy(left_out).into());
    }
    for warning in &warnings {
        output::say(Tone::Warning, "warning:", &warning.to_string());
        warning.hint.iter().for_each(|hint| output::hint(hint));
    }
    Ok((policy, catalog))
}

fn test(file: Named, format: PlainFormat) -> Result<u8, Failure> {
    let (policy, catalog) = effective(file)?;
    // The presets' examples are tests of this program: the user's own rules may well decide otherwise.
    let own = policy.files().examples.iter().filter(|example| example.author != Author::Preset);
    let examples: Vec<Tried> = own.map(|example| try_example(example, &policy, &catalog)).collect();
    let tested = Tested::new(examples);
    match format {
        PlainFormat::Text => output::text(&tested.text()),
        PlainFormat::Json => output::json(&tested),
    }
    Ok(u8::from(!tested.all_hold()))
}

fn check(file: Named, format: PlainFormat) -> Result<u8, Failure> {
    let (policy, _) = effective(file)?;
    let checked = Checked::new(&policy);
    match format {
        PlainFormat::Text => output::text(&checked.text()),
        PlainFormat::Json => output::json(&checked),
    }
    Ok(u8::from(!checked.is_complete()))
}

fn show(format: PlainFormat) -> Result<u8, Failure> {
    let (policy, catalog) = effective(None)?;
    match format {
        PlainFormat::Json => output::json(&Shown::new(&policy, &catalog)),
        PlainFormat::Text => {
            let environment = environment(None)?;
            let home = &environment.dirs.home;
            let lines = present::policy::lines(&policy, &catalog, home, output::width());
            pager::styled(&environment, &lines);
        }
    }
    Ok(0)
}

fn begin(author: Author) -> Result<u8, Failure> {
    let environment = environment(None)?;
    let dir = match author {
        Author::Project | Author::TrustedProject => environment.settings(&[])?.project.root,
        Author::User | Author::Preset => environment.dirs.config.clone(),
    };
    let path = policy::write_first(&dir, author).map_err(|error| match error {
        InitError::Exists { .. } => Failure::new(
            ErrorCode::ConfigExists,
            error.to_string(),
            "`pointsman policy show` shows the rules that hold now",
        ),
        InitError::Write { .. } => error.into(),
    })?;
    output::say(Tone::Good, "written:", &short_path(&path, &environment.dirs.home));
    output::hint("`pointsman policy check` reads it, `pointsman policy test` tries its examples");
    Ok(0)
}
