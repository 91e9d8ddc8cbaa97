//! A home, a project and a configuration of their own for the real binary, and what can be asked of it.
//!
//! Reading order: [`Sandbox`] (the builder), [`Call`] (one command line), [`Started`] (a running one),
//! [`Ran`] (a finished one, with assertions that return it), [`processes`](Sandbox::processes).

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Read, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::fake::Fake;
use crate::proc::peak_memory_kib;
use crate::terminal::{self, AtTerminal};

/// Nothing that a test waits for takes this long unless it never comes.
pub const PATIENCE: Duration = Duration::from_secs(150);

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A place of its own for one test; it is gone, with all its processes, when it is dropped.
pub struct Sandbox {
    root: tempfile::TempDir,
    settings: BTreeMap<String, String>,
    agents: BTreeMap<String, BTreeMap<String, String>>,
    env: BTreeMap<String, String>,
}

impl Sandbox {
    /// Makes a place where every tier has an agent that answers its tier's name, and waiting is short.
    pub fn new() -> Sandbox {
        let root = tempfile::Builder::new().prefix("pointsman-it-").tempdir().unwrap();
        for dir in ["home", "project", "config/pointsman", "state", "cache", "runtime", "tmp"] {
            fs::create_dir_all(root.path().join(dir)).unwrap();
        }
        fs::set_permissions(root.path().join("runtime"), fs::Permissions::from_mode(0o700)).unwrap();
        let sandbox = Sandbox {
            root,
            settings: BTreeMap::new(),
            agents: BTreeMap::new(),
            env: BTreeMap::from([("PATH".to_owned(), std::env::var("PATH").unwrap_or_default())]),
        };
        let quick = [
            ("retry.base", "\"1ms\""),
            ("retry.cap", "\"5ms\""),
            ("retry.max_elapsed", "\"1s\""),
            ("limits.stop_grace", "\"200ms\""),
            ("limits.post_result_grace", "\"500ms\""),
        ];
        let sandbox = quick.iter().fold(sandbox, |sandbox, (key, value)| sandbox.set(key, value));
        ["haiku", "sonnet", "opus"].iter().fold(sandbox, |sandbox, tier| {
            sandbox.agent(tier, Fake::completes(&format!("the answer of {tier}")))
        })
    }

    /// Gives a tier its agent.
    pub fn agent(self, tier: &str, fake: Fake) -> Sandbox {
        let program = fake_agent();
        let words = std::iter::once(program.to_str().unwrap()).chain(fake.words());
        let command = toml_list(words);
        let adapter = if fake.plain { "\"plain\"" } else { "\"claude\"" };
        self.agent_key(tier, "command", &command).agent_key(tier, "adapter", adapter)
    }

    /// Gives all tiers the same agent, so that work can be carried over in its session.
    pub fn agents(self, fake: Fake) -> Sandbox {
        ["haiku", "sonnet", "opus"].iter().fold(self, |sandbox, tier| sandbox.agent(tier, fake.clone()))
    }

    /// Sets a key of a tier's agent to a TOML value.
    pub fn agent_key(mut self, tier: &str, key: &str, value: &str) -> Sandbox {
        self.agents.entry(format!("{tier}-general")).or_default().insert(key.to_owned(), value.to_owned());
        self
    }

    /// Sets a setting to a TOML value.
    pub fn set(mut self, key: &str, value: &str) -> Sandbox {
        self.settings.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Sets an environment variable of pointsman.
    pub fn env(mut self, name: &str, value: &str) -> Sandbox {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Returns a path below the sandbox.
    pub fn path(&self, below: &str) -> PathBuf {
        self.root.path().join(below)
    }

    /// Returns the project directory.
    pub fn project(&self) -> PathBuf {
        self.path("project")
    }

    /// Returns pointsman's state directory.
    pub fn state(&self) -> PathBuf {
        self.path("state/pointsman")
    }

    /// Runs a request and waits for its end.
    pub fn run(&self, prompt: &str) -> Ran {
        self.call(["run", "--", prompt]).wait()
    }

    /// Runs a request on a tier and waits for its end.
    pub fn run_on(&self, tier: &str, prompt: &str) -> Ran {
        self.call(["run", "--tier", tier, "--", prompt]).wait()
    }

    /// Returns what the ledger says of a run.
    pub fn show(&self, run: &str) -> Value {
        self.call(["runs", "show", run, "-o", "json"]).wait().success().json()
    }

    /// Returns how many runs there are.
    pub fn run_count(&self) -> usize {
        let listed = self.call(["runs", "list", "-o", "json"]).wait().success().json();
        listed["runs"].as_array().unwrap().len()
    }

    /// Begins a command line.
    pub fn call<const N: usize>(&self, args: [&str; N]) -> Call<'_> {
        Call {
            sandbox: self,
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            env: self.env.clone(),
            stdin: None,
            shell: None,
            stdout: Stdio::piped(),
            program: pointsman(),
        }
    }

    fn write_config(&self) {
        let line = |(key, value): (&String, &String)| format!("{key} = {value}\n");
        let mut text: String = self.settings.iter().map(line).collect();
        for (name, keys) in &self.agents {
            text.push_str(&format!("\n[agents.{name}]\n"));
            text.extend(keys.iter().map(line));
        }
        let path = self.path("config/pointsman/config.toml");
        // Another process of this sandbox may read it just now: a file that is right is not written again.
        if fs::read_to_string(&path).ok().as_deref() != Some(&text) {
            fs::write(path, text).unwrap();
        }
    }

    /// Returns every living process that was started in this sandbox: pid and command line.
    ///
    /// Its mark is the sandbox's path, in the environment, the arguments, or as the working directory.
    pub fn processes(&self) -> Vec<(i32, String)> {
        let mark = self.root.path().to_str().unwrap().as_bytes().to_vec();
        let has_mark = |bytes: &[u8]| bytes.windows(mark.len()).any(|window| window == mark);
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        pids.filter_map(|pid| {
            let dir = PathBuf::from(format!("/proc/{pid}"));
            let read = |name: &str| fs::read(dir.join(name)).unwrap_or_default();
            let cwd = fs::read_link(dir.join("cwd")).unwrap_or_default();
            let arguments = read("cmdline");
            let ours =
                cwd.starts_with(self.root.path()) || has_mark(&arguments) || has_mark(&read("environ"));
            let is_zombie = fs::read_to_string(dir.join("stat")).is_ok_and(|stat| stat.contains(") Z "));
            let words = String::from_utf8_lossy(&arguments).replace('\0', " ");
            (ours && !is_zombie).then_some((pid, words))
        })
        .collect()
    }

    /// Waits until no process of this sandbox is alive, or fails with the list of them.
    pub fn no_process_is_left(&self, within: Duration) {
        let begun = Instant::now();
        while begun.elapsed() < within {
            if self.processes().is_empty() {
                return;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        panic!("still alive after {within:?}: {:#?}", self.processes());
    }

    /// Returns every file below the state directory that holds the text.
    pub fn files_with(&self, text: &str) -> Vec<PathBuf> {
        let holds = |path: &PathBuf| {
            fs::read(path)
                .is_ok_and(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
        };
        self.state_files().into_iter().filter(holds).collect()
    }

    /// Returns all files of the state.
    pub fn state_files(&self) -> Vec<PathBuf> {
        walk(&self.path("state")).into_iter().filter(|path| path.is_file()).collect()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        for (pid, _) in self.processes() {
            signal(pid, Signal::KILL);
        }
    }
}

/// Writes words as a TOML array.
pub fn toml_list<'a>(words: impl Iterator<Item = &'a str>) -> String {
    // TOML's strings are JSON's, but for one character.
    let quote = |word| serde_json::to_string(word).unwrap().replace('\u{7f}', "\\u007f");
    let quoted: Vec<String> = words.map(quote).collect();
    format!("[{}]", quoted.join(", "))
}

/// Returns all paths below a directory, the directory itself left out; links are not followed.
pub fn walk(dir: &Path) -> Vec<PathBuf> {
    let mut found = vec![];
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        found.push(entry.path());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(walk(&entry.path()));
        }
    }
    found
}

/// Returns the program that is tested.
pub fn pointsman() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_pointsman"))
}

/// Returns the fake agent's program.
pub fn fake_agent() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_pointsman")).with_file_name("examples").join("fake-agent");
    assert!(program.exists(), "the fake agent is missing: run `cargo build --examples -p pointsman` first");
    program
}

/// Waits until a condition holds; fails with the words when it never does.
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Waits until a file exists.
pub fn wait_for_file(path: &Path) {
    wait_for(&path.display().to_string(), || path.exists().then_some(()));
}

fn signal(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        let _ = kill_process(pid, signal);
    }
}

/// One command line of pointsman.
pub struct Call<'a> {
    sandbox: &'a Sandbox,
    pub args: Vec<String>,
    env: BTreeMap<String, String>,
    stdin: Option<Vec<u8>>,
    shell: Option<String>,
    stdout: Stdio,
    program: PathBuf,
}

impl Call<'_> {
    /// Adds arguments.
    pub fn args<const N: usize>(mut self, args: [&str; N]) -> Self {
        self.args.extend(args.iter().map(|arg| (*arg).to_owned()));
        self
    }

    /// Gives it something on standard input.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// Starts it from a shell after these words, such as `umask 000`.
    pub fn after_shell(mut self, words: &str) -> Self {
        self.shell = Some(words.to_owned());
        self
    }

    /// Starts another program in the place of pointsman.
    pub fn of_program(mut self, program: &Path) -> Self {
        self.program = program.to_owned();
        self
    }

    /// Sends its output elsewhere; then [`Ran::stdout`] is empty.
    pub fn stdout_to(mut self, target: impl Into<Stdio>) -> Self {
        self.stdout = target.into();
        self
    }

    /// Runs it to its end.
    pub fn wait(self) -> Ran {
        self.start().wait()
    }

    /// Starts it.
    pub fn start(self) -> Started {
        terminal::hear_signals();
        let mut command = self.command(&[]);
        command.stdin(if self.stdin.is_some() { Stdio::piped() } else { Stdio::null() });
        let mut child = command.stdout(self.stdout).stderr(Stdio::piped()).spawn().unwrap();
        let feeder = child.stdin.take().map(|mut pipe| {
            let bytes = self.stdin.unwrap_or_default();
            // A program that does not read all of it has its reasons.
            std::thread::spawn(move || drop(pipe.write_all(&bytes)))
        });
        Started {
            stdout: child.stdout.take().map(Collector::new),
            stderr: child.stderr.take().map(Collector::new),
            command: self.args.join(" "),
            feeder,
            child,
            is_over: false,
        }
    }

    /// Starts it in a terminal window of its own, with all three of its streams.
    pub fn start_at_terminal(self) -> AtTerminal {
        self.start_in(terminal::open())
    }

    /// Starts it in a window that is open already.
    pub fn start_in(self, (window, line): (File, File)) -> AtTerminal {
        let agent = fake_agent();
        let mut command = self.command(&[agent.as_os_str(), "at-terminal".as_ref()]);
        command.stdin(line.try_clone().unwrap()).stdout(line.try_clone().unwrap()).stderr(line);
        let child = command.spawn().unwrap();
        let command = self.args.join(" ");
        let started = Started { child, stdout: None, stderr: None, feeder: None, command, is_over: false };
        AtTerminal::new(started, window)
    }

    /// Returns the whole command, behind words that start it.
    fn command(&self, before: &[&OsStr]) -> Command {
        self.sandbox.write_config();
        let script = self.shell.as_ref().map(|words| format!("{words}; exec \"$0\" \"$@\""));
        let shell: Vec<&OsStr> = match &script {
            Some(script) => vec!["/bin/sh".as_ref(), "-c".as_ref(), script.as_ref()],
            None => vec![],
        };
        let mut words = before.iter().copied().chain(shell).chain([self.program.as_os_str()]);
        let mut command = Command::new(words.next().expect("there is a program"));
        command.args(words).args(&self.args).env_clear();
        for (name, dir) in [
            ("HOME", "home"),
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_STATE_HOME", "state"),
            ("XDG_CACHE_HOME", "cache"),
            ("XDG_RUNTIME_DIR", "runtime"),
            ("TMPDIR", "tmp"),
        ] {
            command.env(name, self.sandbox.path(dir));
        }
        command.envs(&self.env).current_dir(self.sandbox.project());
        command
    }
}

/// A stream that is read as it comes.
struct Collector {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Collector {
    fn new(mut stream: impl Read + Send + 'static) -> Collector {
        let bytes = Arc::new(Mutex::new(vec![]));
        let kept = Arc::clone(&bytes);
        let reader = std::thread::spawn(move || {
            let mut chunk = vec![0; 64 * 1024];
            while let Ok(count) = stream.read(&mut chunk)
                && count > 0
            {
                kept.lock().unwrap().extend_from_slice(&chunk[..count]);
            }
        });
        Collector { bytes, reader }
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap()).into_owned()
    }

    /// Waits for the end of the stream. Somebody else may hold it open; that is a finding of its own.
    fn finish(self, what: &str) -> Vec<u8> {
        wait_for(&format!("the end of {what}: some process holds it open"), || {
            self.reader.is_finished().then_some(())
        });
        std::mem::take(&mut self.bytes.lock().unwrap())
    }
}

/// A running pointsman. It is killed when it is dropped before its end.
pub struct Started {
    child: Child,
    stdout: Option<Collector>,
    stderr: Option<Collector>,
    feeder: Option<JoinHandle<()>>,
    command: String,
    is_over: bool,
}

impl Started {
    /// Returns its process id.
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    /// Sends it a signal.
    pub fn signal(&self, which: Signal) -> &Started {
        signal(self.pid(), which);
        self
    }

    /// Returns whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits until its standard output has a text.
    pub fn wait_for_stdout(&self, text: &str) -> &Started {
        let stream = self.stdout.as_ref().unwrap();
        wait_for(&format!("`{text}` on standard output"), || stream.so_far().contains(text).then_some(()));
        self
    }

    /// Looks at its memory until it ends; returns the highest peak that was seen, in KiB.
    pub fn watch_peak_memory(&self) -> u64 {
        let mut peak = 0;
        wait_for(&format!("the end of `pointsman {}`", self.command), || {
            let now = peak_memory_kib(self.pid());
            peak = peak.max(now.unwrap_or(0));
            now.is_none().then_some(())
        });
        peak
    }

    /// Waits for its end.
    pub fn wait(mut self) -> Ran {
        let begun = Instant::now();
        let status =
            wait_for(&format!("the end of `pointsman {}`", self.command), || self.child.try_wait().unwrap());
        self.is_over = true;
        let finish =
            |stream: Option<Collector>, what: &str| stream.map(|s| s.finish(what)).unwrap_or_default();
        let stdout = finish(self.stdout.take(), "standard output");
        let stderr = finish(self.stderr.take(), "standard error");
        if let Some(feeder) = self.feeder.take() {
            let _ = feeder.join();
        }
        Ran::new(&self.command, status, stdout, stderr, begun.elapsed())
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if !self.is_over {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Returns the child of a process whose command line has a word.
pub fn child_with(pid: i32, word: &str) -> i32 {
    wait_for(&format!("a child with `{word}`"), || {
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
        children.split_whitespace().find_map(|child| {
            let words = fs::read_to_string(format!("/proc/{child}/cmdline")).ok()?;
            words.split('\0').any(|w| w == word).then(|| child.parse().ok())?
        })
    })
}

/// A finished pointsman. Assertions return it, so that they can be chained; all print the whole of it.
#[derive(Debug)]
pub struct Ran {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// From its start to its end, as far as the test saw.
    pub duration: Duration,
    command: String,
}

impl Ran {
    fn new(command: &str, status: ExitStatus, stdout: Vec<u8>, stderr: Vec<u8>, duration: Duration) -> Ran {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("pointsman writes UTF-8 only");
        Ran {
            code: status.code(),
            signal: status.signal(),
            stdout: text(stdout),
            stderr: text(stderr),
            duration,
            command: command.chars().take(300).collect(),
        }
    }

    #[track_caller]
    fn expect(self, holds: bool, what: &str) -> Ran {
        assert!(holds, "`pointsman {}`: {what}\n{self}", self.command);
        self
    }

    /// It succeeded.
    #[track_caller]
    pub fn success(self) -> Ran {
        self.exits(0)
    }

    /// It ended with an exit code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Ran {
        let holds = self.code == Some(code);
        self.expect(holds, &format!("exit code {code} was expected"))
    }

    /// Its standard output is exactly this.
    #[track_caller]
    pub fn stdout(self, text: &str) -> Ran {
        let holds = self.stdout == text;
        self.expect(holds, &format!("standard output {text:?} was expected"))
    }

    /// Its standard output has a text.
    #[track_caller]
    pub fn stdout_has(self, text: &str) -> Ran {
        let holds = self.stdout.contains(text);
        self.expect(holds, &format!("`{text}` on standard output was expected"))
    }

    /// Its standard error has a text.
    #[track_caller]
    pub fn stderr_has(self, text: &str) -> Ran {
        let holds = self.stderr.contains(text);
        self.expect(holds, &format!("`{text}` on standard error was expected"))
    }

    /// Neither stream has a text.
    #[track_caller]
    pub fn says_nowhere(self, text: &str) -> Ran {
        let holds = !self.stdout.contains(text) && !self.stderr.contains(text);
        self.expect(holds, &format!("`{}` was not to be said", text.escape_debug()))
    }

    /// Returns its standard output as one JSON value.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("not one JSON value: {error}\n{self}"))
    }

    /// Returns its standard output as JSON values, one a line.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<Value> {
        let parse =
            |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}\n{self}"));
        self.stdout.lines().map(parse).collect()
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let short = |text: &str| text.chars().take(6000).collect::<String>();
        writeln!(f, "exit code {:?}, signal {:?}, {:?}", self.code, self.signal, self.duration)?;
        writeln!(f, "--- stdout\n{}\n--- stderr\n{}", short(&self.stdout), short(&self.stderr))
    }
}
