//! Why the engine cannot accept a request or answer a query.

use pointsman_core::ids::SessionId;
use pointsman_core::request::RequestError;
use pointsman_core::route::RouteError;
use pointsman_core::run::end::StopCause;

/// An expected failure of the engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The text is not a valid request.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The request names something that does not exist.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// Another run is using the session.
    #[error("session `{session}` is in use by another run")]
    SessionBusy {
        /// The session.
        session: SessionId,
    },
    /// The wait was stopped.
    #[error("stopped while waiting for the session")]
    StoppedWaiting {
        /// Why.
        cause: StopCause,
    },
    /// No run has this id.
    #[error("no run `{wanted}` is known")]
    UnknownRun {
        /// The id that was asked for.
        wanted: String,
    },
    /// Several ids begin with this prefix.
    #[error("`{wanted}` is the beginning of {count} runs: {examples}")]
    AmbiguousRun {
        /// The prefix that was asked for.
        wanted: String,
        /// How many runs there are.
        count: usize,
        /// A few of them.
        examples: String,
    },
    /// The ledger cannot be read.
    #[error("{what}")]
    Store {
        /// The error that the store reports.
        what: String,
    },
    /// The run is over, or has no driver.
    #[error("run `{run}` is not running any more ({state})")]
    NotRunning {
        /// The run.
        run: String,
        /// Its state.
        state: String,
    },
    /// The run's driver cannot be signalled.
    #[error("the process that drives run `{run}` could not be signalled: {source}")]
    Signal {
        /// The run.
        run: String,
        /// The system's error.
        source: std::io::Error,
    },
}
