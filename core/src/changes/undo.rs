//! Whether what a run changed can be undone: only if nothing else touched these files since.

use super::ChangeKind;
use super::git_diff::{DiffEntry, NotKept};

/// Git's mode of a symbolic link, and of a repository within this one.
const NOT_FILES: [&str; 2] = ["120000", "160000"];

/// Why a file cannot be undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// The path.
    pub path: String,
    /// The reason.
    pub why: Why,
}

/// The reason why a file cannot be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It is not as the run left it.
    ChangedSince,
    /// It is there again although the run deleted it.
    BackAgain,
    /// It is gone although the run left it.
    Gone,
    /// Its patch was not kept.
    NotKept(NotKept),
    /// It is a link or a repository of its own.
    NotAFile,
    /// Git stores it in another form than it has in the working tree.
    Filtered,
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Why::ChangedSince => f.write_str("it was changed since"),
            Why::BackAgain => f.write_str("the run deleted it, and it is there again"),
            Why::Gone => f.write_str("it is gone since"),
            Why::NotKept(why) => write!(f, "what it was before is not kept: {}", why.as_str()),
            Why::NotAFile => f.write_str("it is a link or a repository of its own"),
            Why::Filtered => f.write_str("git stores it in another form (a filter such as LFS): use git"),
        }
    }
}

/// How a file is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileNow {
    /// The id of its content; `None` if it is not there.
    pub content: Option<String>,
    /// Whether git's attributes give it a filter.
    pub is_filtered: bool,
}

/// Returns what stands against undoing all of these changes; `now` tells how a file is.
pub fn obstacles(entries: &[DiffEntry], now: impl Fn(&DiffEntry) -> FileNow) -> Vec<Obstacle> {
    let against = |entry: &DiffEntry| {
        let now = now(entry);
        let was_left = entry.exists_after();
        let is_link =
            [&entry.mode_before, &entry.mode_after].iter().any(|mode| NOT_FILES.contains(&mode.as_str()));
        match (entry.not_kept, was_left, now.content) {
            // What was not there before needs no content: it only goes.
            (Some(why), ..) if entry.kind != ChangeKind::Added => Some(Why::NotKept(why)),
            _ if is_link => Some(Why::NotAFile),
            _ if now.is_filtered => Some(Why::Filtered),
            (_, false, Some(_)) => Some(Why::BackAgain),
            (_, true, None) => Some(Why::Gone),
            (_, true, Some(content)) if content != entry.after => Some(Why::ChangedSince),
            (_, true, Some(_)) | (_, false, None) => None,
        }
    };
    let found = entries.iter().filter_map(|entry| Some((entry, against(entry)?)));
    found.map(|(entry, why)| Obstacle { path: entry.path.clone(), why }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::changes::ChangeKind;

    fn entry(after: &str) -> DiffEntry {
        DiffEntry {
            path: "x".into(),
            kind: ChangeKind::Modified,
            mode_before: "100644".into(),
            mode_after: "100644".into(),
            before: "aaaa".into(),
            after: after.into(),
            added: None,
            removed: None,
            not_kept: None,
        }
    }

    fn why(entry: DiffEntry, content: Option<&str>, is_filtered: bool) -> Option<Why> {
        let now = FileNow { content: content.map(str::to_owned), is_filtered };
        obstacles(&[entry], |_| now.clone()).pop().map(|obstacle| obstacle.why)
    }

    #[test]
    fn only_a_file_that_is_as_the_run_left_it_can_be_undone() {
        for (entry, content, is_filtered, want) in [
            (entry("bbbb"), Some("bbbb"), false, None),
            (entry("bbbb"), Some("cccc"), false, Some(Why::ChangedSince)),
            (entry("bbbb"), None, false, Some(Why::Gone)),
            (entry("0000"), None, false, None),
            (entry("0000"), Some("bbbb"), false, Some(Why::BackAgain)),
            (entry("bbbb"), Some("bbbb"), true, Some(Why::Filtered)),
            (
                DiffEntry { not_kept: Some(NotKept::Secret), ..entry("bbbb") },
                Some("bbbb"),
                false,
                Some(Why::NotKept(NotKept::Secret)),
            ),
            (
                DiffEntry { mode_after: "120000".into(), ..entry("bbbb") },
                Some("bbbb"),
                false,
                Some(Why::NotAFile),
            ),
        ] {
            assert_eq!(why(entry.clone(), content, is_filtered), want, "{entry:?} {content:?}");
        }
    }
}
