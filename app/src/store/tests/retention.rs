//! Removing the old from a real ledger and real files.

use jiff::SignedDuration;
use pointsman_core::hook::delegation::PersonSaid;
use pointsman_core::hook::note::Note;
use pointsman_core::retention::{RetentionLimits, prunable};

use super::*;

const DAY: i64 = 24 * 60 * 60;

/// A place with as many runs as days, each with a live log of about 8 KiB, and with a fact of hooks and metrics a day.
fn days(count: i64) -> (Place, Store) {
    let place = Place::new();
    let store = place.open();
    for day in 0..count {
        let name = format!("run-{day}");
        let log: Vec<_> =
            refused(&name).into_iter().map(|event| RunEvent { at: at(day * DAY), ..event }).collect();
        assert!(matches!(keep(&store, &log, 0, 3), Kept::Ledger));
        let dir = store.run_dir(&name.parse().unwrap()).unwrap();
        journal::Journal::open(&dir).unwrap().write(&"x".repeat(8000), journal::Weight::Fact).unwrap();
        store.append_metrics(at(day * DAY), &1).unwrap();
        HookStore::new(place.paths())
            .record(&contract::hook_fact(&format!("{day:03}"), day * DAY * 1000))
            .unwrap();
    }
    now(store.drain_hook_spool(|_| {}));
    (place, store)
}

fn prune(store: &Store, limits: RetentionLimits, today: Timestamp) -> Pruned {
    let past = now(store.past(today)).unwrap();
    now(store.prune(&prunable(&past, &limits, today))).unwrap()
}

fn count(place: &Place, dir: &str) -> usize {
    fs::read_dir(place.paths().state.join(dir)).unwrap().count()
}

fn facts_of_hooks(store: &Store) -> usize {
    now(store.hook_facts(Timestamp::UNIX_EPOCH)).unwrap().len()
}

const TEN_DAYS: RetentionLimits =
    RetentionLimits { keep: Duration::from_secs(10 * 24 * 60 * 60), bytes_max: u64::MAX };

#[test]
fn what_is_old_goes_from_the_ledger_and_from_the_disk_and_the_newest_stays() {
    let (place, store) = days(210);
    let pruned = prune(&store, TEN_DAYS, at(210 * DAY));
    let gone = Pruned { run_count: 10, live_log_count: 0, hook_fact_count: 180, metric_day_count: 180 };
    assert_eq!(pruned, gone);
    assert_eq!((count(&place, "runs"), newest(&store).unwrap().len()), (200, 200));
    assert_eq!(count(&place, "metrics"), 30);
    assert_eq!(facts_of_hooks(&store), 30);
    assert_eq!(events(&store, "run-9").unwrap(), []);
    assert_eq!(events(&store, "run-10").unwrap().len(), 3);
    assert_eq!(prune(&store, TEN_DAYS, at(210 * DAY)), Pruned::default());
}

#[test]
fn live_logs_go_first_when_there_is_too_much_and_the_runs_are_still_known() {
    let (place, store) = days(5);
    let past = now(store.past(at(5 * DAY))).unwrap();
    let fact_bytes: u64 =
        past.runs.iter().map(|run| run.fact_bytes).chain(past.hook_days.iter().map(|day| day.bytes)).sum();
    let limits = RetentionLimits { bytes_max: fact_bytes + past.runs[0].log_bytes, ..TEN_DAYS };
    let pruned = prune(&store, limits, at(5 * DAY));
    assert_eq!((pruned.run_count, pruned.live_log_count, pruned.hook_fact_count), (0, 4, 0), "{pruned:?}");
    assert_eq!((count(&place, "runs"), newest(&store).unwrap().len()), (1, 5));
}

#[test]
fn files_of_runs_that_nobody_knows_are_found_and_those_of_open_and_of_new_runs_are_not() {
    let place = Place::new();
    let store = place.open();
    assert!(matches!(keep(&store, &refused("open"), 0, 2), Kept::Ledger));
    for run in ["open", "unknown"] {
        journal::Journal::open(&store.run_dir(&run.parse().unwrap()).unwrap()).unwrap();
    }
    let found = |today| now(store.past(today)).unwrap().runs.into_iter().map(|run| run.run_id.to_string());
    let written =
        fs::metadata(store.run_dir(&"unknown".parse().unwrap()).unwrap()).unwrap().modified().unwrap();
    let today = Timestamp::try_from(written).unwrap();
    assert_eq!(found(today).count(), 0, "it may be just beginning");
    assert_eq!(found(today + SignedDuration::from_hours(25)).collect::<Vec<_>>(), ["unknown"]);
}

/// Seen to fail: the note of a session whose end was never seen stayed for ever.
#[test]
fn notes_of_sessions_go_with_the_facts_of_their_time() {
    let (place, store) = days(60);
    let hooks = HookStore::new(place.paths());
    for session in ["old", "new"] {
        let note = Note { said: PersonSaid::default(), ..Note::default() };
        hooks.write_note(&session.parse().unwrap(), &note).unwrap();
    }
    let notes = place.paths().state.join("hook-notes");
    let old = fs::File::options().write(true).open(notes.join("old.json")).unwrap();
    old.set_modified(std::time::SystemTime::from(at(DAY))).unwrap();
    prune(&store, TEN_DAYS, at(60 * DAY));
    assert_eq!(count(&place, "hook-notes"), 1);
    assert!(hooks.read_note(&"new".parse().unwrap()).is_some());
}

/// Seen to fail without the check: what the link led to was emptied.
#[test]
fn what_a_link_leads_to_stays() {
    let (place, store) = days(210);
    for dir in ["runs", "metrics"] {
        let (inside, outside) = (place.paths().state.join(dir), place.dir.path().join(dir));
        fs::rename(&inside, &outside).unwrap();
        std::os::unix::fs::symlink(&outside, &inside).unwrap();
    }
    let pruned = prune(&store, TEN_DAYS, at(210 * DAY));
    assert_eq!((pruned.run_count, pruned.metric_day_count), (10, 0), "rows go, files stay");
    assert_eq!((count(&place, "runs"), count(&place, "metrics")), (210, 210));
}

#[test]
fn nothing_goes_where_the_ledger_cannot_tell_what_is_over() {
    let (place, store) = days(3);
    drop(store);
    fs::write(place.paths().ledger(), "no ledger").unwrap();
    fs::remove_file(place.paths().ledger().with_extension("db-wal")).unwrap();
    assert!(now(place.open().past(at(500 * DAY))).is_err());
    assert_eq!(count(&place, "runs"), 3);
}

/// Seen to fail without `auto_vacuum`: the file kept its size. Every 64 pages the write-ahead log is folded into it.
#[test]
fn the_file_shrinks_when_much_of_it_is_gone() {
    let place = Place::new();
    let store = place.open();
    let size = || fs::metadata(place.paths().ledger()).unwrap().len();
    let long = contract::hook_fact("0", 0);
    let facts = |from: usize| -> Vec<HookFact> {
        let root = "/".repeat(1000);
        (from..from + 1000)
            .map(|n| HookFact {
                id: format!("{n:06}").parse().unwrap(),
                project_root: root.clone(),
                ..long.clone()
            })
            .collect()
    };
    for from in (0..12_000).step_by(1000) {
        let new = facts(from);
        now(store.ledger.ask(move |ledger| ledger.add_hook_facts(&new))).unwrap();
    }
    let before = size();
    let gone = pointsman_core::retention::Prunable { hook_facts_before: Some(at(DAY)), ..Default::default() };
    assert_eq!(now(store.prune(&gone)).unwrap().hook_fact_count, 12_000);
    assert!(size() < before / 2, "{before} bytes before, {} after", size());
}
