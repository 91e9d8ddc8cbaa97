//! Undoes what a run changed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use pointsman_core::changes::undo::{FileNow, Obstacle, obstacles};

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

    /// Takes all of it back, or nothing; returns whether git did.
    pub fn carry_out(&self) -> bool {
        let patch = self.patch.display().to_string();
        self.git.call(&self.kept.top, &["apply", "--reverse", "--whitespace=nowarn", &patch]).is_some()
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
