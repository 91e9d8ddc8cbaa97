//! Reads what git says of two trees.

use serde::{Deserialize, Serialize};

use super::{ChangeKind, FileChange};

/// One file of a comparison of two trees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiffEntry {
    /// The path, below the top of the working tree.
    pub path: String,
    /// What happened to it.
    pub kind: ChangeKind,
    /// Its mode before, in octal digits; zeros if there was none.
    pub mode_before: String,
    /// Its mode after.
    pub mode_after: String,
    /// The id of its content before; zeros if there was none.
    pub before: String,
    /// The id of its content after.
    pub after: String,
    /// How many lines were added, if they were counted.
    pub added: Option<u64>,
    /// How many lines were removed.
    pub removed: Option<u64>,
    /// Why its patch is not kept, if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_kept: Option<NotKept>,
}

/// Why the patch of a file is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotKept {
    /// It shows what looks like a secret.
    Secret,
    /// It is too large.
    Large,
    /// Words are not stored.
    Words,
}

impl NotKept {
    /// Returns the reason in words.
    pub fn as_str(self) -> &'static str {
        match self {
            NotKept::Secret => "it shows what looks like a secret",
            NotKept::Large => "it is too large",
            NotKept::Words => "`store_prompts` is off",
        }
    }
}

impl DiffEntry {
    /// Returns whether there was such a file before.
    pub fn existed_before(&self) -> bool {
        has_content(&self.before)
    }

    /// Returns whether there is such a file after.
    pub fn exists_after(&self) -> bool {
        has_content(&self.after)
    }

    /// Returns the change for people.
    pub fn change(&self) -> FileChange {
        FileChange { path: self.path.clone(), kind: self.kind, added: self.added, removed: self.removed }
    }
}

/// Returns whether an id stands for content: zeros stand for none.
fn has_content(id: &str) -> bool {
    id.bytes().any(|digit| digit != b'0')
}

/// Reads the output of `git diff-tree -r -z --raw --numstat --no-renames`: records with modes and ids, then the same
/// files with counts. What is not of this form is left out.
pub fn read(output: &str) -> Vec<DiffEntry> {
    let mut entries: Vec<DiffEntry> = vec![];
    let mut fields = output.split('\0').filter(|field| !field.is_empty());
    while let Some(field) = fields.next() {
        match field.strip_prefix(':') {
            Some(record) => {
                let Some(path) = fields.next() else { break };
                entries.extend(entry(record, path));
            }
            None => count(field, &mut entries),
        }
    }
    entries
}

fn entry(record: &str, path: &str) -> Option<DiffEntry> {
    let mut parts = record.split(' ').map(str::to_owned);
    let (mode_before, mode_after) = (parts.next()?, parts.next()?);
    let (before, after) = (parts.next()?, parts.next()?);
    let kind = match parts.next()?.chars().next()? {
        'A' => ChangeKind::Added,
        'D' => ChangeKind::Deleted,
        'M' | 'T' => ChangeKind::Modified,
        _ => return None,
    };
    let path = path.to_owned();
    Some(DiffEntry {
        path,
        kind,
        mode_before,
        mode_after,
        before,
        after,
        added: None,
        removed: None,
        not_kept: None,
    })
}

/// Reads `12\t4\tpath`; of binary files it has dashes.
fn count(field: &str, entries: &mut [DiffEntry]) {
    let mut parts = field.splitn(3, '\t');
    let (Some(added), Some(removed), Some(path)) = (parts.next(), parts.next(), parts.next()) else { return };
    // Both lists have the order of the paths.
    let at = entries.binary_search_by(|entry| entry.path.as_bytes().cmp(path.as_bytes()));
    if let Ok(at) = at {
        (entries[at].added, entries[at].removed) = (added.parse().ok(), removed.parse().ok());
    }
}

/// Returns a patch file by file, in the order of the entries.
pub fn sections(patch: &str) -> Vec<&str> {
    const HEAD: &str = "diff --git ";
    let mut starts: Vec<usize> = patch
        .match_indices(HEAD)
        .map(|(at, _)| at)
        .filter(|at| *at == 0 || patch.as_bytes()[at - 1] == b'\n')
        .collect();
    starts.push(patch.len());
    starts.windows(2).map(|pair| &patch[pair[0]..pair[1]]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_says_of_two_trees_is_read_file_by_file() {
        let output = ":100644 100644 aaaa bbbb M\0src/lib.rs\0:000000 100755 0000 cccc A\0with space\0\
                      :100644 000000 dddd 0000 D\0z.bin\0\
                      12\t4\tsrc/lib.rs\x003\t0\twith space\0-\t-\tz.bin\0";
        let read = read(output);
        let lines: Vec<String> = read
            .iter()
            .map(|e| {
                format!(
                    "{} {} {:?} {:?} {}..{}",
                    e.kind.letter(),
                    e.path,
                    e.added,
                    e.removed,
                    e.before,
                    e.after
                )
            })
            .collect();
        assert_eq!(
            lines,
            [
                "M src/lib.rs Some(12) Some(4) aaaa..bbbb",
                "A with space Some(3) Some(0) 0000..cccc",
                "D z.bin None None dddd..0000",
            ]
        );
    }

    #[test]
    fn odd_output_is_left_out() {
        assert_eq!(read(":1 2 3\0path\0:"), []);
        assert_eq!(read("1\t2"), []);
        assert_eq!(read(""), []);
    }

    #[test]
    fn a_patch_is_cut_at_its_files_and_not_within_lines() {
        let patch =
            "diff --git a/x b/x\n+diff --git a/fake b/fake\n diff --git q\ndiff --git a/y b/y\n-old\n";
        assert_eq!(
            sections(patch),
            ["diff --git a/x b/x\n+diff --git a/fake b/fake\n diff --git q\n", "diff --git a/y b/y\n-old\n"]
        );
        assert_eq!(sections(""), Vec::<&str>::new());
    }
}
