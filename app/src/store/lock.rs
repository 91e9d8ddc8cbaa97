//! Locks that end with their holder, however it ends.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::private;

/// A held lock. Dropping it, or the death of the process, frees it.
#[derive(Debug)]
pub struct Lock {
    _file: File,
    path: PathBuf,
}

/// Takes a lock by name, or returns `None` when somebody else holds it.
pub fn try_lock(dir: &Path, name: &str) -> io::Result<Option<Lock>> {
    private::ensure_dir(dir).map_err(io::Error::other)?;
    let path = dir.join(name);
    loop {
        let file = private::append(&path)?;
        match file.try_lock() {
            // Its last holder removed it while we opened it: a lock on a nameless file is none.
            Ok(()) if !is_named(&file, &path) => {}
            Ok(()) => return Ok(Some(Lock { _file: file, path })),
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// Tells whether somebody holds a lock, without making its file.
pub fn is_held(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

/// Tells whether a path still leads to an open file.
pub(super) fn is_named(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(named)) => open.ino() == named.ino(),
        (Ok(_) | Err(_), Ok(_) | Err(_)) => false,
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // While it is still held; a file that stays is harmless.
        let _ = fs::remove_file(&self.path);
    }
}
