//! Locks that end with their holder, however it ends.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;

use super::private;

/// A held lock. Dropping it, or the death of the process, frees it.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Takes a lock by name, or returns `None` when somebody else holds it.
pub fn try_lock(dir: &Path, name: &str) -> io::Result<Option<Lock>> {
    private::ensure_dir(dir).map_err(io::Error::other)?;
    let file = private::append(&dir.join(name))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Lock { _file: file })),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
