//! `pointsman explain`: every rule that was looked at, and for a run the routed against the served model.
//! What an error code means is explained by `codes`.

use pointsman_core::error_code::ErrorCode;
use pointsman_core::report::replay;
use pointsman_core::report::run::{AttemptReport, RunReport, SCHEMA_VERSION};
use pointsman_core::route::classifier::{Contribution, Opinion};
use pointsman_core::route::{Explained, Look, LookOutcome, NO_MATCH, Route};
use serde::Serialize;

use super::args::{ExplainArgs, PromptArgs};
use super::exit::Failure;
use super::run::{runtime, world};
use super::{codes, words};
use crate::assemble::World;
use crate::engine::query::FoundRun;
use crate::present::output::{self, PlainFormat};
use crate::present::route;

/// What is explained: a route, and the run that it led to.
#[derive(Debug, Serialize)]
struct Explanation<'a> {
    schema_version: u32,
    route: &'a Route,
    looked: Option<&'a [Look]>,
    /// What the classifier said, and because of what.
    opinion: Option<&'a Opinion>,
    /// Why the rules are not shown, when they are not.
    note: Option<&'a str>,
    run: Option<&'a RunReport>,
}

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
        PlainFormat::Text => output::text(&in_words(&explained.route, Some(&explained), args.all)),
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
            let mut text = in_words(recorded, again.as_ref(), args.all);
            if let Some(note) = note {
                text.push_str(&format!("\nnote: {note}"));
            }
            text.push_str(&format!("\n\n{}", served(&report)));
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

fn in_words(decided: &Route, explained: Option<&Explained>, all: bool) -> String {
    let json_word = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let word = |value: Result<serde_json::Value, serde_json::Error>| json_word(value.unwrap_or_default());
    let mut lines = vec![
        format!("route       {}", route::in_words(decided)),
        format!("layer       {}", word(serde_json::to_value(decided.layer))),
        format!("complexity  {}", word(serde_json::to_value(decided.complexity))),
        format!("timing      {}", word(serde_json::to_value(decided.timing))),
        format!("policy      {}", decided.policy_hash),
    ];
    if let Some(Explained { looked, opinion, .. }) = explained {
        lines.push(String::new());
        lines.push("rules looked at, in order:".to_owned());
        let silent = looked.iter().filter(|look| !has_something_to_say(look)).count();
        lines.extend(looked.iter().filter(|look| all || has_something_to_say(look)).map(rule_line));
        if !all && silent > 0 {
            lines.push(format!("  ({silent} more had nothing to say; `--all` shows them)"));
        }
        lines.push(String::new());
        lines.extend(opinion_lines(opinion));
    }
    lines.join("\n")
}

/// What the classifier holds it for, and what spoke most for or against that.
fn opinion_lines(opinion: &Opinion) -> Vec<String> {
    let classes = opinion.classes.iter().map(|(class, p)| format!("{} {:.0} %", class.as_str(), p * 100.0));
    let signed = |one: &Contribution| format!("  {:+.2}  {}", one.weight, one.feature);
    let head = format!("the classifier: {}; what spoke most:", classes.collect::<Vec<_>>().join(", "));
    std::iter::once(head).chain(opinion.because.iter().map(signed)).collect()
}

fn has_something_to_say(look: &Look) -> bool {
    look.outcome != LookOutcome::PassedOver(NO_MATCH)
}

fn rule_line(look: &Look) -> String {
    let matched = look.matched.as_deref().map(|text| format!(" [{text}]")).unwrap_or_default();
    let origin = look.origin.as_deref().map(|place| format!(" ({place})")).unwrap_or_default();
    match &look.outcome {
        LookOutcome::Fired => format!("  FIRED   {}{matched}: {}{origin}", look.rule, look.because),
        LookOutcome::PassedOver(reason) => format!("  passed  {}{matched}: {reason}{origin}", look.rule),
    }
}

/// Routed against served, attempt by attempt.
fn served(report: &RunReport) -> String {
    let head = format!("run {} ({})", report.run_id, report.state);
    if report.attempts.is_empty() {
        return format!("{head}: no attempt was made");
    }
    let rows: Vec<Vec<String>> =
        report.attempts.iter().enumerate().map(|(at, attempt)| row(at + 1, attempt)).collect();
    let columns = ["#", "ROUTED TO", "MODEL ASKED", "MODEL SERVED", "OUTCOME"];
    format!("{head}\n{}", output::table(&columns, &rows))
}

fn row(number: usize, attempt: &AttemptReport) -> Vec<String> {
    let served =
        if attempt.models_served.is_empty() { "-".to_owned() } else { attempt.models_served.join(", ") };
    vec![
        number.to_string(),
        format!("{} ({})", attempt.agent, attempt.tier),
        attempt.model_requested.clone(),
        served,
        attempt.outcome.map_or("running", |outcome| outcome.as_str()).to_owned(),
    ]
}
