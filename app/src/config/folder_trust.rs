//! Claude Code's own state file: which folders the user accepted there, and which MCP servers are theirs.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::env::EnvVars;
use crate::cli_json;

/// The largest state file that is read. It grows with every project.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// The part of the state that is of use here.
#[derive(Debug, Default)]
pub struct ClaudeState {
    state: Map<String, Value>,
}

impl ClaudeState {
    /// Reads the state. One that is missing or cannot be read accepts nothing.
    pub fn read(env: &EnvVars, home: &Path) -> ClaudeState {
        let own = env.text("CLAUDE_CONFIG_DIR").filter(|dir| !dir.is_empty()).map(PathBuf::from);
        let file = own.unwrap_or_else(|| home.to_path_buf()).join(".claude.json");
        match cli_json::value(&file, FILE_BYTES_MAX) {
            Value::Object(state) => ClaudeState { state },
            _ => ClaudeState::default(),
        }
    }

    /// Returns whether the user accepted this folder: a repository's main working tree, or a directory that is in none.
    pub fn accepts(&self, folder: &Path) -> bool {
        let project = folder.to_str().and_then(|folder| self.project(folder));
        project.is_some_and(|project| project.get("hasTrustDialogAccepted") == Some(&Value::Bool(true)))
    }

    /// Returns the user's own servers for a directory: those for everywhere, and those for it.
    pub fn servers(&self, folder: &Path) -> Map<String, Value> {
        let of = |state: &Map<String, Value>| state.get("mcpServers").and_then(Value::as_object).cloned();
        let mut servers = of(&self.state).unwrap_or_default();
        servers.extend(folder.to_str().and_then(|folder| of(self.project(folder)?)).unwrap_or_default());
        servers
    }

    fn project(&self, folder: &str) -> Option<&Map<String, Value>> {
        self.state.get("projects")?.get(folder)?.as_object()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::fixture::Fixture;

    #[test]
    fn only_an_accepted_folder_is_accepted_and_the_users_servers_are_found() {
        let fixture = Fixture::new();
        let text = r#"{"mcpServers":{"a":{"command":"x"},"b":{"command":"y"}},"projects":{
            "/yes":{"hasTrustDialogAccepted":true,"mcpServers":{"b":{"command":"z"}}},
            "/no":{"hasTrustDialogAccepted":false},"/odd":{"hasTrustDialogAccepted":"true"},"/none":3}}"#;
        fixture.write("home/.claude.json", text);
        let env = EnvVars::from_iter(Vec::<(String, String)>::new());
        let state = ClaudeState::read(&env, &fixture.home());
        let accepted = ["/yes", "/no", "/odd", "/none", "/"].map(|folder| state.accepts(Path::new(folder)));
        assert_eq!(accepted, [true, false, false, false, false]);
        let servers = state.servers(Path::new("/yes"));
        assert_eq!((servers.len(), servers["b"]["command"].as_str()), (2, Some("z")));
        for broken in ["", "[]", "{\"projects\": 3}"] {
            fixture.write("home/.claude.json", broken);
            assert!(!ClaudeState::read(&env, &fixture.home()).accepts(Path::new("/yes")));
        }
        let elsewhere: EnvVars = [("CLAUDE_CONFIG_DIR", "/nowhere")].into_iter().collect();
        fixture.write("home/.claude.json", text);
        assert!(!ClaudeState::read(&elsewhere, &fixture.home()).accepts(Path::new("/yes")));
    }
}
