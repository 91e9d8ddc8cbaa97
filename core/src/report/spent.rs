//! What was spent, by where the figure comes from: what agents reported, and what is estimated beyond that.

use serde::Serialize;

use crate::run::event::AttemptEnded;
use crate::run::state::RunState;

/// US dollars, apart by who says so. `None` where nobody says anything: that is not the same as nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Spent {
    /// What agents reported.
    pub reported_usd: Option<f64>,
    /// What is estimated beyond that, for attempts that ended before a final report.
    pub estimated_usd: Option<f64>,
}

impl Spent {
    /// Returns what an attempt spent.
    pub fn by_attempt(ended: &AttemptEnded) -> Spent {
        let reported = ended.cost_reported_usd;
        // An estimate is of the whole attempt; the part that was reported as well is not counted twice.
        let beyond = ended.cost_estimated_usd.map(|estimated| estimated - reported.unwrap_or(0.0));
        Spent { reported_usd: reported, estimated_usd: beyond.filter(|usd| *usd > 0.0) }
    }

    /// Returns what all attempts of a run spent.
    pub fn by_run(run: &RunState) -> Spent {
        let ended = run.attempts.iter().filter_map(|attempt| attempt.ended.as_ref());
        ended.map(Spent::by_attempt).fold(Spent::default(), |sum, spent| sum + spent)
    }

    /// Returns both figures together.
    pub fn usd(self) -> Option<f64> {
        sum(self.reported_usd, self.estimated_usd)
    }
}

impl std::ops::Add for Spent {
    type Output = Spent;
    fn add(self, other: Spent) -> Spent {
        Spent {
            reported_usd: sum(self.reported_usd, other.reported_usd),
            estimated_usd: sum(self.estimated_usd, other.estimated_usd),
        }
    }
}

fn sum(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    [a, b].into_iter().flatten().reduce(|a, b| a + b)
}
