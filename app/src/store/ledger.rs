//! The SQLite ledger.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use pointsman_core::breaker::Breaker;
use pointsman_core::hook::fact::HookFact;
use pointsman_core::ids::{AgentName, RunId, SessionId};
use pointsman_core::run::event::RunEvent;
use pointsman_core::run::state::RunState;
use rusqlite::config::DbConfig;
use rusqlite::{
    Connection, OpenFlags, OptionalExtension as _, Row, Transaction, TransactionBehavior, params,
};
use serde::Serialize;

use super::{AgentSessionLink, CliAgent, Entry, StoreError, private};
use crate::process::identity::ProcessIdentity;

/// The migrations in order; the position is the schema version.
const MIGRATIONS: [&str; 3] = [
    include_str!("migrations/0001_ledger.sql"),
    include_str!("migrations/0002_hook_facts.sql"),
    include_str!("migrations/0003_agent_sessions.sql"),
];

/// SQLite 3.7.0 to 3.51.2 can corrupt a database when a write-ahead log is reset while short-lived
/// processes come and go, which is just how this program works.
const SQLITE_VERSION_MIN: i32 = 3_051_003;

/// How long a writer waits for another before it gives up.
const BUSY_LIMIT: Duration = Duration::from_secs(5);

/// How long a glance waits for a writer: a person's session waits for it.
const GLANCE_LIMIT: Duration = Duration::from_millis(20);

/// The write-ahead log is folded into the file when it has this many pages: a run writes about fifteen.
const LOG_PAGES_MAX: u32 = 64;

pub(super) struct Ledger {
    path: PathBuf,
    db: Connection,
}

/// One line per run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunRow {
    /// The run.
    pub run_id: RunId,
    /// When it was asked.
    pub created_at: String,
    /// When its log grew last.
    pub updated_at: String,
    /// Where it stands: `running`, `waiting`, …, or its verdict.
    pub phase: String,
    /// The session.
    pub session_id: String,
    /// The project directory.
    pub project_root: String,
    /// The hash of the request.
    pub request_hash: String,
    /// Who did it last.
    pub agent: Option<String>,
    /// The tier that did it last.
    pub tier: Option<String>,
    /// Whether it was played by the scripted agent.
    pub rehearsal: bool,
}

/// One breaker.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BreakerRow {
    /// The agent.
    pub agent: String,
    /// The model.
    pub model: String,
    /// Its state.
    pub breaker: Breaker,
}

impl Ledger {
    #[expect(clippy::disallowed_methods, reason = "this is the room that holds SQL")]
    pub(super) fn open(path: &Path) -> Result<Ledger, StoreError> {
        if rusqlite::version_number() < SQLITE_VERSION_MIN {
            return Err(StoreError::OldSqlite { found: rusqlite::version() });
        }
        let io = |source| private::PrivateError::Io { path: path.to_owned(), source };
        // Made by us first, so that its mode is 0600 from its first moment; SQLite's side files copy it.
        let is_new = !path.exists();
        private::touch(path).map_err(io)?;
        let opened = Connection::open(path).map_err(|source| database(path, source)).and_then(|db| {
            let mut ledger = Ledger { path: path.to_owned(), db };
            ledger.configure().map_err(|source| database(path, source))?;
            ledger.migrate()?;
            Ok(ledger)
        });
        let is_empty = || std::fs::metadata(path).is_ok_and(|meta| meta.len() == 0);
        if opened.is_err() && is_new && is_empty() {
            // An empty file that stays would look like a ledger that lost its content.
            let _ = std::fs::remove_file(path);
        }
        opened
    }

    /// Opens the ledger to look at it and go: nothing is made, nothing is migrated, and nobody is waited for.
    pub(super) fn open_to_glance(path: &Path) -> Option<Ledger> {
        let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).ok()?;
        db.busy_timeout(GLANCE_LIMIT).ok()?;
        let ledger = Ledger { path: path.to_owned(), db };
        (ledger.schema_version().ok()? as usize == MIGRATIONS.len()).then_some(ledger)
    }

    fn configure(&self) -> rusqlite::Result<()> {
        self.db.busy_timeout(BUSY_LIMIT)?;
        self.db.pragma_update(None, "journal_mode", "WAL")?;
        self.db.pragma_update(None, "synchronous", "FULL")?;
        self.db.pragma_update(None, "foreign_keys", "ON")?;
        // A database file from elsewhere must not be able to run code.
        self.db.pragma_update(None, "trusted_schema", "OFF")?;
        // Folding the log back at the end of every short process costs three syncs. Not folding it at all makes
        // every start read a long log again. So it is folded every few runs.
        self.db.pragma_update(None, "wal_autocheckpoint", LOG_PAGES_MAX)?;
        self.db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map(drop)
    }

    fn migrate(&mut self) -> Result<(), StoreError> {
        let known = u32::try_from(MIGRATIONS.len()).expect("a handful");
        let found = self.schema_version()?;
        if found > known {
            return Err(StoreError::Newer { path: self.path.clone(), found, known });
        }
        if found == known {
            return Ok(());
        }
        self.transaction(|tx| {
            // Read again under the lock: another process may have migrated meanwhile.
            let found: u32 = tx.pragma_query_value(None, "user_version", |row| row.get(0))?;
            for sql in &MIGRATIONS[found as usize..] {
                tx.execute_batch(sql)?;
            }
            tx.pragma_update(None, "user_version", known)
        })
    }

    /// Refuses every further write of this connection.
    pub(super) fn forbid_writes(&self) -> Result<(), StoreError> {
        self.db.pragma_update(None, "query_only", "ON").map_err(|source| database(&self.path, source))
    }

    fn schema_version(&self) -> Result<u32, StoreError> {
        self.db
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .map_err(|source| database(&self.path, source))
    }

    fn transaction<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let run = |db: &mut Connection| {
            let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = work(&tx)?;
            tx.commit()?;
            Ok(value)
        };
        run(&mut self.db).map_err(|source| database(&self.path, source))
    }

    pub(super) fn append(&mut self, entry: &Entry<'_>) -> Result<(), StoreError> {
        let Some(last) = entry.events.last() else { return Ok(()) };
        self.transaction(|tx| {
            for event in entry.events {
                insert_event(tx, event, "INSERT")?;
            }
            if let Some(driver) = entry.driver {
                set_driver(tx, &last.run_id, driver)?;
            }
            if let Some(link) = entry.agent_session {
                set_agent_session(tx, link, last.at)?;
            }
            upsert_run(tx, Some(&last.run_id), entry.run, Some(last.at))?;
            // Pages have no checksums: a damaged index can take a row and not find it again.
            read_back(tx, &last.run_id, entry.events)
        })
    }

    /// Adds spooled events that are not here yet and renews the lines of their runs.
    pub(super) fn take_over(&mut self, events: &[RunEvent]) -> Result<usize, StoreError> {
        let mut runs: Vec<RunId> = events.iter().map(|event| event.run_id.clone()).collect();
        runs.sort();
        runs.dedup();
        self.transaction(|tx| {
            let mut count = 0;
            for event in events {
                count += insert_event(tx, event, "INSERT OR IGNORE")?;
            }
            for id in &runs {
                let log = events_of(tx, id)?;
                // A log with a gap (one file lost) keeps its events and gets no line.
                if let Ok(state) = RunState::replay(&log) {
                    upsert_run(tx, Some(id), &state, log.last().map(|event| event.at))?;
                }
            }
            Ok(count)
        })
    }

    /// Adds facts of hooks that are not here yet; returns those that are new.
    pub(super) fn add_hook_facts(&mut self, facts: &[HookFact]) -> Result<Vec<HookFact>, StoreError> {
        self.transaction(|tx| {
            let mut new = vec![];
            let mut insert = tx.prepare_cached(
                "INSERT OR IGNORE INTO hook_facts (id, at, session_id, kind, body) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?;
            for fact in facts {
                let body = serde_json::to_string(fact).expect("plain data has a JSON form");
                let (id, at, session) = (fact.id.as_str(), fact.at.to_string(), fact.session.as_str());
                if insert.execute(params![id, at, session, fact.what.kind(), body])? > 0 {
                    new.push(fact.clone());
                }
            }
            Ok(new)
        })
    }

    /// Returns the facts of hooks since an instant, oldest first. A row of a form that is not known is left out.
    pub(super) fn hook_facts(&self, since: Timestamp) -> Result<Vec<HookFact>, StoreError> {
        let read = || {
            // Ids are in the order of time, so they are the index; `at` decides at the edge.
            let mut rows =
                self.db.prepare_cached("SELECT body FROM hook_facts WHERE at >= ?1 ORDER BY id")?;
            let bodies = rows.query_map([since.to_string()], |row| row.get::<_, String>(0))?;
            bodies.collect::<rusqlite::Result<Vec<_>>>()
        };
        let bodies = read().map_err(|source| database(&self.path, source))?;
        Ok(bodies.iter().filter_map(|body| serde_json::from_str(body).ok()).collect())
    }

    pub(super) fn events(&self, run: &RunId) -> Result<Vec<RunEvent>, StoreError> {
        events_of(&self.db, run)
            .map_err(|error| StoreError::Log { run: run.to_string(), what: error.to_string() })
    }

    pub(super) fn runs_by_prefix(&self, prefix: &str, count_max: usize) -> Result<Vec<RunRow>, StoreError> {
        let sql = "SELECT run_id, created_at, updated_at, phase, session_id, project_root, request_hash, agent, \
                   tier, rehearsal FROM runs WHERE substr(run_id, 1, length(?1)) = ?1 \
                   ORDER BY run_id DESC LIMIT ?2";
        let limit = i64::try_from(count_max).unwrap_or(i64::MAX);
        let read = || {
            let mut statement = self.db.prepare(sql)?;
            let rows = statement.query_map(params![prefix, limit], run_row)?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(|source| database(&self.path, source))
    }

    pub(super) fn open_runs(&self) -> Result<Vec<(RunId, Option<ProcessIdentity>)>, StoreError> {
        let sql = "SELECT runs.run_id, identity FROM runs LEFT JOIN drivers USING (run_id) \
                   WHERE phase IN ('requested', 'ready', 'running') \
                      OR (phase = 'waiting' AND identity IS NOT NULL)";
        let read = || {
            let mut statement = self.db.prepare(sql)?;
            let rows = statement.query_map([], |row| {
                let identity: Option<String> = row.get(1)?;
                Ok((id(row, 0)?, identity.and_then(|text| serde_json::from_str(&text).ok())))
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(|source| database(&self.path, source))
    }

    pub(super) fn driver(&self, run: &RunId) -> Result<Option<ProcessIdentity>, StoreError> {
        let sql = "SELECT identity FROM drivers WHERE run_id = ?1";
        let text: Option<String> = self
            .db
            .query_row(sql, [run.as_str()], |row| row.get(0))
            .optional()
            .map_err(|source| database(&self.path, source))?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Reads, decides and writes one breaker while nobody else can.
    pub(super) fn with_breaker<T>(
        &mut self,
        agent: &AgentName,
        model: &str,
        decide: impl FnOnce(Breaker) -> (Breaker, T),
    ) -> Result<T, StoreError> {
        self.transaction(|tx| {
            let sql = "SELECT state FROM breakers WHERE agent = ?1 AND model = ?2";
            let text: Option<String> =
                tx.query_row(sql, [agent.as_str(), model], |row| row.get(0)).optional()?;
            let before: Breaker = text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
            let (after, decision) = decide(before);
            if after != before {
                let state = serde_json::to_string(&after).expect("plain data has a JSON form");
                tx.execute(
                    "INSERT INTO breakers (agent, model, state) VALUES (?1, ?2, ?3) \
                     ON CONFLICT (agent, model) DO UPDATE SET state = excluded.state",
                    params![agent.as_str(), model, state],
                )?;
            }
            Ok(decision)
        })
    }

    pub(super) fn breakers(&self) -> Result<Vec<BreakerRow>, StoreError> {
        let read = || {
            let mut statement = self.db.prepare("SELECT agent, model, state FROM breakers ORDER BY 1, 2")?;
            let rows = statement.query_map([], |row| {
                let state: String = row.get(2)?;
                let breaker = serde_json::from_str(&state).unwrap_or_default();
                Ok(BreakerRow { agent: row.get(0)?, model: row.get(1)?, breaker })
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(|source| database(&self.path, source))
    }

    pub(super) fn agent_session(
        &self,
        session: &SessionId,
        cli: CliAgent<'_>,
        project: &Path,
    ) -> Result<Option<String>, StoreError> {
        let sql = "SELECT agent_session_id FROM agent_sessions_by_agent \
                   WHERE session_id = ?1 AND command = ?2 AND agent = ?3 AND project_root = ?4";
        let key = params![session.as_str(), cli.command, cli.agent, project.to_string_lossy()];
        self.db
            .query_row(sql, key, |row| row.get(0))
            .optional()
            .map_err(|source| database(&self.path, source))
    }

    /// Returns runs of a session that ended well, and their projects: those of this project first, then newest first.
    /// Rehearsals and real runs know nothing of each other.
    pub(super) fn runs_of_session(
        &self,
        session: &SessionId,
        project: &Path,
        rehearsal: bool,
        count_max: usize,
    ) -> Result<Vec<(RunId, PathBuf)>, StoreError> {
        let sql = "SELECT run_id, project_root FROM runs WHERE session_id = ?1 AND phase = 'succeeded' AND rehearsal = ?4 \
                   ORDER BY project_root = ?2 DESC, updated_at DESC LIMIT ?3";
        let key = params![
            session.as_str(),
            project.to_string_lossy(),
            i64::try_from(count_max).unwrap_or(i64::MAX),
            rehearsal
        ];
        let read = || {
            let mut statement = self.db.prepare(sql)?;
            let rows =
                statement.query_map(key, |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
            rows.collect::<Result<Vec<_>, _>>()
        };
        let rows = read().map_err(|source| database(&self.path, source))?;
        Ok(rows.into_iter().filter_map(|(id, project)| Some((id.parse().ok()?, project.into()))).collect())
    }

    /// Folds the write-ahead log into the file.
    #[cfg(test)]
    pub(super) fn fold_log(&self) {
        self.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    }

    pub(super) fn check(&self) -> Result<(), StoreError> {
        let said: String = self
            .db
            .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
            .map_err(|source| database(&self.path, source))?;
        if said == "ok" { Ok(()) } else { Err(StoreError::Damaged { path: self.path.clone(), what: said }) }
    }
}

fn insert_event(tx: &Transaction<'_>, event: &RunEvent, verb: &str) -> rusqlite::Result<usize> {
    let body = body_of(event);
    tx.prepare_cached(&format!(
        "{verb} INTO events (run_id, seq, at, kind, body) VALUES (?1, ?2, ?3, ?4, ?5)"
    ))?
    .execute(params![event.run_id.as_str(), event.seq, event.at.to_string(), event.fact.kind(), body])
}

fn set_driver(tx: &Transaction<'_>, run: &RunId, driver: &ProcessIdentity) -> rusqlite::Result<()> {
    let identity = serde_json::to_string(driver).expect("plain data has a JSON form");
    tx.execute(
        "INSERT INTO drivers (run_id, identity) VALUES (?1, ?2) \
         ON CONFLICT (run_id) DO UPDATE SET identity = excluded.identity",
        params![run.as_str(), identity],
    )
    .map(drop)
}

fn set_agent_session(tx: &Transaction<'_>, link: &AgentSessionLink, now: Timestamp) -> rusqlite::Result<()> {
    let project = link.project.to_string_lossy();
    tx.execute(
        "INSERT INTO agent_sessions_by_agent VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
         ON CONFLICT DO UPDATE SET agent_session_id = excluded.agent_session_id, \
         updated_at = excluded.updated_at",
        params![
            link.session.as_str(),
            link.command,
            link.agent,
            project,
            link.agent_session,
            now.to_string()
        ],
    )
    .map(drop)
}

fn upsert_run(
    tx: &Transaction<'_>,
    id: Option<&RunId>,
    run: &RunState,
    updated_at: Option<Timestamp>,
) -> rusqlite::Result<()> {
    let (Some(id), Some(requested), Some(updated_at)) = (id, &run.requested, updated_at) else {
        return Ok(());
    };
    if run.is_finished() {
        tx.execute("DELETE FROM drivers WHERE run_id = ?1", [id.as_str()])?;
    }
    let last = run.attempts.last().map(|attempt| (attempt.started.agent.as_str(), attempt.started.tier));
    let routed = run.route.as_ref().map(|route| (route.agent.as_str(), route.tier));
    let (agent, tier) =
        last.or(routed).map_or((None, None), |(agent, tier)| (Some(agent), Some(tier.as_str())));
    tx.execute(
        "INSERT INTO runs VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) \
         ON CONFLICT (run_id) DO UPDATE SET seq = excluded.seq, updated_at = excluded.updated_at, \
         phase = excluded.phase, agent = excluded.agent, tier = excluded.tier WHERE excluded.seq >= runs.seq",
        params![
            id.as_str(),
            run.seq,
            run.requested_at.unwrap_or(updated_at).to_string(),
            updated_at.to_string(),
            run.phase_name(),
            requested.session_id.as_str(),
            requested.project_root,
            requested.request_hash,
            agent,
            tier,
            requested.rehearsal,
        ],
    )
    .map(drop)
}

/// Looks whether the ledger gives a run's events back as they were written, byte for byte.
fn read_back(tx: &Transaction<'_>, run: &RunId, events: &[RunEvent]) -> rusqlite::Result<()> {
    let bodies = bodies_of(tx, run)?;
    if events.iter().all(|event| bodies.contains(&body_of(event))) {
        return Ok(());
    }
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    Err(rusqlite::Error::SqliteFailure(code, Some("what was written cannot be read back".to_owned())))
}

fn body_of(event: &RunEvent) -> String {
    serde_json::to_string(event).expect("plain data has a JSON form")
}

fn events_of(db: &Connection, run: &RunId) -> rusqlite::Result<Vec<RunEvent>> {
    let event_of = |body: &String| {
        serde_json::from_str(body).map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error))
        })
    };
    bodies_of(db, run)?.iter().map(event_of).collect()
}

fn bodies_of(db: &Connection, run: &RunId) -> rusqlite::Result<Vec<String>> {
    let mut log = db.prepare_cached("SELECT body FROM events WHERE run_id = ?1 ORDER BY seq")?;
    log.query_map([run.as_str()], |row| row.get(0))?.collect()
}

fn run_row(row: &Row<'_>) -> rusqlite::Result<RunRow> {
    Ok(RunRow {
        run_id: id(row, 0)?,
        created_at: row.get(1)?,
        updated_at: row.get(2)?,
        phase: row.get(3)?,
        session_id: row.get(4)?,
        project_root: row.get(5)?,
        request_hash: row.get(6)?,
        agent: row.get(7)?,
        tier: row.get(8)?,
        rehearsal: row.get(9)?,
    })
}

/// An id that was read is checked again: the file may not be ours alone in content.
fn id(row: &Row<'_>, column: usize) -> rusqlite::Result<RunId> {
    row.get::<_, String>(column)?.parse().map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
    })
}

fn database(path: &Path, source: rusqlite::Error) -> StoreError {
    match source.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
            StoreError::Damaged { path: path.to_owned(), what: source.to_string() }
        }
        Some(_) | None => StoreError::Database { path: path.to_owned(), source },
    }
}
