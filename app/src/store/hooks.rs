//! What a hook may touch: a spool to append to, a note per session, a marker for each prompt that is delegated to a
//! run, and the ledger, opened read-only in passing.
//!
//! Opening the ledger for writing beside a process that commits takes up to a third of a second; the user would wait
//! for it.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use pointsman_core::hook::fact::HookFact;
use pointsman_core::hook::note::Note;
use pointsman_core::hook::takeover::Takeover;
use pointsman_core::ids::SessionId;
use pointsman_core::run::row::RunRow;

use super::ledger::Ledger as _;
use super::sqlite::Sqlite;
use super::takeovers::{self, Claim};
use super::{BreakerRow, Runs, StorePaths, private};
use crate::regular_file;

/// The largest note that is read. Real ones have a few hundred bytes.
const NOTE_BYTES_MAX: u64 = 64 << 10;

/// The store as a hook sees it.
pub struct HookStore {
    paths: StorePaths,
}

impl HookStore {
    /// Creates it; nothing is opened.
    pub fn new(paths: StorePaths) -> HookStore {
        HookStore { paths }
    }

    /// Appends a fact to the spool.
    pub fn record(&self, fact: &HookFact) -> io::Result<()> {
        self.paths.hook_spool().append(std::slice::from_ref(fact))
    }

    /// Writes the note of a session atomically.
    pub fn write_note(&self, session: &SessionId, note: &Note) -> io::Result<()> {
        private::ensure_dir(&self.paths.state).map_err(io::Error::other)?;
        let dir = self.notes();
        private::ensure_dir(&dir).map_err(io::Error::other)?;
        let bytes = serde_json::to_vec(note)?;
        private::replace(&self.note(session), &bytes)
    }

    /// Returns the note of a session.
    pub fn read_note(&self, session: &SessionId) -> Option<Note> {
        serde_json::from_slice(&regular_file::read(&self.note(session), NOTE_BYTES_MAX).ok()?).ok()
    }

    /// Takes a prompt over for a run, or finds the run that has it.
    pub fn claim(
        &self,
        name: &str,
        takeover: &Takeover,
        is_over: &dyn Fn(&Takeover) -> bool,
        waits_for: &dyn Fn(&Takeover),
    ) -> io::Result<Claim> {
        private::ensure_dir(&self.paths.state).map_err(io::Error::other)?;
        takeovers::claim(&self.paths.state.join("hook-takeovers"), name, takeover, is_over, waits_for)
    }

    /// Returns the newest runs and the breakers, if the ledger can be read without waiting for long.
    pub fn newest_runs_and_breakers(&self, run_count_max: usize) -> Option<(Vec<RunRow>, Vec<BreakerRow>)> {
        let mut ledger = Sqlite::open_to_peek(&self.paths.ledger())?;
        let newest = Runs::Newest { prefix: String::new(), count_max: run_count_max };
        Some((ledger.runs(&newest).ok()?, ledger.breakers().ok()?))
    }

    fn notes(&self) -> PathBuf {
        notes(&self.paths.state)
    }

    fn note(&self, session: &SessionId) -> PathBuf {
        self.notes().join(format!("{session}.json"))
    }
}

fn notes(state: &Path) -> PathBuf {
    state.join("hook-notes")
}

/// Removes the notes of sessions whose end was never seen, and that nobody has written to since an instant.
pub(super) fn remove_notes(state: &Path, before: Timestamp) {
    let dir = notes(state);
    // A link could lead anywhere, and what lies there is not ours to remove.
    if private::check_dir(&dir).is_err() {
        return;
    }
    for note in fs::read_dir(dir).into_iter().flatten().flatten() {
        let written_at = note.metadata().ok().and_then(|meta| Timestamp::from_second(meta.mtime()).ok());
        if written_at.is_some_and(|at| at < before) {
            // The next pass finds it again.
            let _ = fs::remove_file(note.path());
        }
    }
}
