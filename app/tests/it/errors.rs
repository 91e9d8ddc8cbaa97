//! Error codes: for each cause that a test can bring about, the real binary prints the code, exits as the code's
//! page says, gives the code as data, and looks as in the page's example.

use std::collections::BTreeSet;
use std::fs::{self, File};

use pointsman_core::error_code::ErrorCode;

use crate::fake::Fake;
use crate::sandbox::{Call, Ran, Sandbox, toml_list, wait_for_file};

const REQUEST: &str = "rename foo to bar in lib.rs";

/// Codes that no test here brings about, and why.
const NOT_HERE: [(&str, &str); 15] = [
    ("E0105", "needs a terminal as standard input"),
    ("E0115", "needs a person at a terminal"),
    ("E0314", "a shim must die: promises::processes"),
    ("E0321", "needs a signal: outcomes"),
    ("E0322", "needs a signal: outcomes"),
    ("E0406", "a log ends there only in the moment between two facts"),
    ("E0408", "an agent must resist for half a minute"),
    ("E0409", "a driver must die while its log is followed"),
    ("E0501", "this program must be gone while it runs"),
    ("E0502", "needs a second user"),
    ("E0505", "the system must be out of files or memory"),
    ("E0901", "a bug"),
    ("E0902", "a bug"),
    ("E0903", "this program's path must be unknown to the system"),
    ("E0904", "a bug is needed; `cli::bug` has its own test"),
];

/// Whether a verb has `-o json`.
#[derive(Clone, Copy, PartialEq)]
enum Prints {
    TextAndJson,
    TextOnly,
}
use Prints::{TextAndJson, TextOnly};

/// One cause: what is there, and the command line that meets it.
struct Case {
    code: &'static str,
    sandbox: Sandbox,
    words: Vec<String>,
    prints: Prints,
    shell: Option<Shell>,
}

/// What a shell does around the command.
enum Shell {
    /// Gives it these bytes.
    Feeds { bytes: &'static [u8], typed: &'static str },
    /// Sends its output there.
    SendsTo { path: &'static str },
}

impl Case {
    fn new<const N: usize>(code: &'static str, prints: Prints, sandbox: Sandbox, words: [&str; N]) -> Case {
        let words = words.map(str::to_owned).to_vec();
        Case { code, sandbox, words, prints, shell: None }
    }

    fn call(&self) -> Call<'_> {
        let call = self.words.iter().fold(self.sandbox.call([]), |call, word| call.args([word]));
        match &self.shell {
            Some(Shell::Feeds { bytes, .. }) => call.stdin(*bytes),
            Some(Shell::SendsTo { path }) => call.stdout_to(File::options().write(true).open(path).unwrap()),
            None => call,
        }
    }

    /// The command line as one would type it.
    fn typed(&self) -> String {
        let quoted = |word: &String| {
            if word.is_empty() || word.contains(' ') { format!("\"{word}\"") } else { word.clone() }
        };
        let words: Vec<String> = self.words.iter().map(quoted).collect();
        let command = format!("pointsman {}", words.join(" "));
        match &self.shell {
            Some(Shell::Feeds { typed, .. }) => format!("$ {typed} | {command}"),
            Some(Shell::SendsTo { path }) => format!("$ {command} > {path}"),
            None => format!("$ {command}"),
        }
    }
}

/// A sandbox whose agents do one thing, on the first try.
fn agents(fake: Fake) -> Sandbox {
    Sandbox::new().agents(fake).set("retry.max_elapsed", "\"0s\"")
}

/// A run of the usual request on the smallest tier.
fn run(code: &'static str, sandbox: Sandbox) -> Case {
    Case::new(code, TextAndJson, sandbox, ["run", "--tier", "haiku", REQUEST])
}

/// A sandbox with a file in its project.
fn with_file(name: &str, content: impl AsRef<[u8]>) -> Sandbox {
    let sandbox = Sandbox::new();
    fs::write(sandbox.project().join(name), content).unwrap();
    sandbox
}

/// A sandbox in which so many runs were made.
fn with_runs(count: usize) -> Sandbox {
    let sandbox = Sandbox::new();
    for _ in 0..count {
        sandbox.run_on("haiku", REQUEST).success();
    }
    sandbox
}

/// A run that wrote a file where there is no git.
fn changed_without_git() -> Sandbox {
    let sandbox = Sandbox::new();
    let file = sandbox.project().join("notes.txt");
    let sandbox = sandbox.agents(Fake::writes(&file, "of the agent\n").then(Fake::completes("written")));
    sandbox.run_on("haiku", REQUEST).success();
    sandbox
}

/// A run that wrote a file, which somebody changed since.
fn changed_since() -> Sandbox {
    let sandbox = Sandbox::new();
    let file = sandbox.project().join("notes.txt");
    let sandbox = sandbox.agents(Fake::writes(&file, "of the agent\n").then(Fake::completes("written")));
    crate::changes::git(&sandbox, &["init", "-q"]);
    sandbox.run_on("haiku", REQUEST).success();
    fs::write(file, "of somebody\n").unwrap();
    sandbox
}

/// A run that the router decided, and a policy under which it would go elsewhere.
fn with_run_and_policy() -> Sandbox {
    let sandbox = Sandbox::new();
    crate::measuring::write_policy(&sandbox);
    sandbox.run(REQUEST).success();
    sandbox
}

fn with_approvals(text: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    fs::write(sandbox.path("config/pointsman/trust.json"), text).unwrap();
    sandbox
}

fn of_the_command_line() -> Vec<Case> {
    let new = Sandbox::new;
    let long = with_file("big.txt", "");
    File::options().write(true).open(long.project().join("big.txt")).unwrap().set_len(65 << 20).unwrap();
    let wrong_row = r#"{"id": "a", "request": "delete the production database", "label": "haiku"}"#;
    let mut nul = Case::new("E0107", TextAndJson, new(), ["run"]);
    nul.shell = Some(Shell::Feeds { bytes: b"fix\0it", typed: "printf 'fix\\0it'" });
    vec![
        Case::new("E0101", TextAndJson, new(), ["runs", "lst"]),
        Case::new("E0102", TextAndJson, new(), ["run", "--tier", "platinum", REQUEST]),
        Case::new("E0102", TextAndJson, new(), ["run", "--timeout", "soon", REQUEST]),
        Case::new("E0102", TextOnly, with_runs(1), ["runs", "logs", "latest", "-o", "json"]),
        Case::new("E0103", TextAndJson, new(), ["runs", "show"]),
        Case::new("E0103", TextOnly, new(), ["runs"]),
        Case::new("E0104", TextAndJson, new(), ["run", "--detach", "--dry-run", REQUEST]),
        Case::new("E0106", TextAndJson, new(), ["run", ""]),
        nul,
        Case::new("E0108", TextAndJson, long, ["run", "--file", "big.txt"]),
        Case::new("E0109", TextAndJson, with_file("old.txt", b"na\xefve"), ["run", "--file", "old.txt"]),
        Case::new("E0110", TextAndJson, new(), ["run", "--file", "request.txt"]),
        Case::new("E0111", TextAndJson, with_file("b.jsonl", "hello\n"), ["route", "--batch", "b.jsonl"]),
        Case::new("E0112", TextAndJson, new(), ["run", "--project", "no-such-dir", REQUEST]),
        Case::new("E0113", TextAndJson, new(), ["run", "--agent", "nobody", REQUEST]),
        Case::new("E0114", TextAndJson, new(), ["run", "--mode", "directive", REQUEST]),
        Case::new("E0116", TextAndJson, new(), ["explain", "E0199"]),
        Case::new("E0117", TextAndJson, with_file("rows.jsonl", "hello\n"), ["eval", "rows.jsonl"]),
        Case::new("E0118", TextAndJson, with_file("rows.jsonl", "\n"), ["eval", "rows.jsonl"]),
        Case::new(
            "E0119",
            TextOnly,
            with_file("rows.jsonl", wrong_row),
            ["eval", "rows.jsonl", "--min-accuracy", "1"],
        ),
        Case::new(
            "E0120",
            TextOnly,
            with_run_and_policy(),
            ["replay", "--against", "rules.toml", "--fail-on-change"],
        ),
    ]
}

fn of_the_configuration() -> Vec<Case> {
    let run = |code, sandbox| Case::new(code, TextAndJson, sandbox, ["run", REQUEST]);
    let unreadable = Sandbox::new();
    fs::create_dir_all(unreadable.path("home/pointsman/config.toml")).unwrap();
    let home = unreadable.path("home").display().to_string();
    let unreadable = unreadable.env("XDG_CONFIG_HOME", &home);
    let untidy = Sandbox::new();
    fs::create_dir_all(untidy.path("home/pointsman")).unwrap();
    fs::write(untidy.path("home/pointsman/config.toml"), "[limits\n").unwrap();
    let home = untidy.path("home").display().to_string();
    let untidy = untidy.env("XDG_CONFIG_HOME", &home);
    vec![
        run("E0201", untidy),
        run("E0202", Sandbox::new().set("limits.timout", "\"1h\"")),
        run("E0203", Sandbox::new().set("limits.attempts", "\"three\"")),
        run("E0204", Sandbox::new().agent_key("my", "adapter", "\"plain\"")),
        run("E0205", Sandbox::new().set("limits.attempts", "0")),
        run("E0206", unreadable),
        run("E0207", Sandbox::new().env("HOME", "home")),
        Case::new("E0208", TextOnly, Sandbox::new(), ["config", "init"]),
        Case::new("E0209", TextOnly, with_approvals("{"), ["trust", "--list"]),
        Case::new(
            "E0210",
            TextOnly,
            with_approvals(r#"{"schema_version": 2, "projects": {}}"#),
            ["trust", "--list"],
        ),
    ]
}

/// The user's policy file, from the project.
const POLICY: &str = "../config/pointsman/policy.toml";

/// A user with this rule in their policy file.
fn with_rule(keys: &str) -> Sandbox {
    with_file(POLICY, format!("[[rule]]\nid = \"parser\"\n{keys}\n"))
}

fn of_policy_files() -> Vec<Case> {
    let run = |code, sandbox| Case::new(code, TextAndJson, sandbox, ["run", REQUEST]);
    let directory = Sandbox::new();
    fs::create_dir(directory.project().join(POLICY)).unwrap();
    vec![
        run("E0211", with_file(POLICY, "[[rule]\n")),
        run(
            "E0212",
            with_rule(
                "because = \"it is hard\"\nbecuase = \"it is hard\"\ntier = \"opus\"\nwords = \"'parser'\"",
            ),
        ),
        run("E0213", with_rule("because = \"it is hard\"\ntier = \"opsu\"\nwords = \"'parser'\"")),
        run("E0214", with_rule("because = \"it is hard\"\ntier = \"opus\"")),
        run("E0215", with_rule("because = \"it is seen\"\nask = true\nwords = [\"deploi\"]")),
        run("E0216", with_file(POLICY, "[words]\ndelete = \"wipe\"\n")),
        run("E0217", directory),
    ]
}

fn of_bad_ends() -> Vec<Case> {
    let wrong_model = Fake::wrong_model("claude-opus-5-5", "my answer");
    let in_an_hour = jiff::Timestamp::now().as_second() + 3600;
    let refusing = agents(Fake::just("overloaded")).set("breaker.threshold", "1");
    refusing.run_on("haiku", REQUEST).exits(75);
    vec![
        run("E0301", agents(wrong_model).set("on_model_mismatch", "\"fail\"")),
        run("E0302", agents(Fake::just("no-result"))),
        run("E0303", agents(Fake::just("empty"))),
        run("E0304", agents(Fake::just("bare"))),
        run("E0305", agents(Fake::just("max-turns"))),
        Case::new(
            "E0306",
            TextAndJson,
            agents(Fake::escalates()),
            ["run", "--no-escalate", "--tier", "haiku", REQUEST],
        ),
        Case::new("E0326", TextAndJson, Sandbox::new(), ["run", "--verify", "false", REQUEST]),
        run("E0307", agents(Fake::just("denied"))),
        Case::new(
            "E0308",
            TextAndJson,
            agents(Fake::hangs_after_init()),
            ["run", "--timeout", "1s", "--tier", "haiku", REQUEST],
        ),
        run("E0309", agents(Fake::hangs_after_init()).set("limits.idle", "\"1s\"")),
        run("E0310", agents(Fake::hangs()).set("limits.startup", "\"1s\"")),
        run("E0311", agents(Fake::just("overloaded"))),
        run("E0312", agents(Fake::api_error(429, "rate_limit"))),
        run("E0313", agents(Fake::api_error(500, "server_error"))),
        run("E0315", agents(Fake::rate_limited(in_an_hour))),
        run("E0316", agents(Fake::just("budget"))),
        run("E0317", agents(Fake::just("too-long"))),
        run("E0318", agents(Fake::just("auth"))),
        run("E0319", agents(Fake::api_error(400, "billing_error"))),
        run("E0320", Sandbox::new().agent_key("haiku", "command", r#"["claude-of-my-own"]"#)),
        Case::new("E0323", TextAndJson, Sandbox::new(), ["run", "delete the production database"]),
        run("E0324", refusing),
        run("E0325", old_cli()),
    ]
}

/// A CLI below the oldest supported version, behind a banner of a version manager.
fn old_cli() -> Sandbox {
    let script = "echo 'Now using node v20.11.1'; echo '2.0.50 (Claude Code)'";
    Sandbox::new().agent_key("haiku", "command", &toml_list(["/bin/sh", "-c", script].into_iter())).agent_key(
        "haiku",
        "adapter",
        "\"claude\"",
    )
}

fn of_the_store() -> Vec<Case> {
    let sign = Sandbox::new();
    let at_work = sign.path("at-work");
    let busy = Sandbox::new().agents(Fake::touches(&at_work).then(Fake::hangs_after_init()));
    busy.call(["run", "--detach", "--session", "parser", "--tier", "haiku", REQUEST]).wait().success();
    wait_for_file(&at_work);
    let damaged = with_runs(1);
    let _ = fs::remove_file(damaged.state().join("ledger.db-wal"));
    fs::write(damaged.state().join("ledger.db"), "this is no database".repeat(9)).unwrap();
    let without_log = with_runs(1);
    for file in crate::sandbox::walk(&without_log.state()).iter().filter(|file| file.ends_with("log.jsonl")) {
        fs::remove_file(file).unwrap();
    }
    vec![
        Case::new("E0401", TextAndJson, Sandbox::new(), ["runs", "show", "0199c0de"]),
        Case::new("E0402", TextAndJson, with_runs(2), ["runs", "show", "0"]),
        Case::new("E0403", TextOnly, with_runs(1), ["runs", "cancel", "latest"]),
        Case::new("E0404", TextAndJson, busy, ["run", "--session", "parser", REQUEST]),
        Case::new("E0405", TextAndJson, damaged, ["runs", "list"]),
        Case::new("E0412", TextAndJson, Sandbox::new(), ["run", "--continue", REQUEST]),
        Case::new("E0410", TextOnly, changed_since(), ["runs", "undo", "latest"]),
        Case::new("E0411", TextOnly, changed_without_git(), ["runs", "diff", "latest"]),
        Case::new("E0407", TextOnly, without_log, ["runs", "logs", "latest"]),
    ]
}

fn of_the_surroundings() -> Vec<Case> {
    let file = with_file("manual", "");
    let mut full = Case::new("E0503", TextOnly, Sandbox::new(), ["route", REQUEST]);
    full.shell = Some(Shell::SendsTo { path: "/dev/full" });
    let install = ["plugin", "install", "--yes"];
    let broken_cli = Sandbox::new().agent_key("haiku", "command", "[\"/bin/false\"]");
    let broken_settings = Sandbox::new();
    fs::create_dir(broken_settings.path("home/.claude")).unwrap();
    fs::write(broken_settings.path("home/.claude/settings.json"), "{ \"model\": }").unwrap();
    let read_only = Sandbox::new();
    fs::create_dir(read_only.path("home/.claude")).unwrap();
    let settings = read_only.path("home/.claude/settings.json");
    fs::write(&settings, "{}").unwrap();
    fs::set_permissions(&settings, std::os::unix::fs::PermissionsExt::from_mode(0o444)).unwrap();
    vec![
        full,
        Case::new("E0504", TextOnly, file, ["man", "manual/pages"]),
        Case::new("E0506", TextOnly, broken_cli, install),
        Case::new("E0507", TextAndJson, broken_settings, ["plugin", "status"]),
        Case::new("E0508", TextOnly, read_only, install),
    ]
}

/// Returns a text without what differs from run to run: words with figures, and the line of figures below an error.
fn settled(text: &str) -> String {
    let settle = |line: &str| {
        // A short id may have no figure.
        let line = line.split_once(" · run ").map_or(line, |(before, _)| before);
        let words = line.split(' ').map(|word| {
            let is_code = word.contains("[E0");
            if !is_code && word.contains(|c: char| c.is_ascii_digit()) { "#" } else { word }
        });
        words.collect::<Vec<_>>().join(" ").trim_end().to_owned()
    };
    let is_summary = |line: &&str| line.starts_with("  ") && line.contains(" · run ");
    text.lines().filter(|line| !is_summary(line)).map(settle).collect::<Vec<_>>().join("\n")
}

/// Returns the command line and what it said from its failure on, with paths as people have them.
fn shown(case: &Case, ran: &Ran) -> String {
    let path = |below: &str| case.sandbox.path(below).display().to_string();
    let text = ran.stderr.replace(&path("config"), "~/.config").replace(&path("state"), "~/.local/state");
    let text = text.replace(&path(""), "~/").replace("~/home/.", "~/.");
    let said_before = text.lines().take_while(|line| !line.contains("[E0"));
    let failure: Vec<&str> = text.lines().skip(said_before.count()).collect();
    format!("{}\n{}\n", case.typed(), failure.join("\n"))
}

/// Returns what is wrong with how a case ended.
fn look(case: &Case, ran: &Ran) -> Vec<String> {
    let code: ErrorCode = case.code.parse().unwrap();
    let mut wrong = vec![];
    if ran.code != Some(code.exit_code().into()) {
        wrong.push(format!("{code}: exit code {} was expected\n{ran}", code.exit_code()));
    }
    let said = ran.stderr.matches(&format!("[{code}]: ")).count();
    let more = ran.stderr.matches(&format!("`pointsman explain {code}`")).count();
    if (said, more) != (1, 1) {
        wrong.push(format!("{code}: said {said} times, explained {more} times\n{ran}"));
    }
    if case.prints == TextAndJson {
        let ran = case.call().args(["-o", "json"]).wait();
        let json = if ran.stdout.is_empty() { serde_json::Value::Null } else { ran.json() };
        let failure = if json["error"].is_null() { &json } else { &json["error"] };
        if failure["code"] != case.code || failure["exit_code"] != code.exit_code() {
            wrong.push(format!("{code}: not in the data\n{ran}"));
        }
    }
    wrong
}

/// Returns what the example of a page should be, if it is not what was really printed.
fn example(case: &Case, ran: &Ran) -> Option<String> {
    let code: ErrorCode = case.code.parse().unwrap();
    let shown = shown(case, ran);
    let example = code.page().split("```").nth(1).unwrap_or_default();
    let holds = settled(example.trim()) == settled(shown.trim());
    (!holds).then(|| format!("docs/errors/{code}.md, the example should be:\n```\n{shown}```\n"))
}

#[track_caller]
fn hold(cases: Vec<Case>) {
    let mut seen = BTreeSet::new();
    let mut wrong = vec![];
    for case in &cases {
        let ran = case.call().wait();
        wrong.extend(look(case, &ran));
        // The first case of a code is the one on its page.
        if seen.insert(case.code) {
            wrong.extend(example(case, &ran));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A code that nothing brings about is either dead or untested.
#[test]
fn every_code_is_brought_about_or_excused() {
    let text = include_str!("errors.rs").split_once("/// Whether a verb").unwrap().1;
    for code in ErrorCode::ALL {
        let is_tested = text.contains(&format!("\"{code}\""));
        let is_excused = NOT_HERE.iter().any(|(excused, _)| *excused == code.as_str());
        assert!(is_tested != is_excused, "{code}: tested {is_tested}, excused {is_excused}");
    }
}

#[test]
fn a_command_line_that_fails_names_its_code() {
    hold(of_the_command_line());
}

#[test]
fn wrong_settings_name_their_code() {
    hold(of_the_configuration());
}

#[test]
fn wrong_policy_files_name_their_code() {
    hold(of_policy_files());
}

#[test]
fn a_bad_end_of_a_run_names_its_code() {
    hold(of_bad_ends());
}

#[test]
fn trouble_with_runs_and_their_store_names_its_code() {
    hold(of_the_store());
}

#[test]
fn trouble_with_the_surroundings_names_its_code() {
    hold(of_the_surroundings());
}
