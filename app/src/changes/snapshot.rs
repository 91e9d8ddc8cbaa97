//! The two trees of a working tree, before and after.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use pointsman_core::changes::git_diff::{self, DiffEntry, NotKept};
use pointsman_core::changes::{ChangeKind, FileChange};
use pointsman_core::redact::redact;

use super::Content;
use super::git::{self, Git, Repository};
use super::listing::{self, Stamps};

/// Files that git does not know and that are larger than this are compared by size and time, and not copied.
const UNKNOWN_BYTES_MAX: u64 = 5 << 20;

/// The largest patch that is kept of one file, and of all.
const FILE_PATCH_BYTES_MAX: usize = 1 << 20;
const PATCH_BYTES_MAX: usize = 4 << 20;

/// A working tree at one moment, as a tree of git in a repository of our own.
pub struct Snapshot {
    git: Git,
    /// The top of the working tree.
    pub top: PathBuf,
    dir: PathBuf,
    exclude: String,
    /// What was ignored at first, directories with a `/` behind them. It stays out whatever becomes of `.gitignore`: undoing
    /// must not delete files that were there before.
    ignored: BTreeSet<String>,
    tree: String,
    /// `sha1` or `sha256`.
    pub object_format: String,
    large: Stamps,
}

/// The files that changed.
pub struct Found {
    /// Those that git compared.
    pub files: Vec<DiffEntry>,
    /// Those that are too large for that.
    pub large: Vec<FileChange>,
}

impl Snapshot {
    /// Takes the first tree. `None` if git cannot, or not in time.
    pub fn take(repository: Repository, dir: &Path) -> Option<Snapshot> {
        let Repository { mut git, top, index, objects, exclude, object_format } = repository;
        git::create(dir, &object_format).ok()?;
        copy_index(&index, &dir.join("index")).ok()?;
        git.set("GIT_DIR", dir);
        git.set("GIT_WORK_TREE", &top);
        git.set("GIT_ALTERNATE_OBJECT_DIRECTORIES", &objects);
        let exclude = fs::read_to_string(exclude).unwrap_or_default();
        let mut snapshot = Snapshot {
            git,
            top,
            dir: dir.to_owned(),
            exclude,
            ignored: BTreeSet::new(),
            object_format,
            tree: String::new(),
            large: Stamps::new(),
        };
        snapshot.ignored = snapshot.ignored_now()?;
        (snapshot.tree, snapshot.large) = snapshot.tree_now()?;
        Some(snapshot)
    }

    /// Takes the second tree and compares; returns the files, and the patch of those whose content is kept.
    pub fn compare(&self, content: Content) -> Option<(Found, String)> {
        let (tree, large) = self.tree_now()?;
        let mut found = Found { files: vec![], large: listing::compared(&self.large, &large) };
        if tree == self.tree {
            return Some((found, String::new()));
        }
        let compare = |options: &[&str]| {
            let file = self.dir.join("compared");
            let output = format!("--output={}", file.display());
            let mut args = vec!["diff-tree", "-r", "--no-renames", &output];
            args.extend(options);
            args.extend([self.tree.as_str(), &tree]);
            self.git.call(&self.top, &args)?;
            Some(String::from_utf8_lossy(&fs::read(file).ok()?).into_owned())
        };
        let files = git_diff::read(&compare(&["-z", "--raw", "--abbrev=64", "--numstat"])?);
        let patch = compare(&["-p", "--binary", "--full-index", "--no-ext-diff", "--no-textconv"])?;
        let is_wanted = |file: &DiffEntry| file.kind != ChangeKind::Added || !self.was_ignored(&file.path);
        let kept;
        (found.files, kept) = kept_patch(files, &patch, content, is_wanted);
        Some((found, kept))
    }

    /// Writes the working tree as it is now as a tree; returns its id, and the files that are too large for it.
    fn tree_now(&self) -> Option<(String, Stamps)> {
        let large = self.large_now()?;
        let mut exclude = self.exclude.clone();
        for path in large.keys().chain(&self.ignored) {
            write!(exclude, "\n/{}\n", escaped(path)).ok()?;
        }
        fs::write(self.dir.join("info/exclude"), exclude).ok()?;
        self.git.call(&self.top, &["add", "--all", "--", "."])?;
        let written = self.git.call(&self.top, &["write-tree"])?;
        Some((written.lines().next()?.to_owned(), large))
    }

    /// Returns what git ignores, whole directories as one.
    fn ignored_now(&self) -> Option<BTreeSet<String>> {
        fs::write(self.dir.join("info/exclude"), &self.exclude).ok()?;
        let options = ["ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z"];
        let listed = self.git.call(&self.top, &options)?;
        Some(listed.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect())
    }

    fn was_ignored(&self, path: &str) -> bool {
        let mut above = path.match_indices('/').map(|(at, _)| &path[..=at]);
        self.ignored.contains(path) || above.any(|dir| self.ignored.contains(dir))
    }

    /// Returns the large files that git does not know and does not ignore.
    fn large_now(&self) -> Option<Stamps> {
        // Those that were left out before are listed as well.
        fs::write(self.dir.join("info/exclude"), &self.exclude).ok()?;
        let listed = self.git.call(&self.top, &["ls-files", "--others", "--exclude-standard", "-z"])?;
        let stamps = listed.split('\0').filter(|path| !path.is_empty()).filter_map(|path| {
            // A repository within this one, which may have nothing that could be added.
            if path.ends_with('/') {
                return Some((path.to_owned(), (0, None)));
            }
            let stat = fs::symlink_metadata(self.top.join(path)).ok()?;
            (stat.is_file() && stat.len() > UNKNOWN_BYTES_MAX)
                .then(|| (path.to_owned(), (stat.len(), stat.modified().ok())))
        });
        Some(stamps.collect())
    }
}

/// Copies the project's index: files that are as it says need not be read again. Its time is kept, by which git tells
/// which files may have changed since.
fn copy_index(from: &Path, to: &Path) -> io::Result<()> {
    match fs::copy(from, to) {
        Ok(_) => {
            let modified = fs::metadata(from)?.modified()?;
            fs::File::options().write(true).open(to)?.set_modified(modified)
        }
        // A repository in which nothing was ever added.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Returns a path as a pattern that ignores it alone.
fn escaped(path: &str) -> String {
    let special = |c: char| matches!(c, '\\' | '*' | '?' | '[' | '!' | '#' | ' ');
    path.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}

/// Returns the files that are wanted, with the patch of those whose content may be kept; the others are marked.
fn kept_patch(
    files: Vec<DiffEntry>,
    patch: &str,
    content: Content,
    is_wanted: impl Fn(&DiffEntry) -> bool,
) -> (Vec<DiffEntry>, String) {
    let sections = git_diff::sections(patch);
    let is_whole = sections.len() == files.len();
    let (mut wanted, mut kept) = (vec![], String::new());
    for (at, mut file) in files.into_iter().enumerate() {
        if !is_wanted(&file) {
            continue;
        }
        let section = sections.get(at).copied().filter(|_| is_whole);
        file.not_kept = match section {
            _ if content == Content::Dropped => Some(NotKept::Words),
            None => Some(NotKept::Large),
            Some(section) if section.len() > FILE_PATCH_BYTES_MAX => Some(NotKept::Large),
            Some(section) if kept.len() + section.len() > PATCH_BYTES_MAX => Some(NotKept::Large),
            Some(section) if redact(section) != section => Some(NotKept::Secret),
            Some(section) => {
                kept.push_str(section);
                None
            }
        };
        wanted.push(file);
    }
    (wanted, kept)
}
