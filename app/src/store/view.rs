//! The ledger and the spool seen as one: looking imports nothing.

use pointsman_core::ids::RunId;
use pointsman_core::run::event::RunEvent;
use pointsman_core::run::row::RunRow;
use pointsman_core::run::state::RunState;

use super::error::StoreError;
use super::ledger::{Ledger, Runs};

/// Returns a run's log: the ledger's events, and those in the spool that the ledger does not have yet.
pub(super) fn log(
    ledger: &mut dyn Ledger,
    spooled: &[RunEvent],
    run: &RunId,
) -> Result<Vec<RunEvent>, StoreError> {
    let mut log = ledger.events(run)?;
    let last = log.last().map_or(0, |event| event.seq);
    let mut rest: Vec<&RunEvent> =
        spooled.iter().filter(|event| event.run_id == *run && event.seq > last).collect();
    rest.sort_by_key(|event| event.seq);
    rest.dedup_by_key(|event| event.seq);
    log.extend(rest.into_iter().cloned());
    Ok(log)
}

/// Returns the rows of runs, recomputed for runs with spooled events.
pub(super) fn rows(
    ledger: &mut dyn Ledger,
    spooled: &[RunEvent],
    which: &Runs,
) -> Result<Vec<RunRow>, StoreError> {
    let mut rows = ledger.runs(which)?;
    let mut ids: Vec<&RunId> = spooled.iter().map(|event| &event.run_id).collect();
    ids.sort();
    ids.dedup();
    if ids.is_empty() {
        return Ok(rows);
    }
    for id in ids {
        let log = log(ledger, spooled, id)?;
        let state = RunState::replay(&log).ok();
        let row = state.and_then(|state| RunRow::new(id, &state, log.last()?.at));
        // A log with a gap has no row: the rest of it is elsewhere.
        if let Some(row) = row {
            rows.retain(|other| other.run_id != *id);
            rows.extend(Some(row).filter(|row| which.admits(row)));
        }
    }
    which.put_in_order(&mut rows);
    Ok(rows)
}

impl Runs {
    pub(super) fn admits(&self, row: &RunRow) -> bool {
        match self {
            Runs::Newest { prefix, .. } => row.run_id.as_str().starts_with(prefix),
            Runs::Open => !row.is_finished(),
            Runs::OfSession { session, rehearsal, .. } => {
                row.session_id == *session && row.rehearsal == *rehearsal && row.ended_well()
            }
        }
    }

    pub(super) fn put_in_order(&self, rows: &mut Vec<RunRow>) {
        match self {
            Runs::Newest { count_max, .. } => {
                rows.sort_by(|a, b| b.run_id.cmp(&a.run_id));
                rows.truncate(*count_max);
            }
            Runs::Open => rows.sort_by(|a, b| b.run_id.cmp(&a.run_id)),
            Runs::OfSession { project, count_max, .. } => {
                let is_elsewhere = |row: &RunRow| row.project_root != project.to_string_lossy();
                rows.sort_by_key(|row| (is_elsewhere(row), std::cmp::Reverse(row.updated_at)));
                rows.truncate(*count_max);
            }
        }
    }
}
