//! Compliance: whether directives were followed, from facts alone. What was served counts, never what was asked for.
//!
//! A *directive* is one instruction of pointsman's on which agent should do something: about a prompt, or about one
//! delegation in enforced mode. In reading order: `DirectiveStatus` and `Directive` here · `turns` (facts, joined by
//! their ids) · `assess` (what became of a directive) · `report` (shares, latency, tokens, the experiment).

mod assess;
mod report;
mod turns;

use serde::Serialize;

use crate::agent::Tier;
use crate::ids::RunId;
use crate::mode::Mode;

pub use assess::directives;
pub use report::{Arm, ComplianceReport, Experiment, Group, Latency, Rates, Surroundings, report};

/// What became of a directive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DirectiveStatus {
    /// A model of the named tier answered: a subagent's, or the session's own. Or nothing was changed before the user
    /// was asked.
    Followed,
    /// Only models of other tiers did it. Or something was changed although the user was to be asked first.
    Ignored,
    /// The user chose who does it, or wanted pointsman left out.
    Overridden,
    /// Nothing was directed: a command, a notification, hooks that are off, or nothing could run.
    NotApplicable,
    /// The facts do not tell: no end was seen, the transcript could not be read, or the model's tier is not known.
    Unknown,
}

impl DirectiveStatus {
    /// Every status, with its name and its meaning.
    pub const ALL: [(DirectiveStatus, &'static str, &'static str); 5] = [
        (
            DirectiveStatus::Followed,
            "followed",
            "a model of the named tier answered (a subagent's or the session's own), or nothing was changed before the person had their say",
        ),
        (
            DirectiveStatus::Ignored,
            "ignored",
            "only models of other tiers did it, or something was changed although a question was to come first",
        ),
        (
            DirectiveStatus::Overridden,
            "overridden",
            "the person said who does it (`@opus …`), or left pointsman out (`~ …`)",
        ),
        (
            DirectiveStatus::NotApplicable,
            "not applicable",
            "nothing was directed: a command, a notification, a mode without directives, or nothing ran",
        ),
        (
            DirectiveStatus::Unknown,
            "unknown",
            "no end was seen, the transcript could not be read, or a model's tier is not known",
        ),
    ];
}

/// What a directive is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DirectiveKind {
    /// The user's prompt.
    Prompt,
    /// Work that the main model hands to a subagent, in enforced mode.
    Delegation,
}

/// One directive and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Directive {
    /// What it is about.
    pub scope: DirectiveKind,
    /// The session.
    pub session: String,
    /// The prompt.
    pub prompt_id: Option<String>,
    /// The day in the zone of the report, as `2026-11-22`.
    pub day: String,
    /// The root of the project.
    pub project_root: String,
    /// The mode; `None` means off.
    pub mode: Option<Mode>,
    /// Whether the session is part of the experiment.
    pub is_experiment: bool,
    /// The agent that was named.
    pub agent: Option<String>,
    /// The tier that was named.
    pub tier: Option<Tier>,
    /// The models that answered, of subagents and of the session itself.
    pub models_served: Vec<String>,
    /// Whether the user was to be asked first.
    pub asks: bool,
    /// What became of it.
    pub status: DirectiveStatus,
    /// Why, in words.
    pub because: &'static str,
}

/// What was served in a run that took over a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunServed {
    /// The run.
    pub run_id: RunId,
    /// The models that answered.
    pub models_served: Vec<String>,
    /// Whether the run is over.
    pub is_over: bool,
}
