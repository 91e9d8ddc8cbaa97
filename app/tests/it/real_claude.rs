//! The real `claude` CLI, driven through `pointsman run` against the model server.
//!
//! The CLI is the one that `POINTSMAN_TEST_CLAUDE` names, else `claude` on `PATH`. The tests are ignored, and counted as that,
//! unless they are asked for with `--ignored`; then they fail where there is none.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::model_server::{Asked, Fault, ModelServer, Reply, in_turn};
use crate::sandbox::{PATIENCE, Sandbox, wait_for};

/// Requests that no rule wants a person for.
pub const REQUEST: &str = "rename foo to bar in lib.rs";

const TIERS: [&str; 3] = ["haiku", "sonnet", "opus"];

/// The real CLI in a sandbox, and the server that it asks.
pub struct Real {
    /// Where it runs.
    pub sandbox: Sandbox,
    /// What it asks.
    pub server: ModelServer,
}

const API_KEY: (&str, &str) = ("ANTHROPIC_API_KEY", "sk-ant-none");

fn env_of(server: &ModelServer, (name, value): (&str, &str)) -> String {
    let url = server.url();
    format!(
        r#"{{ ANTHROPIC_BASE_URL = "{url}", {name} = "{value}", CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC = "1" }}"#
    )
}

/// Finds the CLI.
pub fn claude() -> PathBuf {
    let named = std::env::var_os("POINTSMAN_TEST_CLAUDE").map(PathBuf::from);
    let on_path = || {
        let dirs = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&dirs).map(|dir| dir.join("claude")).find(|path| path.is_file())
    };
    let found = named.or_else(on_path).filter(|path| path.is_file());
    let program = found.expect("a `claude` on PATH or in POINTSMAN_TEST_CLAUDE");
    warm_up(&program);
    program
}

/// Reads the CLI from the disk once: what is tested is not that a program of hundreds of megabytes starts cold within the 3 s for `--version`.
fn warm_up(program: &Path) {
    static WARM: Once = Once::new();
    WARM.call_once(|| {
        let ran = Command::new(program).arg("--version").output().expect("the CLI starts");
        assert!(ran.status.success(), "`{} --version`: {ran:?}", program.display());
    });
}

impl Real {
    /// Starts a server with that script, and a sandbox whose three agents are the real CLI with an API key.
    pub fn new(script: impl FnMut(&Asked) -> Reply + Send + 'static) -> Real {
        Real::with_login(API_KEY, script)
    }

    fn with_login(login: (&str, &str), script: impl FnMut(&Asked) -> Reply + Send + 'static) -> Real {
        let program = claude();
        let server = ModelServer::start(script);
        let env = env_of(&server, login);
        let command = format!("[{:?}]", program.to_str().unwrap());
        let sandbox = TIERS.iter().fold(Sandbox::new(), |sandbox, tier| {
            sandbox
                .agent_key(tier, "command", &command)
                .agent_key(tier, "adapter", "\"claude\"")
                .agent_key(tier, "env", &env)
        });
        // It takes seconds to start on a busy machine, and to end.
        let sandbox = sandbox
            .set("limits.post_result_grace", "\"10s\"")
            .set("limits.stop_grace", "\"3s\"")
            .set("retry.max_elapsed", "\"1m\"");
        Real { sandbox, server }
    }

    /// Returns the environment of its agents with an API key, as TOML.
    pub fn env(&self) -> String {
        env_of(&self.server, API_KEY)
    }

    /// Sets a setting to a TOML value.
    pub fn set(self, key: &str, value: &str) -> Real {
        Real { sandbox: self.sandbox.set(key, value), ..self }
    }

    /// Runs on a tier and compares exit code, verdict and outcomes; returns the report.
    #[track_caller]
    pub fn comes_to(&self, tier: &str, exit_code: i32, verdict: &str, outcomes: &[&str]) -> Value {
        self.with_flags_comes_to(["--tier", tier], exit_code, verdict, outcomes)
    }

    /// The same with other flags than a tier's.
    #[track_caller]
    pub fn with_flags_comes_to<const N: usize>(
        &self,
        flags: [&str; N],
        exit_code: i32,
        verdict: &str,
        outcomes: &[&str],
    ) -> Value {
        let ran = self.sandbox.call(["run", "-o", "json"]).args(flags).args([REQUEST]).wait();
        let report = ran.json();
        let seen: Vec<&str> =
            attempts(&report).iter().map(|attempt| attempt["outcome"].as_str().unwrap_or("-")).collect();
        assert_eq!((report["verdict"].as_str(), seen.as_slice()), (Some(verdict), outcomes), "{ran}");
        ran.exits(exit_code);
        self.sandbox.no_process_is_left(PATIENCE);
        report
    }
}

/// Returns the attempts of a report.
pub fn attempts(report: &Value) -> &[Value] {
    report["attempts"].as_array().map_or(&[], Vec::as_slice)
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn each_tier_is_served_by_its_own_model() {
    for tier in TIERS {
        let real = Real::new(|asked| Reply::text(format!("I am {}", asked.model)));
        let report = real.comes_to(tier, 0, "succeeded", &["completed"]);
        let models = real.server.models();
        assert!(!models.is_empty() && models.iter().all(|model| model.contains(tier)), "{models:?}");
        let served = attempts(&report)[0]["models_served"][0].as_str().unwrap();
        assert!(models.contains(&served.to_owned()), "{served} against {models:?}");
        assert_eq!(report["answer"].as_str(), Some(format!("I am {served}").as_str()));
    }
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn thinking_is_no_answer_and_usage_is_counted() {
    let script =
        |_: &Asked| Reply::default().and_thinking("hm").and_text("after some thought").usage(2000, 70);
    let real = Real::new(script);
    let report = real.comes_to("sonnet", 0, "succeeded", &["completed"]);
    assert_eq!(report["answer"], "after some thought");
    assert_eq!(attempts(&report)[0]["tokens"]["input"], 2000);
    assert_eq!(attempts(&report)[0]["tokens"]["output"], 70);
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn another_model_in_the_reply_is_a_mismatch() {
    let real = Real::new(|_| Reply::text("hello there").named("claude-opus-4-8"));
    let report = real.comes_to("haiku", 0, "succeeded", &["model_mismatch"]);
    assert_eq!(attempts(&report)[0]["models_served"], json!(["claude-opus-4-8"]));
    real.sandbox.run_on("haiku", REQUEST).stdout("hello there\n").stderr_has("claude-opus-4-8").success();
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn a_used_up_subscription_waits_for_its_reset() {
    let resets_at = jiff::Timestamp::now().as_second() + 3600;
    let login = ("CLAUDE_CODE_OAUTH_TOKEN", "sk-ant-oat01-fake");
    let real = Real::with_login(login, move |_| Reply::quota(resets_at));
    let report = real.comes_to("haiku", 75, "waiting", &["quota"]);
    let said: jiff::Timestamp = report["resets_at"].as_str().unwrap().parse().unwrap();
    assert_eq!(said.as_second(), resets_at);
    assert_eq!(real.server.asked().len(), 1, "a refused account was asked again");
}

/// Fails every request of the agent session that came first.
fn first_session_fails(status: u16) -> impl FnMut(&Asked) -> Reply + Send + 'static {
    let mut first: Option<Value> = None;
    move |asked| {
        let session = asked.body["metadata"]["user_id"].clone();
        if *first.get_or_insert_with(|| session.clone()) == session {
            Reply::error(status)
        } else {
            Reply::text("at last")
        }
    }
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn an_overloaded_service_is_tried_again() {
    let real = Real::new(first_session_fails(529));
    let report = real.comes_to("haiku", 0, "succeeded", &["overloaded", "completed"]);
    assert_eq!(report["answer"], "at last");
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn a_refused_key_ends_quickly() {
    let real = Real::new(in_turn([Reply::error(401)]));
    let ran = real.sandbox.run_on("haiku", REQUEST).stdout("").exits(69);
    assert!(ran.duration < Duration::from_secs(30), "{ran}");
    real.comes_to("haiku", 69, "failed", &["auth"]);
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn a_broken_service_is_infrastructure() {
    let real = Real::new(in_turn([Reply::error(500)]));
    real.set("retry.max_elapsed", "\"0s\"").comes_to("haiku", 69, "failed", &["infrastructure"]);
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn a_connection_that_breaks_is_infrastructure() {
    let real = Real::new(in_turn([Reply::fault(Fault::Drop)]));
    real.set("retry.max_elapsed", "\"0s\"").comes_to("haiku", 69, "failed", &["infrastructure"]);
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn a_bad_request_is_not_tried_again() {
    let real = Real::new(in_turn([Reply::error(400)]));
    real.comes_to("haiku", 65, "failed", &["invalid_request"]);
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn an_unknown_model_is_not_tried_again() {
    let real = Real::new(in_turn([Reply::error(404)]));
    real.comes_to("haiku", 65, "failed", &["invalid_request"]);
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn a_server_that_never_answers_is_ended_by_the_idle_watchdog() {
    for fault in [Fault::HangBeforeHead, Fault::HangMidStream] {
        let real = Real::new(in_turn([Reply::fault(fault)]));
        let real = real.set("limits.idle", "\"3s\"").set("limits.attempts", "1");
        real.comes_to("haiku", 124, "failed", &["timeout_idle"]);
    }
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn ctrl_c_cancels_the_run_and_leaves_nothing() {
    let real = Real::new(in_turn([Reply::fault(Fault::HangMidStream)]));
    let started = real.sandbox.call(["run", "-o", "json", "--tier", "haiku", REQUEST]).start();
    wait_for("the first request", || (!real.server.asked().is_empty()).then_some(()));
    started.signal(Signal::INT);
    let ran = started.wait().exits(130);
    assert_eq!(
        (&ran.json()["verdict"], &attempts(&ran.json())[0]["outcome"]),
        (&json!("cancelled"), &json!("cancelled"))
    );
    real.sandbox.no_process_is_left(PATIENCE);
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn a_prompt_of_a_quarter_of_a_megabyte_arrives_whole() {
    let real = Real::new(in_turn([Reply::text("read it all")]));
    let prompt = "rename foo to bar in lib.rs; ".repeat(256 * 1024 / 29);
    // Not more: some versions measure it against a small window first, and refuse it by themselves.
    real.sandbox
        .call(["run", "--tier", "opus"])
        .stdin(prompt.clone())
        .wait()
        .stdout("read it all\n")
        .success();
    let asked = real.server.asked();
    assert!(
        asked[0].byte_count > prompt.len() && asked[0].last_blocks().contains(&prompt),
        "it was changed on its way"
    );
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn a_prompt_that_is_too_long_is_an_invalid_request() {
    let real = Real::new(in_turn([Reply::text("read it all")]));
    let line = "rename foo to bar in lib.rs; ";
    let run = |bytes: usize| {
        real.sandbox
            .call(["run", "--tier", "haiku", "-o", "json"])
            .stdin(line.repeat(bytes / line.len()))
            .wait()
    };
    let ran = run(11 * 1024 * 1024).exits(65);
    assert_eq!(attempts(&ran.json())[0]["outcome"], "invalid_request", "{ran}");
    assert!(real.server.asked().is_empty(), "it was sent");
    // Old versions send six megabytes; new ones know their model's window and refuse by themselves.
    let ran = run(6 * 1024 * 1024);
    let outcome = attempts(&ran.json())[0]["outcome"].as_str().unwrap().to_owned();
    let was_sent = !real.server.asked().is_empty();
    let expected = if was_sent { (Some(0), "completed") } else { (Some(65), "invalid_request") };
    assert_eq!((ran.code, outcome.as_str()), expected, "{ran}");
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn odd_prompts_arrive_as_text() {
    let real = Real::new(in_turn([Reply::text("read it all")]));
    for prompt in [
        "--help",
        "--settings={}",
        "-p",
        "/compact",
        "/foo/bar is a path",
        "/clear",
        "/",
        "@lib.rs what is it",
        "!ls",
        "#remember this",
        "quotes \" and ' and \\",
        "two\nlines\n",
        "é 完 \u{1f980}",
    ] {
        let before = real.server.asked().len();
        let ran = real.sandbox.call(["run", "--tier", "haiku", "--approve", "--", prompt]).wait();
        let ran = ran.stdout("read it all\n").success();
        let asked = real.server.asked();
        let blocks = asked.get(before).map(Asked::last_blocks).unwrap_or_default();
        let arrived = blocks.iter().any(|block| block.strip_prefix('\n').unwrap_or(block) == prompt);
        assert!(arrived, "{prompt:?} arrived as {blocks:#?}\n{ran}");
    }
}

/// Calls a tool first, and then says this.
pub fn calls_tool(command: &'static str, then: &'static str) -> impl FnMut(&Asked) -> Reply + Send + 'static {
    move |asked| match asked.answer_count() {
        0 => Reply::tool("Bash", json!({"command": command, "description": "a test"})),
        _ => Reply::text(then),
    }
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn a_tool_that_is_allowed_runs_in_the_project() {
    let real = Real::new(calls_tool("touch made-by-agent && ls", "I made a file"));
    real.sandbox.run_on("haiku", REQUEST).stdout("I made a file\n").success();
    let result = real.server.asked().last().unwrap().last_text();
    assert!(result.contains("made-by-agent"), "{result}");
    assert!(real.sandbox.project().join("made-by-agent").exists());
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn a_denied_look_fails_the_run_only_when_no_answer_came() {
    let command = "curl http://127.0.0.1:1/x";
    let real = Real::new(calls_tool(command, "I could not fetch it, but here is what I know: 42"));
    let report = real.comes_to("haiku", 0, "succeeded", &["completed"]);
    assert_eq!(attempts(&report)[0]["flags"], json!(["tools_denied"]));
    let real = Real::new(calls_tool(command, "Done."));
    real.comes_to("haiku", 77, "failed", &["permission_denied"]);
    real.sandbox.run_on("haiku", REQUEST).stdout("").stderr_has("Bash").exits(77);
}

/// Asks for help as haiku, with the marker that stands in the system prompt; answers as anybody else.
fn asks_for_help(asked: &Asked) -> Reply {
    let system = asked.system();
    let marker = system
        .lines()
        .find_map(|line| line.trim().strip_suffix(" REASON").filter(|m| m.ends_with(":escalate]]")));
    match marker {
        Some(marker) if asked.model.contains("haiku") => {
            Reply::text(format!("I read lib.rs and found two foos.\n{marker} there are two of them"))
        }
        Some(_) => Reply::text("both are renamed"),
        None => Reply::text("no contract in the system prompt"),
    }
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn an_agent_that_asks_for_help_is_resumed_one_tier_up() {
    let real = Real::new(asks_for_help);
    let report = real.comes_to("haiku", 0, "succeeded", &["asked_escalation", "completed"]);
    assert_eq!(report["answer"], "both are renamed");
    let [first, second] = attempts(&report) else { panic!("two attempts") };
    assert_eq!(first["agent_session_id"], second["agent_session_id"]);
    assert_eq!((&second["tier"], &second["why"]), (&json!("sonnet"), &json!("escalate")));
    let last = real.server.asked().pop().unwrap();
    assert!(last.model.contains("sonnet"), "{}", last.model);
    for earlier in [REQUEST, "I read lib.rs and found two foos."] {
        assert!(last.conversation().contains(earlier), "`{earlier}` is not known to the second agent");
    }
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn a_fallback_model_that_was_configured_is_no_mismatch() {
    let script = |asked: &Asked| match asked.model.contains("haiku") {
        true => Reply::error(529),
        false => Reply::text("I stood in"),
    };
    let real = Real::new(script);
    let sandbox = real.sandbox.agent_key("haiku", "fallback_model", "\"sonnet\"");
    let real = Real { sandbox, ..real };
    let report = real.comes_to("haiku", 0, "succeeded", &["completed"]);
    assert_eq!(attempts(&report)[0]["flags"], json!(["fallback_model"]));
    assert_eq!(report["answer"], "I stood in");
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn the_limit_of_turns_is_the_clis_own() {
    let script = |_: &Asked| Reply::default().and_text("looking").and_tool("Bash", json!({"command": "ls"}));
    let real = Real::new(script);
    let flags = ["--tier", "haiku", "--max-turns", "2", "--no-escalate"];
    real.with_flags_comes_to(flags, 1, "failed", &["max_turns"]);
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn the_limit_of_cost_is_kept() {
    let script = |_: &Asked| Reply::tool("Bash", json!({"command": "ls"})).usage(1_000_000, 1_000_000);
    let real = Real::new(script);
    real.with_flags_comes_to(["--tier", "haiku", "--max-usd", "0.01"], 1, "failed", &["budget"]);
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn a_session_is_known_to_the_next_run() {
    let real = Real::new(in_turn([Reply::text("I keep tulip in mind"), Reply::text("it was tulip")]));
    let run = |words: &str| {
        real.sandbox.call(["run", "--tier", "haiku", "--session", "garden", "--", words]).wait()
    };
    run("remember the word tulip").stdout("I keep tulip in mind\n").success();
    run("which word did I give you?").stdout("it was tulip\n").success();
    let conversation = real.server.asked().pop().unwrap().conversation();
    assert!(conversation.contains("remember the word tulip"), "{conversation}");
    assert!(conversation.contains("I keep tulip in mind"), "{conversation}");
}

/// Starts a helper in the background, ends its turn, and answers when the helper has told.
fn with_a_helper(asked: &Asked) -> Reply {
    if asked.of_subagent() {
        return Reply::text("forty-two").after(Duration::from_secs(1));
    }
    match asked.answer_count() {
        0 => Reply::tool(
            "Agent",
            json!({"description": "count", "prompt": "count them", "subagent_type": "general-purpose",
                "run_in_background": true}),
        ),
        _ if asked.last_text().contains("forty-two") => Reply::text("the helper says forty-two"),
        _ => Reply::text("the helper is at work"),
    }
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn a_helper_in_the_background_is_waited_for() {
    let real = Real::new(with_a_helper);
    let report = real.comes_to("sonnet", 0, "succeeded", &["completed"]);
    assert_eq!(report["answer"], "the helper says forty-two");
    assert_eq!(attempts(&report)[0]["flags"], json!([]));
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn the_judge_is_one_short_question_to_the_cli() {
    let script = |asked: &Asked| {
        let is_question = asked.body.to_string().contains("One word: haiku, sonnet, opus or ask?");
        Reply::text(if is_question { "opus" } else { "renamed it in 3 places of lib.rs" })
    };
    let real = Real::new(script);
    let real = real.set("judge.enabled", "true").set("judge.below", "1.0").set("judge.timeout", "\"1m\"");
    let report = real.with_flags_comes_to([], 0, "succeeded", &["completed"]);
    assert_eq!((&report["route"]["layer"], &report["route"]["tier"]), (&json!("judge"), &json!("opus")));
    let models = real.server.models();
    assert!(models[0].contains("haiku") && models.iter().any(|model| model.contains("opus")), "{models:?}");
}
