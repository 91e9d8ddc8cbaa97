//! What enforcing does to the subagents of the real `claude` CLI: the model that they really run on, and nothing else.

use serde_json::{Value, json};

use crate::model_server::{Asked, Reply};
use crate::plugin_session::{MECHANICAL, PROMPT, Session, general, hands_on};
use crate::promises::hooks::file;

fn kind(name: &str) -> Value {
    json!({"subagent_type": name})
}

/// A session of a project that has an agent of its own.
fn with_reviewer(front_matter: &str, whom: Value) -> Session {
    let session = Session::new("enforced", hands_on(MECHANICAL, whom));
    let text = format!(
        "---\nname: reviewer\ndescription: Reviews\ntools: Read\n{front_matter}---\nYou only read.\n"
    );
    file(&session.sandbox.project().join(".claude/agents/reviewer.md"), text);
    session
}

fn models(session: &Session) -> Vec<String> {
    session.of_subagents().iter().map(|one| one.model.clone()).collect()
}

fn all_are(models: &[String], tier: &str) -> bool {
    !models.is_empty() && models.iter().all(|model| model.contains(tier))
}

/// Seen to fail by renaming the kind: it had Bash, Edit and Write.
#[test]
#[ignore = "needs the real Claude CLI"]
fn an_agent_of_the_project_s_own_keeps_its_prompt_and_its_tools() {
    let session = with_reviewer("", kind("reviewer"));
    session.ask(PROMPT).success();
    assert!(all_are(&models(&session), "haiku"), "{:?}", models(&session));
    let asked = &session.of_subagents()[0];
    assert!(asked.system().contains("You only read."), "{}", asked.system());
    let tools: Vec<&str> =
        asked.body["tools"].as_array().unwrap().iter().filter_map(|tool| tool["name"].as_str()).collect();
    assert_eq!(tools, ["Read"]);
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn the_model_of_an_agent_s_own_definition_holds_also_against_the_main_model() {
    for whom in [kind("reviewer"), json!({"subagent_type": "reviewer", "model": "sonnet"})] {
        let session = with_reviewer("model: opus\n", whom.clone());
        session.ask(PROMPT).success();
        assert!(all_are(&models(&session), "opus"), "{whom}: {:?}", models(&session));
        assert_eq!(session.counts("delegation"), [0, 0, 0, 1, 0]);
    }
    let session = with_reviewer("model: opus\n", kind("reviewer"));
    let session = Session { sandbox: session.sandbox.set("enforce_defined_agents", "true"), ..session };
    session.sandbox.call(["config", "show"]).wait().success();
    session.ask(PROMPT).success();
    assert!(all_are(&models(&session), "haiku"), "by the settings: {:?}", models(&session));
}

/// Seen to fail by renaming the kind: the rule did not name ours.
#[test]
#[ignore = "needs the real Claude CLI"]
fn a_kind_that_a_person_denied_stays_denied() {
    let session = Session::new("enforced", hands_on(MECHANICAL, general("opus")));
    let rules = json!({"permissions": {"deny": ["Agent(general-purpose)"]}});
    file(&session.sandbox.project().join(".claude/settings.local.json"), rules.to_string());
    session.ask(PROMPT).success();
    assert!(session.of_subagents().is_empty());
    let last = session.server.asked().pop().unwrap().conversation();
    assert!(last.contains("denied") || last.contains("not found"), "{last}");
}

/// Seen to fail by renaming the kind: "Agent type not found".
#[test]
#[ignore = "needs the real Claude CLI"]
fn a_session_that_runs_as_an_agent_delegates_to_the_kinds_that_it_may() {
    let session = Session::new("enforced", hands_on(MECHANICAL, general("opus")));
    let coord =
        "---\nname: coord\ndescription: Hands on\ntools: Agent(general-purpose, worker)\n---\nYou hand on.\n";
    file(&session.sandbox.project().join(".claude/agents/coord.md"), coord);
    session.ask_with(["--agent", "coord"], PROMPT).success();
    assert!(all_are(&models(&session), "haiku"), "{:?}", models(&session));
    let told = session.server.asked()[0].conversation();
    assert!(
        told.contains("[pointsman]") && !told.contains("pointsman:"),
        "no kind that it may not use: {told}"
    );
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn the_tier_that_a_person_names_in_words_holds_for_the_subagents_of_the_prompt() {
    let session = Session::new("enforced", hands_on(MECHANICAL, general("haiku")));
    session.ask(&format!("use opus for this: {MECHANICAL}")).success();
    assert!(all_are(&models(&session), "opus"), "{:?}", models(&session));
    assert_eq!(session.counts("prompt"), [0, 0, 1, 0, 0]);
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn a_resumed_session_keeps_its_conversation_where_prompts_are_handed_to_runs() {
    let session = Session::new("orchestration", |_: &Asked| Reply::text("noted"));
    let id = "11111111-2222-4333-8444-555555555555";
    session.ask_with(["--session-id", id], "~ the file that we talk about is src/parser.rs").success();
    session.ask_with(["--resume", id], "rename foo to bar in the file that I told you about").success();
    let last = session.server.asked().pop().unwrap();
    assert!(last.body["messages"].to_string().contains("src/parser.rs"), "{}", last.conversation());
    assert_eq!(session.sandbox.run_count(), 0);
}

/// What the main model said last is in the transcript that the hook reads.
#[test]
#[ignore = "needs the real Claude CLI"]
fn a_yes_to_what_the_model_proposed_inherits_its_danger() {
    let answers = |_: &Asked| Reply::text("Shall I push the branch to origin with --force?");
    let session = Session::new("enforced", answers);
    let id = "11111111-2222-4333-8444-555555555556";
    session.ask_with(["--session-id", id], MECHANICAL).success();
    let held = session.ask_with(["--resume", id], "yes");
    assert!(held.stdout.contains("@approve"), "{held}");
    let harmless = |_: &Asked| Reply::text("Shall I also rename the tests?");
    let session = Session::new("enforced", harmless);
    session.ask_with(["--session-id", id], MECHANICAL).success();
    session.ask_with(["--resume", id], "yes").success();
    assert_eq!(session.server.asked().len(), 2, "it went on");
}

/// A subagent's own delegations come to the same hook, with the subagent's id.
#[test]
#[ignore = "needs the real Claude CLI"]
fn a_subagent_of_a_subagent_is_held_too() {
    let script = |asked: &Asked| {
        let conversation = asked.body["messages"].to_string();
        let is_done = conversation.contains("tool_use");
        let hands_on = |part: &str| {
            let input = json!({"description": "a part", "prompt": part, "subagent_type": "general-purpose",
                "model": "opus", "run_in_background": false});
            Reply::tool("Agent", input)
        };
        match (asked.of_subagent(), is_done) {
            (false, false) => hands_on(PROMPT),
            (true, false) if conversation.contains(PROMPT) => hands_on(MECHANICAL),
            _ => Reply::text("done"),
        }
    };
    let session = Session::new("enforced", script);
    session.ask("look after the export command: flag and tests").success();
    let asked = session.of_subagents();
    let of = |words: &str| -> Vec<String> {
        let has = |one: &&Asked| one.body["messages"][0].to_string().contains(words);
        asked.iter().filter(has).map(|one| one.model.clone()).collect()
    };
    assert!(all_are(&of(PROMPT), "sonnet"), "{:?}", of(PROMPT));
    assert!(!of(MECHANICAL).is_empty());
    assert!(of(MECHANICAL).iter().all(|model| model.contains("haiku")), "{:?}", of(MECHANICAL));
}

/// Fields of other versions: this one drops them. Seen to fail with the call left alone for them.
#[test]
#[ignore = "needs the real Claude CLI"]
fn a_field_that_the_cli_does_not_know_opens_no_gate() {
    for field in ["resume", "team_name"] {
        let mut whom = general("opus");
        whom[field] = json!("a1b2c3");
        let session = Session::new("enforced", hands_on(MECHANICAL, whom));
        session.ask(PROMPT).success();
        assert!(
            models(&session).iter().all(|model| model.contains("haiku")),
            "{field}: {:?}",
            models(&session)
        );
    }
}
