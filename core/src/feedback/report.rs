//! The report on routing: one row per rule and per answer, and the changes that they support.

use std::collections::BTreeMap;

use serde::Serialize;

use super::proposals::{self, Proposal};
use super::row::Row;
use super::{Feedback, LeftOut, Tally};
use crate::eval::Answer;

/// What became of routes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RoutingReport {
    /// How many runs were counted.
    pub runs: usize,
    /// Runs that say nothing about a rule.
    pub left_out: LeftOut,
    /// By the rule that decided and its answer, most runs first.
    pub by_rule: Vec<Row>,
    /// By answer.
    pub by_class: Vec<Row>,
    /// Proposed improvements. pointsman never applies them.
    pub proposals: Vec<Proposal>,
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
        // A stable sort: rows with equally many runs stay in the order of their names.
        by_rule.sort_by_key(|row| std::cmp::Reverse(row.tally.decided));
        let by_class = classes.into_iter().map(|(answer, tally)| Row::new(None, answer, tally)).collect();
        let proposals = by_rule.iter().filter_map(proposals::propose).collect();
        RoutingReport { runs: self.runs, left_out: self.left_out, by_rule, by_class, proposals }
    }
}
