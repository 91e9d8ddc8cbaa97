//! Which runs of a list are wanted.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::outcome::Verdict;
use super::row::{RowPhase, RunRow};
use crate::ids::short;

/// The words for the state of a run, as lists show them.
pub const STATES: [&str; 9] = [
    RowPhase::Requested.as_str(),
    RowPhase::Ready.as_str(),
    RowPhase::Running.as_str(),
    RowPhase::Waiting.as_str(),
    Verdict::Succeeded.as_str(),
    Verdict::Failed.as_str(),
    Verdict::Cancelled.as_str(),
    Verdict::Refused.as_str(),
    Verdict::Deferred.as_str(),
];

/// Which runs are wanted: those that fit all that is set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Runs in this directory, or below it.
    pub project: Option<PathBuf>,
    /// Runs of this session: its name, or the short form or the beginning of its id.
    pub session: Option<String>,
    /// Runs in one of these states; any state if it is empty.
    pub states: Vec<String>,
    /// Runs that were requested at this instant or later.
    pub since: Option<Timestamp>,
}

impl RunFilter {
    /// Returns whether every run is wanted.
    pub fn admits_all(&self) -> bool {
        *self == RunFilter::default()
    }

    /// Returns whether a run is wanted.
    pub fn admits(&self, row: &RunRow) -> bool {
        let is_below = |dir: &PathBuf| Path::new(&row.project_root).starts_with(dir);
        self.project.as_ref().is_none_or(is_below)
            && self.session.as_ref().is_none_or(|wanted| is_session(wanted, row.session_id.as_str()))
            && (self.states.is_empty() || self.states.iter().any(|state| state == row.word()))
            && self.since.is_none_or(|since| row.created_at >= since)
    }
}

/// Returns whether a session is meant. A name is only itself: the beginning of one may be the name of another.
fn is_session(wanted: &str, session: &str) -> bool {
    wanted == session || (short::is_uuid(session) && short::stands_for(wanted, session))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(created: i64) -> RunRow {
        RunRow {
            run_id: "r".parse().unwrap(),
            seq: 1,
            created_at: Timestamp::from_second(created).unwrap(),
            updated_at: Timestamp::from_second(created).unwrap(),
            phase: RowPhase::Finished,
            verdict: Some(Verdict::Failed),
            session_id: "parser".parse().unwrap(),
            project_root: "/home/me/work".to_owned(),
            request_hash: String::new(),
            agent: None,
            tier: None,
            rehearsal: false,
        }
    }

    #[test]
    fn a_run_is_wanted_if_it_fits_all_that_is_set() {
        let project = |dir: &str| RunFilter { project: Some(dir.into()), ..RunFilter::default() };
        let session = |name: &str| RunFilter { session: Some(name.to_owned()), ..RunFilter::default() };
        let states = |words: &[&str]| RunFilter {
            states: words.iter().map(|word| (*word).to_owned()).collect(),
            ..RunFilter::default()
        };
        let since = |second| RunFilter {
            since: Some(Timestamp::from_second(second).unwrap()),
            ..RunFilter::default()
        };
        let both = RunFilter { session: Some("lexer".to_owned()), ..project("/home/me") };
        for (filter, is_wanted) in [
            (RunFilter::default(), true),
            (project("/home/me"), true),
            (project("/home/me/work"), true),
            (project("/home/me/work/below"), false),
            (project("/home/me/wor"), false),
            (session("parser"), true),
            (session("pars"), false),
            (states(&["running", "failed"]), true),
            (states(&["running"]), false),
            (since(100), true),
            (since(101), false),
            (both, false),
        ] {
            assert_eq!(filter.admits(&row(100)), is_wanted, "{filter:?}");
        }
    }

    #[test]
    fn a_session_without_a_name_has_a_short_form() {
        let of = |session: &str| RunRow { session_id: session.parse().unwrap(), ..row(0) };
        let filter = RunFilter { session: Some("vvr14d".to_owned()), ..RunFilter::default() };
        assert!(filter.admits(&of("019a8c3e-7f10-7abc-8def-0123456789ab")));
        assert!(!filter.admits(&of("019a8c3e-7f10-7abc-8def-0123456789ab-and-more")));
        assert!(!filter.admits(&of("019a8c3e-7f10-7abc-8def-1123456789ab")));
    }
}
