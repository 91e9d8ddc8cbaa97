//! What this module is asked to do: a process to run, and what its lines mean for its deadlines.

use std::path::PathBuf;
use std::time::Duration;

use pointsman_core::adapter::invocation::Invocation;
use pointsman_core::run::end::StopCause;
use pointsman_core::run::watchdog::WatchLimits;

use super::lines::Overlong;

/// One process to run.
#[derive(Debug, Clone)]
pub struct Launch {
    /// What to run.
    pub invocation: Invocation,
    /// A private directory for this attempt's records.
    pub dir: PathBuf,
    /// The deadlines.
    pub limits: WatchLimits,
    /// The time from the polite signal to the kill.
    pub stop_grace: Duration,
    /// How overlong lines are handled.
    pub overlong: Overlong,
}

/// What a line means for the deadlines.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LineMeaning {
    /// Whether nothing more is expected.
    pub settled: bool,
    /// The estimated cost of the attempt so far, in US dollars.
    pub usd: Option<f64>,
    /// Whether the process must be stopped because of the line.
    pub stop: Option<StopCause>,
}

/// Called with a line, and with the reason if we have stopped the process; returns what the line means.
pub type OnLine<'a> = &'a mut dyn FnMut(&str, Option<StopCause>) -> LineMeaning;
