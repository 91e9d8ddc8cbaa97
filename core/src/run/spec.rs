//! What any face hands in to have a request done: plain, versioned data.
//!
//! The command line, a hook, and later a queue, a workflow, HTTP and MCP differ only in who creates a [`RunSpec`] and
//! who waits. It holds what was asked and what was fixed about it, and nothing that depends on a machine or a moment:
//! settings, agents, policy and the time are determined where the run is driven. It is also what crosses the pipe to a
//! driver.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::next::{Escalation, OnLimit};
use super::scenario::Scenario;
use super::verify::AskedVerification;
use crate::adapter::passed::PassedFlags;
use crate::agent::{PermissionMode, PermissionProfile};
use crate::ids::{RunId, SessionId};
use crate::mode::Mode;
use crate::request::{Origin, Overrides, QuotaPressure, Request, RequestError};

/// The version of the form. Readers accept equal and older ones; fields are only ever added, each with a default.
pub const SPEC_VERSION: u32 = 1;

/// A request to be driven as a run, with everything that was fixed about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSpec {
    /// The version of the form.
    pub version: u32,
    /// The run's id, if it was chosen before the run begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<RunId>,
    /// The words, unchanged.
    pub words: String,
    /// Which face it came through.
    pub origin: Origin,
    /// The routing mode. Of the context for policy rules, it is the one part that a face knows; time and project are
    /// determined where and when the decision is made, because a spec may be driven hours later.
    pub mode: Mode,
    /// What was fixed about the route.
    #[serde(default)]
    pub overrides: Overrides,
    /// How scarce quotas are.
    #[serde(default, skip_serializing_if = "QuotaPressure::is_none")]
    pub pressure: QuotaPressure,
    /// The session to continue; a new one if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// The project directory, absolute.
    pub project: PathBuf,
    /// How the user approved beforehand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<String>,
    /// Limits that override those of the settings.
    #[serde(default)]
    pub limits: SpecLimits,
    /// Rights that override those of the settings, and the most that the run may have.
    #[serde(default)]
    pub rights: SpecRights,
    /// What the scripted agent plays, if it replaces the real ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rehearsal: Option<Scenario>,
    /// Flags of the agent's CLI that the user passes on.
    #[serde(default, skip_serializing_if = "PassedFlags::is_empty")]
    pub passed: PassedFlags,
    /// How the work is verified.
    #[serde(default, skip_serializing_if = "AskedVerification::is_as_configured")]
    pub verification: AskedVerification,
    /// Which files of the user's own the run goes on without.
    #[serde(default, skip_serializing_if = "IgnoredFiles::is_none")]
    pub ignored: IgnoredFiles,
}

/// Files of the user's own that are left out, because they are broken and the user said to go on without them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct IgnoredFiles {
    /// The settings file: the built-in settings hold.
    pub settings: bool,
    /// The policy file: the built-in rules hold.
    pub policy: bool,
}

impl IgnoredFiles {
    /// Returns whether every file counts.
    pub fn is_none(&self) -> bool {
        *self == IgnoredFiles::default()
    }
}

/// Limits of one run; those of the settings apply where nothing is given.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SpecLimits {
    /// The longest attempt, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// The most US dollars of the whole run.
    pub max_usd: Option<f64>,
    /// The most agent turns of one attempt.
    pub max_turns: Option<u32>,
    /// Whether a stronger tier may be tried.
    pub escalation: Escalation,
    /// Whether the run waits for limits to reset.
    pub on_limit: OnLimit,
}

/// Rights of one run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SpecRights {
    /// The permission mode of every agent: the user's word overrides the settings.
    pub mode: Option<PermissionMode>,
    /// The most that any agent may have, whatever settings or `mode` say: the rights of the session that asked.
    pub ceiling: Option<PermissionMode>,
    /// Additional tools that are allowed, as rules of the agent's CLI.
    pub allow_tools: Vec<String>,
    /// The permission profile of every agent: the user's word overrides the settings.
    pub profile: Option<PermissionProfile>,
}

/// Why bytes are not a spec that can be driven.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// They are not JSON of this form.
    #[error("the order cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// A newer program wrote it: what it adds may be essential.
    #[error("the order has version {found}, and this version knows up to {SPEC_VERSION}")]
    Newer {
        /// Its version.
        found: u32,
    },
}

impl RunSpec {
    /// Creates a spec in which nothing is fixed.
    pub fn new(words: String, origin: Origin, mode: Mode, project: PathBuf) -> RunSpec {
        RunSpec {
            version: SPEC_VERSION,
            run_id: None,
            words,
            origin,
            mode,
            overrides: Overrides::default(),
            pressure: QuotaPressure::default(),
            session: None,
            project,
            approval: None,
            limits: SpecLimits::default(),
            rights: SpecRights::default(),
            rehearsal: None,
            passed: PassedFlags::default(),
            verification: AskedVerification::default(),
            ignored: IgnoredFiles::default(),
        }
    }

    /// Parses a spec that another process wrote.
    pub fn read(bytes: &[u8]) -> Result<RunSpec, SpecError> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        // The version first: a newer form may not be parseable at all.
        let Versioned { version: found } = serde_json::from_slice(bytes)?;
        if found > SPEC_VERSION {
            return Err(SpecError::Newer { found });
        }
        Ok(serde_json::from_slice(bytes)?)
    }

    /// Returns the spec in the form that another process reads.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("plain data has a JSON form")
    }

    /// Returns the request, for the router.
    pub fn request(&self) -> Result<Request, RequestError> {
        let mut request = Request::new(self.words.clone(), self.origin, self.overrides.clone())?;
        request.pressure = self.pressure;
        request.routing_context.mode = Some(self.mode);
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> RunSpec {
        RunSpec::new("fix it".into(), Origin::Hook, Mode::Orchestration, "/project".into())
    }

    #[test]
    fn a_spec_that_was_written_is_read_as_it_was() {
        let spec = RunSpec {
            run_id: Some("0190".parse().unwrap()),
            session: Some("night".parse().unwrap()),
            approval: Some("--approve".into()),
            limits: SpecLimits {
                timeout_ms: Some(1500),
                max_usd: Some(0.1),
                max_turns: Some(3),
                escalation: Escalation::Forbidden,
                on_limit: OnLimit::Wait,
            },
            rights: SpecRights {
                mode: Some(PermissionMode::AcceptEdits),
                ceiling: Some(PermissionMode::Plan),
                allow_tools: vec!["Bash(cargo test:*)".into()],
                profile: Some(PermissionProfile::FullInWorktree),
            },
            rehearsal: Some(Scenario::IfNeeded),
            verification: AskedVerification::Command("cargo test".into()),
            passed: PassedFlags { args: vec!["--effort=high".into()], ..PassedFlags::default() },
            pressure: QuotaPressure::new(0.25),
            ignored: IgnoredFiles { settings: true, policy: true },
            ..spec()
        };
        assert_eq!(RunSpec::read(&spec.to_bytes()).unwrap(), spec);
    }

    /// The very first form, written down here for good: if a field is renamed, this shows that older orders are no
    /// longer read.
    #[test]
    fn a_spec_of_the_first_form_is_read() {
        let first =
            r#"{"version":1,"words":"fix it","origin":"hook","mode":"orchestration","project":"/project"}"#;
        assert_eq!(RunSpec::read(first.as_bytes()).unwrap(), spec());
    }

    #[test]
    fn a_spec_of_a_newer_version_is_refused_by_its_version_even_where_its_form_is_unknown() {
        let error = RunSpec::read(br#"{"version":99,"what":"is this"}"#).unwrap_err();
        assert_eq!(error.to_string(), "the order has version 99, and this version knows up to 1");
        assert!(matches!(RunSpec::read(b"{}").unwrap_err(), SpecError::Unreadable(_)));
    }

    #[test]
    fn every_scenario_is_read_by_its_name_and_has_the_same_name_as_data() {
        for scenario in Scenario::ALL {
            assert_eq!(Scenario::parse(scenario.as_str()), Some(scenario));
            assert_eq!(serde_json::to_value(scenario).unwrap(), scenario.as_str());
        }
    }
}
