//! Facts that hooks have seen.

use jiff::Timestamp;
use pointsman_core::hook::fact::HookFact;
use rusqlite::{Connection, Transaction, params};

pub(super) fn add(tx: &Transaction<'_>, facts: &[HookFact]) -> rusqlite::Result<Vec<HookFact>> {
    let mut new = vec![];
    let mut insert = tx.prepare_cached(
        "INSERT OR IGNORE INTO hook_facts (id, at, at_ms, session_id, kind, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for fact in facts {
        let body = serde_json::to_string(fact).expect("plain data has a JSON form");
        let (at, at_ms) = (fact.at.to_string(), fact.at.as_millisecond());
        let (id, session, kind) = (fact.id.as_str(), fact.session.as_str(), fact.what.kind());
        if insert.execute(params![id, at, at_ms, session, kind, body])? > 0 {
            new.push(fact.clone());
        }
    }
    Ok(new)
}

pub(super) fn update(tx: &Transaction<'_>, facts: &[HookFact]) -> rusqlite::Result<()> {
    let mut update = tx.prepare_cached("UPDATE hook_facts SET body = ?2 WHERE id = ?1")?;
    for fact in facts {
        let body = serde_json::to_string(fact).expect("plain data has a JSON form");
        update.execute(params![fact.id.as_str(), body])?;
    }
    Ok(())
}

/// Returns the facts since an instant. A row in an unknown format is skipped: it stays for the version that knows it.
pub(super) fn since(db: &Connection, since: Timestamp) -> rusqlite::Result<Vec<HookFact>> {
    // Ids are ordered by time, so they are the index; `at_ms` decides at the boundary.
    let mut rows = db.prepare_cached("SELECT body FROM hook_facts WHERE at_ms >= ?1 ORDER BY id")?;
    let facts = rows.query_map([since.as_millisecond()], |row| {
        Ok(row.get_ref(0)?.as_str().ok().and_then(|body| serde_json::from_str(body).ok()))
    })?;
    facts.filter_map(Result::transpose).collect()
}
