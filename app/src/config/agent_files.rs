//! The agent files of a project, searched for as the CLI does: at any depth, through links, and in the directories above.
//!
//! Few are read, and only within bounds. All others are skipped, and what matters of them is the name that they may
//! claim: the CLI reads them, so a harmless file must not lend its name to one that was skipped.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use pointsman_core::agent_file::claim::{Claim, Extent};
use pointsman_core::agent_file::{self, AGENT_FILE_BYTES_MAX};
use pointsman_core::text::decode;

use super::location::ProjectFile;
use super::small_file::{self, ReadError};
use crate::regular_file;

/// The directory of agents, below a project's root.
pub const AGENTS_DIR: &str = ".claude/agents";

/// The most agent files of a project that are read. They are read at every start.
const FILES_MAX: usize = 200;

/// How deeply nested files are read. Real ones lie at most one level down.
const DEPTH_MAX: usize = 4;

/// The most files whose names are looked at.
const NAMES_MAX: usize = 2_000;

/// How deep and how far the search goes.
const SEARCH_DEPTH_MAX: usize = 16;
const SEARCH_ENTRIES_MAX: usize = 20_000;

/// The most bytes of a skipped file that trust is bound to; further bytes count by their number.
const HASHED_BYTES_MAX: u64 = 16 << 20;

/// The agent files of a project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgentFiles {
    /// Those that were read, by path.
    pub read: Vec<ProjectFile>,
    /// Those that were not.
    pub skipped: Vec<SkippedFile>,
    /// Those of the directories above the project, which the CLI reads as well.
    pub above: Vec<SkippedFile>,
}

/// A file that is not read as an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedFile {
    /// Its path.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
    /// The names that it may have.
    pub claim: Claim,
    /// Whether it may ask for more rights than its session has.
    pub may_widen_rights: bool,
}

impl SkippedFile {
    /// Returns what trust is bound to: its length, and a hash of its bytes.
    pub fn digest(&self) -> Vec<u8> {
        digest(&self.path).unwrap_or_default()
    }
}

impl AgentFiles {
    /// Searches below a project's root, and above it up to the home directory. What leads out of `boundary` is skipped.
    pub fn find(root: &Path, boundary: &Path, home: &Path) -> AgentFiles {
        let mut files = AgentFiles::default();
        let mut search = Search::default();
        search.enter(&root.join(AGENTS_DIR), 0);
        let ended = search.ended.take();
        for (number, (path, depth)) in search.sorted().into_iter().enumerate() {
            let read = if number >= NAMES_MAX {
                Err(Refusal::Unseen)
            } else if number >= FILES_MAX {
                Err(Refusal::TooMany)
            } else if depth > DEPTH_MAX {
                Err(Refusal::TooDeep)
            } else {
                small_file::read_within(boundary, &path, AGENT_FILE_BYTES_MAX as u64)
                    .map_err(Refusal::Unreadable)
            };
            match read {
                Ok(text) => files.read.push(ProjectFile { path, text }),
                Err(refusal) => files.skipped.push(skipped(path, &refusal)),
            }
        }
        files.skipped.extend(ended.map(|path| skipped(path, &Refusal::Unseen)));
        files.above = above(root, home);
        files
    }
}

/// Returns the agent files in a directory, at any depth, sorted.
pub fn paths_in(dir: &Path) -> Vec<PathBuf> {
    let mut search = Search::default();
    search.enter(dir, 0);
    search.sorted().into_iter().take(FILES_MAX).map(|(path, _)| path).collect()
}

/// Returns the names that the files of a directory of agents may claim.
pub fn claims_in(dir: &Path) -> Vec<Claim> {
    let mut search = Search::default();
    search.enter(dir, 0);
    search.sorted().into_iter().take(NAMES_MAX).map(|(path, _)| claim(&path).0).collect()
}

/// Returns the files of the directories above a project, with the names that they claim.
fn above(root: &Path, home: &Path) -> Vec<SkippedFile> {
    let mut search = Search::default();
    // The home directory's agents are the user's own: the CLI prefers a project's to them.
    for dir in root.ancestors().skip(1).take_while(|dir| *dir != home) {
        search.enter(&dir.join(AGENTS_DIR), 0);
    }
    let ended = search.ended.take().map(|path| skipped(path, &Refusal::Unseen));
    let files = search.sorted().into_iter().enumerate().map(|(number, (path, _))| {
        skipped(path, if number < NAMES_MAX { &Refusal::Above } else { &Refusal::Unseen })
    });
    files.chain(ended).collect()
}

/// Why a file is not read as an agent.
enum Refusal {
    TooDeep,
    TooMany,
    Above,
    /// Not even its name is looked at.
    Unseen,
    Unreadable(ReadError),
}

fn skipped(path: PathBuf, refusal: &Refusal) -> SkippedFile {
    let reason = match refusal {
        Refusal::TooDeep => format!("it is more than {DEPTH_MAX} directories down"),
        Refusal::TooMany => format!("only {FILES_MAX} agent files are read"),
        Refusal::Above => "it is above the project".to_owned(),
        Refusal::Unseen => "there are too many files and directories".to_owned(),
        Refusal::Unreadable(error) => error.to_string(),
    };
    let (claim, may_widen_rights) = match refusal {
        Refusal::Unseen => UNSEEN,
        Refusal::TooDeep | Refusal::TooMany | Refusal::Above | Refusal::Unreadable(_) => claim(&path),
    };
    SkippedFile { path, reason, claim, may_widen_rights }
}

/// What is assumed of a file that nobody looked at.
const UNSEEN: (Claim, bool) = (Claim::Any, true);

/// Returns the names that a file may claim, and whether it may ask for more rights. A file that we cannot read may be
/// readable when the CLI comes to it.
fn claim(path: &Path) -> (Claim, bool) {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let Ok(head) = small_file::head(path, AGENT_FILE_BYTES_MAX as u64) else { return UNSEEN };
    let extent = if head.is_whole { Extent::Whole } else { Extent::Head };
    let text = decode::lenient(&head.bytes);
    (Claim::of(stem, &text, extent), agent_file::may_widen_rights(&text))
}

fn digest(path: &Path) -> io::Result<Vec<u8>> {
    let meta = path.metadata()?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(&meta.len().to_le_bytes());
    if meta.is_file() {
        let mut file = regular_file::open(path)?.take(HASHED_BYTES_MAX);
        let mut buffer = vec![0; 64 << 10];
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                count => hasher.update(&buffer[..count]),
            };
        }
    }
    Ok(hasher.finalize().as_bytes().to_vec())
}

/// A bounded search for agent files.
#[derive(Default)]
struct Search {
    found: Vec<(PathBuf, usize)>,
    /// Directories and files by their real paths: links may lead to the same one twice, or in a circle.
    seen: BTreeSet<PathBuf>,
    entry_count: usize,
    /// Where it was ended because there was too much.
    ended: Option<PathBuf>,
}

impl Search {
    fn enter(&mut self, dir: &Path, depth: usize) {
        let Ok(real) = dir.canonicalize() else { return };
        if !self.seen.insert(real) {
            return;
        }
        if depth > SEARCH_DEPTH_MAX {
            self.ended.get_or_insert_with(|| dir.to_path_buf());
            return;
        }
        let mut paths: Vec<PathBuf> = vec![];
        for entry in dir.read_dir().into_iter().flatten().filter_map(Result::ok) {
            self.entry_count += 1;
            if self.entry_count > SEARCH_ENTRIES_MAX {
                self.ended.get_or_insert_with(|| dir.to_path_buf());
                break;
            }
            paths.push(entry.path());
        }
        paths.sort();
        for path in paths {
            if path.is_dir() {
                self.enter(&path, depth + 1);
            } else if path.extension().is_some_and(|end| end == "md") && self.is_new(&path) {
                self.found.push((path, depth));
            }
        }
    }

    /// Returns whether a file was not found by another path already. A link that leads nowhere is kept: it may lead
    /// somewhere when the CLI comes to it.
    fn is_new(&mut self, path: &Path) -> bool {
        path.canonicalize().map_or(true, |real| self.seen.insert(real))
    }

    fn sorted(self) -> Vec<(PathBuf, usize)> {
        let mut found = self.found;
        found.sort();
        found
    }
}
