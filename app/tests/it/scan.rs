//! `scan`: a person's own transcripts of Claude Code, read and counted by the real binary.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::sandbox::{Ran, Sandbox, walk};

/// What a person typed, one after the other.
const PROMPTS: [&str; 6] = [
    "rename fooble to barble in quux.rs",
    "yes",
    "delete the production database",
    "add unit tests for the tokenizer and mend whatever breaks in its lookahead",
    "design how we shard the ledger across machines, and compare consensus protocols",
    "<command-name>/clear</command-name>",
];

/// What subagents were told.
const DELEGATED: [&str; 3] = ["grep for grumbles", "summarise the wibbles", "polish the gizmos"];

/// A home with transcripts in it, and no settings of ours.
struct Home {
    sandbox: Sandbox,
}

impl Home {
    fn new() -> Home {
        let sandbox = Sandbox::new();
        let nothing = sandbox.path("nothing");
        fs::create_dir_all(&nothing).unwrap();
        Home { sandbox: sandbox.env("XDG_CONFIG_HOME", nothing.to_str().unwrap()) }
    }

    /// A home of two projects: three sessions, one of them resumed in a file of its own, with subagents in the layouts of
    /// newer and older versions, and beside them what is none of it.
    fn used() -> Home {
        let home = Home::new();
        let main = main_thread();
        home.write("-work-one/s1.jsonl", &lines(&main));
        let resumed: Vec<Value> =
            main.iter().cloned().chain([answer("again", "claude-haiku-4-5", 10)]).collect();
        home.write("-work-one/s2.jsonl", &lines(&resumed));
        for (id, call, model) in [
            ("a1", "t1", "claude-haiku-4-5"),
            ("a2", "t2", "claude-opus-5-5"),
            ("a3", "t3", "claude-sonnet-5-5"),
        ] {
            let name = format!("-work-one/s1/subagents/agent-{id}");
            home.write(&format!("{name}.jsonl"), &lines(&[beside(answer(id, model, 200), id)]));
            home.write(
                &format!("{name}.meta.json"),
                &json!({"agentType": "x", "toolUseId": call}).to_string(),
            );
        }
        let old = [
            call("t4", json!({"model": "haiku", "prompt": DELEGATED[2], "subagent_type": "x"})),
            beside(prompt("b1", DELEGATED[2]), "b"),
            beside(answer("b2", "glm-9000", 50), "b"),
            with(prompt("9", PROMPTS[0]), json!({"promptSource": "sdk", "entrypoint": "sdk-cli"})),
        ];
        home.write("-work-two/s3.jsonl", &format!("{}{{\"type\":\"assist", lines(&old)));
        home.write("-work-two/notes.txt", "no transcript");
        home.write("-work-two/s3/tool-results/r.jsonl", &lines(&main_thread()));
        home.write("-work-two/long-ago.jsonl", &lines(&[answer("old", "claude-opus-5-5", 7)]));
        let long_ago = SystemTime::now() - Duration::from_secs(40 * 24 * 3600);
        let file = File::options().write(true).open(home.projects().join("-work-two/long-ago.jsonl"));
        file.unwrap().set_modified(long_ago).unwrap();
        home
    }

    fn projects(&self) -> PathBuf {
        self.sandbox.path("home/.claude/projects")
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.projects().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn scan(&self) -> Ran {
        self.sandbox.call(["scan"]).wait()
    }

    fn json(&self) -> Value {
        self.sandbox.call(["scan", "-o", "json"]).wait().success().json()
    }

    /// Every file with its bytes and the time of its last change, and every directory.
    fn files(&self) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
        let state = |path: &Path| {
            (fs::read(path).unwrap_or_default(), fs::symlink_metadata(path).unwrap().modified().unwrap())
        };
        let is_ours = |path: &PathBuf| !path.starts_with(self.sandbox.path("config"));
        walk(&self.sandbox.path(""))
            .into_iter()
            .filter(is_ours)
            .map(|path| (path.clone(), state(&path)))
            .collect()
    }
}

fn yesterday() -> String {
    (Timestamp::now() - SignedDuration::from_hours(24)).to_string()
}

fn with(mut line: Value, more: Value) -> Value {
    line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    line
}

fn prompt(id: &str, words: &str) -> Value {
    json!({"parentUuid": null, "isSidechain": false, "type": "user", "uuid": id, "timestamp": yesterday(),
        "sessionId": "s", "message": {"role": "user", "content": words}})
}

fn answer(id: &str, model: &str, output: u64) -> Value {
    json!({"parentUuid": "p", "isSidechain": false, "type": "assistant", "uuid": format!("u-{id}"), "timestamp": yesterday(),
        "sessionId": "s", "requestId": format!("r-{id}"), "message": {"id": id, "model": model,
            "content": [{"type": "text", "text": "flumming"}],
            "usage": {"input_tokens": 100, "output_tokens": output, "cache_read_input_tokens": 50_000,
                "cache_creation_input_tokens": 2_000}}})
}

fn call(id: &str, input: Value) -> Value {
    let mut line = answer(&format!("call-{id}"), "claude-opus-5-5", 100);
    line["message"]["content"] = json!([{"type": "tool_use", "id": id, "name": "Agent", "input": input}]);
    line
}

fn beside(line: Value, agent: &str) -> Value {
    with(line, json!({"isSidechain": true, "agentId": agent}))
}

/// Each prompt with an answer of two lines, and three calls of subagents.
fn main_thread() -> Vec<Value> {
    let turn = |(n, words): (usize, &&str)| {
        let id = format!("m{n}");
        [
            prompt(&n.to_string(), words),
            answer(&id, "claude-opus-5-5", 1),
            answer(&id, "claude-opus-5-5", 900),
        ]
    };
    let turns = PROMPTS.iter().enumerate().flat_map(turn);
    let calls = [
        call("t1", json!({"model": "haiku", "prompt": DELEGATED[0], "subagent_type": "x"})),
        call("t2", json!({"model": "haiku", "prompt": DELEGATED[1], "subagent_type": "x"})),
        call("t3", json!({"prompt": DELEGATED[1], "subagent_type": "x"})),
    ];
    let tool = json!({"type": "user", "uuid": "r", "timestamp": yesterday(), "toolUseResult": {},
        "message": {"content": [{"type": "tool_result", "tool_use_id": "t1", "content": "splendid"}]}});
    turns.chain(calls).chain([tool]).collect()
}

fn lines(lines: &[Value]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn replacing(block: impl FnOnce()) {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "[TIME]");
    settings.add_filter(r"Read: \d+ kB", "Read: [SIZE]");
    settings.bind(block);
}

#[test]
fn scan_says_on_one_screen_what_sessions_used_and_where_prompts_would_have_gone() {
    let home = Home::used();
    let ran = home.scan().success().stderr_has("left out: 1 line that cannot be read");
    assert!(
        ran.stdout.lines().count() <= 24 && ran.stdout.lines().all(|line| line.chars().count() <= 100),
        "{ran}"
    );
    let mut report = home.json();
    report["looked_in"] = json!("[DIR]");
    report["bytes"] = json!("[BYTES]");
    let pretty = serde_json::to_string_pretty(&report).unwrap();
    replacing(|| {
        insta::assert_snapshot!("scan_text", ran.stdout);
        insta::assert_snapshot!("scan_json", pretty);
    });
}

/// Words of prompts, of answers, of results of tools, of calls; the report's own words are others.
#[test]
fn scan_prints_no_word_of_a_transcript_and_writes_nothing() {
    let home = Home::used();
    let before = home.files();
    let (text, data) = (home.scan().success(), home.sandbox.call(["scan", "-o", "json"]).wait().success());
    assert!(before.len() > 15);
    assert_eq!(home.files(), before);
    let said = [text.stdout, text.stderr, data.stdout, data.stderr].join("\n").to_lowercase();
    let said: Vec<&str> = said.split(|c: char| !c.is_alphanumeric()).collect();
    // The last is a command, whose form is the CLI's.
    let words =
        PROMPTS[..5].iter().chain(&DELEGATED).flat_map(|text| text.split(|c: char| !c.is_alphanumeric()));
    // Short ones are everywhere: "the", "yes".
    let words: Vec<&str> =
        words.chain(["flumming", "splendid", "glm", "9000"]).filter(|word| word.len() > 3).collect();
    assert!(words.len() > 30);
    let found: Vec<_> = words.iter().filter(|word| said.contains(&word.to_lowercase().as_str())).collect();
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn scan_without_transcripts_says_where_it_looked() {
    let home = Home::new();
    home.scan().success().stdout_has("`~/.claude/projects` does not exist").stdout_has("CLAUDE_CONFIG_DIR");
    assert_eq!(home.json()["sessions"], 0);
    home.write("-work-one/empty.jsonl", "");
    home.scan().success().stdout_has("no transcripts of the last 30 days").stdout_has("`--since 90d`");
    let elsewhere = home.sandbox.path("elsewhere");
    fs::create_dir_all(elsewhere.join("projects/p")).unwrap();
    fs::write(elsewhere.join("projects/p/s.jsonl"), lines(&main_thread())).unwrap();
    let sandbox = home.sandbox.env("CLAUDE_CONFIG_DIR", elsewhere.to_str().unwrap());
    sandbox.call(["scan"]).wait().success().stdout_has("1 session,").stdout_has("elsewhere/projects`");
}

#[test]
fn scan_of_what_cannot_be_read_is_an_error() {
    let home = Home::new();
    fs::create_dir_all(home.projects().parent().unwrap()).unwrap();
    fs::write(home.projects(), "a file").unwrap();
    home.scan().exits(65).stderr_has("error[E0110]").stderr_has("CLAUDE_CONFIG_DIR");
    home.sandbox.call(["scan", "--since", "soon"]).wait().exits(2);
}

#[test]
fn scan_looks_back_as_far_as_it_is_told() {
    let home = Home::used();
    let sessions = |since: &str| {
        home.sandbox.call(["scan", "-o", "json", "--since", since]).wait().success().json()["sessions"]
            .clone()
    };
    assert_eq!([sessions("1h"), sessions("2d"), sessions("9w")], [json!(0), json!(3), json!(4)]);
}

/// Seen to wait for ever on the pipe when whatever has the right name is opened.
#[test]
fn scan_leaves_pipes_links_and_other_settings_alone() {
    let home = Home::used();
    let expected = home.json();
    let pipe = home.projects().join("-work-one/pipe.jsonl");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let link =
        |target: &Path, name: &str| std::os::unix::fs::symlink(target, home.projects().join(name)).unwrap();
    let outside = home.sandbox.path("outside");
    fs::create_dir_all(&outside).unwrap();
    fs::write(outside.join("s9.jsonl"), lines(&[answer("x", "claude-opus-5-5", 5)])).unwrap();
    link(&outside, "-linked");
    link(&outside.join("s9.jsonl"), "-work-one/s9.jsonl");
    link(&home.projects(), "-work-one/circle");
    fs::create_dir_all(home.projects().join("-work-one/folder.jsonl")).unwrap();
    fs::write(home.sandbox.project().join(".pointsman.toml"), "nonsense = [").unwrap();
    let broken = home.sandbox.path("nothing/pointsman");
    fs::create_dir_all(&broken).unwrap();
    fs::write(broken.join("config.toml"), "nonsense = [").unwrap();
    let report = home.json();
    for part in ["sessions", "subagents", "served", "prompts", "files", "unreadable_files"] {
        assert_eq!(report[part], expected[part], "{part}");
    }
}
