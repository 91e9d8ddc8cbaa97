//! Sessions as a list: the contract of `runs sessions -o json`.

use jiff::Timestamp;
use serde::Serialize;

use super::run_line::{ListedRun, RunDigest};
use super::spent::Spent;
use crate::agent::Tier;
use crate::ids::{AgentName, SessionId};
use crate::run::row::RunRow;

/// One session: the runs that went on in one context.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SessionLine {
    /// Its name, or its id.
    pub session_id: SessionId,
    /// The short form of its id, unique in this list; the name, if it has one.
    pub short_id: String,
    /// When a run in it was requested last.
    pub last_used_at: Timestamp,
    /// How many runs it has.
    pub runs: usize,
    /// The state of the last one.
    pub last_state: &'static str,
    /// The agent of the last one.
    pub agent: Option<AgentName>,
    /// The tier of the last one.
    pub tier: Option<Tier>,
    /// The directory of the last one.
    pub project_root: String,
    /// What all of them cost in US dollars, by the figures that count; null if nobody said.
    pub cost_usd: Option<f64>,
    /// The first words of the first one; null if they were not stored.
    pub words: Option<String>,
    /// Whether the last one was played by the scripted agent.
    pub rehearsal: bool,
}

/// Returns runs, newest first, as the sessions that they belong to, those used last first.
pub fn by_session(rows: Vec<RunRow>) -> Vec<Vec<RunRow>> {
    let mut sessions: Vec<Vec<RunRow>> = vec![];
    let mut places = std::collections::HashMap::new();
    for row in rows {
        let place = *places.entry(row.session_id.clone()).or_insert(sessions.len());
        match sessions.get_mut(place) {
            Some(session) => session.push(row),
            None => sessions.push(vec![row]),
        }
    }
    sessions
}

impl SessionLine {
    /// Makes the line of a session from its runs, newest first; `None` without any.
    pub fn new(runs: &[ListedRun], short_id: String) -> Option<SessionLine> {
        let (last, first) = (&runs.first()?.row, runs.last()?);
        let digests = runs.iter().filter_map(|run| run.digest.as_ref());
        let spent = digests.fold(Spent::default(), |sum, RunDigest { spent, .. }| sum + *spent);
        Some(SessionLine {
            session_id: last.session_id.clone(),
            short_id,
            last_used_at: last.created_at,
            runs: runs.len(),
            last_state: last.word(),
            agent: last.agent.clone(),
            tier: last.tier,
            project_root: last.project_root.clone(),
            cost_usd: spent.usd(),
            words: first.digest.as_ref().and_then(|digest| digest.words.clone()),
            rehearsal: last.rehearsal,
        })
    }
}
