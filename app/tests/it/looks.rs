//! A look changes nothing: verbs that only read leave every file as it is, and still say the truth about runs whose driver
//! died, whose events are in the spool, or whose ledger is of an older version.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::fake::Fake;
use crate::sandbox::{PATIENCE, Sandbox, Started, wait_for_file, walk};

const REQUEST: &str = "rename foo to bar in lib.rs";

/// Every file below the state directory with its content. The index of the write-ahead log is shared memory of its readers
/// at the moment, and says nothing.
fn files(sandbox: &Sandbox) -> Vec<(PathBuf, Vec<u8>)> {
    let is_kept = |path: &PathBuf| path.is_file() && path.extension().is_none_or(|end| end != "db-shm");
    let mut files = walk(&sandbox.path("state"));
    files.retain(is_kept);
    files.sort();
    files.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// Starts a run that hangs, and returns it with its id once its agent works.
pub fn hanging(sandbox: Sandbox) -> (Sandbox, Started, String) {
    let sign = sandbox.path("at-work");
    let sandbox = sandbox.agent("haiku", Fake::touches(&sign).then(Fake::hangs_after_init()));
    let started = sandbox.call(["run", "--tier", "haiku", REQUEST]).start();
    wait_for_file(&sign);
    let run = sandbox.show("latest")["run_id"].as_str().unwrap().to_owned();
    (sandbox, started, run)
}

pub fn listed(sandbox: &Sandbox) -> Vec<Value> {
    let list = sandbox.call(["runs", "list", "-o", "json"]).wait().success().json();
    list["runs"].as_array().unwrap().clone()
}

/// Seen to fail: `runs list` ended the run, wrote its metrics and took its files away.
#[test]
fn a_run_whose_driver_died_is_shown_as_ended_and_is_ended_by_who_works_next() {
    let (sandbox, started, run) = hanging(Sandbox::new());
    started.signal(Signal::KILL);
    drop(started);
    sandbox.no_process_is_left(PATIENCE);
    fs::create_dir_all(sandbox.state().join("spool")).unwrap();
    fs::write(sandbox.state().join("spool/events.jsonl"), "{\"type\":\"of_tomorrow\"}\n").unwrap();
    let before = files(&sandbox);
    assert_eq!(listed(&sandbox)[0]["phase"], "failed");
    sandbox.call(["runs", "list"]).wait().success().stderr_has("1 line of the spool is not understood");
    let shown = sandbox.show(&run);
    assert_eq!(
        (&shown["verdict"], &shown["attempts"][0]["outcome"]),
        (&json!("failed"), &json!("worker_lost"))
    );
    let again = sandbox.show(&run);
    assert_eq!(again, shown, "whenever somebody looks");
    for look in [
        ["runs", "logs", "latest"],
        ["explain", "latest", "--all"],
        ["report", "routing", "-o=json"],
        ["report", "cost", "-o=json"],
        ["runs", "sessions", "-o=json"],
        ["runs", "list", "--failed"],
        ["runs", "prune", "--dry-run"],
    ] {
        sandbox.call(look).wait().success();
    }
    sandbox.call(["replay"]).wait().success();
    sandbox.call(["run", "--dry-run", REQUEST]).wait().success();
    sandbox.call(["doctor"]).wait().stdout_has("1 line of events of runs not understood");
    assert_eq!(files(&sandbox), before);

    sandbox.run_on("sonnet", REQUEST).success();
    assert_eq!(sandbox.show(&run), shown, "what was seen is what was recorded");
    let ended = sandbox.call(["runs", "logs", &run]).wait().success();
    assert!(ended.stderr.contains("failed[E0314]"), "{ended}");
    let kept: Vec<_> =
        walk(&sandbox.state().join("spool")).into_iter().filter(|path| path.is_file()).collect();
    assert!(fs::read_to_string(&kept[0]).unwrap().contains("of_tomorrow"), "{kept:?}");
}

/// Seen to fail: one such row failed `runs list` and `doctor --fix`, and no run without a driver was ended any more.
#[test]
fn a_row_that_is_not_understood_is_left_out_and_said_and_the_others_are_as_before() {
    let (sandbox, started, run) = hanging(Sandbox::new());
    sandbox.run_on("sonnet", REQUEST).success();
    started.signal(Signal::KILL);
    drop(started);
    sandbox.no_process_is_left(PATIENCE);
    let ledger = rusqlite::Connection::open(sandbox.state().join("ledger.db")).unwrap();
    let spoil = "UPDATE run_rows SET phase = 'of' || char(27) || '[31mtomorrow' WHERE phase = 'finished'";
    assert_eq!(ledger.execute(spoil, []).unwrap(), 1);
    let list =
        sandbox.call(["runs", "list"]).wait().success().stderr_has("1 row of the ledger is not understood");
    assert!(list.stdout.contains(sandbox.show(&run)["short_id"].as_str().unwrap()), "{list}");
    let doctor = sandbox.call(["doctor"]).wait().stdout_has("1 row of the ledger is not understood");
    assert!(!doctor.stdout.contains('\u{1b}'), "{doctor}");
    sandbox.call(["doctor", "--fix"]).wait().stdout_has("1 run without a driver was ended");
    assert_eq!(sandbox.show(&run)["verdict"], "failed");
}

/// Seen to fail: all three were said nowhere, and two runs used one session at once.
#[test]
fn what_cannot_be_written_beside_the_ledger_is_said_and_the_run_goes_on() {
    let sandbox = Sandbox::new();
    sandbox.run_on("haiku", REQUEST).success();
    for place in ["runs", "locks", "metrics", "hook-notes"] {
        let place = sandbox.state().join(place);
        let _ = fs::remove_dir_all(&place);
        fs::write(&place, "a file").unwrap();
    }
    let ran = sandbox.call(["run", "--tier", "haiku", "--session", "s", REQUEST]).wait().success();
    let ran = ran.stderr_has("this run has no live log: ").stderr_has("the session `s` is not held");
    assert!(ran.stderr.contains("is not a directory"), "{ran}");
    let doctor = sandbox.call(["doctor"]).wait();
    for what in ["live logs", "the locks of sessions", "metrics", "notes of hooks"] {
        assert!(doctor.stdout.contains(&format!("{what} cannot be written: ")), "{doctor}");
    }
    let lines =
        sandbox.call(["run", "--tier", "haiku", "-o", "jsonl", REQUEST]).wait().success().json_lines();
    assert_eq!(lines[0]["type"], "requested", "{lines:?}");
    assert_eq!(lines.last().unwrap()["type"], "finished");
    assert!(lines.iter().any(|line| line["text"].as_str().is_some_and(|text| text.contains("no live log"))));
}

#[test]
fn a_look_where_nothing_was_ever_run_makes_nothing() {
    let sandbox = Sandbox::new().set("store_prompts", "false");
    sandbox.call(["run", "--dry-run", REQUEST]).wait().success();
    for look in [
        vec!["runs", "list"],
        vec!["runs", "sessions"],
        vec!["runs", "prune"],
        vec!["replay"],
        vec!["doctor"],
        vec!["report", "routing"],
        vec!["report", "cost"],
    ] {
        let words: [&str; 2] = [look[0], look.get(1).copied().unwrap_or("-o=json")];
        sandbox.call(words).wait().success();
    }
    assert_eq!(files(&sandbox), []);
    assert!(!sandbox.state().exists());
}

/// Seen to fail: a run that had ended at a limit was announced as one that goes on.
#[test]
fn a_run_that_was_deferred_is_over_and_is_not_announced_as_going_on() {
    let sandbox = Sandbox::new().agent("haiku", Fake::rate_limited(4_000_000_000));
    // The hook's deadline is no matter here.
    let sandbox = sandbox.env("POINTSMAN_HOOK_LIMIT_MS", "1000000");
    let report = sandbox.call(["run", "-o", "json", "--tier", "haiku", REQUEST]).wait().exits(75).json();
    let words = |value: &Value| ["state", "verdict", "phase", "deferred"].map(|key| value[key].clone());
    assert_eq!(words(&report), [json!("waiting"), json!("waiting"), json!("finished"), json!(true)]);
    let listed = &listed(&sandbox)[0];
    assert_eq!(
        (&listed["phase"], &listed["finished"], &listed["deferred"]),
        (&json!("waiting"), &json!(true), &json!(true))
    );
    sandbox.call(["runs", "list"]).wait().success().stdout_has("deferred");
    let event = json!({"hook_event_name": "SessionStart", "session_id": "s", "source": "startup",
        "cwd": sandbox.project()});
    let hook = |sandbox: &Sandbox| sandbox.call(["hook"]).stdin(event.to_string()).wait().success();
    hook(&sandbox).stdout("");
    // A run that does go on is announced: the silence was no accident.
    let (sandbox, _started, run) = hanging(sandbox);
    hook(&sandbox).stdout_has(&format!("still going: run {run} "));
}

/// Copies a directory of the repository's data.
fn copy(from: &Path, to: &Path) {
    for file in walk(from).into_iter().filter(|path| path.is_file()) {
        let target = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(&file, target).unwrap();
    }
}

/// A home as the version before the ledger's handle left it: real files of that version, among them a ledger with its
/// write-ahead log, a run whose driver was killed, a spool of events, one of hooks, settings, and a policy.
fn home_of_before() -> Sandbox {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/data/before-one-handle");
    let sandbox = Sandbox::new();
    copy(&data.join("state"), &sandbox.state());
    let settings = sandbox.path("config-of-before");
    copy(&data.join("config"), &settings);
    sandbox.env("XDG_CONFIG_HOME", settings.to_str().unwrap())
}

/// What that version itself showed of them.
fn shown_before(name: &str) -> Value {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/data/before-one-handle/shown");
    serde_json::from_str(&fs::read_to_string(data.join(format!("{name}.json"))).unwrap()).unwrap()
}

/// Every field of before with its value of before, except those that tell when a look was.
fn holds(before: &Value, now: &Value, place: &str) {
    match (before, now) {
        (Value::Object(before), Value::Object(_)) => {
            let of_the_moment = ["updated_at", "finished_at", "duration_ms"];
            for (key, value) in before.iter().filter(|(key, _)| !of_the_moment.contains(&key.as_str())) {
                holds(value, &now[key], &format!("{place}.{key}"));
            }
        }
        (Value::Array(before), Value::Array(now)) => {
            assert_eq!(before.len(), now.len(), "{place}");
            before.iter().zip(now).for_each(|(before, now)| holds(before, now, place));
        }
        (before, now) => assert_eq!(before, now, "{place}"),
    }
}

/// Everything that the version before showed is shown again, by a look that writes nothing and by one after a run has
/// migrated the ledger.
#[test]
fn the_files_of_the_version_before_are_read_as_that_version_read_them() {
    let sandbox = home_of_before();
    let looked_at = |sandbox: &Sandbox| {
        let before = shown_before("list");
        for run in before["runs"].as_array().unwrap() {
            let id = run["run_id"].as_str().unwrap();
            holds(&shown_before(id), &sandbox.show(id), id);
            let list = listed(sandbox);
            let now = list.iter().find(|row| row["run_id"] == id).unwrap();
            holds(run, now, id);
        }
    };
    let before = files(&sandbox);
    looked_at(&sandbox);
    sandbox.call(["run", "--dry-run", "--session", "night", REQUEST]).wait().success();
    assert_eq!(files(&sandbox), before, "a look migrates nothing");

    let settings = sandbox.call(["config", "show"]).wait().success().stdout;
    assert!(settings.contains("limits.max_usd = 2.5"), "{settings}");
    sandbox.call(["policy", "check"]).wait().success();
    sandbox.call(["run", "--rehearse", "--tier", "haiku", REQUEST]).wait().success();
    // What the hooks left is imported in the background.
    sandbox.no_process_is_left(PATIENCE);
    looked_at(&sandbox);
    let db = Connection::open(sandbox.state().join("ledger.db")).unwrap();
    let version: u32 = db.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 4);
    let facts: i64 = db.query_row("SELECT count(at_ms) FROM hook_facts", [], |row| row.get(0)).unwrap();
    assert_eq!(facts, 1, "the hook's spool was imported");
    let report = sandbox.call(["report", "compliance", "-o", "json"]).wait().success().json();
    assert_eq!(report["facts"], 1);
    // Its session goes on where it was.
    sandbox.call(["run", "--rehearse", "--session", "night", "--approve", "go on with it"]).wait().success();
}

/// The statements of the version before, as it writes a run: they must mean the same after the migration.
const WRITES_OF_BEFORE: [&str; 4] = [
    "INSERT INTO events (run_id, seq, at, kind, body) SELECT ?1, seq + 0, at, kind, replace(body, run_id, ?1) \
     FROM events WHERE run_id = ?2",
    "INSERT INTO drivers (run_id, identity) VALUES (?1, ?2) \
     ON CONFLICT (run_id) DO UPDATE SET identity = excluded.identity",
    "INSERT INTO runs VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) \
     ON CONFLICT (run_id) DO UPDATE SET seq = excluded.seq, updated_at = excluded.updated_at, \
     phase = excluded.phase, agent = excluded.agent, tier = excluded.tier WHERE excluded.seq >= runs.seq",
    "INSERT OR IGNORE INTO hook_facts (id, at, session_id, kind, body) VALUES (?1, ?2, ?3, ?4, ?5)",
];

/// A driver of the version before that was started before the upgrade has its connection open and goes on writing.
#[test]
fn a_writer_of_the_version_before_goes_on_writing_into_the_new_ledger() {
    let sandbox = home_of_before();
    sandbox.call(["run", "--rehearse", "--tier", "haiku", REQUEST]).wait().success();
    let db = Connection::open(sandbox.state().join("ledger.db")).unwrap();
    let [events, drivers, runs, hooks] = WRITES_OF_BEFORE;
    let old = "01a21e9d-89a2-7701-b843-cc65453d8f24";
    let id = "01a21e9d-ffff-7701-b843-cc65453d8f24";
    let line = |seq: u32, phase: &str, at: &str| {
        let row = rusqlite::params![
            id,
            seq,
            "2026-11-27T20:06:10Z",
            at,
            phase,
            id,
            "/p",
            "h",
            "sonnet-general",
            "sonnet",
            false
        ];
        db.execute(runs, row).unwrap();
    };
    let row = || -> (String, Option<String>, i64, i64) {
        let sql = "SELECT phase, verdict, created_at, updated_at FROM run_rows WHERE run_id = ?1";
        db.query_row(sql, [id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).unwrap()
    };
    db.execute(drivers, [id, r#"{"pid":1,"started_ticks":1,"boot_id":"gone"}"#]).unwrap();
    line(4, "waiting", "2026-11-27T20:06:10.5Z");
    assert_eq!(row(), ("waiting".into(), None, 1_795_809_970_000, 1_795_809_970_500), "it goes on");
    db.execute(events, [id, old]).unwrap();
    line(6, "waiting", "2026-11-27T20:06:10.603Z");
    assert_eq!((row().0, row().1), ("finished".into(), Some("deferred".into())), "its last event says so");
    db.execute("DELETE FROM drivers WHERE run_id = ?1", [id]).unwrap();
    let shown = sandbox.show(id);
    assert_eq!((&shown["verdict"], &shown["deferred"]), (&json!("waiting"), &json!(true)));

    db.execute(hooks, ["01b", "2026-11-27T20:06:10.25Z", "s", "k", "{}"]).unwrap();
    let at: i64 =
        db.query_row("SELECT at_ms FROM hook_facts WHERE id = '01b'", [], |row| row.get(0)).unwrap();
    assert_eq!(at, 1_795_809_970_250);
}
