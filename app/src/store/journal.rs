//! A run's live log: the lines that `run -o jsonl` prints, kept for `runs logs`.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::private;

/// A chatty agent must not fill the disk: beyond this size only facts are written.
const JOURNAL_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The file's name in the run's directory.
pub const FILE: &str = "log.jsonl";

/// An open live log.
#[derive(Debug)]
pub struct Journal {
    file: File,
    bytes: u64,
    /// Whether it may end within a line: somebody else wrote last, or a write failed.
    may_be_torn: bool,
}

impl Journal {
    /// Begins or continues the log in a run's directory.
    pub fn open(run_dir: &Path) -> io::Result<Journal> {
        let runs = run_dir.parent().map(PathBuf::from).unwrap_or_default();
        private::ensure_dir(&runs).map_err(io::Error::other)?;
        private::ensure_dir(run_dir).map_err(io::Error::other)?;
        let file = private::append(&run_dir.join(FILE))?;
        let bytes = file.metadata()?.len();
        Ok(Journal { file, bytes, may_be_torn: true })
    }

    /// Appends a line. Facts are written even beyond the size limit.
    pub fn write(&mut self, line: &str, weight: Weight) -> io::Result<()> {
        if self.bytes >= JOURNAL_BYTES_MAX && weight == Weight::Live {
            return Ok(());
        }
        self.bytes += line.len() as u64 + 1;
        // What a full disk left of a line is not taken back: somebody may be reading along.
        let written = if self.may_be_torn {
            private::append_line(&self.file, line.as_bytes())
        } else {
            self.file.write_all(&[line.as_bytes(), b"\n"].concat())
        };
        self.may_be_torn = written.is_err();
        written
    }
}

/// Whether a line may be left out of a log that is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// A fact of the run's log: always written.
    Fact,
    /// A piece of live output: left out when the log is full.
    Live,
}
