//! What others left undone: runs whose driver died get an honest end, and what could not be stored is taken over.

use pointsman_core::ids::RunId;
use pointsman_core::report::live::{Body, Line};
use pointsman_core::report::metrics::OrchestratedExecution;
use pointsman_core::report::run::RunReport;
use pointsman_core::run::event::RunEvent;
use pointsman_core::run::orphan;
use pointsman_core::run::outcome::Outcome;
use pointsman_core::run::state::RunState;

use super::project::ProjectContext;
use super::{Engine, launch};
use crate::store::journal::{Journal, Weight};
use crate::store::lock::Lock;
use crate::store::{Entry, Runs};

impl Engine {
    /// Takes the one place of who does this in the background; `None` where somebody has it, or where nothing can be stored.
    pub fn try_lock_tidying(&self) -> Option<Lock> {
        self.store.try_lock("tidying").ok().flatten()
    }

    /// Takes over events of runs that could not be stored, and ends runs whose driver died: what a new run must see. Returns
    /// how many events were taken over.
    pub async fn tidy_up_runs(&self, project: &ProjectContext) -> usize {
        let taken_over = self.store.drain_spool().await;
        self.recover(project).await;
        taken_over
    }

    /// Does that, and takes over what hooks have left, which may take seconds.
    pub async fn tidy_up(&self, project: &ProjectContext) {
        self.tidy_up_runs(project).await;
        self.take_over_hook_facts(project.catalog()).await;
    }

    /// Tells whether hooks have left something.
    pub fn hooks_have_left_something(&self) -> bool {
        self.store.hooks_have_spooled()
    }

    /// Ends every run that nobody drives any more; returns how many there were. Only who is dead for sure is: a driver on
    /// another machine, or in another container, is left alone.
    pub async fn recover(&self, project: &ProjectContext) -> usize {
        let Ok(open) = self.store.runs(Runs::Open).await else { return 0 };
        let mut count = 0;
        for row in open {
            count += usize::from(self.end_orphan(&row.run_id, project).await);
        }
        count
    }

    async fn end_orphan(&self, id: &RunId, project: &ProjectContext) -> bool {
        let Ok(found) = self.look_at(id.clone()).await else { return false };
        self.is_orphan(&found) && self.end(id, &found.state, project).await
    }

    /// Ends a run for its driver; returns whether that was still to do.
    pub(super) async fn end(&self, id: &RunId, state: &RunState, project: &ProjectContext) -> bool {
        let now = self.clock.now();
        let ended = orphan::ending(id, state, project.limits(), project.catalog(), now);
        let Some((events, state)) = ended else { return false };
        let Some(entry) = Entry::new(events.clone(), &state) else { return false };
        // Whoever else writes at the log's next position wins; this is no trouble of the store.
        if !self.store.try_append(entry).await {
            return false;
        }
        self.clear_up_after(project, id, &state, &events).await;
        true
    }

    /// What the driver would have done at the end: live log, metrics, breaker, and no files of attempts left.
    async fn clear_up_after(
        &self,
        project: &ProjectContext,
        id: &RunId,
        state: &RunState,
        events: &[RunEvent],
    ) {
        let now = self.clock.now();
        let report = state.requested.as_ref().map(|requested| RunReport::new(id, requested, state, None));
        if let Some(record) = report.as_ref().and_then(OrchestratedExecution::of) {
            // Metrics and live log are for looking back; the ledger has the truth.
            let _ = self.store.append_metrics(now, &record);
        }
        if let Some(attempt) = state.attempts.last() {
            let (agent, model) = (&attempt.started.agent, &attempt.started.model_requested);
            // A probe that died must not keep the breaker half-open.
            let limits = &project.terms().breaker_limits;
            self.store.record_outcome(agent, model, Outcome::WorkerLost, limits, now).await;
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
