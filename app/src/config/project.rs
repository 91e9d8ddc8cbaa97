//! The repository that pointsman runs in, and its files. All of them are untrusted.
//!
//! The files are read once: what is hashed for trust is what is used.

use std::path::{Path, PathBuf};

use pointsman_core::agent::PermissionMode;
use pointsman_core::agent_file::{AGENT_FILE_BYTES_MAX, AgentFile, AgentFileError, parse_agent_file};
use pointsman_core::ids::AgentName;
use pointsman_core::toml_text::place::printable;

use super::error::Warning;
use super::settings_check::is_model;
use super::small_file;

/// The project's settings file.
pub const PROJECT_FILE: &str = ".pointsman.toml";

/// The directory of the project's agents, below its root.
const AGENTS_DIR: &str = ".claude/agents";

/// The largest file of a project that is read. Real ones have a few kilobytes.
const FILE_BYTES_MAX: u64 = AGENT_FILE_BYTES_MAX as u64;

/// The most agent files of a project that are read. They are read at every start.
const AGENT_FILES_MAX: usize = 200;

/// How deeply nested directories below the agents' directory are entered. Real ones have one level.
const AGENTS_DEPTH_MAX: usize = 4;

/// The location of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// The nearest directory with `.git`, `.claude` or `.pointsman.toml`; otherwise the one we were started in.
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
        let has_claude = !is_home && dir.join(".claude").is_dir();
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

/// The files of a project that pointsman uses, as they were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectFiles {
    /// The canonical root, to which trust is given.
    pub root: PathBuf,
    /// `.pointsman.toml`.
    pub settings: Option<ProjectFile>,
    /// `.claude/agents/**/*.md`, by path.
    pub agents: Vec<ProjectFile>,
    /// What was skipped and why.
    pub warnings: Vec<Warning>,
}

impl ProjectFiles {
    /// Reads the files. What cannot or must not be read is skipped with a warning.
    pub fn read(project: &Project) -> ProjectFiles {
        let mut warnings = Vec::new();
        let mut read = |path: PathBuf| match small_file::read_within(&project.boundary, &path, FILE_BYTES_MAX)
        {
            Ok(text) => Some(ProjectFile { path, text }),
            Err(reason) => {
                warnings.push(skipped(&path, &reason.to_string()));
                None
            }
        };
        let settings = project.settings_file.clone().and_then(&mut read);
        let mut paths = agent_paths(&project.root.join(AGENTS_DIR), 0);
        let too_many = paths.split_off(paths.len().min(AGENT_FILES_MAX));
        let agents = paths.into_iter().filter_map(&mut read).collect();
        if let Some(first) = too_many.first() {
            warnings.push(skipped(first, &format!("only {AGENT_FILES_MAX} agent files are read")));
        }
        ProjectFiles { root: project.root.clone(), settings, agents, warnings }
    }

    /// Returns the hash of names and contents, which trust is bound to.
    pub fn hash(&self) -> String {
        let mut hasher = blake3::Hasher::new_derive_key("pointsman 2026-11 files that a person trusted");
        let mut part = |bytes: &[u8]| {
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        for file in self.settings.iter().chain(&self.agents) {
            part(file.path.strip_prefix(&self.root).unwrap_or(&file.path).as_os_str().as_encoded_bytes());
            part(file.text.as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }

    /// Returns the agents that may be used, and why others may not.
    ///
    /// The CLI is given a name and finds the file itself. So a name counts only if no other file has it, or could have
    /// it: a harmless file must not lend its name to one that was left out.
    pub fn agents(&self, is_trusted: IsTrusted) -> (Vec<ProjectAgent>, Vec<Warning>) {
        let (mut agents, mut warnings) = (Vec::new(), Vec::new());
        let parsed: Vec<_> = self.agents.iter().map(|file| (file, parse(file))).collect();
        for (file, agent) in &parsed {
            let usable = agent.clone().map_err(|error| leave_out(file, error.line(), &error.to_string()));
            let named =
                usable.and_then(|agent| match parsed.iter().find(|other| may_be(other, file, &agent)) {
                    Some((other, _)) => {
                        let shown_path = other.path.strip_prefix(&self.root).unwrap_or(&other.path);
                        let reason = format!("`{}` may be `{}` too", shown(shown_path), agent.name);
                        Err(leave_out(file, 1, &reason))
                    }
                    None => Ok(agent),
                });
            match named.and_then(|agent| usable_agent(file, agent, is_trusted, &self.root)) {
                Ok(agent) => agents.push(agent),
                Err(warning) => warnings.push(warning),
            }
        }
        (agents, warnings)
    }
}

type Parsed<'f> = (&'f ProjectFile, Result<AgentFile, AgentFileError>);

/// Returns whether another file has this agent's name, or is malformed and contains the name somewhere.
fn may_be((other, parsed): &Parsed<'_>, file: &ProjectFile, agent: &AgentFile) -> bool {
    let is_same_name = match parsed {
        Ok(parsed) => parsed.name == agent.name,
        Err(AgentFileError::NoFrontMatter) if !opens_with_a_fence(&other.text) => false,
        Err(_) => other.text.to_lowercase().contains(agent.name.as_str()),
    };
    other.path != file.path && is_same_name
}

/// Whether the user approved the files as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IsTrusted {
    /// The user did.
    Yes,
    /// The user did not.
    No,
}

/// An agent of a project that may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectAgent {
    /// Its name, for routes and for the CLI.
    pub name: AgentName,
    /// Its purpose, in one line.
    pub description: String,
    /// The model alias or name it asks for.
    pub model: Option<String>,
    /// The tools it is limited to.
    pub tools: Option<Vec<String>>,
    /// Privileged keys of its file; empty unless the project is trusted.
    pub privileged_keys: Vec<String>,
    /// The permission mode it asks for; `None` unless the project is trusted.
    pub permission_mode: Option<PermissionMode>,
}

/// Returns whether a text may have a front matter that a lenient reader could still find; a readme has none and is an
/// agent to no reader.
fn opens_with_a_fence(text: &str) -> bool {
    text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}').starts_with("---")
}

fn parse(file: &ProjectFile) -> Result<AgentFile, AgentFileError> {
    let stem = file.path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    parse_agent_file(stem, &file.text)
}

fn leave_out(file: &ProjectFile, line: usize, reason: &str) -> Warning {
    Warning {
        at: Some(format!("{}:{line}", shown(&file.path))),
        message: format!("the agent is left out: {reason}"),
        hint: None,
    }
}

fn usable_agent(
    file: &ProjectFile,
    agent: AgentFile,
    is_trusted: IsTrusted,
    root: &Path,
) -> Result<ProjectAgent, Warning> {
    if !agent.privileged_keys.is_empty() && is_trusted == IsTrusted::No {
        let keys: Vec<_> = agent.privileged_keys.iter().map(|key| format!("`{}`", printable(key))).collect();
        let warning = leave_out(file, 1, &format!("{} need a trusted project", keys.join(", ")));
        return Err(Warning { hint: Some(trust_hint(root)), ..warning });
    }
    if let Some(model) = agent.model.as_deref().filter(|model| !is_model(model)) {
        return Err(leave_out(file, 1, &format!("`{}` is not the name of a model", printable(model))));
    }
    let permission_mode =
        permission_mode(&agent).map_err(|refused| leave_out(file, 1, &refused.to_string()))?;
    Ok(ProjectAgent {
        name: agent.name,
        description: agent.description.split_whitespace().collect::<Vec<_>>().join(" "),
        model: agent.model,
        tools: agent.tools,
        privileged_keys: agent.privileged_keys,
        permission_mode,
    })
}

/// Why a file's permission mode is rejected.
#[derive(Debug, thiserror::Error)]
enum ModeRefused {
    #[error("`permissionMode: bypassPermissions` is never taken from a repository")]
    Bypass,
    #[error("`{0}` is not a permission mode")]
    Unknown(String),
}

/// Reads the mode that a trusted file asks for. A repository may never grant a mode that asks no questions, and the CLI
/// would take it from the file: such an agent is not used at all.
fn permission_mode(agent: &AgentFile) -> Result<Option<PermissionMode>, ModeRefused> {
    if !agent.privileged_keys.iter().any(|key| key == "permissionMode") {
        return Ok(None);
    }
    let asked = agent.permission_mode.as_deref().unwrap_or_default();
    match PermissionMode::ALL.into_iter().find(|mode| mode.as_str() == asked) {
        Some(PermissionMode::BypassPermissions) => Err(ModeRefused::Bypass),
        Some(mode) => Ok(Some(mode)),
        None => Err(ModeRefused::Unknown(printable(asked))),
    }
}

/// Returns the hint on how to make a project's files count in full.
pub(super) fn trust_hint(root: &Path) -> String {
    let dir = printable(&root.display().to_string());
    let is_plain = dir.chars().all(|c| c.is_alphanumeric() || "/._-+@,".contains(c));
    let dir = if is_plain { dir } else { format!("'{}'", dir.replace('\'', r"'\''")) };
    format!("read the files of the project, then run `pointsman trust {dir}`")
}

/// Returns the agent files below a directory, as the CLI searches for them, in path order. Linked directories are not
/// entered.
fn agent_paths(dir: &Path, depth: usize) -> Vec<PathBuf> {
    let Ok(entries) = dir.read_dir() else { return Vec::new() };
    let mut paths = Vec::new();
    for entry in entries.filter_map(Result::ok) {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if depth < AGENTS_DEPTH_MAX {
                paths.extend(agent_paths(&path, depth + 1));
            }
        } else if path.extension().is_some_and(|end| end == "md") {
            paths.push(path);
        }
    }
    paths.sort();
    paths
}

fn skipped(path: &Path, reason: &str) -> Warning {
    Warning { at: Some(shown(path)), message: format!("the file is skipped: {reason}"), hint: None }
}

fn shown(path: &Path) -> String {
    printable(&path.display().to_string())
}

#[cfg(test)]
mod tests;
