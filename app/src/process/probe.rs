//! Asking a program for its version, once per build of it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::process::Command;

use super::tree;

/// A version is printed in well under a second; a CLI that hangs here would hang anywhere.
const PROBE_LIMIT: Duration = Duration::from_secs(15);

/// The most that is read of what a program prints.
const LINE_BYTES_MAX: u64 = 4096;

/// How long a program that has told its version may take to end.
const END_LIMIT: Duration = Duration::from_secs(1);

/// What a program was when it told its version. Another inode, time or size is another program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    inode: u64,
    mtime_ns: i128,
    size: u64,
    printed: String,
}

/// Finds a program as the system would: a path as it is, a name on the search path.
pub fn find_program(program: &str, search_path: Option<&str>) -> Option<PathBuf> {
    if program.contains('/') {
        return is_executable(Path::new(program)).then(|| PathBuf::from(program));
    }
    let dirs = search_path.unwrap_or("").split(':').filter(|dir| dir.starts_with('/'));
    dirs.map(|dir| Path::new(dir).join(program)).find(|path| is_executable(path))
}

fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Returns what `PROGRAM LEADING… --version` prints, from the cache when the program is still the same file.
///
/// A cache that cannot be read or written costs time, never correctness.
pub async fn version(
    program: &Path,
    leading: &[String],
    env: &BTreeMap<String, String>,
    cache_file: &Path,
) -> io::Result<String> {
    let meta = fs::metadata(program)?;
    let mtime_ns = i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec());
    let same =
        |known: &Known| (known.inode, known.mtime_ns, known.size) == (meta.ino(), mtime_ns, meta.size());
    let key = std::iter::once(program.to_string_lossy().into_owned())
        .chain(leading.iter().cloned())
        .collect::<Vec<_>>()
        .join("\u{1f}");
    let mut cache: BTreeMap<String, Known> =
        fs::read(cache_file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    if let Some(known) = cache.get(&key).filter(|known| same(known)) {
        return Ok(known.printed.clone());
    }
    let printed = ask(program, leading, env).await?;
    let known = Known { inode: meta.ino(), mtime_ns, size: meta.size(), printed: printed.clone() };
    cache.insert(key, known);
    let _ = write_cache(cache_file, &cache);
    Ok(printed)
}

/// Kills a whole process group when it goes out of scope, however that happens.
struct KilledAtEnd(i32);

impl Drop for KilledAtEnd {
    fn drop(&mut self) {
        tree::send_group(self.0, Signal::KILL);
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the room that spawns")]
async fn ask(program: &Path, leading: &[String], env: &BTreeMap<String, String>) -> io::Result<String> {
    let mut child = Command::new(program)
        .args(leading)
        .arg("--version")
        .env_clear()
        .envs(env)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    let _group = KilledAtEnd(child.id().and_then(|pid| i32::try_from(pid).ok()).unwrap_or(0));
    let mut stdout = child.stdout.take().expect("its output is piped");
    let line = tokio::time::timeout(PROBE_LIMIT, first_line(&mut stdout))
        .await
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "`--version` gave no answer"))??;
    // It has said what was asked; one that goes on talking is killed with its group.
    drop(stdout);
    let _ = tokio::time::timeout(END_LIMIT, child.wait()).await;
    Ok(line.chars().filter(|c| !c.is_control()).take(200).collect())
}

/// Reads the first line, or as much of it as a version may have: not every program knows `--version`.
async fn first_line(from: &mut (impl AsyncRead + Unpin)) -> io::Result<String> {
    let mut bytes = vec![];
    let mut reader = BufReader::new(from).take(LINE_BYTES_MAX);
    reader.read_until(b'\n', &mut bytes).await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
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

/// Tells whether a program of the system ends with success; used where only such a program knows.
#[expect(clippy::disallowed_methods, reason = "this is the room that spawns")]
pub fn succeeds(program: &Path, args: &[&str]) -> bool {
    let status = std::process::Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}
