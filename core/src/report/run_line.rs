//! One run in a list: the contract of `runs list -o json`.

use jiff::Timestamp;
use serde::Serialize;

use super::spent::Spent;
use crate::agent::Tier;
use crate::ids::{AgentName, RunId, SessionId};
use crate::run::outcome::Verdict;
use crate::run::row::RunRow;
use crate::run::state::{Phase, RunState};

/// How many characters of a request a list has.
const WORDS_CHARS_MAX: usize = 200;

/// What a list shows of a run beside its row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunDigest {
    /// The first words of the request, in one line, secrets redacted; `None` if they were not stored.
    pub words: Option<String>,
    /// What it cost.
    pub spent: Spent,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

impl RunDigest {
    /// Returns the digest of a run.
    pub fn new(run: &RunState) -> RunDigest {
        let prompt = run.requested.as_ref().and_then(|requested| requested.prompt.as_deref());
        let ended_at = match &run.phase {
            Phase::Finished { at, .. } => Some(*at),
            _ => None,
        };
        RunDigest { words: prompt.map(first_words), spent: Spent::by_run(run), ended_at }
    }
}

/// Returns the beginning of a request in one line.
fn first_words(prompt: &str) -> String {
    // A prompt may have a megabyte; what lies beyond the first words is not looked at.
    let beginning: String = prompt.trim_start().chars().take(4 * WORDS_CHARS_MAX).collect();
    let line = beginning.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(WORDS_CHARS_MAX).collect::<String>().trim_end().to_owned()
}

/// One run of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedRun {
    /// Its row.
    pub row: RunRow,
    /// What else is shown of it; `None` if its log cannot be read.
    pub digest: Option<RunDigest>,
}

impl ListedRun {
    /// Returns how long it took, or takes by now, in milliseconds.
    pub fn duration_ms(&self, now: Timestamp) -> u64 {
        let ended_at = self.digest.as_ref().and_then(|digest| digest.ended_at);
        let until = match ended_at {
            Some(at) => at,
            None if self.row.is_finished() => self.row.updated_at,
            None => now,
        };
        let span = until.duration_since(self.row.created_at);
        u64::try_from(span.as_millis()).unwrap_or(0)
    }
}

/// One line of the list.
#[derive(Debug, Serialize)]
pub struct RunLine<'a> {
    /// The run.
    pub run_id: &'a RunId,
    /// Its short form, unique in this list.
    pub short_id: &'a str,
    /// When it was requested.
    pub created_at: Timestamp,
    /// When its log last grew.
    pub updated_at: Timestamp,
    /// The phase: `running`, `waiting`, …, or the verdict. Older than `finished` and `deferred`: `waiting` means here a
    /// run that waits, or one that ended because it would have to.
    pub phase: &'static str,
    /// Whether it is over.
    pub finished: bool,
    /// Whether it ended because it would have had to wait.
    pub deferred: bool,
    /// The session.
    pub session_id: &'a SessionId,
    /// The project directory.
    pub project_root: &'a str,
    /// The hash of the request.
    pub request_hash: &'a str,
    /// The first words of the request; null if they were not stored.
    pub words: Option<&'a str>,
    /// The agent of the last attempt.
    pub agent: Option<&'a AgentName>,
    /// The tier of the last attempt.
    pub tier: Option<Tier>,
    /// What it cost in US dollars, by the figures that count; null if nobody said.
    pub cost_usd: Option<f64>,
    /// From the request to the end in milliseconds; to this moment, if it is not over.
    pub duration_ms: u64,
    /// Whether it was played by the scripted agent.
    pub rehearsal: bool,
}

impl<'a> RunLine<'a> {
    /// Converts a run of a list.
    pub fn new(run: &'a ListedRun, short_id: &'a str, now: Timestamp) -> RunLine<'a> {
        let row = &run.row;
        let digest = run.digest.as_ref();
        RunLine {
            run_id: &row.run_id,
            short_id,
            created_at: row.created_at,
            updated_at: row.updated_at,
            phase: row.verdict.map_or(row.phase.as_str(), Verdict::recorded_name),
            finished: row.is_finished(),
            deferred: row.verdict == Some(Verdict::Deferred),
            session_id: &row.session_id,
            project_root: &row.project_root,
            request_hash: &row.request_hash,
            words: digest.and_then(|digest| digest.words.as_deref()),
            agent: row.agent.as_ref(),
            tier: row.tier,
            cost_usd: digest.and_then(|digest| digest.spent.usd()),
            duration_ms: run.duration_ms(now),
            rehearsal: row.rehearsal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_words_are_one_line_of_a_bounded_length() {
        assert_eq!(first_words("  fix\tthe\n\nparser  "), "fix the parser");
        assert_eq!(first_words(&"word ".repeat(100_000)).chars().count(), 199);
        assert_eq!(first_words(&"é".repeat(1000)).chars().count(), WORDS_CHARS_MAX);
        assert_eq!(first_words(" \n "), "");
    }
}
