//! Going on where a run was: `--continue`, `runs open`; and what is passed on to the agent's CLI.

use std::fs;

use crate::fake::Fake;
use crate::sandbox::Sandbox;
use crate::terminal::CTRL_D;

const REQUEST: &str = "rename foo to bar in lib.rs";

/// A sandbox whose agents leave their arguments and what they read.
fn watched() -> Sandbox {
    let sandbox = Sandbox::new();
    let (argv, stdin) = (sandbox.path("argv"), sandbox.path("stdin"));
    let agent = Fake::dumps("argv", &argv).then(Fake::dumps("stdin", &stdin));
    sandbox.agents(agent.then(Fake::completes("all is done as asked")))
}

fn read(sandbox: &Sandbox, name: &str) -> String {
    fs::read_to_string(sandbox.path(name)).unwrap()
}

#[test]
fn continue_goes_on_in_the_last_session_of_the_directory() {
    let sandbox = watched();
    let first = sandbox.call(["run", "-o", "json", REQUEST]).wait().success().json();
    let other = sandbox.path("elsewhere").display().to_string();
    fs::create_dir(&other).unwrap();
    sandbox.call(["run", "--project", &other, REQUEST]).wait().success();
    let second = sandbox.call(["run", "-o", "json", "-c", "and now the tests"]).wait().success().json();
    assert_eq!(second["session_id"], first["session_id"]);
    let session = first["attempts"][0]["agent_session_id"].as_str().unwrap();
    assert!(read(&sandbox, "argv.3").contains(&format!("--resume={session}")));
}

#[test]
fn continue_says_so_where_nothing_was_done_yet() {
    let ran = Sandbox::new().call(["run", "--continue", REQUEST]).wait().exits(65);
    assert!(ran.stderr.contains("no run was made in"), "{ran}");
}

#[test]
fn open_prints_the_command_that_goes_on_in_the_cli_itself() {
    let sandbox = watched();
    let run = sandbox.call(["run", "-o", "json", REQUEST]).wait().success().json();
    let session = run["attempts"][0]["agent_session_id"].as_str().unwrap();
    let printed = sandbox.call(["runs", "open", "latest"]).wait().success().stdout;
    assert!(printed.starts_with(&format!("cd {} && ", sandbox.project().display())), "{printed}");
    assert!(printed.trim_end().ends_with(&format!("--resume={session}")), "{printed}");
}

/// The window shows what the agent's own program says: it has taken the place of ours.
#[test]
fn open_becomes_the_cli_at_a_terminal() {
    let sandbox = Sandbox::new()
        .env("TERM", "xterm")
        .agents(Fake::says("I am at work").then(Fake::completes("all is done as you asked")));
    sandbox.run(REQUEST).success();
    let shown = sandbox
        .call(["runs", "open", "latest"])
        .start_at_terminal()
        .answers("", CTRL_D)
        .wait()
        .success()
        .stdout;
    assert!(shown.contains("I am at work"), "{shown}");
    assert_eq!(sandbox.run_count(), 1);
}

#[test]
fn a_plain_agent_leaves_no_conversation() {
    let sandbox = Sandbox::new().agents(Fake::says("it is done as you asked").plain());
    sandbox.run(REQUEST).success();
    let ran = sandbox.call(["runs", "open", "latest"]).wait().exits(65);
    assert!(ran.stderr.contains("left no conversation"), "{ran}");
}

#[test]
fn flags_behind_two_dashes_reach_the_cli_with_paths_of_the_users_directory() {
    let sandbox = watched();
    fs::create_dir(sandbox.project().join("other")).unwrap();
    let flags = ["run", REQUEST, "--", "--add-dir", "other", "--append-system-prompt", "Answer in French."];
    sandbox.call(flags).wait().success();
    let other = sandbox.project().join("other");
    assert!(read(&sandbox, "argv").contains(&format!("--add-dir={}", other.display())));
    // The text stands behind the contract: the CLI takes one of both.
    assert!(!read(&sandbox, "argv").contains("French"));
}

#[test]
fn what_would_break_a_run_is_not_passed_on() {
    let sandbox = Sandbox::new();
    let ran = sandbox.call(["run", REQUEST, "--", "--output-format", "text"]).wait().exits(2);
    assert!(ran.stderr.contains("`--output-format` is not passed on"), "{ran}");
    assert!(ran.stderr.contains("--add-dir"), "{ran}");
    let plain = Sandbox::new().agents(Fake::says("it is done as you asked").plain());
    let ran = plain.call(["run", REQUEST, "--", "--effort", "high"]).wait().exits(2);
    assert!(ran.stderr.contains("are for Claude Code"), "{ran}");
    assert_eq!(sandbox.run_count() + plain.run_count(), 0);
}

#[test]
fn a_request_may_stand_behind_two_dashes_whatever_it_begins_with() {
    let sandbox = watched();
    sandbox.call(["run", "--", "--fix it in lib.rs: rename foo to bar"]).wait().success();
    assert!(read(&sandbox, "stdin").starts_with("--fix it in lib.rs"));
    sandbox.call(["run", "--", REQUEST, "--effort", "high"]).wait().success();
    sandbox.call(["run", "-", "--", "--effort", "low"]).stdin(REQUEST).wait().success();
    assert!(read(&sandbox, "argv.3").contains("--effort=low"));
    assert!(read(&sandbox, "argv.2").contains("--effort=high"));
}

#[test]
fn an_image_is_named_by_its_whole_path() {
    let sandbox = watched();
    fs::write(sandbox.project().join("my shot.png"), "\u{89}PNG").unwrap();
    sandbox.call(["run", "--image", "my shot.png", "explain what is wrong on this picture"]).wait().success();
    let image = sandbox.project().join("my shot.png");
    assert!(read(&sandbox, "stdin").contains(&format!("\n\n@\"{}\"", image.display())));
    sandbox.call(["run", "--image", "none.png", REQUEST]).wait().exits(65);
    fs::write(sandbox.project().join("notes.txt"), "no picture").unwrap();
    sandbox.call(["run", "--image", "notes.txt", REQUEST]).wait().exits(65);
}
