//! Past requests decided again, as a value that both output formats share.

use pointsman_core::report::replay::{self, Difference};
use pointsman_core::report::run::SCHEMA_VERSION;
use serde::Serialize;

use super::history::PastRun;
use super::project::Decider;
use crate::plain_text::one_line;

/// How much of a request is shown, in characters.
const REQUEST_CHARS_MAX: usize = 100;

/// The output of `replay -o json`.
#[derive(Debug, Serialize)]
pub struct Replay {
    /// The version of this format.
    schema_version: u32,
    /// The policy that decided again.
    pub policy_hash: String,
    /// The number of runs considered.
    pub runs: usize,
    /// The number of runs that would be routed as they were.
    pub same: usize,
    /// Runs that cannot be decided again, and why.
    pub left_out: LeftOut,
    /// Runs that would be routed differently, newest first.
    pub changed: Vec<Difference>,
}

/// Runs that cannot be decided again.
#[derive(Debug, Default, Serialize)]
pub struct LeftOut {
    /// Their prompts were not stored.
    pub without_words: usize,
    /// They name an agent that no longer exists.
    pub undecidable: usize,
    /// Their log cannot be read, or has no route yet.
    pub unreadable: usize,
}

impl Replay {
    /// Creates an empty replay.
    pub fn new(decider: &Decider) -> Replay {
        Replay {
            schema_version: SCHEMA_VERSION,
            policy_hash: decider.policy_hash(),
            runs: 0,
            same: 0,
            left_out: LeftOut::default(),
            changed: vec![],
        }
    }

    /// Decides a run again and records the result.
    pub fn add(&mut self, decider: &Decider, past: &PastRun) {
        self.runs += 1;
        let Some(run) = past.state.as_ref().filter(|run| run.route.is_some()) else {
            self.left_out.unreadable += 1;
            return;
        };
        let Some(mut request) = replay::request_of(run) else {
            self.left_out.without_words += 1;
            return;
        };
        let Ok(route) = decider.decide(&mut request) else {
            self.left_out.undecidable += 1;
            return;
        };
        match replay::difference(&past.row.run_id, run, &route) {
            None => self.same += 1,
            Some(difference) => {
                let request = one_line(&difference.request, REQUEST_CHARS_MAX);
                self.changed.push(Difference { request, ..difference });
            }
        }
    }
}
