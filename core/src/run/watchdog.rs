//! The deadlines of one attempt, as a pure state machine: given what was seen and when, it says what is due.
//!
//! Times are durations since the attempt began, on a monotonic clock that stands still while its owner does (`awake`).

use std::time::Duration;

use super::end::StopCause;

/// The limits that the watchdog enforces.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WatchLimits {
    /// The longest wait for the first output; `None` if a silent start is normal.
    pub startup: Option<Duration>,
    /// The longest silence.
    pub idle: Duration,
    /// The longest attempt.
    pub wall: Duration,
    /// How long a process may live after its result.
    pub post_result_grace: Duration,
    /// The most that the attempt may cost by our estimate, in US dollars.
    pub usd: Option<f64>,
}

/// What the watchdog knows about a running attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct Watchdog {
    limits: WatchLimits,
    last_output: Option<Duration>,
    settled_at: Option<Duration>,
    over_budget: bool,
}

impl Watchdog {
    /// Starts watching at time zero.
    pub fn new(limits: WatchLimits) -> Watchdog {
        Watchdog { limits, last_output: None, settled_at: None, over_budget: false }
    }

    /// Records a sign of life.
    pub fn saw_output(&mut self, now: Duration) {
        self.last_output = Some(now);
    }

    /// Records that the stream is settled: a result, no open task, no new turn.
    pub fn settled(&mut self, now: Duration) {
        self.settled_at.get_or_insert(now);
    }

    /// Records that the stream is not settled, or no longer.
    pub fn unsettled(&mut self) {
        self.settled_at = None;
    }

    /// Records the estimated cost of the attempt so far, in US dollars.
    pub fn saw_cost(&mut self, usd: f64) {
        self.over_budget = self.limits.usd.is_some_and(|max| usd > max);
    }

    /// Returns why the attempt must be stopped now, if it must.
    pub fn alarm(&self, now: Duration) -> Option<StopCause> {
        if self.settled_at.is_none() && self.over_budget {
            return Some(StopCause::Budget);
        }
        let (due, cause) = self.next_deadline();
        (now >= due).then_some(cause)
    }

    /// Returns the next deadline if nothing else happens, and its cause.
    ///
    /// Once the stream is settled, only the grace period counts: the work is done and must not turn into a timeout.
    pub fn next_deadline(&self) -> (Duration, StopCause) {
        if let Some(settled) = self.settled_at {
            return (settled + self.limits.post_result_grace, StopCause::PostResult);
        }
        let quiet = match (self.last_output, self.limits.startup) {
            (Some(last), _) => (last + self.limits.idle, StopCause::IdleTimeout),
            (None, Some(startup)) => (startup, StopCause::StartupTimeout),
            (None, None) => (self.limits.idle, StopCause::IdleTimeout),
        };
        let wall = (self.limits.wall, StopCause::WallTimeout);
        if quiet.0 < wall.0 { quiet } else { wall }
    }
}

#[cfg(test)]
mod tests;
