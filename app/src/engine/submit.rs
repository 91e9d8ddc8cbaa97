//! A request becomes a run: its log begins here, and is on disk before anything is spawned.

use std::path::PathBuf;
use std::time::Duration;

use pointsman_core::agent::Catalog;
use pointsman_core::ids::{RunId, SessionId};
use pointsman_core::policy::Policy;
use pointsman_core::redact::redact;
use pointsman_core::request::{Mode, Request};
use pointsman_core::route::{self, Decision, Route};
use pointsman_core::run::end::StopCause;
use pointsman_core::run::event::{EVENT_VERSION, Fact, Requested};
use pointsman_core::run::next::{Limits, OnLimit};
use tokio::sync::mpsc;

use super::error::EngineError;
use super::record::{RunLog, Watcher};
use super::{Engine, StoredWords};
use crate::store::journal::Journal;
use crate::store::lock::Lock;

/// What comes with a request.
pub struct Submission {
    /// The run's id, where somebody else has already named it.
    pub run_id: Option<RunId>,
    /// What was asked.
    pub request: Request,
    /// The decision about it.
    pub route: Route,
    /// The session to go on in; a new one without.
    pub session: Option<SessionId>,
    /// The project directory.
    pub project: PathBuf,
    /// Who decides.
    pub mode: Mode,
    /// Whether the scripted agent plays it.
    pub rehearsal: bool,
    /// How a person said yes beforehand.
    pub approval: Option<String>,
    /// The run's limits.
    pub limits: Limits,
}

/// A run that can be driven.
pub struct Run {
    /// Its log.
    pub log: RunLog,
    /// What was asked, word for word: agents get this, records a redacted copy.
    pub request: Request,
    /// The session.
    pub session: SessionId,
    /// The project directory.
    pub project: PathBuf,
    /// The limits.
    pub limits: Limits,
    /// Whether the scripted agent plays it.
    pub rehearsal: bool,
    /// The last attempt's answer, secrets redacted; kept here because the ledger may not keep words.
    pub answer: Option<String>,
    /// Held for the whole run: one run at a time goes on in a session.
    _session_lock: Option<Lock>,
}

/// Begins the log of a request and the decision about it. Nothing is spawned.
///
/// The log is on disk when the first step is taken, or when [`RunLog::keep`] is called before that.
pub fn submit(
    engine: &mut Engine,
    submission: Submission,
    session_lock: Option<Lock>,
    watcher: Box<dyn Watcher>,
) -> Run {
    let run_id = submission.run_id.clone().unwrap_or_else(new_run_id);
    let session = submission
        .session
        .clone()
        .unwrap_or_else(|| run_id.as_str().parse().expect("a run id is a valid session id"));
    // A session without a name is called by its run's id, and may be named by a later run while this one works.
    let session_lock = session_lock.or_else(|| engine.store.try_lock_session(&session).ok().flatten());
    let journal = engine.store.run_dir(&run_id).and_then(|dir| Journal::open(&dir).ok());
    let requested = requested(engine, &submission, &session);
    let mut log = RunLog::new(run_id, &requested, journal, watcher);
    let mut facts = vec![Fact::Requested(requested), Fact::Routed { route: submission.route.clone() }];
    if let (Decision::Escalate, Some(by)) = (submission.route.decision, submission.approval) {
        facts.push(Fact::Approved { by });
    }
    // Kept with the start of the first attempt, in one transaction: nothing is spawned before that.
    facts.into_iter().for_each(|fact| log.hold(fact, None));
    Run {
        log,
        request: submission.request,
        session,
        project: submission.project,
        limits: submission.limits,
        rehearsal: submission.rehearsal,
        answer: None,
        _session_lock: session_lock,
    }
}

/// Routes a request; a router that fails is not in the way of the person.
pub fn decide(catalog: &Catalog, policy: &Policy, request: &Request) -> Result<Route, EngineError> {
    let route = || route::route(request, catalog, policy);
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(route)) {
        Ok(decided) => Ok(decided?),
        Err(_) => Ok(route::fallback(catalog)),
    }
}

/// Takes the session of a request for one run, if the request names one.
///
/// Where it may wait, it waits for another run to leave the session; a cause on `stops` ends that.
pub async fn take_session(
    engine: &Engine,
    submission: &Submission,
    on_busy: OnLimit,
    stops: &mut mpsc::Receiver<StopCause>,
) -> Result<Option<Lock>, EngineError> {
    /// How often a busy session is looked at.
    const LOOK_EVERY: Duration = Duration::from_millis(250);
    let Some(session) = &submission.session else { return Ok(None) };
    loop {
        match (engine.store.try_lock_session(session), on_busy) {
            (Ok(Some(lock)), _) => return Ok(Some(lock)),
            // Without a usable state directory there is no session to go on in either.
            (Err(_), _) => return Ok(None),
            (Ok(None), OnLimit::End) => return Err(EngineError::SessionBusy { session: session.clone() }),
            (Ok(None), OnLimit::Wait) => {}
        }
        tokio::select! {
            Some(cause) = stops.recv() => return Err(EngineError::StoppedWaiting { cause }),
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

fn requested(engine: &Engine, submission: &Submission, session: &SessionId) -> Requested {
    let (words, request_hash) = match &engine.stored_words {
        StoredWords::Kept => {
            (Some(redact(submission.request.text()).into_owned()), submission.request.hash())
        }
        StoredWords::HashOnly { key } => (None, submission.request.keyed_hash(key)),
    };
    Requested {
        version: EVENT_VERSION,
        request_hash,
        prompt: words,
        session_id: session.clone(),
        project_root: submission.project.to_string_lossy().into_owned(),
        origin: submission.request.origin,
        mode: submission.mode,
        rehearsal: submission.rehearsal,
        overrides: submission.request.overrides.clone(),
        quota_pressure: submission.request.pressure,
        judges_word: submission.request.judges_word,
    }
}

/// Returns a new UUIDv7: sortable by time, and random enough to be nobody else's.
pub fn new_uuid() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// Returns the id of a new run.
pub fn new_run_id() -> RunId {
    new_uuid().parse().expect("a UUID is a valid id")
}

/// Returns random bytes from the system.
pub fn random_bytes() -> [u8; 16] {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the system has random numbers; without them nothing here is safe");
    bytes
}
