//! `pointsman explain`: every rule that was looked at, and for a run the routed against the served model.
//! What an error code means is explained by `codes`.

use pointsman_core::error_code::ErrorCode;
use pointsman_core::report::replay;
use pointsman_core::report::run::SCHEMA_VERSION;
use pointsman_core::route::Explained;

use super::args::{ExplainArgs, PromptArgs};
use super::context::{runtime, world};
use super::exit::Failure;
use super::{codes, words};
use crate::assemble::World;
use crate::engine::query::FoundRun;
use crate::present::explanation::{self, Explanation, Shown};
use crate::present::output::{self, PlainFormat};

/// Runs the verb.
pub fn main(args: ExplainArgs) -> Result<u8, Failure> {
    // First, and without any settings: they may be what is broken.
    if let Some(done) = codes::explain(&args) {
        return done;
    }
    let world = world(args.project.as_deref())?;
    match find_run(&world, args.what.as_deref())? {
        Some(found) => explain_run(&world, &found, &args),
        None => explain_words(&world, &args),
    }
}

/// A run, if the argument can be the id of one. A prompt that looks like an id is none.
fn find_run(world: &World, what: Option<&str>) -> Result<Option<FoundRun>, Failure> {
    /// Shorter beginnings are more likely a word than an id.
    const ID_CHARS_MIN: usize = 6;
    let Some(what) = what else { return Ok(None) };
    let is_hex = |text: &str| text.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    if what != "latest" && !(what.len() >= ID_CHARS_MIN && is_hex(what)) {
        return Ok(None);
    }
    let (loaded, _) = world.settings_or_defaults();
    let project = world.project(&loaded)?;
    Ok(Some(runtime()?.block_on(world.engine_to_read()?.find(&project, what))?))
}

fn explain_words(world: &World, args: &ExplainArgs) -> Result<u8, Failure> {
    let prompt = PromptArgs { prompt: args.what.clone(), file: None };
    let mut request = words::request(&prompt, &args.overrides)?;
    let loaded = world.settings(&[])?;
    let explained = world.decider(&loaded)?.explain(&mut request)?;
    match args.output {
        PlainFormat::Text => {
            output::text(&explanation::text(&explained.route, Some(&explained), shown(args)))
        }
        PlainFormat::Json => output::json(&Explanation {
            schema_version: SCHEMA_VERSION,
            route: &explained.route,
            looked: Some(&explained.looked),
            opinion: Some(&explained.opinion),
            note: None,
            run: None,
        }),
    }
    Ok(0)
}

/// Explains a run: its route as it was recorded, and the rules as they look at the same words today.
fn explain_run(world: &World, found: &FoundRun, args: &ExplainArgs) -> Result<u8, Failure> {
    let (Some(report), Some(recorded)) = (found.report(), &found.state.route) else {
        let message = format!("run `{}` has no route yet", found.id);
        return Err(Failure::bare(ErrorCode::UnfinishedLog, message));
    };
    let again = decide_again(world, found)?;
    let note = match &again {
        None => Some("the rules cannot be shown: the words of this request were not stored"),
        Some(again) if again.route.policy_hash != recorded.policy_hash => {
            Some("the rules have changed since; shown is how they look at it today")
        }
        Some(_) => None,
    };
    match args.output {
        PlainFormat::Text => {
            let mut text = explanation::text(recorded, again.as_ref(), shown(args));
            if let Some(note) = note {
                text.push_str(&format!("\nnote: {note}"));
            }
            text.push_str(&format!("\n\n{}", explanation::served(&report)));
            output::text(&text);
        }
        PlainFormat::Json => output::json(&Explanation {
            schema_version: SCHEMA_VERSION,
            route: recorded,
            looked: again.as_ref().map(|again| again.looked.as_slice()),
            opinion: again.as_ref().map(|again| &again.opinion),
            note,
            run: Some(&report),
        }),
    }
    Ok(0)
}

fn decide_again(world: &World, found: &FoundRun) -> Result<Option<Explained>, Failure> {
    let (Some(requested), Some(mut request)) = (&found.state.requested, replay::request_of(&found.state))
    else {
        return Ok(None);
    };
    let loaded = world.settings(&[])?;
    request.circumstances.mode = Some(requested.mode);
    Ok(world.decider(&loaded)?.explain(&mut request).ok())
}

fn shown(args: &ExplainArgs) -> Shown {
    if args.all { Shown::All } else { Shown::Matching }
}
