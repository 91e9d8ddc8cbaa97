//! Directories and files that only their owner may read.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, OFlags};
use rustix::io::Errno;

use crate::regular_file;

/// Why a directory is not accepted as ours.
#[derive(Debug, thiserror::Error)]
pub enum PrivateError {
    /// A symbolic link could lead our files anywhere.
    #[error("`{path}` is a symbolic link; a private directory must be a real one")]
    Symlink {
        /// The directory.
        path: PathBuf,
    },
    /// The path exists but is not a directory.
    #[error("`{path}` is not a directory")]
    NotDirectory {
        /// The path.
        path: PathBuf,
    },
    /// Another user could read or replace our files.
    #[error("`{path}` belongs to user {owner}, not to you (user {own})")]
    ForeignOwner {
        /// The directory.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// Our user.
        own: u32,
    },
    /// The system reports an error.
    #[error("`{path}` cannot be used: {source}")]
    Io {
        /// The directory.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// Makes sure that a directory exists, is real, is ours, and is closed to all other users.
pub fn ensure_dir(path: &Path) -> Result<(), PrivateError> {
    let io = |source| PrivateError::Io { path: path.to_owned(), source };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io)?;
        }
        Err(error) => return Err(io(error)),
        Ok(_) => {}
    }
    let meta = owned(path)?;
    if meta.mode() & 0o077 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(io)?;
    }
    Ok(())
}

/// Checks that a directory, if it exists, is real and ours. Nothing is created or changed.
pub fn check_dir(path: &Path) -> Result<(), PrivateError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(_) | Ok(_) => owned(path).map(drop),
    }
}

/// Checks that files can be made in a directory, if it exists. Nothing is created or changed.
pub fn check_writable(path: &Path) -> Result<(), PrivateError> {
    check_dir(path)?;
    match rustix::fs::access(path, Access::WRITE_OK | Access::EXEC_OK) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(PrivateError::Io { path: path.to_owned(), source: error.into() }),
    }
}

/// Returns the metadata of a directory that is real and ours.
fn owned(path: &Path) -> Result<fs::Metadata, PrivateError> {
    let io = |source| PrivateError::Io { path: path.to_owned(), source };
    let meta = fs::symlink_metadata(path).map_err(io)?;
    if meta.is_symlink() {
        return Err(PrivateError::Symlink { path: path.to_owned() });
    }
    if !meta.is_dir() {
        return Err(PrivateError::NotDirectory { path: path.to_owned() });
    }
    let own = rustix::process::geteuid().as_raw();
    if meta.uid() != own {
        return Err(PrivateError::ForeignOwner { path: path.to_owned(), owner: meta.uid(), own });
    }
    Ok(meta)
}

/// Opens a regular file for appending and reading, created with mode 0600 if it is new, never through a symbolic link.
pub fn append(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).read(true).create(true).mode(0o600);
    regular_file::open_with(&mut options, OFlags::NOFOLLOW, path)
}

/// Returns whether a file ends in the middle of a line: a writer leaves it so that is killed, or that finds the disk full.
pub(super) fn ends_torn(file: &File) -> io::Result<bool> {
    let length = file.metadata()?.len();
    if length == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.read_exact_at(&mut last, length - 1)?;
    Ok(last != *b"\n")
}

/// Appends a line in a single write, so that writers never interleave. Behind a torn line it begins on a line of its own.
pub(super) fn append_line(mut file: &File, line: &[u8]) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(line.len() + 2);
    if ends_torn(file)? {
        bytes.push(b'\n');
    }
    bytes.extend_from_slice(line);
    bytes.push(b'\n');
    file.write_all(&bytes)
}

/// Writes a file with mode 0600, never through a symbolic link; an existing file is appended to.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    append(path)?.write_all(bytes)
}

/// Writes a file with mode 0600 that must not exist yet, atomically.
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    written_beside(path, bytes)?.persist_noclobber(path).map_err(|error| error.error)?;
    Ok(())
}

/// Replaces a file with a new one with mode 0600, atomically.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    written_beside(path, bytes)?.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Writes a file with mode 0600 and a temporary name next to a path, to be renamed to that path.
pub(super) fn written_beside(path: &Path, bytes: &[u8]) -> io::Result<tempfile::NamedTempFile> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let mut file =
        tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o600)).tempfile_in(dir)?;
    file.write_all(bytes)?;
    Ok(file)
}

/// Returns how many bytes can still be written below a directory; `None` if the system does not tell. The nearest
/// directory that exists is asked. A disk without room for another file has none for bytes either.
pub fn room(dir: &Path) -> Option<u64> {
    let disk = dir.ancestors().find_map(|dir| rustix::fs::statvfs(dir).ok())?;
    // Some file systems have no fixed number of files, and say so by having none at all.
    let has_files_left = disk.f_files == 0 || disk.f_favail > 0;
    Some(if has_files_left { disk.f_bavail.saturating_mul(disk.f_frsize) } else { 0 })
}

/// Creates a file with mode 0600 if it does not exist yet.
pub fn touch(path: &Path) -> io::Result<()> {
    append(path).map(drop)
}
