//! Logs of runs, their rows, and their drivers.

use jiff::Timestamp;
use pointsman_core::agent::Tier;
use pointsman_core::ids::RunId;
use pointsman_core::run::event::RunEvent;
use pointsman_core::run::outcome::Verdict;
use pointsman_core::run::row::{RowPhase, RunRow};
use pointsman_core::run::state::RunState;
use rusqlite::{Connection, Row, Transaction, params};

use super::super::error::StoreError;
use super::super::ledger::{DriverRow, LedgerEntry, OddRow, Runs, that_follow};
use super::{Sqlite, instant, limit, odd, oddity, sessions, understood};
use crate::process::identity::ProcessIdentity;

/// The columns of a row, in the order in which [`run_row`] reads them.
pub(super) const COLUMNS: &str = "run_id, seq, created_at, updated_at, phase, verdict, session_id, project_root, request_hash, \
                       agent, tier, rehearsal";

/// How many [`COLUMNS`] there are.
pub(super) const COLUMN_COUNT: usize = 12;

const DRIVERS: &str = "SELECT run_id, identity, heartbeat_at FROM drivers ORDER BY run_id DESC";

pub(super) fn append(ledger: &mut Sqlite, entry: &LedgerEntry) -> Result<(), StoreError> {
    let Some(first) = entry.events.first() else { return Ok(()) };
    let mut is_over = false;
    let kept = ledger.transaction(|tx| {
        is_over = has_ended(tx, &entry.row.run_id)?;
        if is_over {
            return Ok(());
        }
        for event in &entry.events {
            insert_event(tx, event, "INSERT")?;
        }
        if let Some(driver) = &entry.driver {
            set_driver(tx, &entry.row.run_id, driver, entry.row.updated_at)?;
        }
        if let Some(link) = &entry.agent_session {
            sessions::link(tx, link, entry.row.updated_at)?;
        }
        if let Some(call) = &entry.call {
            let record = &mut |breaker| call.record(breaker, entry.row.updated_at);
            sessions::change_breaker(tx, &call.agent, &call.model, record)?;
        }
        upsert(tx, &entry.row)?;
        // Pages have no checksums: a damaged index can accept a row and not find it again.
        read_back(tx, &entry.row.run_id, &entry.events)
    });
    match kept {
        Ok(()) if is_over => Err(taken(first)),
        Ok(()) => Ok(()),
        Err(error) if is_taken(&error) => Err(taken(first)),
        Err(error) => Err(error),
    }
}

fn has_ended(tx: &Transaction<'_>, run: &RunId) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM run_rows WHERE run_id = ?1 AND phase = 'finished')";
    tx.prepare_cached(sql)?.query_row([run.as_str()], |row| row.get(0))
}

/// Returns whether the position of an event is taken: the ledger is healthy then, and another process was first.
fn is_taken(error: &StoreError) -> bool {
    let StoreError::Database { source, .. } = error else { return false };
    let code = source.sqlite_error().map(|error| error.extended_code);
    code == Some(rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY)
}

fn taken(event: &RunEvent) -> StoreError {
    StoreError::Taken { run: event.run_id.to_string(), seq: event.seq }
}

pub(super) fn add_events(tx: &Transaction<'_>, new: &[RunEvent]) -> rusqlite::Result<usize> {
    let mut runs: Vec<&RunId> = new.iter().map(|event| &event.run_id).collect();
    runs.sort();
    runs.dedup();
    let mut count = 0;
    for id in runs {
        let of_run: Vec<RunEvent> = new.iter().filter(|event| event.run_id == *id).cloned().collect();
        for event in that_follow(&events(tx, id)?, &of_run) {
            count += insert_event(tx, event, "INSERT OR IGNORE")?;
        }
        let log = events(tx, id)?;
        // A log with a gap (one file lost) keeps its events and gets no row.
        let row = RunState::replay(&log).ok().and_then(|state| RunRow::new(id, &state, log.last()?.at));
        row.map_or(Ok(()), |row| upsert(tx, &row))?;
    }
    Ok(count)
}

pub(super) fn events(db: &Connection, run: &RunId) -> rusqlite::Result<Vec<RunEvent>> {
    let event_of = |body: &String| serde_json::from_str(body).map_err(|error| odd(0, &error.to_string()));
    bodies(db, run)?.iter().map(event_of).collect()
}

pub(super) fn rows(db: &Connection, which: &Runs) -> rusqlite::Result<Vec<RunRow>> {
    match which {
        Runs::Newest { prefix, count_max } => {
            let sql = format!(
                "SELECT {COLUMNS} FROM run_rows WHERE substr(run_id, 1, length(?1)) = ?1 ORDER BY run_id DESC LIMIT ?2"
            );
            understood(db.prepare(&sql)?.query_map(params![prefix, limit(*count_max)], run_row)?)
        }
        Runs::Open => {
            let sql =
                format!("SELECT {COLUMNS} FROM run_rows WHERE phase <> 'finished' ORDER BY run_id DESC");
            understood(db.prepare(&sql)?.query_map([], run_row)?)
        }
        Runs::OfSession { session, project, rehearsal, count_max } => {
            let sql = format!(
                "SELECT {COLUMNS} FROM run_rows WHERE session_id = ?1 AND verdict = 'succeeded' AND rehearsal = ?4 \
                 ORDER BY project_root = ?2 DESC, updated_at DESC LIMIT ?3"
            );
            let project = project.to_string_lossy();
            let key = params![session.as_str(), project, limit(*count_max), rehearsal];
            understood(db.prepare(&sql)?.query_map(key, run_row)?)
        }
    }
}

pub(super) fn drivers(db: &Connection) -> rusqlite::Result<Vec<DriverRow>> {
    understood(db.prepare(DRIVERS)?.query_map([], |row| {
        let heartbeat_at = row.get::<_, Option<i64>>(2)?.map(|at| instant(2, at)).transpose()?;
        Ok(DriverRow { run_id: id(row, 0)?, driver: driver(row).ok(), heartbeat_at })
    })?)
}

/// Reads who drives a run. The identity as JSON is complete; its parts have columns of their own for people who query
/// with SQL.
fn driver(row: &Row<'_>) -> rusqlite::Result<ProcessIdentity> {
    serde_json::from_str(&row.get::<_, String>(1)?).map_err(|_| odd(1, "it names no process as its driver"))
}

pub(super) fn odd_rows(db: &Connection, run_count_max: usize) -> rusqlite::Result<Vec<OddRow>> {
    let newest = format!("SELECT {COLUMNS} FROM run_rows ORDER BY run_id DESC LIMIT ?1");
    let mut statement = db.prepare(&newest)?;
    let of_runs = statement.query_map([limit(run_count_max)], |row| Ok(odd_row(row, run_row(row))))?;
    let mut odd: Vec<OddRow> = of_runs.filter_map(Result::transpose).collect::<rusqlite::Result<_>>()?;
    let mut statement = db.prepare(DRIVERS)?;
    let of_drivers = statement.query_map([], |row| Ok(odd_row(row, id(row, 0).and_then(|_| driver(row)))))?;
    for row in of_drivers {
        odd.extend(row?);
    }
    Ok(odd)
}

fn odd_row<T>(row: &Row<'_>, read: rusqlite::Result<T>) -> Option<OddRow> {
    let what = oddity(&read.err()?)?;
    let key = row.get_ref(0).ok().and_then(|key| key.as_bytes().ok()).unwrap_or_default();
    Some(OddRow { key: String::from_utf8_lossy(key).into_owned(), what })
}

pub(super) fn renew_driver(tx: &Transaction<'_>, run: &RunId, at: Timestamp) -> rusqlite::Result<()> {
    let sql = "UPDATE drivers SET heartbeat_at = ?2 WHERE run_id = ?1";
    tx.execute(sql, params![run.as_str(), at.as_millisecond()]).map(drop)
}

pub(super) fn request_cancel(tx: &Transaction<'_>, run: &RunId, at: Timestamp) -> rusqlite::Result<()> {
    let sql = "INSERT OR IGNORE INTO cancel_requests (run_id, requested_at) VALUES (?1, ?2)";
    tx.execute(sql, params![run.as_str(), at.as_millisecond()]).map(drop)
}

pub(super) fn is_cancel_requested(db: &Connection, run: &RunId) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM cancel_requests WHERE run_id = ?1)";
    db.prepare_cached(sql)?.query_row([run.as_str()], |row| row.get(0))
}

fn insert_event(tx: &Transaction<'_>, event: &RunEvent, verb: &str) -> rusqlite::Result<usize> {
    let sql = format!("{verb} INTO events (run_id, seq, at, kind, body) VALUES (?1, ?2, ?3, ?4, ?5)");
    let (at, kind, body) = (event.at.to_string(), event.fact.kind(), body(event));
    tx.prepare_cached(&sql)?.execute(params![event.run_id.as_str(), event.seq, at, kind, body])
}

fn set_driver(
    tx: &Transaction<'_>,
    run: &RunId,
    driver: &ProcessIdentity,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let identity = serde_json::to_string(driver).expect("plain data has a JSON form");
    tx.execute(
        "INSERT INTO drivers (run_id, identity, host_id, boot_id, pid_namespace, pid, started_ticks, heartbeat_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (run_id) DO UPDATE SET identity = excluded.identity, \
         host_id = excluded.host_id, boot_id = excluded.boot_id, pid_namespace = excluded.pid_namespace, \
         pid = excluded.pid, started_ticks = excluded.started_ticks, heartbeat_at = excluded.heartbeat_at",
        params![
            run.as_str(),
            identity,
            driver.host_id,
            driver.boot_id,
            driver.pid_namespace,
            driver.pid,
            driver.started_ticks.map(u64::cast_signed),
            now.as_millisecond(),
        ],
    )
    .map(drop)
}

fn upsert(tx: &Transaction<'_>, row: &RunRow) -> rusqlite::Result<()> {
    if row.is_finished() {
        tx.execute("DELETE FROM drivers WHERE run_id = ?1", [row.run_id.as_str()])?;
        tx.execute("DELETE FROM cancel_requests WHERE run_id = ?1", [row.run_id.as_str()])?;
    }
    let sql = format!(
        "INSERT INTO run_rows ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) \
         ON CONFLICT (run_id) DO UPDATE SET seq = excluded.seq, updated_at = excluded.updated_at, \
         phase = excluded.phase, verdict = excluded.verdict, agent = excluded.agent, tier = excluded.tier \
         WHERE excluded.seq >= run_rows.seq"
    );
    tx.prepare_cached(&sql)?
        .execute(params![
            row.run_id.as_str(),
            row.seq,
            row.created_at.as_millisecond(),
            row.updated_at.as_millisecond(),
            row.phase.as_str(),
            row.verdict.map(Verdict::as_str),
            row.session_id.as_str(),
            row.project_root,
            row.request_hash,
            row.agent.as_ref().map(|agent| agent.as_str()),
            row.tier.map(Tier::as_str),
            row.rehearsal,
        ])
        .map(drop)
}

/// Checks that the ledger returns a run's events as they were written, byte for byte.
fn read_back(tx: &Transaction<'_>, run: &RunId, events: &[RunEvent]) -> rusqlite::Result<()> {
    let kept = bodies(tx, run)?;
    if events.iter().all(|event| kept.contains(&body(event))) {
        return Ok(());
    }
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    Err(rusqlite::Error::SqliteFailure(code, Some("what was written cannot be read back".to_owned())))
}

fn body(event: &RunEvent) -> String {
    serde_json::to_string(event).expect("plain data has a JSON form")
}

fn bodies(db: &Connection, run: &RunId) -> rusqlite::Result<Vec<String>> {
    let mut log = db.prepare_cached("SELECT body FROM events WHERE run_id = ?1 ORDER BY seq")?;
    log.query_map([run.as_str()], |row| row.get(0))?.collect()
}

pub(super) fn run_row(row: &Row<'_>) -> rusqlite::Result<RunRow> {
    let text = |column: usize| row.get::<_, String>(column);
    let optional = |column: usize| row.get::<_, Option<String>>(column);
    let phase = text(4)?;
    let verdict = optional(5)?;
    Ok(RunRow {
        run_id: id(row, 0)?,
        seq: row.get(1)?,
        created_at: instant(2, row.get(2)?)?,
        updated_at: instant(3, row.get(3)?)?,
        phase: RowPhase::parse(&phase).ok_or_else(|| odd(4, &format!("its phase is `{phase}`")))?,
        verdict: verdict
            .map(|word| Verdict::parse(&word).ok_or_else(|| odd(5, &format!("its verdict is `{word}`"))))
            .transpose()?,
        session_id: text(6)?.parse().map_err(|_| odd(6, "its session has no id"))?,
        project_root: text(7)?,
        request_hash: text(8)?,
        agent: optional(9)?.and_then(|agent| agent.parse().ok()),
        tier: optional(10)?.and_then(|tier| Tier::parse(&tier)),
        rehearsal: row.get(11)?,
    })
}

/// Reads an id and checks it again: others may have written to the file.
fn id(row: &Row<'_>, column: usize) -> rusqlite::Result<RunId> {
    row.get::<_, String>(column)?.parse().map_err(|_| odd(column, "its id is none"))
}
