//! The agent sessions in which sessions of ours continue, and the breakers.

use jiff::Timestamp;
use pointsman_core::breaker::Breaker;
use pointsman_core::ids::{AgentName, AgentSessionId};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use super::super::ledger::{AgentSessionKey, AgentSessionLink, BreakerRow};

pub(super) fn agent_session(
    db: &Connection,
    key: &AgentSessionKey,
) -> rusqlite::Result<Option<AgentSessionId>> {
    let sql = "SELECT agent_session_id FROM agent_sessions_by_agent \
               WHERE session_id = ?1 AND command = ?2 AND agent = ?3 AND project_root = ?4";
    let project = key.project.to_string_lossy();
    let of = params![key.session.as_str(), key.command, key.agent, project];
    let known: Option<String> = db.prepare_cached(sql)?.query_row(of, |row| row.get(0)).optional()?;
    // What an older version wrote that is no UUID is no session to go on with.
    Ok(known.and_then(|id| id.parse().ok()))
}

pub(super) fn link(tx: &Transaction<'_>, link: &AgentSessionLink, now: Timestamp) -> rusqlite::Result<()> {
    let AgentSessionLink { key, agent_session } = link;
    let project = key.project.to_string_lossy();
    tx.execute(
        "INSERT INTO agent_sessions_by_agent (session_id, command, agent, project_root, agent_session_id, updated_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET agent_session_id = excluded.agent_session_id, \
         updated_at = excluded.updated_at",
        params![key.session.as_str(), key.command, key.agent, project, agent_session.as_str(), now.to_string()],
    )
    .map(drop)
}

pub(super) fn change_breaker(
    tx: &Transaction<'_>,
    agent: &AgentName,
    model: &str,
    decide: &mut dyn FnMut(Breaker) -> Breaker,
) -> rusqlite::Result<()> {
    let sql = "SELECT state FROM breakers WHERE agent = ?1 AND model = ?2";
    let text: Option<String> = tx.query_row(sql, [agent.as_str(), model], |row| row.get(0)).optional()?;
    let before: Breaker = text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let after = decide(before);
    if after == before {
        return Ok(());
    }
    let state = serde_json::to_string(&after).expect("plain data has a JSON form");
    tx.execute(
        "INSERT INTO breakers (agent, model, state) VALUES (?1, ?2, ?3) \
         ON CONFLICT (agent, model) DO UPDATE SET state = excluded.state",
        params![agent.as_str(), model, state],
    )
    .map(drop)
}

pub(super) fn breakers(db: &Connection) -> rusqlite::Result<Vec<BreakerRow>> {
    let mut statement = db.prepare("SELECT agent, model, state FROM breakers ORDER BY 1, 2")?;
    let rows = statement.query_map([], |row| {
        let breaker = serde_json::from_str(&row.get::<_, String>(2)?).unwrap_or_default();
        Ok(BreakerRow { agent: row.get(0)?, model: row.get(1)?, breaker })
    })?;
    rows.collect()
}
