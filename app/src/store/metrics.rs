//! Daily metrics files: one JSON record per line, appended with a single write so that writers never interleave.

use std::io::{self, Write as _};
use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;

use super::private;

/// Appends a record to the file of the current day (UTC).
pub fn append<T: Serialize>(state_dir: &Path, now: Timestamp, record: &T) -> io::Result<()> {
    let dir = state_dir.join("metrics");
    private::ensure_dir(&dir).map_err(io::Error::other)?;
    let day = now.strftime("%Y-%m-%d");
    let mut line = serde_json::to_vec(record)?;
    line.push(b'\n');
    private::append(&dir.join(format!("{day}.jsonl")))?.write_all(&line)
}
