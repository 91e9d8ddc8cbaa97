//! `pointsman explain`: every rule that was considered, and for a run the routed against the served model.
//! `error_codes` explains what an error code means.

use pointsman_core::error_code::ErrorCode;
use pointsman_core::ids::short;
use pointsman_core::report::replay;
use pointsman_core::report::run::SCHEMA_VERSION;
use pointsman_core::route::Explained;

use super::args::ExplainArgs;
use super::context::{environment, environment_to_look, runtime};
use super::exit::Failure;
use super::request_args::PromptArgs;
use super::{error_codes, prompt_input};
use crate::assemble::Environment;
use crate::engine::error::EngineError;
use crate::engine::query::FoundRun;
use crate::present::explanation::{self, Explanation, Shown};
use crate::present::output::{self, PlainFormat, Verbosity};
use crate::present::{notices, pager};

/// Runs the verb.
pub fn main(args: ExplainArgs) -> Result<u8, Failure> {
    // First, and without any settings: they may be what is broken.
    if let Some(done) = error_codes::explain(&args) {
        return done;
    }
    let here = environment(args.project.as_deref());
    // A run can be looked at from a directory that is gone.
    let looking = match &args.project {
        Some(project) => environment(Some(project))?,
        None => environment_to_look()?,
    };
    match find_run(&looking, args.what.as_deref())? {
        Some(found) => explain_run(&looking, &found, &args),
        None => explain_words(&here?, &args),
    }
}

/// Finds a run, if the argument can be the id of one. A prompt that looks like an id is taken for one.
fn find_run(environment: &Environment, what: Option<&str>) -> Result<Option<FoundRun>, Failure> {
    /// A shorter prefix is more likely a word than an id.
    const ID_CHARS_MIN: usize = 6;
    let Some(what) = what else { return Ok(None) };
    let is_hex = |text: &str| text.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    let is_id = what == "latest" || (what.len() >= ID_CHARS_MIN && is_hex(what));
    if !is_id && !short::is_short_form(what) {
        return Ok(None);
    }
    let (loaded, _) = environment.settings_or_defaults();
    let project = environment.project(&loaded)?;
    match runtime()?.block_on(environment.engine_to_read()?.find(&project, what)) {
        // A short form may also be a word, which only a run of that name makes an id.
        Err(EngineError::UnknownRun { .. } | EngineError::Store { .. }) if !is_id => Ok(None),
        found => Ok(Some(found?)),
    }
}

fn explain_words(environment: &Environment, args: &ExplainArgs) -> Result<u8, Failure> {
    let mut request = match args.what.as_deref() {
        Some(words) if words != "-" => prompt_input::parse(words.to_owned(), &args.overrides)?,
        Some(_) | None => prompt_input::request(&PromptArgs::default(), &args.overrides, Verbosity::Normal)?,
    };
    let loaded = environment.settings(&[])?;
    let explained = environment.decider(&loaded)?.explain(&mut request)?;
    match args.output {
        PlainFormat::Text => {
            notices::say(&notices::of_project(&loaded));
            let text = explanation::text(&explained.route, Some(&explained), shown(args), output::width());
            pager::text(environment, &text);
        }
        PlainFormat::Json => output::json(&Explanation {
            schema_version: SCHEMA_VERSION,
            route: &explained.route,
            trace: Some(&explained.trace),
            opinion: Some(&explained.opinion),
            note: None,
            run: None,
        }),
    }
    Ok(0)
}

/// Explains a run: its route as recorded, and how the rules judge the same request today.
fn explain_run(environment: &Environment, found: &FoundRun, args: &ExplainArgs) -> Result<u8, Failure> {
    let (Some(report), Some(recorded)) = (found.report(), &found.state.route) else {
        let message = format!("run `{}` has no route yet", found.id);
        return Err(Failure::bare(ErrorCode::UnfinishedLog, message));
    };
    let (again, trouble) = match decide_again(environment, found) {
        Ok(again) => (again, None),
        // What was recorded can be shown all the same.
        Err(failure) => (None, Some(format!("the rules cannot be shown: {}", failure.message))),
    };
    let note = match &again {
        None if trouble.is_some() => trouble.as_deref(),
        None => Some("the rules cannot be shown: the words of this request were not stored"),
        Some(again) if again.route.policy_hash != recorded.policy_hash => {
            Some("the rules have changed since; shown is how they look at it today")
        }
        Some(_) => None,
    };
    match args.output {
        PlainFormat::Text => {
            let width = output::width();
            let mut text = explanation::text(recorded, again.as_ref(), shown(args), width);
            note.iter().for_each(|note| text.push_str(&format!("\n{}", explanation::note(note, width))));
            text.push_str(&format!("\n\n{}", explanation::served(&report, width)));
            pager::text(environment, &text);
        }
        PlainFormat::Json => output::json(&Explanation {
            schema_version: SCHEMA_VERSION,
            route: recorded,
            trace: again.as_ref().map(|again| again.trace.as_slice()),
            opinion: again.as_ref().map(|again| &again.opinion),
            note,
            run: Some(&report),
        }),
    }
    Ok(0)
}

fn decide_again(environment: &Environment, found: &FoundRun) -> Result<Option<Explained>, Failure> {
    let (Some(requested), Some(mut request)) = (&found.state.requested, replay::request_of(&found.state))
    else {
        return Ok(None);
    };
    let loaded = environment.settings(&[])?;
    request.routing_context.mode = Some(requested.mode);
    Ok(environment.decider(&loaded)?.explain(&mut request).ok())
}

fn shown(args: &ExplainArgs) -> Shown {
    if args.all { Shown::All } else { Shown::Reasons }
}
