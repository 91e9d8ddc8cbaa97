//! Finding out what there is of the past, and removing what [`prunable`](pointsman_core::retention::prunable) says.
//!
//! Files go first, then rows: whatever interrupts this, the next pass finds the rest. A ledger that cannot be used
//! removes nothing, for then nobody knows which runs are over.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use pointsman_core::ids::RunId;
use pointsman_core::retention::{EndedRun, Past, Prunable};

use super::error::StoreError;
use super::private::PrivateError;
use super::{Runs, Store, hooks, metrics, private};
use crate::regular_file;

/// How many runs or facts are removed in one transaction: others wait for it.
const RUNS_AT_ONCE: usize = 50;
const FACTS_AT_ONCE: usize = 1000;

/// Files of a run that nobody knows stay for this long.
const YOUNG: SignedDuration = SignedDuration::from_hours(24);

/// The file that tells when old things were last removed.
const PRUNED_AT: &str = "pruned-at";

/// What was removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Whole runs.
    pub run_count: usize,
    /// Live logs of runs whose facts stay.
    pub live_log_count: usize,
    /// Facts of hooks.
    pub hook_fact_count: usize,
    /// Days of metrics.
    pub metric_day_count: usize,
}

impl Store {
    /// Returns when old things were last removed, if it is known.
    pub fn pruned_at(&self) -> Option<Timestamp> {
        let bytes = regular_file::read(&self.state.as_ref()?.join(PRUNED_AT), 64).ok()?;
        std::str::from_utf8(&bytes).ok()?.trim().parse().ok()
    }

    /// Records when old things were last removed.
    pub fn set_pruned_at(&self, now: Timestamp) {
        // Without this the next pass comes sooner.
        let _ = self
            .state
            .as_ref()
            .map(|state| private::replace(&state.join(PRUNED_AT), now.to_string().as_bytes()));
    }

    /// Returns what there is of the past.
    pub async fn past(&self, now: Timestamp) -> Result<Past, StoreError> {
        let mut past = self.ledger.ask(|ledger| ledger.past()).await?;
        let open: BTreeSet<_> = self.runs(Runs::Open).await?.into_iter().map(|row| row.run_id).collect();
        let Some(state) = &self.state else { return Ok(past) };
        let mut logs = live_logs(state);
        for run in &mut past.runs {
            run.log_bytes = logs.remove(&run.run_id).map_or(0, |log| log.bytes);
        }
        // Files of a run that nobody knows: its ledger was moved aside, or a pass was interrupted. Young ones may belong
        // to a run that is just beginning.
        let is_left =
            |run: &RunId, log: &LiveLog| !open.contains(run) && now.duration_since(log.written_at) > YOUNG;
        past.runs.extend(logs.into_iter().filter(|(run, log)| is_left(run, log)).map(without_facts));
        past.metric_days = metrics::days(state);
        Ok(past)
    }

    /// Removes what may go.
    pub async fn prune(&self, gone: &Prunable) -> Result<Pruned, StoreError> {
        let mut pruned = Pruned::default();
        let Some(state) = &self.state else { return Ok(pruned) };
        for day in &gone.metric_days {
            pruned.metric_day_count += usize::from(metrics::remove(state, *day));
        }
        for run in &gone.live_logs {
            pruned.live_log_count += usize::from(self.remove_run_dir(run));
        }
        for runs in gone.runs.chunks(RUNS_AT_ONCE) {
            let dir_count = runs.iter().filter(|run| self.remove_run_dir(run)).count();
            let asked = runs.to_vec();
            let row_count = self.ledger.ask(move |ledger| ledger.remove_runs(&asked)).await?;
            pruned.run_count += row_count.max(dir_count);
        }
        if let Some(before) = gone.hook_facts_before {
            pruned.hook_fact_count = self.remove_hook_facts(before).await?;
            hooks::remove_notes(state, before);
        }
        while self.ledger.ask(|ledger| ledger.give_space_back()).await? {}
        Ok(pruned)
    }

    async fn remove_hook_facts(&self, before: Timestamp) -> Result<usize, StoreError> {
        let mut total = 0;
        loop {
            let removed =
                self.ledger.ask(move |ledger| ledger.remove_hook_facts(before, FACTS_AT_ONCE)).await?;
            total += removed;
            if removed < FACTS_AT_ONCE {
                return Ok(total);
            }
        }
    }

    /// Removes a run's files; returns whether there were any.
    fn remove_run_dir(&self, run: &RunId) -> bool {
        let runs = self.state.as_ref().and_then(|state| own_runs(state).ok());
        runs.is_some_and(|runs| fs::remove_dir_all(runs.join(run.as_str())).is_ok())
    }
}

/// Returns the directory of all runs, if it is real and ours.
fn own_runs(state: &Path) -> Result<PathBuf, PrivateError> {
    let runs = state.join("runs");
    private::check_dir(&runs).map(|()| runs)
}

/// The files of a run.
struct LiveLog {
    bytes: u64,
    written_at: Timestamp,
}

fn live_logs(state: &Path) -> BTreeMap<RunId, LiveLog> {
    // A link could lead anywhere, and what lies there is not ours to remove.
    let Ok(runs) = own_runs(state) else { return BTreeMap::new() };
    let dirs = fs::read_dir(runs).into_iter().flatten().flatten();
    dirs.filter_map(|dir| Some((dir.file_name().to_str()?.parse().ok()?, live_log(&dir.path())?))).collect()
}

fn live_log(dir: &Path) -> Option<LiveLog> {
    let meta = fs::symlink_metadata(dir).ok()?;
    let files = fs::read_dir(dir).ok()?.flatten().filter_map(|file| file.metadata().ok());
    Some(LiveLog {
        bytes: files.map(|meta| meta.blocks() * 512).sum(),
        written_at: Timestamp::from_second(meta.mtime()).ok()?,
    })
}

fn without_facts((run_id, log): (RunId, LiveLog)) -> EndedRun {
    EndedRun { run_id, ended_at: log.written_at, fact_bytes: 0, log_bytes: log.bytes }
}
