//! Changes where there is no git: by the sizes and times of files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use pointsman_core::changes::{ChangeKind, FileChange};

/// The most files of a place that is looked at: beyond it is no project, or one that needs git.
const FILES_MAX: usize = 20_000;

/// Directories whose content is made by tools.
const MADE_BY_TOOLS: [&str; 6] = [".git", "node_modules", "target", ".venv", "__pycache__", ".cache"];

/// Files by their paths, with sizes and times.
pub type Stamps = BTreeMap<String, (u64, Option<SystemTime>)>;

/// All files of a directory with their sizes and times.
pub struct Listing {
    top: PathBuf,
    files: Stamps,
}

impl Listing {
    /// Lists a directory. `None` if it has too many files or cannot be read.
    pub fn of(top: &Path) -> Option<Listing> {
        let mut listing = Listing { top: top.to_owned(), files: Stamps::new() };
        let mut open = vec![top.to_owned()];
        while let Some(dir) = open.pop() {
            // A directory that cannot be read, or is gone, has nothing to compare.
            for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
                let Ok(stat) = entry.metadata() else { continue };
                if !stat.is_dir() {
                    let path = entry.path();
                    let name = path.strip_prefix(top).ok()?.to_string_lossy().into_owned();
                    listing.files.insert(name, (stat.len(), stat.modified().ok()));
                } else if !MADE_BY_TOOLS.iter().any(|name| entry.file_name() == *name) {
                    open.push(entry.path());
                }
                if listing.files.len() + open.len() > FILES_MAX {
                    return None;
                }
            }
        }
        Some(listing)
    }

    /// Lists again, and returns what is different.
    pub fn compare(&self) -> Option<Vec<FileChange>> {
        Some(compared(&self.files, &Listing::of(&self.top)?.files))
    }
}

/// Returns what is different between two lists.
pub fn compared(before: &Stamps, after: &Stamps) -> Vec<FileChange> {
    let change = |path: &String, kind| FileChange { path: path.clone(), kind, added: None, removed: None };
    let here = after.iter().filter_map(|(path, stamp)| match before.get(path) {
        None => Some(change(path, ChangeKind::Added)),
        Some(then) => (then != stamp).then(|| change(path, ChangeKind::Modified)),
    });
    let gone = before.keys().filter(|path| !after.contains_key(*path));
    here.chain(gone.map(|path| change(path, ChangeKind::Deleted))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_changed_and_deleted_files_are_told_by_size_and_time() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("same", "same");
        write("changed", "one");
        write("below/deleted", "gone");
        let before = Listing::of(dir.path()).unwrap();
        write("changed", "another");
        write("below/new", "new");
        write("target/made", "by a tool");
        fs::remove_file(dir.path().join("below/deleted")).unwrap();
        let mut found: Vec<String> =
            before.compare().unwrap().iter().map(|c| format!("{} {}", c.kind.letter(), c.path)).collect();
        found.sort();
        assert_eq!(found, ["A below/new", "D below/deleted", "M changed"]);
    }
}
