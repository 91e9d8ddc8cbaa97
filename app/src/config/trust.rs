//! What the user approved: the hash of a project's files, by directory, in `trust.json` of the config directory.
//!
//! A damaged file is an error and never treated as an empty one: the next change would silently drop all approvals.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::regular_file;

const FILE: &str = "trust.json";
const VERSION: u32 = 1;

/// The largest file that is read: an approval has some two hundred bytes.
const BYTES_MAX: u64 = 16 << 20;

/// How far a project is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TrustStatus {
    /// It is not approved.
    Untrusted,
    /// Its files are the approved ones.
    Trusted,
    /// `trust.dirs` of the operator's settings names its directory, whatever its files are.
    Listed,
    /// Its files changed since they were approved, so it counts as untrusted.
    Changed,
}

/// One approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovedFiles {
    /// The hash of the files that were approved.
    pub hash: String,
    /// When they were approved.
    pub approved_at: Timestamp,
}

/// Why approvals cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system refused.
    #[error("`{}` cannot be {doing}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The verb: "read" or "written".
        doing: &'static str,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The file is not what we write.
    #[error("`{}` is damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The parser's error.
        #[source]
        source: serde_json::Error,
    },
    /// The file was written by a newer pointsman.
    #[error("`{}` has version {found}; this pointsman reads version {VERSION}", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// The directory's name is not text.
    #[error("`{}` cannot be trusted: its name is not UTF-8", dir.display())]
    NotText {
        /// The directory.
        dir: PathBuf,
    },
}

#[derive(Serialize, Deserialize)]
struct TrustFile {
    schema_version: u32,
    projects: BTreeMap<String, ApprovedFiles>,
}

/// The approvals of one user.
#[derive(Debug, Clone)]
pub struct TrustStore {
    dir: PathBuf,
}

impl TrustStore {
    /// Uses the approvals in a config directory. Nothing is read or created yet.
    pub fn in_dir(config_dir: &Path) -> TrustStore {
        TrustStore { dir: config_dir.to_path_buf() }
    }

    /// Returns how far a project is trusted whose files have this hash; it is computed only if there is an approval. `root`
    /// is the trust key of `ProjectFiles`.
    pub fn status(&self, root: &Path, hash: impl FnOnce() -> String) -> Result<TrustStatus, Error> {
        let book = self.read()?;
        let approved = root.to_str().and_then(|root| book.projects.get(root));
        Ok(match approved {
            None => TrustStatus::Untrusted,
            Some(approval) if approval.hash == hash() => TrustStatus::Trusted,
            Some(_) => TrustStatus::Changed,
        })
    }

    /// Records that the user approved exactly the files with this hash.
    pub fn approve(&self, root: &Path, hash: &str, now: Timestamp) -> Result<(), Error> {
        let name = root.to_str().ok_or_else(|| Error::NotText { dir: root.to_path_buf() })?;
        let approval = ApprovedFiles { hash: hash.to_owned(), approved_at: now };
        self.change(|projects| projects.insert(name.to_owned(), approval)).map(|_| ())
    }

    /// Revokes an approval; returns whether there was one.
    pub fn revoke(&self, root: &Path) -> Result<bool, Error> {
        let name = root.to_string_lossy();
        self.change(|projects| projects.remove(name.as_ref())).map(|removed| removed.is_some())
    }

    /// Returns all approvals by directory.
    pub fn list(&self) -> Result<BTreeMap<String, ApprovedFiles>, Error> {
        Ok(self.read()?.projects)
    }

    fn path(&self) -> PathBuf {
        self.dir.join(FILE)
    }

    fn read(&self) -> Result<TrustFile, Error> {
        let path = self.path();
        let bytes = match regular_file::read(&path, BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(TrustFile { schema_version: VERSION, projects: BTreeMap::new() });
            }
            Err(source) => return Err(Error::Io { path, doing: "read", source }),
        };
        match serde_json::from_slice::<TrustFile>(&bytes) {
            Ok(book) if book.schema_version > VERSION => {
                Err(Error::Newer { path, found: book.schema_version })
            }
            Ok(book) => Ok(book),
            Err(source) => Err(Error::Damaged { path, source }),
        }
    }

    /// Reads, changes and replaces the file while no other pointsman does.
    fn change<T>(&self, change: impl FnOnce(&mut BTreeMap<String, ApprovedFiles>) -> T) -> Result<T, Error> {
        let failed = |source| Error::Io { path: self.path(), doing: "written", source };
        DirBuilder::new().recursive(true).mode(0o700).create(&self.dir).map_err(failed)?;
        let _lock = self.lock().map_err(failed)?;
        let mut book = self.read()?;
        let changed = change(&mut book.projects);
        self.replace(&book).map_err(failed)?;
        Ok(changed)
    }

    fn lock(&self) -> io::Result<File> {
        let path = self.dir.join("trust.lock");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let file = regular_file::open_with(&mut options, rustix::fs::OFlags::empty(), &path)?;
        file.lock()?;
        Ok(file)
    }

    fn replace(&self, book: &TrustFile) -> io::Result<()> {
        // A temporary file is created with mode 0600, which the file it becomes keeps.
        let mut file = tempfile::NamedTempFile::new_in(&self.dir)?;
        serde_json::to_writer_pretty(&mut file, book)?;
        file.write_all(b"\n")?;
        file.as_file().sync_all()?;
        file.persist(self.path())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn store() -> (tempfile::TempDir, TrustStore) {
        let dir = tempfile::tempdir().unwrap();
        let store = TrustStore::in_dir(&dir.path().join("new/config"));
        (dir, store)
    }

    #[test]
    fn an_approval_holds_for_one_directory_and_one_hash_until_it_is_taken_back() {
        let (_dir, store) = store();
        let (a, b) = (Path::new("/a"), Path::new("/b"));
        let status = |root, hash: &str| store.status(root, || hash.to_owned()).unwrap();
        assert_eq!(status(a, "1"), TrustStatus::Untrusted);
        store.approve(a, "1", NOW).unwrap();
        assert_eq!(
            (status(a, "1"), status(a, "2"), status(b, "1")),
            (TrustStatus::Trusted, TrustStatus::Changed, TrustStatus::Untrusted)
        );
        store.approve(a, "2", NOW).unwrap();
        assert_eq!((status(a, "1"), status(a, "2")), (TrustStatus::Changed, TrustStatus::Trusted));
        let approval = ApprovedFiles { hash: "2".to_owned(), approved_at: NOW };
        assert_eq!(store.list().unwrap(), BTreeMap::from([("/a".to_owned(), approval)]));
        assert!(store.revoke(a).unwrap());
        assert!(!store.revoke(a).unwrap());
        assert_eq!(status(a, "2"), TrustStatus::Untrusted);
    }

    #[test]
    fn approvals_are_readable_by_their_user_only() {
        let (_dir, store) = store();
        store.approve(Path::new("/a"), "1", NOW).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&store.path()), mode(&store.dir)), (0o600, 0o700));
    }

    #[test]
    fn a_damaged_or_newer_file_is_never_taken_for_an_empty_one() {
        let (_dir, store) = store();
        store.approve(Path::new("/a"), "1", NOW).unwrap();
        for text in ["", "{", "[]", r#"{"schema_version": 2, "projects": {}}"#] {
            fs::write(store.path(), text).unwrap();
            assert!(store.status(Path::new("/a"), || "1".to_owned()).is_err(), "{text:?}");
            assert!(store.approve(Path::new("/b"), "1", NOW).is_err(), "{text:?}");
            assert_eq!(fs::read_to_string(store.path()).unwrap(), text);
        }
    }

    #[test]
    fn approvals_at_the_same_time_all_arrive() {
        let (_dir, store) = store();
        std::thread::scope(|scope| {
            for n in 0..8 {
                let store = store.clone();
                scope.spawn(move || store.approve(Path::new(&format!("/{n}")), "1", NOW).unwrap());
            }
        });
        assert_eq!(store.list().unwrap().len(), 8);
    }
}
