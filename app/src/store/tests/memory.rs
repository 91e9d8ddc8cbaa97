//! A ledger in memory, for tests: the second one that the contract suite runs on, and one that fails on demand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use pointsman_core::breaker::Breaker;
use pointsman_core::hook::fact::HookFact;
use pointsman_core::ids::{AgentName, AgentSessionId, RunId};
use pointsman_core::retention::{EndedRun, HookDay, Past};
use pointsman_core::run::event::RunEvent;
use pointsman_core::run::row::RunRow;
use pointsman_core::run::state::RunState;

use super::super::error::StoreError;
use super::super::ledger::{
    AgentSessionKey, BreakerRow, DriverRow, Ledger, LedgerEntry, OddRow, Runs, that_follow,
};

const DAY_SECONDS: i64 = 24 * 60 * 60;

/// The contents of a ledger. Several ledgers on the same tables are like several processes on one file.
#[derive(Default)]
pub struct Tables {
    events: BTreeMap<(RunId, u32), RunEvent>,
    rows: BTreeMap<RunId, RunRow>,
    drivers: BTreeMap<RunId, DriverRow>,
    cancels: BTreeSet<RunId>,
    breakers: BTreeMap<(String, String), Breaker>,
    agent_sessions: BTreeMap<AgentSessionKey, AgentSessionId>,
    hook_facts: BTreeMap<String, HookFact>,
    /// How many of the next calls fail.
    pub failures: u32,
    /// How many of the calls after those do what they should, and then report a failure.
    pub late_failures: u32,
}

/// A ledger on shared tables.
#[derive(Clone, Default)]
pub struct Memory(pub Arc<Mutex<Tables>>);

impl Memory {
    fn tables<T>(&self, work: impl FnOnce(&mut Tables) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut tables = self.0.lock().unwrap();
        if tables.failures > 0 {
            tables.failures -= 1;
            return Err(busy());
        }
        let done = work(&mut tables);
        if tables.late_failures > 0 {
            tables.late_failures -= 1;
            return Err(busy());
        }
        done
    }
}

fn busy() -> StoreError {
    let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
    let source = Arc::new(rusqlite::Error::SqliteFailure(busy, None));
    StoreError::Database { path: "memory".into(), source }
}

impl Tables {
    /// Requests that a run is stopped, as another process would.
    pub fn request_cancel(&mut self, run: &RunId) {
        self.cancels.insert(run.clone());
    }

    /// Returns all events, by run and position.
    pub fn events(&self) -> Vec<RunEvent> {
        self.events.values().cloned().collect()
    }

    /// Returns what should be gone once runs are over: the number of drivers, and of requests to stop.
    pub fn leftovers(&self) -> (usize, usize) {
        (self.drivers.len(), self.cancels.len())
    }

    fn log(&self, run: &RunId) -> Vec<RunEvent> {
        self.events.iter().filter(|((id, _), _)| id == run).map(|(_, event)| event.clone()).collect()
    }

    fn upsert(&mut self, row: RunRow) {
        if row.is_finished() {
            self.drivers.remove(&row.run_id);
            self.cancels.remove(&row.run_id);
        }
        match self.rows.get(&row.run_id) {
            Some(known) if known.seq > row.seq => {}
            Some(_) | None => drop(self.rows.insert(row.run_id.clone(), row)),
        }
    }
}

impl Ledger for Memory {
    fn append(&mut self, entry: &LedgerEntry) -> Result<(), StoreError> {
        self.tables(|tables| {
            let key = |event: &RunEvent| (event.run_id.clone(), event.seq);
            let is_over = tables.rows.get(&entry.row.run_id).is_some_and(RunRow::is_finished);
            let is_taken = |event: &&RunEvent| is_over || tables.events.contains_key(&key(event));
            if let Some(taken) = entry.events.iter().find(is_taken) {
                return Err(StoreError::Taken { run: taken.run_id.to_string(), seq: taken.seq });
            }
            for event in &entry.events {
                tables.events.insert(key(event), event.clone());
            }
            if let Some(driver) = &entry.driver {
                let row = DriverRow {
                    run_id: entry.row.run_id.clone(),
                    driver: Some(driver.clone()),
                    heartbeat_at: Some(entry.row.updated_at),
                };
                tables.drivers.insert(row.run_id.clone(), row);
            }
            if let Some(link) = &entry.agent_session {
                tables.agent_sessions.insert(link.key.clone(), link.agent_session.clone());
            }
            if let Some(call) = &entry.call {
                let key = (call.agent.to_string(), call.model.clone());
                let before = tables.breakers.get(&key).copied().unwrap_or_default();
                tables.breakers.insert(key, call.record(before, entry.row.updated_at));
            }
            tables.upsert(entry.row.clone());
            Ok(())
        })
    }

    fn add_events(&mut self, events: &[RunEvent]) -> Result<usize, StoreError> {
        self.tables(|tables| {
            let before = tables.events.len();
            for run in events.iter().map(|event| &event.run_id).collect::<BTreeSet<_>>() {
                let of_run: Vec<_> = events.iter().filter(|event| event.run_id == *run).cloned().collect();
                for event in that_follow(&tables.log(run), &of_run) {
                    tables.events.insert((event.run_id.clone(), event.seq), event.clone());
                }
                let log = tables.log(run);
                let state = RunState::replay(&log).ok();
                let row = state.and_then(|state| RunRow::new(run, &state, log.last()?.at));
                row.into_iter().for_each(|row| tables.upsert(row));
            }
            Ok(tables.events.len() - before)
        })
    }

    fn events(&mut self, run: &RunId) -> Result<Vec<RunEvent>, StoreError> {
        self.tables(|tables| Ok(tables.log(run)))
    }

    fn runs(&mut self, which: &Runs) -> Result<Vec<RunRow>, StoreError> {
        self.tables(|tables| {
            let mut rows: Vec<RunRow> =
                tables.rows.values().filter(|row| which.admits(row)).cloned().collect();
            which.put_in_order(&mut rows);
            Ok(rows)
        })
    }

    fn odd_rows(&mut self, _run_count_max: usize) -> Result<Vec<OddRow>, StoreError> {
        self.tables(|_| Ok(vec![]))
    }

    fn drivers(&mut self) -> Result<Vec<DriverRow>, StoreError> {
        self.tables(|tables| Ok(tables.drivers.values().rev().cloned().collect()))
    }

    fn renew_driver(&mut self, run: &RunId, at: Timestamp) -> Result<(), StoreError> {
        self.tables(|tables| {
            tables.drivers.get_mut(run).into_iter().for_each(|row| row.heartbeat_at = Some(at));
            Ok(())
        })
    }

    fn request_cancel(&mut self, run: &RunId, _at: Timestamp) -> Result<(), StoreError> {
        self.tables(|tables| {
            tables.cancels.insert(run.clone());
            Ok(())
        })
    }

    fn is_cancel_requested(&mut self, run: &RunId) -> Result<bool, StoreError> {
        self.tables(|tables| Ok(tables.cancels.contains(run)))
    }

    fn change_breaker(
        &mut self,
        agent: &AgentName,
        model: &str,
        decide: &mut dyn FnMut(Breaker) -> Breaker,
    ) -> Result<(), StoreError> {
        self.tables(|tables| {
            let key = (agent.to_string(), model.to_owned());
            let before = tables.breakers.get(&key).copied().unwrap_or_default();
            let after = decide(before);
            if after != before {
                tables.breakers.insert(key, after);
            }
            Ok(())
        })
    }

    fn breakers(&mut self) -> Result<Vec<BreakerRow>, StoreError> {
        self.tables(|tables| {
            let row = |((agent, model), breaker): (&(String, String), &Breaker)| BreakerRow {
                agent: agent.clone(),
                model: model.clone(),
                breaker: *breaker,
            };
            Ok(tables.breakers.iter().map(row).collect())
        })
    }

    fn agent_session(&mut self, key: &AgentSessionKey) -> Result<Option<AgentSessionId>, StoreError> {
        self.tables(|tables| Ok(tables.agent_sessions.get(key).cloned()))
    }

    fn add_hook_facts(&mut self, facts: &[HookFact]) -> Result<Vec<HookFact>, StoreError> {
        self.tables(|tables| {
            let is_new = |fact: &&HookFact| !tables.hook_facts.contains_key(fact.id.as_str());
            let new: Vec<HookFact> = facts.iter().filter(is_new).cloned().collect();
            for fact in &new {
                tables.hook_facts.insert(fact.id.to_string(), fact.clone());
            }
            Ok(new)
        })
    }

    fn update_hook_facts(&mut self, facts: &[HookFact]) -> Result<(), StoreError> {
        self.tables(|tables| {
            for fact in facts {
                tables.hook_facts.entry(fact.id.to_string()).and_modify(|known| known.clone_from(fact));
            }
            Ok(())
        })
    }

    fn hook_facts(&mut self, since: Timestamp) -> Result<Vec<HookFact>, StoreError> {
        self.tables(|tables| {
            Ok(tables.hook_facts.values().filter(|fact| fact.at >= since).cloned().collect())
        })
    }

    fn past(&mut self) -> Result<Past, StoreError> {
        self.tables(|tables| {
            let ended = tables.rows.values().filter(|row| row.is_finished()).map(|row| EndedRun {
                run_id: row.run_id.clone(),
                ended_at: row.updated_at,
                fact_bytes: tables.log(&row.run_id).len() as u64,
                log_bytes: 0,
            });
            let mut days = BTreeMap::new();
            for fact in tables.hook_facts.values() {
                let second = fact.at.as_second() / DAY_SECONDS * DAY_SECONDS;
                *days.entry(Timestamp::from_second(second).unwrap()).or_default() += 1;
            }
            let hook_days = days.into_iter().map(|(begins_at, bytes)| HookDay { begins_at, bytes });
            Ok(Past { runs: ended.collect(), hook_days: hook_days.collect(), metric_days: vec![] })
        })
    }

    fn remove_runs(&mut self, runs: &[RunId]) -> Result<usize, StoreError> {
        self.tables(|tables| {
            let before = tables.rows.len();
            tables.rows.retain(|id, row| !row.is_finished() || !runs.contains(id));
            let (rows, sessions) = (&tables.rows, &mut tables.agent_sessions);
            tables.events.retain(|(id, _), _| rows.contains_key(id) || !runs.contains(id));
            sessions.retain(|key, _| rows.values().any(|row| row.session_id == key.session));
            Ok(before - tables.rows.len())
        })
    }

    fn remove_hook_facts(&mut self, before: Timestamp, count_max: usize) -> Result<usize, StoreError> {
        self.tables(|tables| {
            let old = tables.hook_facts.iter().filter(|(_, fact)| fact.at < before);
            let gone: Vec<_> = old.map(|(id, _)| id.clone()).take(count_max).collect();
            gone.iter().for_each(|id| drop(tables.hook_facts.remove(id)));
            Ok(gone.len())
        })
    }

    fn give_space_back(&mut self) -> Result<bool, StoreError> {
        Ok(false)
    }
}
