//! What there is of the past, and removing the old of it.

use jiff::Timestamp;
use pointsman_core::ids::RunId;
use pointsman_core::retention::{EndedRun, HookDay, Past};
use pointsman_core::run::row::RunRow;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use super::runs::{COLUMN_COUNT, COLUMNS, run_row};
use super::{instant, limit, understood};

/// What a row takes beside its body: keys, lengths, the share of its page that is empty. An estimate.
const ROW_BYTES: i64 = 150;

/// How many pages go back to the disk at once: other writers wait meanwhile.
const PAGES_AT_ONCE: i64 = 1000;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

pub(super) fn past(db: &Connection) -> rusqlite::Result<Past> {
    Ok(Past { runs: ended_runs(db)?, hook_days: hook_days(db)?, metric_days: vec![] })
}

fn ended_runs(db: &Connection) -> rusqlite::Result<Vec<EndedRun>> {
    let sql = format!(
        "SELECT {COLUMNS}, (SELECT total(octet_length(body) + ?1) FROM events \
         WHERE events.run_id = run_rows.run_id) FROM run_rows WHERE phase = 'finished'"
    );
    let mut statement = db.prepare(&sql)?;
    // What is not understood stays: a newer version may have written it, or somebody else.
    understood(statement.query_map([ROW_BYTES], |row| {
        let RunRow { run_id, updated_at, .. } = run_row(row)?;
        Ok(EndedRun { run_id, ended_at: updated_at, fact_bytes: whole(row.get(COLUMN_COUNT)?), log_bytes: 0 })
    })?)
}

fn hook_days(db: &Connection) -> rusqlite::Result<Vec<HookDay>> {
    let mut statement = db.prepare(
        "SELECT at_ms / ?1 * ?1, total(octet_length(body) + ?2) FROM hook_facts WHERE at_ms >= 0 GROUP BY 1",
    )?;
    understood(statement.query_map([DAY_MS, ROW_BYTES], |row| {
        Ok(HookDay { begins_at: instant(0, row.get(0)?)?, bytes: whole(row.get(1)?) })
    })?)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a sum of sizes")]
fn whole(bytes: f64) -> u64 {
    bytes as u64
}

pub(super) fn remove_runs(tx: &Transaction<'_>, runs: &[RunId]) -> rusqlite::Result<usize> {
    let mut count = 0;
    for run in runs {
        let sql = "DELETE FROM run_rows WHERE run_id = ?1 AND phase = 'finished' RETURNING session_id";
        let session: Option<String> =
            tx.prepare_cached(sql)?.query_row([run.as_str()], |row| row.get(0)).optional()?;
        let Some(session) = session else { continue };
        for table in ["events", "runs"] {
            tx.prepare_cached(&format!("DELETE FROM {table} WHERE run_id = ?1"))?.execute([run.as_str()])?;
        }
        for table in ["agent_sessions_by_agent", "agent_sessions"] {
            let sql = format!(
                "DELETE FROM {table} WHERE session_id = ?1 \
                 AND NOT EXISTS (SELECT 1 FROM run_rows WHERE run_rows.session_id = ?1)"
            );
            tx.prepare_cached(&sql)?.execute([&session])?;
        }
        count += 1;
    }
    Ok(count)
}

pub(super) fn remove_hook_facts(
    tx: &Transaction<'_>,
    before: Timestamp,
    count_max: usize,
) -> rusqlite::Result<usize> {
    // Ids are ordered by time, so few rows are looked at.
    let sql = "DELETE FROM hook_facts WHERE id IN \
               (SELECT id FROM hook_facts WHERE at_ms < ?1 ORDER BY id LIMIT ?2)";
    tx.execute(sql, params![before.as_millisecond(), limit(count_max)])
}

pub(super) fn give_space_back(db: &Connection) -> rusqlite::Result<bool> {
    // A ledger of an older version keeps its size: it was made without this.
    let can_shrink: i64 = db.pragma_query_value(None, "auto_vacuum", |row| row.get(0))?;
    let free: i64 = db.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
    if can_shrink == 0 || free < PAGES_AT_ONCE {
        return Ok(false);
    }
    let mut statement = db.prepare(&format!("PRAGMA incremental_vacuum({PAGES_AT_ONCE})"))?;
    let mut steps = statement.query([])?;
    while steps.next()?.is_some() {}
    Ok(true)
}
