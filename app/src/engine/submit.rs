//! A request becomes a run: its log begins here, and is on disk before anything is spawned.

use std::io;
use std::time::Duration;

use pointsman_core::ids::SessionId;
use pointsman_core::request::Request;
use pointsman_core::route::{Decision, Route};
use pointsman_core::run::event::{EVENT_VERSION, Fact, Requested};
use pointsman_core::run::next::OnLimit;
use pointsman_core::run::spec::RunSpec;

use super::error::EngineError;
use super::first_look::FirstLook;
use super::project::ProjectContext;
use super::record::{RunLog, Watcher};
use super::run::Run;
use super::stops::Stops;
use super::{Engine, arbiter, conversation};
use crate::store::journal::Journal;
use crate::store::lock::Lock;

/// A request that has been decided but is not yet a run.
pub struct Submission {
    spec: RunSpec,
    request: Request,
    route: Route,
    project: ProjectContext,
    session_lock: Option<Lock>,
    /// What the run is told beside what was asked.
    troubles: Vec<String>,
}

impl Engine {
    /// Accepts a request and decides about it. Nothing is stored, and nothing is spawned except the arbiter, if the
    /// project wants one.
    pub async fn submit(
        &self,
        project: ProjectContext,
        mut spec: RunSpec,
    ) -> Result<Submission, EngineError> {
        if let Some(session) = spec.session.take() {
            spec.session = Some(self.session_named(session).await);
        }
        let mut request = spec.request()?;
        request.context = conversation::context(self, &spec, &project).await;
        let mut route = project.decider().decide(&mut request)?;
        if let Some(terms) = &project.terms().arbiter {
            request.llm_vote = arbiter::vote(self, &project, terms, &request, &route).await;
            if request.llm_vote.is_some() {
                route = project.decider().decide(&mut request)?;
            }
        }
        Ok(Submission { spec, request, route, project, session_lock: None, troubles: vec![] })
    }

    /// Stores what a run has staged so far, for callers that need it stored now.
    pub async fn flush(&self, run: &mut Run) {
        run.log.record(&self.store, vec![]).await;
    }
}

impl Submission {
    /// Returns the spec that was submitted.
    pub fn spec(&self) -> &RunSpec {
        &self.spec
    }

    /// Returns the request.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Returns the decision.
    pub fn route(&self) -> &Route {
        &self.route
    }

    /// Returns the context of the project in which it will be driven.
    pub fn project(&self) -> &ProjectContext {
        &self.project
    }

    /// Returns whether the scripted agent plays it.
    pub fn is_rehearsal(&self) -> bool {
        self.spec.rehearsal.is_some()
    }

    /// Records the user's approval.
    pub fn approve(&mut self, by: &str) {
        self.spec.approval = Some(by.to_owned());
    }

    /// Locks the named session for this run.
    ///
    /// If `on_busy` allows it, waits for another run to leave the session; a cause on `stops` ends the wait.
    pub async fn take_session(
        &mut self,
        engine: &Engine,
        on_busy: OnLimit,
        stops: &mut Stops,
    ) -> Result<(), EngineError> {
        let Some(session) = &self.spec.session else { return Ok(()) };
        match locked(engine, session, on_busy, stops).await? {
            Ok(lock) => self.session_lock = Some(lock),
            // Without any state there is no session to continue either, and that is said already.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => self.troubles.push(format!(
                "the session `{session}` is not held for this run alone, because it cannot be locked: {error}"
            )),
        }
        Ok(())
    }

    /// Begins the log of the request and the decision about it. Nothing is spawned.
    ///
    /// The log is on disk when the first step is taken, or when [`Engine::flush`] is called before that.
    pub fn begin(self, engine: &Engine, watcher: Box<dyn Watcher>) -> Run {
        let run_id = self.spec.run_id.clone().unwrap_or_else(|| engine.entropy.run_id(engine.clock.now()));
        let session = self
            .spec
            .session
            .clone()
            .unwrap_or_else(|| run_id.as_str().parse().expect("a run id is a valid session id"));
        // A session without a name is named after its run's id, and a later run may join it by that name while this one
        // works.
        let (requested, rehearsal) = (self.requested(&session), self.is_rehearsal());
        // Its reason may quote the prompt.
        let retention = &self.project.terms().prompt_retention;
        let routed = Fact::Routed { route: self.route.clone().with_words(|words| retention.kept(words)) };
        let lock = self.session_lock.or_else(|| engine.store.try_lock_session(&session).ok().flatten());
        let journal = engine.store.run_dir(&run_id).map(|dir| Journal::open(&dir));
        let mut log = RunLog::new(
            run_id,
            &requested,
            engine.clock.clone(),
            engine.surroundings.host.own(),
            journal,
            watcher,
        );
        self.troubles.into_iter().for_each(|trouble| log.say_later(trouble));
        let mut facts = vec![Fact::Requested(requested), routed];
        if let (Decision::Escalate, Some(by)) = (self.route.decision, self.spec.approval) {
            facts.push(Fact::Approved { by });
        }
        // Stored with the start of the first attempt, in one transaction: nothing is spawned before that.
        facts.into_iter().for_each(|fact| log.stage(fact));
        let (request, project) = (self.request, self.project);
        Run {
            log,
            request,
            session,
            project,
            rehearsal,
            answer: None,
            first_look: FirstLook::None,
            _session_lock: lock,
        }
    }

    fn requested(&self, session: &SessionId) -> Requested {
        let request = &self.request;
        let retention = &self.project.terms().prompt_retention;
        Requested {
            version: EVENT_VERSION,
            request_hash: retention.hash(request),
            prompt: retention.kept(request.text()),
            session_id: session.clone(),
            project_root: self.project.dir().to_string_lossy().into_owned(),
            origin: request.origin,
            mode: self.spec.mode,
            rehearsal: self.is_rehearsal(),
            overrides: request.overrides.clone(),
            quota_pressure: request.pressure,
            context: request.context.with_words(|words| retention.kept(words)),
            llm_vote: request.llm_vote,
        }
    }
}

async fn locked(
    engine: &Engine,
    session: &SessionId,
    on_busy: OnLimit,
    stops: &mut Stops,
) -> Result<io::Result<Lock>, EngineError> {
    /// How often a busy session is tried again.
    const CHECK_INTERVAL: Duration = Duration::from_millis(250);
    loop {
        match (engine.store.try_lock_session(session), on_busy) {
            (Ok(Some(lock)), _) => return Ok(Ok(lock)),
            (Err(error), _) => return Ok(Err(error)),
            (Ok(None), OnLimit::End) => return Err(EngineError::SessionBusy { session: session.clone() }),
            (Ok(None), OnLimit::Wait) => {}
        }
        tokio::select! {
            cause = stops.next() => return Err(EngineError::StoppedWaiting { cause }),
            () = tokio::time::sleep(CHECK_INTERVAL) => {}
        }
    }
}
