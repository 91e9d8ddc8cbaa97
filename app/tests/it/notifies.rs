//! Who is told that a run is over: a command, the desktop, the terminal.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use crate::fake::Fake;
use crate::sandbox::{Sandbox, toml_list, wait_for};

const RENAME: &str = "rename $(touch /tmp/x) to `bar`; in lib.rs";

/// Puts a program of this name first on the path that writes its arguments and what it is told into a file.
fn with_program(sandbox: Sandbox, name: &str) -> (Sandbox, PathBuf) {
    let (dir, told) = (sandbox.path("tmp/bin"), sandbox.path("tmp/told"));
    fs::create_dir_all(&dir).unwrap();
    let script = format!(
        "#!/bin/sh\nprintf '%s|' \"$@\" \"$POINTSMAN_NOTIFY_RUN\" \"$POINTSMAN_NOTIFY_VERDICT\" \"$POINTSMAN_NOTIFY_WORDS\" > {told}.new\nmv {told}.new {told}\n",
        told = told.display()
    );
    fs::write(dir.join(name), script).unwrap();
    fs::set_permissions(dir.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", dir.display(), std::env::var("PATH").unwrap_or_default());
    (sandbox.env("PATH", &path), told)
}

fn command(words: &[&str]) -> String {
    toml_list(words.iter().copied())
}

/// Seen to fail without the call in `cli::run`.
#[test]
fn a_command_is_told_of_a_long_run_by_its_environment() {
    let sandbox =
        Sandbox::new().set("notify.command", &command(&["tell", "me"])).set("notify.after", "\"0s\"");
    let (sandbox, told) = with_program(sandbox, "tell");
    sandbox.run_on("haiku", RENAME).success();
    let run = sandbox.show("latest")["run_id"].as_str().unwrap().to_owned();
    assert_eq!(fs::read_to_string(&told).unwrap(), format!("me|{run}|succeeded|{RENAME}|"));
}

#[test]
fn a_short_run_at_which_somebody_waits_is_not_told() {
    let sandbox = Sandbox::new().set("notify.command", &command(&["tell"])).set("notify.desktop", "true");
    let (sandbox, told) = with_program(sandbox, "tell");
    sandbox.run_on("haiku", RENAME).success();
    assert!(!told.exists());
}

/// Seen to fail without the call in `cli::driver`.
#[test]
fn the_driver_of_a_detached_run_tells_however_short_it_was() {
    let sandbox = Sandbox::new().set("notify.command", &command(&["tell"])).set("store_prompts", "false");
    let (sandbox, told) = with_program(sandbox, "tell");
    let sandbox = sandbox.agent("haiku", Fake::api_error(400, "invalid_request_error"));
    let run = sandbox.call(["run", "--detach", "--tier", "haiku", "--", RENAME]).wait().success().stdout;
    let said = wait_for("the notification", || fs::read_to_string(&told).ok());
    // Words that are not stored are not told either.
    assert_eq!(said, format!("{}|failed||", run.trim()));
}

#[cfg(target_os = "linux")]
#[test]
fn the_desktop_shows_a_line_without_a_word_of_the_request() {
    let sandbox = Sandbox::new().set("notify.desktop", "true").set("notify.after", "\"0s\"");
    let (sandbox, told) = with_program(sandbox, "notify-send");
    sandbox.run_on("haiku", RENAME).success();
    let short = sandbox.show("latest")["short_id"].as_str().unwrap().to_owned();
    let said = fs::read_to_string(&told).unwrap();
    assert!(
        said.starts_with(&format!("--app-name=pointsman|--|pointsman|run {short}: succeeded|")),
        "{said}"
    );
}

#[test]
fn a_notification_that_fails_is_said_and_fails_nothing() {
    let sandbox = Sandbox::new().set("notify.after", "\"0s\"");
    let missing = sandbox.set("notify.command", &command(&["no-such-program"]));
    let ran =
        missing.run_on("haiku", RENAME).success().stderr_has("by `no-such-program` failed: it is not found");
    assert!(ran.stdout.contains("the answer of haiku"), "{ran}");
    let fails = missing.set("notify.command", &command(&["sh", "-c", "echo no >&2; exit 3"]));
    fails.run_on("haiku", RENAME).success().stderr_has("the notification by `sh` failed: it says `no`");
}

/// Seen to fail without the line in `config::gate`: a repository chose a program to start.
#[test]
fn a_repository_names_no_program_even_if_it_is_trusted() {
    let sandbox = Sandbox::new().set("notify.after", "\"0s\"");
    let (sandbox, told) = with_program(sandbox, "tell");
    fs::write(
        sandbox.project().join(".pointsman.toml"),
        "notify.command = [\"tell\"]\nprices.version = \"x\"",
    )
    .unwrap();
    let said = "`notify.command` is ignored: a repository never says who is told of runs";
    sandbox.run_on("haiku", RENAME).success().stderr_has(said);
    sandbox.call(["trust", "--yes"]).wait().success();
    sandbox.run_on("haiku", RENAME).success().stderr_has(said).stderr_has("`prices.version` is ignored");
    assert!(!told.exists());
}

#[test]
fn a_terminal_rings_at_the_end_of_a_long_run_and_some_show_a_notification() {
    let at_terminal = |sandbox: &Sandbox| {
        sandbox.call(["run", "--tier", "haiku", "--", RENAME]).start_at_terminal().wait().success().stdout
    };
    let quiet = Sandbox::new();
    assert!(!at_terminal(&quiet).contains('\u{7}'), "it was short");
    let sandbox = quiet.set("notify.after", "\"0s\"");
    let shown = at_terminal(&sandbox);
    assert!(shown.contains('\u{7}') && !shown.contains("\u{1b}]9;"), "{shown:?}");
    let known = sandbox.env("TERM_PROGRAM", "ghostty");
    let shown = at_terminal(&known);
    let short = known.show("latest")["short_id"].as_str().unwrap().to_owned();
    assert!(shown.contains(&format!("\u{1b}]9;run {short}: succeeded\u{1b}\\\u{7}")), "{shown:?}");
    let off = known.set("notify.bell", "false");
    assert!(!at_terminal(&off).contains('\u{7}'), "it is off");
}
