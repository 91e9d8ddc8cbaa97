//! Settings files on the disk: read exactly, written in place, links followed. A file that may not be written is known
//! before anything is changed.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use pointsman_core::text::decode;
use rustix::fs::Access;

use super::PluginError;
use crate::cli_json::{self, Form};
use crate::regular_file;

/// The largest settings file that is read.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// How many links are followed; the system follows no more either.
const LINKS_MAX: usize = 40;

/// Returns the exact text of a file, `None` if there is none.
pub fn read(path: &Path) -> Result<Option<String>, PluginError> {
    match regular_file::read(path, FILE_BYTES_MAX) {
        Ok(bytes) => String::from_utf8(bytes).map(Some).map_err(|_| PluginError::NotJson {
            path: path.to_owned(),
            what: "it is not UTF-8 text".to_owned(),
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(PluginError::File { path: path.to_owned(), source }),
    }
}

/// Returns the text of a file as the CLI reads it, also in an encoding that we do not write; empty if there is none.
pub fn read_leniently(path: &Path) -> Result<String, PluginError> {
    match regular_file::read(path, FILE_BYTES_MAX) {
        Ok(bytes) => Ok(decode::lenient(&bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(source) => Err(PluginError::File { path: path.to_owned(), source }),
    }
}

/// Writes a file in place, so that its owner, mode and links are kept; `None` removes it, and leaves a link to it.
pub fn write(path: &Path, text: Option<&str>) -> Result<(), PluginError> {
    let done = match text {
        Some(text) => {
            path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(path, text))
        }
        None => match std::fs::remove_file(target(path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        },
    };
    done.map_err(|source| PluginError::File { path: path.to_owned(), source })
}

/// Returns where a path leads, over links, also over one to a file that does not exist.
pub fn target(path: &Path) -> PathBuf {
    let mut at = path.to_owned();
    for _ in 0..LINKS_MAX {
        let Ok(link) = std::fs::read_link(&at) else { break };
        at = at.parent().unwrap_or(Path::new("/")).join(link);
    }
    at
}

/// Checks that the CLI and we may change a file: that it may be written, and is written as the CLI reads it.
pub fn check(path: &Path) -> Result<(), PluginError> {
    let text = read(path)?;
    match cli_json::parse(text.as_deref().unwrap_or_default()).form {
        Form::Json => {}
        Form::WithComments => return Err(PluginError::Commented { path: path.to_owned() }),
        // It says where the fault is.
        Form::Broken => drop(super::settings::has_any(path, text.as_deref().unwrap_or_default())?),
    }
    match may_be_written(path) {
        true => Ok(()),
        false => Err(PluginError::ReadOnly { path: path.to_owned(), target: target(path) }),
    }
}

/// Returns whether a file may be written, or made if there is none. A file without any permission to write is one that
/// nobody should write, even where the system would let its administrator.
pub fn may_be_written(path: &Path) -> bool {
    let target = target(path);
    let is_allowed = |path: &Path| rustix::fs::access(path, Access::WRITE_OK).is_ok();
    match std::fs::metadata(&target) {
        Ok(meta) => meta.permissions().mode() & 0o222 != 0 && is_allowed(&target),
        Err(_) => {
            let dir = target.ancestors().skip(1).find(|dir| dir.exists());
            dir.is_some_and(|dir| dir.is_dir() && is_allowed(dir))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    struct Place(tempfile::TempDir);

    impl Place {
        fn new() -> Place {
            let dir = tempfile::tempdir().unwrap();
            fs::create_dir(dir.path().join("store")).unwrap();
            symlink("store/settings.json", dir.path().join("link")).unwrap();
            Place(dir)
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn is_made(&self, name: &str, text: &[u8], mode: u32) {
            fs::write(self.path(name), text).unwrap();
            fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
        }
    }

    /// Seen to fail with the link looked at in place of what it leads to, and with the mode not looked at.
    #[test]
    fn a_link_may_be_written_as_what_it_leads_to_may() {
        let place = Place::new();
        assert!(may_be_written(&place.path("link")), "it can be made");
        assert!(may_be_written(&place.path("not/yet/there.json")));
        place.is_made("store/settings.json", b"{}", 0o644);
        assert!(may_be_written(&place.path("link")));
        place.is_made("store/settings.json", b"{}", 0o444);
        assert!(!may_be_written(&place.path("link")));
        let error = check(&place.path("link")).unwrap_err();
        let PluginError::ReadOnly { path, target } = &error else { panic!("{error}") };
        assert_eq!((path, target), (&place.path("link"), &place.path("store/settings.json")));
        place.is_made("file", b"", 0o644);
        assert!(!may_be_written(&place.path("file/settings.json")), "below a file nothing can be made");
    }

    #[test]
    fn a_link_stays_whatever_becomes_of_its_file() {
        let place = Place::new();
        let (link, file) = (place.path("link"), place.path("store/settings.json"));
        write(&link, Some("\u{feff}{}")).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"\xef\xbb\xbf{}");
        assert_eq!(read(&link).unwrap().as_deref(), Some("\u{feff}{}"));
        write(&link, None).unwrap();
        assert!(!file.exists() && link.is_symlink());
        write(&link, None).unwrap();
        assert_eq!(read(&link).unwrap(), None);
    }

    #[test]
    fn a_file_that_the_cli_cannot_read_is_known_before_it_is_asked_to() {
        let place = Place::new();
        let says = |text: &[u8]| {
            place.is_made("settings.json", text, 0o644);
            check(&place.path("settings.json")).map_err(|error| error.to_string())
        };
        assert_eq!(says(b"\xef\xbb\xbf{\"a\": 1}"), Ok(()));
        assert_eq!(says(b" \n"), Ok(()));
        for (text, why) in
            [(b"{} // mine".as_slice(), "comments"), (b"{ a = 1", "not JSON"), (b"\xff", "UTF-8")]
        {
            let said = says(text).unwrap_err();
            assert!(said.contains(why) && said.contains("settings.json"), "{said}");
        }
    }
}
