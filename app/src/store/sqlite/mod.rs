//! The ledger in a SQLite file: opening it, its schema, its transactions.
//!
//! Reading order: this file, then `runs` (logs, rows, drivers), `sessions` (agent sessions and breakers), `hooks`,
//! `retention` (what goes).
//! Connections are used only by the keeper behind the handle, by [`Store::check`](super::Store::check), and by a hook
//! that glances at the ledger.

mod hooks;
mod retention;
mod runs;
mod sessions;
#[cfg(test)]
mod tests;

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use pointsman_core::breaker::Breaker;
use pointsman_core::hook::fact::HookFact;
use pointsman_core::ids::{AgentName, AgentSessionId, RunId};
use pointsman_core::retention::Past;
use pointsman_core::run::event::RunEvent;
use pointsman_core::run::row::RunRow;
use rusqlite::backup::Backup;
use rusqlite::config::DbConfig;
use rusqlite::types::Type;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::error::StoreError;
use super::ledger::{AgentSessionKey, BreakerRow, DriverRow, Ledger, LedgerEntry, OddRow, Runs};
use super::private::{self, PrivateError};
use crate::regular_file;

/// The migrations in order; the position is the schema version.
const MIGRATIONS: [&str; 4] = [
    include_str!("../migrations/0001_ledger.sql"),
    include_str!("../migrations/0002_hook_facts.sql"),
    include_str!("../migrations/0003_agent_sessions.sql"),
    include_str!("../migrations/0004_typed_rows.sql"),
];

/// SQLite 3.7.0 to 3.51.2 can corrupt a database when a write-ahead log is reset while short-lived processes come and
/// go, which is exactly how this program works.
const SQLITE_VERSION_MIN: i32 = 3_051_003;

/// How long a writer waits for another before it gives up.
const BUSY_LIMIT: Duration = Duration::from_secs(5);

/// How long a hook that opens the ledger read-only waits for a writer: the user's session waits meanwhile.
const PEEK_LIMIT: Duration = Duration::from_millis(20);

/// The write-ahead log is checkpointed when it has this many pages: a run writes about fifteen.
const LOG_PAGES_MAX: u32 = 64;

/// How many pages are copied at a time from an older version's ledger, to be read in the current schema.
const COPY_PAGES: i32 = 1024;

/// Checks the ledger and the files that SQLite keeps beside it: it would open a named pipe and wait for it.
fn check_files(ledger: &Path) -> std::io::Result<()> {
    ["", "-wal", "-shm", "-journal"].iter().try_for_each(|suffix| {
        let mut path = ledger.as_os_str().to_owned();
        path.push(suffix);
        regular_file::check(Path::new(&path))
    })
}

/// An open ledger.
pub struct Sqlite {
    path: PathBuf,
    /// Which file the path led to when it was opened.
    file: Option<(u64, u64)>,
    db: Connection,
    /// The state of the files when they were copied into memory; `None` for a ledger that is read in place.
    copied: Option<[Option<FileState>; 2]>,
    /// Whether a stop of the run was requested, as of a version of the data.
    cancel_seen: Option<(i64, RunId, bool)>,
}

impl Sqlite {
    /// Opens the ledger for writing; creates and migrates it if needed.
    #[expect(clippy::disallowed_methods, reason = "this is the room that holds SQL")]
    pub fn open(path: &Path) -> Result<Sqlite, StoreError> {
        check_new_enough()?;
        let io = |source| PrivateError::Io { path: path.to_owned(), source };
        check_files(path).map_err(io)?;
        // Created by us first, so that its mode is 0600 from its first moment; SQLite's side files copy it.
        let is_new = !path.exists();
        private::touch(path).map_err(io)?;
        let opened = Connection::open(path).map_err(|source| database(path, source)).and_then(|db| {
            let mut ledger = Sqlite::of(path, db);
            ledger.configure().map_err(|source| database(path, source))?;
            ledger.migrate()?;
            Ok(ledger)
        });
        let is_empty = || std::fs::metadata(path).is_ok_and(|meta| meta.len() == 0);
        if opened.is_err() && is_new && is_empty() {
            // An empty file left behind would look like a ledger that lost its content.
            let _ = std::fs::remove_file(path);
        }
        opened
    }

    /// Opens the ledger read-only: nothing is created or written. If it does not exist, it is empty.
    ///
    /// A ledger of an older version is copied into memory and migrated there: a reader does not migrate the file.
    pub fn open_to_read(path: &Path) -> Result<Sqlite, StoreError> {
        check_new_enough()?;
        let failed = |source| database(path, source);
        check_files(path).map_err(|source| PrivateError::Io { path: path.to_owned(), source })?;
        if !path.exists() {
            return Sqlite::in_memory(path, |_| Ok(()));
        }
        let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(failed)?;
        db.busy_timeout(BUSY_LIMIT).map_err(failed)?;
        db.pragma_update(None, "trusted_schema", "OFF").map_err(failed)?;
        let ledger = Sqlite::of(path, db);
        match ledger.schema_version()? {
            found if found > known() => Err(ledger.newer(found)),
            found if found == known() => Ok(ledger),
            _ => Sqlite::in_memory(path, |memory| {
                Backup::new(&ledger.db, memory)?.run_to_completion(COPY_PAGES, Duration::ZERO, None)
            }),
        }
    }

    /// Opens the ledger read-only in passing: nothing is created or migrated, and a writer is hardly waited for.
    pub fn open_to_peek(path: &Path) -> Option<Sqlite> {
        check_files(path).ok()?;
        let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).ok()?;
        db.busy_timeout(PEEK_LIMIT).ok()?;
        db.pragma_update(None, "trusted_schema", "OFF").ok()?;
        let ledger = Sqlite::of(path, db);
        (ledger.schema_version().ok()? == known()).then_some(ledger)
    }

    fn in_memory(
        path: &Path,
        fill: impl FnOnce(&mut Connection) -> rusqlite::Result<()>,
    ) -> Result<Sqlite, StoreError> {
        let failed = |source| database(path, source);
        let copied = Some(files(path));
        let mut db = Connection::open_in_memory().map_err(failed)?;
        fill(&mut db).map_err(failed)?;
        let mut ledger = Sqlite { copied, ..Sqlite::of(path, db) };
        ledger.migrate()?;
        Ok(ledger)
    }

    fn of(path: &Path, db: Connection) -> Sqlite {
        Sqlite { path: path.to_owned(), file: file_at(path), db, copied: None, cancel_seen: None }
    }

    fn configure(&self) -> rusqlite::Result<()> {
        self.db.busy_timeout(BUSY_LIMIT)?;
        // Space that is no longer needed can go back to the disk. Only of use before the first table, and on a file with
        // tables it writes and waits for its turn.
        let page_count: i64 = self.db.pragma_query_value(None, "page_count", |row| row.get(0))?;
        if page_count == 0 {
            self.db.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        }
        self.db.pragma_update(None, "journal_mode", "WAL")?;
        self.db.pragma_update(None, "synchronous", "FULL")?;
        self.db.pragma_update(None, "foreign_keys", "ON")?;
        // A foreign database file must not be able to run code.
        self.db.pragma_update(None, "trusted_schema", "OFF")?;
        // A checkpoint at the end of every short process costs three syncs. No checkpoints at all make every start read
        // a long log again. So there is one every few runs.
        self.db.pragma_update(None, "wal_autocheckpoint", LOG_PAGES_MAX)?;
        self.db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map(drop)
    }

    fn migrate(&mut self) -> Result<(), StoreError> {
        let found = self.schema_version()?;
        if found > known() {
            return Err(self.newer(found));
        }
        if found == known() {
            return Ok(());
        }
        self.transaction(|tx| {
            // Read again under the lock: another process may have migrated meanwhile.
            let found: u32 = tx.pragma_query_value(None, "user_version", |row| row.get(0))?;
            for sql in &MIGRATIONS[found as usize..] {
                tx.execute_batch(sql)?;
            }
            tx.pragma_update(None, "user_version", known())
        })
    }

    fn newer(&self, found: u32) -> StoreError {
        StoreError::Newer { path: self.path.clone(), found, known: known() }
    }

    fn schema_version(&self) -> Result<u32, StoreError> {
        self.read(|db| db.pragma_query_value(None, "user_version", |row| row.get(0)))
    }

    /// Checks whether the whole file is healthy.
    pub fn check(&self) -> Result<(), StoreError> {
        let said: String = self.read(|db| db.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)))?;
        if said == "ok" { Ok(()) } else { Err(StoreError::Damaged { path: self.path.clone(), what: said }) }
    }

    /// Checkpoints the write-ahead log into the file.
    #[cfg(test)]
    pub fn fold_log(&self) {
        self.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    }

    fn read<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        work(&self.db).map_err(|source| database(&self.path, source))
    }

    fn transaction<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        // Nobody sees what is written into a file that was moved away. If no file has taken its place, it may come
        // back.
        if file_at(&self.path).is_some_and(|now| self.file.is_some_and(|then| then != now)) {
            return Err(StoreError::Replaced { path: self.path.clone() });
        }
        let run = |db: &mut Connection| {
            let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = work(&tx)?;
            tx.commit()?;
            Ok(value)
        };
        run(&mut self.db).map_err(|source| database(&self.path, source))
    }
}

impl Ledger for Sqlite {
    /// Returns whether the ledger is current: a copy in memory is as long as the files are unchanged.
    fn is_current(&self) -> bool {
        self.copied.as_ref().is_none_or(|copied| *copied == files(&self.path))
    }

    fn append(&mut self, entry: &LedgerEntry) -> Result<(), StoreError> {
        runs::append(self, entry)
    }

    fn add_events(&mut self, events: &[RunEvent]) -> Result<usize, StoreError> {
        self.transaction(|tx| runs::add_events(tx, events))
    }

    fn events(&mut self, run: &RunId) -> Result<Vec<RunEvent>, StoreError> {
        let log = |error: rusqlite::Error| StoreError::Log {
            run: run.to_string(),
            what: oddity(&error).unwrap_or_else(|| error.to_string()),
        };
        runs::events(&self.db, run).map_err(log)
    }

    fn runs(&mut self, which: &Runs) -> Result<Vec<RunRow>, StoreError> {
        self.read(|db| runs::rows(db, which))
    }

    fn odd_rows(&mut self, run_count_max: usize) -> Result<Vec<OddRow>, StoreError> {
        self.read(|db| runs::odd_rows(db, run_count_max))
    }

    fn drivers(&mut self) -> Result<Vec<DriverRow>, StoreError> {
        self.read(runs::drivers)
    }

    fn renew_driver(&mut self, run: &RunId, at: Timestamp) -> Result<(), StoreError> {
        self.transaction(|tx| runs::renew_driver(tx, run, at))
    }

    fn request_cancel(&mut self, run: &RunId, at: Timestamp) -> Result<(), StoreError> {
        self.transaction(|tx| runs::request_cancel(tx, run, at))
    }

    fn is_cancel_requested(&mut self, run: &RunId) -> Result<bool, StoreError> {
        // The version changes only when another connection commits.
        let version = self.read(|db| db.pragma_query_value(None, "data_version", |row| row.get(0)))?;
        match &self.cancel_seen {
            Some((seen, of, answer)) if (*seen, of) == (version, run) => Ok(*answer),
            _ => {
                let answer = self.read(|db| runs::is_cancel_requested(db, run))?;
                self.cancel_seen = Some((version, run.clone(), answer));
                Ok(answer)
            }
        }
    }

    fn change_breaker(
        &mut self,
        agent: &AgentName,
        model: &str,
        decide: &mut dyn FnMut(Breaker) -> Breaker,
    ) -> Result<(), StoreError> {
        self.transaction(|tx| sessions::change_breaker(tx, agent, model, decide))
    }

    fn breakers(&mut self) -> Result<Vec<BreakerRow>, StoreError> {
        self.read(sessions::breakers)
    }

    fn agent_session(&mut self, key: &AgentSessionKey) -> Result<Option<AgentSessionId>, StoreError> {
        self.read(|db| sessions::agent_session(db, key))
    }

    fn add_hook_facts(&mut self, facts: &[HookFact]) -> Result<Vec<HookFact>, StoreError> {
        self.transaction(|tx| hooks::add(tx, facts))
    }

    fn update_hook_facts(&mut self, facts: &[HookFact]) -> Result<(), StoreError> {
        self.transaction(|tx| hooks::update(tx, facts))
    }

    fn hook_facts(&mut self, since: Timestamp) -> Result<Vec<HookFact>, StoreError> {
        self.read(|db| hooks::since(db, since))
    }

    fn past(&mut self) -> Result<Past, StoreError> {
        self.read(retention::past)
    }

    fn remove_runs(&mut self, runs: &[RunId]) -> Result<usize, StoreError> {
        self.transaction(|tx| retention::remove_runs(tx, runs))
    }

    fn remove_hook_facts(&mut self, before: Timestamp, count_max: usize) -> Result<usize, StoreError> {
        self.transaction(|tx| retention::remove_hook_facts(tx, before, count_max))
    }

    fn give_space_back(&mut self) -> Result<bool, StoreError> {
        self.read(retention::give_space_back)
    }
}

/// How a changed file is recognised: its inode, its length, and when it was written.
type FileState = (u64, u64, i64, i64);

/// Returns the current state of the ledger's file and its write-ahead log.
fn files(path: &Path) -> [Option<FileState>; 2] {
    [path.to_owned(), path.with_extension("db-wal")].map(|path| {
        let meta = std::fs::metadata(path).ok()?;
        Some((meta.ino(), meta.len(), meta.mtime(), meta.mtime_nsec()))
    })
}

/// Returns which file a path leads to.
fn file_at(path: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()))
}

fn known() -> u32 {
    u32::try_from(MIGRATIONS.len()).expect("a handful")
}

fn check_new_enough() -> Result<(), StoreError> {
    if rusqlite::version_number() < SQLITE_VERSION_MIN {
        return Err(StoreError::OldSqlite { found: rusqlite::version() });
    }
    Ok(())
}

fn database(path: &Path, source: rusqlite::Error) -> StoreError {
    match source.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
            StoreError::Damaged { path: path.to_owned(), what: source.to_string() }
        }
        Some(_) | None => StoreError::Database { path: path.to_owned(), source: Arc::new(source) },
    }
}

/// Returns the error for a column value that no row of ours can hold: others may have written to the file.
fn odd(column: usize, what: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, what.into())
}

/// Returns what is odd about a row, if that is why it cannot be read.
fn oddity(error: &rusqlite::Error) -> Option<String> {
    match error {
        rusqlite::Error::FromSqlConversionFailure(_, _, what) => Some(what.to_string()),
        rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::Utf8Error(..) => Some(error.to_string()),
        _ => None,
    }
}

/// Collects rows, without those that are odd: one must not hide the others.
fn understood<T>(rows: impl Iterator<Item = rusqlite::Result<T>>) -> rusqlite::Result<Vec<T>> {
    rows.filter(|row| row.as_ref().err().and_then(oddity).is_none()).collect()
}

/// Converts a stored instant: whole milliseconds since 1970.
fn instant(column: usize, milliseconds: i64) -> rusqlite::Result<Timestamp> {
    Timestamp::from_millisecond(milliseconds).map_err(|_| odd(column, &format!("its time is {milliseconds}")))
}

fn limit(count_max: usize) -> i64 {
    i64::try_from(count_max).unwrap_or(i64::MAX)
}
