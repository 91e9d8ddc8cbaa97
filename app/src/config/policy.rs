//! Policy files: their locations and their texts. `core` interprets them.
//!
//! A file of the user's that exists but cannot be read is an error: a question that they configured must not be lost
//! because a file is broken. A repository's is left out with a warning: it must not stop the work.

use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use pointsman_core::policy::file::{FILE_BYTES_MAX, PolicySource};
use pointsman_core::policy::file_rule::Author;
use pointsman_core::toml_text::place::printable;

use super::init::InitError;
use super::location::ProjectFile;
use super::project::POLICY_FILE;
use super::small_file::{self, ReadError};
use super::trust::TrustStatus;

/// The file's short name in the config directory.
pub const USER_FILE: &str = "policy.toml";

/// How many names of a project's root are considered. Directories with more are not made by hand.
const NAMES_MAX: usize = 10_000;

/// The contents of a first policy file.
const FIRST_FILE: &str = include_str!("policy-init.toml");

/// A policy file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyText {
    /// The author.
    pub author: Author,
    /// Its path, printable in a message.
    pub name: String,
    /// Its contents.
    pub text: String,
    /// Its path.
    pub path: PathBuf,
}

/// Why policy files cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyReadError {
    /// A file cannot be read.
    #[error("{}: {reason}", printable(&path.display().to_string()))]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: ReadError,
    },
    /// The user has two policy files.
    #[error("{}: there is `{USER_FILE}` beside it: keep one of them", printable(&path.display().to_string()))]
    Two {
        /// The one with the longer name.
        path: PathBuf,
    },
}

/// Reads the policy files for a project, the project's first. Usually there are none.
pub fn read(
    config_dir: &Path,
    overlay: Option<&ProjectFile>,
    trust: TrustStatus,
) -> Result<Vec<PolicyText>, PolicyReadError> {
    let user = user_file(config_dir)?;
    let is_users = |path: &Path| user.as_deref().is_some_and(|user| is_same(user, path));
    let overlay = overlay.filter(|file| !is_users(&file.path));
    let mut texts: Vec<PolicyText> = of_project(overlay, trust).into_iter().collect();
    if let Some(path) = user {
        texts.push(read_file(&path)?);
    }
    Ok(texts)
}

/// Returns the project's policy file.
pub fn of_project(overlay: Option<&ProjectFile>, trust: TrustStatus) -> Option<PolicyText> {
    let author = match trust {
        TrustStatus::Trusted | TrustStatus::Listed => Author::TrustedProject,
        TrustStatus::Untrusted | TrustStatus::Changed => Author::Project,
    };
    overlay.map(|file| PolicyText::new(author, &file.path, file.text.clone()))
}

/// Reads one file as the user's own.
pub fn read_file(path: &Path) -> Result<PolicyText, PolicyReadError> {
    read_as(Author::User, path)
}

/// Reads one file as the given author's.
pub fn read_as(author: Author, path: &Path) -> Result<PolicyText, PolicyReadError> {
    let unreadable = |reason| PolicyReadError::File { path: path.to_path_buf(), reason };
    let text = small_file::read(path, FILE_BYTES_MAX as u64).map_err(unreadable)?;
    Ok(PolicyText::new(author, path, text))
}

impl PolicyText {
    /// Returns it in the form that `core` takes.
    pub fn as_source(&self) -> PolicySource<'_> {
        PolicySource { author: self.author, name: &self.name, text: &self.text }
    }

    fn new(author: Author, path: &Path, text: String) -> PolicyText {
        PolicyText { author, name: printable(&path.display().to_string()), text, path: path.to_owned() }
    }
}

/// Returns the path of the user's policy file, where there is one.
pub fn user_file(config_dir: &Path) -> Result<Option<PathBuf>, PolicyReadError> {
    let [short, long] = [USER_FILE, POLICY_FILE].map(|name| config_dir.join(name));
    match [&short, &long].map(|path| path.symlink_metadata().is_ok()) {
        [true, true] if !is_same(&short, &long) => Err(PolicyReadError::Two { path: long }),
        [true, _] => Ok(Some(short)),
        [false, true] => Ok(Some(long)),
        [false, false] => Ok(None),
    }
}

fn is_same(one: &Path, other: &Path) -> bool {
    one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}

/// Returns the names in a project's root, which tell what kind of project it is.
pub fn names_in(root: &Path) -> Vec<String> {
    let entries = root.read_dir().into_iter().flatten().filter_map(Result::ok);
    entries.take(NAMES_MAX).filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

/// Returns the path of the user's policy file and its text; without one, the path that it would have, and no text.
pub fn of_user(config_dir: &Path) -> Result<PolicyText, PolicyReadError> {
    match user_file(config_dir)? {
        Some(path) => read_file(&path),
        None => Ok(PolicyText::new(Author::User, &config_dir.join(USER_FILE), String::new())),
    }
}

/// Replaces the user's policy file. A link stays one: what it leads to is replaced.
pub fn replace(path: &Path, text: &str) -> Result<(), InitError> {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    write_over(&path, text).map_err(|source| InitError::Write { path, source })
}

fn write_over(path: &Path, text: &str) -> io::Result<()> {
    let dir = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let mode = path.metadata().map_or(0o600, |meta| meta.permissions().mode());
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(Permissions::from_mode(mode))?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// Writes a first policy file with examples in comments, and returns its path. Never overwrites.
pub fn write_first(dir: &Path, author: Author) -> Result<PathBuf, InitError> {
    let is_users = author == Author::User;
    let path = dir.join(if is_users { USER_FILE } else { POLICY_FILE });
    if is_users && dir.join(POLICY_FILE).symlink_metadata().is_ok() {
        return Err(InitError::Exists { path: dir.join(POLICY_FILE) });
    }
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AlreadyExists => InitError::Exists { path: path.clone() },
        _ => InitError::Write { path: path.clone(), source },
    };
    if is_users {
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
    }
    // The user's file is private like the whole directory; the project's is meant to be committed.
    let mode = if is_users { 0o600 } else { 0o644 };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path).map_err(failed)?;
    file.write_all(FIRST_FILE.as_bytes()).map_err(failed)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::fixture::Fixture;

    fn read_in(fixture: &Fixture) -> Result<Vec<PolicyText>, PolicyReadError> {
        let overlay = fixture.files().policy.and_then(Result::ok);
        read(&fixture.dirs().config, overlay.as_ref(), TrustStatus::Untrusted)
    }

    #[test]
    fn the_projects_file_comes_before_the_users() {
        let fixture = Fixture::new();
        assert_eq!(read_in(&fixture).unwrap(), []);
        fixture.write("home/.config/pointsman/policy.toml", "# mine");
        fixture.write("repo/pointsman.policy.toml", "# theirs");
        let texts = read_in(&fixture).unwrap();
        let found: Vec<_> = texts.iter().map(|text| (text.author, text.text.as_str())).collect();
        assert_eq!(found, [(Author::Project, "# theirs"), (Author::User, "# mine")]);
    }

    #[test]
    fn the_users_file_has_one_of_two_names_and_not_both() {
        let fixture = Fixture::new();
        fixture.write("home/.config/pointsman/pointsman.policy.toml", "# long");
        assert_eq!(read_in(&fixture).unwrap()[0].text, "# long");
        fixture.write("home/.config/pointsman/policy.toml", "# short");
        let error = fixture.shown(read_in(&fixture).unwrap_err());
        assert!(error.contains("keep one of them"), "{error}");
    }

    #[test]
    fn a_file_of_the_project_that_cannot_be_read_is_left_out_and_said() {
        let fixture = Fixture::new();
        let outside = fixture.write("secret.toml", "x = 1");
        std::os::unix::fs::symlink(outside, fixture.repo().join(POLICY_FILE)).unwrap();
        assert_eq!(read_in(&fixture).unwrap(), []);
        assert_eq!(
            fixture.warnings(&fixture.load().unwrap().warnings),
            ["repo/pointsman.policy.toml: the file is left out: it is a link that leads out of the project"]
        );
    }

    #[test]
    fn a_file_that_both_would_read_is_the_users() {
        let fixture = Fixture::new();
        fixture.write("home/.config/pointsman/pointsman.policy.toml", "# mine");
        let root = fixture.home().join(".config/pointsman");
        let overlay = ProjectFile { path: root.join(POLICY_FILE), text: "# mine".to_owned() };
        let texts = read(&root, Some(&overlay), TrustStatus::Untrusted).unwrap();
        assert_eq!(texts.iter().map(|text| text.author).collect::<Vec<_>>(), [Author::User]);
    }

    #[test]
    fn a_first_file_is_never_written_over_another() {
        let fixture = Fixture::new();
        let config = fixture.dirs().config;
        let path = write_first(&config, Author::User).unwrap();
        assert!(path.ends_with("policy.toml"));
        assert!(matches!(write_first(&config, Author::User), Err(InitError::Exists { .. })));
        assert!(write_first(&fixture.repo(), Author::Project).unwrap().ends_with(POLICY_FILE));
        assert!(matches!(write_first(&fixture.repo(), Author::Project), Err(InitError::Exists { .. })));
    }
}
