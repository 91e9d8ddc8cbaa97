//! Which sessions Claude Code had in a project, by the names and times of its transcripts alone.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// How many transcripts are looked at, the newest ones.
const COUNT_MAX: usize = 50;

/// Returns the ids of sessions that began in a directory after an instant and used subagents, the newest first.
pub fn with_subagents(config_dir: &Path, project: &Path, since: SystemTime) -> Vec<String> {
    let dir = transcripts_of(config_dir, project);
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let transcript = |entry: std::fs::DirEntry| {
        let path = entry.path();
        let meta = entry.metadata().ok().filter(|_| path.extension().is_some_and(|end| end == "jsonl"))?;
        Some((meta.modified().ok()?, meta.created().or(meta.modified()).ok()?, path))
    };
    let mut newest: Vec<(SystemTime, SystemTime, PathBuf)> = entries.filter_map(transcript).collect();
    newest.sort_by_key(|(written, ..)| Reverse(*written));
    let has_subagents = |path: &PathBuf| {
        let dir = path.with_extension("").join("subagents");
        std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some())
    };
    let newest = newest.into_iter().take(COUNT_MAX).filter(|(_, began, _)| *began > since);
    newest
        .filter(|(.., path)| has_subagents(path))
        .filter_map(|(.., path)| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect()
}

/// Returns where the CLI keeps the transcripts of a directory: every character that is no letter or figure is a dash in
/// its name.
fn transcripts_of(config_dir: &Path, project: &Path) -> PathBuf {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    config_dir.join("projects").join(project.to_string_lossy().chars().map(plain).collect::<String>())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Seen to fail with every session taken, and with the time not looked at.
    #[test]
    fn only_sessions_with_subagents_that_began_later_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let transcripts = dir.path().join("projects/-a-b-c-d");
        fs::create_dir_all(transcripts.join("one/subagents")).unwrap();
        fs::create_dir_all(transcripts.join("two/subagents")).unwrap();
        fs::write(transcripts.join("one/subagents/agent-1.jsonl"), "").unwrap();
        for name in ["one.jsonl", "two.jsonl", "three.jsonl", "one.txt"] {
            fs::write(transcripts.join(name), "").unwrap();
        }
        let found = |since| with_subagents(dir.path(), Path::new("/a/b.c_d"), since);
        assert_eq!(found(SystemTime::UNIX_EPOCH), ["one"]);
        let later = fs::metadata(transcripts.join("one.jsonl")).unwrap().modified().unwrap();
        assert_eq!(found(later + std::time::Duration::from_secs(1)), [""; 0]);
    }
}
