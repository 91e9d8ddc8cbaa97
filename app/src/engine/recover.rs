//! Runs whose driver died: their log is brought to an honest end, through the same transitions as live.

use pointsman_core::ids::RunId;
use pointsman_core::report::hint;
use pointsman_core::run::event::{AttemptEnded, Fact, RunEvent};
use pointsman_core::run::next::{self, Finish, Limits, Step};
use pointsman_core::run::outcome::Outcome;
use pointsman_core::run::state::{Phase, RunState};
use pointsman_core::run::tokens::Tokens;

use super::Engine;
use crate::clock;
use crate::store::Entry;

impl Engine {
    /// Ends every run that nobody drives any more; returns how many there were.
    ///
    /// The agents of such runs are gone already: a shim kills its agent when its driver dies. A run whose
    /// last attempt was judged ends as that judgement says; one that would go on has nobody to do it.
    pub fn recover(&mut self, limits: &Limits) -> usize {
        let Ok(open) = self.store.open_runs() else { return 0 };
        let orphaned = open.into_iter().filter(|(_, driver)| !driver.as_ref().is_some_and(|d| d.is_alive()));
        orphaned.filter(|(id, _)| self.end_orphan(id, limits)).count()
    }

    fn end_orphan(&mut self, id: &RunId, limits: &Limits) -> bool {
        let Ok(found) = self.load(id.clone()) else { return false };
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
        let end = match next::next_step(&state, limits, &self.catalog, clock::now(), 0.0) {
            Step::Finish(end) => end,
            Step::Invoke(_) | Step::Wait { .. } => next::abandoned(),
        };
        let hint = hint::hint(&state, &end);
        let Finish { verdict, exit_code, reason, resets_at } = end;
        sound &= push(&mut state, Fact::Finished { verdict, exit_code, reason, hint, resets_at });
        // Two recoveries at once collide on the log's next position, and one of them wins.
        let entry = Entry { events: &events, run: &state, driver: None, agent_session: None };
        sound && self.store.append(&entry).is_ok()
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
        progressed: false,
    }
}
