//! How far pointsman goes in a session of Claude Code: an explicit choice first, then what the signs of automation
//! allow.
//!
//! Only an explicit choice takes a prompt away from its session: a script that calls `claude -p` reads its answer and
//! its exit code, and knows nothing of pointsman.

use serde::{Deserialize, Serialize};

use crate::ids::SessionId;
use crate::mode::Mode;

/// The configured routing mode for sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RoutingMode {
    /// Routes are advice.
    Directive,
    /// Subagents of an interactive session are held to the route.
    Enforced,
    /// Prompts are handed to runs of pointsman.
    Orchestration,
    /// Routes are advice; if nobody is there, subagents are also held to the route.
    Hybrid,
    /// Each session is assigned `directive` or `enforced` by a hash of its id, to compare the two.
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

/// Signs of whether a person is at the session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionSignals {
    /// `CLAUDE_CODE_ENTRYPOINT`: begins with `sdk` if a program calls the CLI. A hook has no terminal that it could
    /// check.
    pub entrypoint: Option<String>,
    /// Work in bulk or through an interface: `BATCH_MODE`, `CLAUDE_BATCH_MODE` or `API_REQUEST` is 1.
    pub automated: bool,
    /// `CLAUDE_OVERNIGHT` is 1.
    pub overnight: bool,
    /// Whether the session is a step of a workflow.
    pub workflow_chain: bool,
}

/// What decided the mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChosenBy {
    /// An explicit setting.
    Setting,
    /// No sign that nobody is there.
    Person,
    /// A sign that nobody is there.
    Automation,
}

/// The choice for a session, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModeChoice {
    /// The mode; `None` means off.
    pub mode: Option<Mode>,
    /// What decided it.
    pub by: ChosenBy,
    /// Why, in words.
    pub because: String,
    /// Whether the session is part of the experiment.
    pub is_experiment: bool,
}

impl ModeChoice {
    /// Returns how far a mode goes with prompts. Without an explicit setting pointsman only advises: to a script, a
    /// prompt that is held back or delegated looks like an answer.
    pub fn for_prompts(&self, mode: Mode) -> Mode {
        match self.by {
            ChosenBy::Setting => mode,
            ChosenBy::Person | ChosenBy::Automation => Mode::Directive,
        }
    }

    /// Returns whether somebody may read what is shown when the session begins.
    pub fn has_reader(&self) -> bool {
        match self.by {
            ChosenBy::Setting => self.mode != Some(Mode::Orchestration),
            ChosenBy::Person => true,
            ChosenBy::Automation => false,
        }
    }
}

/// Chooses the mode of a session. `set_by` names the source of the setting.
pub fn select(
    setting: RoutingMode,
    set_by: &str,
    signals: &SessionSignals,
    session: &SessionId,
) -> ModeChoice {
    let explicit =
        |mode| ModeChoice { mode, by: ChosenBy::Setting, because: set_by.to_owned(), is_experiment: false };
    match setting {
        RoutingMode::Off => explicit(None),
        RoutingMode::Directive => explicit(Some(Mode::Directive)),
        RoutingMode::Enforced => explicit(Some(Mode::Enforced)),
        RoutingMode::Orchestration => explicit(Some(Mode::Orchestration)),
        RoutingMode::Experiment => ModeChoice {
            because: format!("{set_by}: an experiment, by the hash of the session's id"),
            is_experiment: true,
            ..explicit(Some(arm(session)))
        },
        RoutingMode::Hybrid => by_signs(signals),
    }
}

/// Returns whether an entrypoint is a program's: the SDK (and so `claude -p`), or the action on GitHub.
pub fn is_program(entrypoint: &str) -> bool {
    entrypoint.starts_with("sdk") || entrypoint.ends_with("github-action")
}

/// Chooses if no setting does: advice for all prompts, and subagents are held to the route if nobody could be asked
/// about them.
fn by_signs(signals: &SessionSignals) -> ModeChoice {
    let chosen = |mode, by, because: &str| ModeChoice {
        mode: Some(mode),
        by,
        because: because.to_owned(),
        is_experiment: false,
    };
    let automatic = |because| chosen(Mode::Enforced, ChosenBy::Automation, because);
    match signals {
        SessionSignals { entrypoint: Some(entrypoint), .. } if is_program(entrypoint) => {
            automatic("a program calls the CLI")
        }
        SessionSignals { automated: true, .. } => automatic("the work is automated"),
        SessionSignals { overnight: true, .. } => automatic("it is overnight work"),
        SessionSignals { workflow_chain: true, .. } => automatic("it is a step of a workflow"),
        _ => chosen(Mode::Directive, ChosenBy::Person, "a person is there"),
    }
}

/// Returns the experiment's arm for a session: always the same one.
pub fn arm(session: &SessionId) -> Mode {
    let hash = blake3::hash(session.as_str().as_bytes());
    if hash.as_bytes()[0] & 1 == 0 { Mode::Directive } else { Mode::Enforced }
}
