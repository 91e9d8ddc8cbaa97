//! Reads a file that should be small but may be anything.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::regular_file;

/// Why a file is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The system reports an error.
    #[error("it cannot be read: {0}")]
    System(String),
    /// It is a link out of the project.
    #[error("it is a link that leads out of the project")]
    LeadsOut,
    /// It is a directory, a pipe or a device.
    #[error("it is not a regular file")]
    NotAFile,
    /// It is too large.
    #[error("it has more than {0} bytes")]
    TooLarge(u64),
    /// It is not text.
    #[error("it is not UTF-8 text")]
    NotText,
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> ReadError {
        ReadError::System(error.to_string())
    }
}

fn open(path: &Path) -> Result<File, ReadError> {
    let is_irregular = path.metadata().is_ok_and(|meta| !meta.is_file());
    regular_file::open(path).map_err(|error| if is_irregular { ReadError::NotAFile } else { error.into() })
}

/// Reads a text file of at most `bytes_max` bytes.
pub fn read(path: &Path, bytes_max: u64) -> Result<String, ReadError> {
    let mut bytes = Vec::new();
    open(path)?.take(bytes_max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bytes_max {
        return Err(ReadError::TooLarge(bytes_max));
    }
    String::from_utf8(bytes).map_err(|_| ReadError::NotText)
}

/// Like [`read`], for a file that may not lead out of a directory.
pub fn read_within(boundary: &Path, path: &Path, bytes_max: u64) -> Result<String, ReadError> {
    let real = path.canonicalize()?;
    if !real.starts_with(boundary) {
        return Err(ReadError::LeadsOut);
    }
    read(&real, bytes_max)
}

/// The beginning of a file.
pub struct Head {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Whether that is all of it.
    pub is_whole: bool,
}

/// Reads the first `bytes_max` bytes of a file, of whatever it is made.
pub fn head(path: &Path, bytes_max: u64) -> Result<Head, ReadError> {
    let mut bytes = Vec::new();
    open(path)?.take(bytes_max + 1).read_to_end(&mut bytes)?;
    let is_whole = bytes.len() as u64 <= bytes_max;
    bytes.truncate(usize::try_from(bytes_max).unwrap_or(usize::MAX));
    Ok(Head { bytes, is_whole })
}
