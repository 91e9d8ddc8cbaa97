//! What is asked of the room: one process to run, and what its lines mean for its deadlines.

use std::path::PathBuf;
use std::time::Duration;

use pointsman_core::adapter::invocation::Invocation;
use pointsman_core::run::end::StopCause;
use pointsman_core::run::watchdog::WatchLimits;

use super::lines::Overlong;

/// One process to run.
#[derive(Debug, Clone)]
pub struct Launch {
    /// What is run.
    pub invocation: Invocation,
    /// A private directory for this attempt's records.
    pub dir: PathBuf,
    /// The deadlines.
    pub limits: WatchLimits,
    /// From the polite signal to the kill.
    pub stop_grace: Duration,
    /// What happens to overlong lines.
    pub overlong: Overlong,
}

/// What a line meant, as far as deadlines are concerned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LineMeaning {
    /// Whether nothing more is waited for.
    pub settled: bool,
    /// What the attempt cost so far by our estimate, US dollars.
    pub usd: Option<f64>,
    /// Whether the process must be stopped for what the line said.
    pub stop: Option<StopCause>,
}

/// Takes a line, with why we have stopped the process if we have, and says what it means.
pub type OnLine<'a> = &'a mut dyn FnMut(&str, Option<StopCause>) -> LineMeaning;
