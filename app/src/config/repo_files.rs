//! A repository's files for Claude Code: its settings and its MCP servers. `core::repo_settings` says what they ask.

use std::io;
use std::path::{Path, PathBuf};

use pointsman_core::repo_settings::settings_file::SettingsFile;
use pointsman_core::repo_settings::{Asks, RepoFile, mcp_file};
use pointsman_core::text::decode;

use super::location::{Project, SERVERS};
use super::small_file::{self, ReadError};

/// The project's settings of Claude Code.
const SETTINGS: &str = ".claude/settings.json";

/// The user's settings of Claude Code for one project; the repository's if it has put them under version control.
pub const LOCAL_SETTINGS: &str = ".claude/settings.local.json";

/// The user's memory for one project.
const LOCAL_MEMORY: &str = "CLAUDE.local.md";

/// The largest file that is read; the CLI itself reads none of 3 MB.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Tells whether git tracks a file. Asked only about a file that could be the user's.
pub type Tracks<'a> = &'a dyn Fn(&Path) -> bool;

/// A file of a repository for Claude Code, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaudeFile {
    /// Its path.
    pub path: PathBuf,
    /// Its text; empty if it could not be read.
    pub text: String,
    /// What it asks.
    pub file: RepoFile,
}

/// What a repository has for Claude Code.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClaudeFiles {
    /// The files, those that count first at the end.
    pub files: Vec<ClaudeFile>,
    /// Whether the user has files of their own there.
    pub has_users: bool,
}

impl ClaudeFiles {
    /// Reads them. The CLI reads settings where it is started, and servers in all directories above as well; those that
    /// are not in the project are not the repository's.
    pub fn read(project: &Project, home: &Path, tracks: Tracks<'_>) -> ClaudeFiles {
        let root = &project.root;
        // The home directory's own files are the user's.
        if *root == home.canonicalize().unwrap_or_else(|_| home.to_path_buf()) {
            return ClaudeFiles::default();
        }
        let local = root.join(LOCAL_SETTINGS);
        let is_local_tracked =
            local.symlink_metadata().is_ok() && project.boundary.join(".git").exists() && tracks(&local);
        let mut files = vec![];
        files.extend(read(project, root.join(SETTINGS), settings, Asks::UnreadableSettings));
        if is_local_tracked {
            files.extend(read(project, local.clone(), settings, Asks::UnreadableSettings));
        }
        for dir in root.ancestors().take_while(|dir| dir.starts_with(&project.boundary)) {
            files.extend(read(project, dir.join(SERVERS), servers, Asks::UnreadableServers));
        }
        let has_local = !is_local_tracked && local.symlink_metadata().is_ok();
        let has_users = has_local || (!is_local_tracked && root.join(LOCAL_MEMORY).exists());
        ClaudeFiles { files, has_users }
    }
}

fn settings(text: &str) -> Asks {
    SettingsFile::read(text).map_or_else(|error| Asks::UnreadableSettings(error.to_string()), Asks::Settings)
}

fn servers(text: &str) -> Asks {
    mcp_file::servers(text).map_or_else(|error| Asks::UnreadableServers(error.to_string()), Asks::Servers)
}

/// Reads a file wherever it leads: the CLI does.
fn read(
    project: &Project,
    path: PathBuf,
    asks: fn(&str) -> Asks,
    unreadable: fn(String) -> Asks,
) -> Option<ClaudeFile> {
    match path.symlink_metadata() {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return None;
        }
        Ok(_) | Err(_) => {}
    }
    let read = small_file::head(&path, FILE_BYTES_MAX).and_then(|head| match head.is_whole {
        true => Ok(decode::lenient(&head.bytes)),
        false => Err(ReadError::TooLarge(FILE_BYTES_MAX)),
    });
    let name = path.strip_prefix(&project.boundary).unwrap_or(&path).display().to_string();
    let (text, asks) = match read {
        Ok(text) => {
            let asks = asks(&text);
            (text, asks)
        }
        Err(error) => (String::new(), unreadable(error.to_string())),
    };
    Some(ClaudeFile { path, text, file: RepoFile { name, asks } })
}
