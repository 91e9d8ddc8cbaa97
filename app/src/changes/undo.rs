//! Undoes what a run changed.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::{fs, io};

use pointsman_core::changes::git_diff::DiffEntry;
use pointsman_core::changes::undo::{FileNow, Obstacle, obstacles};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use tempfile::TempDir;

use super::git::{self, Git};
use super::{KeptChanges, PATCH_FILE, kept};

/// How many paths one call of git is asked about: the answer is bounded.
const PATHS_ASKED: usize = 100;

/// Changes that can be looked at for undoing.
pub struct Undo {
    git: Git,
    kept: KeptChanges,
    patch: PathBuf,
    /// An empty repository: the configuration of the project's has no say.
    _repository: TempDir,
}

/// Why nothing was undone.
#[derive(Debug, thiserror::Error)]
pub enum UndoError {
    /// Git refused.
    #[error("git does not take the changes back")]
    Refused,
    /// A file could not be written or moved.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Files could not go back either.
    #[error("files could not be moved back: what was there is in `{}`", kept.display())]
    HalfWay {
        /// Where they are.
        kept: PathBuf,
    },
}

impl UndoError {
    /// Returns whether some files are not where they were.
    pub fn is_half_way(&self) -> bool {
        matches!(self, UndoError::HalfWay { .. })
    }
}

/// Has signals wait while files change places: returns what ends that.
fn signals_wait() -> io::Result<Heard> {
    let heard = Arc::new(AtomicBool::new(false));
    let signals = [SIGINT, SIGTERM, SIGHUP];
    let ids = signals.into_iter().map(|signal| signal_hook::flag::register(signal, Arc::clone(&heard)));
    Ok(Heard { ids: ids.collect::<io::Result<Vec<_>>>()? })
}

/// Signals that are noted and do nothing, until this is dropped.
struct Heard {
    ids: Vec<signal_hook::SigId>,
}

impl Drop for Heard {
    fn drop(&mut self) {
        for id in self.ids.drain(..) {
            signal_hook::low_level::unregister(id);
        }
    }
}

/// Returns the mode of a file as it was: that of the file as it is, but for the bit that git knows, or git's own.
fn mode_before(file: &DiffEntry, now: Option<u32>) -> u32 {
    let runs = file.mode_before == "100755";
    match (now, file.mode_before == file.mode_after) {
        (Some(now), true) => now & 0o7777,
        (Some(now), false) if runs => (now | 0o111) & 0o7777,
        (Some(now), false) => now & 0o7666,
        (None, _) if runs => 0o755,
        (None, _) => 0o644,
    }
}

impl Undo {
    /// Opens what was kept of a run's changes. `None` if nothing was, or git is not there.
    pub fn open(run_dir: &Path, ambient: &BTreeMap<String, String>) -> Option<Undo> {
        let (mut git, kept) = (Git::find(ambient)?, kept(run_dir)?);
        let repository = tempfile::tempdir().ok()?;
        git::create(repository.path(), &kept.object_format).ok()?;
        git.set("GIT_DIR", repository.path());
        git.set("GIT_WORK_TREE", &kept.top);
        Some(Undo { git, kept, patch: run_dir.join(PATCH_FILE), _repository: repository })
    }

    /// Returns the top of the working tree.
    pub fn top(&self) -> &Path {
        &self.kept.top
    }

    /// Returns what stands against it as the files are now.
    pub fn obstacles(&self) -> Vec<Obstacle> {
        let paths: Vec<&str> = self.kept.files.iter().map(|file| file.path.as_str()).collect();
        let filtered = self.filtered(&paths);
        obstacles(&self.kept.files, |file| FileNow {
            content: self.content_now(&file.path),
            is_filtered: filtered.contains(&file.path),
        })
    }

    /// Takes all of it back, or nothing.
    ///
    /// What the files were is made in a directory beside them first; only when all of it is there, files change places, which
    /// needs no room on the disk. If that fails half-way, they change back.
    pub fn carry_out(&self) -> Result<(), UndoError> {
        let _until_it_is_done = signals_wait()?;
        let place = tempfile::Builder::new().prefix(".pointsman-undo-").tempdir_in(&self.kept.top)?;
        let (made, replaced) = (place.path().join("made"), place.path().join("replaced"));
        fs::create_dir(&made)?;
        fs::create_dir(&replaced)?;
        self.make_files(&made)?;
        let mut moved = vec![];
        for file in &self.kept.files {
            if let Err(error) = self.exchange(file, &made, &replaced, &mut moved) {
                let went_back = |(from, to): &(PathBuf, PathBuf)| fs::rename(to, from).is_ok();
                let stuck_count = moved.iter().rev().filter(|moved| !went_back(moved)).count();
                // What could not go back must not be removed with the directory.
                return Err(match stuck_count {
                    0 => error.into(),
                    _ => UndoError::HalfWay { kept: place.keep() },
                });
            }
        }
        self.remove_empty_dirs();
        Ok(())
    }

    /// Makes the files as they were, with the modes that they had.
    fn make_files(&self, made: &Path) -> Result<(), UndoError> {
        for file in self.kept.files.iter().filter(|file| file.not_kept.is_none()) {
            let (now, copy) = (self.kept.top.join(&file.path), made.join(&file.path));
            copy.parent().map_or(Ok(()), fs::create_dir_all)?;
            if now.symlink_metadata().is_ok() {
                fs::copy(now, copy)?;
            }
        }
        let patch = fs::canonicalize(&self.patch)?;
        let mut git = self.git.clone();
        git.set("GIT_WORK_TREE", made);
        let args = ["apply", "--reverse", "--whitespace=nowarn", &patch.to_string_lossy()];
        let is_empty = fs::metadata(&patch)?.len() == 0;
        if !is_empty && git.call(made, &args).is_none() {
            return Err(UndoError::Refused);
        }
        for file in self.kept.files.iter().filter(|file| file.existed_before()) {
            let now = self.kept.top.join(&file.path).metadata().ok().map(|stat| stat.permissions().mode());
            let mode = mode_before(file, now);
            fs::set_permissions(made.join(&file.path), fs::Permissions::from_mode(mode))?;
        }
        Ok(())
    }

    /// Puts a file in the place of what the run left there.
    fn exchange(
        &self,
        file: &DiffEntry,
        made: &Path,
        replaced: &Path,
        moved: &mut Vec<(PathBuf, PathBuf)>,
    ) -> io::Result<()> {
        let mut rename = |from: PathBuf, to: PathBuf| {
            to.parent().map_or(Ok(()), fs::create_dir_all)?;
            fs::rename(&from, &to)?;
            moved.push((from, to));
            Ok::<(), io::Error>(())
        };
        let (now, before) = (self.kept.top.join(&file.path), made.join(&file.path));
        if now.symlink_metadata().is_ok() {
            rename(now.clone(), replaced.join(&file.path))?;
        }
        if before.symlink_metadata().is_ok() && file.existed_before() {
            rename(before, now)?;
        }
        Ok(())
    }

    /// Removes directories that only the run's new files were in.
    fn remove_empty_dirs(&self) {
        for file in &self.kept.files {
            let above = Path::new(&file.path).ancestors().skip(1).filter(|dir| !dir.as_os_str().is_empty());
            for dir in above {
                // One that is not empty stays.
                if fs::remove_dir(self.kept.top.join(dir)).is_err() {
                    break;
                }
            }
        }
    }

    /// Returns the id of a file's content as it is.
    fn content_now(&self, path: &str) -> Option<String> {
        let full = self.kept.top.join(path);
        full.symlink_metadata().ok()?;
        let said = self.git.call(&self.kept.top, &["hash-object", "--no-filters", "--", path]);
        Some(said.and_then(|said| said.lines().next().map(str::to_owned)).unwrap_or_default())
    }

    /// Returns the paths that git's attributes give a filter, or another encoding.
    fn filtered(&self, paths: &[&str]) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for some in paths.chunks(PATHS_ASKED) {
            let mut args = vec!["check-attr", "-z", "filter", "working-tree-encoding", "--"];
            args.extend(some);
            let said = self.git.call(&self.kept.top, &args).unwrap_or_default();
            let fields: Vec<&str> = said.split('\0').collect();
            let set = fields.chunks_exact(3).filter(|answer| answer[2] != "unspecified");
            found.extend(set.map(|answer| answer[0].to_owned()));
        }
        found
    }
}
