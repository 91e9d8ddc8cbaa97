//! What a repository asks of Claude Code in files of the CLI's own, and what a run is given of it.
//!
//! Claude Code asks about an unknown folder only in a session with a person: with `-p` it runs the hooks, helpers and
//! MCP servers of any repository, and obeys the variables that it sets. So we read these files (`settings_file`,
//! `mcp_file`) and leave out what nobody approved (`containment`). Says nothing about where files are or whom the user
//! trusts: both are handed in.

pub mod containment;
pub mod mcp_file;
pub mod settings_file;

use mcp_file::Server;
use settings_file::SettingsFile;

/// One file of a repository, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepoFile {
    /// Its path below the repository, for display.
    pub name: String,
    /// What it asks.
    pub asks: Asks,
}

/// What a file asks of the CLI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asks {
    /// `.claude/settings.json`, or a `settings.local.json` that git tracks.
    Settings(SettingsFile),
    /// `.mcp.json`: these servers.
    Servers(Vec<Server>),
    /// Settings that we cannot read. The CLI may: it could ask for anything.
    UnreadableSettings(String),
    /// The same of a list of servers.
    UnreadableServers(String),
}

impl RepoFile {
    /// Returns whether it asks for something that needs trust.
    pub fn needs_trust(&self) -> bool {
        match &self.asks {
            Asks::Settings(settings) => settings.needs_trust(),
            Asks::Servers(servers) => !servers.is_empty(),
            Asks::UnreadableSettings(_) | Asks::UnreadableServers(_) => true,
        }
    }
}

/// Who said yes to what a repository asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaidYes {
    /// Nobody.
    Nobody,
    /// The user approved exactly these bytes.
    ByHash,
    /// The user's settings name the directory.
    ByDirectory,
    /// The user accepted the folder in Claude Code itself.
    InClaudeCode,
}

/// Why a file cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// It is no JSON, or nests too deeply for us.
    #[error("it is not JSON that can be read: {0}")]
    Json(String),
    /// It is JSON of another kind.
    #[error("it is no JSON object")]
    NoObject,
    /// A list of servers has none where they should stand.
    #[error("`mcpServers` is missing, or no object")]
    NoServers,
}

/// Parses an object. Of a key that stands there twice the last counts, as for the CLI.
fn object(text: &str) -> Result<serde_json::Map<String, serde_json::Value>, FileError> {
    match serde_json::from_str(text) {
        Ok(serde_json::Value::Object(object)) => Ok(object),
        Ok(_) => Err(FileError::NoObject),
        Err(error) => Err(FileError::Json(error.to_string())),
    }
}
