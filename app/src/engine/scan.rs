//! A person's own transcripts of Claude Code, read and counted. Reads what lies in one directory; writes nothing, and
//! starts no process.

use std::fs::{self, DirEntry, File};
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use jiff::Timestamp;
use pointsman_core::scan::counts::Counts;
use pointsman_core::scan::reading::{Reading, Router, Source, call_of_note};
use pointsman_core::scan::report::ScanReport;

use super::project::Decider;
use crate::regular_file;

/// How many threads read. More would not help a person's laptop that has other things to do.
const THREAD_COUNT: usize = 2;

/// The longest line that is read: pasted images of many megabytes are on one line.
const LINE_BYTES_MAX: u64 = 64 << 20;

/// How much is read from a file at once.
const BUFFER_BYTES: usize = 256 << 10;

/// The largest note about a subagent that is read. Real ones have less than a kilobyte.
const NOTE_BYTES_MAX: u64 = 64 << 10;

/// How deep below a session's directory subagents are looked for.
const DEPTH_MAX: usize = 4;

/// What was read, and what it shows.
#[derive(Debug)]
pub struct Scanned {
    /// The directory with the transcripts.
    pub dir: PathBuf,
    /// Whether it is there.
    pub dir_exists: bool,
    /// The beginning of the time that was looked at.
    pub since: Timestamp,
    /// How many files were read.
    pub files: usize,
    /// Their size in bytes.
    pub bytes: u64,
    /// How many files and directories could not be read.
    pub unreadable: usize,
    /// The figures.
    pub report: ScanReport,
}

/// The directory with the transcripts is there and cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("`{}` cannot be read: {cause}", dir.display())]
pub struct ScanError {
    /// The directory.
    pub dir: PathBuf,
    /// Why.
    #[source]
    pub cause: io::Error,
}

/// Reads the transcripts of a directory that were written to since an instant, and decides about their prompts.
pub fn scan(dir: &Path, since: Timestamp, decider: &Decider) -> Result<Scanned, ScanError> {
    let found = Found::below(dir, since).map_err(|cause| ScanError { dir: dir.to_path_buf(), cause })?;
    let dir_exists = found.is_some();
    let Found { mut transcripts, mut unreadable, .. } = found.unwrap_or_default();
    // The largest first: no thread begins with it while the others are done.
    transcripts.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.path.cmp(&b.path)));
    let router = |mut request| decider.decide(&mut request).ok();
    let next = AtomicUsize::new(0);
    let parts: Vec<Part> = thread::scope(|scope| {
        let readers: Vec<_> = (0..THREAD_COUNT)
            .map(|_| scope.spawn(|| Part::read(&transcripts, &next, since, &router)))
            .collect();
        let done = readers.into_iter().map(thread::ScopedJoinHandle::join);
        // What a panic says may quote a prompt, so it is not passed on.
        done.map(|part| part.expect("a thread that reads transcripts does not panic")).collect()
    });
    let mut counts = Counts::default();
    let (mut files, mut bytes) = (0, 0);
    for part in parts {
        counts.merge(part.counts);
        files += part.files;
        bytes += part.bytes;
        unreadable += part.unreadable;
    }
    Ok(Scanned {
        dir: dir.to_path_buf(),
        dir_exists,
        since,
        files,
        bytes,
        unreadable,
        report: counts.report(),
    })
}

/// One transcript.
struct Transcript {
    path: PathBuf,
    bytes: u64,
    place: Place,
}

/// What a file's name and place say about it.
enum Place {
    /// A session, by its name.
    Session(String),
    /// A subagent, by its id.
    Subagent(String),
}

impl Place {
    /// Returns what a file is by its name; `None` if it is no transcript.
    fn of(path: &Path) -> Option<Place> {
        let name = path.file_name()?.to_string_lossy().strip_suffix(".jsonl")?.to_owned();
        Some(match name.strip_prefix("agent-") {
            Some(id) => Place::Subagent(id.to_owned()),
            None => Place::Session(name),
        })
    }
}

/// The transcripts of a directory.
#[derive(Default)]
struct Found {
    transcripts: Vec<Transcript>,
    unreadable: usize,
    since: Timestamp,
}

impl Found {
    /// Finds the transcripts below a directory: sessions in the directory of their project, subagents deeper. Links are
    /// not followed, and other files are not opened. `None` if there is no such directory.
    fn below(dir: &Path, since: Timestamp) -> io::Result<Option<Found>> {
        let projects = match fs::read_dir(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            projects => projects?,
        };
        let mut found = Found { since, ..Found::default() };
        for project in projects {
            found.entry(project, 0);
        }
        Ok(Some(found))
    }

    fn entry(&mut self, entry: io::Result<DirEntry>, depth: usize) {
        let Ok((entry, kind)) = entry.and_then(|entry| entry.file_type().map(|kind| (entry, kind))) else {
            self.unreadable += 1;
            return;
        };
        let path = entry.path();
        if kind.is_dir() && depth <= DEPTH_MAX {
            match fs::read_dir(&path) {
                Ok(entries) => entries.for_each(|entry| self.entry(entry, depth + 1)),
                Err(_) => self.unreadable += 1,
            }
        } else if kind.is_file() && depth > 0 {
            self.file(&entry, path, depth);
        }
    }

    fn file(&mut self, entry: &DirEntry, path: PathBuf, depth: usize) {
        let Some(place) = Place::of(&path) else { return };
        // Below a session's directory there is more than transcripts.
        if depth > 1 && matches!(place, Place::Session(_)) {
            return;
        }
        let Ok(meta) = entry.metadata() else {
            self.unreadable += 1;
            return;
        };
        let written = meta.modified().ok().and_then(|at| Timestamp::try_from(at).ok());
        if written.is_none_or(|at| at >= self.since) {
            self.transcripts.push(Transcript { path, bytes: meta.len(), place });
        }
    }
}

/// What one thread has read.
#[derive(Default)]
struct Part {
    counts: Counts,
    files: usize,
    bytes: u64,
    unreadable: usize,
}

impl Part {
    /// Reads one transcript after the other that no other thread has taken.
    fn read(transcripts: &[Transcript], next: &AtomicUsize, since: Timestamp, router: &Router) -> Part {
        let mut part = Part::default();
        while let Some(transcript) = transcripts.get(next.fetch_add(1, Ordering::Relaxed)) {
            match part.transcript(transcript, since, router) {
                Ok(()) => {
                    part.files += 1;
                    part.bytes += transcript.bytes;
                }
                Err(_) => part.unreadable += 1,
            }
        }
        part
    }

    fn transcript(&mut self, transcript: &Transcript, since: Timestamp, router: &Router) -> io::Result<()> {
        let file = regular_file::open(&transcript.path)?;
        let source = match &transcript.place {
            Place::Session(name) => Source::Session(name.clone()),
            Place::Subagent(id) => Source::Subagent { id: id.clone(), call: call(&transcript.path) },
        };
        read_lines(file, &mut Reading::new(source, since, router, &mut self.counts))
    }
}

/// Returns the call that began a subagent, if the CLI has noted it beside its transcript.
fn call(transcript: &Path) -> Option<pointsman_core::scan::counts::Key> {
    let note = regular_file::read(&transcript.with_extension("meta.json"), NOTE_BYTES_MAX).ok()?;
    call_of_note(&String::from_utf8_lossy(&note))
}

fn read_lines(file: File, reading: &mut Reading) -> io::Result<()> {
    let mut file = BufReader::with_capacity(BUFFER_BYTES, file);
    let mut line = vec![];
    loop {
        line.clear();
        file.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(());
        }
        if line.len() as u64 >= LINE_BYTES_MAX && !line.ends_with(b"\n") {
            file.skip_until(b'\n')?;
            line = vec![];
            reading.skipped_line();
        } else {
            reading.line(&line);
        }
    }
}
