//! What a terminal shows while a run goes on.

use crate::fake::Fake;
use crate::sandbox::Sandbox;

/// Runs a request in a window of its own; returns all that it showed.
fn shown(sandbox: &Sandbox, rehearsed: &str) -> String {
    let call = sandbox.call(["run", "rename foo to bar in lib.rs"]);
    let call = if rehearsed.is_empty() { call } else { call.args([rehearsed]) };
    call.start_at_terminal().wait().success().stdout
}

/// Seen to fail when the answer was printed at the end whatever had been shown.
#[test]
fn an_answer_that_was_shown_as_it_came_is_not_printed_again() {
    let shown = shown(&Sandbox::new().env("TERM", "xterm"), "--rehearse");
    assert_eq!(shown.matches("no model was asked").count(), 1, "{shown}");
    assert_eq!(shown.matches("its answer would stand here.").count(), 1, "{shown}");
}

/// Seen to fail without the filter: the nonce stood on the screen.
#[test]
fn no_marker_of_ours_is_shown() {
    let shown = shown(&Sandbox::new().env("TERM", "xterm"), "--rehearse=escalate");
    assert!(shown.contains("it is too hard for me"), "{shown}");
    assert!(!shown.contains("[[pointsman"), "{shown}");
    assert_eq!(shown.matches("its answer would stand here.").count(), 1, "{shown}");
}

#[test]
fn a_secret_of_the_answer_is_shown_to_eyes_and_to_no_pipe() {
    let secret = "ghp_0123456789abcdefghijABCDEFGHIJ456789";
    let sandbox =
        Sandbox::new().env("TERM", "xterm").agents(Fake::completes(&format!("the token is {secret}")));
    let shown = shown(&sandbox, "");
    assert_eq!(shown.matches("the token is").count(), 1, "{shown}");
    assert!(shown.contains(secret), "{shown}");
    let piped = sandbox.run("rename foo to bar in lib.rs").success().stdout;
    assert!(piped.contains("the token is") && !piped.contains(secret), "{piped}");
}
