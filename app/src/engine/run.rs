//! A run that can be driven.

use pointsman_core::ids::SessionId;
use pointsman_core::request::Request;

use super::project::ProjectContext;
use super::record::RunLog;
use crate::store::lock::Lock;

/// A run that can be driven.
pub struct Run {
    /// Its log.
    pub log: RunLog,
    /// What was asked, word for word: agents get this, records a redacted copy.
    pub request: Request,
    /// The session.
    pub session: SessionId,
    /// What holds where it is driven.
    pub project: ProjectContext,
    /// Whether the scripted agent plays it.
    pub rehearsal: bool,
    /// The last attempt's answer, secrets redacted; kept here because the ledger may not keep words.
    pub answer: Option<String>,
    /// Held for the whole run: one run at a time goes on in a session.
    pub(super) _session_lock: Option<Lock>,
}

impl Run {
    /// Returns what agents are told of it.
    pub fn marks(&self) -> Marks<'_> {
        Marks { run: self.log.run_id.as_str(), session: self.session.as_str() }
    }
}

/// What an agent is told of the run that it works for.
#[derive(Debug, Clone, Copy)]
pub struct Marks<'a> {
    /// The run.
    pub run: &'a str,
    /// The session.
    pub session: &'a str,
}

impl Marks<'_> {
    /// Of a program that is only looked at.
    pub const NONE: Marks<'static> = Marks { run: "", session: "" };
}
