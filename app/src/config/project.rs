//! The repository that pointsman runs in, and its files. All of them are untrusted.
//!
//! The files are read once: what is hashed for trust is what is used.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use pointsman_core::agent::PermissionMode;
use pointsman_core::agent_file::claim::{Claim, Extent};
use pointsman_core::agent_file::{self, AgentFile, AgentFileError, parse_agent_file};
use pointsman_core::ids::AgentName;
use pointsman_core::policy::file::FILE_BYTES_MAX as POLICY_BYTES_MAX;
use pointsman_core::toml_text::place::printable;

use super::agent_files::{AgentFiles, SkippedFile};
use super::error::Warning;
use super::location::{Project, ProjectFile};
use super::repo_files::{ClaudeFiles, Tracks};
use super::settings_check::is_model;
use super::small_file::{self, ReadError};
use super::worktree::main_tree;

/// The project's policy file.
pub const POLICY_FILE: &str = "pointsman.policy.toml";

/// The largest settings file of a project that is read. Real ones have a few kilobytes.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// The files of a project that count, as they were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectFiles {
    /// The canonical root.
    pub root: PathBuf,
    /// The same directory of the main working tree, to which trust is given.
    pub trust_key: PathBuf,
    /// `.pointsman.toml`.
    pub settings: Option<ProjectFile>,
    /// `pointsman.policy.toml`, or why it cannot be read.
    pub policy: Option<Result<ProjectFile, ReadError>>,
    /// `.claude/agents/**/*.md`.
    pub agents: AgentFiles,
    /// The settings and servers of Claude Code.
    pub claude: ClaudeFiles,
    /// What was skipped and why.
    pub warnings: Vec<Warning>,
}

impl ProjectFiles {
    /// Reads the files. What cannot or must not be read is skipped with a warning.
    pub fn read(project: &Project, home: &Path, tracks: Tracks<'_>) -> ProjectFiles {
        let Project { root, boundary, .. } = project;
        let mut warnings = Vec::new();
        let settings = project.settings_file.clone().and_then(|path| {
            let read = small_file::read_within(boundary, &path, FILE_BYTES_MAX);
            read.map_err(|reason| warnings.push(skipped(&path, &reason.to_string())))
                .ok()
                .map(|text| ProjectFile { path, text })
        });
        let overlay = root.join(POLICY_FILE);
        let policy = overlay.symlink_metadata().is_ok().then(|| {
            small_file::read_within(boundary, &overlay, POLICY_BYTES_MAX as u64)
                .map(|text| ProjectFile { path: overlay.clone(), text })
        });
        let agents = AgentFiles::find(root, boundary, home);
        warnings.extend(of_skipped(&agents.skipped));
        let below = root.strip_prefix(boundary).unwrap_or(Path::new(""));
        // Joining an empty path would add a slash.
        let trust_key = match main_tree(boundary) {
            main if below.as_os_str().is_empty() => main,
            main => main.join(below),
        };
        let claude = ClaudeFiles::read(project, home, tracks);
        ProjectFiles { root: root.clone(), trust_key, settings, policy, agents, claude, warnings }
    }

    /// Returns whether there is any file that trust could be given to.
    pub fn are_there(&self) -> bool {
        let AgentFiles { read, skipped, above: _ } = &self.agents;
        self.settings.is_some()
            || self.policy.is_some()
            || !(read.is_empty() && skipped.is_empty() && self.claude.files.is_empty())
    }

    /// Returns the hash of names and contents, which trust is bound to.
    pub fn hash(&self) -> String {
        let mut hasher = blake3::Hasher::new_derive_key("pointsman 2026-11 files that a person trusted");
        let mut part = |bytes: &[u8]| {
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        let below = |path: &'_ Path| path.strip_prefix(&self.root).unwrap_or(path).as_os_str().to_owned();
        for file in self.settings.iter().chain(&self.agents.read) {
            part(below(&file.path).as_encoded_bytes());
            part(file.text.as_bytes());
        }
        for file in &self.agents.skipped {
            part(below(&file.path).as_encoded_bytes());
            part(&file.digest());
        }
        if let Some(policy) = &self.policy {
            part(POLICY_FILE.as_bytes());
            part(policy.as_ref().map_or("", |file| &file.text).as_bytes());
        }
        for file in &self.claude.files {
            part(file.file.name.as_bytes());
            part(file.text.as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }

    /// Returns the agents that may be used, and why others may not.
    ///
    /// The CLI is given a name and finds the file itself. So a name counts only if no other file has it, or could have
    /// it: a harmless file must not lend its name to one that was left out.
    pub fn agents(&self, is_trusted: IsTrusted) -> ProjectAgents {
        let mut found = ProjectAgents::default();
        let claims: Vec<(&Path, Claim)> = self.claims();
        if let Some((path, _)) = claims.iter().find(|(_, claim)| *claim == Claim::Any) {
            // Every name may be this file's.
            let message = "no agent of the project is used: this file may have the name of any".to_owned();
            found.warnings.push(Warning { at: Some(shown(path)), message, hint: None });
            found.widening.extend(self.agents.read.iter().filter_map(widening));
            return found;
        }
        for file in &self.agents.read {
            let agent = parse(file).map_err(|error| leave_out(file, error.line(), &error.to_string()));
            let usable = agent
                .and_then(|agent| self.with_a_name_of_its_own(file, agent, &claims))
                .and_then(|agent| usable_agent(file, agent, is_trusted, &self.root));
            match usable {
                Ok(agent) => found.agents.push(agent),
                Err(warning) => {
                    found.warnings.push(warning);
                    found.widening.extend(widening(file));
                }
            }
        }
        let named = |file: &SkippedFile| match &file.claim {
            Claim::Name(name) if file.may_widen_rights => Some(name.clone()),
            Claim::Name(_) | Claim::Nothing | Claim::Within(_) | Claim::Any => None,
        };
        found.widening.extend(self.agents.skipped.iter().filter_map(named));
        found
    }

    /// Returns whether a file may have this name that is not among the agents that may be used.
    pub fn is_claimed_by_another(&self, name: &AgentName, usable: &[ProjectAgent]) -> bool {
        let is_usable = usable.iter().any(|agent| agent.name == *name);
        !is_usable && self.claims().iter().any(|(_, claim)| claim.may_be(name))
    }

    /// Returns which names each file may claim.
    fn claims(&self) -> Vec<(&Path, Claim)> {
        let of_read = |file: &ProjectFile| Claim::of(stem(&file.path), &file.text, Extent::Whole);
        let read = self.agents.read.iter().map(|file| (file.path.as_path(), of_read(file)));
        let others = self.agents.skipped.iter().chain(&self.agents.above);
        read.chain(others.map(|file| (file.path.as_path(), file.claim.clone()))).collect()
    }

    fn with_a_name_of_its_own(
        &self,
        file: &ProjectFile,
        agent: AgentFile,
        claims: &[(&Path, Claim)],
    ) -> Result<AgentFile, Warning> {
        let rival = claims.iter().find(|(path, claim)| *path != file.path && claim.may_be(&agent.name));
        let Some((path, _)) = rival else { return Ok(agent) };
        let shown_path = path.strip_prefix(&self.root).unwrap_or(path);
        Err(leave_out(file, 1, &format!("`{}` may be `{}` too", shown(shown_path), agent.name)))
    }
}

/// The agents of a project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProjectAgents {
    /// Those that may be used, as far as their files go.
    pub agents: Vec<ProjectAgent>,
    /// The names of those that may not, and may ask for more rights than a session has.
    pub widening: BTreeSet<AgentName>,
    /// Why.
    pub warnings: Vec<Warning>,
}

/// Returns one warning for each reason: a repository with hundreds of files fills no screen.
fn of_skipped(files: &[SkippedFile]) -> Vec<Warning> {
    let mut reasons: Vec<(&str, &Path, usize)> = vec![];
    for file in files {
        match reasons.iter_mut().find(|(reason, _, _)| *reason == file.reason) {
            Some((_, _, count)) => *count += 1,
            None => reasons.push((&file.reason, &file.path, 1)),
        }
    }
    let say = |(reason, path, count): (&str, &Path, usize)| match count {
        1 => skipped(path, reason),
        count => skipped(path, &format!("{reason} ({count} such files)")),
    };
    reasons.into_iter().map(say).collect()
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
    /// Its prompt.
    pub prompt: String,
    /// The model alias or name it asks for.
    pub model: Option<String>,
    /// The tools it is limited to.
    pub tools: Option<Vec<String>>,
    /// Privileged keys of its file; empty unless the project is trusted.
    pub privileged_keys: Vec<String>,
    /// The permission mode it asks for; `None` unless the project is trusted.
    pub permission_mode: Option<PermissionMode>,
}

fn parse(file: &ProjectFile) -> Result<AgentFile, AgentFileError> {
    parse_agent_file(stem(&file.path), &file.text)
}

/// Returns the name of an agent whose file may ask for more rights than its session has.
fn widening(file: &ProjectFile) -> Option<AgentName> {
    let name = parse(file).ok()?.name;
    agent_file::may_widen_rights(&file.text).then_some(name)
}

fn stem(path: &Path) -> &str {
    path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default()
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
        prompt: agent_file::prompt(&file.text).to_owned(),
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
pub fn trust_hint(root: &Path) -> String {
    let dir = printable(&root.display().to_string());
    let is_plain = dir.chars().all(|c| c.is_alphanumeric() || "/._-+@,".contains(c));
    let dir = if is_plain { dir } else { format!("'{}'", dir.replace('\'', r"'\''")) };
    format!("read the files of the project, then run `pointsman trust {dir}`")
}

fn skipped(path: &Path, reason: &str) -> Warning {
    Warning { at: Some(shown(path)), message: format!("the file is skipped: {reason}"), hint: None }
}

fn shown(path: &Path) -> String {
    printable(&path.display().to_string())
}

#[cfg(test)]
mod tests;
