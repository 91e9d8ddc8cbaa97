//! A file of pointsman's own is broken, in every way: `run` still gets the work done, at once or after one yes, and says so in
//! one line; hooks take nothing from a session.
//!
//! Two tables: files that stop a run until a person says yes (settings and policy: what they forbid is not known any more), and
//! files that never do.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use rusqlite::Connection;

use crate::promises::hooks::{events, file, holds, hook};
use crate::sandbox::{Call, Ran, Sandbox, fake_agent};

const REQUEST: &str = "rename foo to bar in lib.rs";

/// A place as people have it: the built-in agents with a `claude` on `PATH`, and settings that a test may break.
fn place() -> Sandbox {
    let sandbox = Sandbox::new();
    let claude = sandbox.path("bin/claude");
    let words = format!("#!/bin/sh\nexec '{}' completes 'the answer' \"$@\"\n", fake_agent().display());
    file(&claude, words);
    fs::set_permissions(&claude, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", sandbox.path("bin").display(), std::env::var("PATH").unwrap());
    let own = sandbox.path("own").display().to_string();
    let sandbox = sandbox.env("PATH", &path).env("XDG_CONFIG_HOME", &own).env("TERM", "xterm");
    sandbox.env("POINTSMAN_HOOK_LIMIT_MS", "1000000").env("POINTSMAN_MODE", "enforced")
}

fn settings(sandbox: &Sandbox, text: &str) {
    file(&sandbox.path("own/pointsman/config.toml"), text);
}

fn policy(sandbox: &Sandbox, text: &str) {
    file(&sandbox.path("own/pointsman/policy.toml"), text);
}

fn rule(sandbox: &Sandbox, keys: &str) {
    policy(sandbox, &format!("[[rule]]\nid = \"parser\"\nbecause = \"it is hard\"\n{keys}\n"));
}

fn own(sandbox: &Sandbox, name: &str) -> std::path::PathBuf {
    let path = sandbox.path("own/pointsman").join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    path
}

fn fifo(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
}

/// A way to break a file: in words, how, and the code that it has.
type Way = (&'static str, fn(&Sandbox), &'static str);

/// What needs a yes.
const OWN_FILES: [Way; 16] = [
    ("settings that are no TOML", |s| settings(s, "[limits\n"), "E0201"),
    ("settings that are binary", |s| file(&own(s, "config.toml"), [0xff, 0xfe, 0]), "E0206"),
    ("an unknown setting", |s| settings(s, "[limits]\ntimout = \"1h\"\n"), "E0202"),
    ("a setting of the wrong type", |s| settings(s, "[limits]\nattempts = \"three\"\n"), "E0203"),
    ("an agent without its command", |s| settings(s, "[agents.my]\nadapter = \"plain\"\n"), "E0204"),
    ("a setting that breaks a rule", |s| settings(s, "[limits]\nattempts = 0\n"), "E0205"),
    ("settings that are a directory", |s| fs::create_dir_all(own(s, "config.toml")).unwrap(), "E0206"),
    ("settings that are a pipe", |s| fifo(&own(s, "config.toml")), "E0206"),
    (
        "settings that are a link to itself",
        |s| symlink("config.toml", own(s, "config.toml")).unwrap(),
        "E0206",
    ),
    ("a policy that is no TOML", |s| policy(s, "[[rule]\n"), "E0211"),
    (
        "an unknown key of the policy",
        |s| rule(s, "becuase = \"x\"\ntier = \"opus\"\nwords = \"'parser'\""),
        "E0212",
    ),
    ("a wrong value in the policy", |s| rule(s, "tier = \"opsu\"\nwords = \"'parser'\""), "E0213"),
    ("a rule without a condition", |s| rule(s, "tier = \"opus\""), "E0214"),
    ("a bad pattern in the policy", |s| rule(s, "ask = true\nwords = [\"deploi\"]"), "E0215"),
    ("a word list that is not the person's", |s| policy(s, "[words]\ndelete = \"wipe\"\n"), "E0216"),
    ("a policy that is a pipe", |s| fifo(&own(s, "policy.toml")), "E0217"),
];

fn ledger(sandbox: &Sandbox) -> std::path::PathBuf {
    fs::create_dir_all(sandbox.state()).unwrap();
    sandbox.state().join("ledger.db")
}

/// What stops nothing: how it is broken, and what is said of it.
const OTHER_FILES: [Way; 11] = [
    ("a ledger that is garbage", |s| file(&ledger(s), [0xa5; 8192]), "spool"),
    ("a ledger that is a directory", |s| fs::create_dir(ledger(s)).unwrap(), "spool"),
    ("a ledger that is a pipe", |s| fifo(&ledger(s)), "spool"),
    (
        "a ledger of a newer version",
        |s| {
            let db = Connection::open(ledger(s)).unwrap();
            db.pragma_update(None, "user_version", 99).unwrap();
            drop(db);
            fs::set_permissions(ledger(s), fs::Permissions::from_mode(0o600)).unwrap();
            fs::set_permissions(s.state(), fs::Permissions::from_mode(0o700)).unwrap();
        },
        "has schema 99",
    ),
    ("a state directory that is a file", |s| file(&s.state(), ""), "spool"),
    (
        "a state directory that is a link to nowhere",
        |s| symlink("/nowhere/at/all", s.state()).unwrap(),
        "spool",
    ),
    (
        "approvals that are garbage",
        |s| {
            file(&own(s, "trust.json"), "[");
            file(&s.project().join(".pointsman.toml"), "");
        },
        "no project is trusted",
    ),
    (
        "approvals of a newer version",
        |s| {
            file(&own(s, "trust.json"), r#"{"schema_version": 2, "projects": {}}"#);
            file(&s.project().join(".pointsman.toml"), "");
        },
        "no project is trusted",
    ),
    (
        "a project's settings that are no TOML",
        |s| file(&s.project().join(".pointsman.toml"), "[limits\n"),
        "left out",
    ),
    (
        "a project's policy that is no TOML",
        |s| file(&s.project().join("pointsman.policy.toml"), "[[rule]\n"),
        "left out",
    ),
    (
        "a cache that is a file",
        |s| {
            fs::create_dir_all(s.path("cache")).unwrap();
            file(&s.path("cache/pointsman"), "");
        },
        "",
    ),
];

fn run<'a>(sandbox: &'a Sandbox, flags: &[&str]) -> Call<'a> {
    flags
        .iter()
        .fold(sandbox.call(["run", "--tier", "haiku"]), |call, flag| call.args([flag]))
        .args(["--", REQUEST])
}

#[track_caller]
fn is_harmless_in_hooks(what: &str, sandbox: &Sandbox) {
    for event in events(sandbox) {
        holds(what, &event, hook(sandbox, &event));
    }
}

/// Returns the lines about what is broken.
fn notices(ran: &Ran) -> Vec<&str> {
    ran.stderr.lines().filter(|line| line.starts_with("notice")).collect()
}

/// Seen to fail with a run that goes on by itself, and with one that the flag does not help.
#[test]
fn a_broken_file_of_the_persons_own_needs_one_word_and_then_the_work_is_done() {
    for (what, breaks, code) in OWN_FILES {
        let sandbox = place();
        breaks(&sandbox);
        let refused = run(&sandbox, &[]).wait().exits(78).stdout("");
        assert!(refused.stderr.contains(&format!("error[{code}]: ")), "{what}: {refused}");
        assert!(refused.stderr.contains("`--ignore-config` goes on without the file"), "{what}: {refused}");
        let done = run(&sandbox, &["--ignore-config"]).wait().success().stdout("the answer\n");
        let said = notices(&done);
        assert!(said.len() == 1 && said[0].starts_with(&format!("notice[{code}]: ")), "{what}: {done}");
        assert!(said[0].contains("`pointsman doctor`"), "{what}: {done}");
        run(&sandbox, &["--ignore-config", "--detach"]).wait().success();
        is_harmless_in_hooks(what, &sandbox);
    }
}

#[test]
fn nothing_else_that_is_broken_stops_a_run_or_a_hook() {
    for (what, breaks, said) in OTHER_FILES {
        let sandbox = place();
        breaks(&sandbox);
        let done = run(&sandbox, &[]).wait().success().stdout("the answer\n");
        assert!(done.stderr.contains(said), "{what}: {done}");
        is_harmless_in_hooks(what, &sandbox);
    }
}

#[test]
fn at_a_terminal_the_person_is_asked_once_whether_to_go_on_without_a_broken_file() {
    for (breaks, question) in [
        (
            (|s| settings(s, "[limits\n")) as fn(&Sandbox),
            "Go on without this file, with the built-in settings",
        ),
        (|s| policy(s, "[[rule]\n"), "Go on without this file, with the built-in rules alone? [y/N]"),
    ] {
        let sandbox = place();
        breaks(&sandbox);
        let done = run(&sandbox, &[]).start_at_terminal().answers(question, "y\n").wait().success();
        assert_eq!(done.stdout.matches(question).count(), 1, "{done}");
        assert!(done.stdout.contains("the answer"), "{done}");
        let declined = run(&sandbox, &[]).start_at_terminal().answers(question, "\n").wait().exits(77);
        assert!(declined.stdout.contains("not run: you said no"), "{declined}");
        assert!(!declined.stdout.contains("the answer"), "{declined}");
    }
}

/// The built-in settings keep prompts, and remove what is old; the broken file may have said otherwise. Seen to fail with the
/// plain defaults.
#[test]
fn a_run_without_the_persons_settings_keeps_no_prompt() {
    let sandbox = place();
    settings(&sandbox, "store_prompts = false\n[limits\n");
    run(&sandbox, &["--ignore-config"]).wait().success();
    assert!(sandbox.state().join("ledger.db").is_file());
    assert_eq!(sandbox.files_with(REQUEST), Vec::<std::path::PathBuf>::new());
}

/// A flag is no file: nothing is asked, and nothing is left out for it. Seen to fail with every code of the settings taken for
/// the file's.
#[test]
fn a_wrong_variable_is_named_and_no_file_is_left_out_for_it() {
    let sandbox = place().env("POINTSMAN_LIMITS_TIMEOUT", "soon");
    settings(&sandbox, "");
    let refused = run(&sandbox, &["--ignore-config"]).wait();
    assert!(refused.code == Some(78) && refused.stderr.contains("POINTSMAN_LIMITS_TIMEOUT"), "{refused}");
    assert!(notices(&refused).is_empty(), "{refused}");
}
