//! Sessions: the agent goes on where it was, and never two agents go on in one session.

use std::fs;

use crate::fake::Fake;
use crate::sandbox::{Sandbox, wait_for_file};

#[test]
fn a_session_goes_on_in_the_same_agent_session() {
    let sandbox = Sandbox::new();
    let argv = sandbox.path("argv");
    let sandbox = sandbox.agents(Fake::dumps("argv", &argv).then(Fake::completes("noted")));
    sandbox.call(["run", "--session", "work", "list the files in src/"]).wait().success();
    sandbox.call(["run", "--session", "work", "which of them is the largest?"]).wait().success();
    let flag = |file: &str, flag: &str| {
        let lines: Vec<String> =
            fs::read_to_string(sandbox.path(file)).unwrap().lines().map(str::to_owned).collect();
        let bound = lines.iter().find_map(|line| line.strip_prefix(&format!("{flag}=")).map(str::to_owned));
        bound.or_else(|| lines.iter().position(|line| line == flag).map(|at| lines[at + 1].clone()))
    };
    let begun = flag("argv", "--session-id").expect("the first run begins a session");
    assert_eq!(flag("argv.2", "--resume"), Some(begun));
    assert_eq!(flag("argv.2", "--session-id"), None);
}

/// Seen to fail with a run that goes on without the lock.
#[test]
fn p03_two_runs_never_go_on_in_one_session_at_once() {
    let sandbox = Sandbox::new();
    let (lock, sign, go) = (sandbox.path("lock"), sandbox.path("at-work"), sandbox.path("go"));
    let works = Fake::locks(&lock).then(Fake::touches(&sign)).then(Fake::awaits(&go));
    let sandbox = sandbox.agents(works.then(Fake::completes("done with it, 3 files")));
    let first = sandbox.call(["run", "--session", "work", "rename foo to bar in lib.rs"]).start();
    wait_for_file(&sign);
    sandbox
        .call(["run", "--session", "work", "rename bar to baz in lib.rs"])
        .wait()
        .stdout("")
        .stderr_has("in use")
        .exits(75);
    fs::write(&go, "").unwrap();
    first.wait().success();
    sandbox.call(["run", "--session", "work", "rename baz to foo in lib.rs"]).wait().success();
    assert!(!sandbox.path("lock.violated").exists());
}

#[test]
fn an_escalation_carries_the_agents_session_over() {
    let sandbox = Sandbox::new();
    let (argv, stdin) = (sandbox.path("argv"), sandbox.path("stdin"));
    let looks = Fake::dumps("argv", &argv).then(Fake::dumps("stdin", &stdin));
    let sandbox = sandbox.agents(looks.then(Fake::escalates()));
    sandbox.run_on("haiku", "prove the lemma").stdout("sonnet took over\n").success();
    let first = fs::read_to_string(&argv).unwrap();
    let second = fs::read_to_string(sandbox.path("argv.2")).unwrap();
    let id = first.split_once("--session-id\n").unwrap().1.lines().next().unwrap();
    assert!(second.contains(&format!("--resume={id}\n")), "{second}");
    assert_eq!(fs::read_to_string(&stdin).unwrap(), "prove the lemma");
    // The session knows the request: only what happened is told.
    let words = fs::read_to_string(sandbox.path("stdin.2")).unwrap();
    assert!(words.contains("asked_escalation") && !words.contains("prove the lemma"), "{words}");
}

#[test]
fn an_escalation_to_another_program_hands_the_request_over_with_a_note() {
    let sandbox = Sandbox::new();
    let stdin = sandbox.path("stdin");
    let sandbox = sandbox
        .agent("haiku", Fake::escalates())
        .agent("sonnet", Fake::dumps("stdin", &stdin).then(Fake::completes("proven")));
    sandbox.run_on("haiku", "prove the lemma").stdout("proven\n").success();
    let words = fs::read_to_string(&stdin).unwrap();
    assert!(words.starts_with("prove the lemma\n") && words.contains("> I read the code."), "{words}");
}

/// Seen to fail with a session of which only its existence is known.
#[test]
fn a_yes_in_a_session_is_as_dangerous_as_what_the_agent_proposed_last() {
    let proposes = |said: &str| Sandbox::new().agents(Fake::completes(said));
    let sandbox = proposes("The tests pass. Shall I push the branch to origin?");
    sandbox.call(["run", "--session", "s", "--tier", "haiku", "run the tests"]).wait().success();
    let held = sandbox.call(["run", "--session", "s", "-o", "json", "ok do it"]).wait().exits(77).json();
    let route = &held["route"];
    assert_eq!((route["answer"].as_str(), route["tier"].as_str()), (Some("yes"), Some("haiku")), "{route}");
    assert_eq!(route["rules"][0], "safety.push");
    sandbox.call(["run", "--session", "s", "no, the other one"]).wait().success();

    let sandbox = proposes("One test fails. Should I fix it?");
    sandbox.call(["run", "--session", "s", "--tier", "haiku", "run the tests"]).wait().success();
    sandbox.call(["run", "--session", "s", "ok do it"]).wait().success();
    // It is decided again with what was known then.
    sandbox.call(["replay", "--fail-on-change"]).wait().success();
}
