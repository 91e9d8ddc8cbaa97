//! How many hooks began and how many came to an end: two files with one line each. What began and did not end gave up at its
//! deadline or was killed; such a hook records nothing else.

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::private;
use crate::regular_file;

/// Beyond this size a file becomes the older one, and a new one begins: some ten thousand hooks.
const BYTES_MAX: u64 = 256 << 10;

/// The counts of one state directory.
pub struct HookCounts {
    dir: PathBuf,
}

impl HookCounts {
    /// Creates them; nothing is opened.
    pub fn new(state: &Path) -> HookCounts {
        HookCounts { dir: state.join("hook-counts") }
    }

    /// Counts a hook that begins its work.
    pub fn begun(&self, at: Timestamp) -> io::Result<()> {
        self.count("begun", at)
    }

    /// Counts a hook that has answered; `begun` is when it began.
    pub fn ended(&self, begun: Timestamp) -> io::Result<()> {
        self.count("ended", begun)
    }

    /// Returns how many hooks that began since an instant did not come to an end. One that is at work counts as well.
    pub fn gave_up_since(&self, since: Timestamp) -> usize {
        self.since("begun", since).saturating_sub(self.since("ended", since))
    }

    fn count(&self, name: &str, at: Timestamp) -> io::Result<()> {
        if let Some(state) = self.dir.parent() {
            private::ensure_dir(state).map_err(io::Error::other)?;
        }
        private::ensure_dir(&self.dir).map_err(io::Error::other)?;
        let path = self.dir.join(name);
        let file = private::append(&path)?;
        private::append_line(&file, at.as_millisecond().to_string().as_bytes())?;
        if file.metadata()?.len() > BYTES_MAX {
            // Two hooks that do this at once lose some lines of the older file; a count is no proof.
            std::fs::rename(&path, self.older(name))?;
        }
        Ok(())
    }

    fn since(&self, name: &str, since: Timestamp) -> usize {
        let read = |path: &Path| regular_file::read(path, 2 * BYTES_MAX).unwrap_or_default();
        let bytes = [read(&self.older(name)), read(&self.dir.join(name))].concat();
        let is_since = |line: &&[u8]| {
            let at: Option<i64> = std::str::from_utf8(line).ok().and_then(|text| text.parse().ok());
            at.is_some_and(|at| at >= since.as_millisecond())
        };
        bytes.split(|byte| *byte == b'\n').filter(is_since).count()
    }

    fn older(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}.older"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_began_and_did_not_end_gave_up() {
        let dir = tempfile::tempdir().unwrap();
        let counts = HookCounts::new(&dir.path().join("state"));
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(counts.gave_up_since(at(0)), 0);
        for second in 0..5 {
            counts.begun(at(second)).unwrap();
        }
        counts.ended(at(0)).unwrap();
        counts.ended(at(4)).unwrap();
        assert_eq!((counts.gave_up_since(at(0)), counts.gave_up_since(at(3))), (3, 1));
    }

    #[test]
    fn the_files_stay_small() {
        let dir = tempfile::tempdir().unwrap();
        let counts = HookCounts::new(dir.path());
        std::fs::create_dir_all(dir.path().join("hook-counts")).unwrap();
        let path = dir.path().join("hook-counts/begun");
        std::fs::write(&path, "5\n".repeat(BYTES_MAX as usize / 2)).unwrap();
        counts.begun(Timestamp::from_second(1).unwrap()).unwrap();
        assert!(!path.exists() && dir.path().join("hook-counts/begun.older").exists());
        assert_eq!(counts.gave_up_since(Timestamp::from_millisecond(5).unwrap()), BYTES_MAX as usize / 2 + 1);
    }
}
