//! One line of the report on routing: counts, shares, and how far to trust them.

use serde::Serialize;

use super::Tally;
use crate::eval::Answer;
use crate::eval::interval::{self, Interval};

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The rule; absent if all rules are taken together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The answer.
    pub answer: Answer,
    /// The counts.
    #[serde(flatten)]
    pub tally: Tally,
    /// For work: how often another tier was better. Absent for questions.
    pub wrong: Option<Share>,
    /// For questions: how often the user said yes at once, so that asking was perhaps needless. Absent for work.
    pub possibly_needless: Option<Share>,
}

impl Row {
    /// Returns the row of a rule, or of all rules together.
    pub(super) fn new(rule: Option<String>, answer: Answer, tally: Tally) -> Row {
        let asks = answer == Answer::Escalate;
        Row {
            rule,
            answer,
            wrong: (!asks).then(|| Share::new(tally.too_weak() + tally.too_strong(), tally.tried())),
            possibly_needless: asks.then(|| Share::new(tally.approved_at_once, tally.asked())),
            tally,
        }
    }
}

/// A share that was observed, and how far to believe it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Share {
    /// The number of hits.
    pub count: usize,
    /// The number of cases.
    pub of: usize,
    /// The smoothed share: without any case it is one half.
    pub believed: f64,
    /// The interval that it probably lies in.
    pub interval: Interval,
}

impl Share {
    /// Creates a share.
    pub fn new(count: usize, of: usize) -> Share {
        let (believed, interval) = interval::believed(count, of);
        let rounded = |share: f64| (share * 1000.0).round() / 1000.0;
        let interval = Interval { low: rounded(interval.low), high: rounded(interval.high) };
        Share { count, of, believed: rounded(believed), interval }
    }
}
