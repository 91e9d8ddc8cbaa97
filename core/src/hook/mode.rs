//! How far pointsman goes in a session of Claude Code: an explicit choice first, then signs of automation, then advice.

use serde::{Deserialize, Serialize};

use crate::ids::SessionId;
use crate::request::Mode;

/// What the settings say about sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RoutingMode {
    /// Routes are advice.
    Directive,
    /// Subagents of an interactive session are held to the route.
    Enforced,
    /// pointsman spawns agents alone.
    Orchestration,
    /// Advice for people, agents for automation.
    Hybrid,
    /// Each session is given `directive` or `enforced` by a hash of its id, to compare the two.
    Experiment,
    /// Hooks keep silent.
    Off,
}

impl RoutingMode {
    /// Returns the mode's name.
    pub fn as_str(self) -> &'static str {
        match self {
            RoutingMode::Directive => "directive",
            RoutingMode::Enforced => "enforced",
            RoutingMode::Orchestration => "orchestration",
            RoutingMode::Hybrid => "hybrid",
            RoutingMode::Experiment => "experiment",
            RoutingMode::Off => "off",
        }
    }
}

/// What can be known about who is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signals {
    /// `CLAUDE_CODE_ENTRYPOINT`: begins with `sdk` where a program calls the CLI. A hook has no terminal to look at.
    pub entrypoint: Option<String>,
    /// Work in bulk or by an interface: `BATCH_MODE`, `CLAUDE_BATCH_MODE` or `API_REQUEST` is 1.
    pub automated: bool,
    /// `CLAUDE_OVERNIGHT` is 1.
    pub overnight: bool,
    /// The session is a step of a workflow.
    pub workflow_chain: bool,
}

/// What was chosen for a session, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModeChoice {
    /// The mode; `None` is off.
    pub mode: Option<Mode>,
    /// Why, in words.
    pub because: String,
    /// Whether the session is part of the experiment.
    pub is_experiment: bool,
}

/// Chooses the mode of a session. `set_by` says where the setting comes from.
pub fn select(setting: RoutingMode, set_by: &str, signals: &Signals, session: &SessionId) -> ModeChoice {
    let explicit = |mode| ModeChoice { mode, because: set_by.to_owned(), is_experiment: false };
    let automatic = |mode, because: &str| ModeChoice {
        mode: Some(mode),
        because: because.to_owned(),
        is_experiment: false,
    };
    match setting {
        RoutingMode::Off => explicit(None),
        RoutingMode::Directive => explicit(Some(Mode::Directive)),
        RoutingMode::Enforced => explicit(Some(Mode::Enforced)),
        RoutingMode::Orchestration => explicit(Some(Mode::Orchestration)),
        RoutingMode::Experiment => ModeChoice {
            mode: Some(arm(session)),
            because: format!("{set_by}: an experiment, by the hash of the session's id"),
            is_experiment: true,
        },
        RoutingMode::Hybrid => match signals {
            Signals { entrypoint: Some(entrypoint), .. } if entrypoint.starts_with("sdk") => {
                automatic(Mode::Orchestration, "a program calls the CLI")
            }
            Signals { automated: true, .. } => automatic(Mode::Orchestration, "the work is automated"),
            Signals { overnight: true, .. } => automatic(Mode::Orchestration, "it is overnight work"),
            Signals { workflow_chain: true, .. } => {
                automatic(Mode::Orchestration, "it is a step of a workflow")
            }
            _ => automatic(Mode::Directive, "a person is there"),
        },
    }
}

/// Returns the arm of the experiment that a session is in: always the same one.
pub fn arm(session: &SessionId) -> Mode {
    let hash = blake3::hash(session.as_str().as_bytes());
    if hash.as_bytes()[0] & 1 == 0 { Mode::Directive } else { Mode::Enforced }
}
