//! How git is called: on a repository of our own beside the project's.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::process::{call, probe};

/// The longest one call of git may take. A working tree for which it takes longer is not looked at: people wait.
const LIMIT: Duration = Duration::from_secs(10);

/// What every call switches off: whatever would start a program, convert content, or write where nothing asks for it.
const CLOSED: [&str; 10] = [
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.untrackedCache=false",
    "-c",
    "core.looseCompression=1",
    "-c",
    "diff.ignoreSubmodules=dirty",
];

/// A program and its environment.
#[derive(Clone)]
pub struct Git {
    program: PathBuf,
    env: BTreeMap<String, String>,
}

/// A project's repository.
pub struct Repository {
    /// Git.
    pub git: Git,
    /// The top of the working tree.
    pub top: PathBuf,
    /// Its index.
    pub index: PathBuf,
    /// Its objects.
    pub objects: PathBuf,
    /// What it ignores besides `.gitignore`.
    pub exclude: PathBuf,
    /// `sha1` or `sha256`.
    pub object_format: String,
}

impl Git {
    /// Finds git. The environment is ours without what would lead git elsewhere.
    pub fn find(ambient: &BTreeMap<String, String>) -> Option<Git> {
        let mut env = ambient.clone();
        env.retain(|name, _| !name.starts_with("GIT_"));
        let program = probe::find_program("git", &env, &[])?;
        let closed = [
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_ALLOW_PROTOCOL", "none"),
            ("GIT_NO_LAZY_FETCH", "1"),
            ("GIT_OPTIONAL_LOCKS", "0"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("LC_ALL", "C"),
        ];
        env.extend(closed.map(|(name, value)| (name.to_owned(), value.to_owned())));
        Some(Git { program, env })
    }

    /// Sets a variable for all calls to come.
    pub fn set(&mut self, name: &str, value: &Path) {
        self.env.insert(name.to_owned(), value.to_string_lossy().into_owned());
    }

    /// Calls git; returns what it printed if it succeeded. Both streams, and at most four megabytes.
    pub fn call(&self, dir: &Path, args: &[&str]) -> Option<String> {
        let args: Vec<&str> = CLOSED.iter().copied().chain(args.iter().copied()).collect();
        let output = call::run(&self.program, &args, &self.env, dir, LIMIT).ok()?;
        output.is_success.then_some(output.text)
    }
}

impl Repository {
    /// Finds the repository of a directory: one with a working tree that git itself accepts.
    pub fn find(dir: &Path, ambient: &BTreeMap<String, String>) -> Option<Repository> {
        let git = Git::find(ambient)?;
        let asked = [
            "rev-parse",
            "--path-format=absolute",
            "--show-object-format",
            "--show-toplevel",
            "--git-path",
            "index",
            "--git-path",
            "objects",
            "--git-path",
            "info/exclude",
        ];
        let said = git.call(dir, &asked)?;
        let mut lines = said.lines();
        let object_format = lines.next()?.to_owned();
        let mut path = || lines.next().map(PathBuf::from);
        let (top, index, objects, exclude) = (path()?, path()?, path()?, path()?);
        Some(Repository { git, top, index, objects, exclude, object_format })
    }
}

/// Makes an empty repository: git needs no more than this.
pub fn create(dir: &Path, object_format: &str) -> io::Result<()> {
    let _ = fs::remove_dir_all(dir);
    for below in ["objects", "refs", "info"] {
        fs::create_dir_all(dir.join(below))?;
    }
    fs::write(dir.join("HEAD"), "ref: refs/heads/none\n")?;
    let config = match object_format {
        "sha1" => "[core]\n\trepositoryformatversion = 0\n".to_owned(),
        other => format!("[core]\n\trepositoryformatversion = 1\n[extensions]\n\tobjectformat = {other}\n"),
    };
    fs::write(dir.join("config"), config)
}
