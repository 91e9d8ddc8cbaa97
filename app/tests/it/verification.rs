//! The user's own check of the work: its exit code is the evidence.

use std::fs;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::fake::Fake;
use crate::sandbox::{Ran, Sandbox, wait_for_file};

const REQUEST: &str = "rename foo to bar in lib.rs";

fn verified(sandbox: &Sandbox, check: &str) -> (Ran, Value) {
    let ran = sandbox.call(["run", "-o", "json", "--tier", "haiku", "--verify", check, REQUEST]).wait();
    let report = ran.json();
    (ran, report)
}

fn outcomes(report: &Value) -> Vec<String> {
    let attempts = report["attempts"].as_array().unwrap().iter();
    attempts.map(|a| format!("{} {}", a["tier"], a["outcome"]).replace('"', "")).collect()
}

#[test]
fn work_that_passes_its_check_is_called_verified() {
    let sandbox = Sandbox::new();
    let (ran, report) = verified(&sandbox, "echo fine; true");
    assert_eq!(report["verdict"], "succeeded", "{ran}");
    let check = &report["attempts"][0]["verification"];
    assert_eq!(
        (&check["command"], &check["passed"], &check["exit_code"], &check["output"]),
        (&json!("echo fine; true"), &json!(true), &json!(0), &json!("fine\n"))
    );
    let said = sandbox.call(["run", "--verify", "true", REQUEST]).wait().success().stderr;
    assert!(said.contains("verified by `true`"), "{said}");
}

/// Seen to fail when the output was not in the prompt.
#[test]
fn work_that_fails_its_check_goes_one_tier_up_with_the_output() {
    let sandbox = Sandbox::new();
    let (done, prompt) = (sandbox.project().join("DONE"), sandbox.path("prompt"));
    let sandbox = sandbox.agent("haiku", Fake::completes("I think it is done")).agent(
        "sonnet",
        Fake::dumps("stdin", &prompt)
            .then(Fake::touches(&done))
            .then(Fake::completes("the check should pass now")),
    );
    let (ran, report) = verified(&sandbox, "test -f DONE || { echo DONE is missing >&2; exit 3; }");
    assert_eq!(outcomes(&report), ["haiku verify_failed", "sonnet completed"], "{ran}");
    assert_eq!(
        (&report["verdict"], &report["attempts"][0]["verification"]["exit_code"]),
        (&json!("succeeded"), &json!(3))
    );
    let prompt = fs::read_to_string(prompt).unwrap();
    assert!(prompt.contains("The check `test -f DONE") && prompt.contains("> DONE is missing"), "{prompt}");
}

#[test]
fn work_that_fails_its_check_twice_fails_the_run() {
    let (ran, report) = verified(&Sandbox::new(), "false");
    assert_eq!(outcomes(&report), ["haiku verify_failed", "sonnet verify_failed"], "{ran}");
    assert_eq!((ran.code, &report["code"], &report["answer"]), (Some(1), &json!("E0326"), &Value::Null));
}

/// No tier could make a command run that does not exist.
#[test]
fn a_check_that_cannot_be_run_buys_nothing_dearer() {
    let (ran, report) = verified(&Sandbox::new(), "no-such-check --all");
    assert_eq!(outcomes(&report), ["haiku configuration"], "{ran}");
    assert_eq!(ran.code, Some(78));
}

#[test]
fn a_check_that_does_not_end_is_ended_with_all_its_children() {
    let sandbox = Sandbox::new().set("verify.timeout", "\"300ms\"");
    let (ran, report) = verified(&sandbox, "sleep 600 & sleep 601");
    assert_eq!(outcomes(&report), ["haiku verify_failed", "sonnet verify_failed"], "{ran}");
    assert!(report["reason"].as_str().unwrap().contains("did not end within `verify.timeout`"), "{report}");
    sandbox.no_process_is_left(Duration::from_secs(10));
}

#[test]
fn ctrl_c_stops_a_check() {
    let sandbox = Sandbox::new();
    let begun = sandbox.path("begun");
    let check = format!("touch {}; sleep 600", begun.display());
    let started = sandbox.call(["run", "--verify", &check, REQUEST]).start();
    wait_for_file(&begun);
    started.signal(Signal::INT);
    let ran = started.wait().exits(130);
    assert!(ran.stderr.contains("cancelled"), "{ran}");
    sandbox.no_process_is_left(Duration::from_secs(10));
}

/// What the check runs may be the agent's own work: it gets no key that the agent does not get.
#[test]
fn a_check_has_the_environment_of_the_agent() {
    let sandbox = Sandbox::new().env("DEPLOY_KEY", "k3y");
    let (ran, report) = verified(&sandbox, "test -z \"$DEPLOY_KEY\" && test -n \"$HOME\"");
    assert_eq!(report["verdict"], "succeeded", "{ran}");
}

#[test]
fn a_check_of_the_settings_holds_for_every_run_but_one_that_wants_none() {
    let sandbox = Sandbox::new().set("verify.command", "\"false\"");
    assert_eq!(sandbox.run_on("opus", REQUEST).code, Some(1));
    sandbox.call(["run", "--no-verify", "--tier", "opus", REQUEST]).wait().success();
}

/// A command is never a stranger's.
#[test]
fn a_repository_that_nobody_trusts_brings_no_check() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.project().join(".pointsman.toml"), "[verify]\ncommand = \"touch WAS-HERE\"\n").unwrap();
    let ran = sandbox.run(REQUEST).success();
    assert!(ran.stderr.contains("`verify.command` is ignored"), "{ran}");
    assert!(!sandbox.project().join("WAS-HERE").exists());
    sandbox.call(["trust", ".", "--yes"]).wait().success();
    sandbox.run(REQUEST).success();
    assert!(sandbox.project().join("WAS-HERE").exists());
}
