//! Resumed sessions and rights of the real CLI: what it then *sends* to the model, and what it may then do.
//!
//! Versions keep different things of a session: from 2.1.272 on its first system prompt, always its agent and tools.

use std::fs;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::model_server::{Asked, Reply, in_turn};
use crate::real_claude::{REQUEST, Real, attempts};

/// The nonces of all contracts that the system prompt of a request holds.
fn nonces(asked: &Asked) -> Vec<String> {
    let markers = asked.system();
    let found = markers.split("[[pointsman:").skip(1).filter_map(|rest| rest.split_once(":escalate]]"));
    found.map(|(nonce, _)| nonce.to_owned()).collect()
}

/// Runs a request on a tier in the session `s` and returns the report.
#[track_caller]
fn in_session(real: &Real, tier: &str, words: &str) -> Value {
    let ran = real.sandbox.call(["run", "-o", "json", "--tier", tier, "--session", "s", "--", words]).wait();
    let report = ran.json();
    assert_eq!(report["verdict"], "succeeded", "{ran}");
    report
}

/// The permission modes and outcomes of a report's attempts.
fn modes(report: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    attempts(report).iter().map(|a| (text(&a["permission_mode"]), text(&a["outcome"]))).collect()
}

fn tools(asked: &Asked) -> Vec<String> {
    let tools = asked.body["tools"].as_array().into_iter().flatten();
    tools.filter_map(|tool| tool["name"].as_str().map(str::to_owned)).collect()
}

/// Seen to fail without `--system-prompt-snapshot off`: from 2.1.272 on the first contract comes again.
#[test]
#[ignore = "needs the real Claude CLI"]
fn every_run_of_a_session_gets_the_contract_with_a_nonce_of_its_own() {
    let script = in_turn([Reply::text("one two"), Reply::text("two three"), Reply::text("three four")]);
    let real = Real::new(script);
    let sessions: Vec<Value> = ["first words", "second words", "third words"]
        .iter()
        .map(|words| attempts(&in_session(&real, "haiku", words))[0]["agent_session_id"].clone())
        .collect();
    assert!(sessions[0] == sessions[1] && sessions[1] == sessions[2], "{sessions:?}");
    let asked = real.server.asked();
    let sent: Vec<Vec<String>> = asked.iter().map(nonces).collect();
    assert!(sent.iter().all(|nonces| nonces.len() == 1), "one contract in each request: {sent:?}");
    assert!(sent[0] != sent[1] && sent[1] != sent[2] && sent[0] != sent[2], "{sent:?}");
    let conversation = asked[2].conversation();
    assert!(conversation.contains("first words") && conversation.contains("two three"), "{conversation}");
}

/// The signal works in the second run of a session, and in the attempt that takes the session over.
#[test]
#[ignore = "needs the real Claude CLI"]
fn signals_work_in_a_session_that_goes_on_and_no_marker_reaches_an_answer() {
    let old: Arc<Mutex<Option<String>>> = Arc::default();
    let script = move |asked: &Asked| {
        let nonce = nonces(asked).pop().unwrap_or_default();
        let mut first = old.lock().unwrap();
        match (first.clone(), asked.model.contains("haiku")) {
            (None, _) => {
                *first = Some(nonce);
                Reply::text("remembered")
            }
            (Some(_), true) => Reply::text(format!("I looked.\n[[pointsman:{nonce}:escalate]] two of them")),
            // A marker of the session's first run, which the conversation may still hold.
            (Some(old), false) => Reply::text(format!("both are renamed\n[[pointsman:{old}:blocked]] x")),
        }
    };
    let real = Real::new(script);
    in_session(&real, "haiku", "remember the word tulip");
    let report = in_session(&real, "haiku", REQUEST);
    assert_eq!(report["answer"], "both are renamed");
    let outcomes: Vec<String> = modes(&report).into_iter().map(|(_, outcome)| outcome).collect();
    assert_eq!(outcomes, ["asked_escalation", "completed"]);
    let last = real.server.asked().pop().unwrap();
    assert!(
        last.conversation().contains("tulip") && last.model.contains("sonnet"),
        "{}",
        last.conversation()
    );
}

/// A settings file of the repository gives rights that nobody asked for; the mode is said on every call, `default` too.
#[test]
#[ignore = "needs the real Claude CLI"]
fn the_projects_default_mode_gives_no_rights() {
    let script = |asked: &Asked| match asked.answer_count() {
        0 => Reply::tool("Write", json!({"file_path": "made.txt", "content": "x"})),
        _ => Reply::text("I wrote the file made.txt"),
    };
    let real = Real::new(script);
    let settings = real.sandbox.project().join(".claude");
    fs::create_dir_all(&settings).unwrap();
    fs::write(settings.join("settings.json"), r#"{"permissions":{"defaultMode":"acceptEdits"}}"#).unwrap();
    let flags = ["--tier", "haiku", "--permission-mode", "default"];
    let report = real.with_flags_comes_to(flags, 77, "failed", &["permission_denied"]);
    assert!(!real.sandbox.project().join("made.txt").exists());
    assert_eq!(attempts(&report)[0]["flags"], json!(["tools_denied"]), "the agent says the same rights");
}

/// Seen to fail without the ceiling: the stronger agent wrote the file.
#[test]
#[ignore = "needs the real Claude CLI"]
fn a_read_only_run_that_escalates_has_no_more_rights() {
    let script = |asked: &Asked| {
        let nonce = nonces(asked).pop().unwrap_or_default();
        let conversation = asked.conversation();
        match asked.model.contains("haiku") {
            true => Reply::text(format!("too hard\n[[pointsman:{nonce}:escalate]] help")),
            false
                if !conversation.contains("made.txt") && !asked.body.to_string().contains("tool_result") =>
            {
                Reply::tool("Write", json!({"file_path": "made.txt", "content": "x"}))
            }
            false => Reply::text("I wrote the file"),
        }
    };
    let real = Real::new(script);
    let sandbox = real.sandbox.agent_key("haiku", "access", "\"read-only\"");
    let real = Real { sandbox, ..real };
    let report = real.comes_to("haiku", 77, "failed", &["asked_escalation", "permission_denied"]);
    let rights: Vec<String> = modes(&report).into_iter().map(|(mode, _)| mode).collect();
    assert_eq!(rights, ["default", "default"]);
    assert!(!real.sandbox.project().join("made.txt").exists(), "a read-only run wrote");
}

/// The agent that the operator named for when this one is missing is bound as well.
#[test]
#[ignore = "needs the real Claude CLI"]
fn an_agent_that_takes_a_read_only_run_over_has_no_more_rights() {
    let script = |asked: &Asked| match asked.answer_count() {
        0 => Reply::tool("Write", json!({"file_path": "made.txt", "content": "x"})),
        _ => Reply::text("I wrote the file made.txt"),
    };
    let real = Real::new(script);
    let gone = real.sandbox.path("no-such-claude");
    let sandbox = real
        .sandbox
        .agent_key("haiku", "command", &format!("[{:?}]", gone.to_str().unwrap()))
        .agent_key("haiku", "access", "\"read-only\"")
        .agent_key("haiku", "fall_back", "\"sonnet-general\"");
    let real = Real { sandbox, ..real };
    let report = real.comes_to("haiku", 77, "failed", &["agent_missing", "permission_denied"]);
    assert_eq!(modes(&report)[1].0, "default");
    assert!(!real.sandbox.project().join("made.txt").exists(), "a read-only run wrote");
}

/// A run of a session whose first attempt fails in the middle, and goes on in the same conversation.
#[test]
#[ignore = "needs the real Claude CLI"]
fn a_retry_in_a_session_gets_a_contract_of_its_own() {
    let script = |asked: &Asked| match asked.index {
        1 => Reply::tool("Bash", json!({"command": "echo looked"})),
        2 => Reply::error(529),
        index => Reply::text(format!("answer {index} of them")),
    };
    let real = Real::new(script);
    in_session(&real, "haiku", "count the words");
    let report = in_session(&real, "haiku", REQUEST);
    let outcomes: Vec<String> = modes(&report).into_iter().map(|(_, outcome)| outcome).collect();
    assert_eq!(outcomes, ["overloaded", "completed"]);
    let asked = real.server.asked();
    let sent: Vec<Vec<String>> = [&asked[0], &asked[1], asked.last().unwrap()].map(nonces).to_vec();
    assert!(sent.iter().all(|nonces| nonces.len() == 1), "{sent:?}");
    assert!(sent[0] != sent[1] && sent[1] != sent[2] && sent[0] != sent[2], "{sent:?}");
    assert!(asked.last().unwrap().conversation().contains("looked"), "the retry goes on in the conversation");
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn a_complex_request_in_a_session_is_planned_first() {
    let real = Real::new(in_turn([Reply::text("one two"), Reply::text("planned and done")]));
    in_session(&real, "sonnet", "count the words");
    let complex = "First design the new storage layer, then implement the migration in all modules, then write the \
                   tests, and finally update the documentation";
    in_session(&real, "sonnet", complex);
    let planned: Vec<bool> =
        real.server.asked().iter().map(|asked| asked.system().contains("Plan before you act")).collect();
    assert_eq!(planned, [false, true]);
}

/// A session of the CLI keeps its agent, whatever resumes it: another agent gets a session of its own, and a note.
#[test]
#[ignore = "needs the real Claude CLI"]
fn another_agent_in_a_session_is_itself_and_knows_what_was_said() {
    let script = in_turn([
        Reply::text("the review: two foos"),
        Reply::text("renamed both"),
        Reply::text("reviewed again"),
    ]);
    let real = Real::new(script);
    let agents = real.sandbox.project().join(".claude/agents");
    fs::create_dir_all(&agents).unwrap();
    let reviewer = "---\nname: reviewer\ndescription: reviews\ntools: Read, Grep\nmodel: haiku\n---\nYOU ARE THE REVIEWER.\n";
    fs::write(agents.join("reviewer.md"), reviewer).unwrap();
    let claude = crate::real_claude::claude();
    let env = real.env();
    let sandbox = real
        .sandbox
        .set("agents.reviewer.command", &format!("[{:?}]", claude.to_str().unwrap()))
        .set("agents.reviewer.adapter", "\"claude\"")
        .set("agents.reviewer.tier", "\"haiku\"")
        .set("agents.reviewer.cli_agent", "\"reviewer\"")
        .set("agents.reviewer.env", &env);
    let real = Real { sandbox, server: real.server };
    let run = |who: [&str; 2], words: &str| {
        let ran =
            real.sandbox.call(["run", "-o", "json", "--session", "s"]).args(who).args(["--", words]).wait();
        let attempt = attempts(&ran.json())[0].clone();
        assert_eq!(attempt["outcome"], "completed", "{ran}");
        attempt["agent_session_id"].clone()
    };
    let reviewed = run(["--agent", "reviewer"], "look at lib.rs");
    let renamed = run(["--tier", "haiku"], REQUEST);
    let again = run(["--agent", "reviewer"], "look once more");
    assert!(reviewed == again && reviewed != renamed, "{reviewed} {renamed} {again}");
    let asked = real.server.asked();
    let [first, second, third] = asked.as_slice() else { panic!("three requests, not {}", asked.len()) };
    assert!(first.system().contains("YOU ARE THE REVIEWER") && !tools(first).contains(&"Edit".to_owned()));
    assert!(!second.system().contains("YOU ARE THE REVIEWER") && tools(second).contains(&"Edit".to_owned()));
    assert!(second.last_text().contains("> the review: two foos"), "{}", second.last_text());
    assert!(
        third.system().contains("YOU ARE THE REVIEWER")
            && third.conversation().contains("the review: two foos")
    );
    for request in [first, second, third] {
        assert_eq!(nonces(request).len(), 1, "each has one contract");
    }
}

/// The transcript is gone: the run begins anew, once, says so, and hands over what was said last.
#[test]
#[ignore = "needs the real Claude CLI"]
fn a_session_whose_transcript_is_gone_begins_anew_with_a_note() {
    let real = Real::new(in_turn([Reply::text("the word is tulip"), Reply::text("it was tulip")]));
    in_session(&real, "haiku", "remember the word tulip");
    fs::remove_dir_all(real.sandbox.path("home/.claude/projects")).unwrap();
    let ran = real
        .sandbox
        .call(["run", "--tier", "haiku", "--session", "s", "--", "which word did I give you?"])
        .wait()
        .success()
        .stdout("it was tulip\n")
        .stderr_has("no longer has the session");
    let last = real.server.asked().pop().unwrap().last_text();
    assert!(
        last.contains("> remember the word tulip") && last.contains("> the word is tulip"),
        "{last}\n{ran}"
    );
}

/// The CLI keeps conversations by directory. Another project that is still there is no project that was moved.
#[test]
#[ignore = "needs the real Claude CLI"]
fn a_session_whose_project_was_moved_begins_anew_with_a_note() {
    let real = Real::new(|asked: &Asked| Reply::text(format!("answer {} of them", asked.index)));
    let [old, new, other] = ["old", "new", "other"].map(|name| real.sandbox.path(name));
    fs::create_dir_all(&old).unwrap();
    fs::create_dir_all(&other).unwrap();
    let run = |project: &std::path::Path, words: &str| {
        let project = project.to_str().unwrap();
        let args = ["run", "--tier", "haiku", "--session", "s", "--project", project, "--", words];
        let ran = real.sandbox.call(args).wait().success();
        (ran.stderr.contains("is gone"), real.server.asked().pop().unwrap().last_text())
    };
    run(&old, "the word is tulip");
    let (is_said, text) = run(&other, "which word is it?");
    assert!(!is_said && !text.contains("tulip"), "projects know nothing of each other: {text}");
    fs::rename(&old, &new).unwrap();
    let (is_said, text) = run(&new, "which word was it?");
    assert!(is_said && text.contains("> the word is tulip") && text.contains("> answer 0 of them"), "{text}");
    let (is_said, text) = run(&new, "and now?");
    assert!(!is_said && !text.contains("tulip"), "it is said once, and then known: {text}");
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn two_sessions_in_one_directory_know_nothing_of_each_other() {
    let real = Real::new(|asked: &Asked| Reply::text(format!("answer {}", asked.index)));
    let run = |session: &str, words: &str| {
        real.sandbox.call(["run", "--tier", "haiku", "--session", session, "--", words]).wait().success();
    };
    run("a", "the word is tulip");
    run("b", "the word is rose");
    run("a", "which word?");
    let last = real.server.asked().pop().unwrap().conversation();
    assert!(last.contains("tulip") && !last.contains("rose"), "{last}");
}

/// What an agent's definition gives itself is not asked for either: the command line wins, on every version tried.
#[test]
#[ignore = "needs the real Claude CLI"]
fn an_agents_own_mode_gives_no_rights() {
    let script = |asked: &Asked| match asked.answer_count() {
        0 => Reply::tool("Write", json!({"file_path": "made.txt", "content": "x"})),
        _ => Reply::text("I wrote the file made.txt"),
    };
    let real = Real::new(script);
    let agents = real.sandbox.project().join(".claude/agents");
    fs::create_dir_all(&agents).unwrap();
    let bold = "---\nname: bold\ndescription: writes\npermissionMode: bypassPermissions\nmodel: haiku\n---\nWrite.\n";
    fs::write(agents.join("bold.md"), bold).unwrap();
    let sandbox = real.sandbox.agent_key("haiku", "cli_agent", "\"bold\"").agent_key(
        "haiku",
        "access",
        "\"read-only\"",
    );
    let real = Real { sandbox, ..real };
    let report = real.comes_to("haiku", 77, "failed", &["permission_denied"]);
    assert!(!real.sandbox.project().join("made.txt").exists());
    assert_eq!(attempts(&report)[0]["flags"], json!(["tools_denied"]), "the agent says the same rights");
}

/// What the attempts of a report cost: what the agent says, else our estimate.
fn costs(report: &Value) -> Vec<f64> {
    let counted = |cost: &Value| cost["reported"].as_f64().or_else(|| cost["estimated"].as_f64()).unwrap();
    attempts(report).iter().map(|attempt| counted(&attempt["cost_usd"])).collect()
}

/// Versions count the cost of a resumed session in three ways. Each run, and each attempt of one, is to cost what the
/// same words cost in a session of their own.
#[test]
#[ignore = "needs the real Claude CLI"]
fn a_resumed_session_costs_what_is_new() {
    let script = |asked: &Asked| {
        let nonce = nonces(asked).pop().unwrap_or_default();
        let reply = match asked.last_text().contains(HARD) && asked.model.contains("haiku") {
            true => Reply::text(format!("too hard\n[[pointsman:{nonce}:escalate]] help")),
            false => Reply::text(format!("answer {} of them", asked.index)),
        };
        reply.usage(1000, 50)
    };
    let real = Real::new(script);
    let alone = |tier: &str| {
        let ran = real.sandbox.call(["run", "-o", "json", "--tier", tier, "count the words"]).wait();
        costs(&ran.json())[0]
    };
    let (haiku, sonnet) = (alone("haiku"), alone("sonnet"));
    assert!(haiku > 0.0 && sonnet > haiku, "{haiku} {sonnet}");
    // Where only an estimate is possible, it is ours, by the prices of the settings.
    let near = |cost: f64, want: f64| (cost - want).abs() < want * 0.2;
    let runs: Vec<f64> = (0..3).flat_map(|_| costs(&in_session(&real, "haiku", "count the words"))).collect();
    assert!(runs.len() == 3 && runs.iter().all(|cost| near(*cost, haiku)), "{runs:?} against {haiku}");
    let escalated = costs(&in_session(&real, "haiku", HARD));
    let [first, second] = escalated.as_slice() else { panic!("two attempts: {escalated:?}") };
    assert!(near(*first, haiku) && near(*second, sonnet), "{escalated:?} against {haiku} and {sonnet}");
}

/// A request that the weakest model finds too hard.
const HARD: &str = "rename foo to bar everywhere in lib.rs";
