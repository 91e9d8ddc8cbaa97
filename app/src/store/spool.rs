//! Spools: append-only files that the ledger takes over later. One is for events when the ledger cannot be written,
//! one for hooks, which never write it.
//!
//! Writers hold a shared lock while they append; whoever drains first renames the file, then takes
//! the exclusive lock, so that no line is written into a file that was already read.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::lock::is_named;
use super::private;

/// The file that is appended to.
const FILE: &str = "events.jsonl";

/// Files that a drain has taken begin with this; one that crashed leaves its file for the next.
const TAKEN: &str = "taken-";

pub(super) struct Spool {
    /// Where it may be, best first.
    dirs: Vec<PathBuf>,
    /// Whether what is appended must survive the loss of power.
    durability: Durability,
}

/// What must be survived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    /// The loss of power.
    Power,
    /// The end of the process: waiting for a disk is too long.
    Process,
}

impl Spool {
    pub(super) fn new(dirs: Vec<PathBuf>, durability: Durability) -> Spool {
        Spool { dirs, durability }
    }

    /// Appends entries to the first directory that takes them.
    pub(super) fn append<T: Serialize>(&self, entries: &[T]) -> io::Result<()> {
        let mut bytes = vec![];
        for entry in entries {
            serde_json::to_writer(&mut bytes, entry)?;
            bytes.push(b'\n');
        }
        let mut last = io::Error::other("no spool directory is configured");
        for dir in &self.dirs {
            match append_to(dir, &bytes, self.durability) {
                Ok(()) => return Ok(()),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Returns how much waits to be drained.
    pub(super) fn bytes(&self) -> u64 {
        let files = self.dirs.iter().flat_map(|dir| fs::read_dir(dir).into_iter().flatten().flatten());
        files.filter_map(|entry| entry.metadata().ok()).map(|meta| meta.len()).sum()
    }

    /// Hands all spooled entries to `take` and removes a file once `take` has kept what it holds.
    pub(super) fn drain<T: DeserializeOwned>(
        &self,
        mut take: impl FnMut(&[T]) -> Result<usize, super::StoreError>,
    ) -> usize {
        let mut count = 0;
        for dir in &self.dirs {
            for file in taken_files(dir) {
                let Ok(entries) = read(&file) else { continue };
                if let Ok(new) = take(&entries)
                    && fs::remove_file(&file).is_ok()
                {
                    count += new;
                }
            }
        }
        count
    }
}

fn append_to(dir: &Path, bytes: &[u8], durability: Durability) -> io::Result<()> {
    private::ensure_dir(dir.parent().unwrap_or(dir)).map_err(io::Error::other)?;
    private::ensure_dir(dir).map_err(io::Error::other)?;
    let path = dir.join(FILE);
    loop {
        let mut file = private::append(&path)?;
        file.lock_shared()?;
        if is_named(&file, &path) {
            file.write_all(bytes)?;
            return match durability {
                Durability::Power => file.sync_data(),
                Durability::Process => Ok(()),
            };
        }
    }
}

/// Renames the current file out of the writers' way and returns it with those of earlier drains.
fn taken_files(dir: &Path) -> Vec<PathBuf> {
    let current = dir.join(FILE);
    if current.exists() {
        let inode = fs::metadata(&current).map(|meta| meta.ino()).unwrap_or(0);
        // Somebody else may drain at the same moment; then one of the renames finds nothing.
        let _ = fs::rename(&current, dir.join(format!("{TAKEN}{inode}-{}", std::process::id())));
    }
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(TAKEN))
        .map(|entry| entry.path())
        .collect()
}

/// Reads the entries of a file; a torn last line is left out.
fn read<T: DeserializeOwned>(path: &Path) -> io::Result<Vec<T>> {
    let file = File::open(path)?;
    file.lock()?;
    let lines = BufReader::new(file).lines();
    Ok(lines.map_while(Result::ok).filter_map(|line| serde_json::from_str(&line).ok()).collect())
}
