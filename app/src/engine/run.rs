//! A run that can be driven.

use pointsman_core::ids::SessionId;
use pointsman_core::request::Request;

use super::first_look::FirstLook;
use super::project::ProjectContext;
use super::record::RunLog;
use crate::store::lock::Lock;

/// A run that can be driven.
pub struct Run {
    /// Its log.
    pub log: RunLog,
    /// The request, word for word: agents get this, records get a redacted copy.
    pub request: Request,
    /// The session.
    pub session: SessionId,
    /// What holds where it is driven.
    pub project: ProjectContext,
    /// Whether the scripted agent plays it.
    pub rehearsal: bool,
    /// The last attempt's answer, secrets redacted; kept here because the ledger may not keep it.
    pub answer: Option<String>,
    /// How the project was before it.
    pub(super) first_look: FirstLook,
    /// Held for the whole run: only one run at a time may use a session.
    pub(super) _session_lock: Option<Lock>,
}

impl Run {
    /// Returns the marks that agents get in their environment.
    pub fn marks(&self) -> Marks<'_> {
        Marks { run: self.log.run_id.as_str(), session: self.session.as_str() }
    }
}

/// What an agent is told about the run that it works for.
#[derive(Debug, Clone, Copy)]
pub struct Marks<'a> {
    /// The run.
    pub run: &'a str,
    /// The session.
    pub session: &'a str,
}

impl Marks<'_> {
    /// The marks of a program that is only inspected.
    pub const NONE: Marks<'static> = Marks { run: "", session: "" };
}
