//! Where a project is, found by its marks.

use std::path::{Path, PathBuf};

/// The project's settings file.
pub const PROJECT_FILE: &str = ".pointsman.toml";

/// A repository's MCP servers.
pub const SERVERS: &str = ".mcp.json";

/// The location of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// The nearest directory with `.git`, `.claude`, `.mcp.json` or `.pointsman.toml`; otherwise the one we were started
    /// in.
    pub root: PathBuf,
    /// The nearest `.pointsman.toml`; in a repository it may be above `root`.
    pub settings_file: Option<PathBuf>,
    /// What a link may not lead out of: the repository, or `root` if there is none.
    pub boundary: PathBuf,
}

/// Finds the project around a directory. The search ends at a repository's top level and below the home directory,
/// whose own `.claude` belongs to the user and not to a project.
pub fn find(cwd: &Path, home: &Path) -> Project {
    let cwd = cwd.canonicalize().unwrap_or_else(|_| cwd.to_path_buf());
    let home = home.canonicalize().unwrap_or_else(|_| home.to_path_buf());
    let (mut root, mut settings_file, mut boundary) = (None, None, None);
    for dir in cwd.ancestors() {
        let is_home = dir == home;
        let settings = dir.join(PROJECT_FILE);
        let has_settings = settings.symlink_metadata().is_ok();
        let has_git = dir.join(".git").exists();
        let has_claude = !is_home && (dir.join(".claude").is_dir() || dir.join(SERVERS).is_file());
        if root.is_none() && (has_git || has_claude || has_settings) {
            root = Some(dir.to_path_buf());
        }
        if has_settings && settings_file.is_none() {
            settings_file = Some(settings);
        }
        if has_git {
            boundary = Some(dir.to_path_buf());
        }
        if has_git || is_home {
            break;
        }
    }
    let root = root.unwrap_or(cwd);
    let above = || settings_file.as_deref().and_then(Path::parent).map(Path::to_path_buf);
    let boundary = boundary.or_else(above).unwrap_or_else(|| root.clone());
    Project { root, settings_file, boundary }
}

/// One file of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectFile {
    /// Its path.
    pub path: PathBuf,
    /// Its contents.
    pub text: String,
}
