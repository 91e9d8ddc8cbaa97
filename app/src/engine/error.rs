//! Why the engine cannot take a request or answer a question.

use pointsman_core::ids::SessionId;
use pointsman_core::request::RequestError;
use pointsman_core::route::RouteError;
use pointsman_core::run::end::StopCause;

/// An expected failure of the engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The words are no request.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The request names something that is not there.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// Another run goes on in that session.
    #[error("session `{session}` is in use by another run")]
    SessionBusy {
        /// The session.
        session: SessionId,
    },
    /// Somebody stopped the waiting.
    #[error("stopped while waiting for the session")]
    StoppedWaiting {
        /// Why.
        cause: StopCause,
    },
    /// No run has that id.
    #[error("no run `{wanted}` is known")]
    UnknownRun {
        /// What was asked for.
        wanted: String,
    },
    /// Several runs begin with that.
    #[error("`{wanted}` is the beginning of {count} runs: {examples}")]
    AmbiguousRun {
        /// What was asked for.
        wanted: String,
        /// How many runs there are.
        count: usize,
        /// A few of them.
        examples: String,
    },
    /// The ledger cannot be read.
    #[error("{what}")]
    Store {
        /// What the store says.
        what: String,
    },
    /// The run is over, or nobody drives it.
    #[error("run `{run}` is not running any more ({state})")]
    NotRunning {
        /// The run.
        run: String,
        /// Where it stands.
        state: String,
    },
    /// The run's driver cannot be signalled.
    #[error("the process that drives run `{run}` could not be signalled: {source}")]
    Signal {
        /// The run.
        run: String,
        /// What the system says.
        source: std::io::Error,
    },
}
