//! `pointsman run`: words → request → run → answer.

use std::path::{Path, PathBuf};

use pointsman_core::agent::PermissionMode;
use pointsman_core::circumstances::Circumstances;
use pointsman_core::error_code::ErrorCode;
use pointsman_core::report::run::RunReport;
use pointsman_core::request::{Context, Mode, Request};
use pointsman_core::route::Decision;
use pointsman_core::run::end::StopCause;
use pointsman_core::run::next::{Escalation, OnLimit};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::args::{ModeArg, PermissionModeArg, RunArgs};
use super::exit::Failure;
use super::output::{self, Format, Tone};
use super::{closing, detach, watch, words};
use crate::assemble::{self, World};
use crate::config::error::Warning;
use crate::config::load::Loaded;
use crate::engine::record::{Unwatched, Watcher};
use crate::engine::submit::{Run, Submission, submit, take_session};
use crate::engine::{Engine, drive, preview};
use crate::rehearsal::Scenario;

/// Runs the verb.
pub fn main(args: Box<RunArgs>) -> Result<u8, Failure> {
    let request = words::request(&args.words, &args.overrides)?;
    if args.detach {
        return detach::start(&args, request.text());
    }
    let prepared = prepare(&args, request)?;
    if args.dry_run {
        return dry_run(&prepared, args.output);
    }
    runtime()?.block_on(attended(args, prepared))
}

/// A run that only needs to be submitted.
pub struct Prepared {
    /// The engine.
    pub engine: Engine,
    /// What to submit.
    pub submission: Submission,
    /// What people should hear before it begins.
    pub notices: Vec<String>,
}

/// Reads the settings and puts everything together.
pub fn prepare(args: &RunArgs, mut request: Request) -> Result<Prepared, Failure> {
    let world = world(args.project.as_deref())?;
    let rehearsal = scenario(args.rehearse, &world)?;
    let loaded = world.settings(&flags(args, rehearsal))?;
    let mut engine = world.engine(&loaded, rehearsal)?;
    if let Some(mode) = args.permission_mode {
        engine.catalog.set_permission_mode(permission_mode(mode));
    }
    engine.catalog.allow_tools(&args.allow_tool);
    let escalation = if args.no_escalate { Escalation::Forbidden } else { Escalation::Allowed };
    let on_limit = if args.wait { OnLimit::Wait } else { OnLimit::End };
    let limits = assemble::limits(&loaded.settings, escalation, on_limit);
    let taken_over = engine.take_over_spool();
    engine.take_over_hook_facts();
    engine.recover(&limits);
    if args.session.as_ref().is_some_and(|session| engine.knows_session(session, &world.cwd)) {
        request.context = Context::Session;
    }
    let mode = match args.mode {
        ModeArg::Orchestration => Mode::Orchestration,
        ModeArg::Directive => Mode::Directive,
    };
    // Its rules name the real agents; a rehearsal plays them under the same names.
    let here = world.policy(&loaded, &engine.catalog)?;
    engine.policy = here.policy;
    request.circumstances = Circumstances { mode: Some(mode), ..here.around };
    let route = match engine.judge {
        // A runtime is made for the judge alone: nothing else waits here.
        Some(_) => runtime()?.block_on(engine.decide_with_judge(&mut request))?,
        None => engine.decide(&request)?,
    };
    let submission = Submission {
        run_id: None,
        request,
        route,
        session: args.session.clone(),
        project: world.cwd.clone(),
        mode,
        rehearsal: rehearsal.is_some(),
        approval: args.approve.then(|| "--approve".to_owned()),
        limits,
    };
    let mut notices = notices(&world, &loaded, &here.warnings, &engine, rehearsal);
    if taken_over > 0 {
        notices.push(format!("{taken_over} events were taken over from the spool"));
    }
    Ok(Prepared { engine, submission, notices })
}

/// The world for a project directory; the current directory without one.
pub fn world(project: Option<&Path>) -> Result<World, Failure> {
    let given = project.map_or_else(|| PathBuf::from("."), Path::to_path_buf);
    let usable = |dir: &PathBuf| dir.is_dir() && dir.to_str().is_some();
    let cwd = std::fs::canonicalize(&given).ok().filter(usable).ok_or_else(|| {
        let what = if given.is_dir() { "has no name in UTF-8" } else { "is gone, or no directory" };
        let message = format!("the project directory `{}` {what}", given.display());
        Failure::new(ErrorCode::BadProject, message, "give another directory with `--project`")
    })?;
    Ok(World::new(cwd)?)
}

/// Decides whether a real agent or the scripted one plays.
fn scenario(asked: Option<Scenario>, world: &World) -> Result<Option<Scenario>, Failure> {
    match asked {
        Some(Scenario::IfNeeded) => {
            let loaded = world.settings(&[])?;
            let engine = world.engine(&loaded, None)?;
            Ok((!engine.can_work()).then_some(Scenario::Success))
        }
        asked => Ok(asked),
    }
}

/// Settings from the command line, by their keys.
fn flags(args: &RunArgs, rehearsal: Option<Scenario>) -> Vec<(String, String)> {
    let mut flags = vec![];
    if rehearsal == Some(Scenario::Hang) {
        // A rehearsed silence is for showing the watchdog, not for waiting ten minutes.
        flags.extend([
            ("limits.idle".to_owned(), "3s".to_owned()),
            ("limits.stop_grace".to_owned(), "1s".to_owned()),
        ]);
    }
    let mut set = |key: &str, value: Option<String>| {
        flags.extend(value.map(|value| (key.to_owned(), value)));
    };
    set("limits.timeout", args.timeout.clone());
    set("limits.max_usd", args.max_usd.map(|usd| usd.to_string()));
    set("limits.max_turns", args.max_turns.map(|turns| turns.to_string()));
    flags
}

fn permission_mode(mode: PermissionModeArg) -> PermissionMode {
    match mode {
        PermissionModeArg::Default => PermissionMode::Default,
        PermissionModeArg::AcceptEdits => PermissionMode::AcceptEdits,
        PermissionModeArg::Plan => PermissionMode::Plan,
        PermissionModeArg::DontAsk => PermissionMode::DontAsk,
        PermissionModeArg::Auto => PermissionMode::Auto,
    }
}

fn notices(
    world: &World,
    loaded: &Loaded,
    of_policy: &[Warning],
    engine: &Engine,
    rehearsal: Option<Scenario>,
) -> Vec<String> {
    let mut notices: Vec<String> = loaded
        .warnings
        .iter()
        .chain(of_policy)
        .map(|warning| match &warning.hint {
            Some(hint) => format!("{warning}; {hint}"),
            None => warning.to_string(),
        })
        .collect();
    if rehearsal.is_none() && engine.surroundings.login_found {
        let stray = world.stray_keys(&loaded.project.root);
        notices.extend(stray.iter().map(|key| {
            let file = output::short_path(&key.file, &world.dirs.home);
            format!("`{}` in {file} could change who pays, or where your login is sent", key.name)
        }));
    }
    notices
}

/// A runtime of one thread: a run waits for one process, not for thousands of sockets.
pub fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.map_err(|error| Failure::of_system(&error))
}

fn dry_run(prepared: &Prepared, format: Format) -> Result<u8, Failure> {
    say_notices(&prepared.notices);
    let shown = runtime()?.block_on(preview::preview(&prepared.engine, &prepared.submission));
    match format {
        Format::Text => output::text(&closing::preview(&shown)),
        Format::Json | Format::Jsonl => output::json(&shown),
    }
    Ok(0)
}

/// Submits and drives the run while somebody waits for it.
async fn attended(args: Box<RunArgs>, prepared: Prepared) -> Result<u8, Failure> {
    let Prepared { mut engine, mut submission, notices } = prepared;
    if !args.quiet {
        say_notices(&notices);
    }
    // Before signals are ours: Ctrl-C at the question must end the program.
    ask_where_needed(&mut submission)?;
    let mut stops = stops()?;
    let session_lock = take_session(&engine, &submission, submission.limits.on_limit, &mut stops).await?;
    if !args.quiet {
        // Before the live line begins, which must not be torn.
        closing::route_notice(&engine, &submission);
    }
    let watcher: Box<dyn Watcher> = match (args.output, args.quiet) {
        (Format::Jsonl, _) => Box::new(watch::Stream::new()),
        (Format::Text | Format::Json, true) => Box::new(watch::Quiet),
        (Format::Text | Format::Json, false) => Box::new(watch::People::new(submission.rehearsal)),
    };
    let mut run = submit(&mut engine, submission, session_lock, watcher);
    let report = drive::drive(&mut engine, &mut run, &mut stops).await;
    // From here on Ctrl-C ends us at once: nothing is left to stop but the printing.
    drop(stops);
    let said = run.answer.clone();
    let (format, quiet) = (args.output, args.quiet);
    // Not on this thread: a reader that stalls must not keep signals from being heard.
    let mut watcher = run.log.stop_watching();
    let printed = tokio::task::spawn_blocking(move || {
        watcher.finish();
        print(&report, said.as_deref(), format, quiet)
    });
    Ok(printed.await.expect("printing does not panic"))
}

fn say_notices(notices: &[String]) {
    for notice in notices {
        output::say(Tone::Warning, "notice:", notice);
    }
}

/// Prints what came of it and returns the exit code.
fn print(report: &RunReport, said: Option<&str>, format: Format, quiet: bool) -> u8 {
    match format {
        Format::Text => output::text(report.answer.as_deref().unwrap_or("")),
        Format::Json => output::json(report),
        Format::Jsonl => {}
    }
    closing::line(report, said, quiet);
    report.exit_code.unwrap_or(ErrorCode::NoVerdict.exit_code())
}

/// A person who is there is asked; where nobody is, the run is refused later with its reason.
fn ask_where_needed(submission: &mut Submission) -> Result<(), Failure> {
    let must_ask = match (submission.mode, submission.route.decision) {
        (Mode::Directive | Mode::Enforced, _) => true,
        (Mode::Orchestration, Decision::Escalate) => output::somebody_is_there(),
        (Mode::Orchestration, Decision::Direct) => false,
    };
    if !must_ask || submission.approval.is_some() {
        return Ok(());
    }
    if !output::somebody_is_there() {
        return Err(Failure::new(
            ErrorCode::NobodyToAsk,
            "`--mode directive` asks before it runs, and nobody is at the terminal",
            "leave out `--mode`, or say yes beforehand with `--approve`",
        ));
    }
    let route = &submission.route;
    output::say(Tone::Plain, "route:", &super::route::in_words(route));
    if output::ask(&format!("Run it with {} ({})?", route.agent, route.tier)) {
        submission.approval = Some("terminal".to_owned());
        return Ok(());
    }
    Err(Failure::bare(ErrorCode::SaidNo, "not run: you said no"))
}

/// Turns signals into causes to stop. Once nobody listens any more, a signal ends the process.
fn stops() -> Result<mpsc::Receiver<StopCause>, Failure> {
    let (sender, stops) = mpsc::channel(4);
    for (kind, cause, code) in [
        (SignalKind::interrupt(), StopCause::Interrupt, 130),
        (SignalKind::terminate(), StopCause::Terminate, 143),
        (SignalKind::hangup(), StopCause::Terminate, 143),
    ] {
        let mut signals = signal(kind).map_err(|error| Failure::of_system(&error))?;
        let sender = sender.clone();
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                if sender.send(cause).await.is_err() {
                    std::process::exit(code);
                }
            }
        });
    }
    Ok(stops)
}

/// Drives a run that nobody waits for. Called by `detach` in the background process.
pub async fn unattended(mut prepared: Prepared, submitted: impl FnOnce(Result<&Run, Failure>)) -> u8 {
    let mut stops = match stops() {
        Ok(stops) => stops,
        Err(failure) => {
            let code = failure.exit_code();
            submitted(Err(failure));
            return code;
        }
    };
    // Nobody could see or stop a process that waits before its run exists: a busy session is said at once.
    match take_session(&prepared.engine, &prepared.submission, OnLimit::End, &mut stops).await {
        Ok(session_lock) => {
            let mut run =
                submit(&mut prepared.engine, prepared.submission, session_lock, Box::new(Unwatched));
            // The id is told to somebody who may ask for the run at once.
            run.log.keep(&mut prepared.engine.store);
            submitted(Ok(&run));
            let report = drive::drive(&mut prepared.engine, &mut run, &mut stops).await;
            report.exit_code.unwrap_or(ErrorCode::NoVerdict.exit_code())
        }
        Err(error) => {
            let failure = Failure::from(error);
            let code = failure.exit_code();
            submitted(Err(failure));
            code
        }
    }
}
