//! Locks that are released when their holder ends, however it ends.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::private;
use crate::regular_file;

/// A held lock. Dropping it, or the death of the process, releases it.
#[derive(Debug)]
pub struct Lock {
    _file: File,
    path: PathBuf,
}

/// Takes a lock by name, or returns `None` if it is held elsewhere.
pub fn try_lock(dir: &Path, name: &str) -> io::Result<Option<Lock>> {
    private::ensure_dir(dir).map_err(io::Error::other)?;
    let path = dir.join(name);
    loop {
        let file = private::append(&path)?;
        match file.try_lock() {
            // Its last holder removed the file while we opened it: a lock on an unlinked file locks nothing.
            Ok(()) if !is_at(&file, &path) => {}
            Ok(()) => return Ok(Some(Lock { _file: file, path })),
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// Returns whether a lock is held, without creating its file.
pub fn is_held(path: &Path) -> bool {
    let Ok(file) = regular_file::open(path) else { return false };
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

/// Returns whether a path still leads to an open file.
pub(super) fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(named)) => open.ino() == named.ino(),
        (Ok(_) | Err(_), Ok(_) | Err(_)) => false,
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Removed while the lock is still held; a file that stays is harmless.
        let _ = fs::remove_file(&self.path);
    }
}
