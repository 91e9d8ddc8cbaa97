//! Stopping a run from outside: by a row, wherever its driver is, and whatever is wrong with the ledger.

use std::fs;

use rusqlite::Connection;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::fake::Fake;
use crate::looks::{hanging, listed};
use crate::sandbox::{Sandbox, wait_for, wait_for_file};

const REQUEST: &str = "rename foo to bar in lib.rs";

/// Seen to fail without the row being looked for: nothing but a signal stopped a run.
#[test]
fn a_row_stops_a_run_without_any_signal() {
    let (sandbox, started, run) = hanging(Sandbox::new());
    let db = Connection::open(sandbox.state().join("ledger.db")).unwrap();
    db.execute("INSERT INTO cancel_requests VALUES (?1, 1)", [&run]).unwrap();
    started.wait().exits(143);
    let shown = sandbox.show(&run);
    assert_eq!((&shown["verdict"], &shown["exit_code"]), (&json!("cancelled"), &json!(143)));
    let left: i64 = db.query_row("SELECT count(*) FROM cancel_requests", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0);
}

/// What stands in the ledger of who drives a run.
fn driver(sandbox: &Sandbox, run: &str) -> (String, i64, String) {
    let db = Connection::open(sandbox.state().join("ledger.db")).unwrap();
    let sql = "SELECT host_id, pid, pid_namespace FROM drivers WHERE run_id = ?1";
    db.query_row(sql, [run], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap()
}

/// Seen to fail: a run on another machine was ended by a look from here, because its process was not found.
#[test]
fn a_run_that_is_driven_elsewhere_is_not_ended_from_here_and_hears_of_a_wish_to_stop_it() {
    let (sandbox, started, run) = hanging(Sandbox::new());
    assert_eq!(driver(&sandbox, &run).1, i64::from(started.pid()));
    let db = Connection::open(sandbox.state().join("ledger.db")).unwrap();
    let identity: String =
        db.query_row("SELECT identity FROM drivers WHERE run_id = ?1", [&run], |row| row.get(0)).unwrap();
    let mut elsewhere: Value = serde_json::from_str(&identity).unwrap();
    elsewhere["host_id"] = json!("another machine");
    elsewhere["pid"] = json!(1);
    db.execute("UPDATE drivers SET identity = ?2 WHERE run_id = ?1", [&run, &elsewhere.to_string()]).unwrap();
    assert_eq!(listed(&sandbox)[0]["phase"], "running");
    sandbox.run_on("sonnet", REQUEST).success();
    assert_eq!(sandbox.show(&run)["state"], "running", "the next run leaves it alone");
    // No signal reaches it: the row does.
    sandbox.call(["runs", "cancel", &run]).wait().success().stderr_has("cancelled");
    started.wait().exits(143);
}

/// A container that was thrown away took its drivers with it, and no machine can know: a person says so.
///
/// Seen to fail: the run said `running` for ever, and `runs cancel` waited for nobody.
#[test]
fn a_run_whose_driver_elsewhere_is_silent_for_long_is_ended_by_a_person_who_wants_it_to_stop() {
    let (sandbox, started, run) = hanging(Sandbox::new());
    started.signal(Signal::KILL);
    drop(started);
    let db = Connection::open(sandbox.state().join("ledger.db")).unwrap();
    let elsewhere =
        json!({"pid": 1, "started_ticks": 1, "boot_id": "b", "host_id": "gone", "pid_namespace": "n"});
    let sql = "UPDATE drivers SET identity = ?2, heartbeat_at = heartbeat_at - 3600000 WHERE run_id = ?1";
    db.execute(sql, [&run, &elsewhere.to_string()]).unwrap();
    let shown = sandbox.call(["runs", "show", &run]).wait().success();
    shown.stdout_has("process 1 on another machine, or in another container, heard of 1h ago");
    sandbox.call(["runs", "cancel", &run]).wait().success();
    assert_eq!(sandbox.show(&run)["attempts"][0]["outcome"], "worker_lost");
}

/// A copy of this machine, with the same id and another boot, that shares the home: who was heard a moment ago lives.
/// Seen to fail with every other boot taken for an earlier one: a look said `failed`, and the next run ended it.
#[test]
fn a_driver_of_another_boot_is_dead_only_once_it_is_silent() {
    let (sandbox, started, run) = hanging(Sandbox::new());
    let db = Connection::open(sandbox.state().join("ledger.db")).unwrap();
    let sql = "SELECT identity FROM drivers WHERE run_id = ?1";
    let text: String = db.query_row(sql, [&run], |row| row.get(0)).unwrap();
    let mut copy: Value = serde_json::from_str(&text).unwrap();
    copy["boot_id"] = json!("another");
    db.execute("UPDATE drivers SET identity = ?2 WHERE run_id = ?1", [&run, &copy.to_string()]).unwrap();
    sandbox.run_on("sonnet", REQUEST).success();
    assert_eq!(sandbox.show(&run)["state"], "running");
    started.signal(Signal::KILL);
    drop(started);
    let silent = "UPDATE drivers SET heartbeat_at = heartbeat_at - 3600000 WHERE run_id = ?1";
    db.execute(silent, [&run]).unwrap();
    assert_eq!(sandbox.show(&run)["attempts"][0]["outcome"], "worker_lost");
}

/// A driver says again and again that it lives, for who looks from another machine.
#[test]
fn a_driver_notes_when_it_lived_last() {
    let (sandbox, started, run) = hanging(Sandbox::new());
    let db = Connection::open(sandbox.state().join("ledger.db")).unwrap();
    let beat = || -> Option<i64> {
        db.query_row("SELECT heartbeat_at FROM drivers WHERE run_id = ?1", [&run], |row| row.get(0)).unwrap()
    };
    assert!(beat().is_some_and(|at| at > 1_700_000_000_000), "in milliseconds: {:?}", beat());
    started.signal(Signal::INT);
    started.wait().exits(130);
}

/// Seen to fail: a run that had begun while the ledger was broken could not be stopped after it was mended.
#[test]
fn a_run_that_began_without_a_ledger_is_noted_and_stopped_once_there_is_one() {
    let sandbox = Sandbox::new();
    let (sign, goes_on) = (sandbox.path("at-work"), sandbox.path("go-on"));
    let first = Fake::touches(&sign).then(Fake::awaits(&goes_on)).then(Fake::step([&"overloaded"]));
    let sandbox = sandbox.agent("haiku", first);
    fs::create_dir_all(sandbox.state().join("ledger.db")).unwrap();
    let started = sandbox.call(["run", "--tier", "haiku", "-o", "jsonl", REQUEST]).start();
    wait_for_file(&sign);
    fs::remove_dir(sandbox.state().join("ledger.db")).unwrap();
    let run = wait_for("the run in the ledger, which its driver tries again by itself", || {
        let list = sandbox.call(["runs", "list", "-o", "json"]).wait();
        let run =
            (list.code == Some(0)).then(|| list.json()["runs"][0]["run_id"].as_str().map(str::to_owned));
        run.flatten()
    });
    sandbox.call(["runs", "cancel", &run]).wait().success();
    started.wait().exits(143);
    assert_eq!(sandbox.show(&run)["verdict"], "cancelled");
}

/// Seen to fail: the agent was stopped, and the person was told that nothing could be done.
#[test]
fn a_run_is_stopped_although_another_process_has_locked_the_ledger() {
    let (sandbox, started, run) = hanging(Sandbox::new());
    let db = Connection::open(sandbox.state().join("ledger.db")).unwrap();
    db.execute_batch("BEGIN IMMEDIATE").unwrap();
    let cancels = sandbox.call(["runs", "cancel", &run]).start();
    started.wait().exits(143);
    db.execute_batch("ROLLBACK").unwrap();
    cancels.wait().exits(0);
    sandbox.run_on("sonnet", REQUEST).success();
    assert_eq!(sandbox.show(&run)["verdict"], "cancelled");
}
