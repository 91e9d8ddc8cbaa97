//! The user's own check of the work: a command that runs after the agent, in the project, with the agent's environment.

use pointsman_core::adapter::invocation::Invocation;
use pointsman_core::agent::Agent;
use pointsman_core::redact::{redact, redact_end};
use pointsman_core::report::live::LiveDetail;
use pointsman_core::run::end::{Exit, ProcessEnd};
use pointsman_core::run::judge::Judgement;
use pointsman_core::run::verify::{self, Verification};
use pointsman_core::run::watchdog::WatchLimits;

use super::project::{PromptRetention, VerificationTerms};
use super::run::Run;
use super::stops::Stops;
use super::{Engine, launch};
use crate::process::launch::{Launch, LineMeaning};
use crate::process::lines::Overlong;
use crate::process::supervise;

/// How much of the output is held while it comes; the end of it is kept.
const HELD_BYTES_MAX: usize = 64 * 1024;

/// Verifies an attempt's work if that is asked for and the answer would count; returns the judgement after that.
///
/// The command is the user's, but what it runs (tests, build scripts) an agent may have written: so it gets no more of the
/// environment than the agent does, and its whole tree ends with it.
pub async fn verify(
    engine: &Engine,
    run: &mut Run,
    agent: &Agent,
    judgement: Judgement,
    stops: &mut Stops,
) -> (Judgement, Option<Verification>) {
    let Some(terms) = run.project.terms().verification.clone().filter(|_| verify::is_due(judgement.outcome))
    else {
        return (judgement, None);
    };
    let command = redact(&terms.command).into_owned();
    run.log.emit(LiveDetail::Verifying { command: command.clone() });
    let (end, output) = carried_out(engine, run, agent, &terms, stops).await;
    let judgement = verify::judged(judgement, &command, &end);
    let is_kept = run.project.terms().prompt_retention == PromptRetention::Kept;
    let verification = Verification {
        passed: end.stopped.is_none() && end.exit == Exit::Code { code: 0 },
        exit_code: match end.exit {
            Exit::Code { code } => Some(code),
            _ => None,
        },
        duration_ms: u64::try_from(end.duration.as_millis()).unwrap_or(u64::MAX),
        output: if is_kept { verify::end_of(&redact_end(&output)) } else { String::new() },
        command,
    };
    (judgement, Some(verification))
}

async fn carried_out(
    engine: &Engine,
    run: &Run,
    agent: &Agent,
    terms: &VerificationTerms,
    stops: &mut Stops,
) -> (ProcessEnd, String) {
    let dir = match launch::attempt_dir(engine.store.run_dir(&run.log.run_id), |_| Ok(())) {
        Ok(dir) => dir,
        Err(error) => {
            let message = format!("there is no place for its files: {error}");
            return (launch::never_began(Exit::NotSpawned { missing: false, message }), String::new());
        }
    };
    let limits = run.project.limits();
    let launch = Launch {
        invocation: Invocation {
            program: "/bin/sh".to_owned(),
            // Both streams in the order of their lines.
            args: vec!["-c".to_owned(), format!("exec 2>&1\n{}", terms.command)],
            env: launch::environment(engine, &run.project, agent, run.marks()).vars,
            cwd: run.project.dir().to_owned(),
            stdin: String::new(),
        },
        dir: dir.path().to_owned(),
        limits: WatchLimits {
            startup: None,
            idle: terms.timeout,
            wall: terms.timeout,
            post_result_grace: limits.post_result_grace,
            usd: None,
        },
        stop_grace: limits.stop_grace,
        overlong: Overlong::Split,
    };
    let shim = engine.surroundings.processes.ready();
    let mut output = String::new();
    let end = supervise::run(launch, shim, stops.causes(), &mut |line, _| {
        hold(&mut output, line);
        LineMeaning { settled: false, usd: None, stop: None }
    })
    .await;
    (end, output)
}

/// Adds a line, and drops the first ones beyond the bound.
fn hold(output: &mut String, line: &str) {
    output.push_str(line);
    output.push('\n');
    if output.len() > 2 * HELD_BYTES_MAX {
        let from = output.len() - HELD_BYTES_MAX;
        let from = (from..output.len()).find(|at| output.is_char_boundary(*at)).unwrap_or(output.len());
        output.drain(..from);
    }
}
