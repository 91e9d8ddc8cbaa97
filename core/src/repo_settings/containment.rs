//! What a command line must leave out of a repository's settings so that nothing runs that nobody approved.
//!
//! Key by key, and the rest is kept: variables and commands are overridden, MCP servers are not read. Hooks can only be
//! left out together with the whole file (switching all hooks off would take the user's own safety hooks as well); then
//! the file's `deny` and `ask` rules are handed over, so that what is left out never raises rights.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Map, Value, json};

use super::settings_file::PermissionRules;
use super::{Asks, RepoFile, SaidYes};
use crate::ids::AgentName;

/// Which settings files the CLI reads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SettingSources {
    /// All.
    #[default]
    All,
    /// The user's, and the user's own for this project, which are not the repository's.
    UserAndLocal,
    /// The user's.
    User,
}

/// Which MCP servers the CLI starts.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Servers {
    /// All.
    #[default]
    All,
    /// These of the user, and none of the repository.
    OnlyUsers(Map<String, Value>),
}

/// An agent of a repository that is handed over because its file is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentDefinition {
    /// Its purpose.
    pub description: String,
    /// Its prompt.
    pub prompt: String,
    /// The tools that it is limited to; `None` if it has all.
    pub tools: Option<Vec<String>>,
}

/// What is left out of a repository's settings.
#[derive(Clone, Default, PartialEq)]
pub struct Containment {
    /// Which settings files are read.
    pub sources: SettingSources,
    /// Which MCP servers are started.
    pub servers: Servers,
    /// Variables that keep the user's value: the one of the user's own settings, or else of the environment.
    pub variables: BTreeMap<String, Option<String>>,
    /// Keys that keep the user's value; an empty one is off.
    pub keys: BTreeMap<String, String>,
    /// Rules that are handed over.
    pub rules: PermissionRules,
    /// The repository's agents, handed over where their files are not read.
    pub agents: BTreeMap<AgentName, AgentDefinition>,
}

/// What surrounds the files of a repository.
#[derive(Debug, Clone, Default)]
pub struct Around {
    /// Whether the user has settings of their own for this project.
    pub local: LocalSettings,
    /// The user's own settings, those that win first.
    pub user_settings: Vec<Map<String, Value>>,
    /// The user's own MCP servers.
    pub servers: Map<String, Value>,
    /// The repository's agents that may be used.
    pub agents: BTreeMap<AgentName, AgentDefinition>,
    /// The repository's agents that may not be used; nobody may delegate to them.
    pub left_out_agents: BTreeSet<AgentName>,
    /// Whether the repository's agent files may be read.
    pub agent_files: AgentFiles,
}

/// Whether a repository's agent files may be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AgentFiles {
    /// They may.
    #[default]
    Read,
    /// One that may not be used claims the name of an agent of the user's, which the CLI would take it for.
    LeftOut,
}

/// Whether the user has files of their own for a project.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LocalSettings {
    /// They have none.
    #[default]
    None,
    /// They have some.
    OfUser,
}

/// Shows no values: they are the user's, and may be secrets.
impl fmt::Debug for Containment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Containment")
            .field("sources", &self.sources)
            .field("servers", &matches!(self.servers, Servers::OnlyUsers(_)))
            .field("variables", &self.variables.keys())
            .field("keys", &self.keys.keys())
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

impl Containment {
    /// Decides what is left out of these files.
    pub fn of(files: &[RepoFile], yes: SaidYes, around: Around) -> Containment {
        match yes {
            SaidYes::Nobody => Containment::untrusted(files, around),
            // The CLI itself ignores `allow` in folders that it does not know.
            SaidYes::ByHash | SaidYes::ByDirectory => Containment {
                rules: PermissionRules { allow: rules(files).allow, ..PermissionRules::default() },
                ..Containment::default()
            },
            SaidYes::InClaudeCode => Containment::default(),
        }
    }

    fn untrusted(files: &[RepoFile], around: Around) -> Containment {
        let mut containment = Containment::default();
        let mut is_left_out = around.agent_files == AgentFiles::LeftOut;
        for file in files {
            match &file.asks {
                Asks::Settings(settings) => {
                    let variables = settings.variables.iter();
                    containment.variables.extend(variables.map(|name| (name.clone(), around.variable(name))));
                    let keys = settings.commands.iter().map(|held| &held.key);
                    containment.keys.extend(keys.map(|key| (key.clone(), around.key(key))));
                    is_left_out |= settings.must_be_left_out();
                }
                Asks::UnreadableSettings(_) => is_left_out = true,
                Asks::Servers(servers) if servers.is_empty() => {}
                Asks::Servers(_) | Asks::UnreadableServers(_) => {
                    containment.servers = Servers::OnlyUsers(around.servers.clone());
                }
            }
        }
        let denied = around.left_out_agents.iter().map(|name| format!("Agent({name})"));
        if is_left_out {
            containment.sources = match around.local {
                LocalSettings::None => SettingSources::User,
                LocalSettings::OfUser => SettingSources::UserAndLocal,
            };
            // What is not read needs no override.
            containment.variables.clear();
            containment.keys.clear();
            containment.rules = PermissionRules { allow: vec![], ..rules(files) };
            containment.agents = around.agents;
        } else {
            containment.rules.deny.extend(denied);
        }
        containment
    }

    /// Returns whether nothing is left out or handed over.
    pub fn is_nothing(&self) -> bool {
        *self == Containment::default()
    }

    /// Returns the settings that override the repository's, given the agent's environment. A variable that is nowhere is
    /// empty, which the CLI takes for unset.
    ///
    /// The CLI drops the whole of `--settings` without a word if one value has a wrong type: all are texts here.
    pub fn settings(&self, environment: &BTreeMap<String, String>) -> Map<String, Value> {
        let mut settings = Map::new();
        if !self.variables.is_empty() {
            let own = |(name, of_user): (&String, &Option<String>)| {
                let value = of_user.as_ref().or_else(|| environment.get(name));
                (name.clone(), json!(value.map_or("", String::as_str)))
            };
            settings.insert("env".to_owned(), Value::Object(self.variables.iter().map(own).collect()));
        }
        settings.extend(self.keys.iter().map(|(key, value)| (key.clone(), json!(value))));
        let PermissionRules { allow, ask, deny } = &self.rules;
        let lists = [("allow", allow), ("ask", ask), ("deny", deny)];
        let given = lists.into_iter().filter(|(_, rules)| !rules.is_empty());
        let rules: Map<String, Value> = given.map(|(name, rules)| (name.to_owned(), json!(rules))).collect();
        if !rules.is_empty() {
            settings.insert("permissions".to_owned(), Value::Object(rules));
        }
        settings
    }
}

impl Around {
    /// Returns what the user's own settings say of a variable.
    fn variable(&self, name: &str) -> Option<String> {
        let said = self.user_settings.iter().find_map(|settings| settings.get("env")?.get(name)?.as_str());
        said.map(str::to_owned)
    }

    /// Returns what the user's own settings say of a key that holds a text.
    fn key(&self, key: &str) -> String {
        let said = self.user_settings.iter().find_map(|settings| settings.get(key)?.as_str());
        said.unwrap_or_default().to_owned()
    }
}

/// Returns the rules of all files.
fn rules(files: &[RepoFile]) -> PermissionRules {
    let mut all = PermissionRules::default();
    for file in files {
        if let Asks::Settings(settings) = &file.asks {
            all.allow.extend_from_slice(&settings.rules.allow);
            all.ask.extend_from_slice(&settings.rules.ask);
            all.deny.extend_from_slice(&settings.rules.deny);
        }
    }
    all
}

#[cfg(test)]
mod tests;
