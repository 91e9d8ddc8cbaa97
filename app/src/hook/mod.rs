//! `pointsman hook`: an event of Claude Code on standard input, at most one JSON object on standard output, always exit
//! code 0.
//!
//! The user waits for this process. So it has one deadline, whatever is broken: a file that never ends, a full disk, a
//! bug. After the deadline the session goes on without us and one line says so.
//!
//! Reading order: the process here · `context` (the context of one event, `conversation`: what was said last) · `count`
//! (hooks that give up) · `events` (how each event is handled) ·
//! `prompt` and `delegate` (the user's prompt, and one that a run does) · `briefing` (what is said when a session
//! begins) · `notice` and `error` (what the user is told about us).

mod briefing;
mod context;
mod conversation;
mod count;
mod definitions;
mod delegate;
mod error;
mod events;
mod notice;
mod prompt;

use std::io::Read as _;
use std::process::ExitCode;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use pointsman_core::hook::answer::{HookAnswer, HookEffect};
use pointsman_core::hook::delegation;
use pointsman_core::hook::input::{self, HookInput};
use pointsman_core::hook::takeover;
use pointsman_core::ids::RunId;

use crate::config::env::EnvVars;
use crate::present::output;
use context::HookContext;
use count::Count;
use error::HookError;
use notice::notice;

/// The verb.
pub const VERB: &str = "hook";

/// How long the user's session waits for us at most: the promise is 200 ms including the start of the process.
const LIMIT: Duration = Duration::from_millis(150);

/// The variable with the user's own limit in milliseconds, for those who would rather wait than go on without us
/// because their machine is slow or very busy.
const LIMIT_VARIABLE: &str = "POINTSMAN_HOOK_LIMIT_MS";

/// Events are no larger; reading more would only cost time.
const INPUT_BYTES_MAX: u64 = 64 << 20;

/// How long we wait for a run that takes a prompt over. It may already be at work, so the prompt must not go on as
/// well.
const DELEGATION_LIMIT: Duration = Duration::from_secs(4);

/// A message from the worker thread.
enum WorkerMessage {
    /// A run takes the prompt over: it is about to be started, or another hook is starting it.
    Delegating(RunId),
    /// The answer, or why there is none.
    Done(Result<HookAnswer, HookError>),
}

/// Answers one event. `named` is the event's name, if the caller gives it.
pub fn main(named: Option<String>) -> ExitCode {
    let begun = Instant::now();
    let (sender, words) = mpsc::channel();
    let count = Arc::new(Count::default());
    let counted = Arc::clone(&count);
    // A thread that hangs ends with the process.
    std::thread::spawn(move || {
        let delegating = |run: &RunId| drop(sender.send(WorkerMessage::Delegating(run.clone())));
        let done = answer(named.as_deref(), begun, &counted, &delegating);
        sender.send(WorkerMessage::Done(done))
    });
    let said = match words.recv_timeout(limit()) {
        Ok(WorkerMessage::Delegating(run)) => Ok(delegated(&words, run)),
        Ok(WorkerMessage::Done(done)) => Ok(done.unwrap_or_else(|error| broken(&error.to_string()))),
        Err(mpsc::RecvTimeoutError::Timeout) => Err("it took too long"),
        Err(mpsc::RecvTimeoutError::Disconnected) => Err("a bug"),
    };
    let is_answered = said.is_ok();
    if let Some(json) = said.unwrap_or_else(broken).to_json() {
        output::line(&json.to_string());
    }
    if is_answered {
        count.ended()
    } else {
        count.gave_up()
    }
    ExitCode::SUCCESS
}

fn limit() -> Duration {
    let own = EnvVars::of_process().text(LIMIT_VARIABLE).and_then(|millis| millis.parse().ok());
    own.map_or(LIMIT, Duration::from_millis)
}

fn delegated(words: &mpsc::Receiver<WorkerMessage>, mut run: RunId) -> HookAnswer {
    let begun = Instant::now();
    loop {
        match words.recv_timeout(DELEGATION_LIMIT.saturating_sub(begun.elapsed())) {
            Ok(WorkerMessage::Done(done)) => return done.unwrap_or_else(|error| broken(&error.to_string())),
            // It is a different run: another hook was first.
            Ok(WorkerMessage::Delegating(other)) => run = other,
            Err(_) => return HookAnswer::of(HookEffect::Block { reason: takeover::no_sign_notice(&run) }),
        }
    }
}

/// Returns the answer after a failure: the session goes on as if we were not there, and the user is told in one line.
fn broken(what: &str) -> HookAnswer {
    HookAnswer { notice: Some(notice("is out of the way", what)), ..HookAnswer::default() }
}

/// Returns the answer to an event that cannot be read: a delegation is refused where delegations are held to their routes.
fn unreadable(text: &[u8], named: Option<&str>, error: HookError) -> Result<HookAnswer, HookError> {
    /// Where the names of the event and of the tool stand.
    const HEAD_BYTES: usize = 64 << 10;
    let head = &text[..text.len().min(HEAD_BYTES)];
    if input::seems_a_delegation(head, named) && HookContext::holds_delegations() {
        return Ok(delegation::unreadable());
    }
    Err(error)
}

fn answer(
    named: Option<&str>,
    begun: Instant,
    count: &Count,
    delegating: &dyn Fn(&RunId),
) -> Result<HookAnswer, HookError> {
    let mut text = vec![];
    std::io::stdin().lock().take(INPUT_BYTES_MAX).read_to_end(&mut text).map_err(HookError::Unreadable)?;
    if text.len() as u64 == INPUT_BYTES_MAX {
        return unreadable(&text, named, HookError::TooLong);
    }
    let input = match HookInput::parse(&text, named) {
        Ok(input) => input,
        Err(error) => return unreadable(&text, named, error.into()),
    };
    match HookContext::find(&input, begun)? {
        Some(context) => {
            count.begun(&context);
            events::answer(&context, &input, delegating)
        }
        None => Ok(HookAnswer::default()),
    }
}
