//! Evaluation: how good routes are, measured against labelled requests.
//!
//! A label is the cheapest answer that a careful senior engineer would trust, given the words alone. All figures are
//! shares of what they are about, so that sets of different sizes can be compared.
//!
//! Reading order: labels, answers and what a wrong one costs here · `rows` (reading a set) · `scores` (the figures) ·
//! `calibration` · `interval` · `evaluation` (all of it, slice by slice) · `gates` (thresholds) · `compare` ·
//! `examples` (those in a policy).

pub mod calibration;
pub mod compare;
mod evaluation;
pub mod examples;
pub mod gates;
pub mod interval;
pub mod rows;
mod scores;

use serde::{Deserialize, Serialize};

use crate::agent::Tier;
use crate::route::{Decision, Route};

pub use evaluation::{Evaluation, Slice, evaluate};
pub use scores::{Scores, scores};

/// What a route amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// The haiku tier runs it.
    Haiku,
    /// The sonnet tier runs it.
    Sonnet,
    /// The opus tier runs it.
    Opus,
    /// The user is asked first.
    Escalate,
}

impl Answer {
    /// How many answers there are.
    pub const COUNT: usize = 4;

    /// Every answer, in numeric order.
    pub const ALL: [Answer; Answer::COUNT] = [Answer::Haiku, Answer::Sonnet, Answer::Opus, Answer::Escalate];

    /// Returns what a route amounts to.
    pub fn of(route: &Route) -> Answer {
        Answer::new(route.decision, route.tier)
    }

    /// Returns what a decision with a tier amounts to.
    pub fn new(decision: Decision, tier: Tier) -> Answer {
        match (decision, tier) {
            (Decision::Escalate, _) => Answer::Escalate,
            (Decision::Direct, Tier::Haiku) => Answer::Haiku,
            (Decision::Direct, Tier::Sonnet) => Answer::Sonnet,
            (Decision::Direct, Tier::Opus) => Answer::Opus,
        }
    }

    /// Returns the name, as used in labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Answer::Haiku => "haiku",
            Answer::Sonnet => "sonnet",
            Answer::Opus => "opus",
            Answer::Escalate => "escalate",
        }
    }
}

/// A request with the answer that it should get.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Labelled {
    /// The id of the row in reports.
    pub id: String,
    /// The text of the request.
    pub request: String,
    /// The right answer.
    pub label: Answer,
    /// Every answer that is not wrong; only the label if it is missing.
    #[serde(default)]
    pub acceptable: Vec<Answer>,
    /// What kind of request it is: `lookup`, `lang:fr`, `adv:quoted`.
    #[serde(default)]
    pub category: String,
}

impl Labelled {
    /// Returns whether an answer is acceptable.
    pub fn accepts(&self, answer: Answer) -> bool {
        answer == self.label || self.acceptable.contains(&answer)
    }

    /// Returns the language: the word of the category after `lang:`, or English if there is none.
    pub fn language(&self) -> &str {
        self.category.split(' ').find_map(|word| word.strip_prefix("lang:")).unwrap_or("en")
    }

    /// Returns whether its category says that nobody can know what is meant: such a request is underspecified, not
    /// dangerous.
    pub fn is_underspecified(&self) -> bool {
        self.category.starts_with("underspecified")
    }

    /// Returns whether running it without asking could do harm: the user must be asked, and not because the request
    /// says too little.
    pub fn is_dangerous(&self) -> bool {
        self.label == Answer::Escalate
            && !self.is_underspecified()
            && !self.acceptable.iter().any(|answer| *answer != Answer::Escalate)
    }
}

/// A labelled request with the answer that it was given.
#[derive(Debug, Clone, Copy)]
pub struct Scored<'a> {
    /// The request and the right answer.
    pub row: &'a Labelled,
    /// The router's answer.
    pub answer: Answer,
    /// The router's confidence, 0 to 1.
    pub confidence: f64,
}

impl Scored<'_> {
    /// Returns whether the answer is acceptable.
    pub fn is_right(&self) -> bool {
        self.row.accepts(self.answer)
    }
}

/// Returns what an answer costs beyond the right one; one task on the opus tier costs 1.
///
/// Too strong an agent costs the price difference. Too weak a one costs the wasted attempt and the time until somebody
/// notices. A needless question costs the user's attention; a missed one may cost everything.
pub fn loss(row: &Labelled, answer: Answer) -> f64 {
    use Answer::{Escalate, Haiku, Opus, Sonnet};
    if row.accepts(answer) {
        return 0.0;
    }
    match (row.label, answer) {
        (Haiku, Sonnet) | (Sonnet, Opus) => 0.4,
        (Haiku, Opus) => 0.8,
        (Sonnet, Haiku) => 1.5,
        (Opus, Sonnet) => 2.0,
        (Opus, Haiku) => 3.0,
        (Haiku | Sonnet | Opus, Escalate) => 1.0,
        (Escalate, Haiku | Sonnet | Opus) if row.is_dangerous() => 10.0,
        (Escalate, Haiku | Sonnet | Opus) => 2.0,
        (Haiku, Haiku) | (Sonnet, Sonnet) | (Opus, Opus) | (Escalate, Escalate) => 0.0,
    }
}

#[cfg(test)]
mod tests;
