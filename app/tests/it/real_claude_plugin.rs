//! The plugin in the real `claude` CLI, against the model server: what the main model is told, what subagents really run on,
//! and what is recorded of it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::model_server::{Asked, ModelServer, Reply};
use crate::plugin_session::{DANGEROUS, MECHANICAL, PROMPT, Session, general, hands_on, plugin};
use crate::real_claude::claude;
use crate::sandbox::{PATIENCE, Sandbox};

#[test]
#[ignore = "needs the real Claude CLI"]
fn an_enforced_session_runs_a_subagent_on_the_tier_of_its_own_words() {
    let session = Session::new("enforced", hands_on(MECHANICAL, general("opus")));
    session.ask(PROMPT).success();
    let asked = session.of_subagents();
    assert!(
        !asked.is_empty() && asked.iter().all(|one| one.model.contains("haiku")),
        "{:?}",
        session.server.models()
    );
    assert!(!asked[0].system().contains("small, clearly described work"), "it stays the kind that it is");
    assert!(asked[0].conversation().contains(MECHANICAL), "the words are as they were");
    assert_eq!(session.counts("delegation"), [1, 0, 0, 0, 0]);
    session.sandbox.no_process_is_left(PATIENCE);
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn an_enforced_session_refuses_what_a_person_must_approve_and_the_model_hears_why() {
    let session = Session::new("enforced", hands_on(DANGEROUS, general("haiku")));
    session.ask(PROMPT).success();
    assert!(session.of_subagents().is_empty());
    let last = session.server.asked().pop().unwrap().conversation();
    assert!(last.contains("A person must say yes to this first"), "{last}");
    assert_eq!(session.counts("delegation"), [0, 0, 0, 1, 0]);
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn an_advised_session_is_told_who_should_do_it_and_measured_by_who_did() {
    for (model, expected) in [("haiku", [1, 0, 0, 0, 0]), ("opus", [0, 1, 0, 0, 0])] {
        let session = Session::new("directive", hands_on(MECHANICAL, general(model)));
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
#[ignore = "needs the real Claude CLI"]
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
    let session = Session::new("enforced", script);
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
#[ignore = "needs the real Claude CLI"]
fn a_prompt_that_must_be_approved_is_held_back_until_it_is() {
    let answers = |_: &Asked| Reply::text("dropped");
    let session = Session::new("enforced", answers);
    let ran = session.ask(DANGEROUS);
    assert!(ran.stdout.contains("@approve"), "{ran}");
    assert_eq!(session.server.asked().len(), 0, "no model was asked");
    session.ask(&format!("@approve {DANGEROUS}")).success();
    assert!(!session.server.asked().is_empty());
}

/// Seen to fail: `claude -p` of a script said that a run had it, with exit code 0, and the script took that for the answer.
#[test]
#[ignore = "needs the real Claude CLI"]
fn a_headless_session_answers_itself_and_only_its_subagents_are_held() {
    let session = Session::new("hybrid", hands_on(MECHANICAL, general("opus")));
    let ran = session.ask(PROMPT).success();
    assert_eq!(ran.json()["result"], "all is done", "{ran}");
    let first = &session.server.asked()[0];
    let told = first.conversation() + &first.system();
    assert!(told.contains("[pointsman] This is work for sonnet"), "advised: {told}");
    let asked = session.of_subagents();
    assert!(
        !asked.is_empty() && asked.iter().all(|one| one.model.contains("haiku")),
        "{:?}",
        session.server.models()
    );
    assert_eq!(session.counts("delegation"), [1, 0, 0, 0, 0]);
    let ran = session.ask(DANGEROUS).success();
    assert_eq!(ran.json()["result"], "all is done", "not even held back: {ran}");
    assert_eq!(session.sandbox.run_count(), 0);
}

/// On 2.1.197 the shell of a command runs before the hook is asked: one run of the shell's was seen, and one of the hook's.
#[test]
#[ignore = "needs the real Claude CLI"]
fn our_own_command_for_a_run_starts_one() {
    let session = Session::new("directive", |_: &Asked| Reply::text("should not be asked"));
    let ran = session.ask(&format!("/pointsman:orchestrate {MECHANICAL}"));
    assert!(ran.stdout.contains("pointsman does this by itself: haiku-general"), "{ran}");
    session.sandbox.no_process_is_left(PATIENCE);
    assert_eq!((session.server.asked().len(), session.sandbox.run_count()), (0, 1));
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn our_own_command_starts_its_run_without_our_hooks_as_well() {
    let script = |asked: &Asked| {
        let conversation = asked.conversation();
        if asked.body["messages"].to_string().contains("tool_use") {
            return Reply::text("a run has it");
        }
        let command = conversation.split("```sh\n").nth(1).and_then(|text| text.split("\n```").next());
        Reply::tool("Bash", json!({"command": command.unwrap_or("true"), "description": "start the run"}))
    };
    let session = Session::new("off", script);
    let ran = session.ask(&format!("/pointsman:orchestrate {MECHANICAL}")).success();
    session.sandbox.no_process_is_left(PATIENCE);
    let asked = session.server.asked().pop().unwrap().conversation();
    assert_eq!(session.sandbox.run_count(), 1, "{ran}\n{asked}");
    assert_eq!(session.sandbox.show("latest")["answer"], "the answer of haiku");
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn a_hook_that_is_registered_twice_starts_one_run() {
    let session = Session::new("orchestration", |_: &Asked| Reply::text("should not be asked"));
    let by_hand = json!({"hooks": {"UserPromptSubmit": [{"hooks": [
        {"type": "command", "command": "pointsman hook"}, {"type": "command", "command": "pointsman  hook"}]}]}});
    let (plugin, by_hand) = (plugin(), by_hand.to_string());
    let args =
        ["-p", "--plugin-dir", plugin.to_str().unwrap(), "--settings", &by_hand, "--output-format", "json"];
    let ran = session.sandbox.call(args).of_program(&session.claude).stdin(MECHANICAL).wait();
    assert!(ran.stdout.contains("pointsman does this by itself"), "{ran}");
    session.sandbox.no_process_is_left(PATIENCE);
    assert_eq!((session.server.asked().len(), session.sandbox.run_count()), (0, 1), "{ran}");
    assert!(session.report()["facts"].as_u64() > Some(0));
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn a_session_that_chose_orchestration_hands_its_prompt_to_a_run() {
    let answers =
        |asked: &Asked| Reply::text(format!("renamed it in 3 places of lib.rs, said {}", asked.model));
    let session = Session::new("orchestration", answers);
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
#[ignore = "needs the real Claude CLI"]
fn our_hooks_are_silent_inside_an_agent_of_ours() {
    let session = Session::new("enforced", hands_on(MECHANICAL, general("opus")));
    let session = session.env("POINTSMAN_DEPTH", "1");
    session.ask(DANGEROUS).success();
    assert!(session.of_subagents().iter().all(|one| one.model.contains("opus")));
    assert_eq!(session.report()["facts"], 0);
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn a_session_goes_on_when_pointsman_is_gone() {
    let session = Session::new("enforced", hands_on(MECHANICAL, general("opus")));
    let without = std::env::var("PATH").unwrap_or_default();
    let session = session.env("PATH", &without);
    session.ask(PROMPT).success();
    assert!(session.of_subagents().iter().all(|one| one.model.contains("opus")));
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn what_the_main_model_sees_of_a_prompt_is_only_the_directive() {
    let seen = Arc::new(Mutex::new(String::new()));
    let kept = Arc::clone(&seen);
    let script = move |asked: &Asked| {
        *kept.lock().unwrap() = asked.conversation() + &asked.system();
        Reply::text("renamed")
    };
    let session = Session::new("directive", script);
    session.ask(&format!("~ {MECHANICAL}")).success();
    assert!(!seen.lock().unwrap().contains("[pointsman]"), "left alone as the person said");
    assert_eq!(session.counts("prompt"), [0, 0, 1, 0, 0]);
}

/// A sandbox whose agents are the real CLI, for the verbs that call its own commands.
fn with_cli() -> (Sandbox, PathBuf) {
    let claude = claude();
    let command = format!("[{:?}]", claude.to_str().unwrap());
    let sandbox = ["haiku", "sonnet", "opus"]
        .iter()
        .fold(Sandbox::new(), |sandbox, tier| sandbox.agent_key(tier, "command", &command));
    std::fs::create_dir_all(sandbox.path("home/.claude")).unwrap();
    std::fs::create_dir_all(sandbox.project().join(".claude")).unwrap();
    (sandbox, claude)
}

/// Settings as people have them; the first loses a key to the CLI's own rewriting on 2.1.197.
const SETTINGS: [&str; 4] = [
    "{\n    \"model\": \"opus\",\n \"permissions\": {\"allow\": [\"Bash(ls)\"]}\n}",
    "{\"enabledPlugins\":{\"other@place\":false},\"hooks\":{}}\n\n",
    "{}",
    "{\n\t\"env\": {\n\t\t\"X\": \"é \\\"q\\\"\"\n\t}\n}\n",
];

#[test]
#[ignore = "needs the real Claude CLI"]
fn the_plugin_passes_the_clis_own_validation_as_it_is_and_as_it_is_rendered() {
    let (sandbox, claude) = with_cli();
    sandbox.call(["plugin", "update"]).wait().success();
    let rendered = sandbox.path("home/.local/share/pointsman/plugin");
    for folder in [plugin(), plugin().parent().unwrap().to_owned(), rendered.join("pointsman"), rendered] {
        let args = ["plugin", "validate", folder.to_str().unwrap()];
        let ran = sandbox.call(args).of_program(&claude).wait().success();
        assert!(ran.stdout.contains("Validation passed"), "{ran}");
    }
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn s16_the_plugin_goes_in_and_out_and_the_settings_are_as_they_were_byte_for_byte() {
    let (sandbox, claude) = with_cli();
    let user = sandbox.path("home/.claude/settings.json");
    for before in SETTINGS {
        std::fs::write(&user, before).unwrap();
        let ran = sandbox.call(["plugin", "install", "--yes"]).wait().success();
        assert!(
            ran.stderr.contains("+") && ran.stderr.contains("pointsman@pointsman"),
            "the difference is shown: {ran}"
        );
        let status = sandbox.call(["plugin", "status", "-o", "json"]).wait().success().json();
        assert_eq!((&status["installed"], &status["up_to_date"]), (&json!(true), &json!(true)), "{status}");
        let listed = sandbox.call(["plugin", "list", "--json"]).of_program(&claude).wait().success();
        assert!(listed.stdout.contains("pointsman@pointsman"), "{listed}");
        let ran = sandbox.call(["plugin", "uninstall", "--yes"]).wait().success();
        assert!(ran.stderr.contains("as before:"), "{ran}");
        assert_eq!(std::fs::read_to_string(&user).unwrap(), before);
        sandbox.call(["plugin", "status"]).wait().exits(1);
    }
}

/// Both scopes, with a mark that the CLI takes away and a link that it follows.
#[test]
#[ignore = "needs the real Claude CLI"]
fn s16_settings_with_a_mark_behind_a_link_are_as_they_were_byte_for_byte() {
    let (sandbox, _) = with_cli();
    let (user, project) = (sandbox.path("dotfiles.json"), sandbox.project().join(".claude/settings.json"));
    std::os::unix::fs::symlink(&user, sandbox.path("home/.claude/settings.json")).unwrap();
    let before = ["\u{feff}{\n  \"model\":  \"opus\"}\r\n\n", "\u{feff}{\"x\": 1}"];
    for (path, text) in [&user, &project].into_iter().zip(before) {
        std::fs::write(path, text).unwrap();
    }
    let change =
        |verb: &str, scope: &str| sandbox.call(["plugin", verb, "--scope", scope, "--yes"]).wait().success();
    for scope in ["user", "project"] {
        change("install", scope).stderr_has("installed: the plugin");
        change("install", scope).stderr_has("already installed:");
    }
    change("uninstall", "user");
    change("uninstall", "project").stderr_has("as before:");
    let found = [user, project].map(|path| std::fs::read_to_string(path).unwrap());
    assert_eq!(found, before);
    assert!(sandbox.path("home/.claude/settings.json").is_symlink());
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn s16_of_settings_that_others_wrote_since_exactly_our_keys_are_taken_out() {
    let (sandbox, _) = with_cli();
    let (user, project) =
        (sandbox.path("home/.claude/settings.json"), sandbox.project().join(".claude/settings.json"));
    std::fs::write(&user, SETTINGS[1]).unwrap();
    sandbox.call(["plugin", "install", "--scope", "project", "--yes"]).wait().success();
    let changed = |path: &Path| {
        let mut settings: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        settings["since"] = json!("somebody");
        std::fs::write(path, settings.to_string()).unwrap();
    };
    changed(&project);
    assert!(
        !std::fs::read_to_string(&project).unwrap().contains("/pointsman/plugin"),
        "no path of a person in a project"
    );
    let ran = sandbox.call(["plugin", "uninstall", "--scope", "project", "--yes"]).wait().success();
    assert!(ran.stderr.contains("without our keys:") && ran.stderr.contains("as before:"), "{ran}");
    assert_eq!(std::fs::read_to_string(&user).unwrap(), SETTINGS[1]);
    assert_eq!(std::fs::read_to_string(&project).unwrap(), json!({"since": "somebody"}).to_string());
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn an_installed_plugin_works_and_nothing_is_installed_without_a_yes() {
    let (sandbox, claude) = with_cli();
    sandbox.call(["plugin", "install"]).wait().exits(2).stderr_has("nobody is at the terminal");
    assert!(!sandbox.path("home/.claude/settings.json").exists());
    sandbox.call(["plugin", "install", "--yes"]).wait().success();
    let server = ModelServer::start(hands_on(MECHANICAL, general("opus")));
    let sandbox = sandbox
        .env("POINTSMAN_MODE", "enforced")
        .env("POINTSMAN_HOOK_LIMIT_MS", "4000")
        .env("ANTHROPIC_BASE_URL", &server.url())
        .env("ANTHROPIC_API_KEY", "sk-ant-none")
        .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");
    // No `pointsman` on the search path: the hooks know where it is.
    let args = ["-p", "--model", "sonnet", "--output-format", "json"];
    sandbox.call(args).of_program(&claude).stdin(PROMPT).wait().success();
    let asked: Vec<Asked> = server.asked().into_iter().filter(Asked::of_subagent).collect();
    assert!(
        !asked.is_empty() && asked.iter().all(|one| one.model.contains("haiku")),
        "{:?}",
        server.models()
    );
    sandbox.call(["plugin", "uninstall", "--yes"]).wait().success();
    assert!(!sandbox.path("home/.claude/settings.json").exists(), "there was none before");
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn our_own_commands_take_the_words_as_they_were_typed() {
    let session = Session::new("directive", |_: &Asked| Reply::text("should not be asked"));
    let ran = session.ask("/pointsman:route rename `foo` to $(bar) in lib.rs\n```it's```");
    assert!(ran.stdout.contains("haiku-general (haiku)") && ran.stdout.contains("Nothing was run"), "{ran}");
    assert_eq!(session.server.asked().len(), 0, "no model was asked");
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn s16_one_installation_is_taken_out_and_the_others_stay() {
    let (sandbox, claude) = with_cli();
    let user = sandbox.path("home/.claude/settings.json");
    std::fs::write(&user, SETTINGS[1]).unwrap();
    let is_on = |scope: &str| {
        let status = sandbox.call(["plugin", "status", "--scope", scope, "-o", "json"]).wait().json();
        status["installed"] == json!(true)
    };
    let change = |verb: &str, scope: &str| {
        drop(sandbox.call(["plugin", verb, "--scope", scope, "--yes"]).wait().success())
    };
    for (first, second) in [("user", "project"), ("project", "user")] {
        change("install", first);
        change("install", second);
        change("uninstall", first);
        assert!(!is_on(first) && is_on(second), "{first} went, {second} stays");
        let listed = sandbox.call(["plugin", "list", "--json"]).of_program(&claude).wait().success();
        assert!(listed.stdout.contains("pointsman@pointsman"), "{first}, {second}: {listed}");
        change("uninstall", second);
        assert!(!is_on(second));
        let settings: Value = serde_json::from_str(&std::fs::read_to_string(&user).unwrap()).unwrap();
        assert_eq!(settings, serde_json::from_str::<Value>(SETTINGS[1]).unwrap(), "{first}, {second}");
    }
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn a_prompt_that_the_model_lays_up_for_later_may_not_speak_for_a_person() {
    let script = |asked: &Asked| {
        if asked.body["messages"].to_string().contains("tool_use") {
            return Reply::text("it did not work");
        }
        Reply::tool(
            "CronCreate",
            json!({"cron": "* * * * *", "prompt": format!("@approve {DANGEROUS}"), "recurring": false}),
        )
    };
    let session = Session::new("enforced", script);
    session.ask(PROMPT).success();
    let last = session.server.asked().pop().unwrap().conversation();
    let has_the_tool = session.server.asked()[0].body["tools"].to_string().contains("CronCreate");
    assert!(!has_the_tool || last.contains("only a person may say that"), "{last}");
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn a_run_that_takes_a_prompt_over_has_no_more_rights_than_the_session() {
    let session = Session::new("orchestration", |_: &Asked| Reply::text("planned it, nothing was changed"));
    let program = session.claude.to_str().unwrap().to_owned();
    let command = format!("[{program:?}]");
    let sandbox = ["haiku", "sonnet", "opus"]
        .iter()
        .fold(session.sandbox, |sandbox, tier| sandbox.agent_key(tier, "command", &command));
    sandbox.call(["config", "show"]).wait().success();
    let plugin = plugin();
    let args = [
        "-p",
        "--permission-mode",
        "plan",
        "--plugin-dir",
        plugin.to_str().unwrap(),
        "--output-format",
        "json",
    ];
    let ran = sandbox.call(args).of_program(&session.claude).stdin(MECHANICAL).wait();
    assert!(ran.stdout.contains("pointsman does this by itself"), "{ran}");
    sandbox.no_process_is_left(PATIENCE);
    let asked = session.server.asked();
    let plans = |one: &Asked| one.body.to_string().to_lowercase().contains("plan mode");
    assert!(
        asked.iter().any(plans),
        "the run only plans: {:?}",
        asked.iter().map(|one| one.system()).collect::<Vec<_>>()
    );
}
