//! The plugin in the real `claude` CLI, against the model server: what the main model is told, what subagents really run on,
//! and what is recorded of it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::model_server::{Asked, ModelServer, Reply};
use crate::real_claude::claude;
use crate::sandbox::{PATIENCE, Ran, Sandbox, pointsman};

/// A request for the sonnet tier, which the main model hands on in parts.
const PROMPT: &str = "add a --json flag to the export command and tests for it";

/// A part for the haiku tier.
const MECHANICAL: &str = "rename foo to bar in lib.rs";

/// A part that a person must approve.
const DANGEROUS: &str = "drop the users table in the production database";

struct Session {
    sandbox: Sandbox,
    server: ModelServer,
    claude: PathBuf,
}

fn plugin() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("plugin/pointsman")
}

impl Session {
    fn new(mode: &str, script: impl FnMut(&Asked) -> Reply + Send + 'static) -> Option<Session> {
        let claude = claude()?;
        let server = ModelServer::start(script);
        let path = std::env::var("PATH").unwrap_or_default();
        let own = pointsman().parent().unwrap().to_str().unwrap().to_owned();
        let sandbox = Sandbox::new()
            .env("PATH", &format!("{own}:{path}"))
            .env("POINTSMAN_MODE", mode)
            .env("ANTHROPIC_BASE_URL", &server.url())
            .env("ANTHROPIC_API_KEY", "sk-ant-none")
            .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");
        Some(Session { sandbox, server, claude })
    }

    fn env(self, name: &str, value: &str) -> Session {
        Session { sandbox: self.sandbox.env(name, value), ..self }
    }

    /// Hands a prompt in, with the plugin loaded.
    fn ask(&self, prompt: &str) -> Ran {
        let plugin = plugin();
        let args =
            ["-p", "--model", "sonnet", "--plugin-dir", plugin.to_str().unwrap(), "--output-format", "json"];
        self.sandbox.call(args).of_program(&self.claude).stdin(prompt).wait()
    }

    /// Returns the requests of subagents.
    fn of_subagents(&self) -> Vec<Asked> {
        self.server.asked().into_iter().filter(Asked::of_subagent).collect()
    }

    fn report(&self) -> Value {
        self.sandbox.call(["report", "compliance", "-o", "json"]).wait().success().json()
    }

    /// Returns the counts of one scope: followed, ignored, overridden, not applicable, unknown.
    fn counts(&self, scope: &str) -> [u64; 5] {
        let report = self.report();
        let group = report["by_scope"].as_array().unwrap().iter().find(|group| group["scope"] == scope);
        ["followed", "ignored", "overridden", "not_applicable", "unknown"]
            .map(|key| group.map_or(0, |group| group[key].as_u64().unwrap()))
    }
}

/// A main model that hands on a part to whom it names, and a subagent that answers.
fn hands_on(part: &'static str, whom: Value) -> impl FnMut(&Asked) -> Reply + Send + 'static {
    move |asked| {
        if asked.of_subagent() {
            return Reply::text("the part is done");
        }
        let is_first = !asked.body["messages"].to_string().contains("tool_use");
        if !is_first {
            return Reply::text("all is done");
        }
        let mut input = json!({"description": "a part", "prompt": part, "run_in_background": false});
        input.as_object_mut().unwrap().extend(whom.as_object().unwrap().clone());
        Reply::tool("Agent", input)
    }
}

fn general(model: &str) -> Value {
    json!({"subagent_type": "general-purpose", "model": model})
}

#[test]
fn an_enforced_session_runs_a_subagent_on_the_tier_of_its_own_words() {
    let Some(session) = Session::new("enforced", hands_on(MECHANICAL, general("opus"))) else { return };
    session.ask(PROMPT).success();
    let asked = session.of_subagents();
    assert!(
        !asked.is_empty() && asked.iter().all(|one| one.model.contains("haiku")),
        "{:?}",
        session.server.models()
    );
    assert!(asked[0].system().contains("small, clearly described work"), "our own agent does it");
    assert!(asked[0].conversation().contains(MECHANICAL), "the words are as they were");
    assert_eq!(session.counts("delegation"), [1, 0, 0, 0, 0]);
    session.sandbox.no_process_is_left(PATIENCE);
}

#[test]
fn an_enforced_session_refuses_what_a_person_must_approve_and_the_model_hears_why() {
    let Some(session) = Session::new("enforced", hands_on(DANGEROUS, general("haiku"))) else { return };
    session.ask(PROMPT).success();
    assert!(session.of_subagents().is_empty());
    let last = session.server.asked().pop().unwrap().conversation();
    assert!(last.contains("A person must say yes to this first"), "{last}");
    assert_eq!(session.counts("delegation"), [0, 0, 0, 1, 0]);
}

#[test]
fn an_advised_session_is_told_who_should_do_it_and_measured_by_who_did() {
    for (model, expected) in [("haiku", [1, 0, 0, 0, 0]), ("opus", [0, 1, 0, 0, 0])] {
        let Some(session) = Session::new("directive", hands_on(MECHANICAL, general(model))) else { return };
        session.ask(MECHANICAL).success();
        let first = &session.server.asked()[0];
        let told = first.conversation() + &first.system();
        assert!(told.contains("[pointsman] This is work for haiku"), "{told}");
        let subagents = session.of_subagents();
        assert!(subagents.iter().all(|one| one.model.contains(model)), "advice changes no model");
        assert_eq!(session.counts("prompt"), expected, "{model}: {}", session.report());
    }
}

#[test]
fn a_subagent_in_the_background_is_paired_with_its_delegation() {
    let script = |asked: &Asked| {
        if asked.of_subagent() {
            return Reply::text("the part is done").after(Duration::from_secs(1));
        }
        let conversation = asked.body["messages"].to_string();
        if conversation.contains("tool_use") {
            return Reply::text("noted");
        }
        let input = json!({"description": "a part", "prompt": MECHANICAL, "subagent_type": "general-purpose",
            "model": "opus", "run_in_background": true});
        Reply::tool("Agent", input)
    };
    let Some(session) = Session::new("enforced", script) else { return };
    session.ask(PROMPT).success();
    let asked = session.of_subagents();
    assert!(
        !asked.is_empty() && asked.iter().all(|one| one.model.contains("haiku")),
        "{:?}",
        session.server.models()
    );
    assert_eq!(session.counts("delegation"), [1, 0, 0, 0, 0], "{}", session.report());
}

#[test]
fn a_prompt_that_must_be_approved_is_held_back_until_it_is() {
    let answers = |_: &Asked| Reply::text("dropped");
    let Some(session) = Session::new("enforced", answers) else { return };
    let ran = session.ask(DANGEROUS);
    assert!(ran.stdout.contains("@approve"), "{ran}");
    assert_eq!(session.server.asked().len(), 0, "no model was asked");
    session.ask(&format!("@approve {DANGEROUS}")).success();
    assert!(!session.server.asked().is_empty());
}

#[test]
fn a_session_that_is_automated_hands_its_prompt_to_a_run() {
    let answers =
        |asked: &Asked| Reply::text(format!("renamed it in 3 places of lib.rs, said {}", asked.model));
    let Some(session) = Session::new("hybrid", answers) else { return };
    let program = session.claude.to_str().unwrap().to_owned();
    let env = format!(
        "{{ ANTHROPIC_BASE_URL = \"{}\", ANTHROPIC_API_KEY = \"sk-ant-none\" }}",
        session.server.url()
    );
    let sandbox = ["haiku", "sonnet", "opus"].iter().fold(session.sandbox, |sandbox, tier| {
        sandbox
            .agent_key(tier, "command", &format!("[{program:?}]"))
            .agent_key(tier, "adapter", "\"claude\"")
            .agent_key(tier, "env", &env)
    });
    let session = Session { sandbox, ..session };
    // The settings are written by the first call of pointsman itself.
    session.sandbox.call(["config", "show"]).wait().success();
    let ran = session.ask(MECHANICAL);
    assert!(ran.stdout.contains("pointsman does this by itself: haiku-general"), "{ran}");
    session.sandbox.no_process_is_left(PATIENCE);
    let shown = session.sandbox.call(["runs", "show", "latest", "-o", "json"]).wait().success().json();
    assert_eq!(shown["state"], "succeeded", "{shown}");
    let models = session.server.models();
    assert!(!models.is_empty() && models.iter().all(|model| model.contains("haiku")), "{models:?}");
    assert_eq!(session.counts("prompt"), [1, 0, 0, 0, 0], "{}", session.report());
}

#[test]
fn our_hooks_are_silent_inside_an_agent_of_ours() {
    let Some(session) = Session::new("enforced", hands_on(MECHANICAL, general("opus"))) else { return };
    let session = session.env("POINTSMAN_DEPTH", "1");
    session.ask(DANGEROUS).success();
    assert!(session.of_subagents().iter().all(|one| one.model.contains("opus")));
    assert_eq!(session.report()["facts"], 0);
}

#[test]
fn a_session_goes_on_when_pointsman_is_gone() {
    let Some(session) = Session::new("enforced", hands_on(MECHANICAL, general("opus"))) else { return };
    let without = std::env::var("PATH").unwrap_or_default();
    let session = session.env("PATH", &without);
    session.ask(PROMPT).success();
    assert!(session.of_subagents().iter().all(|one| one.model.contains("opus")));
}

#[test]
fn what_the_main_model_sees_of_a_prompt_is_only_the_directive() {
    let seen = Arc::new(Mutex::new(String::new()));
    let kept = Arc::clone(&seen);
    let script = move |asked: &Asked| {
        *kept.lock().unwrap() = asked.conversation() + &asked.system();
        Reply::text("renamed")
    };
    let Some(session) = Session::new("directive", script) else { return };
    session.ask(&format!("~ {MECHANICAL}")).success();
    assert!(!seen.lock().unwrap().contains("[pointsman]"), "left alone as the person said");
    assert_eq!(session.counts("prompt"), [0, 0, 1, 0, 0]);
}
