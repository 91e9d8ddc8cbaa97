//! P22: a hook whose surroundings are broken does for its session what it does where they are whole, and one that waits for
//! what never comes ends all the same.
//!
//! No clock decides: a test holds what a hook could wait for until the hook has ended. Where none may wait, hooks have no
//! deadline that would end them; where they do wait, they have nothing else.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde_json::{Value, json};

use super::{SESSION, events, file, holds, hook, patient, prompt};
use crate::sandbox::{Ran, Sandbox, walk};

/// A sandbox without a deadline of hooks, in the mode that does most.
fn enforced() -> Sandbox {
    patient().env("POINTSMAN_MODE", "enforced")
}

/// Makes a pipe that nobody ever opens at its other end.
fn fifo(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
}

/// What a person hears of a hook that met its deadline.
const TOO_LONG: &str = "pointsman is out of the way (it took too long)";

/// A way to break what a hook needs, by its name.
type Breakage = (&'static str, fn(&Sandbox));

/// What a hook goes on without. None of it makes a hook wait, which has a table of its own.
const BREAKAGES: [Breakage; 27] = [
    ("the state directory is a file", |s| file(&s.state(), "")),
    ("the state directory is a link to nowhere", |s| symlink("/nowhere/at/all", s.state()).unwrap()),
    ("the state directory's parent is a file", |s| {
        fs::remove_dir_all(s.path("state")).unwrap();
        file(&s.path("state"), "");
    }),
    ("the ledger is garbage", |s| file(&s.state().join("ledger.db"), [0xa5; 8192])),
    ("the ledger is a pipe", |s| fifo(&s.state().join("ledger.db"))),
    ("the session's note is a pipe", |s| fifo(&s.state().join(format!("hook-notes/{SESSION}.json")))),
    ("the CLI's note on a subagent is a pipe", |s| fifo(&s.path("home/subagent.meta.json"))),
    ("the approvals are a pipe", |s| {
        file(&s.project().join(".pointsman.toml"), "");
        fifo(&s.path("config/pointsman/trust.json"));
    }),
    ("the ledger is a directory", |s| fs::create_dir_all(s.state().join("ledger.db")).unwrap()),
    ("the ledger is of a newer version", |s| {
        s.run_on("haiku", "make a ledger").success();
        let db = Connection::open(s.state().join("ledger.db")).unwrap();
        db.pragma_update(None, "user_version", 99).unwrap();
    }),
    ("the spool is a pipe that nobody reads", |s| fifo(&s.state().join("hook-spool/events.jsonl"))),
    ("the spool is a directory", |s| fs::create_dir_all(s.state().join("hook-spool/events.jsonl")).unwrap()),
    ("the spool's directory is a file", |s| file(&s.state().join("hook-spool"), "")),
    ("the spool is a link to somewhere else", |s| {
        fs::create_dir_all(s.state().join("hook-spool")).unwrap();
        symlink(s.path("elsewhere"), s.state().join("hook-spool/events.jsonl")).unwrap();
    }),
    ("the notes are a file", |s| file(&s.state().join("hook-notes"), "")),
    ("the note is garbage", |s| file(&s.state().join(format!("hook-notes/{SESSION}.json")), "{\"said\":")),
    ("the note is a directory", |s| {
        fs::create_dir_all(s.state().join(format!("hook-notes/{SESSION}.json"))).unwrap();
    }),
    ("the project's settings are broken", |s| file(&s.project().join(".pointsman.toml"), "routing_mode = ")),
    ("the project's settings are a pipe", |s| fifo(&s.project().join(".pointsman.toml"))),
    ("the project's policy is broken", |s| file(&s.project().join("pointsman.policy.toml"), "[[rule]]\n")),
    ("the project's policy is a pipe", |s| fifo(&s.project().join("pointsman.policy.toml"))),
    ("the user's policy is a pipe", |s| fifo(&s.path("config/pointsman/policy.toml"))),
    ("the user's policy is not text", |s| file(&s.path("config/pointsman/policy.toml"), [0xff, 0xfe, 0])),
    ("the approvals are garbage", |s| {
        file(&s.path("config/pointsman/trust.json"), "[");
        file(&s.project().join(".pointsman.toml"), "");
    }),
    ("the transcript is a pipe", |s| {
        fifo(&s.path("home/session.jsonl"));
        fifo(&s.path("home/subagent.jsonl"));
    }),
    ("the transcript is garbage", |s| {
        file(&s.path("home/session.jsonl"), [0xff; 4096]);
        file(&s.path("home/subagent.jsonl"), "{\"type\":\"assistant\",\n".repeat(1000));
    }),
    ("an agent file is a pipe", |s| fifo(&s.project().join(".claude/agents/x.md"))),
];

/// What the hooks of all events do to their session; what they tell the person is left out.
fn effects(what: &str, sandbox: &Sandbox, ask: impl Fn(&Value) -> Ran) -> Vec<Value> {
    let effect = |event: &Value| {
        let ran = ask(event);
        let said = if ran.stdout.is_empty() { json!({}) } else { ran.json() };
        holds(what, event, ran);
        said["hookSpecificOutput"].clone()
    };
    events(sandbox).iter().map(effect).collect()
}

/// The same where nothing is broken: a prompt is advised, and a delegation gets its model.
fn sound_effects() -> Vec<Value> {
    let sandbox = enforced();
    let sound = effects("nothing", &sandbox, |event| hook(&sandbox, event));
    let [start, prompt, delegation, stop] = &sound[..] else { panic!("{sound:?}") };
    assert!(start.is_null() && stop.is_null(), "{sound:?}");
    assert!(prompt["additionalContext"].to_string().contains("This is work for haiku"), "{prompt}");
    assert_eq!(delegation["updatedInput"]["model"], "haiku", "{delegation}");
    sound
}

/// Everything in a sandbox: what it is, and what stands in it.
fn contents(sandbox: &Sandbox) -> Vec<(PathBuf, fs::FileType, Option<Vec<u8>>)> {
    let look = |path: PathBuf| {
        let kind = fs::symlink_metadata(&path).unwrap().file_type();
        let bytes = kind.is_file().then(|| fs::read(&path).unwrap());
        (path, kind, bytes)
    };
    walk(&sandbox.path("")).into_iter().map(look).collect()
}

/// Seen to fail with errors that end the process, and with a pipe opened before it is looked at.
#[test]
fn p22_a_hook_is_never_in_the_way_whatever_is_broken() {
    let sound = sound_effects();
    for (what, breaks) in BREAKAGES {
        let sandbox = enforced();
        let before = contents(&sandbox);
        breaks(&sandbox);
        assert_ne!(contents(&sandbox), before, "{what}: nothing was broken");
        assert_eq!(effects(what, &sandbox, |event| hook(&sandbox, event)), sound, "{what}");
        assert!(!sandbox.path("elsewhere").exists(), "{what}: nothing is written through a link");
    }
}

/// A directory is removed while a session works in it. Seen to fail with the hook's own directory asked for.
#[test]
fn p22_a_hook_is_not_in_the_way_where_its_own_directory_is_gone() {
    let sandbox = enforced();
    let hook_in_no_directory = |event: &Value| {
        let project = sandbox.project();
        fs::create_dir_all(&project).unwrap();
        let ran = sandbox.call(["hook"]).stdin(event.to_string()).after_shell("rmdir \"$PWD\"").wait();
        assert!(!project.exists(), "it is still there: {ran}");
        ran
    };
    assert_eq!(effects("no directory", &sandbox, hook_in_no_directory), sound_effects());
}

/// What a hook waits for, what holds it, and the events whose hooks wait.
type Hang = (&'static str, fn(&Sandbox) -> File, &'static [&'static str]);

const ALL_EVENTS: &[&str] = &["SessionStart", "UserPromptSubmit", "PreToolUse", "SubagentStop"];

const HANGS: [Hang; 1] =
    [("the spool is locked", |s| locked(&s.state().join("hook-spool/events.jsonl")), ALL_EVENTS)];

fn locked(path: &Path) -> File {
    file(path, "");
    let file = File::open(path).unwrap();
    file.lock().unwrap();
    file
}

/// Nobody lets go before the hook has ended, so nothing but its own deadline can end it. Seen to fail without one.
#[test]
fn p22_a_hook_ends_before_what_it_waits_for_is_let_go() {
    for (what, hangs, waiting) in HANGS {
        let sandbox = Sandbox::new().env("POINTSMAN_MODE", "enforced");
        let held = hangs(&sandbox);
        let mut waited = vec![];
        for event in events(&sandbox) {
            let name = event["hook_event_name"].as_str().unwrap();
            let ran = hook(&sandbox, &event);
            if waiting.contains(&name) {
                assert!(ran.stdout.contains(TOO_LONG), "{what}, {name}: {ran}");
                waited.push(name.to_owned());
            }
            holds(what, &event, ran);
        }
        assert_eq!(waited, waiting, "{what}");
        drop(held);
    }
}

/// The lock is held until all hooks have ended: one that waits for it never would. Seen to fail with one that does.
#[test]
fn p22_a_hook_is_not_in_the_way_of_a_ledger_that_is_locked_or_a_disk_that_is_full() {
    let sound = sound_effects();
    let sandbox = enforced();
    sandbox.run_on("haiku", "make a ledger").success();
    let db = Connection::open(sandbox.state().join("ledger.db")).unwrap();
    // With a write-ahead log a transaction alone shuts out no reader.
    db.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE").unwrap();
    let reader = Connection::open(sandbox.state().join("ledger.db")).unwrap();
    reader.query_row("SELECT count(*) FROM runs", [], |_| Ok(())).expect_err("it is not locked");
    assert_eq!(effects("locked", &sandbox, |event| hook(&sandbox, event)), sound);
    // No file may grow: what a full disk comes to.
    let on_a_full_disk =
        |event: &Value| sandbox.call(["hook"]).stdin(event.to_string()).after_shell("ulimit -f 0").wait();
    assert_eq!(effects("full", &sandbox, on_a_full_disk), sound);
    db.execute_batch("ROLLBACK").unwrap();
}

#[test]
fn p22_a_hook_is_not_in_the_way_of_input_that_is_none() {
    let sandbox = patient();
    // The first call writes the sandbox's settings.
    sandbox.call(["hook"]).wait().exits(0);
    let before = walk(&sandbox.path(""));
    for text in [
        String::new(),
        "{".to_owned(),
        "[]".to_owned(),
        "null".to_owned(),
        "{\"hook_event_name\": \"PreToolUse\", \"tool_name\": \"Bash\",".to_owned(),
    ] {
        let ran = sandbox.call(["hook"]).stdin(text.clone()).wait();
        assert!(ran.json()["systemMessage"].as_str().unwrap().contains("is out of the way"), "{text}: {ran}");
        holds(&text, &json!({"hook_event_name": "none"}), ran);
    }
    assert_eq!(walk(&sandbox.path("")), before);
}

/// The model can make a call again; a person's prompt goes on. Seen to fail with the error for all.
#[test]
fn a_delegation_that_cannot_be_read_is_refused_where_delegations_are_held_to_their_routes() {
    let torn = r#"{"session_id":"s","hook_event_name":"PreToolUse","tool_name":"Agent","tool_input":{"prompt":"drop"#;
    let ran = |mode: &str| {
        patient().env("POINTSMAN_MODE", mode).call(["hook"]).stdin(torn.to_owned()).wait().exits(0)
    };
    assert!(ran("enforced").stdout.contains("\"deny\""), "{}", ran("enforced"));
    for mode in ["directive", "hybrid"] {
        assert!(ran(mode).stdout.contains("is out of the way"), "{}", ran(mode));
    }
    assert_eq!(ran("off").stdout.matches("deny").count(), 0);
}

#[test]
fn p22_a_hook_is_not_in_the_way_of_input_that_is_long_or_never_ends() {
    let sandbox = patient();
    let long = prompt(&sandbox, "p1", &"x ".repeat(4 << 20));
    let ran = hook(&sandbox, &long);
    assert!(ran.stdout.contains("This is work for haiku"), "{ran}");
    holds("long", &long, ran);
    // Seen to fail: it was called no object.
    let longest = sandbox.call(["hook"]).stdin("[".repeat(65 << 20)).wait();
    assert!(longest.stdout.contains("an event of 64 MB or more is not read"), "{longest}");
    // The program holds the other end itself, and never closes it.
    let sandbox = Sandbox::new();
    fifo(&sandbox.path("home/input"));
    let ran = sandbox.call(["hook"]).after_shell("exec <>\"$HOME/input\"").wait();
    assert!(ran.stdout.contains(TOO_LONG), "{ran}");
    holds("endless", &long, ran);
}
