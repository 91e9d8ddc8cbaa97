//! Spools: append-only files that the ledger imports later. One is for events when the ledger cannot be written, one
//! for hooks, which never write to the ledger.
//!
//! Writers hold the file's lock while they append, so that a line is whole or absent. The process that drains renames
//! the file first and then takes the lock, so that no line is written into a file that was already read. Lines that a
//! drain does not understand are kept: a newer version may have written them.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::lock::is_at;
use super::private;
use crate::regular_file;

/// The file that is appended to.
const ACTIVE_FILE: &str = "events.jsonl";

/// The prefix of files that a drain has taken; one that crashed leaves its file for the next.
const DRAINING_PREFIX: &str = "taken-";

/// The prefix of files with lines that were not understood. Every drain tries them again.
const UNREADABLE_PREFIX: &str = "kept-";

/// A spool, in whichever directory has room for it.
#[derive(Debug, Clone)]
pub(super) struct Spool {
    /// The directories to try, best first.
    dirs: Vec<PathBuf>,
    /// Whether appended entries must survive a power loss.
    durability: Durability,
}

/// What appended entries must survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    /// A power loss.
    Power,
    /// The end of the process: waiting for the disk takes too long.
    Process,
}

/// What is waiting in a spool.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spooled {
    /// The number of bytes.
    pub bytes: u64,
    /// The number of lines that this version does not understand.
    pub odd_lines: usize,
}

/// The lines of a file.
struct Lines<T> {
    entries: Vec<T>,
    /// Lines that are not entries of ours.
    unreadable: Vec<Vec<u8>>,
}

impl Spool {
    pub(super) fn new(dirs: Vec<PathBuf>, durability: Durability) -> Spool {
        Spool { dirs, durability }
    }

    /// Appends entries to the first directory that takes them: all of them, or none.
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

    /// Returns how much is waiting to be drained.
    pub(super) fn waiting<T: DeserializeOwned>(&self) -> Spooled {
        let mut waiting = Spooled::default();
        for file in self.files() {
            // Kept lines wait for another version.
            let bytes = fs::metadata(&file).map_or(0, |meta| meta.len());
            waiting.bytes += if starts_with(&file, UNREADABLE_PREFIX) { 0 } else { bytes };
            waiting.odd_lines += read::<T>(&file).map_or(0, |lines| lines.unreadable.len());
        }
        waiting
    }

    /// Returns whether there is anything that a drain could take.
    pub(super) fn is_used(&self) -> bool {
        self.files().iter().any(|file| !starts_with(file, UNREADABLE_PREFIX))
    }

    /// Returns what is waiting, without taking it.
    pub(super) fn peek<T: DeserializeOwned>(&self) -> Vec<T> {
        self.files().iter().filter_map(|file| read(file).ok()).flat_map(|lines| lines.entries).collect()
    }

    /// Passes all spooled entries to `take`, and removes a file once `take` has stored what it holds. Lines that are
    /// not understood are moved to a file of their own.
    pub(super) fn drain<T: DeserializeOwned, E>(
        &self,
        mut take: impl FnMut(&[T]) -> Result<usize, E>,
    ) -> usize {
        let mut count = 0;
        for dir in &self.dirs {
            move_out_of_the_way(dir);
            for file in files_in(dir).into_iter().filter(|file| !starts_with(file, ACTIVE_FILE)) {
                let Ok(lines) = read(&file) else { continue };
                // Usually a file of kept lines holds nothing else.
                if starts_with(&file, UNREADABLE_PREFIX) && lines.entries.is_empty() {
                    continue;
                }
                if let Ok(new) = take(&lines.entries)
                    && keep_unreadable(dir, &lines.unreadable).is_ok()
                    && fs::remove_file(&file).is_ok()
                {
                    count += new;
                }
            }
        }
        count
    }

    fn files(&self) -> Vec<PathBuf> {
        self.dirs.iter().flat_map(|dir| files_in(dir)).collect()
    }
}

fn append_to(dir: &Path, bytes: &[u8], durability: Durability) -> io::Result<()> {
    private::ensure_dir(dir.parent().unwrap_or(dir)).map_err(io::Error::other)?;
    private::ensure_dir(dir).map_err(io::Error::other)?;
    let path = dir.join(ACTIVE_FILE);
    loop {
        let mut file = private::append(&path)?;
        file.lock()?;
        if is_at(&file, &path) {
            return append_whole(&mut file, bytes, durability);
        }
    }
}

/// Appends under the file's lock. What cannot be written whole is rolled back: part of a line would spoil the next one.
fn append_whole(file: &mut File, bytes: &[u8], durability: Durability) -> io::Result<()> {
    let length = file.metadata()?.len();
    let done = end_torn_line(file).and_then(|()| file.write_all(bytes)).and_then(|()| match durability {
        Durability::Power => to_disk(file),
        Durability::Process => Ok(()),
    });
    done.inspect_err(|_| {
        // Truncating works even on a full disk; should it fail, the next writer ends the torn line.
        let _ = file.set_len(length);
    })
}

/// Waits until what was written would survive a power loss.
fn to_disk(file: &File) -> io::Result<()> {
    #[cfg(test)]
    {
        WRITTEN_THROUGH.with(|count| count.set(count.get() + 1));
        if SYNC_FAILS.get() {
            return Err(io::Error::other("a test lets the disk fail"));
        }
    }
    file.sync_data()
}

#[cfg(test)]
thread_local! {
    /// How often this thread waited for the disk.
    pub(super) static WRITTEN_THROUGH: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };

    /// Whether the disk fails when this thread waits for it.
    pub(super) static SYNC_FAILS: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Ends the partial line that a writer leaves when it is killed in the middle of a line.
fn end_torn_line(file: &mut File) -> io::Result<()> {
    if private::ends_torn(file)? { file.write_all(b"\n") } else { Ok(()) }
}

/// Renames the active file out of the writers' way.
fn move_out_of_the_way(dir: &Path) {
    let current = dir.join(ACTIVE_FILE);
    if let Ok(meta) = fs::symlink_metadata(&current)
        && meta.is_file()
    {
        // Another process may be draining at the same moment; one of the two renames then finds nothing.
        let _ =
            fs::rename(&current, dir.join(format!("{DRAINING_PREFIX}{}-{}", meta.ino(), std::process::id())));
    }
}

/// Saves lines that were not understood, before the file that held them is removed.
fn keep_unreadable(dir: &Path, lines: &[Vec<u8>]) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    // The name is derived from the content: a process that dies before the removal finds the same file again.
    let mut bytes = lines.join(&b'\n');
    bytes.push(b'\n');
    let name = format!("{UNREADABLE_PREFIX}{}.jsonl", &blake3::hash(&bytes).to_hex()[..16]);
    let file = private::written_beside(&dir.join(&name), &bytes)?;
    // The file that held them is removed next, and a power loss must not leave neither.
    to_disk(file.as_file())?;
    file.persist(dir.join(name))?;
    Ok(())
}

fn files_in(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries
        // A link leads elsewhere, and a pipe has no end.
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .map(|entry| entry.path())
        .filter(|path| {
            [ACTIVE_FILE, DRAINING_PREFIX, UNREADABLE_PREFIX].iter().any(|prefix| starts_with(path, prefix))
        })
        .collect();
    files.sort();
    files
}

fn starts_with(path: &Path, prefix: &str) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix))
}

fn read<T: DeserializeOwned>(path: &Path) -> io::Result<Lines<T>> {
    let file = regular_file::open(path)?;
    file.lock_shared()?;
    let mut lines = Lines { entries: vec![], unreadable: vec![] };
    for line in BufReader::new(file).split(b'\n') {
        let line = line?;
        match serde_json::from_slice(&line) {
            Ok(entry) => lines.entries.push(entry),
            Err(_) if line.iter().all(u8::is_ascii_whitespace) => {}
            Err(_) => lines.unreadable.push(line),
        }
    }
    Ok(lines)
}
