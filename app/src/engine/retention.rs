//! Old things are removed: at most once a day in the background, and whenever a person asks for it.

use jiff::SignedDuration;
use pointsman_core::retention;

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

    /// Removes what is too old or too much, by the limits of the settings.
    pub async fn prune(&self, project: &ProjectContext) -> Result<Pruned, StoreError> {
        let now = self.clock.now();
        let past = self.store.past(now).await?;
        let pruned = self.store.prune(&retention::prunable(&past, &project.terms().retention, now)).await?;
        self.store.set_pruned_at(now);
        Ok(pruned)
    }
}
