//! What a run changes in its project: looked at before and after.
//!
//! Where there is git, two trees of the whole working tree are compared. They are made in a repository of our own, with
//! the project's objects beside it: nothing of the project's repository is written, and nothing that its configuration
//! could have git start is read. Where there is none, sizes and times of the files are compared.
//!
//! Reading order: this file, `git` (how git is called), `snapshot` (the two trees), `listing` (without git), `undo`.

mod git;
mod listing;
mod snapshot;
pub mod undo;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use pointsman_core::changes::git_diff::DiffEntry;
use pointsman_core::changes::{ChangeSource, Changes, FileChange};

use listing::Listing;
use snapshot::Snapshot;

use crate::store::private;

/// The directory of the two trees below that of the run; it is gone when the run is over.
pub const SNAPSHOT_DIR: &str = "snapshot";
/// The changes as a patch, below the directory of the run.
pub const PATCH_FILE: &str = "changes.patch";
/// Each file of the patch with its ids.
const ENTRIES_FILE: &str = "changes.json";

/// Whether the content of changes may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// It may.
    Kept,
    /// It may not: words are not stored.
    Dropped,
}

/// A project before a run.
pub enum Before {
    /// By git.
    Git(Box<Snapshot>),
    /// By the files' sizes and times.
    Listing(Listing),
    /// It could not be looked at.
    Nothing,
}

/// Looks at a project before a run. `run_dir` is a private directory, `ambient` our own environment.
pub fn before(project: &Path, run_dir: &Path, ambient: &BTreeMap<String, String>) -> Before {
    if let Some(repository) = git::Repository::find(project, ambient) {
        return match Snapshot::take(repository, &run_dir.join(SNAPSHOT_DIR)) {
            Some(snapshot) => Before::Git(Box::new(snapshot)),
            None => Before::Nothing,
        };
    }
    Listing::of(project).map_or(Before::Nothing, Before::Listing)
}

impl Before {
    /// Looks again, and keeps what is needed to show and to undo the changes.
    pub fn after(self, run_dir: &Path, content: Content) -> Option<Changes> {
        match self {
            Before::Git(snapshot) => {
                let found = snapshot.compare(content);
                // It holds copies of the project's files.
                let _ = fs::remove_dir_all(run_dir.join(SNAPSHOT_DIR));
                let (found, patch) = found?;
                if !found.files.is_empty() {
                    keep(run_dir, &snapshot, &found.files, &patch);
                }
                let files: Vec<FileChange> =
                    found.files.iter().map(DiffEntry::change).chain(found.large).collect();
                Some(Changes::of_files(ChangeSource::Git, files))
            }
            Before::Listing(listing) => Some(Changes::of_files(ChangeSource::Listing, listing.compare()?)),
            Before::Nothing => None,
        }
    }
}

/// What is kept of a run's changes.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct KeptChanges {
    top: PathBuf,
    object_format: String,
    files: Vec<DiffEntry>,
}

fn keep(run_dir: &Path, snapshot: &Snapshot, files: &[DiffEntry], patch: &str) {
    let (top, object_format) = (snapshot.top.clone(), snapshot.object_format.clone());
    let kept = KeptChanges { top, object_format, files: files.to_vec() };
    let json = serde_json::to_vec(&kept).expect("plain data has a JSON form");
    // A full disk: the run has its list of files all the same, and `runs diff` says that the rest is not there.
    let patch = private::write(&run_dir.join(PATCH_FILE), patch.as_bytes());
    let _ = patch.and_then(|()| private::write(&run_dir.join(ENTRIES_FILE), &json));
}

fn kept(run_dir: &Path) -> Option<KeptChanges> {
    serde_json::from_slice(&fs::read(run_dir.join(ENTRIES_FILE)).ok()?).ok()
}

/// Returns the patch of a run's changes, if it was kept, and the files that are missing in it.
pub fn patch(run_dir: &Path) -> Option<(String, Vec<DiffEntry>)> {
    let patch = String::from_utf8_lossy(&fs::read(run_dir.join(PATCH_FILE)).ok()?).into_owned();
    let missing = kept(run_dir)?.files.into_iter().filter(|file| file.not_kept.is_some());
    Some((patch, missing.collect()))
}
