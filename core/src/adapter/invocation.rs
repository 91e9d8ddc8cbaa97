//! One fully resolved command as a value.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::passed::PassedFlags;
use crate::agent::{Agent, PermissionMode};
use crate::ids::AgentSessionId;
use crate::repo_settings::containment::Containment;

/// A version as CLIs print it, for comparisons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CliVersion(pub u32, pub u32, pub u32);

impl CliVersion {
    /// Reads the first `a.b.c` of what `--version` printed.
    pub fn parse(printed: &str) -> Option<CliVersion> {
        printed.split(|c: char| !(c.is_ascii_digit() || c == '.')).find_map(|word| {
            let mut parts = word.splitn(3, '.').map(|part| part.parse::<u32>().ok());
            Some(CliVersion(parts.next()??, parts.next()??, parts.next()??))
        })
    }
}

impl std::fmt::Display for CliVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// How the attempt's agent session begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "id")]
pub enum AgentSession {
    /// A new one under this id.
    New(AgentSessionId),
    /// An earlier one continues.
    Resume(AgentSessionId),
}

/// Whether a session is new to its CLI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionStart {
    /// It begins.
    New,
    /// It continues, with all that it has cost so far.
    Resumed,
}

impl AgentSession {
    /// Returns whether it is new or resumed.
    pub fn start(&self) -> SessionStart {
        match self {
            AgentSession::New(_) => SessionStart::New,
            AgentSession::Resume(_) => SessionStart::Resumed,
        }
    }

    /// Returns the session's id.
    pub fn id(&self) -> &AgentSessionId {
        match self {
            AgentSession::New(id) | AgentSession::Resume(id) => id,
        }
    }
}

/// What an adapter needs to know to build one command.
#[derive(Debug, Clone)]
pub struct Order<'a> {
    /// The agent that runs.
    pub agent: &'a Agent,
    /// What `--version` reported, if it could be read.
    pub version: Option<CliVersion>,
    /// The text for the agent: the request, or how to continue.
    pub prompt: &'a str,
    /// The output contract with this run's nonce.
    pub contract: &'a str,
    /// The file that holds the contract, for CLIs that read one.
    pub contract_file: &'a Path,
    /// The agent session to begin or resume, for CLIs that have sessions.
    pub session: &'a AgentSession,
    /// The permission mode.
    pub permission_mode: PermissionMode,
    /// The most agent turns.
    pub max_turns: Option<u32>,
    /// The most US dollars of this attempt.
    pub max_usd: Option<f64>,
    /// The project directory.
    pub cwd: &'a Path,
    /// What is left out of the repository's settings.
    pub containment: &'a Containment,
    /// Flags that the user passes on.
    pub passed: &'a PassedFlags,
    /// The files that hold what no argument may, if there is such a thing.
    pub files: &'a SettingsFiles,
}

/// What a CLI is handed besides its flags: as a text on the command line, or in a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SettingsFiles {
    /// Its settings: a JSON object, or the path of a file.
    pub settings: Option<String>,
    /// The path of a file with MCP servers.
    pub servers: Option<PathBuf>,
}

/// Settings for one call of a CLI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallSettings {
    /// A JSON object.
    pub text: String,
    /// Whether it may be an argument.
    pub secrecy: Secrecy,
}

/// Whether a text may be an argument, which every user of the machine can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrecy {
    /// It may: it holds no value of the user's, and is short.
    Open,
    /// It goes into a private file.
    Private,
}

/// One command, ready to be spawned: nothing is looked up after this.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Invocation {
    /// The program: a name to be found on `PATH`, or a path.
    pub program: String,
    /// The arguments, as an array; no shell parses them and no word of the prompt is in them.
    pub args: Vec<String>,
    /// The whole environment, by name.
    pub env: BTreeMap<String, String>,
    /// The working directory.
    pub cwd: PathBuf,
    /// Everything that the program reads from its standard input.
    pub stdin: String,
}
