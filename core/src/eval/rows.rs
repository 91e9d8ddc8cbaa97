//! Reads labelled requests: one JSON object per line.

use super::Labelled;
use crate::request::{Origin, Overrides, Request, RequestError};

/// Why a text is not a set of labelled requests.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowsError {
    /// A line is not a labelled request.
    #[error("line {line}: {what}")]
    BadRow {
        /// The line's number, from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
    /// There are no rows at all.
    #[error("there is no labelled request in it")]
    Empty,
}

/// Reads every row. Fails if one cannot be read: figures over a part of a set would be taken for the whole.
pub fn read(text: &str) -> Result<Vec<Labelled>, RowsError> {
    let text = text.trim_start_matches('\u{feff}');
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let rows: Vec<Labelled> = lines
        .map(|(at, line)| {
            row(line).map_err(|error| RowsError::BadRow { line: at + 1, what: error.to_string() })
        })
        .collect::<Result<_, _>>()?;
    if rows.is_empty() { Err(RowsError::Empty) } else { Ok(rows) }
}

fn row(line: &str) -> Result<Labelled, RowError> {
    let row: Labelled = serde_json::from_str(line)?;
    row.asked()?;
    Ok(row)
}

/// Why a line is not a labelled request.
#[derive(Debug, thiserror::Error)]
enum RowError {
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Request(#[from] RequestError),
}

impl Labelled {
    /// Returns the row as a request without any overrides. Never fails for rows that were [`read`].
    pub fn asked(&self) -> Result<Request, RequestError> {
        Request::new(self.request.clone(), Origin::Cli, Overrides::default())
    }
}
