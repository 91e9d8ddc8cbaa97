//! What a run changed in its project: the files, and whether that can be undone.

pub mod git_diff;
pub mod undo;

use serde::{Deserialize, Serialize};

/// The most files that are listed; all are counted.
pub const FILES_LISTED_MAX: usize = 200;

/// What changed in a project while a run was at work.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// How it was seen.
    pub source: ChangeSource,
    /// How many files changed.
    pub file_count: u64,
    /// How many lines were added, as far as they were counted.
    pub added_lines: u64,
    /// How many lines were removed, as far as they were counted.
    pub removed_lines: u64,
    /// The files, in the order of their paths.
    pub files: Vec<FileChange>,
}

/// How changes were seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeSource {
    /// By git: two trees of the working tree, before and after. Ignored files are left out.
    #[default]
    Git,
    /// By the sizes and times of all files, where there is no git.
    Listing,
}

/// One file that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChange {
    /// The path, below the top of the working tree.
    pub path: String,
    /// What happened to it.
    pub kind: ChangeKind,
    /// How many lines were added; absent where lines were not counted, as in binary files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub added: Option<u64>,
    /// How many lines were removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed: Option<u64>,
}

/// What happened to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// Its content, kind or mode is another.
    Modified,
    /// It is gone.
    Deleted,
}

impl ChangeKind {
    /// Returns the letter that stands for it, as git prints it.
    pub fn letter(self) -> char {
        match self {
            ChangeKind::Added => 'A',
            ChangeKind::Modified => 'M',
            ChangeKind::Deleted => 'D',
        }
    }
}

impl Changes {
    /// Sums up files that changed.
    pub fn of_files(source: ChangeSource, mut files: Vec<FileChange>) -> Changes {
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let sum = |lines: fn(&FileChange) -> Option<u64>| files.iter().filter_map(lines).sum();
        let (added_lines, removed_lines) = (sum(|file| file.added), sum(|file| file.removed));
        let file_count = files.len() as u64;
        files.truncate(FILES_LISTED_MAX);
        Changes { source, file_count, added_lines, removed_lines, files }
    }

    /// Returns whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.file_count == 0
    }
}
