//! The report on routing: shares per rule and per answer, and how far to trust them.

use std::collections::BTreeMap;

use serde::Serialize;

use super::proposals::{self, Proposal};
use super::{Feedback, LeftOut, Tally};
use crate::eval::Answer;
use crate::eval::interval::{self, Interval};

/// What became of routes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RoutingReport {
    /// How many runs were counted.
    pub runs: usize,
    /// Runs that say nothing about a rule.
    pub left_out: LeftOut,
    /// By the rule that decided and what it came to, most runs first.
    pub by_rule: Vec<Row>,
    /// By what it came to.
    pub by_class: Vec<Row>,
    /// What would be better. Nothing of it is applied by this program.
    pub proposals: Vec<Proposal>,
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The rule; absent where all rules are taken together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// What it came to.
    pub answer: Answer,
    /// The counts.
    #[serde(flatten)]
    pub tally: Tally,
    /// Work: how often another tier was better. Absent for questions.
    pub wrong: Option<Share>,
    /// Questions: how often a person said yes, so that it was perhaps needless to ask. Absent for work.
    pub possibly_needless: Option<Share>,
}

/// A share that was seen, and what is to be believed of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Share {
    /// How many.
    pub count: usize,
    /// Of how many.
    pub of: usize,
    /// The smoothed share: nothing seen is one half.
    pub believed: f64,
    /// Where it probably lies.
    pub interval: Interval,
}

impl Share {
    /// Makes a share.
    pub fn new(count: usize, of: usize) -> Share {
        let (believed, interval) = interval::believed(count, of);
        let rounded = |share: f64| (share * 1000.0).round() / 1000.0;
        let interval = Interval { low: rounded(interval.low), high: rounded(interval.high) };
        Share { count, of, believed: rounded(believed), interval }
    }
}

impl Row {
    fn new(rule: Option<String>, answer: Answer, tally: Tally) -> Row {
        let asks = answer == Answer::Escalate;
        Row {
            rule,
            answer,
            wrong: (!asks).then(|| Share::new(tally.too_weak() + tally.too_strong(), tally.tried())),
            possibly_needless: asks.then(|| Share::new(tally.approved, tally.asked())),
            tally,
        }
    }
}

impl Feedback {
    /// Returns the report on all runs so far.
    pub fn report(&self) -> RoutingReport {
        let mut classes: BTreeMap<Answer, Tally> = BTreeMap::new();
        let mut by_rule = vec![];
        for (key, tally) in self.settled() {
            classes.entry(key.answer).or_default().add(&tally);
            by_rule.push(Row::new(Some(key.rule), key.answer, tally));
        }
        // Stable: rows with as many runs stay in the order of their names.
        by_rule.sort_by_key(|row| std::cmp::Reverse(row.tally.decided));
        let by_class = classes.into_iter().map(|(answer, tally)| Row::new(None, answer, tally)).collect();
        let proposals = by_rule.iter().filter_map(proposals::propose).collect();
        RoutingReport { runs: self.runs, left_out: self.left_out, by_rule, by_class, proposals }
    }
}
