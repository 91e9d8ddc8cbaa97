//! Asks a program for its version, once per build of it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};

use super::{owned, tree};
use crate::clock;
use crate::regular_file;

/// A version is printed in well under a second; a CLI that hangs here is not waited for.
const PROBE_LIMIT: Duration = Duration::from_secs(3);

/// The most that is read of a program's output.
const PRINTED_BYTES_MAX: u64 = 4096;

/// How long a program may take to end after it has printed its version.
const END_LIMIT: Duration = Duration::from_secs(1);

/// How long it is remembered that a program did not answer.
const SILENCE_REMEMBERED: SignedDuration = SignedDuration::from_hours(1);

/// A program at the time when it was asked for its version. A different inode, time or size means a different program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    inode: u64,
    mtime_ns: i128,
    size: u64,
    /// What it printed; `None` if it did not answer in time.
    printed: Option<String>,
    asked_at: Timestamp,
}

/// Whether the cache may be used for a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    /// It may, as long as the program's file is unchanged.
    Trusted,
    /// It may not: the program behaves like a different version.
    Doubted,
}

/// Finds a program as the system would: a path as it is, a name on the search path; otherwise in one of the places
/// below the environment's `HOME` that shells reach by an alias.
pub fn find_program(program: &str, env: &BTreeMap<String, String>, home_places: &[&str]) -> Option<PathBuf> {
    if program.contains('/') {
        return is_executable(Path::new(program)).then(|| PathBuf::from(program));
    }
    let search_path = env.get("PATH").map_or("", String::as_str);
    let dirs = search_path.split(':').filter(|dir| dir.starts_with('/')).map(PathBuf::from);
    let home = env.get("HOME").filter(|home| home.starts_with('/'));
    let places =
        home.into_iter().flat_map(|home| home_places.iter().map(|place| Path::new(home).join(place)));
    dirs.chain(places).map(|dir| dir.join(program)).find(|path| is_executable(path))
}

fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Returns what `PROGRAM LEADING… --version` prints, from the cache if the program is still the same file.
///
/// `is_enough` returns whether the output so far contains the version. A wrapper is asked each time: what it wraps may
/// have changed although the wrapper did not. A cache that cannot be read or written costs time, never correctness.
pub async fn version(
    program: &Path,
    leading: &[String],
    env: &BTreeMap<String, String>,
    cache_file: &Path,
    memory: Memory,
    is_enough: impl Fn(&str) -> bool,
) -> io::Result<String> {
    let meta = fs::metadata(program)?;
    let mtime_ns = i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec());
    let counts = |known: &&Known| {
        let is_same = (known.inode, known.mtime_ns, known.size) == (meta.ino(), mtime_ns, meta.size());
        let is_fresh = match known.printed {
            Some(_) => true,
            None => clock::now().duration_since(known.asked_at) < SILENCE_REMEMBERED,
        };
        memory == Memory::Trusted && is_same && is_fresh
    };
    let key = key_of(program, leading);
    let mut cache = read_cache(cache_file);
    if let Some(known) = cache.get(&key).filter(counts) {
        return known.printed.clone().ok_or_else(no_answer);
    }
    let asked_at = clock::now();
    let answer = ask(program, leading, env, is_enough).await;
    let is_silent = answer.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::TimedOut);
    // The answer of a wrapper is not cached, only that it gave none.
    if is_silent || (answer.is_ok() && !is_wrapper(program)) {
        let printed = answer.as_ref().ok().cloned();
        cache.insert(key, Known { inode: meta.ino(), mtime_ns, size: meta.size(), printed, asked_at });
        let _ = write_cache(cache_file, &cache);
    }
    answer
}

/// Forgets that a program did not answer: it has reported its version meanwhile, and was merely slow when it was asked.
pub fn forget_silence(program: &Path, leading: &[String], cache_file: &Path) {
    let mut cache = read_cache(cache_file);
    let key = key_of(program, leading);
    if cache.get(&key).is_some_and(|known| known.printed.is_none()) {
        cache.remove(&key);
        let _ = write_cache(cache_file, &cache);
    }
}

fn key_of(program: &Path, leading: &[String]) -> String {
    let words = std::iter::once(program.to_string_lossy().into_owned()).chain(leading.iter().cloned());
    words.collect::<Vec<_>>().join("\u{1f}")
}

/// The largest cache that is read: an entry has some two hundred bytes.
const CACHE_BYTES_MAX: u64 = 1 << 20;

fn read_cache(cache_file: &Path) -> BTreeMap<String, Known> {
    let bytes = regular_file::read(cache_file, CACHE_BYTES_MAX).ok();
    bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

fn no_answer() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "`--version` gave no answer")
}

/// Tools that stand in for many programs and choose a version by the directory.
const VERSION_MANAGERS: [&str; 5] = ["volta-shim", "mise", "asdf", "proto-shim", "fnm"];

/// Returns whether a file only starts another program, as far as can be seen: a shell script, or a version manager. A
/// script for Node.js is the CLI itself.
fn is_wrapper(program: &Path) -> bool {
    let real = fs::canonicalize(program).unwrap_or_else(|_| program.to_owned());
    let name = real.file_name().unwrap_or_default().to_string_lossy();
    if VERSION_MANAGERS.contains(&&*name) {
        return true;
    }
    let mut head = [0; 128];
    let length = regular_file::open(&real).and_then(|mut file| file.read(&mut head)).unwrap_or(0);
    let first_line = head[..length].split(|byte| *byte == b'\n').next().unwrap_or_default();
    let runs = |interpreter: &[u8]| first_line.windows(interpreter.len()).any(|part| part == interpreter);
    first_line.starts_with(b"#!") && !runs(b"node") && !runs(b"bun")
}

/// Kills a whole process group when it goes out of scope, however that happens.
struct KilledAtEnd(i32);

impl Drop for KilledAtEnd {
    fn drop(&mut self) {
        tree::send_group(self.0, Signal::KILL);
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the room that spawns")]
async fn ask(
    program: &Path,
    leading: &[String],
    env: &BTreeMap<String, String>,
    is_enough: impl Fn(&str) -> bool,
) -> io::Result<String> {
    let start = || {
        Command::new(program)
            .args(leading)
            .arg("--version")
            .env_clear()
            .envs(env)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
    };
    let (mut child, owned) = owned::spawn(start, Child::id)?;
    let _group = KilledAtEnd(child.id().and_then(|pid| i32::try_from(pid).ok()).unwrap_or(0));
    let stdout = child.stdout.take().expect("its output is piped");
    let printed =
        tokio::time::timeout(PROBE_LIMIT, printed(stdout, is_enough)).await.map_err(|_| no_answer())??;
    // It has printed what was asked for; if it goes on, it is killed with its group.
    if tokio::time::timeout(END_LIMIT, child.wait()).await.is_ok() {
        owned.collected();
    }
    Ok(printed)
}

/// Reads until the version is complete, or up to the most that a version may take: not every program knows `--version`.
async fn printed(mut from: impl AsyncRead + Unpin, is_enough: impl Fn(&str) -> bool) -> io::Result<String> {
    let mut bytes = vec![];
    let mut chunk = [0; 1024];
    loop {
        let count = from.read(&mut chunk).await?;
        bytes.extend_from_slice(&chunk[..count]);
        let text = String::from_utf8_lossy(&bytes);
        let is_whole = text.ends_with('\n') && is_enough(&text);
        if count == 0 || is_whole || bytes.len() as u64 >= PRINTED_BYTES_MAX {
            return Ok(text.chars().filter(|c| *c == '\n' || !c.is_control()).collect());
        }
    }
}

fn write_cache(path: &Path, cache: &BTreeMap<String, Known>) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let mut file =
        tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o600)).tempfile_in(dir)?;
    file.write_all(&serde_json::to_vec(cache)?)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// A system program answers at once; one that prompts the user is not waited for.
const SYSTEM_LIMIT: Duration = Duration::from_secs(5);

/// Returns whether a system program exits successfully; used if only such a program knows the answer.
#[expect(clippy::disallowed_methods, reason = "this is the room that spawns")]
pub fn succeeds(program: &Path, args: &[&str]) -> bool {
    let start = || {
        std::process::Command::new(program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
    };
    let Ok((mut child, owned)) = owned::spawn(start, |child| Some(child.id())) else { return false };
    owned::end_within(&mut child, owned, SYSTEM_LIMIT).is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::SystemTime;

    use super::*;

    fn now<T>(work: impl Future<Output = T>) -> T {
        runtime().build().unwrap().block_on(work)
    }

    /// The same on a clock that passes over all that is waited for.
    fn at_last<T>(work: impl Future<Output = T>) -> T {
        runtime().start_paused(true).build().unwrap().block_on(work)
    }

    fn runtime() -> tokio::runtime::Builder {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all();
        runtime
    }

    fn write(path: &Path, text: &str, mode: u32) {
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Seen to fail with either condition left out.
    #[test]
    fn a_program_is_a_file_that_may_be_executed() {
        let dir = tempfile::tempdir().unwrap();
        let [folder, text, program] = ["folder", "text", "program"].map(|name| dir.path().join(name));
        fs::create_dir_all(folder.join("agent")).unwrap();
        fs::create_dir(&text).unwrap();
        fs::create_dir(&program).unwrap();
        write(&text.join("agent"), "", 0o644);
        let places = [&folder, &text, &program].map(|dir| dir.to_str().unwrap());
        let env = BTreeMap::from([("PATH".to_owned(), places.join(":"))]);
        assert_eq!(find_program("agent", &env, &[]), None);
        write(&program.join("agent"), "", 0o744);
        assert_eq!(find_program("agent", &env, &[]), Some(program.join("agent")));
        let named = |dir: &Path| find_program(dir.join("agent").to_str().unwrap(), &env, &[]).is_some();
        assert_eq!([&folder, &text, &program].map(|dir| named(dir)), [false, false, true]);
    }

    /// A program that says which version it is, and can be replaced by one of the same length.
    struct Program {
        dir: tempfile::TempDir,
        path: PathBuf,
    }

    impl Program {
        fn new() -> Program {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("program");
            std::os::unix::fs::symlink("/bin/sh", dir.path().join("node")).unwrap();
            let program = Program { dir, path };
            program.becomes("1", SystemTime::UNIX_EPOCH);
            program
        }

        /// Replaces its text in place. An interpreter called `node` makes it the CLI itself, and no wrapper.
        fn becomes(&self, version: &str, changed: SystemTime) {
            let node = self.dir.path().join("node");
            self.is_written(&format!("#!{}\necho {version}\n", node.display()), changed);
        }

        fn is_written(&self, text: &str, changed: SystemTime) {
            write(&self.path, text, 0o755);
            File::options().write(true).open(&self.path).unwrap().set_modified(changed).unwrap();
        }

        fn says(&self, memory: Memory) -> String {
            now(self.version(memory)).unwrap()
        }

        async fn version(&self, memory: Memory) -> io::Result<String> {
            let is_enough = |printed: &str| !printed.is_empty();
            version(&self.path, &[], &BTreeMap::new(), &self.cache(), memory, is_enough).await
        }

        fn cache(&self) -> PathBuf {
            self.dir.path().join("cache/versions.json")
        }
    }

    /// Seen to fail with the cache not read, not written, or read by whom it is doubted.
    #[test]
    fn a_program_is_asked_once_until_its_file_changes_or_it_is_doubted() {
        let program = Program::new();
        let then = SystemTime::UNIX_EPOCH;
        assert_eq!(program.says(Memory::Trusted), "1\n");
        program.becomes("2", then);
        assert_eq!(program.says(Memory::Trusted), "1\n", "nothing shows that it is another one");
        assert_eq!(program.says(Memory::Doubted), "2\n");
        assert_eq!(program.says(Memory::Trusted), "2\n", "what a doubt found out is remembered");
        program.becomes("33", then);
        assert_eq!(program.says(Memory::Trusted), "33\n", "another size");
    }

    /// Seen to fail with what a wrapper printed remembered.
    #[test]
    fn a_wrapper_is_asked_each_time() {
        let program = Program::new();
        for answer in ["1", "2"] {
            program.is_written(&format!("#!/bin/sh\necho {answer}\n"), SystemTime::UNIX_EPOCH);
            assert_eq!(program.says(Memory::Trusted), format!("{answer}\n"));
        }
    }

    /// Seen to fail with silence not remembered, with nothing forgotten, and with answers forgotten as well.
    #[test]
    fn silence_is_remembered_until_it_was_a_mistake_and_an_answer_stays() {
        let program = Program::new();
        let then = SystemTime::UNIX_EPOCH;
        let node = program.dir.path().join("node");
        program.is_written(&format!("#!{}\nexec sleep 600\n", node.display()), then);
        let is_silent =
            |answer: io::Result<String>| answer.is_err_and(|error| error.kind() == io::ErrorKind::TimedOut);
        let asked = || program.version(Memory::Trusted);
        assert!(is_silent(at_last(asked())));
        // As long as the other one.
        program.becomes("1 # pads.", then);
        assert!(is_silent(now(asked())), "it is not waited for again");
        forget_silence(&program.path, &["other".to_owned()], &program.cache());
        assert!(is_silent(now(asked())), "another one was meant");
        forget_silence(&program.path, &[], &program.cache());
        assert_eq!(program.says(Memory::Trusted), "1\n");
        program.becomes("2 # pads.", then);
        forget_silence(&program.path, &[], &program.cache());
        assert_eq!(program.says(Memory::Trusted), "1\n", "what it said is known");
    }

    /// Seen to fail with seconds and parts of a second added up without their units.
    #[test]
    fn any_other_time_of_change_is_another_program() {
        let program = Program::new();
        let at = |seconds, nanos| SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos);
        for (version, changed) in [("1", at(10, 1)), ("2", at(11, 0)), ("3", at(11, 1)), ("4", at(1, 11))] {
            program.becomes(version, changed);
            assert_eq!(program.says(Memory::Trusted), format!("{version}\n"));
        }
    }

    /// Seen to fail with the first line cut in other places.
    #[test]
    fn a_script_of_a_shell_is_a_wrapper_and_one_of_node_is_the_cli_itself() {
        let dir = tempfile::tempdir().unwrap();
        let is = |name: &str, text: &str| {
            let path = dir.path().join(name);
            write(&path, text, 0o755);
            is_wrapper(&path)
        };
        assert!(is("shell", "#!/bin/sh\nexec node cli.js \"$@\"\n"));
        assert!(is("python", "#!/usr/bin/env python3"));
        assert!(is("mise", "\u{7f}ELF"));
        assert!(!is("node", "#!/usr/bin/env node\n# not for /bin/sh\n"));
        assert!(!is("bun", "#!/usr/bin/env bun\n"));
        assert!(!is("binary", "\u{7f}ELF\n#!/bin/sh\n"));
        assert!(!is("empty", ""));
        assert!(!is_wrapper(&dir.path().join("nothing")));
    }

    /// Seen to fail with the output cut at the first piece, with no bound, and with control characters kept.
    #[test]
    fn output_is_read_to_the_version_to_its_end_or_to_the_bound() {
        let long = "x".repeat(3000);
        let read = |text: &str, enough: &str| {
            now(printed(text.as_bytes(), |so_far: &str| so_far.contains(enough))).unwrap()
        };
        assert_eq!(read(&long, "never"), long);
        assert_eq!(read("\u{1b}[1m2.1\t\n", "2.1"), "[1m2.1\n");
        let with_more = format!("2.1\n{long}");
        assert_eq!(read(&with_more, "never"), with_more);
        let endless = "y".repeat(1 << 20);
        assert_eq!(read(&endless, "never").len(), 4096);
        let (line, more) = (format!("{}\n", "z".repeat(1023)), "w".repeat(1024));
        assert_eq!(read(&format!("{line}{more}"), "z"), line, "the rest is not waited for");
        assert_eq!(read(&format!("{more}z{line}"), "z").len(), 2049, "a line that has begun is");
    }
}
