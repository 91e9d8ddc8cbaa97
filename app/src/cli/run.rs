//! `pointsman run`: arguments → spec → run → answer.

use std::time::Duration;

use pointsman_core::agent::AdapterKind;
use pointsman_core::error_code::ErrorCode;
use pointsman_core::ids::SessionId;
use pointsman_core::mode::Mode;
use pointsman_core::redact::redact;
use pointsman_core::report::run::RunReport;
use pointsman_core::request::{Origin, Request};
use pointsman_core::route::Decision;
use pointsman_core::run::next::{Escalation, OnLimit};
use pointsman_core::run::spec::{RunSpec, SpecLimits, SpecRights};
use pointsman_core::run::verify::AskedVerification;

use super::context::{environment, runtime, tidy_after};
use super::exit::Failure;
use super::look_args::{RunsArgs, RunsVerb};
use super::request_args::{ModeArg, RunArgs};
use super::{detach, notify, own_files, passed_on, prompt_input, runs, trust};
use crate::assemble::{Assembled, Environment, Purpose};
use crate::clock;
use crate::engine::notify::EndedRun;
use crate::engine::record::Watcher;
use crate::engine::stops::Stops;
use crate::engine::submit::Submission;
use crate::engine::{Engine, drive, preview};
use crate::present::output::{self, Format, Tone, Verbosity};
use crate::present::own_thread::OwnThread;
use crate::present::repository::{self, RepositoryReport};
use crate::present::{event_stream, notices, route, run_summary, watch};

/// Runs the verb.
pub fn main(args: Box<RunArgs>) -> Result<u8, Failure> {
    if let Some(run) = &args.undo {
        return runs::main(RunsArgs { verb: RunsVerb::Undo { run: run.clone(), yes: args.approve } });
    }
    let mut words = args.words.clone();
    let is_given = words.prompt.is_some() || words.file.is_some();
    let (request_behind, flags) = passed_on::separate(is_given, &args.behind);
    words.prompt = request_behind.or(words.prompt);
    let request = prompt_input::request(&words, &args.overrides, args.verbosity())?;
    let here = std::env::current_dir().unwrap_or_default();
    let passed = passed_on::flags(flags, &here)?;
    let text = passed_on::with_images(request.text().to_owned(), &args.image, &here)?;
    let mut environment = environment(args.project.as_deref())?;
    let session = match args.goes_on {
        true => Some(last_session(&environment, args.rehearse.is_some())?),
        false => args.session.clone(),
    };
    let spec = RunSpec { words: text, session, passed, ..spec(&args, &request, &environment) };
    if args.detach {
        return own_files::settled(&mut environment, &args, |environment| {
            detach::start(&args, &RunSpec { ignored: environment.ignored, ..spec.clone() })
        });
    }
    let purpose = if args.dry_run { Purpose::Inspect } else { Purpose::Work };
    let mut assembled = own_files::settled(&mut environment, &args, |environment| {
        Ok(environment.assemble(spec.clone(), purpose)?)
    })?;
    if purpose == Purpose::Work && assembled.repository.awaits_a_yes() && output::is_interactive() {
        ask_for_trust(&environment)?;
        assembled = environment.assemble(spec, purpose)?;
    }
    runtime()?.block_on(attended(args, assembled))
}

/// Returns the session of the last run in this directory.
fn last_session(environment: &Environment, rehearsal: bool) -> Result<SessionId, Failure> {
    let (loaded, _) = environment.settings_or_defaults();
    let project = environment.project(&loaded)?;
    let engine = environment.engine_to_read()?;
    let last = runtime()?.block_on(engine.last_run(&project, rehearsal))?;
    last.map(|row| row.session_id).ok_or_else(|| {
        let message = format!("no run was made in `{}` yet that could go on", environment.cwd.display());
        Failure::new(ErrorCode::NoConversation, message, "leave out `--continue`: this run begins a session")
    })
}

/// Asks the user whether what the repository asks of Claude Code may take effect.
///
/// A yes covers all files that trust is given to, so all of them are shown, and what is approved is what was shown.
fn ask_for_trust(environment: &Environment) -> Result<(), Failure> {
    let files = environment.project_files();
    trust::show(&files);
    loop {
        let answer = output::answer(
            "This repository asks for that. [y]es, trust its files / [N]o, run without / [q]uit:",
        );
        match answer.as_deref() {
            Some("y" | "yes") => return trust::approve_here(environment, &files),
            Some("" | "n" | "no") => return Ok(()),
            Some("q" | "quit") => return Err(Failure::bare(ErrorCode::Declined, "not run: you said no")),
            // Nothing that resembles an answer is one.
            Some(_) => {}
            None => return Err(Failure::bare(ErrorCode::Declined, "not run: the input ended")),
        }
    }
}

/// Returns the spec that the command line describes.
fn spec(args: &RunArgs, request: &Request, environment: &Environment) -> RunSpec {
    let mode = match args.mode {
        ModeArg::Orchestration => Mode::Orchestration,
        ModeArg::Directive => Mode::Directive,
    };
    let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    RunSpec {
        overrides: request.overrides.clone(),
        pressure: request.pressure,
        approval: args.approve.then(|| "--approve".to_owned()),
        limits: SpecLimits {
            timeout_ms: args.timeout.map(milliseconds),
            max_usd: args.max_usd,
            max_turns: args.max_turns,
            escalation: if args.no_escalate { Escalation::Forbidden } else { Escalation::Allowed },
            on_limit: if args.wait { OnLimit::Wait } else { OnLimit::End },
        },
        rights: SpecRights {
            mode: args.permission_mode,
            ceiling: None,
            allow_tools: args.allow_tool.clone(),
            profile: args.permission_profile,
        },
        rehearsal: args.rehearse,
        verification: match (&args.verify, args.no_verify) {
            (Some(command), _) => AskedVerification::Command(command.clone()),
            (None, true) => AskedVerification::Off,
            (None, false) => AskedVerification::AsConfigured,
        },
        ..RunSpec::new(request.text().to_owned(), Origin::Cli, mode, environment.cwd.clone())
    }
}

/// Submits and drives the run while the user waits for it.
async fn attended(args: Box<RunArgs>, assembled: Assembled) -> Result<u8, Failure> {
    let (format, verbosity) = (args.output, args.verbosity());
    let mut notices = notices::of(&assembled);
    let Assembled { spec, engine, project, repository, .. } = assembled;
    if args.dry_run {
        notices::say(&notices);
        let asked = repository::report(&repository);
        return Ok(dry_run(&engine, &engine.submit(project, spec).await?, asked, format).await);
    }
    notices.extend(notices::imported(engine.tidy_up_runs(&project).await));
    let submitted = engine.submit(project, spec).await;
    // If there is no run they may say why: the agent that was named was left out, for example.
    if verbosity == Verbosity::Normal || submitted.is_err() {
        notices::say(&notices);
    }
    let mut submission = submitted?;
    refuse_flags_for_others(&submission)?;
    // Before we handle signals: Ctrl-C at the question must end the program.
    ask_where_needed(&mut submission)?;
    let mut stops = Stops::of_signals().map_err(|error| Failure::of_system(&error))?;
    let on_busy = submission.project().limits().on_limit;
    submission.take_session(&engine, on_busy, &mut stops).await?;
    if verbosity == Verbosity::Normal {
        // Before the live line begins, which must not be torn.
        route::say(&engine, &submission);
    }
    let watcher: Box<dyn Watcher> = match (format, verbosity) {
        (Format::Jsonl, _) => Box::new(event_stream::JsonlWatcher::new()),
        (Format::Text | Format::Json, Verbosity::Quiet) => Box::new(watch::QuietWatcher),
        (Format::Text | Format::Json, Verbosity::Normal) => Box::new(OwnThread::new(
            watch::TerminalWatcher::new(&submission, clock::local_zone(), clock::now),
        )),
    };
    let mut run = submission.begin(&engine, watcher);
    let report = drive::drive(&engine, &mut run, &mut stops).await;
    // From here on Ctrl-C ends us at once: nothing is left to stop except the printing.
    drop(stops);
    let (said, ended) = (run.answer.clone(), EndedRun::new(&run, &report));
    // Not on this thread: a stalled reader must not keep signals from being handled.
    let mut watcher = run.log.stop_watching();
    let printed = tokio::task::spawn_blocking(move || {
        let shown = watcher.finish();
        if format == Format::Text {
            print_answer(report.answer.as_deref().unwrap_or_default(), &shown);
        }
        print(&report, said.as_deref(), format, verbosity)
    });
    let code = printed.await.expect("printing does not panic");
    // A slow notification must not hold the session.
    drop(run);
    notify::tell(&engine, &ended, verbosity);
    tidy_after(&engine);
    Ok(code)
}

/// Flags that are passed on mean nothing to another CLI than theirs.
fn refuse_flags_for_others(submission: &Submission) -> Result<(), Failure> {
    let route = submission.route();
    let agent = submission.project().catalog().get(&route.agent);
    if submission.spec().passed.is_empty() || agent.is_some_and(|agent| agent.adapter == AdapterKind::Claude)
    {
        return Ok(());
    }
    let message =
        format!("the flags behind `--` are for Claude Code, and `{}` is another agent", route.agent);
    Err(Failure::new(ErrorCode::FlagConflict, message, "leave them out, or choose an agent with `--agent`"))
}

async fn dry_run(
    engine: &Engine,
    submission: &Submission,
    asked: Option<RepositoryReport>,
    format: Format,
) -> u8 {
    let shown = preview::preview(engine, submission).await;
    match format {
        Format::Text => output::text(&crate::present::preview::text(&shown)),
        Format::Json | Format::Jsonl => {
            output::json(&crate::present::preview::PreviewReport { preview: &shown, repository: asked });
        }
    }
    0
}

/// Prints the answer, unless it is what was shown last. That had its secrets, and the answer has not.
fn print_answer(answer: &str, shown: &str) {
    if !redact(shown).trim_end().ends_with(answer.trim()) || shown.is_empty() {
        output::text(answer);
    }
}

/// Prints the result and returns the exit code.
fn print(report: &RunReport, said: Option<&str>, format: Format, verbosity: Verbosity) -> u8 {
    if format == Format::Json {
        output::json(report);
    }
    run_summary::say(report, said, verbosity, &clock::local_zone());
    report.exit_code.unwrap_or(ErrorCode::NoVerdict.exit_code())
}

/// Asks the user if one is at the terminal; otherwise the run is refused later with its reason.
fn ask_where_needed(submission: &mut Submission) -> Result<(), Failure> {
    let must_ask = match (submission.spec().mode, submission.route().decision) {
        (Mode::Directive | Mode::Enforced, _) => true,
        (Mode::Orchestration, Decision::Escalate) => output::is_interactive(),
        (Mode::Orchestration, Decision::Direct) => false,
    };
    if !must_ask || submission.spec().approval.is_some() {
        return Ok(());
    }
    if !output::is_interactive() {
        return Err(Failure::new(
            ErrorCode::NobodyToAsk,
            "`--mode directive` asks before it runs, and nobody is at the terminal",
            "leave out `--mode`, or say yes beforehand with `--approve`",
        ));
    }
    let chosen = submission.route();
    output::say(Tone::Plain, "route:", &route::text(chosen));
    if output::ask(&format!("Run it with {} ({})?", chosen.agent, chosen.tier)) {
        submission.approve("terminal");
        return Ok(());
    }
    Err(Failure::bare(ErrorCode::Declined, "not run: you said no"))
}
