//! Looks at the project before a run's first agent and after its last.

use std::path::Path;

use pointsman_core::changes::Changes;
use pointsman_core::changes::git_diff::DiffEntry;
use pointsman_core::ids::RunId;

use super::error::EngineError;
use super::first_look::FirstLook;
use super::project::{ProjectContext, PromptRetention};
use super::query::FoundRun;
use super::run::Run;
use super::{Engine, launch};
use crate::changes::undo::Undo;
use crate::changes::{self, Before, Content};

/// Begins to look at a run's project, if that is wanted and nothing was begun. A rehearsal changes nothing.
pub fn begin(engine: &Engine, run: &mut Run) {
    let is_wanted = run.project.terms().record_changes && !run.rehearsal;
    if !is_wanted || !matches!(run.first_look, FirstLook::None) {
        return;
    }
    let Some(run_dir) = engine.store.run_dir(&run.log.run_id) else { return };
    let (project, ambient) = (run.project.dir().to_owned(), engine.surroundings.ambient.clone());
    let look = move || match launch::ensure_run_dir(&run_dir) {
        Ok(()) => changes::before(&project, &run_dir, &ambient),
        Err(_) => Before::Nothing,
    };
    run.first_look = FirstLook::Begun(tokio::task::spawn_blocking(look));
}

/// Looks again after a run and returns what changed, if it was looked at before.
pub async fn changes(engine: &Engine, run: &mut Run) -> Option<Changes> {
    run.first_look.done().await;
    let FirstLook::Done(before) = std::mem::take(&mut run.first_look) else { return None };
    let run_dir = engine.store.run_dir(&run.log.run_id)?;
    let content = match run.project.terms().prompt_retention {
        PromptRetention::Kept => Content::Kept,
        PromptRetention::HashOnly { .. } => Content::Dropped,
    };
    // A panic in there must not cost the run its end.
    tokio::task::spawn_blocking(move || before.after(&run_dir, content)).await.ok().flatten()
}

/// How many of the newest runs are searched for one that worked at the same time.
const RUNS_SEARCHED: usize = 1000;

impl Engine {
    /// Returns what a run changed as a patch, and the files that are left out of it. `None` if it is not kept.
    pub fn patch(&self, run: &RunId) -> Option<(String, Vec<DiffEntry>)> {
        changes::patch(&self.store.run_dir(run)?)
    }

    /// Opens what a run changed, to be undone. `None` if it is not kept.
    pub fn undo(&self, run: &RunId) -> Option<Undo> {
        Undo::open(&self.store.run_dir(run)?, &self.surroundings.ambient)
    }

    /// Returns the runs that worked below `top` while another did.
    pub async fn beside(
        &self,
        project: &ProjectContext,
        run: &FoundRun,
        top: &Path,
    ) -> Result<Vec<RunId>, EngineError> {
        let (Some(from), Some(to)) = (run.state.requested_at, run.grown_at) else { return Ok(vec![]) };
        let runs = self.runs(project, RUNS_SEARCHED).await?;
        let beside = runs.into_iter().filter(|other| {
            let is_there = Path::new(&other.project_root).starts_with(top) && !other.rehearsal;
            is_there && other.run_id != run.id && other.created_at < to && other.updated_at > from
        });
        Ok(beside.map(|other| other.run_id).collect())
    }
}
