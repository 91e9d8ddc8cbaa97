//! Modes: who decides in a session, pointsman or the user.

use serde::{Deserialize, Serialize};

/// Whether pointsman or the user decides, and whether anybody can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The route is advice; the user is there.
    Directive,
    /// The route is imposed on subagent calls of an interactive session.
    Enforced,
    /// pointsman decides alone and spawns the agent.
    Orchestration,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Mode; 3] = [Mode::Directive, Mode::Enforced, Mode::Orchestration];

    /// Returns the mode's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Directive => "directive",
            Mode::Enforced => "enforced",
            Mode::Orchestration => "orchestration",
        }
    }
}
