//! Presets: collections of rules for a domain that come with the program; they are policy files like any other.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::routing_context::ProjectKind;

/// A domain that has a preset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// Writing programs.
    SoftwareDev,
    /// Writing papers.
    LatexResearch,
    /// Keeping notes.
    KnowledgeMgmt,
}

impl Preset {
    /// Every preset.
    pub const ALL: [Preset; 3] = [Preset::SoftwareDev, Preset::LatexResearch, Preset::KnowledgeMgmt];

    /// Returns the name that policy files use.
    pub fn as_str(self) -> &'static str {
        match self {
            Preset::SoftwareDev => "software-dev",
            Preset::LatexResearch => "latex-research",
            Preset::KnowledgeMgmt => "knowledge-mgmt",
        }
    }

    /// Returns its text.
    pub fn text(self) -> &'static str {
        match self {
            Preset::SoftwareDev => include_str!("presets/software-dev.toml"),
            Preset::LatexResearch => include_str!("presets/latex-research.toml"),
            Preset::KnowledgeMgmt => include_str!("presets/knowledge-mgmt.toml"),
        }
    }

    /// Returns the name that problems and explanations show for it.
    pub fn source_name(self) -> String {
        format!("preset {}", self.as_str())
    }

    /// Returns whether it is meant for a project of these kinds.
    pub fn is_for(self, kinds: &BTreeSet<ProjectKind>) -> bool {
        kinds.iter().any(|kind| match self {
            Preset::SoftwareDev => kind.is_software(),
            Preset::LatexResearch => *kind == ProjectKind::Latex,
            Preset::KnowledgeMgmt => *kind == ProjectKind::Notes,
        })
    }
}
