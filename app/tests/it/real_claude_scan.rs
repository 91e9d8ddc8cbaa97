//! What `scan` says of transcripts that the real `claude` CLI has written against the model server.

use serde_json::json;

use crate::model_server::{Asked, ModelServer, Reply};
use crate::real_claude::{REQUEST, claude};
use crate::sandbox::Sandbox;

/// A main model that hands a part on to haiku, which somebody else serves.
fn hands_on(asked: &Asked) -> Reply {
    if asked.of_subagent() {
        return Reply::text("the part is done").named("claude-sonnet-5-5");
    }
    if asked.body["messages"].to_string().contains("tool_use") {
        return Reply::text("all is done");
    }
    let input = json!({"description": "a part", "prompt": "look for it", "subagent_type": "general-purpose",
        "model": "haiku", "run_in_background": false});
    Reply::tool("Agent", input)
}

/// The prompt is an editor's person's where the CLI is told that an editor speaks to it, and otherwise a program's.
#[test]
#[ignore = "needs the real Claude CLI"]
fn scan_counts_what_the_real_cli_writes_down() {
    for (entrypoint, haiku, by_programs) in [("claude-vscode", 1, 0), ("sdk-cli", 0, 1)] {
        let claude = claude();
        let server = ModelServer::start(hands_on);
        let sandbox = Sandbox::new()
            .env("ANTHROPIC_BASE_URL", &server.url())
            .env("ANTHROPIC_AUTH_TOKEN", "none")
            .env("CLAUDE_CODE_ENTRYPOINT", entrypoint)
            .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");
        // In the automatic mode the CLI asks its service about each call.
        let args = ["-p", "--model", "opus", "--permission-mode", "acceptEdits"];
        sandbox.call(args).of_program(&claude).stdin(REQUEST).wait().success();
        let ran = sandbox.call(["scan", "-o", "json"]).wait().success();
        let report = ran.json();
        let prompts = [&report["prompts"]["haiku"], &report["prompts"]["by_programs"]];
        assert_eq!(
            (&report["sessions"], prompts),
            (&json!(1), [&json!(haiku), &json!(by_programs)]),
            "{ran}"
        );
        let subagents =
            json!({"total": 1, "named": 1, "served_by_another": 1, "named_none": 0, "unknown": 0});
        assert_eq!(report["subagents"], subagents, "{ran}");
        let asked = server.asked();
        let of_main =
            asked.iter().filter(|asked| asked.model.contains("opus") && !asked.of_subagent()).count();
        let answers = [0, 1, 2, 3].map(|place| report["served"][place]["answers"].as_u64().unwrap());
        assert_eq!(
            answers,
            [0, 1, of_main as u64, 0],
            "each request of the main model has one answer: {ran}"
        );
    }
}
