//! What `pointsman run` asks at a terminal before a repository's own settings take effect, and what runs after each answer.

use std::fs;
use std::path::PathBuf;

use serde_json::json;

use crate::fake::Fake;
use crate::sandbox::{Call, Ran, Sandbox};
use crate::terminal::{AtTerminal, CTRL_C, CTRL_D};

/// The end of the question.
const QUESTION: &str = "[q]uit:";

const SIGHUP: i32 = 1;
const SIGINT: i32 = 2;

/// The styles of our own messages.
const OUR_STYLES: [&str; 8] = [
    "\u{1b}[0m",
    "\u{1b}[1m",
    "\u{1b}[2m",
    "\u{1b}[31m",
    "\u{1b}[32m",
    "\u{1b}[33m",
    "\u{1b}[36m",
    "\u{1b}[22m",
];

/// What is said of settings that are left out.
const LEFT_OUT: &str = "left out, as nobody said yes to it";

/// A repository that wants variables, a command and a server, and an agent that leaves its arguments in a file.
struct Stranger {
    sandbox: Sandbox,
}

impl Stranger {
    fn new() -> Stranger {
        let sandbox = Sandbox::new();
        let argv = sandbox.path("argv");
        let stranger = Stranger {
            sandbox: sandbox
                .env("TERM", "xterm")
                .agents(Fake::dumps("argv", &argv).then(Fake::completes("the answer"))),
        };
        stranger.writes(
            ".claude/settings.json",
            &json!({"env": {"WANTED": "1"}, "apiKeyHelper": "helper"}).to_string(),
        );
        stranger.writes(".mcp.json", &json!({"mcpServers": {"theirs": {"command": "server"}}}).to_string());
        stranger
    }

    fn writes(&self, name: &str, text: &str) {
        let path = self.sandbox.project().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn call(&self) -> Call<'_> {
        self.sandbox.call(["run", "--tier", "haiku", "--", "fix the typo in main.rs"])
    }

    fn at_terminal(&self) -> AtTerminal {
        self.call().start_at_terminal()
    }

    /// Returns whether the agent that ran was told to leave out what the repository asks for; fails if none ran.
    #[track_caller]
    fn ran_contained(&self) -> bool {
        let argv = self.took_argv().expect("an agent was started");
        let flags = ["--settings", "--strict-mcp-config"].map(|flag| argv.contains(flag));
        assert_eq!(flags[0], flags[1], "{argv}");
        flags[0]
    }

    /// Returns the arguments of the agent that ran since the last time, if one did.
    fn took_argv(&self) -> Option<String> {
        let path = self.sandbox.path("argv");
        let argv = fs::read_to_string(&path).ok();
        let _ = fs::remove_file(path);
        argv
    }

    #[track_caller]
    fn nothing_happened(&self) {
        assert_eq!(self.took_argv(), None, "an agent was started");
        assert!(!self.approvals().exists(), "something is trusted");
        assert_eq!(self.sandbox.run_count(), 0, "a run was recorded");
    }

    #[track_caller]
    fn shows_only_text(&self) {
        let ran = self.at_terminal().answers(QUESTION, "q\n").wait();
        only_text(&ran);
        assert!(ran.stdout.contains(r"\u{1b}]0;owned\u{7}"), "nothing is hidden: {ran}");
    }

    fn approvals(&self) -> PathBuf {
        self.sandbox.path("config/pointsman/trust.json")
    }
}

/// Seen to fail with the question left out, and with the approval not written.
#[test]
fn a_yes_is_remembered_and_the_repositorys_settings_take_effect() {
    let stranger = Stranger::new();
    let first = stranger.at_terminal().answers(QUESTION, "y\n").wait().success();
    first.stdout_has("`WANTED`").stdout_has("server").stdout_has("trusted:").says_nowhere(LEFT_OUT);
    assert!(!stranger.ran_contained());
    let second = stranger.at_terminal().wait().success();
    second.says_nowhere(QUESTION).stdout_has("it takes effect: you trusted these files");
    assert!(!stranger.ran_contained());
    stranger.writes(".mcp.json", r#"{"mcpServers": {"another": {"command": "another"}}}"#);
    stranger.at_terminal().answers(QUESTION, "n\n").wait().success().stdout_has(LEFT_OUT);
    assert!(stranger.ran_contained());
}

/// Seen to fail, for the words that are no answer, when their first letter was one: `yikes` was a yes.
#[test]
fn without_a_yes_the_agent_runs_without_what_the_repository_asks_for() {
    for keys in ["n\n", "N\n", "no\n", "\n", "yikes\nn\n", "yes please\n\n", "quite\nn\n", "\u{e9}\nn\n"] {
        let stranger = Stranger::new();
        let ran = stranger.at_terminal().answers(QUESTION, keys).wait().success();
        assert!(stranger.ran_contained(), "{keys:?}: {ran}");
        assert!(!stranger.approvals().exists(), "{keys:?}: {ran}");
        ran.stdout_has(LEFT_OUT).stdout_has("the answer");
    }
}

#[test]
fn an_answer_that_is_none_is_asked_for_again() {
    for keys in ["what?\ny\n", " Yes \n", "Y\n"] {
        let stranger = Stranger::new();
        let ran = stranger.at_terminal().answers(QUESTION, keys).wait().success();
        assert!(!stranger.ran_contained(), "{keys:?}: {ran}");
        let asked_count = ran.stdout.matches(QUESTION).count();
        assert_eq!(asked_count, keys.lines().count(), "{keys:?}: {ran}");
    }
}

/// Seen to fail, for Ctrl-D, when the end of the input was a no: the agent ran.
#[test]
fn who_does_not_want_it_to_run_or_leaves_finds_nothing_run_and_nothing_trusted() {
    for (keys, code) in [("q\n", Some(77)), ("Quit\n", Some(77)), (CTRL_D, Some(77)), (CTRL_C, None)] {
        let stranger = Stranger::new();
        let ran = stranger.at_terminal().answers(QUESTION, keys).wait();
        assert_eq!(ran.code, code, "{keys:?}: {ran}");
        assert_eq!(ran.signal, code.is_none().then_some(SIGINT), "{keys:?}: {ran}");
        assert_eq!(ran.stdout.contains("E0115"), code.is_some(), "{keys:?}: {ran}");
        stranger.nothing_happened();
    }
    let stranger = Stranger::new();
    let ran = stranger.at_terminal().closes_at(QUESTION);
    assert!(ran.signal == Some(SIGHUP) || ran.code == Some(77), "{ran}");
    stranger.nothing_happened();
}

/// Seen to fail with any of the two streams taken for a terminal unseen.
#[test]
fn where_nobody_can_read_the_question_or_answer_it_none_is_asked_and_nothing_takes_effect() {
    let stranger = Stranger::new();
    let said = stranger.sandbox.path("said");
    let elsewhere = format!("exec 2>'{}'", said.display());
    let calls: [(&str, &dyn Fn() -> Ran); 3] = [
        ("no terminal", &|| stranger.call().stdin("y\n").wait()),
        ("no keyboard", &|| stranger.call().after_shell("exec </dev/null").start_at_terminal().wait()),
        ("no screen", &|| stranger.call().after_shell(&elsewhere).start_at_terminal().wait()),
    ];
    for (which, call) in calls {
        let ran = call().success();
        let said = format!("{}{}{}", ran.stdout, ran.stderr, fs::read_to_string(&said).unwrap_or_default());
        assert!(stranger.ran_contained(), "{which}: {ran}");
        assert!(said.contains(LEFT_OUT) && !said.contains(QUESTION), "{which}: {said}");
        assert!(!stranger.approvals().exists(), "{which}: {ran}");
    }
}

/// What a terminal obeys, in values of a file, in a file that is no JSON, in an agent's file, and in names of files and
/// directories. Seen to fail, for each of them, with the text printed as it is; and, for a line feed in a name, before
/// names were one line: the rest of the name stood there as a line of ours.
#[test]
fn s09_nothing_of_a_repository_commands_the_terminal_that_asks_about_it() {
    let hostile = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{1b}[8m\u{9b}2J\u{202e}\u{2066}\u{200f}\rtrusted:\u{8}";
    let stranger = Stranger::new();
    let settings = json!({"env": {hostile: hostile}, "apiKeyHelper": hostile, "hooks": {hostile: [{"hooks": [{"type": "command", "command": hostile}]}]}, "permissions": {"allow": [hostile]}});
    let servers = json!({"mcpServers": {hostile: {"command": hostile}}});
    stranger.writes(".claude/settings.json", &serde_json::to_string_pretty(&settings).unwrap());
    stranger.writes(".mcp.json", &servers.to_string());
    stranger.writes(
        &format!(".claude/agents/a\ntrusted: {hostile}.md"),
        &format!("---\nname: a\nhooks: {hostile}\n---\n{hostile}"),
    );
    stranger.shows_only_text();
    // Raw, as no JSON can have it.
    stranger.writes(".mcp.json", &format!("{{ {hostile} }}"));
    stranger.shows_only_text();
    let dir = format!("a\ntrusted: {hostile}");
    stranger.writes(&format!("{dir}/.mcp.json"), &servers.to_string());
    let call = stranger.sandbox.call(["run", "--tier", "haiku", "--project", &dir, "--", "fix the typo"]);
    only_text(&call.start_at_terminal().answers(QUESTION, "q\n").wait());
}

/// Fails unless all that a window showed is text, the colours of ours, and no line that begins as one of ours would.
#[track_caller]
fn only_text(ran: &Ran) {
    let shown =
        OUR_STYLES.iter().fold(ran.stdout.replace("\r\n", "\n"), |shown, style| shown.replace(style, ""));
    let odd = shown.chars().find(|c| {
        (c.is_control() && !matches!(c, '\n' | '\t')) || matches!(c, '\u{200f}' | '\u{202e}' | '\u{2066}')
    });
    assert_eq!(odd, None, "{shown:?}");
    let forged = shown.lines().find(|line| line.starts_with("trusted:"));
    assert_eq!(forged, None, "{shown:?}");
}
