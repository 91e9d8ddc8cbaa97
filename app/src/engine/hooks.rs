//! Facts seen by hooks: recorded by the hook itself, imported and read by everything else.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
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
use crate::store::Runs;
pub use crate::store::hook_counts::HookCounts;
pub use crate::store::hooks::HookStore;
pub use crate::store::takeovers::{Claim, Marker};

/// How much of a transcript's end an import reads: of a turn that begins earlier only a part is known.
const BYTES_MAX: u64 = 8 << 20;

/// How long transcripts are read while facts are imported: the ledger is blocked meanwhile.
const LEARNING_LIMIT: Duration = Duration::from_secs(2);

/// A transcript that has not grown for so long belongs to a session that is over, or waits for its person; what was
/// said before is in it.
const SETTLED_AFTER: Duration = Duration::from_secs(60 * 60);

/// How much of a transcript's end a hook reads, while the user waits.
pub const HOOK_BYTES_MAX: u64 = 256 << 10;

/// Reads what ran from the transcript that a fact names.
///
/// The CLI writes transcripts independently of its hooks: a fast hook finds the last lines missing, so the process that
/// imports the fact reads again.
pub fn enrich(fact: &mut HookFact, last_message: Option<&str>, bytes_max: u64) {
    let Some((path, part)) = fact.source() else { return };
    let Some(end) = End::read(path, bytes_max) else { return };
    let ran = transcript::read(end.text.lines(), &[part]).into_iter().flatten().next();
    ran.into_iter().for_each(|ran| fact.enrich(ran, last_message));
}

/// Reads again for facts that are open: each transcript once, however many facts name it, and none after an instant.
fn enrich_open(facts: &mut [&mut HookFact], until: Option<Instant>) {
    let mut by_transcript: BTreeMap<PathBuf, Vec<&mut HookFact>> = BTreeMap::new();
    for fact in facts.iter_mut().filter(|fact| fact.is_open()) {
        if let Some((path, _)) = fact.source() {
            by_transcript.entry(path.to_owned()).or_default().push(fact);
        }
    }
    for (path, mut facts) in by_transcript {
        if until.is_some_and(|until| Instant::now() >= until) {
            return;
        }
        let Some(end) = End::read(&path, BYTES_MAX) else { continue };
        let parts: Vec<_> = facts.iter().filter_map(|fact| Some(fact.source()?.1)).collect();
        let ran = transcript::read(end.text.lines(), &parts);
        for (fact, ran) in facts.iter_mut().zip(ran) {
            ran.into_iter().for_each(|ran| fact.enrich(ran, None));
            if end.is_settled {
                fact.settle();
            }
        }
    }
}

/// Returns the end of a transcript.
pub fn end_of_transcript(path: &Path, bytes_max: u64) -> Option<String> {
    End::read(path, bytes_max).map(|end| end.text)
}

/// The end of a transcript.
struct End {
    text: String,
    /// Whether it has not grown for so long that it will not.
    is_settled: bool,
}

impl End {
    fn read(path: &Path, bytes_max: u64) -> Option<End> {
        let mut file = regular_file::open(path).ok()?;
        let meta = file.metadata().ok()?;
        file.seek(SeekFrom::Start(meta.len().saturating_sub(bytes_max))).ok()?;
        let mut bytes = vec![];
        file.take(bytes_max).read_to_end(&mut bytes).ok()?;
        let is_settled = meta.modified().ok()?.elapsed().is_ok_and(|quiet| quiet >= SETTLED_AFTER);
        Some(End { text: String::from_utf8_lossy(&bytes).into_owned(), is_settled })
    }
}

impl Engine {
    /// Imports what hooks have written since the last import; returns how many facts were new. Transcripts are read
    /// only within [`LEARNING_LIMIT`]; a reader of the facts reads the rest.
    pub async fn import_hook_facts(&self, catalog: &Catalog) -> usize {
        let until = Instant::now() + LEARNING_LIMIT;
        let learn =
            move |facts: &mut [HookFact]| enrich_open(&mut facts.iter_mut().collect::<Vec<_>>(), Some(until));
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
        self.learn_of_blank(&mut facts).await;
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

    /// Returns when a hook of ours was last heard of in a project since an instant. Imports nothing.
    pub async fn last_heard(&self, project_root: &Path, since: Timestamp) -> Option<Timestamp> {
        let facts = self.facts_since(since).await;
        let here = facts.iter().filter(|fact| Path::new(&fact.project_root) == project_root);
        here.map(|fact| fact.at).max()
    }

    /// Returns the facts of hooks since an instant, those that wait to be imported among them.
    async fn facts_since(&self, since: Timestamp) -> Vec<HookFact> {
        let mut facts = self.store.hook_facts_waiting();
        facts.extend(self.store.hook_facts(since).await.unwrap_or_default());
        facts
    }

    /// Returns which sessions of the CLI no hook of ours heard of since an instant. A run's own agents are left out: hooks
    /// keep silent there. Imports nothing.
    pub async fn unheard(&self, mut sessions: Vec<String>, since: Timestamp) -> Vec<String> {
        /// How many runs are looked at for the sessions of their agents.
        const RUN_COUNT_MAX: usize = 50;
        let facts = self.facts_since(since).await;
        let heard: BTreeSet<&str> = facts.iter().map(|fact| fact.session.as_str()).collect();
        sessions.retain(|session| !heard.contains(session.as_str()));
        if sessions.is_empty() {
            return sessions;
        }
        let newest = Runs::Newest { prefix: String::new(), count_max: RUN_COUNT_MAX };
        for run in self.store.runs(newest).await.unwrap_or_default() {
            let events = self.store.events(&run.run_id).await.unwrap_or_default();
            let state = RunState::replay(&events).ok();
            for attempt in state.iter().flat_map(|state| &state.attempts) {
                let ended = attempt.ended.as_ref().and_then(|ended| ended.agent_session_id.as_ref());
                let ids = [attempt.started.agent_session_id.as_ref(), ended];
                sessions.retain(|session| !ids.into_iter().flatten().any(|id| id.as_str() == session));
            }
        }
        sessions
    }

    /// Reads again for facts that were imported before the CLI had written its transcript. What is found is kept, and so
    /// is that nothing will be: the next report does not read for it.
    async fn learn_of_blank(&self, facts: &mut [HookFact]) {
        let mut blank: Vec<&mut HookFact> = facts.iter_mut().filter(|fact| fact.is_blank()).collect();
        enrich_open(&mut blank, None);
        let learnt = blank.into_iter().filter(|fact| !fact.is_blank()).map(|fact| fact.clone()).collect();
        self.store.update_hook_facts(learnt).await;
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
