//! How many words people have written by hand, and how many that may be.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The most words of all pages that are written by hand: more is read by nobody in an hour.
pub const WORDS_MAX: usize = 12_000;

/// The first line of a page that a command writes.
pub const WRITTEN: &str = "<!-- Written by cargo xtask docs; do not edit. -->";

/// Returns the pages that people write, each with its number of words. Pages of error codes are part of the program, and
/// held to what it prints.
pub fn by_hand(root: &Path) -> io::Result<Vec<(PathBuf, usize)>> {
    let mut counted = vec![];
    for page in all(root)? {
        let text = fs::read_to_string(&page)?;
        let of_errors = page.parent().is_some_and(|dir| dir.ends_with("docs/errors"));
        if !of_errors && text.lines().next() != Some(WRITTEN) {
            counted.push((page, text.split_whitespace().count()));
        }
    }
    Ok(counted)
}

/// Returns every page: those beside the sources, and those in `docs`.
pub fn all(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut pages = markdown(root, false)?;
    pages.extend(markdown(&root.join("docs"), true)?);
    Ok(pages)
}

fn markdown(dir: &Path, below: bool) -> io::Result<Vec<PathBuf>> {
    let mut found = vec![];
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() && below {
            found.extend(markdown(&path, below)?);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
