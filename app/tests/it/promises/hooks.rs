//! The hook as a process: never in the way of a person's session, whatever is broken; and honest in what it records.

mod broken;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::sandbox::{PATIENCE, Ran, Sandbox, walk};

const SESSION: &str = "c4c22f79-b771-4762-91bd-ac4f9ae591f3";

/// A sandbox in which the deadline is no matter: a busy machine must not decide what a test sees, and a hook that waits for
/// what never comes is not rescued while the test has patience.
pub fn patient() -> Sandbox {
    Sandbox::new().env("POINTSMAN_HOOK_LIMIT_MS", "1000000")
}

fn event(sandbox: &Sandbox, name: &str, prompt_id: &str, more: Value) -> Value {
    let mut event = json!({
        "session_id": SESSION,
        "transcript_path": sandbox.path("home/session.jsonl"),
        "cwd": sandbox.project(),
        "prompt_id": prompt_id,
        "hook_event_name": name,
    });
    event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    event
}

pub fn prompt(sandbox: &Sandbox, prompt_id: &str, words: &str) -> Value {
    event(sandbox, "UserPromptSubmit", prompt_id, json!({"prompt": words}))
}

pub fn hook(sandbox: &Sandbox, event: &Value) -> Ran {
    sandbox.call(["hook"]).stdin(event.to_string()).wait()
}

/// The events in which somebody waits for the hook.
pub fn events(sandbox: &Sandbox) -> [Value; 4] {
    let delegation = json!({"tool_name": "Agent", "tool_use_id": "toolu_1",
        "tool_input": {"description": "d", "prompt": "rename foo to bar in lib.rs", "subagent_type": "general-purpose"}});
    let subagent = json!({"agent_id": "a1", "agent_type": "general-purpose",
        "agent_transcript_path": sandbox.path("home/subagent.jsonl")});
    [
        event(sandbox, "SessionStart", "", json!({"source": "startup"})),
        prompt(sandbox, "p1", "rename foo to bar in lib.rs"),
        event(sandbox, "PreToolUse", "p1", delegation),
        event(sandbox, "SubagentStop", "p1", subagent),
    ]
}

pub fn file(path: &std::path::Path, bytes: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Holds: the hook exits 0, says nothing but one JSON object, and takes no decision away from the person.
pub fn holds(what: &str, event: &Value, ran: Ran) {
    let name = event["hook_event_name"].as_str().unwrap();
    let ran = ran.exits(0);
    let said: Value = if ran.stdout.is_empty() { json!({}) } else { ran.json() };
    assert!(said["decision"].is_null(), "{what}, {name}: {ran}");
    let denied = &said["hookSpecificOutput"]["permissionDecision"];
    assert!(denied.is_null(), "{what}, {name}: {ran}");
    if let Some(notice) = said["systemMessage"].as_str() {
        assert!(notice.starts_with("pointsman") && !notice.contains('\n'), "{what}, {name}: one line: {ran}");
    }
}

/// Seen to fail without the pass in the background: facts waited for a run that many people never start by hand.
#[test]
fn what_hooks_have_seen_is_in_the_ledger_soon_after_a_session_is_over() {
    let sandbox = patient();
    hook(&sandbox, &prompt(&sandbox, "p1", "rename foo to bar in lib.rs"));
    let end = json!({"hook_event_name": "SessionEnd", "session_id": SESSION, "reason": "exit", "cwd": sandbox.project()});
    hook(&sandbox, &end);
    sandbox.no_process_is_left(PATIENCE);
    let db = Connection::open(sandbox.state().join("ledger.db")).unwrap();
    let count: i64 = db.query_row("SELECT count(*) FROM hook_facts", [], |row| row.get(0)).unwrap();
    assert_eq!(count, 2, "the prompt and the end");
}

/// A hundred ids that could leave the directory; the hook knows sessions by ids of its CLI.
#[test]
fn s04_no_id_of_a_session_leads_out_of_the_state_directory() {
    let sandbox = patient();
    // The first call writes the sandbox's settings.
    sandbox.call(["hook"]).wait().exits(0);
    let before = walk(&sandbox.path(""));
    for depth in 1..=20 {
        let up = "../".repeat(depth);
        for id in [
            format!("{up}x"),
            format!("/{up}x"),
            format!("a/{up}x"),
            format!("{up}x\u{0}"),
            format!("..%2f{up}x"),
        ] {
            let event =
                json!({"session_id": id, "hook_event_name": "UserPromptSubmit", "prompt": "rename a to b"});
            hook(&sandbox, &event).exits(0);
        }
    }
    let ours = sandbox.state();
    let after: Vec<_> = walk(&sandbox.path("")).into_iter().filter(|path| !path.starts_with(&ours)).collect();
    let before: Vec<_> = before.into_iter().filter(|path| !path.starts_with(&ours)).collect();
    assert_eq!(after, before);
    let named =
        |path: &PathBuf| path.file_stem().unwrap().to_str().unwrap().bytes().all(|b| b.is_ascii_hexdigit());
    let notes = walk(&ours.join("hook-notes"));
    assert!(notes.len() == 100 && notes.iter().all(named), "each odd id has a plain one: {notes:?}");
}

/// Seen to fail: the question about the route made the yes behind it one to nothing.
#[test]
fn what_was_asked_still_holds_after_a_look_at_a_route() {
    let sandbox = patient().env("POINTSMAN_MODE", "directive");
    let says = |id: &str, words: &str| hook(&sandbox, &prompt(&sandbox, id, words)).exits(0).stdout;
    assert!(says("p1", "drop the users table in production").contains("Ask first"));
    assert!(says("p2", "/pointsman:route rename foo to bar in lib.rs").contains("Nothing was run"));
    says("p3", "yes");
    let notes = walk(&sandbox.state().join("hook-notes"));
    let note = fs::read_to_string(&notes[0]).unwrap();
    assert!(note.contains("\"approved\":true"), "{note}");
}

/// Eight times the prompt and thirteen times the deadline, since this program is not optimised. Seen to fail with all of the
/// words read: the deadline came first, and the prompt went on undecided.
#[test]
fn p22_a_prompt_of_megabytes_is_decided_before_the_deadline() {
    let sandbox = Sandbox::new().env("POINTSMAN_MODE", "enforced").env("POINTSMAN_HOOK_LIMIT_MS", "2000");
    let lines = "and this is what the log of last night says\n".repeat(900_000);
    let prompt = format!("{lines}\ndrop the users table in production");
    let event =
        json!({"session_id": "s", "prompt_id": "p", "hook_event_name": "UserPromptSubmit", "prompt": prompt});
    let answer = hook(&sandbox, &event).exits(0);
    assert!(answer.stdout.contains("did not send this"), "{answer}");
    let call = json!({"session_id": "s", "prompt_id": "p", "hook_event_name": "PreToolUse", "tool_name": "Agent",
        "tool_use_id": "t", "tool_input": {"prompt": prompt, "subagent_type": "general-purpose", "description": "d"}});
    assert!(hook(&sandbox, &call).exits(0).stdout.contains("deny"));
}

/// In a large repository git takes as long as a hook may: it is asked only where an approval may depend on its answer.
/// Seen to fail with the settings loaded as for a run.
#[test]
fn p22_a_hook_asks_git_only_where_an_approval_may_depend_on_it() {
    let sandbox = patient();
    let asked = sandbox.path("asked");
    let stub = format!("#!/bin/sh\ntouch '{}'\nprintf '.claude/settings.local.json\\0'\n", asked.display());
    file(&sandbox.path("bin/git"), stub);
    fs::set_permissions(sandbox.path("bin/git"), fs::Permissions::from_mode(0o700)).unwrap();
    let path = format!("{}:/usr/bin:/bin", sandbox.path("bin").display());
    let sandbox = sandbox.env("PATH", &path);
    file(&sandbox.project().join(".git/HEAD"), "");
    file(&sandbox.project().join(".claude/settings.local.json"), r#"{"permissions":{"allow":["Bash(ls)"]}}"#);
    // Only a project that is trusted may switch the hooks off.
    file(&sandbox.project().join(".pointsman.toml"), "routing_mode = \"off\"\n");
    let words = prompt(&sandbox, "p1", "rename foo to bar in lib.rs");
    assert!(hook(&sandbox, &words).exits(0).stdout.contains("work for haiku"));
    assert!(!asked.exists(), "nobody approved anything");
    // The file is the repository's, says this git, so what was approved holds only with it.
    sandbox.call(["trust", "-y"]).wait().success();
    fs::remove_file(&asked).unwrap();
    hook(&sandbox, &words).exits(0).stdout("");
    assert!(asked.exists());
}

#[test]
fn s16_our_hooks_do_nothing_inside_an_agent_of_ours() {
    for mode in ["enforced", "orchestration"] {
        for depth in ["1", "2"] {
            let sandbox = Sandbox::new().env("POINTSMAN_DEPTH", depth).env("POINTSMAN_MODE", mode);
            for event in events(&sandbox) {
                hook(&sandbox, &event).exits(0).stdout("");
            }
            assert!(!sandbox.state().exists(), "nothing is recorded");
        }
    }
}

/// What a session shows that nobody sits before.
const SIGNS_OF_AUTOMATION: [(&str, &str); 7] = [
    ("CLAUDE_CODE_ENTRYPOINT", "sdk-cli"),
    ("CLAUDE_CODE_ENTRYPOINT", "sdk-py"),
    ("BATCH_MODE", "1"),
    ("CLAUDE_BATCH_MODE", "1"),
    ("API_REQUEST", "1"),
    ("CLAUDE_OVERNIGHT", "1"),
    ("POINTSMAN_WORKFLOW_STEP", "1"),
];

/// Seen to fail: every one of them had its prompt blocked, with exit code 0, and a run started.
#[test]
fn a_prompt_of_a_script_goes_to_its_own_model_and_only_its_subagents_are_held() {
    for (name, value) in SIGNS_OF_AUTOMATION {
        let sandbox = patient().env(name, value);
        let said = |event: &Value| hook(&sandbox, event).exits(0).json();
        let [_, work, delegation, _] = events(&sandbox);
        let told = said(&work);
        assert!(told["decision"].is_null(), "{name}={value}: {told}");
        assert!(told.to_string().contains("This is work for haiku"), "{name}={value}: {told}");
        let told = said(&prompt(&sandbox, "p2", "drop the users table in the production database"));
        assert!(told["decision"].is_null(), "not even held back: {told}");
        assert!(told.to_string().contains("Ask first"), "{name}={value}: {told}");
        let set = &said(&delegation)["hookSpecificOutput"]["updatedInput"];
        assert_eq!(set["model"], "haiku", "{name}={value}: {set}");
        let answer = said(&dangerous_delegation(&sandbox, "p2"));
        assert_eq!(answer["hookSpecificOutput"]["permissionDecision"], "deny", "{name}={value}: {answer}");
        assert_eq!(sandbox.run_count(), 0, "{name}={value}");
    }
}

/// A session of a main model on the sonnet tier, told by its hooks and its transcripts.
struct Told<'s> {
    sandbox: &'s Sandbox,
    transcript: String,
}

impl Told<'_> {
    fn says(&mut self, prompt_id: &str, words: &str) {
        hook(self.sandbox, &prompt(self.sandbox, prompt_id, words)).exits(0);
        let user =
            json!({"type": "user", "promptId": prompt_id, "message": {"role": "user", "content": words}});
        self.transcript.push_str(&format!("{user}\n"));
    }

    fn answers(&mut self, prompt_id: &str, tool: Option<&str>) {
        let content = tool.map(|tool| json!([{"type": "tool_use", "name": tool}])).unwrap_or(json!([]));
        let usage = json!({"input_tokens": 100, "output_tokens": 10});
        let message =
            json!({"id": prompt_id, "model": "claude-sonnet-5-5", "usage": usage, "content": content});
        self.transcript.push_str(&format!(
            "{}\n",
            json!({"type": "assistant", "requestId": prompt_id, "message": message})
        ));
    }

    fn ends(&self, prompt_id: &str) {
        fs::write(self.sandbox.path("home/session.jsonl"), &self.transcript).unwrap();
        hook(self.sandbox, &event(self.sandbox, "Stop", prompt_id, json!({}))).exits(0);
    }

    fn hands_to(&mut self, prompt_id: &str, model: &str) {
        let (id, agent) = (format!("toolu_{prompt_id}"), format!("a{prompt_id}"));
        let input = json!({"description": "d", "prompt": "rename foo to bar in lib.rs", "subagent_type": "general-purpose", "model": model});
        let call = json!({"tool_name": "Agent", "tool_use_id": id, "tool_input": input});
        hook(self.sandbox, &event(self.sandbox, "PreToolUse", prompt_id, call)).exits(0);
        let path = self.sandbox.path(&format!("home/agent-{agent}.jsonl"));
        let message = json!({"id": agent, "model": format!("claude-{model}-5-5"), "usage": {"input_tokens": 7}, "content": []});
        fs::write(
            &path,
            format!("{}\n", json!({"type": "assistant", "requestId": agent, "message": message})),
        )
        .unwrap();
        fs::write(path.with_extension("meta.json"), json!({"toolUseId": id}).to_string()).unwrap();
        let stop = json!({"agent_id": agent, "agent_type": "general-purpose", "agent_transcript_path": path});
        hook(self.sandbox, &event(self.sandbox, "SubagentStop", prompt_id, stop)).exits(0);
    }
}

/// Plays one prompt of ten kinds.
fn play(told: &mut Told<'_>, n: usize) {
    let id = format!("p{n}");
    let (mechanical, ordinary, danger) = (
        "rename foo to bar in lib.rs",
        "add a --json flag to the export command and tests for it",
        "drop the users table in production",
    );
    match n % 10 {
        0 | 1 => {
            told.says(&id, mechanical);
            told.hands_to(&id, if n.is_multiple_of(10) { "haiku" } else { "opus" });
            told.answers(&id, Some("Agent"));
            told.ends(&id);
        }
        2 | 3 => {
            told.says(&id, if n % 10 == 2 { mechanical } else { ordinary });
            told.answers(&id, Some("Edit"));
            told.ends(&id);
        }
        4 | 5 => {
            told.says(&id, &format!("{} {mechanical}", if n % 10 == 4 { "@opus" } else { "~" }));
            told.answers(&id, None);
            told.ends(&id);
        }
        6 => told.says(&id, "/compact"),
        7 | 8 => {
            told.says(&id, danger);
            told.answers(&id, (n % 10 == 8).then_some("Bash"));
            told.ends(&id);
        }
        _ => told.says(&id, mechanical),
    }
}

#[test]
fn a_session_of_two_hundred_prompts_gives_exactly_the_report_that_it_should() {
    let sandbox = patient();
    let mut told = Told { sandbox: &sandbox, transcript: String::new() };
    (0..200).for_each(|n| play(&mut told, n));
    let report = sandbox.call(["report", "compliance", "-o", "json"]).wait().success().json();
    let [all] = &report["by_scope"].as_array().unwrap()[..] else { panic!("{report}") };
    let mut expected = json!({
        "name": "all", "scope": "prompt", "directives": 200,
        // Handed to haiku; done by the session itself, which is of the tier; asked first.
        "followed": 60,
        // Handed to opus; not handed on; a tool was used before the question.
        "ignored": 60,
        "overridden": 40, "not_applicable": 20, "unknown": 20,
        "rate": 0.5, "unknown_share": 0.143,
    });
    expected["range"] = all["range"].clone();
    assert_eq!(*all, expected, "{report}");
    assert_eq!((&all["range"]["count"], &all["range"]["of"]), (&json!(60), &json!(120)));
    let overrides = &report["override_rate"];
    assert_eq!((&overrides["count"], &overrides["of"]), (&json!(40), &json!(180)), "{report}");
    let modes: Vec<&Value> =
        report["by_mode"].as_array().unwrap().iter().map(|group| &group["name"]).collect();
    assert_eq!(modes, ["directive"], "a person is there");
    assert!(report["directive_tokens"]["max"].as_u64().unwrap() <= 120);
    // Taken over once: nothing is counted twice, and nothing is lost.
    assert_eq!(
        sandbox.call(["report", "compliance", "-o", "json"]).wait().success().json()["by_scope"][0],
        *all
    );
    let metrics = fs::read_dir(sandbox.state().join("metrics")).unwrap().next().unwrap().unwrap().path();
    let records = fs::read_to_string(metrics).unwrap();
    assert_eq!(records.matches("\"record_type\":\"routing_recommendation\"").count(), 160);
    assert_eq!(records.matches("\"record_type\":\"agent_event\"").count(), 40);
    assert!(!records.contains("rename foo"), "no words of a prompt");
}

/// Seen to fail with what was found put into the report alone: every report read every such transcript again.
#[test]
fn what_a_late_transcript_shows_is_kept_and_one_that_stays_silent_is_not_read_again() {
    let sandbox = patient();
    let rate = || {
        let report = sandbox.call(["report", "compliance", "-o", "json"]).wait().success().json();
        let all = &report["by_scope"][0];
        (all["ignored"].as_u64().unwrap(), all["unknown"].as_u64().unwrap())
    };
    let path = sandbox.path("home/session.jsonl");
    let mut told = Told { sandbox: &sandbox, transcript: String::new() };
    told.says("late", "rename foo to bar in lib.rs");
    hook(&sandbox, &event(&sandbox, "Stop", "late", json!({}))).exits(0);
    assert_eq!(rate(), (0, 1), "the CLI has not written it yet");
    told.answers("late", Some("Edit"));
    told.says("never", "rename foo to bar in lib.rs");
    told.ends("never");
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(2 * 60 * 60);
    let write = |text: &str| {
        fs::write(&path, text).unwrap();
        fs::File::options().append(true).open(&path).unwrap().set_modified(long_ago).unwrap();
    };
    write(&told.transcript);
    let kept = rate();
    assert_eq!(kept.1, 1, "one of the two is known now: {kept:?}");
    told.answers("never", Some("Edit"));
    write(&told.transcript);
    assert_eq!(rate(), kept, "a transcript that was silent for an hour is not asked again");
    fs::remove_file(&path).unwrap();
    assert_eq!(rate(), kept, "what was found is in the ledger");
}

#[test]
fn a_report_says_nothing_where_nothing_was_recorded_and_prints_every_format() {
    let sandbox = patient();
    let print = |format: &str| sandbox.call(["report", "compliance", "-o", format]).wait().success().stdout;
    assert!(print("text").starts_with("no hook has recorded anything yet"), "{}", print("text"));
    let mut told = Told { sandbox: &sandbox, transcript: String::new() };
    (0..10).for_each(|n| play(&mut told, n));
    assert!(print("text").contains("50.0 %"), "{}", print("text"));
    let csv = print("csv");
    assert!(csv.contains("\nall,all,prompts,3,3,0.5,0.184,0.816,1,0.143,2,1,10\n"), "{csv}");
    assert!(csv.lines().all(|line| line.split(',').count() == 13), "{csv}");
    assert!(print("md").starts_with("# Compliance\n\n| ALL | ABOUT |"), "{}", print("md"));
    let ran = sandbox.call(["report", "compliance", "--since", "yesterday"]).wait();
    ran.exits(2);
}

#[test]
fn a_session_begins_with_what_needs_attention_and_else_in_silence() {
    let sandbox = patient();
    let start =
        |sandbox: &Sandbox| hook(sandbox, &event(sandbox, "SessionStart", "", json!({"source": "startup"})));
    start(&sandbox).exits(0).stdout("");
    sandbox.run("rename foo to bar in lib.rs").success();
    start(&sandbox).exits(0).stdout("");
    let sandbox = sandbox.agents(crate::fake::Fake::just("no-result"));
    for _ in 0..6 {
        sandbox.run("rename foo to bar in lib.rs").exits(1);
    }
    let said = start(&sandbox).exits(0).json();
    let text = said["systemMessage"].as_str().unwrap();
    assert!(text.contains("failed since yesterday: run ") && text.contains("and 4 more"), "{text}");
    assert!(text.lines().count() <= 10, "{text}");
    assert_eq!(said["hookSpecificOutput"]["additionalContext"], text);
}

#[test]
fn an_experiment_reports_both_arms_with_their_difference() {
    let sandbox = patient().env("POINTSMAN_MODE", "experiment");
    for n in 0..8 {
        let mut event = prompt(&sandbox, &format!("p{n}"), "rename foo to bar in lib.rs");
        event["session_id"] = json!(format!("session-{n}"));
        hook(&sandbox, &event).exits(0);
    }
    let report = sandbox.call(["report", "compliance", "-o", "json"]).wait().success().json();
    let sessions =
        ["directive", "enforced"].map(|arm| report["experiment"][arm]["sessions"].as_u64().unwrap());
    assert!(sessions[0] + sessions[1] == 8 && sessions.iter().all(|count| *count > 0), "{report}");
    assert!(report["experiment"]["difference"].is_null(), "nothing ended, so nothing can be compared");
}

fn dangerous_delegation(sandbox: &Sandbox, prompt_id: &str) -> Value {
    let input = json!({"description": "d", "prompt": "drop the users table in the production database"});
    let call =
        json!({"tool_name": "Agent", "tool_use_id": format!("toolu_{prompt_id}"), "tool_input": input});
    event(sandbox, "PreToolUse", prompt_id, call)
}

/// Seen to fail with the prompt's id left out of the comparison.
#[test]
fn an_approval_holds_for_its_prompt_and_what_the_cli_adds_to_it_and_for_no_other() {
    let sandbox = patient().env("POINTSMAN_MODE", "enforced");
    let is_denied = |prompt_id: &str| {
        let ran = hook(&sandbox, &dangerous_delegation(&sandbox, prompt_id)).exits(0);
        ran.stdout.contains("\"permissionDecision\":\"deny\"")
    };
    assert!(is_denied("p0"), "nobody said anything");
    hook(&sandbox, &prompt(&sandbox, "p1", "@approve drop the users table in the production database"))
        .exits(0);
    assert!(!is_denied("p1"));
    assert!(is_denied("p2"), "another prompt, whose own hook was not heard");
    hook(&sandbox, &prompt(&sandbox, "p3", "<task-notification>\n<task-id>x</task-id>")).exits(0);
    assert!(!is_denied("p3"), "the CLI's own word about the approved work");
    hook(&sandbox, &prompt(&sandbox, "p4", "rename foo to bar in lib.rs\n@approve all of it")).exits(0);
    assert!(is_denied("p4"), "only the start of a prompt counts");
    hook(&sandbox, &prompt(&sandbox, "p5", "~ rename foo to bar in lib.rs")).exits(0);
    assert!(!is_denied("p5"), "left alone");
    hook(&sandbox, &prompt(&sandbox, "p6", "/compact")).exits(0);
    assert!(is_denied("p6"), "what was said of the last prompt is over");
}

/// A stranger's broken file must not switch off what the person chose.
#[test]
fn a_repository_cannot_switch_enforcement_off_by_being_broken() {
    for (name, text) in [(".pointsman.toml", "nonsense_key = 1\n"), ("pointsman.policy.toml", "[[rule]]\n")] {
        let sandbox = patient().env("POINTSMAN_MODE", "enforced");
        file(&sandbox.project().join(name), text);
        let said = hook(&sandbox, &prompt(&sandbox, "p1", "drop the users table in the production database"))
            .exits(0)
            .json();
        assert_eq!(said["decision"], "block", "{name}: {said}");
        assert!(said["systemMessage"].as_str().unwrap().contains(name), "the person hears of it: {said}");
        let said = hook(&sandbox, &dangerous_delegation(&sandbox, "p1")).exits(0).json();
        assert_eq!(said["hookSpecificOutput"]["permissionDecision"], "deny", "{name}: {said}");
    }
}

#[test]
fn short_words_of_a_session_that_goes_on_are_left_alone_in_every_language() {
    let sandbox = patient().env("POINTSMAN_MODE", "enforced");
    let say = |words: &str| hook(&sandbox, &prompt(&sandbox, words, words)).exits(0).stdout;
    assert!(say("carry on").contains("no session goes on"));
    say("explain src/lexer.rs");
    for words in ["carry on", "both", "hm", "undo that", "продолжай", "weiter so", "계속", "@src/lexer.rs"]
    {
        assert_eq!(say(words), "", "{words}");
    }
    assert!(say("now drop the users table in production").contains("block"));
}

#[test]
fn without_stored_prompts_no_word_of_one_is_in_what_a_hook_records() {
    let sandbox = patient().set("store_prompts", "false").env("POINTSMAN_MODE", "enforced");
    let said =
        hook(&sandbox, &prompt(&sandbox, "p1", "drop the quinquireme table in production")).exits(0).json();
    assert!(said["reason"].as_str().unwrap().contains("“drop the quinquireme table”"), "{said}");
    hook(&sandbox, &dangerous_delegation(&sandbox, "p1")).exits(0);
    for word in ["quinquireme", "users table"] {
        assert_eq!(sandbox.files_with(word), Vec::<std::path::PathBuf>::new(), "{word}");
    }
}

#[test]
fn a_yes_to_our_own_question_is_an_approval_and_small_talk_is_left_alone() {
    let sandbox = patient().env("POINTSMAN_MODE", "directive");
    let say = |id: &str, words: &str| hook(&sandbox, &prompt(&sandbox, id, words)).exits(0).stdout;
    assert!(say("p1", "drop the users table in production").contains("Ask first"));
    assert_eq!(say("p2", "yes, go ahead"), "");
    assert_eq!(say("p3", "thanks"), "");
    let note = |sandbox: &Sandbox| {
        fs::read_to_string(sandbox.state().join(format!("hook-notes/{SESSION}.json"))).unwrap()
    };
    assert!(note(&sandbox).contains("\"nothing\""), "the approval is over: {}", note(&sandbox));
    say("p4", "drop the users table in production");
    say("p5", "no, stop");
    assert!(note(&sandbox).contains("\"nothing\""), "a no is no yes");
    say("p6", "drop the users table in production");
    say("p7", "yes");
    assert!(note(&sandbox).contains("\"approved\""), "{}", note(&sandbox));
}

#[test]
fn an_odd_id_keeps_nothing_from_being_decided() {
    let sandbox = patient().env("POINTSMAN_MODE", "enforced");
    for (key, value) in [
        ("tool_use_id", json!("functions.Agent:0")),
        ("tool_use_id", json!(7)),
        ("session_id", json!("A0EEBC99-9C0B")),
    ] {
        let mut event = dangerous_delegation(&sandbox, "p1");
        event[key] = value;
        let said = hook(&sandbox, &event).exits(0).json();
        assert_eq!(said["hookSpecificOutput"]["permissionDecision"], "deny", "{key}: {said}");
    }
    let mut event = dangerous_delegation(&sandbox, "p1");
    event["tool_input"]["prompt"] = json!("drop the users\u{0} table in the production database");
    assert!(hook(&sandbox, &event).exits(0).stdout.contains("deny"));
    let ran = sandbox.call(["hook", "--bogus", "-x"]).stdin(event.to_string()).wait().exits(0);
    assert!(ran.stdout.contains("deny"), "{ran}");
}

#[test]
fn a_session_whose_agent_is_not_installed_goes_on_by_itself() {
    let sandbox = patient().env("POINTSMAN_MODE", "orchestration");
    let missing = |sandbox: Sandbox, tier: &str| sandbox.agent_key(tier, "command", "[\"no-such-agent\"]");
    let sandbox = ["haiku", "sonnet", "opus"].iter().fold(sandbox, |sandbox, tier| missing(sandbox, tier));
    let said = hook(&sandbox, &prompt(&sandbox, "p1", "rename foo to bar in lib.rs")).exits(0).json();
    assert!(said["decision"].is_null() && said.to_string().contains("This is work for haiku"), "{said}");
}
