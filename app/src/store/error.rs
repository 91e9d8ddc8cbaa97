//! What can be wrong with the ledger.

use std::path::PathBuf;
use std::sync::Arc;

use super::private::PrivateError;

/// Why the ledger does not do what it is asked to. Cheap to clone: the same trouble is reported many times.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The directory is not private to us.
    #[error("{0}")]
    Private(#[source] Arc<PrivateError>),
    /// The database reports an error.
    #[error("the ledger `{path}` cannot be used: {source}")]
    Database {
        /// The file.
        path: PathBuf,
        /// SQLite's error.
        source: Arc<rusqlite::Error>,
    },
    /// The file is not a healthy database.
    #[error("the ledger `{path}` is damaged: {what}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The file was written by a newer version of pointsman.
    #[error("the ledger `{path}` has schema {found}, and this version knows up to {known}")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema version.
        found: u32,
        /// The newest version that we know.
        known: u32,
    },
    /// SQLite itself is too old to be trusted with a write-ahead log.
    #[error("SQLite {found} is older than 3.51.3, which can corrupt a write-ahead log")]
    OldSqlite {
        /// Its version.
        found: &'static str,
    },
    /// A stored log cannot be read.
    #[error("the log of run `{run}` cannot be read: {what}")]
    Log {
        /// The run.
        run: String,
        /// What is wrong.
        what: String,
    },
    /// The ledger's file was replaced by another one.
    #[error("the ledger `{path}` was replaced by another")]
    Replaced {
        /// The file.
        path: PathBuf,
    },
    /// Another process has written at this position of the log.
    #[error("the log of run `{run}` has an event {seq} already")]
    Taken {
        /// The run.
        run: String,
        /// The position.
        seq: u32,
    },
    /// A damaged ledger could not be moved aside.
    #[error("the damaged ledger `{path}` cannot be moved aside: {source}")]
    NotMoved {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: Arc<std::io::Error>,
    },
    /// The ledger was opened read-only.
    #[error("the ledger was opened for reading")]
    ReadOnly,
    /// No answer came in time: the disk may be gone.
    #[error("the ledger `{path}` does not answer")]
    Silent {
        /// The file.
        path: PathBuf,
    },
}

impl From<PrivateError> for StoreError {
    fn from(error: PrivateError) -> StoreError {
        StoreError::Private(Arc::new(error))
    }
}

impl StoreError {
    /// Returns whether the ledger as a whole cannot be used, as opposed to a single question that failed.
    pub(super) fn is_of_the_ledger(&self) -> bool {
        match self {
            StoreError::Private(_)
            | StoreError::Database { .. }
            | StoreError::Damaged { .. }
            | StoreError::Newer { .. }
            | StoreError::OldSqlite { .. }
            | StoreError::Replaced { .. }
            | StoreError::NotMoved { .. }
            | StoreError::Silent { .. } => true,
            StoreError::Log { .. } | StoreError::Taken { .. } | StoreError::ReadOnly => false,
        }
    }
}
