//! Facts seen by hooks: recorded by the hook itself, imported and read by everything else.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use pointsman_core::agent::Catalog;
use pointsman_core::compliance::RunServed;
use pointsman_core::hook::fact::{HookEvent, HookFact};
use pointsman_core::hook::transcript;
use pointsman_core::ids::RunId;
use pointsman_core::report::metrics::HookRecord;
use pointsman_core::run::state::RunState;
use tokio::time::Instant;

use super::Engine;
use super::error::EngineError;
use crate::regular_file;
pub use crate::store::BreakerRow;
pub use crate::store::hooks::HookStore;
pub use crate::store::takeovers::{Claim, Marker};

/// How much of a transcript's end an import reads: of a turn that begins earlier only a part is known.
const BYTES_MAX: u64 = 8 << 20;

/// How long transcripts are read while facts are imported: the ledger is blocked meanwhile.
const LEARNING_LIMIT: Duration = Duration::from_secs(2);

/// How much of a transcript's end a hook reads, while the user waits.
pub const HOOK_BYTES_MAX: u64 = 256 << 10;

/// Reads what ran from the transcript that a fact names.
///
/// The CLI writes transcripts independently of its hooks: a fast hook finds the last lines missing, so the process that
/// imports the fact reads again.
pub fn enrich(fact: &mut HookFact, last_message: Option<&str>, bytes_max: u64) {
    let ran = fact.source().and_then(|(path, part)| transcript::read(end_of(path, bytes_max)?.lines(), part));
    ran.into_iter().for_each(|ran| fact.enrich(ran, last_message));
}

/// Reads again where the hook did not see everything.
fn enrich_rest(fact: &mut HookFact) {
    if fact.is_open() {
        enrich(fact, None, BYTES_MAX);
    }
}

fn end_of(path: &Path, bytes_max: u64) -> Option<String> {
    let mut file = regular_file::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(bytes_max))).ok()?;
    let mut bytes = vec![];
    file.take(bytes_max).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

impl Engine {
    /// Imports what hooks have written since the last import; returns how many facts were new. Transcripts are read
    /// only within [`LEARNING_LIMIT`]; a reader of the facts reads the rest.
    pub async fn import_hook_facts(&self, catalog: &Catalog) -> usize {
        let until = Instant::now() + LEARNING_LIMIT;
        let learn = move |fact: &mut HookFact| {
            if Instant::now() < until {
                enrich_rest(fact);
            }
        };
        let facts = self.store.drain_hook_spool(learn).await;
        let tier_of = |model: &str| catalog.tier_of_model(model);
        for fact in &facts {
            if let Some(record) = HookRecord::of(fact, &tier_of) {
                // Metrics are for others to read; the ledger has the fact.
                let _ = self.store.append_metrics(fact.at, &record);
            }
        }
        facts.len()
    }

    /// Returns the facts of hooks since an instant, and which models served the runs that took prompts over.
    pub async fn hook_facts(&self, since: Timestamp) -> Result<(Vec<HookFact>, Vec<RunServed>), EngineError> {
        let mut facts = self.store.hook_facts(since).await?;
        // These were imported before the CLI had written its transcript.
        facts.iter_mut().filter(|fact| fact.ran().is_none_or(|ran| ran.answers == 0)).for_each(enrich_rest);
        let runs = facts.iter().filter_map(|fact| match &fact.what {
            HookEvent::RoutingRecommendation(one) => one.run_id.as_ref(),
            _ => None,
        });
        let mut served = vec![];
        for run in runs {
            served.extend(self.served(run).await);
        }
        Ok((facts, served))
    }

    async fn served(&self, run: &RunId) -> Option<RunServed> {
        let state = RunState::replay(&self.store.events(run).await.ok()?).ok()?;
        let models = state.attempts.iter().filter_map(|attempt| attempt.ended.as_ref());
        Some(RunServed {
            run_id: run.clone(),
            models_served: models.flat_map(|ended| ended.models_served.clone()).collect(),
            is_over: state.is_finished(),
        })
    }
}
