//! Prompts that are handed to runs: one run for each, named by whatever hook hears of the prompt, whichever process dies over it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::hooks::{file, holds, hook, patient, prompt};
use crate::sandbox::{PATIENCE, Ran, Sandbox, walk};

/// Work for the haiku tier that no rule wants a person for.
const MECHANICAL: &str = "rename foo to bar in lib.rs";

/// Has a prompt taken over; returns the session's place, the run and the marker, which says that the run is still being started.
fn half_taken_over() -> (Sandbox, String, PathBuf) {
    let sandbox = patient().env("POINTSMAN_MODE", "orchestration");
    let run = run_of(hook(&sandbox, &prompt(&sandbox, "p1", MECHANICAL)));
    sandbox.no_process_is_left(PATIENCE);
    let [marker] = &markers(&sandbox)[..] else { panic!("one prompt, one marker") };
    let text = fs::read_to_string(marker).unwrap();
    fs::write(marker, text.replace("\"begun\"", "\"starting\"")).unwrap();
    let marker = marker.clone();
    (sandbox, run, marker)
}

/// The run that a blocked prompt was handed to.
fn run_of(ran: Ran) -> String {
    let said = ran.exits(0).json();
    assert_eq!(said["decision"], "block", "{said}");
    let reason = said["reason"].as_str().unwrap();
    let run = reason.split_once("`pointsman runs show ").unwrap().1.split('`').next().unwrap();
    assert!(reason.contains(&format!("run {run}")), "{reason}");
    run.to_owned()
}

/// Seen to fail: eight hooks started eight runs.
#[test]
fn one_prompt_is_one_run_however_many_hooks_hear_of_it() {
    let sandbox = patient().env("POINTSMAN_MODE", "orchestration");
    for (prompt_id, words) in [("p1", MECHANICAL), ("p2", &format!("/pointsman:orchestrate {MECHANICAL}"))] {
        let event = prompt(&sandbox, prompt_id, words).to_string();
        let hooks: Vec<_> = (0..8).map(|_| sandbox.call(["hook"]).stdin(event.clone()).start()).collect();
        let mut named: Vec<String> = hooks.into_iter().map(|hook| run_of(hook.wait())).collect();
        named.push(run_of(hook(&sandbox, &prompt(&sandbox, prompt_id, words))));
        named.dedup();
        let [run] = &named[..] else { panic!("{prompt_id}: {named:?}") };
        sandbox.no_process_is_left(PATIENCE);
        assert_eq!(sandbox.show(run)["answer"], "the answer of haiku", "{prompt_id}");
    }
    assert_eq!(sandbox.run_count(), 2);
    let report = sandbox.call(["report", "compliance", "-o", "json"]).wait().success().json();
    assert_eq!(report["by_scope"][0]["followed"], 2, "each is one directive: {report}");
    assert_eq!(report["facts"], 2, "{report}");
}

/// Seen to fail: a hook's run was stored as one of the command line.
#[test]
fn a_run_that_a_hook_has_started_says_so() {
    let sandbox = patient().env("POINTSMAN_MODE", "orchestration");
    let run = run_of(hook(&sandbox, &prompt(&sandbox, "p1", MECHANICAL)));
    sandbox.no_process_is_left(PATIENCE);
    let log = sandbox.call(["runs", "logs", &run, "-o", "jsonl"]).wait().success().stdout;
    let first: serde_json::Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
    assert_eq!(first["origin"], "hook", "{first}");
}

#[test]
fn another_prompt_is_another_run_and_so_is_another_message_of_the_same_turn() {
    let sandbox = patient().env("POINTSMAN_MODE", "orchestration");
    let taken = |prompt_id, words| run_of(hook(&sandbox, &prompt(&sandbox, prompt_id, words)));
    let first = taken("p1", MECHANICAL);
    assert_ne!(first, taken("p2", MECHANICAL), "sent again, so meant again");
    assert_ne!(first, taken("p1", "rename bar to baz in lib.rs"));
    let nameless = || {
        let mut event = prompt(&sandbox, "", MECHANICAL);
        event.as_object_mut().unwrap().remove("prompt_id");
        run_of(hook(&sandbox, &event))
    };
    assert_ne!(first, nameless());
    sandbox.no_process_is_left(PATIENCE);
    assert_eq!(sandbox.run_count(), 4);
}

/// The markers of prompts that were taken over.
fn markers(sandbox: &Sandbox) -> Vec<PathBuf> {
    walk(&sandbox.state().join("hook-takeovers"))
}

#[test]
fn a_marker_of_a_prompt_is_private_and_no_id_leads_it_elsewhere() {
    let sandbox = patient().env("POINTSMAN_MODE", "orchestration");
    let ids = ["../../x", "/etc/x", "a/../../b", "..", "%2e%2e/x", &"x".repeat(128)];
    ids.iter().for_each(|id| drop(run_of(hook(&sandbox, &prompt(&sandbox, id, MECHANICAL)))));
    sandbox.no_process_is_left(PATIENCE);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(markers(&sandbox).len(), ids.len());
    for marker in markers(&sandbox) {
        assert_eq!(marker.file_name().unwrap().len(), 64, "{}", marker.display());
        assert_eq!((mode(&marker), mode(marker.parent().unwrap())), (0o600, 0o700));
        let text = fs::read_to_string(&marker).unwrap();
        assert!(!text.contains("rename"), "no words: {text}");
    }
}

/// A hook that is killed between the marker and the start of the run leaves this behind.
#[test]
fn a_prompt_whose_hook_died_over_it_is_not_done_twice_and_can_be_sent_again() {
    let (sandbox, first, _) = half_taken_over();
    let said = hook(&sandbox, &prompt(&sandbox, "p1", MECHANICAL)).exits(0).json();
    let reason = said["reason"].as_str().unwrap();
    assert!(said["decision"] == "block" && reason.contains("did not hear of it"), "{said}");
    assert!(reason.contains(&format!("`pointsman runs show {first}`")), "{said}");
    assert_ne!(first, run_of(hook(&sandbox, &prompt(&sandbox, "p2", MECHANICAL))), "sent again");
}

#[test]
fn a_run_that_another_hook_is_still_starting_is_named_when_nothing_is_heard_of_it() {
    let (sandbox, first, marker) = half_taken_over();
    let held = fs::File::open(marker).unwrap();
    held.lock().unwrap();
    let said = hook(&sandbox, &prompt(&sandbox, "p1", MECHANICAL)).exits(0).json();
    let reason = said["reason"].as_str().unwrap();
    assert!(said["decision"] == "block" && reason.contains(&format!("began run {first}")), "{said}");
    assert_eq!(sandbox.run_count(), 1);
}

#[test]
fn a_prompt_that_cannot_be_marked_stays_with_its_session() {
    let sandbox = patient().env("POINTSMAN_MODE", "orchestration");
    file(&sandbox.state().join("hook-takeovers"), "");
    let event = prompt(&sandbox, "p1", MECHANICAL);
    let ran = hook(&sandbox, &event);
    assert!(ran.stdout.contains("no run can take the prompt over"), "{ran}");
    holds("no marker", &event, ran);
    assert_eq!(sandbox.run_count(), 0);
}
