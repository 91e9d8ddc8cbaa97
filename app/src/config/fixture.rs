//! A simulated machine of one user with one repository, in a temporary directory. No test touches the real environment.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::env::{Dirs, EnvVars};
use super::error::{Error, Warning};
use super::load::{Inputs, Loaded, USER_FILE, UserFile, load};
use super::location::find;
use super::project::ProjectFiles;
use super::repo_files::Tracks;
use super::trust::TrustStore;

pub struct Fixture {
    root: tempfile::TempDir,
    env: Vec<(String, String)>,
    flags: Vec<(String, String)>,
}

impl Fixture {
    pub fn new() -> Fixture {
        let fixture = Fixture { root: tempfile::tempdir().unwrap(), env: Vec::new(), flags: Vec::new() };
        fixture.dir("home");
        fixture.dir("repo/.git");
        fixture
    }

    pub fn base(&self) -> PathBuf {
        self.root.path().canonicalize().unwrap()
    }

    pub fn home(&self) -> PathBuf {
        self.base().join("home")
    }

    pub fn repo(&self) -> PathBuf {
        self.base().join("repo")
    }

    pub fn dir(&self, path: &str) -> PathBuf {
        let dir = self.base().join(path);
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    pub fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.base().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    pub fn user(self, text: &str) -> Fixture {
        self.write(&format!("home/.config/pointsman/{USER_FILE}"), text);
        self
    }

    pub fn project(&self, text: &str) {
        self.write("repo/.pointsman.toml", text);
    }

    pub fn agent(&self, stem: &str, front_matter: &str) {
        self.write(
            &format!("repo/.claude/agents/{stem}.md"),
            &format!("---\n{front_matter}\n---\nYou work.\n"),
        );
    }

    pub fn variable(mut self, name: &str, value: &str) -> Fixture {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn flag(mut self, key: &str, value: &str) -> Fixture {
        self.flags.push((key.to_owned(), value.to_owned()));
        self
    }

    pub fn dirs(&self) -> Dirs {
        let home = self.home();
        Dirs::find(&[("HOME", home.to_str().unwrap())].into_iter().collect()).unwrap()
    }

    pub fn files(&self) -> ProjectFiles {
        ProjectFiles::read(&find(&self.repo(), &self.home()), &self.home(), &|_| false)
    }

    pub fn trust(&self) {
        let files = self.files();
        let store = TrustStore::in_dir(&self.dirs().config);
        store.approve(&files.trust_key, &files.hash(), Timestamp::UNIX_EPOCH).unwrap();
    }

    pub fn load(&self) -> Result<Loaded, Error> {
        self.load_in(&self.repo(), &|_| false)
    }

    pub fn load_in(&self, cwd: &Path, tracks: Tracks<'_>) -> Result<Loaded, Error> {
        let env: EnvVars = self.env.iter().cloned().collect();
        load(&Inputs {
            env: &env,
            dirs: &self.dirs(),
            cwd,
            flags: &self.flags,
            tracks,
            user_file: UserFile::Counts,
        })
    }

    /// Returns a warning or error without the temporary directory's name.
    pub fn shown(&self, text: impl ToString) -> String {
        text.to_string().replace(&format!("{}/", self.base().display()), "")
    }

    /// Returns all warnings, one per line.
    pub fn warnings(&self, warnings: &[Warning]) -> Vec<String> {
        warnings.iter().map(|warning| self.shown(warning)).collect()
    }
}
