//! Daily metrics files: one JSON record per line.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::private;
use crate::regular_file;

const SUFFIX: &str = ".jsonl";

/// Appends a record to the file of the current day (UTC).
pub fn append<T: Serialize>(state_dir: &Path, now: Timestamp, record: &T) -> io::Result<()> {
    private::ensure_dir(&dir(state_dir)).map_err(io::Error::other)?;
    let file = private::append(&file(state_dir, TimeZone::UTC.to_datetime(now).date()))?;
    private::append_line(&file, &serde_json::to_vec(record)?)
}

/// Returns why no record can be appended, if that can be seen without doing it.
pub fn trouble(state_dir: &Path, now: Timestamp) -> Option<String> {
    let file = file(state_dir, TimeZone::UTC.to_datetime(now).date());
    let of_file = || regular_file::check(&file).map_err(|error| format!("`{}`: {error}", file.display()));
    private::check_writable(&dir(state_dir)).map_err(|error| error.to_string()).and_then(|()| of_file()).err()
}

/// Returns the days that have a file.
pub fn days(state_dir: &Path) -> Vec<Date> {
    if private::check_dir(&dir(state_dir)).is_err() {
        return vec![];
    }
    let files = fs::read_dir(dir(state_dir)).into_iter().flatten().flatten();
    files.filter_map(|file| file.file_name().to_str()?.strip_suffix(SUFFIX)?.parse().ok()).collect()
}

/// Removes the file of a day; returns whether there was one.
pub fn remove(state_dir: &Path, day: Date) -> bool {
    private::check_dir(&dir(state_dir)).is_ok() && fs::remove_file(file(state_dir, day)).is_ok()
}

fn dir(state_dir: &Path) -> PathBuf {
    state_dir.join("metrics")
}

fn file(state_dir: &Path, day: Date) -> PathBuf {
    dir(state_dir).join(format!("{day}{SUFFIX}"))
}
