//! The program whose pages are written: found or built, and run in a place of its own.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use super::source;

/// The program of this tree.
pub struct Program {
    path: PathBuf,
}

impl Program {
    /// Finds the program that a test run has built beside this one, or builds it if it is older than its sources.
    pub fn find(root: &Path) -> io::Result<Program> {
        let path = target(root).join("debug/pointsman");
        if !is_current(&path, root)? {
            let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
            let status =
                Command::new(cargo).args(["build", "--package", "pointsman"]).current_dir(root).status()?;
            if !status.success() {
                return Err(io::Error::other("the program was not built"));
            }
        }
        Ok(Program { path })
    }

    /// Prepares a call in a home directory: nothing of this machine's settings, language or terminal has a say in it.
    pub fn call(&self, home: &Path) -> Command {
        let mut command = Command::new(&self.path);
        command
            .env_clear()
            .env("HOME", home)
            .env("PATH", "/usr/bin:/bin")
            .env("NO_COLOR", "1")
            .env("COLUMNS", "100")
            .current_dir(home)
            .stdin(Stdio::null());
        command
    }

    /// Returns the directory in which the program stands.
    pub fn dir(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }

    /// Returns what a call prints; a failure is an error.
    pub fn said(&self, home: &Path, args: &[&str]) -> io::Result<String> {
        let output = self.call(home).args(args).output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(io::Error::other(format!("`pointsman {}` failed: {said}", args.join(" "))));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

/// What the program is made of, below the repository.
const MADE_OF: [&str; 5] = ["core/src", "app/src", "plugin", "docs/errors", "Cargo.lock"];

/// Tells whether a program is newer than everything that it is made of.
fn is_current(program: &Path, root: &Path) -> io::Result<bool> {
    let Ok(built) = fs::metadata(program).and_then(|found| found.modified()) else { return Ok(false) };
    for part in MADE_OF {
        if newest(&root.join(part))? > built {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Returns when the newest file below a path was changed; what only tests read does not count.
fn newest(path: &Path) -> io::Result<SystemTime> {
    if source::only_tests(path) {
        return Ok(SystemTime::UNIX_EPOCH);
    }
    if !path.is_dir() {
        return fs::metadata(path)?.modified();
    }
    let mut newest_below = SystemTime::UNIX_EPOCH;
    for entry in fs::read_dir(path)? {
        newest_below = newest_below.max(newest(&entry?.path())?);
    }
    Ok(newest_below)
}
