//! The first hour on the real CLI: what goes in beside a prompt, which commands a profile lets run, checks and changes,
//! going on.

use std::fs;
use std::sync::{Arc, OnceLock};

use serde_json::json;

use crate::changes::git;
use crate::model_server::{Asked, Reply};
use crate::real_claude::Real;

const REQUEST: &str = "rename foo to bar in lib.rs";

/// A picture of one red point.
const RED_POINT: [u8; 69] = [
    0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, b'I', b'H', b'D', b'R', 0, 0, 0, 1, 0, 0,
    0, 1, 8, 2, 0, 0, 0, 0x90, 0x77, 0x53, 0xde, 0, 0, 0, 0x0c, b'I', b'D', b'A', b'T', 0x08, 0xd7, 0x63,
    0xf8, 0xcf, 0xc0, 0, 0, 3, 1, 1, 0, 0x18, 0xdd, 0x8d, 0xb0, 0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae,
    0x42, 0x60, 0x82,
];

fn answers() -> impl FnMut(&Asked) -> Reply + Send + 'static {
    |_: &Asked| Reply::text("I have looked at all of it.")
}

/// Seen to fail without the space behind `@`: the CLI attached the file.
#[test]
#[ignore = "needs the real Claude CLI"]
fn what_is_piped_in_is_context_and_mentions_no_file() {
    let real = Real::new(answers());
    let secret = real.sandbox.path("secret.txt");
    fs::write(&secret, "the secret of another place").unwrap();
    let log = format!("first line\n@{}\n", secret.display());
    real.sandbox.call(["run", "explain this log"]).stdin(log).wait().success();
    let asked = real.server.asked();
    let conversation = asked.last().unwrap().conversation();
    assert!(
        conversation.contains("first line") && conversation.contains("standard input: 2 lines"),
        "{conversation}"
    );
    assert!(!conversation.contains("the secret of another place"), "{conversation}");
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn an_image_is_seen_by_the_model() {
    let real = Real::new(answers());
    fs::write(real.sandbox.project().join("my shot.png"), RED_POINT).unwrap();
    real.sandbox.call(["run", "--image", "my shot.png", "explain this picture"]).wait().success();
    let body = real.server.asked().last().unwrap().body["messages"].to_string();
    assert!(body.contains("\"image/png\""), "{body}");
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn passed_flags_are_understood_and_the_contract_stays() {
    let real = Real::new(answers());
    let other = real.sandbox.path("other").display().to_string();
    fs::create_dir(&other).unwrap();
    let flags =
        ["run", REQUEST, "--", "--add-dir", &other, "--append-system-prompt", "Say moon.", "--effort", "low"];
    real.sandbox.call(flags).wait().success();
    let system = real.server.asked().last().unwrap().system();
    assert!(system.contains("Say moon.") && system.contains("Output contract"), "{system}");
}

/// Runs a shell command under a profile; tells whether it ran.
fn ran(command: &str, profile: &str) -> bool {
    let input = json!({"command": command, "description": "a test"});
    let real = Real::new(move |asked: &Asked| match asked.answer_count() {
        0 => Reply::tool("Bash", input.clone()),
        _ => Reply::text("I have run what was asked for."),
    });
    let project = real.sandbox.project();
    fs::write(project.join("Makefile"), "test:\n\t@touch tested\nother:\n\t@touch other\n").unwrap();
    let call = ["run", "--permission-profile", profile, "--tier", "sonnet", REQUEST];
    let done = real.sandbox.call(call).wait();
    let did = ["tested", "other"].iter().any(|name| project.join(name).exists());
    assert_eq!(did, done.code == Some(0), "{done}");
    did
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn a_profile_lets_the_projects_own_tests_run_and_nothing_else() {
    for (command, profile, runs) in [
        ("make test", "edit", false),
        ("make test", "test", true),
        ("make test 2>&1 | tail -5", "test", true),
        ("make other", "test", false),
        ("make test && make other", "test", false),
    ] {
        assert_eq!(ran(command, profile), runs, "`{command}` with `{profile}`");
    }
}

/// One run as a person has it: the agent edits, the check fails, the stronger tier mends it, and it can be taken back.
#[test]
#[ignore = "needs the real Claude CLI"]
fn an_edit_is_checked_mended_and_taken_back() {
    let place = Arc::new(OnceLock::new());
    let known = Arc::clone(&place);
    let real = Real::new(move |asked: &Asked| {
        let content = if asked.model.contains("haiku") { "wrong" } else { "right" };
        let is_written = asked.body["messages"].to_string().contains(&format!("\"content\":\"{content}\""));
        match is_written {
            true => Reply::text("I have written the file as asked."),
            false => Reply::tool("Write", json!({"file_path": known.get(), "content": content})),
        }
    });
    place.set(real.sandbox.project().join("answer.txt")).unwrap();
    git(&real.sandbox, &["init", "-q"]);
    let check = "grep right answer.txt || { echo expected right; exit 4; }";
    let done = real.sandbox.call(["run", "--tier", "haiku", "--verify", check, "-o", "json", REQUEST]).wait();
    let report = done.json();
    let outcomes: Vec<&str> =
        report["attempts"].as_array().unwrap().iter().map(|a| a["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["verify_failed", "completed"], "{done}");
    assert!(real.server.asked().iter().any(|asked| asked.conversation().contains("> expected right")));
    assert_eq!(report["changes"]["files"][0]["path"], "answer.txt", "{report}");
    real.sandbox.call(["runs", "undo", "latest", "--yes"]).wait().success();
    assert!(!real.sandbox.project().join("answer.txt").exists());
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn continue_goes_on_where_the_last_run_was() {
    let real = Real::new(answers());
    real.sandbox.call(["run", "--tier", "haiku", REQUEST]).wait().success();
    real.sandbox.call(["run", "-c", "--tier", "haiku", "and now explain it"]).wait().success();
    let conversation = real.server.asked().last().unwrap().conversation();
    assert!(conversation.contains(REQUEST) && conversation.contains("and now explain it"), "{conversation}");
}
