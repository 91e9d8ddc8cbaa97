//! What must hold when this version replaces an older one: each case is tried with both real programs.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::builds::Builds;
use super::place::{CommandOutput, Fault, Place, REQUEST};

type Case = (&'static str, fn(&Place) -> Result<(), Fault>);

const CASES: [Case; 13] = [
    (
        "an old driver goes on over the migration, and its run is in the new ledger",
        old_driver_over_the_migration,
    ),
    ("an old driver goes on when its file is replaced by the new program", old_driver_replaced_by_new),
    ("a new driver goes on when its file is replaced by the old program", new_driver_replaced_by_old),
    ("a new driver goes on when its file is removed", new_driver_removed),
    (
        "an old program started after the migration answers, and its run is imported",
        old_run_after_the_migration,
    ),
    (
        "the new `runs cancel` stops a run of an old driver after the migration",
        cancel_of_old_after_the_migration,
    ),
    ("the new `runs cancel` stops a run of an old driver as the first that is done", cancel_of_old_at_once),
    ("the new `runs cancel` stops a run of a new driver", cancel_of_new),
    ("facts of old and new hooks are counted together", hooks_side_by_side),
    ("looks of the old program at the new ledger change nothing", old_looks_at_the_new_ledger),
    ("the old `doctor --fix` takes no new ledger for a damaged one", old_doctor_at_the_new_ledger),
    ("looks of the new program at an old ledger leave it to the old one", new_looks_at_the_old_ledger),
    ("settings and policy of the old `init` are read without a word", files_of_old_init),
];

/// Tries all cases, prints a line for each, and returns whether all hold.
pub fn run(builds: &Builds) -> bool {
    let mut all_hold = true;
    for (name, case) in CASES {
        let place = Place::new(builds).map_err(|error| format!("no place can be made: {error}"));
        let tried = place.and_then(|place| case(&place).and_then(|()| place.is_quiet()));
        match tried {
            Ok(()) => println!("ok     {name}"),
            Err(fault) => {
                all_hold = false;
                println!("FAULT  {name}: {fault}");
            }
        }
    }
    all_hold
}

fn old_driver_over_the_migration(place: &Place) -> Result<(), Fault> {
    let run = place.detached(&place.old, "haiku")?;
    place.new_runs()?.without_notice()?;
    is_migrated(place)?;
    place.go()?;
    place.ends(&run, "succeeded", 2)?;
    // It already had its connection, so it needs no spool.
    place.spool_is_empty()
}

fn old_driver_replaced_by_new(place: &Place) -> Result<(), Fault> {
    place.install(&place.old)?;
    let run = place.detached(&place.installed, "haiku")?;
    place.install(&place.new)?;
    place.go()?;
    place.ends(&run, "succeeded", 2)
}

fn new_driver_replaced_by_old(place: &Place) -> Result<(), Fault> {
    place.install(&place.new)?;
    let run = place.detached(&place.installed, "haiku")?;
    place.install(&place.old)?;
    place.go()?;
    place.ends(&run, "succeeded", 2)
}

fn new_driver_removed(place: &Place) -> Result<(), Fault> {
    place.install(&place.new)?;
    let run = place.detached(&place.installed, "haiku")?;
    fs::remove_file(&place.installed).map_err(|error| error.to_string())?;
    place.go()?;
    place.ends(&run, "succeeded", 2)
}

fn old_run_after_the_migration(place: &Place) -> Result<(), Fault> {
    place.new_runs()?;
    let ran = place.call(&place.old, &["run", "--tier", "opus", "-o", "json", REQUEST])?.success()?;
    let report = ran.says_on_stdout("the answer of opus")?.json()?;
    let run = report["run_id"].as_str().ok_or("a report without its run")?;
    if place.spool().is_empty() {
        return Err("its facts are in no spool".to_owned());
    }
    // Looking finds it where it is, and the next run imports it.
    place.ends(run, "succeeded", 1)?;
    place.new_runs()?.says_on_stderr("imported from the spool")?;
    place.spool_is_empty()?;
    place.ends(run, "succeeded", 1)?;
    holds(&report, &place.show(run)?)
}

fn cancel_of_old_after_the_migration(place: &Place) -> Result<(), Fault> {
    let run = place.detached(&place.old, "sonnet")?;
    place.new_runs()?;
    cancel(place, &run)
}

fn cancel_of_old_at_once(place: &Place) -> Result<(), Fault> {
    let run = place.detached(&place.old, "sonnet")?;
    cancel(place, &run)
}

fn cancel_of_new(place: &Place) -> Result<(), Fault> {
    let run = place.detached(&place.new, "sonnet")?;
    cancel(place, &run)
}

fn cancel(place: &Place, run: &str) -> Result<(), Fault> {
    place.call(&place.new, &["runs", "cancel", run])?.success()?;
    place.ends(run, "cancelled", 1)?;
    place.spool_is_empty()
}

fn hooks_side_by_side(place: &Place) -> Result<(), Fault> {
    let hook = |program: &Path, session: &str| {
        let event = json!({"hook_event_name": "UserPromptSubmit", "session_id": session, "prompt_id": session,
            "prompt": REQUEST, "cwd": place.path("project")});
        place
            .call_with(program, &["hook"], &event.to_string())?
            .success()
            .and_then(CommandOutput::without_notice)
            .map(drop)
    };
    let counted = |expected: u64| {
        let report = place.call(&place.new, &["report", "compliance", "-o", "json"])?.success()?.json()?;
        let found = report["facts"].as_u64();
        if found == Some(expected) {
            Ok(())
        } else {
            Err(format!("{expected} facts were expected: {report}"))
        }
    };
    hook(&place.old, "before")?;
    hook(&place.new, "new")?;
    counted(2)?;
    // The ledger has been migrated to the new version by now.
    hook(&place.old, "after")?;
    counted(3)?;
    place.spool_is_empty()
}

fn old_looks_at_the_new_ledger(place: &Place) -> Result<(), Fault> {
    place.new_runs()?;
    let before = place.list()?;
    for look in [&["runs", "list"][..], &["runs", "show", "latest"], &["doctor"], &["replay"]] {
        let ran = place.call(&place.old, look)?;
        let says_why =
            [&ran.stdout, &ran.stderr].iter().any(|said| said.contains("this version knows up to"));
        if !says_why || ran.code.is_none_or(|code| code == 0) {
            return Err(ran.fault("of the old program does not say what is wrong"));
        }
    }
    place.new_runs()?;
    let after = place.list()?;
    let is_kept = before.iter().all(|row| after.contains(row)) && after.len() == before.len() + 1;
    if is_kept { Ok(()) } else { Err(format!("the list was {before:?} and is {after:?}")) }
}

fn old_doctor_at_the_new_ledger(place: &Place) -> Result<(), Fault> {
    place.new_runs()?;
    let before = place.list()?;
    let ran = place.call(&place.old, &["doctor", "--fix"])?;
    let after = place.list()?;
    if before == after { Ok(()) } else { Err(ran.fault(&format!("left {after:?} of {before:?}"))) }
}

fn new_looks_at_the_old_ledger(place: &Place) -> Result<(), Fault> {
    let ran = place.call(&place.old, &["run", "--tier", "opus", "-o", "json", REQUEST])?.success()?;
    let report = ran.json()?;
    let run = report["run_id"].as_str().ok_or("a report without its run")?;
    place.ends(run, "succeeded", 1)?;
    place.call(&place.new, &["doctor"])?;
    holds(&report, &place.show(run)?)?;
    place
        .call(&place.old, &["runs", "show", run])?
        .success()
        .and_then(CommandOutput::without_notice)
        .map(drop)
}

fn files_of_old_init(place: &Place) -> Result<(), Fault> {
    let settings = place.path("config/pointsman/config.toml");
    fs::remove_file(settings).map_err(|error| error.to_string())?;
    for init in [["config", "init"], ["policy", "init"]] {
        place.call(&place.old, &init)?.success()?;
    }
    for look in [&["config", "show"][..], &["policy", "check"], &["policy", "test"], &["route", REQUEST]] {
        let ran = place.call(&place.new, look)?.success()?;
        let before = place.call(&place.old, look)?.success()?;
        if ran.stderr != before.stderr {
            return Err(ran.fault(&format!("says something else than before (`{}`)", before.stderr.trim())));
        }
        ran.without_notice()?;
    }
    Ok(())
}

/// Checks that the new program has migrated the ledger: the old one can no longer read it.
fn is_migrated(place: &Place) -> Result<(), Fault> {
    let ran = place.call(&place.old, &["runs", "list"])?;
    if ran.code == Some(0) { Err(ran.fault("still reads a ledger that should be migrated")) } else { Ok(()) }
}

/// Checks that every field has the value that it had before, except fields that describe a moment.
fn holds(before: &Value, now: &Value) -> Result<(), Fault> {
    let of_the_moment = ["updated_at", "finished_at", "duration_ms"];
    match (before, now) {
        (Value::Object(before), Value::Object(_)) => {
            let fields = before.iter().filter(|(key, _)| !of_the_moment.contains(&key.as_str()));
            fields.into_iter().try_for_each(|(key, value)| {
                holds(value, &now[key]).map_err(|fault| format!("{key}: {fault}"))
            })
        }
        (Value::Array(before), Value::Array(now)) if before.len() == now.len() => {
            before.iter().zip(now).try_for_each(|(before, now)| holds(before, now))
        }
        (before, now) if before == now => Ok(()),
        (before, now) => Err(format!("it was {before} and is {now}")),
    }
}
