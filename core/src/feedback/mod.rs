//! Feedback: what became of the runs that each rule decided, and what follows from it for the rules.
//!
//! A fold over runs, as far as their logs reach. It proposes and never applies: changing rules is up to the user.
//!
//! Reading order: [`Feedback`] here (the fold) · `tally` (what is counted) · `row` (shares, and how far to trust them)
//! · `report` · `proposals` (what would be better, in words) · `lessons` (which words tell so, as rules).

pub mod lessons;
pub mod proposals;
pub mod report;
pub mod row;
mod tally;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::agent::Tier;
use crate::eval::Answer;
use crate::policy::layer::Layer;
use crate::route::Route;
use crate::run::event::AttemptReason;
use crate::run::outcome::{Outcome, Verdict};
use crate::run::state::{Phase, RunState};

pub use report::RoutingReport;
pub use tally::Tally;

/// What decided: a rule, and its answer. The classifier gives several answers; most rules give one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    rule: String,
    answer: Answer,
}

/// Runs that say nothing about a rule, counted by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct LeftOut {
    /// They were played by the scripted agent.
    pub rehearsals: usize,
    /// They are not over yet.
    pub unfinished: usize,
    /// The user chose, and their log is too old to record what the router would have said.
    pub chosen_by_a_person: usize,
    /// Their log cannot be read.
    pub unreadable: usize,
}

/// Within this time after a question that was first left open, a yes is one at once: it takes as long to read the question and
/// to say `--approve`.
const AT_ONCE: SignedDuration = SignedDuration::from_mins(10);

/// Which runs are counted. Real ones and rehearsals are never counted together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Counted {
    /// Real runs.
    #[default]
    Real,
    /// Rehearsals.
    Rehearsals,
}

/// The fold.
#[derive(Debug, Clone, Default)]
pub struct Feedback {
    counted: Counted,
    runs: usize,
    left_out: LeftOut,
    tallies: BTreeMap<Key, Tally>,
    /// Questions that were answered with no, or not at all: the request, when it was asked, and what decided.
    refused: Vec<(String, Timestamp, Key)>,
    /// Questions that were answered with yes: the request, when it was asked, and what decided.
    approved: Vec<(String, Timestamp, Key)>,
}

impl Feedback {
    /// Creates one that counts these runs.
    pub fn of(counted: Counted) -> Feedback {
        Feedback { counted, ..Feedback::default() }
    }

    /// Adds one run. The order does not matter.
    pub fn add(&mut self, run: &RunState) {
        let (Some(requested), Some(route)) = (&run.requested, &run.route) else {
            self.left_out.unfinished += 1;
            return;
        };
        let Some(verdict) = finished(run) else {
            self.left_out.unfinished += 1;
            return;
        };
        if requested.rehearsal != (self.counted == Counted::Rehearsals) {
            self.left_out.rehearsals += usize::from(requested.rehearsal);
            return;
        }
        let Some(key) = decided_by(route) else {
            self.left_out.chosen_by_a_person += 1;
            return;
        };
        self.runs += 1;
        let asked_at = run.requested_at.unwrap_or_default();
        if run.approved {
            self.approved.push((requested.request_hash.clone(), asked_at, key.clone()));
        }
        if verdict == Verdict::Refused {
            self.refused.push((requested.request_hash.clone(), asked_at, key.clone()));
        }
        let tally = self.tallies.entry(key).or_default();
        tally.decided += 1;
        tally.approved += usize::from(run.approved);
        match overridden_to(route) {
            // The router's choice was not tried, so what followed says nothing about it.
            Some(tier) => tally.overridden(tier, judged_tier(route)),
            None => count_what_followed(tally, run, verdict),
        }
    }

    /// Counts a run whose log cannot be read.
    pub fn add_unreadable(&mut self) {
        self.left_out.unreadable += 1;
    }

    /// Returns the counts. A question that was answered first with no and later with yes counts as approved later.
    fn settled(&self) -> BTreeMap<Key, Tally> {
        let mut tallies = self.tallies.clone();
        for (hash, at, key) in &self.refused {
            let tally = tallies.entry(key.clone()).or_default();
            if self.approved.iter().any(|(approved, later, _)| approved == hash && later > at) {
                tally.approved_later += 1;
            } else {
                tally.refused += 1;
            }
        }
        for (hash, at, key) in &self.approved {
            let left_open = self.refused.iter().filter(|(refused, ..)| refused == hash);
            if is_at_once(*at, left_open.map(|(_, asked, _)| *asked)) {
                tallies.entry(key.clone()).or_default().approved_at_once += 1;
            }
        }
        tallies
    }
}

/// Returns whether a yes came at once. `left_open` is when the same question was asked and got no yes.
fn is_at_once(yes: Timestamp, mut left_open: impl Iterator<Item = Timestamp>) -> bool {
    left_open.all(|asked| asked >= yes || yes.duration_since(asked) <= AT_ONCE)
}

/// Returns the verdict of a run that is over.
fn finished(run: &RunState) -> Option<Verdict> {
    match run.phase {
        Phase::Finished { verdict, .. } => Some(verdict),
        _ => None,
    }
}

/// Returns what decided, ignoring the user's choice; `None` if that is not known.
fn decided_by(route: &Route) -> Option<Key> {
    match (&route.own, route.layer) {
        (Some(own), _) => Some(Key { rule: own.rule.clone(), answer: Answer::new(own.decision, own.tier) }),
        (None, Layer::Override) => None,
        (None, _) => Some(Key { rule: route.deciding_rule().to_owned(), answer: Answer::of(route) }),
    }
}

fn judged_tier(route: &Route) -> Tier {
    route.own.as_ref().map_or(route.tier, |own| own.tier)
}

/// Returns the tier that the user chose over the router's own.
fn overridden_to(route: &Route) -> Option<Tier> {
    (judged_tier(route) != route.tier).then_some(route.tier)
}

fn count_what_followed(tally: &mut Tally, run: &RunState, verdict: Verdict) {
    let attempts = &run.attempts;
    let outcomes = || attempts.iter().filter_map(|attempt| attempt.ended.as_ref().map(|ended| ended.outcome));
    let made = |why: AttemptReason| attempts.iter().any(|attempt| attempt.started.why == why);
    tally.retried += usize::from(made(AttemptReason::Retry));
    tally.mismatched += usize::from(outcomes().any(|outcome| outcome == Outcome::ModelMismatch));
    if let Some(at) = attempts.iter().position(|attempt| attempt.started.why == AttemptReason::Escalate) {
        let before = at.checked_sub(1).and_then(|at| attempts[at].ended.as_ref());
        let because = before.map_or("unknown", |ended| ended.outcome.as_str());
        tally.escalated(attempts[at].started.tier, because);
        return;
    }
    match verdict {
        Verdict::Succeeded if made(AttemptReason::FallBack) => tally.fell_back += 1,
        Verdict::Succeeded => tally.succeeded += 1,
        Verdict::Cancelled => tally.cancelled += 1,
        Verdict::Failed => tally.failed += 1,
        Verdict::Deferred => tally.waiting += 1,
        // Counted with all questions at the end.
        Verdict::Refused => {}
    }
}

#[cfg(test)]
mod tests;
