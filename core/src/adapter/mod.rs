//! Translates for one CLI each: an [`Invocation`] out, [`AgentEvent`]s in.
//!
//! The room is pure text work. It never spawns, never judges and never touches a file. No word, code or phrase of a CLI
//! leaves it: what comes out are facts that mean the same for every CLI, and what they mean for the run is decided in
//! `run`.
//!
//! Reading order: `invocation` (what is started), `event` (what comes back), `capabilities` (what a CLI can do), then
//! one adapter. `slim` shortens huge ones, `fields` reads one; `shell_words`
//! recognizes commands that only look.

pub mod capabilities;
pub mod claude;
pub mod event;
mod fields;
pub mod invocation;
pub mod passed;
pub mod plain;
mod shell_words;
pub mod slim;

use std::collections::BTreeMap;

use crate::agent::{AdapterKind, Agent};
use crate::ids::AgentSessionId;
use crate::repo_settings::containment::Containment;
use capabilities::Capabilities;
use event::{AgentEvent, Complaint};
use invocation::{CallSettings, CliVersion, Invocation, Order, SessionStart};
use passed::{NotPassed, PassedFlags};

impl AdapterKind {
    /// Returns what the CLI can do in this version.
    pub fn capabilities(self, version: Option<CliVersion>) -> Capabilities {
        match self {
            AdapterKind::Claude => claude::capabilities(version),
            AdapterKind::Plain => plain::CAPABILITIES,
        }
    }

    /// Returns the oldest supported version, if the CLI has versions.
    pub fn oldest_supported(self) -> Option<CliVersion> {
        match self {
            AdapterKind::Claude => Some(claude::OLDEST),
            AdapterKind::Plain => None,
        }
    }

    /// Returns the newest version that was tried, if the CLI has versions.
    pub fn newest_tried(self) -> Option<CliVersion> {
        match self {
            AdapterKind::Claude => Some(claude::NEWEST_TRIED),
            AdapterKind::Plain => None,
        }
    }

    /// Reads the CLI's version from what `--version` printed.
    pub fn version(self, printed: &str) -> Option<CliVersion> {
        match self {
            AdapterKind::Claude => claude::version(printed),
            AdapterKind::Plain => None,
        }
    }

    /// Returns where the CLI may be, relative to the home directory, when it is not on the search path.
    pub fn home_places(self) -> &'static [&'static str] {
        match self {
            AdapterKind::Claude => claude::HOME_PLACES,
            AdapterKind::Plain => &[],
        }
    }

    /// Returns the settings that a call is given, if any. `environment` is the agent's.
    pub fn settings(
        self,
        agent: &Agent,
        containment: &Containment,
        environment: &BTreeMap<String, String>,
    ) -> Option<CallSettings> {
        match self {
            AdapterKind::Claude => claude::argv::settings(agent, containment, environment),
            AdapterKind::Plain => None,
        }
    }

    /// Translates an order into the one command that carries it out.
    pub fn invocation(self, order: &Order<'_>) -> Invocation {
        match self {
            AdapterKind::Claude => claude::argv::invocation(order),
            AdapterKind::Plain => plain::invocation(order),
        }
    }

    /// Starts reading the standard output of one process.
    pub fn decoder(self, version: Option<CliVersion>, session: SessionStart) -> Decoder {
        match self {
            AdapterKind::Claude => Decoder::Claude(Box::new(claude::decode::Decoder::new(version, session))),
            AdapterKind::Plain => Decoder::Plain,
        }
    }

    /// Reads flags of the CLI that a user passes on.
    pub fn passed_flags(self, words: &[String]) -> Result<PassedFlags, NotPassed> {
        match self {
            AdapterKind::Claude => claude::passed::read(words),
            AdapterKind::Plain if words.is_empty() => Ok(PassedFlags::default()),
            AdapterKind::Plain => Err(NotPassed::NotThere),
        }
    }

    /// Returns the names of the flags that are passed on, for messages.
    pub fn flags_passed_on(self) -> &'static str {
        match self {
            AdapterKind::Claude => claude::passed::ACCEPTED,
            AdapterKind::Plain => "none",
        }
    }

    /// Returns passed flags with the paths in them changed.
    pub fn with_paths(self, flags: PassedFlags, change: impl Fn(&str) -> String) -> PassedFlags {
        match self {
            AdapterKind::Claude => claude::passed::with_paths(flags, change),
            AdapterKind::Plain => flags,
        }
    }

    /// Returns the command that goes on with a conversation in the CLI itself, if it can.
    pub fn interactive(self, agent: &Agent, session: &AgentSessionId) -> Option<Vec<String>> {
        match self {
            AdapterKind::Claude => {
                Some(agent.command.iter().cloned().chain([format!("--resume={session}")]).collect())
            }
            AdapterKind::Plain => None,
        }
    }

    /// Returns the rules for `--allow-tool` that would allow a denied call, if there are any.
    pub fn rules_for(self, tool: &str, what: &str) -> Vec<String> {
        match self {
            AdapterKind::Claude => claude::rules_for(tool, what),
            AdapterKind::Plain => vec![],
        }
    }

    /// Reads why the CLI cannot continue from what it said outside its stream. Only for text that no model wrote.
    pub fn complaint(self, said: &str) -> Option<Complaint> {
        match self {
            AdapterKind::Claude => claude::complaint(said),
            AdapterKind::Plain => None,
        }
    }
}

/// Reads the standard output of one process.
#[derive(Debug, Clone)]
pub enum Decoder {
    /// Of Claude Code.
    Claude(Box<claude::decode::Decoder>),
    /// Of a plain command.
    Plain,
}

impl Decoder {
    /// Translates one line (without its line ending).
    pub fn decode(&mut self, line: &str) -> Vec<AgentEvent> {
        match self {
            Decoder::Claude(decoder) => decoder.decode(line),
            Decoder::Plain => plain::decode(line),
        }
    }
}
