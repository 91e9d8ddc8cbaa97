//! `pointsman run --detach`: the run goes on in a process of its own.

use std::fmt::Display;
use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;

use pointsman_core::error_code::ErrorCode;
use pointsman_core::ids::RunId;
use pointsman_core::report::run::SCHEMA_VERSION;
use pointsman_core::route::{Decision, Route};
use serde::{Deserialize, Serialize};

use super::args::{PermissionModeArg, RunArgs};
use super::exit::Failure;
use super::output::{self, Format, Tone};
use super::run::Prepared;
use super::{closing, route, run, words};
use crate::assemble;
use crate::engine::background;
use crate::engine::submit::{Run, Submission};

/// The hidden verb of the process that drives a detached run.
pub const VERB: &str = "__drive";

/// What the background process is told. It goes over a pipe: no word of the request is an argument.
#[derive(Serialize, Deserialize)]
struct DriveOrder {
    args: RunArgs,
    prompt: String,
    /// The run's id, where it was named before it begins.
    #[serde(default)]
    run_id: Option<RunId>,
}

/// What the background process answers once the run is stored.
#[derive(Debug, Serialize, Deserialize)]
struct Submitted {
    schema_version: u32,
    run_id: String,
    session_id: String,
    rehearsal: bool,
    route: Route,
    approved: bool,
    /// Why it will not run, where it will not.
    code: Option<ErrorCode>,
    /// What people should hear: notices, then the route notice.
    #[serde(default)]
    said: Vec<String>,
}

/// The first line of the background process.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FirstWord {
    Submitted(Submitted),
    Failed(Failure),
}

/// Starts the run in the background and prints its id.
pub fn start(args: &RunArgs, prompt: &str) -> Result<u8, Failure> {
    Ok(print(&submit(args, prompt, None)?, args))
}

/// A prompt of a session that a run takes over.
pub struct TakenOver<'a> {
    /// The run, named before it begins.
    pub run_id: &'a RunId,
    /// The words.
    pub words: &'a str,
    /// The directory of the project.
    pub project: &'a Path,
    /// Whether the person said yes beforehand.
    pub is_approved: bool,
    /// The permission mode of the session, in the CLI's word: the run has no more.
    pub permissions: Option<&'a str>,
}

/// Starts the run of a prompt that was taken over, and prints nothing. Returns who does it and why, in words.
pub fn hand_over(taken: &TakenOver<'_>) -> Result<String, Failure> {
    let permission_mode = taken.permissions.and_then(PermissionModeArg::no_more_than);
    let args = RunArgs { approve: taken.is_approved, permission_mode, ..RunArgs::detached_in(taken.project) };
    let submitted = submit(&args, taken.words, Some(taken.run_id))?;
    Ok(route::in_words(&submitted.route))
}

fn submit(args: &RunArgs, prompt: &str, run_id: Option<&RunId>) -> Result<Submitted, Failure> {
    let order = DriveOrder { args: args.clone(), prompt: prompt.to_owned(), run_id: run_id.cloned() };
    let order = serde_json::to_vec(&order).expect("plain data has a JSON form");
    let line = background::start(&assemble::own_program()?, VERB, &order).map_err(|error| {
        Failure::new(
            ErrorCode::NoBackground,
            format!("the background process could not start: {error}"),
            "run it without `--detach`",
        )
    })?;
    match serde_json::from_str(&line) {
        Ok(FirstWord::Submitted(submitted)) => Ok(submitted),
        Ok(FirstWord::Failed(failure)) => Err(failure),
        Err(error) => Err(Failure::bare(
            ErrorCode::OddAnswer,
            format!("the background process answered oddly: {error}"),
        )),
    }
}

fn print(submitted: &Submitted, args: &RunArgs) -> u8 {
    match args.output {
        Format::Text => output::text(&submitted.run_id),
        Format::Json | Format::Jsonl => output::json(submitted),
    }
    if let Some(code) = submitted.code {
        output::say(Tone::Bad, &output::coded("refused", Some(code)), &route::in_words(&submitted.route));
        output::hint("`--approve` runs it");
        output::more(code);
        return code.exit_code();
    }
    if !args.quiet {
        let (notices, notice) = submitted.said.split_at(submitted.said.len().saturating_sub(1));
        notices.iter().for_each(|notice| output::say(Tone::Warning, "notice:", notice));
        let word = if submitted.rehearsal { "rehearsal: route:" } else { "route:" };
        notice.iter().for_each(|notice| output::say(Tone::Plain, word, notice));
        output::hint(&format!("`pointsman runs logs -f {}` follows it", submitted.run_id));
    }
    0
}

/// Is the background process: submits, says so, and drives the run to its end.
pub fn drive() -> ExitCode {
    // Without a session of its own it would get the terminal's signals; that is worse than nothing, not fatal.
    let _ = background::leave_session();
    output::line(background::READY);
    let first = |word: &FirstWord| {
        output::line(&serde_json::to_string(word).expect("plain data has a JSON form"));
    };
    let prepared = read_order().and_then(|order| {
        let request = words::parse(order.prompt, &order.args.overrides)?;
        let prepared = run::prepare(&order.args, request)?;
        Ok(Prepared { submission: Submission { run_id: order.run_id, ..prepared.submission }, ..prepared })
    });
    let (prepared, runtime) = match prepared.and_then(|prepared| Ok((prepared, run::runtime()?))) {
        Ok(ready) => ready,
        Err(failure) => {
            let code = failure.exit_code();
            first(&FirstWord::Failed(failure));
            return ExitCode::from(code);
        }
    };
    let mut said = prepared.notices.clone();
    said.push(closing::route_in_words(&prepared.engine, &prepared.submission));
    let code = runtime.block_on(run::unattended(prepared, |submitted| match submitted {
        Ok(run) => first(&FirstWord::Submitted(Submitted::of(run, said))),
        Err(failure) => first(&FirstWord::Failed(failure)),
    }));
    ExitCode::from(code)
}

impl Submitted {
    fn of(run: &Run, said: Vec<String>) -> Submitted {
        let route = run.log.state.route.clone().expect("a submitted run is routed");
        let approved = run.log.state.approved;
        let is_refused = route.decision == Decision::Escalate && !approved;
        Submitted {
            schema_version: SCHEMA_VERSION,
            run_id: run.log.run_id.to_string(),
            session_id: run.session.to_string(),
            rehearsal: run.rehearsal,
            route,
            approved,
            code: is_refused.then_some(ErrorCode::NotApproved),
            said,
        }
    }
}

fn read_order() -> Result<DriveOrder, Failure> {
    let mut order = vec![];
    let odd = |error: &dyn Display| Failure::bare(ErrorCode::OddAnswer, format!("no order: {error}"));
    std::io::stdin().lock().read_to_end(&mut order).map_err(|error| odd(&error))?;
    serde_json::from_slice(&order).map_err(|error| odd(&error))
}
