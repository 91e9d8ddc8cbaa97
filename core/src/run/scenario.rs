//! The scenarios of a rehearsal: what the scripted agent does in place of the real one.

use serde::{Deserialize, Serialize};

/// What a rehearsal plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scenario {
    /// The agent does its work.
    Success,
    /// Success, but only if no real agent is ready to work.
    IfNeeded,
    /// The agent crashes without a result.
    Fail,
    /// The agent falls silent; the watchdog ends it.
    Hang,
    /// The agent asks for a stronger tier.
    Escalate,
    /// The account's limit is reached.
    Quota,
    /// The service is overloaded.
    Overloaded,
    /// A tool is denied.
    Denied,
    /// A model answers that was not asked for.
    Mismatch,
    /// The agent ends silently.
    Empty,
}

impl Scenario {
    /// Every scenario, in the order of the help text.
    pub const ALL: [Scenario; 10] = [
        Scenario::Success,
        Scenario::IfNeeded,
        Scenario::Fail,
        Scenario::Hang,
        Scenario::Escalate,
        Scenario::Quota,
        Scenario::Overloaded,
        Scenario::Denied,
        Scenario::Mismatch,
        Scenario::Empty,
    ];

    /// Returns the scenario's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Scenario::Success => "success",
            Scenario::IfNeeded => "if-needed",
            Scenario::Fail => "fail",
            Scenario::Hang => "hang",
            Scenario::Escalate => "escalate",
            Scenario::Quota => "quota",
            Scenario::Overloaded => "overloaded",
            Scenario::Denied => "denied",
            Scenario::Mismatch => "mismatch",
            Scenario::Empty => "empty",
        }
    }

    /// Parses a scenario's name, ignoring case.
    pub fn parse(text: &str) -> Option<Scenario> {
        Scenario::ALL.into_iter().find(|scenario| scenario.as_str().eq_ignore_ascii_case(text))
    }
}
