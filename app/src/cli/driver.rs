//! The hidden verb of a driver: reads a spec, begins its run, reports it in one line, and drives it to its end.

use std::io::Read as _;
use std::process::ExitCode;

use pointsman_core::error_code::ErrorCode;
use pointsman_core::run::next::OnLimit;
use pointsman_core::run::spec::RunSpec;

use super::exit::Failure;
use super::{context, notify};
use crate::assemble::{Assembled, Environment, Purpose};
use crate::engine::background::{self, FirstMessage, Submitted};
use crate::engine::drive;
use crate::engine::notify::EndedRun;
use crate::engine::record::Unwatched;
use crate::engine::stops::Stops;
use crate::present::{notices, output, route};

/// Runs the verb.
pub fn main() -> ExitCode {
    // Without a session of its own it would get the terminal's signals, which is undesirable but not fatal.
    let _ = background::leave_session();
    output::line(background::READY);
    let done = context::runtime().and_then(|runtime| runtime.block_on(driven()));
    ExitCode::from(done.unwrap_or_else(|failure| {
        say(&FirstMessage::Failed(failure.clone()));
        failure.exit_code()
    }))
}

/// Drives a detached run. Every failure returned happened before the run began: after that, the run has a verdict.
async fn driven() -> Result<u8, Failure> {
    let spec = read_spec()?;
    let environment = Environment { ignored: spec.ignored, ..Environment::new(spec.project.clone())? };
    let assembled = environment.assemble(spec, Purpose::Work)?;
    let mut notices = notices::of(&assembled);
    let Assembled { spec, engine, project, .. } = assembled;
    notices.extend(notices::imported(engine.tidy_up_runs(&project).await));
    let mut submission = engine.submit(project, spec).await?;
    let mut stops = Stops::of_signals().map_err(|error| Failure::of_system(&error))?;
    // Nobody could see or stop a process that waits before its run exists: a busy session is reported at once.
    submission.take_session(&engine, OnLimit::End, &mut stops).await?;
    notices.push(route::text_with_rights(&engine, &submission));
    let mut run = submission.begin(&engine, Box::new(Unwatched));
    // The id is reported to a caller that may query the run at once.
    engine.flush(&mut run).await;
    say(&FirstMessage::Submitted(Box::new(Submitted::of(&run, notices))));
    let report = drive::drive(&engine, &mut run, &mut stops).await;
    let ended = EndedRun::new(&run, &report);
    // A slow notification must not hold the session.
    drop(run);
    notify::tell_of_detached(&engine, &ended);
    context::tidy_after(&engine);
    Ok(report.exit_code.unwrap_or(ErrorCode::NoVerdict.exit_code()))
}

fn say(word: &FirstMessage) {
    output::line(&serde_json::to_string(word).expect("plain data has a JSON form"));
}

fn read_spec() -> Result<RunSpec, Failure> {
    let odd = |what: String| Failure::bare(ErrorCode::OddAnswer, what);
    let mut bytes = vec![];
    std::io::stdin()
        .lock()
        .read_to_end(&mut bytes)
        .map_err(|error| odd(format!("the order cannot be read: {error}")))?;
    RunSpec::read(&bytes).map_err(|error| odd(error.to_string()))
}
