//! Runs whose driver died: their log is brought to an honest end, through the same transitions as live.

use pointsman_core::ids::RunId;
use pointsman_core::report::hint::{self, Denials};
use pointsman_core::report::live::{Body, Line};
use pointsman_core::report::metrics::OrchestratedExecution;
use pointsman_core::report::run::RunReport;
use pointsman_core::run::event::{AttemptEnded, Fact, RunEvent};
use pointsman_core::run::next::{self, Finish, Step};
use pointsman_core::run::outcome::Outcome;
use pointsman_core::run::state::{Phase, RunState};
use pointsman_core::run::tokens::Tokens;

use super::project::ProjectContext;
use super::{Engine, launch};
use crate::clock;
use crate::store::Entry;
use crate::store::journal::{Journal, Weight};

impl Engine {
    /// Does what others left undone: takes over what they could not store, and ends runs whose driver died. Returns how many
    /// events of runs were taken over.
    pub fn tidy_up(&mut self, project: &ProjectContext) -> usize {
        let taken_over = self.take_over_spool();
        self.take_over_hook_facts(project.catalog());
        self.recover(project);
        taken_over
    }

    /// Ends every run that nobody drives any more; returns how many there were.
    ///
    /// The agents of such runs are gone already: a shim kills its agent when its driver dies. A run whose
    /// last attempt was judged ends as that judgement says; one that would go on has nobody to do it.
    pub fn recover(&mut self, project: &ProjectContext) -> usize {
        let Ok(open) = self.store.open_runs() else { return 0 };
        let orphaned = open.into_iter().filter(|(_, driver)| !driver.as_ref().is_some_and(|d| d.is_alive()));
        orphaned.filter(|(id, _)| self.end_orphan(id, project)).count()
    }

    fn end_orphan(&mut self, id: &RunId, project: &ProjectContext) -> bool {
        let Ok(found) = self.load(id.clone()) else { return false };
        // Asked again: the run may have begun, or been taken on, since the list was made.
        if found.driver.as_ref().is_some_and(|driver| driver.is_alive()) {
            return false;
        }
        // Just submitted: its driver is about to be noted.
        let is_young = found.driver.is_none()
            && found.state.requested_at.is_some_and(|at| clock::now().duration_since(at).as_secs() < 10);
        if found.state.is_finished() || is_young {
            return false;
        }
        let mut state = found.state;
        let mut events = vec![];
        let mut push = |state: &mut RunState, fact: Fact| {
            let event = RunEvent { run_id: id.clone(), seq: state.seq + 1, at: clock::now(), fact };
            let follows = state.apply(&event).is_ok();
            events.push(event);
            follows
        };
        let mut sound = true;
        if state.phase == Phase::Running {
            let ended = lost(&state);
            sound &= push(&mut state, Fact::AttemptEnded(Box::new(ended)));
        }
        let end = match next::next_step(&state, project.limits(), project.catalog(), clock::now(), 0.0) {
            Step::Finish(end) => end,
            Step::Invoke(_) | Step::Wait { .. } => next::abandoned(),
        };
        let hint = hint::hint(&end, &Denials::default());
        let Finish { verdict, code, exit_code, reason, resets_at } = end;
        sound &= push(&mut state, Fact::Finished { verdict, code, exit_code, reason, hint, resets_at });
        // Whoever else writes at the log's next position wins; this is no trouble of the store.
        let entry = Entry { events: &events, run: &state, driver: None, agent_session: None };
        if !sound || !self.store.try_append(&entry) {
            return false;
        }
        self.clear_up_after(project, id, &state, &events);
        true
    }

    /// What the driver would have done at the end: live log, metrics, breaker, and no files of attempts left.
    fn clear_up_after(
        &mut self,
        project: &ProjectContext,
        id: &RunId,
        state: &RunState,
        events: &[RunEvent],
    ) {
        let now = clock::now();
        let report = state.requested.as_ref().map(|requested| RunReport::new(id, requested, state, None));
        if let Some(record) = report.as_ref().and_then(OrchestratedExecution::of) {
            // Metrics and live log are for looking back; the ledger has the truth.
            let _ = self.store.append_metrics(now, &record);
        }
        if let Some(attempt) = state.attempts.last() {
            let (agent, model) = (&attempt.started.agent, &attempt.started.model_requested);
            // A probe that died must not keep the breaker half-open.
            let limits = &project.terms().breaker_limits;
            self.store.record_outcome(agent, model, Outcome::WorkerLost, limits, now);
        }
        let Some(dir) = self.store.run_dir(id) else { return };
        let rehearsal = report.is_some_and(|report| report.rehearsal);
        if let Ok(mut journal) = Journal::open(&dir) {
            for event in events {
                let line = Line::new(rehearsal, Body::Fact(Box::new(event.clone())));
                let text = serde_json::to_string(&line).expect("plain data has a JSON form");
                let _ = journal.write(&text, Weight::Fact);
            }
        }
        launch::remove_attempt_dirs(&dir);
    }
}

fn lost(state: &RunState) -> AttemptEnded {
    let attempt = state.attempts.last().expect("a running run has an attempt");
    let duration = clock::now().duration_since(attempt.started_at);
    AttemptEnded {
        attempt: attempt.started.attempt,
        outcome: Outcome::WorkerLost,
        flags: vec![],
        detail: "the process that watched the agent went away".to_owned(),
        exit_code: None,
        signal: None,
        stopped: None,
        models_served: vec![],
        tokens: Tokens::default(),
        cost_reported_usd: None,
        cost_estimated_usd: None,
        agent_session_id: attempt.started.agent_session_id.clone(),
        duration_ms: u64::try_from(duration.as_millis()).unwrap_or(0),
        answer: None,
        resets_at: None,
        passes_soon: false,
        denied: vec![],
        servers_failed: vec![],
        payer: None,
        unreadable_lines: 0,
        progressed: false,
    }
}
