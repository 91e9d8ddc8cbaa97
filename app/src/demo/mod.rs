//! Where a demonstration plays: a home and a repository of its own, in which this program is started as anybody would.
//!
//! Nothing of the person's is seen or touched: no settings, no state, no login, no agent.

use std::collections::BTreeMap;
use std::fs;
use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::process::{attached, call, probe};

/// What is passed on of the person's surroundings: how things look, and where programs are.
const PASSED: [&str; 13] = [
    "PATH",
    "TERM",
    "COLORTERM",
    "COLUMNS",
    "NO_COLOR",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "LC_TIME",
    "TZ",
    "TMPDIR",
];

/// The files of the repository: a small program, so that requests have something to be about.
const FILES: [(&str, &str); 3] = [
    ("README.md", "# pool\n\nRuns jobs in a few threads.\n"),
    ("Cargo.toml", "[package]\nname = \"pool\"\nversion = \"0.1.0\"\nedition = \"2024\"\n"),
    (
        "src/lib.rs",
        "//! Runs jobs in a few threads.\n\npub fn parse(line: &str) -> Option<u32> {\n    line.trim().parse().ok()\n}\n",
    ),
];

/// The longest that a look into the ledger or a command of git takes.
const CALL_LIMIT: Duration = Duration::from_secs(30);

/// How often it is looked whether the agent in the background has begun, with how long between: it falls silent for three
/// seconds before it is stopped.
const LOOKS: (u32, Duration) = (100, Duration::from_millis(20));

/// What the scripted agent says before it hangs.
const AGENT_SPEAKS: &str = "falling silent";

/// How often the place is removed again while ending processes still write into it, with how long between.
const REMOVALS: (u32, Duration) = (100, Duration::from_millis(20));

/// The place of a demonstration. When it is dropped, its processes and files are gone.
pub struct Stage {
    root: PathBuf,
    program: PathBuf,
    env: BTreeMap<String, String>,
}

impl Stage {
    /// Makes the place for this program, whose path is given.
    pub fn open(program: PathBuf, surroundings: &BTreeMap<String, String>) -> io::Result<Stage> {
        let root = tempfile::Builder::new().prefix("pointsman-demo-").tempdir()?.keep();
        let mut env = surroundings.clone();
        env.retain(|name, _| PASSED.contains(&name.as_str()));
        env.insert("HOME".to_owned(), root.join("home").to_string_lossy().into_owned());
        // From here on a failure removes what was made.
        let stage = Stage { root, program, env };
        fs::create_dir(stage.root.join("home"))?;
        for (name, text) in FILES {
            let path = stage.repository().join(name);
            fs::create_dir_all(path.parent().unwrap_or(&stage.root))?;
            fs::write(path, text)?;
        }
        stage.make_repository();
        Ok(stage)
    }

    /// Returns the directory of the repository.
    pub fn repository(&self) -> PathBuf {
        self.root.join("pool")
    }

    /// Makes a repository of the files. Without git they are a directory, which does as well.
    fn make_repository(&self) {
        let Some(git) = probe::find_program("git", &self.env, &[]) else { return };
        let identity = ["-c", "user.name=demo", "-c", "user.email=demo@localhost"];
        let commit = [&identity[..], &["commit", "-q", "-m", "Begin"]].concat();
        for args in [&["init", "-q"][..], &["add", "."], &commit] {
            let _ = call::run(&git, args, &self.env, &self.repository(), CALL_LIMIT);
        }
    }

    /// Runs this program in the place, to be seen, and returns its exit code; `None` if `stop` came first. Its errors go to
    /// `errors`.
    pub async fn play(
        &self,
        args: &[&str],
        errors: OwnedFd,
        stop: impl Future<Output = ()>,
    ) -> io::Result<Option<i32>> {
        let cwd = self.repository();
        let status = attached::run_own(&self.program, args, &self.env, &cwd, errors, stop).await?;
        Ok(status.map(|status| status.code().unwrap_or(-1)))
    }

    /// Waits until the agent of the newest run has said something: from then on there is something to be lost.
    pub fn wait_for_agent(&self) {
        let (times, between) = LOOKS;
        for _ in 0..times {
            if self.look(&["runs", "logs", "latest"]).is_some_and(|said| said.contains(AGENT_SPEAKS)) {
                return;
            }
            std::thread::sleep(between);
        }
    }

    /// Returns the driver of the newest run, if that goes on.
    pub fn driver(&self) -> Option<i32> {
        let shown = self.look(&["runs", "show", "latest"])?;
        let line = shown.lines().find_map(|line| line.strip_prefix("driver"))?;
        line.split_whitespace().nth(1)?.trim_end_matches(',').parse().ok()
    }

    /// Kills a driver at once (`kill -9`).
    pub fn kill(&self, driver: i32) {
        attached::kill(driver);
    }

    fn look(&self, args: &[&str]) -> Option<String> {
        let looked = call::run(&self.program, args, &self.env, &self.repository(), CALL_LIMIT).ok()?;
        looked.is_success.then_some(looked.text)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // Somebody may have stopped us just after it was started.
        self.driver().into_iter().for_each(attached::kill);
        remove(&self.root);
    }
}

/// Removes the place. The last processes may still write there, until they see that their driver is gone.
fn remove(root: &Path) {
    let (times, between) = REMOVALS;
    for _ in 0..times {
        if fs::remove_dir_all(root).is_ok() || !root.exists() {
            return;
        }
        std::thread::sleep(between);
    }
}
