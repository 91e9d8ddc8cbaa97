//! What a repository asks of Claude Code, who said yes to it, and what is left out of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pointsman_core::ids::AgentName;
use pointsman_core::repo_settings::containment::{
    AgentDefinition, AgentFiles, Around, Containment, LocalSettings,
};
use pointsman_core::repo_settings::{Asks, RepoFile, SaidYes};
use serde_json::{Map, Value};

use super::agent_files::claims_in;
use super::env::EnvVars;
use super::folder_trust::ClaudeState;
use super::location::Project;
use super::login::claude_dir;
use super::model::Settings;
use super::project::{ProjectAgent, ProjectAgents, ProjectFiles};
use super::repo_files::LOCAL_SETTINGS;
use super::trust::TrustStatus;
use super::worktree::main_tree;
use crate::cli_json;

/// The largest settings file of the user's that is read.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// What a repository asks of Claude Code.
#[derive(Debug, Clone, PartialEq)]
pub struct Repository {
    /// Its files that count where agents are started, as they were read.
    pub files: Vec<RepoFile>,
    /// Who said yes to them.
    pub yes: SaidYes,
    /// What is left out of them.
    pub containment: Containment,
}

/// What surrounds a project.
#[derive(Clone, Copy)]
pub(super) struct Surroundings<'a> {
    /// The environment.
    pub env: &'a EnvVars,
    /// The home directory.
    pub home: &'a Path,
    /// The directory that agents are started in.
    pub cwd: &'a Path,
}

impl Default for Repository {
    fn default() -> Repository {
        Repository { files: vec![], yes: SaidYes::Nobody, containment: Containment::default() }
    }
}

impl Repository {
    /// Decides about the files of a project.
    pub(super) fn of(
        files: &ProjectFiles,
        project: &Project,
        trust: TrustStatus,
        around: Surroundings<'_>,
        settings: &Settings,
        found: &ProjectAgents,
    ) -> Repository {
        let Surroundings { env, home, cwd } = around;
        let cwd = cwd.canonicalize().unwrap_or_else(|_| cwd.to_path_buf());
        // The CLI reads settings where it is started and nowhere else, servers above as well.
        let counts = |asks: &Asks| match asks {
            Asks::Settings(_) | Asks::UnreadableSettings(_) => cwd == files.root,
            Asks::Servers(_) | Asks::UnreadableServers(_) => true,
        };
        let asked = files.claude.files.iter().map(|file| &file.file).filter(|file| counts(&file.asks));
        let asked: Vec<RepoFile> = asked.cloned().collect();
        let needs_trust = asked.iter().any(RepoFile::needs_trust);
        let agent_files = agent_files(files, settings, &found.agents, &claude_dir(env, home));
        if !needs_trust && found.widening.is_empty() && agent_files == AgentFiles::Read {
            return Repository { files: asked, ..Repository::default() };
        }
        let folder =
            if project.boundary.join(".git").exists() { main_tree(&project.boundary) } else { cwd.clone() };
        let state = ClaudeState::read(env, home);
        let yes = match trust {
            TrustStatus::Trusted => SaidYes::ByHash,
            TrustStatus::Listed => SaidYes::ByDirectory,
            TrustStatus::Untrusted | TrustStatus::Changed if state.accepts(&folder) => SaidYes::InClaudeCode,
            TrustStatus::Untrusted | TrustStatus::Changed => SaidYes::Nobody,
        };
        let around = Around {
            local: if files.claude.has_users { LocalSettings::OfUser } else { LocalSettings::None },
            user_settings: user_settings(files, &claude_dir(env, home)),
            servers: state.servers(&folder),
            agents: definitions(&found.agents),
            left_out_agents: found.widening.clone(),
            agent_files,
        };
        let containment = Containment::of(&asked, yes, around);
        Repository { files: asked, yes, containment }
    }

    /// Returns whether something is left out that somebody could say yes to.
    pub fn awaits_a_yes(&self) -> bool {
        self.yes == SaidYes::Nobody && self.files.iter().any(RepoFile::needs_trust)
    }
}

/// Looks for files of the project that the CLI would take for an agent of the user's that the operator named.
fn agent_files(
    files: &ProjectFiles,
    settings: &Settings,
    usable: &[ProjectAgent],
    claude_dir: &Path,
) -> AgentFiles {
    let named = settings.agents.values().filter_map(|agent| agent.cli_agent.as_ref()?.parse().ok());
    let names: Vec<AgentName> = named.collect();
    let claimed: Vec<&AgentName> =
        names.iter().filter(|name| files.is_claimed_by_another(name, usable)).collect();
    if claimed.is_empty() {
        return AgentFiles::Read;
    }
    // Who has no such agent means the repository's; its rights are those of the operator's agent.
    let own = claims_in(&claude_dir.join("agents"));
    match claimed.iter().any(|name| own.iter().any(|claim| claim.may_be(name))) {
        true => AgentFiles::LeftOut,
        false => AgentFiles::Read,
    }
}

/// Reads the user's own settings, those for the project first.
fn user_settings(files: &ProjectFiles, claude_dir: &Path) -> Vec<Map<String, Value>> {
    let local = files.claude.has_users.then(|| files.root.join(LOCAL_SETTINGS));
    let read = |path: PathBuf| match cli_json::value(&path, FILE_BYTES_MAX) {
        Value::Object(settings) => Some(settings),
        _ => None,
    };
    local.into_iter().chain([claude_dir.join("settings.json")]).filter_map(read).collect()
}

fn definitions(agents: &[ProjectAgent]) -> BTreeMap<AgentName, AgentDefinition> {
    let definition = |agent: &ProjectAgent| AgentDefinition {
        description: agent.description.clone(),
        prompt: agent.prompt.clone(),
        tools: agent.tools.clone(),
    };
    agents.iter().map(|agent| (agent.name.clone(), definition(agent))).collect()
}

#[cfg(test)]
mod tests;
