use std::fs;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use pointsman_core::agent::Tier;
use pointsman_core::error_code::ErrorCode;
use pointsman_core::request::{Mode, Origin, Overrides};
use pointsman_core::run::event::{EVENT_VERSION, Fact, Requested};
use pointsman_core::run::outcome::Verdict;

use super::*;

const LIMITS: BreakerLimits =
    BreakerLimits { threshold: 3, open_for: Duration::from_secs(60), probe_for: Duration::from_secs(60) };

struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        Place { dir: tempfile::tempdir().unwrap() }
    }

    fn paths(&self) -> StorePaths {
        StorePaths {
            state: self.dir.path().join("state"),
            spool_fallbacks: vec![self.dir.path().join("other")],
        }
    }

    fn open(&self) -> Store {
        Store::open(self.paths())
    }
}

fn append(store: &mut Store, events: &[RunEvent], run: &RunState) {
    store.append(&entry(events, run)).unwrap();
}

fn entry<'a>(events: &'a [RunEvent], run: &'a RunState) -> Entry<'a> {
    Entry { events, run, driver: None, agent_session: None }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// A run's first and last event, and its state after each.
fn short_run(id: &str) -> (Vec<RunEvent>, RunState) {
    let run_id: RunId = id.parse().unwrap();
    let requested = Fact::Requested(Requested {
        version: EVENT_VERSION,
        request_hash: "0123456789abcdef".to_owned(),
        prompt: Some("words".to_owned()),
        session_id: "s".parse().unwrap(),
        project_root: "/project".to_owned(),
        origin: Origin::Cli,
        mode: Mode::Orchestration,
        rehearsal: false,
        overrides: Overrides { tier: Some(Tier::Opus), agent: None },
        quota_pressure: Default::default(),
        judges_word: None,
    });
    let routed = serde_json::json!({"type": "routed", "route": {"decision": "direct", "agent": "opus-general",
        "tier": "opus", "confidence": 0.9, "reason": "r", "layer": "override", "rules": [], "complexity": "simple",
        "timing": "unattended", "policy_hash": "h"}});
    let finished = Fact::Finished {
        verdict: Verdict::Refused,
        code: Some(ErrorCode::NotApproved),
        exit_code: 77,
        reason: "no".to_owned(),
        hint: None,
        resets_at: None,
    };
    let facts = [requested, serde_json::from_value(routed).unwrap(), finished];
    let events: Vec<RunEvent> = (1..)
        .zip(facts)
        .map(|(seq, fact)| RunEvent { run_id: run_id.clone(), seq, at: at(i64::from(seq)), fact })
        .collect();
    let state = RunState::replay(&events).unwrap();
    (events, state)
}

#[test]
fn what_was_appended_is_read_again_by_the_next_process() {
    let place = Place::new();
    let (events, state) = short_run("run-1");
    append(&mut place.open(), &events, &state);
    let store = place.open();
    assert!(store.trouble().is_none(), "{:?}", store.trouble());
    assert_eq!(store.events(&"run-1".parse().unwrap()).unwrap(), events);
    let rows = store.runs(10).unwrap();
    assert_eq!(
        (rows.len(), rows[0].phase.as_str(), rows[0].agent.as_deref()),
        (1, "refused", Some("opus-general"))
    );
}

#[test]
fn a_second_writer_of_the_same_position_is_refused_and_nothing_is_overwritten() {
    let place = Place::new();
    let (events, state) = short_run("run-1");
    let mut store = place.open();
    append(&mut store, &events[..1], &state);
    assert!(matches!(
        store.ledger.as_mut().unwrap().append(&entry(&events[..1], &state)),
        Err(StoreError::Database { .. })
    ));
    assert_eq!(store.events(&"run-1".parse().unwrap()).unwrap().len(), 1);
}

#[test]
fn p22_what_a_broken_ledger_refuses_is_in_the_spool_and_taken_over_once() {
    let place = Place::new();
    let paths = place.paths();
    private::ensure_dir(&paths.state).unwrap();
    fs::write(paths.ledger(), "this is no database, by any measure".repeat(100)).unwrap();
    let mut broken = place.open();
    assert!(matches!(broken.trouble(), Some(StoreError::Damaged { .. })), "{:?}", broken.trouble());
    let (events, state) = short_run("run-1");
    append(&mut broken, &events[..2], &state);
    append(&mut broken, &events[2..], &state);
    assert!(broken.spooled_bytes() > 0);
    assert_eq!(broken.drain_spool(), 0, "a broken ledger takes nothing over, and the spool keeps it");

    let aside = broken.replace_if_damaged().unwrap().unwrap();
    assert!(aside.exists(), "the damaged file is kept");
    assert_eq!(broken.drain_spool(), 3);
    assert_eq!(broken.drain_spool(), 0);
    assert_eq!(broken.spooled_bytes(), 0);
    assert_eq!(broken.runs(10).unwrap()[0].phase, "refused");
}

#[test]
fn events_that_the_ledger_already_has_are_not_taken_over_twice() {
    let place = Place::new();
    let (events, state) = short_run("run-1");
    let mut store = place.open();
    append(&mut store, &events[..2], &state);
    store.spool.append(&events).unwrap();
    assert_eq!(store.drain_spool(), 1);
    assert_eq!(store.events(&"run-1".parse().unwrap()).unwrap(), events);
}

#[test]
fn a_torn_last_line_of_the_spool_costs_only_itself() {
    let place = Place::new();
    let mut store = place.open();
    let (events, _) = short_run("run-1");
    store.spool.append(&events).unwrap();
    let file = place.paths().state.join("spool/events.jsonl");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, &text[..text.len() - 10]).unwrap();
    assert_eq!(store.drain_spool(), 2);
}

#[test]
fn the_spool_finds_another_place_where_the_state_directory_is_refused() {
    let place = Place::new();
    fs::write(place.dir.path().join("state"), "a file in the way").unwrap();
    let mut store = place.open();
    assert!(matches!(store.trouble(), Some(StoreError::Private(private::PrivateError::NotDirectory { .. }))));
    let (events, state) = short_run("run-1");
    append(&mut store, &events, &state);
    fs::remove_file(place.dir.path().join("state")).unwrap();
    assert_eq!(place.open().drain_spool(), 3);
}

#[test]
fn a_newer_ledger_is_left_alone() {
    let place = Place::new();
    drop(place.open());
    let db = rusqlite::Connection::open_in_memory().unwrap();
    db.execute("ATTACH ?1 AS there", [place.paths().ledger().to_str().unwrap()]).unwrap();
    db.execute_batch("PRAGMA there.user_version = 99").unwrap();
    drop(db);
    assert!(matches!(place.open().trouble(), Some(StoreError::Newer { found: 99, .. })));
}

/// The guard is `BEGIN IMMEDIATE` around read, decide and write: with a deferred transaction this fails.
#[test]
fn p13_of_thirty_two_concurrent_callers_one_is_the_probe_and_a_restart_forgets_nothing() {
    let place = Place::new();
    let (agent, model): (AgentName, _) = ("sonnet-general".parse().unwrap(), "sonnet");
    for _ in 0..3 {
        place.open().record_outcome(&agent, model, Outcome::Overloaded, &LIMITS, at(0));
    }
    assert_eq!(place.open().admit(&agent, model, &LIMITS, at(1)), Admission::Refuse { until: at(60) });
    let start = Arc::new(Barrier::new(32));
    let callers: Vec<_> = (0..32)
        .map(|_| {
            let (paths, agent, start) = (place.paths(), agent.clone(), Arc::clone(&start));
            std::thread::spawn(move || {
                let mut store = Store::open(paths);
                start.wait();
                store.admit(&agent, model, &LIMITS, at(61))
            })
        })
        .collect();
    let admissions: Vec<Admission> = callers.into_iter().map(|caller| caller.join().unwrap()).collect();
    let probes = admissions.iter().filter(|admission| **admission == Admission::Probe).count();
    assert_eq!(probes, 1, "{admissions:?}");
    assert!(!admissions.contains(&Admission::Pass));
}

/// Deterministic noise: the n-th number of a simple generator.
fn noise(n: u64) -> usize {
    let mixed = (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    usize::try_from((mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 33).unwrap()
}

#[test]
fn p15_two_hundred_damaged_ledgers_are_read_or_refused_and_never_lose_the_next_run() {
    let place = Place::new();
    let mut store = place.open();
    for n in 0..40 {
        let (events, state) = short_run(&format!("run-{n}"));
        append(&mut store, &events, &state);
    }
    store.ledger.as_ref().unwrap().fold_log();
    drop(store);
    let healthy = fs::read(place.paths().ledger()).unwrap();
    let mut damaged_count = 0;
    for n in 0..200u64 {
        let place = Place::new();
        private::ensure_dir(&place.paths().state).unwrap();
        let mut bytes = healthy.clone();
        if n % 2 == 0 {
            bytes.truncate(1 + noise(n) % (bytes.len() - 1));
        } else {
            for flip in 0..=n {
                let at = noise(n * 1000 + flip) % bytes.len();
                bytes[at] ^= 1 << (flip % 8);
            }
        }
        fs::write(place.paths().ledger(), bytes).unwrap();
        let mut store = place.open();
        let (events, state) = short_run("the-next-run");
        append(&mut store, &events, &state);
        let kept = store.events(&"the-next-run".parse().unwrap()).map(|log| log == events).unwrap_or(false);
        assert!(kept || store.spooled_bytes() > 0, "case {n}: in the ledger or in the spool");
        // Looking must answer or explain, whatever the pages hold.
        let _ = store.runs(1000).map_err(|what| assert!(!what.is_empty()));
        if store.is_damaged() {
            damaged_count += 1;
            store.replace_if_damaged().unwrap();
            store.drain_spool();
            assert!(store.check().is_ok(), "case {n}: a repaired store is healthy");
        }
    }
    assert!(damaged_count > 100, "{damaged_count}: the damage must be damage");
}

#[test]
fn s05_everything_is_closed_to_others_whatever_the_directory_was_before() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    fs::create_dir(place.dir.path().join("state")).unwrap();
    fs::set_permissions(place.dir.path().join("state"), fs::Permissions::from_mode(0o777)).unwrap();
    let mut store = place.open();
    let (events, state) = short_run("run-1");
    append(&mut store, &events, &state);
    store.spool.append(&events).unwrap();
    metrics::append(&place.paths().state, at(0), &"record").unwrap();
    journal::Journal::open(&store.run_dir(&"run-1".parse().unwrap()).unwrap()).unwrap();
    place.paths().hash_key();
    let mut seen = 0;
    let mut dirs = vec![place.paths().state];
    while let Some(dir) = dirs.pop() {
        assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700, "{dir:?}");
        for entry in fs::read_dir(dir).unwrap().flatten() {
            seen += 1;
            match entry.file_type().unwrap().is_dir() {
                true => dirs.push(entry.path()),
                false => {
                    assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{entry:?}")
                }
            }
        }
    }
    assert!(seen >= 8, "{seen}");
}

#[test]
fn s05_a_symbolic_link_is_no_private_directory_and_no_file_of_ours() {
    let place = Place::new();
    let elsewhere = place.dir.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, place.dir.path().join("state")).unwrap();
    assert!(matches!(
        place.open().trouble(),
        Some(StoreError::Private(private::PrivateError::Symlink { .. }))
    ));
    let planted = elsewhere.join("log.jsonl");
    std::os::unix::fs::symlink(place.dir.path().join("victim"), &planted).unwrap();
    assert!(private::append(&planted).is_err());
    assert!(!place.dir.path().join("victim").exists());
}

/// The guard is `not_emptied`: without it the runs are forgotten without a word.
#[test]
fn p15_a_ledger_that_lost_its_content_is_damage_and_no_new_beginning() {
    let place = Place::new();
    let mut store = place.open();
    let (events, state) = short_run("run-1");
    append(&mut store, &events, &state);
    journal::Journal::open(&store.run_dir(&"run-1".parse().unwrap()).unwrap()).unwrap();
    drop(store);
    for side in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
        fs::write(place.paths().state.join(side), "").unwrap();
    }
    assert!(matches!(place.open().trouble(), Some(StoreError::Damaged { .. })));
}

#[test]
fn a_lock_is_held_by_one_and_free_after_its_holder() {
    let dir = tempfile::tempdir().unwrap();
    let held = lock::try_lock(dir.path(), "session-a").unwrap();
    assert!(held.is_some());
    assert!(lock::try_lock(dir.path(), "session-a").unwrap().is_none());
    assert!(lock::try_lock(dir.path(), "session-b").unwrap().is_some());
    drop(held);
    assert!(lock::try_lock(dir.path(), "session-a").unwrap().is_some());
}
