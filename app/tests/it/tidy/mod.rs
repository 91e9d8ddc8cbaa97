//! What the sources themselves must keep to: every file says what it is for and can be held in the head, and the
//! walls between rooms stand (`walls`, by what `paths` reads).

mod paths;
mod walls;

use std::fs;
use std::path::{Path, PathBuf};

/// A file longer than this is probably two things.
const LINES_MAX: usize = 600;

/// A source file of the repository.
struct Source {
    /// The path below the repository.
    path: String,
    text: String,
}

impl Source {
    /// Tells whether it is tests, which may do what they must; their room says what it is for.
    fn is_test(&self) -> bool {
        let Source { path, .. } = self;
        path.ends_with("/tests.rs")
            || path.ends_with("/fixture.rs")
            || path.contains("/src/") && path.contains("/tests/")
            || path.contains("/tests/it/")
    }
}

/// Returns every source below the given folders, sorted by path.
fn sources(folders: &[&str]) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let files = folders.iter().flat_map(|folder| crate::sandbox::walk(&root.join(folder)));
    let is_rust = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs");
    let read = |path: PathBuf| Source {
        text: fs::read_to_string(&path).unwrap(),
        path: path.strip_prefix(root).unwrap().display().to_string(),
    };
    let mut sources: Vec<Source> = files.filter(is_rust).map(read).collect();
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(sources.len() >= 10, "the sources were not found");
    sources
}

#[test]
fn every_file_says_what_it_is_for() {
    let sources = sources(&["core/src", "core/tests", "app/src", "app/tests", "xtask/src"]);
    let silent = sources.iter().filter(|source| !source.text.starts_with("//!"));
    let found: Vec<&str> = silent
        .map(|source| source.path.as_str())
        .filter(|path| !path.ends_with("/tests.rs") && !path.ends_with("/fixture.rs"))
        .collect();
    assert!(found.is_empty(), "no `//!` line at the top of: {found:#?}");
}

#[test]
fn every_file_can_be_held_in_the_head() {
    let sources = sources(&["core/src", "core/tests", "app/src", "app/tests", "xtask/src"]);
    let long = sources.iter().filter(|source| source.text.lines().count() > LINES_MAX);
    let found: Vec<&str> = long.map(|source| source.path.as_str()).collect();
    assert!(found.is_empty(), "more than {LINES_MAX} lines: {found:#?}");
}
