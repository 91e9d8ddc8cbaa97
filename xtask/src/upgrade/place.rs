//! A home, a project and a state directory for both programs, and what is done there.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::builds::Builds;

/// The request of every run.
pub const REQUEST: &str = "rename foo to bar in lib.rs";

/// Nothing that is waited for takes this long unless it never comes.
const PATIENCE: Duration = Duration::from_secs(60);

const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Why something is not as it must be.
pub type Fault = String;

/// A place for one case. Dropping it removes it and kills all its processes.
pub struct Place {
    root: tempfile::TempDir,
    /// The older program.
    pub old: PathBuf,
    /// The program of this tree.
    pub new: PathBuf,
    /// The path of the installed program, where it may be replaced.
    pub installed: PathBuf,
    fake_agent: PathBuf,
}

/// The result of a command line.
pub struct CommandOutput {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    line: String,
}

impl Place {
    /// Creates a place where opus answers at once; haiku works as long as it has to, fails once because of the service,
    /// and answers when it is asked again; sonnet works until it is stopped.
    pub fn new(builds: &Builds) -> io::Result<Place> {
        let root = tempfile::Builder::new().prefix("pointsman-upgrade-").tempdir()?;
        for dir in ["home", "project", "config/pointsman", "state", "cache", "runtime", "tmp", "bin"] {
            fs::create_dir_all(root.path().join(dir))?;
        }
        fs::set_permissions(root.path().join("runtime"), fs::Permissions::from_mode(0o700))?;
        let (old, new) = (builds.old.clone(), builds.new.clone());
        let place = Place {
            installed: root.path().join("bin/pointsman"),
            old,
            new,
            fake_agent: builds.fake_agent.clone(),
            root,
        };
        fs::write(place.path("config/pointsman/config.toml"), place.settings())?;
        Ok(place)
    }

    fn settings(&self) -> String {
        let [sign, go, starts] =
            ["at-work", "go", "starts"].map(|name| self.path(name).display().to_string());
        let agent = |tier: &str, words: &[&str]| {
            let fake_agent = self.fake_agent.display().to_string();
            let words: Vec<&str> =
                std::iter::once(fake_agent.as_str()).chain(words.iter().copied()).collect();
            format!("\n[agents.{tier}-general]\nadapter = \"claude\"\ncommand = {}\n", Value::from(words))
        };
        let waits =
            ["touches", &sign, "awaits", &go, "first", "1", &starts, "overloaded", "completes", "at last"];
        [
            "retry.base = \"1ms\"\nretry.cap = \"5ms\"\nretry.max_elapsed = \"1s\"\nlimits.stop_grace = \"200ms\"\n".to_owned(),
            agent("haiku", &waits),
            agent("sonnet", &["touches", &sign, "hangs-after-init"]),
            agent("opus", &["completes", "the answer of opus"]),
        ]
        .concat()
    }

    /// Returns a path in this place.
    pub fn path(&self, below: &str) -> PathBuf {
        self.root.path().join(below)
    }

    /// Installs a program in place of the one that is there.
    pub fn install(&self, program: &Path) -> Result<(), Fault> {
        let part = self.installed.with_extension("part");
        let put = fs::copy(program, &part).and_then(|_| fs::rename(&part, &self.installed));
        put.map_err(|error| format!("the program cannot be installed: {error}"))
    }

    /// Runs a command line to its end.
    pub fn call(&self, program: &Path, args: &[&str]) -> Result<CommandOutput, Fault> {
        self.call_with(program, args, "")
    }

    /// The same with something on standard input.
    pub fn call_with(&self, program: &Path, args: &[&str], input: &str) -> Result<CommandOutput, Fault> {
        let line = args.join(" ");
        self.ran(program, args, input, line.clone())
            .map_err(|error| format!("`{line}` cannot be run: {error}"))
    }

    fn ran(&self, program: &Path, args: &[&str], input: &str, line: String) -> io::Result<CommandOutput> {
        // Files, not pipes: a process that holds a stream open after the child's end does not make us wait.
        let dir = tempfile::tempdir_in(self.path("tmp"))?;
        let [stdin, stdout, stderr] = ["in", "out", "err"].map(|name| dir.path().join(name));
        fs::write(&stdin, input)?;
        let mut command = self.command(program, args);
        command.stdin(File::open(stdin)?).stdout(File::create(&stdout)?).stderr(File::create(&stderr)?);
        let mut child = command.spawn()?;
        let ended = wait_for(|| child.try_wait().ok().flatten());
        if ended.is_none() {
            child.kill()?;
            child.wait()?;
        }
        let text = |path| fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Ok(CommandOutput {
            code: ended.and_then(|status| status.code()),
            stdout: text(stdout)?,
            stderr: text(stderr)?,
            line,
        })
    }

    /// Returns a command line in this place, with nothing of our own environment except `PATH`.
    pub fn command(&self, program: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        for (name, dir) in [
            ("HOME", "home"),
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_STATE_HOME", "state"),
            ("XDG_CACHE_HOME", "cache"),
            ("XDG_RUNTIME_DIR", "runtime"),
            ("TMPDIR", "tmp"),
        ] {
            command.env(name, self.path(dir));
        }
        command.current_dir(self.path("project")).stdin(Stdio::null());
        command
    }

    /// Starts a run in the background and returns its id once its agent works.
    pub fn detached(&self, program: &Path, tier: &str) -> Result<String, Fault> {
        let sign = self.path("at-work");
        let _ = fs::remove_file(&sign);
        let ran = self.call(program, &["run", "--detach", "--tier", tier, REQUEST])?.success()?;
        wait_for(|| sign.exists().then_some(())).ok_or("the agent does not begin to work")?;
        Ok(ran.stdout.trim().to_owned())
    }

    /// Lets haiku continue.
    pub fn go(&self) -> Result<(), Fault> {
        fs::write(self.path("go"), "").map_err(|error| error.to_string())
    }

    /// Runs something with the new program, which migrates the ledger and imports the spool.
    pub fn new_runs(&self) -> Result<CommandOutput, Fault> {
        let ran = self.call(&self.new, &["run", "--tier", "opus", REQUEST])?.success()?;
        ran.says_on_stdout("the answer of opus")
    }

    /// Returns what the new program shows of a run.
    pub fn show(&self, run: &str) -> Result<Value, Fault> {
        self.call(&self.new, &["runs", "show", run, "-o", "json"])?.success()?.json()
    }

    /// Returns what the new program lists.
    pub fn list(&self) -> Result<Vec<Value>, Fault> {
        let list = self.call(&self.new, &["runs", "list", "-o", "json"])?.success()?.json()?;
        list["runs"].as_array().cloned().ok_or_else(|| format!("a list without runs: {list}"))
    }

    /// Waits for the end of a run; it must have this verdict after this many attempts, and the list must agree.
    pub fn ends(&self, run: &str, verdict: &str, attempt_count: usize) -> Result<(), Fault> {
        let shown = self.end_of(run)?;
        let attempts = shown["attempts"].as_array().cloned().unwrap_or_default();
        if shown["verdict"] != verdict || attempts.len() != attempt_count {
            return Err(format!("the run ended as {}: {}", shown["verdict"], attempts_text(&attempts)));
        }
        let list = self.list()?;
        let row = list.iter().find(|row| row["run_id"] == run).ok_or("the run is not in the list")?;
        if row["finished"] != true || row["phase"] != verdict {
            return Err(format!("the list has it as {row}"));
        }
        Ok(())
    }

    fn end_of(&self, run: &str) -> Result<Value, Fault> {
        let begun = Instant::now();
        loop {
            let shown = self.show(run)?;
            if !shown["verdict"].is_null() {
                return Ok(shown);
            }
            if begun.elapsed() > PATIENCE {
                let attempts = shown["attempts"].as_array().cloned().unwrap_or_default();
                return Err(format!(
                    "the run does not end, it is {}: {}",
                    shown["phase"],
                    attempts_text(&attempts)
                ));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Returns every file of the spool that is not empty, with its text.
    pub fn spool(&self) -> Vec<(PathBuf, String)> {
        let dirs = [self.path("state/pointsman/spool"), self.path("runtime/pointsman")];
        let files = dirs.iter().flat_map(|dir| walk(dir)).filter(|path| path.is_file());
        let texts = files.map(|path| (path.clone(), fs::read_to_string(path).unwrap_or_default()));
        texts.filter(|(_, text)| !text.is_empty()).collect()
    }

    /// Checks that nothing is waiting to be imported into the ledger.
    pub fn spool_is_empty(&self) -> Result<(), Fault> {
        let left = self.spool();
        if left.is_empty() { Ok(()) } else { Err(format!("the spool still has {left:?}")) }
    }

    /// Checks that no process of this place is running, or that all end soon.
    pub fn is_quiet(&self) -> Result<(), Fault> {
        wait_for(|| self.processes().is_empty().then_some(()))
            .ok_or_else(|| format!("processes are left: {:?}", self.processes()))
    }

    /// Returns every living process of this place, recognised by its directory, arguments or environment. Works on
    /// Linux only.
    fn processes(&self) -> Vec<u32> {
        let mark = self.root.path().as_os_str().as_encoded_bytes();
        let has_mark = |bytes: Vec<u8>| bytes.windows(mark.len()).any(|window| window == mark);
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let is_here = |pid: &u32| {
            let read = |name: &str| fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
            let cwd = fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
            cwd.starts_with(self.root.path()) || has_mark(read("cmdline")) || has_mark(read("environ"))
        };
        pids.filter(is_here).collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for pid in self.processes() {
            // A process that has ended meanwhile is just what is wanted.
            let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).stderr(Stdio::null()).status();
        }
    }
}

impl CommandOutput {
    /// Checks that its exit code is 0.
    pub fn success(self) -> Result<CommandOutput, Fault> {
        if self.code == Some(0) { Ok(self) } else { Err(self.fault("did not succeed")) }
    }

    /// Checks that it printed this on standard output.
    pub fn says_on_stdout(self, words: &str) -> Result<CommandOutput, Fault> {
        if self.stdout.contains(words) {
            Ok(self)
        } else {
            Err(self.fault(&format!("did not print `{words}`")))
        }
    }

    /// Checks that it printed this on standard error.
    pub fn says_on_stderr(self, words: &str) -> Result<CommandOutput, Fault> {
        if self.stderr.contains(words) {
            Ok(self)
        } else {
            Err(self.fault(&format!("did not say `{words}`")))
        }
    }

    /// Checks that it reported nothing wrong on standard error.
    pub fn without_notice(self) -> Result<CommandOutput, Fault> {
        let is_notice = ["notice:", "warning", "error"].iter().any(|word| self.stderr.contains(word));
        if is_notice { Err(self.fault("has something to say")) } else { Ok(self) }
    }

    /// Returns its standard output as a JSON value.
    pub fn json(&self) -> Result<Value, Fault> {
        serde_json::from_str(&self.stdout).map_err(|_| self.fault("printed no JSON"))
    }

    /// Returns what is wrong with it, in one line.
    pub fn fault(&self, what: &str) -> Fault {
        let short = |text: &str| text.trim().replace('\n', " / ").chars().take(600).collect::<String>();
        let code = self.code.map_or_else(|| "no exit code".to_owned(), |code| format!("exit code {code}"));
        format!(
            "`{}` {what}: {code}, said `{}` and `{}`",
            self.line,
            short(&self.stdout),
            short(&self.stderr)
        )
    }
}

/// Returns how attempts ended; only the last three if there are many.
fn attempts_text(attempts: &[Value]) -> String {
    let word = |attempt: &Value, key: &str| attempt[key].as_str().unwrap_or("-").to_owned();
    let last = attempts.iter().skip(attempts.len().saturating_sub(3));
    let ends: Vec<String> =
        last.map(|attempt| format!("{} ({})", word(attempt, "outcome"), word(attempt, "detail"))).collect();
    format!("{} attempts, at last {}", attempts.len(), ends.join(", "))
}

fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if let Some(found) = look() {
            return Some(found);
        }
        std::thread::sleep(LOOK_EVERY);
    }
    None
}

fn walk(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}
