//! Finishes what others left undone: runs whose driver died get an honest end, and what could not be stored is
//! imported.

use std::io;

use pointsman_core::ids::RunId;
use pointsman_core::report::live::{Body, Line};
use pointsman_core::report::metrics::OrchestratedExecution;
use pointsman_core::report::run::{RunReport, SCHEMA_VERSION};
use pointsman_core::run::event::RunEvent;
use pointsman_core::run::orphan;
use pointsman_core::run::outcome::Outcome;
use pointsman_core::run::row::RunRow;
use pointsman_core::run::state::RunState;

use super::project::ProjectContext;
use super::query::FoundRun;
use super::{Engine, launch};
use crate::store::journal::{Journal, Weight};
use crate::store::lock::Lock;
use crate::store::{EndedCall, LedgerEntry, Runs};

impl Engine {
    /// Takes the lock on tidying; `None` if another process holds it.
    pub fn try_lock_tidying(&self) -> io::Result<Option<Lock>> {
        self.store.try_lock("tidying")
    }

    /// Imports events of runs that could not be stored, and ends runs whose driver died: what a new run must see.
    /// Returns how many events were imported.
    pub async fn tidy_up_runs(&self, project: &ProjectContext) -> usize {
        let (imported_count, open) = self.store.drain_and_look().await;
        self.end_orphans(open, project).await;
        imported_count
    }

    /// Tidies up runs, and imports what hooks have left, which may take seconds.
    pub async fn tidy_up(&self, project: &ProjectContext) {
        self.tidy_up_runs(project).await;
        self.import_hook_facts(project.catalog()).await;
    }

    /// Returns whether hooks have left anything to import.
    pub fn hooks_have_left_something(&self) -> bool {
        self.store.hooks_have_spooled()
    }

    /// Ends every run without a driver; returns how many there were. Only a driver that is certainly dead counts: a
    /// driver on another machine, or in another container, is left alone.
    pub async fn recover(&self, project: &ProjectContext) -> usize {
        let open = self.store.runs(Runs::Open).await.unwrap_or_default();
        self.end_orphans(open, project).await
    }

    async fn end_orphans(&self, open: Vec<RunRow>, project: &ProjectContext) -> usize {
        let mut count = 0;
        for row in open {
            count += usize::from(self.end_orphan(&row.run_id, project).await);
        }
        count
    }

    async fn end_orphan(&self, id: &RunId, project: &ProjectContext) -> bool {
        let Ok(found) = self.look_at(id.clone()).await else { return false };
        if !self.is_orphan(&found) {
            return false;
        }
        // First, so that nothing of it is at work when it has an end.
        launch::end_abandoned(self, id).await;
        self.end(&found, project).await
    }

    /// Ends a run for its driver; returns whether it was still open.
    pub(super) async fn end(&self, run: &FoundRun, project: &ProjectContext) -> bool {
        let (id, at) = (&run.id, self.last_sign_of(run));
        let ended = orphan::ending(id, &run.state, project.limits(), project.catalog(), at);
        let Some((events, state)) = ended else { return false };
        let Some(entry) = LedgerEntry::new(events.clone(), &state) else { return false };
        // A probing call whose driver died must not keep the breaker half-open.
        let call = state.attempts.last().map(|attempt| EndedCall {
            agent: attempt.started.agent.clone(),
            model: attempt.started.model_requested.clone(),
            outcome: Outcome::WorkerLost,
            limits: project.terms().breaker_limits,
        });
        // Another writer at the log's next position wins; this is not a failure of the store.
        if !self.store.try_append(LedgerEntry { call, ..entry }).await {
            return false;
        }
        self.clear_up_after(id, &state, &events);
        true
    }

    /// Does what the driver would have done at the end: live log, metrics, and removal of the attempts' files.
    fn clear_up_after(&self, id: &RunId, state: &RunState, events: &[RunEvent]) {
        let now = self.clock.now();
        let report = state.requested.as_ref().map(|requested| RunReport::new(id, requested, state, None));
        if let Some(record) = report.as_ref().and_then(OrchestratedExecution::of) {
            // Metrics and live log are for looking back; the ledger has the truth.
            let _ = self.store.append_metrics(now, &record);
        }
        let Some(dir) = self.store.run_dir(id) else { return };
        let rehearsal = report.is_some_and(|report| report.rehearsal);
        if let Ok(mut journal) = Journal::open(&dir) {
            for event in events {
                let line = Line {
                    schema_version: SCHEMA_VERSION,
                    rehearsal,
                    body: Body::Fact(Box::new(event.clone())),
                };
                let text = serde_json::to_string(&line).expect("plain data has a JSON form");
                let _ = journal.write(&text, Weight::Fact);
            }
        }
        launch::remove_attempt_dirs(&dir);
    }
}
