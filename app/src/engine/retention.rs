//! Old things are removed: at most once a day in the background, and whenever a person asks for it.

use std::time::Duration;

use jiff::SignedDuration;
use pointsman_core::retention::{self, Past, Prunable, RetentionLimits};

use super::Engine;
use super::project::ProjectContext;
pub use crate::store::Pruned;
use crate::store::StoreError;

/// How long after a pass the next one is due.
const INTERVAL: SignedDuration = SignedDuration::from_hours(24);

impl Engine {
    /// Returns whether old things should be looked for: a day after they last were, or after the first question, whose
    /// instant is recorded.
    pub fn is_pruning_due(&self) -> bool {
        let now = self.clock.now();
        match self.store.pruned_at() {
            // A clock that was wrong must not put the next pass off for ever.
            Some(at) => (now.duration_since(at)).abs() >= INTERVAL,
            None => {
                self.store.set_pruned_at(now);
                false
            }
        }
    }

    /// Returns what there is of the past, and what of it may go by the limits of the settings; `keep` stands in the
    /// place of their time.
    pub async fn prunable(
        &self,
        project: &ProjectContext,
        keep: Option<Duration>,
    ) -> Result<(Past, Prunable), StoreError> {
        let now = self.clock.now();
        let limits = project.terms().retention;
        let limits = RetentionLimits { keep: keep.unwrap_or(limits.keep), ..limits };
        let past = self.store.past(now).await?;
        let gone = retention::prunable(&past, &limits, now);
        Ok((past, gone))
    }

    /// Removes what may go.
    pub async fn remove(&self, gone: &Prunable) -> Result<Pruned, StoreError> {
        let pruned = self.store.prune(gone).await?;
        self.store.set_pruned_at(self.clock.now());
        Ok(pruned)
    }

    /// Removes what is too old or too much, by the limits of the settings.
    pub async fn prune(&self, project: &ProjectContext) -> Result<Pruned, StoreError> {
        let (_, gone) = self.prunable(project, None).await?;
        self.remove(&gone).await
    }
}
