//! Past runs, to learn from: read-only.

use jiff::Timestamp;
use pointsman_core::run::row::RunRow;
use pointsman_core::run::state::RunState;

use super::error::EngineError;
use crate::store::{Runs, Store, StorePaths};

/// The runs of the ledger.
pub struct History {
    store: Store,
}

/// Which runs to visit.
#[derive(Debug, Clone, Copy, Default)]
pub struct Span {
    /// Only runs that were requested at this instant or later.
    pub since: Option<Timestamp>,
    /// At most this many, the newest.
    pub count_max: Option<usize>,
}

/// One past run. Its log may be damaged; that must not hide the others.
pub struct PastRun {
    /// Its row in the ledger.
    pub row: RunRow,
    /// Its state, if its log can be read.
    pub state: Option<RunState>,
}

impl History {
    /// Opens the ledger read-only. If there were never any runs, nothing is created.
    pub fn open(paths: StorePaths) -> History {
        History { store: Store::open_to_read(paths) }
    }

    /// Passes every run of a span to a visitor, newest first.
    pub async fn each(&self, span: Span, mut visit: impl FnMut(PastRun)) -> Result<(), EngineError> {
        let count_max = span.count_max.unwrap_or(usize::MAX);
        let rows = self.store.runs(Runs::Newest { prefix: String::new(), count_max }).await?;
        // Ids are ordered by time, so the first run that is too old ends the search.
        let is_wanted = |row: &RunRow| span.since.is_none_or(|since| row.created_at >= since);
        for row in rows.into_iter().take_while(is_wanted) {
            let events = self.store.events(&row.run_id).await.ok();
            let state = events.and_then(|events| RunState::replay(&events).ok());
            visit(PastRun { row, state });
        }
        Ok(())
    }
}
