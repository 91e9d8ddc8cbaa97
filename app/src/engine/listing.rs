//! Lists of runs and of sessions.

use pointsman_core::ids::short;
use pointsman_core::report::run_line::{ListedRun, RunDigest};
use pointsman_core::report::session_line::{SessionLine, by_session};
use pointsman_core::run::filter::RunFilter;
use pointsman_core::run::row::RunRow;

use super::Engine;
use super::error::EngineError;
use super::project::ProjectContext;

impl Engine {
    /// Returns the newest runs that a filter admits.
    pub async fn list(
        &self,
        project: &ProjectContext,
        filter: &RunFilter,
        count_max: usize,
    ) -> Result<Vec<ListedRun>, EngineError> {
        // Only what the filter admits counts towards the limit, so all rows are looked at if there is a filter.
        let looked_at = if filter.admits_all() { count_max } else { usize::MAX };
        let mut rows = self.runs(project, looked_at).await?;
        rows.retain(|row| filter.admits(row));
        rows.truncate(count_max);
        Ok(self.listed(project, rows).await)
    }

    /// Returns the sessions of the runs that a filter admits, those used last first.
    pub async fn sessions(
        &self,
        project: &ProjectContext,
        filter: &RunFilter,
        count_max: usize,
    ) -> Result<Vec<SessionLine>, EngineError> {
        let mut rows = self.runs(project, usize::MAX).await?;
        rows.retain(|row| filter.admits(row));
        let mut sessions = by_session(rows);
        sessions.truncate(count_max);
        let ids: Vec<&str> =
            sessions.iter().filter_map(|runs| runs.first()).map(|row| row.session_id.as_str()).collect();
        let forms = short::short_forms(&ids);
        let mut lines = vec![];
        for (runs, form) in sessions.into_iter().zip(forms) {
            lines.extend(SessionLine::new(&self.listed(project, runs).await, form));
        }
        Ok(lines)
    }

    async fn listed(&self, project: &ProjectContext, rows: Vec<RunRow>) -> Vec<ListedRun> {
        let mut listed = vec![];
        for row in rows {
            // One log that cannot be read must not hide the others.
            let found = self.load(project, row.run_id.clone()).await.ok();
            listed.push(ListedRun { row, digest: found.map(|found| RunDigest::new(&found.state)) });
        }
        listed
    }
}
