//! Opens files that should be regular ones but may be anything: whatever stands there, nobody waits for it.
//!
//! Opening a named pipe waits for the other end, and reading a device may never end. A state directory is a place where
//! others can put things, by accident or to make every run hang.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Returns the error for something that is not a regular file.
fn irregular() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")
}

/// Checks that a path leads to a regular file or to nothing.
pub fn check(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(meta) if meta.is_file() => Ok(()),
        Ok(_) => Err(irregular()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Opens a regular file as the options say, which are not to set flags of their own but these.
pub fn open_with(options: &mut OpenOptions, flags: rustix::fs::OFlags, path: &Path) -> io::Result<File> {
    // Before it is opened: opening a device can do something by itself.
    check(path)?;
    // While it is opened, something else may have taken its place.
    let flags = flags | rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    let file = options.custom_flags(i32::try_from(flags.bits()).unwrap_or(0)).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(irregular()) }
}

/// Opens a regular file to read it.
pub fn open(path: &Path) -> io::Result<File> {
    open_with(OpenOptions::new().read(true), rustix::fs::OFlags::empty(), path)
}

/// Reads a regular file of at most `bytes_max` bytes.
pub fn read(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![];
    open(path)?.take(bytes_max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bytes_max {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it has more than {bytes_max} bytes"),
        ));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_irregular(error: &io::Error) -> bool {
        error.to_string() == irregular().to_string()
    }

    fn fifo(path: &Path) {
        rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    }

    /// Seen to fail, that is, never to end, without the check and the flag.
    #[test]
    fn what_is_no_regular_file_is_refused_and_never_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        fifo(&pipe);
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&pipe, &link).unwrap();
        for path in [&pipe, &link, dir.path(), Path::new("/dev/zero")] {
            assert!(is_irregular(&open(path).unwrap_err()), "{}", path.display());
            let append = open_with(OpenOptions::new().append(true), rustix::fs::OFlags::empty(), path);
            assert!(is_irregular(&append.unwrap_err()), "{}", path.display());
        }
    }

    #[test]
    fn a_regular_file_is_read_up_to_a_bound() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        assert_eq!(open(&file).unwrap_err().kind(), io::ErrorKind::NotFound);
        fs::write(&file, "words").unwrap();
        assert_eq!(read(&file, 5).unwrap(), b"words");
        assert_eq!(read(&file, 4).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    }
}
