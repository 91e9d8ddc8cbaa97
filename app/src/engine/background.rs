//! Hands a spec to a driver: a process of its own, which drives the run to its end independently of us.

use std::io;

use pointsman_core::error_code::ErrorCode;
use pointsman_core::ids::short;
use pointsman_core::report::failure::Failure;
use pointsman_core::report::run::SCHEMA_VERSION;
use pointsman_core::route::{Decision, Route};
use pointsman_core::run::spec::RunSpec;
use serde::{Deserialize, Serialize};

use super::run::Run;
use crate::process::detach;
pub use crate::process::detach::READY;

/// The hidden verb of the process that drives a detached run.
pub const DRIVE: &str = "__drive";

/// The hidden verb of the process that finishes what other processes left undone, in the background.
pub const TIDY: &str = "__tidy";

/// What a driver reports about its run once it is stored.
#[derive(Debug, Serialize, Deserialize)]
pub struct Submitted {
    /// The version of this format.
    pub schema_version: u32,
    /// The run.
    pub run_id: String,
    /// Its short form.
    #[serde(default)]
    pub short_id: String,
    /// The session.
    pub session_id: String,
    /// Whether the scripted agent plays it.
    pub rehearsal: bool,
    /// The decision.
    pub route: Route,
    /// Whether the user approved it.
    pub approved: bool,
    /// Why it will not run, if it will not.
    pub code: Option<ErrorCode>,
    /// Messages for the user: notices, then the route notice.
    #[serde(default)]
    pub said: Vec<String>,
}

/// The first line that a driver prints.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FirstMessage {
    /// The run is stored and continues.
    Submitted(Box<Submitted>),
    /// There is no run.
    Failed(Failure),
}

impl Submitted {
    /// Describes a run that was begun.
    pub fn of(run: &Run, said: Vec<String>) -> Submitted {
        let route = run.log.state.route.clone().expect("a submitted run is routed");
        let approved = run.log.state.approved;
        let is_refused = route.decision == Decision::Escalate && !approved;
        Submitted {
            schema_version: SCHEMA_VERSION,
            run_id: run.log.run_id.to_string(),
            short_id: short::short(run.log.run_id.as_str()),
            session_id: run.session.to_string(),
            rehearsal: run.rehearsal,
            route,
            approved,
            code: is_refused.then_some(ErrorCode::NotApproved),
            said,
        }
    }
}

/// Starts a driver for a spec and returns once its run is stored.
pub fn start(own_program: &std::path::Path, spec: &RunSpec) -> Result<Submitted, Failure> {
    let line = detach::start(own_program, DRIVE, &spec.to_bytes()).map_err(|error| {
        let message = format!("the background process could not start: {error}");
        Failure::new(ErrorCode::NoBackground, message, "run it without `--detach`")
    })?;
    match serde_json::from_str(&line) {
        Ok(FirstMessage::Submitted(submitted)) => Ok(*submitted),
        Ok(FirstMessage::Failed(failure)) => Err(failure),
        Err(error) => {
            let message = format!("the background process answered oddly: {error}");
            Err(Failure::bare(ErrorCode::OddAnswer, message))
        }
    }
}

/// Starts a process that finishes what others left undone, and does not wait for it.
pub fn start_tidying(own_program: &std::path::Path) -> io::Result<()> {
    detach::leave_behind(own_program, TIDY)
}

/// Leaves the caller's session (`setsid`).
pub fn leave_session() -> io::Result<()> {
    detach::leave_session()
}
