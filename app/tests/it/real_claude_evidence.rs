//! What the real CLI does when something is odd: work in the background, limits, denials, errors. Versions differ in all of it.

use serde_json::{Value, json};

use crate::model_server::{Asked, Fault, Reply, in_turn};
use crate::real_claude::{REQUEST, Real, attempts, calls_tool};

fn flags(report: &Value) -> Vec<&str> {
    attempts(report)[0]["flags"].as_array().unwrap().iter().filter_map(Value::as_str).collect()
}

/// 2.1.330 and newer stay for ever with a command in the background, older ones end after five seconds.
#[test]
#[ignore = "needs the real Claude CLI"]
fn a_server_in_the_background_costs_the_grace_and_not_the_answer() {
    let script = |asked: &Asked| match asked.answer_count() {
        0 => Reply::tool(
            "Bash",
            json!({"command": "sleep 300", "description": "a server", "run_in_background": true}),
        ),
        _ => Reply::text("the server is up on port 8080"),
    };
    let real = Real::new(script);
    let real = real.set("limits.post_result_grace", "\"8s\"");
    let allow = ["--tier", "sonnet", "--allow-tool", "Bash(sleep:*)"];
    let report = real.with_flags_comes_to(allow, 0, "succeeded", &["completed"]);
    assert_eq!(report["answer"], "the server is up on port 8080");
    assert!(matches!(flags(&report).as_slice(), [] | ["leak"] | ["leak", "open_tasks"]), "{report:#}");
    assert!(attempts(&report)[0]["cost_usd"]["reported"].as_f64().is_some_and(|usd| usd > 0.0));
    assert_eq!(real.server.asked().len(), 2, "the work was done once");
}

/// The CLI holds the result line back until the helper is done; this one never is.
#[test]
#[ignore = "needs the real Claude CLI"]
fn a_helper_that_hangs_does_not_take_the_answer_away() {
    let script = |asked: &Asked| match (asked.of_subagent(), asked.answer_count()) {
        (true, _) => Reply::fault(Fault::HangMidStream),
        (false, 0) => Reply::tool(
            "Agent",
            json!({"description": "count", "prompt": "count them", "subagent_type": "general-purpose",
                "run_in_background": true}),
        ),
        (false, _) => Reply::text("two are renamed; a helper still counts"),
    };
    let real = Real::new(script);
    let report = real.set("limits.idle", "\"8s\"").comes_to("sonnet", 0, "succeeded", &["completed"]);
    assert_eq!(report["answer"], "two are renamed; a helper still counts");
    // Old versions tell the end of the task when they are stopped.
    let flags = flags(&report);
    assert!(
        flags.contains(&"leak") && (flags.contains(&"open_tasks") || flags.contains(&"no_result_line")),
        "{report:#}"
    );
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn the_limit_of_output_is_one_escalation_and_no_storm() {
    let real = Real::new(in_turn([Reply::text("1. foo 2. ba").stopping("max_tokens")]));
    real.comes_to("haiku", 1, "failed", &["invalid_output", "invalid_output"]);
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn denied_work_is_refused_and_the_flag_that_the_hint_names_allows_it() {
    let real = Real::new(calls_tool("sh ./check.sh --all", "All checks pass."));
    std::fs::write(real.sandbox.project().join("check.sh"), "echo checked $((3 + 4))").unwrap();
    let report = real.comes_to("haiku", 77, "failed", &["permission_denied"]);
    assert_eq!(attempts(&report)[0]["denied"], json!([{"tool": "Bash", "what": "sh ./check.sh --all"}]));
    let hint = report["hint"].as_str().unwrap();
    assert!(hint.contains("--allow-tool 'Bash(sh ./check.sh --all)'"), "{hint}");
    let allow = ["--tier", "haiku", "--allow-tool", "Bash(sh ./check.sh --all)"];
    let report = real.with_flags_comes_to(allow, 0, "succeeded", &["completed"]);
    assert_eq!((&report["answer"], flags(&report)), (&json!("All checks pass."), vec![]));
    let told = real.server.asked().pop().unwrap().last_text();
    assert!(told.contains("checked 7"), "{told}");
}

#[test]
#[ignore = "needs the real Claude CLI"]
fn errors_of_the_service_are_what_they_are_and_not_what_their_status_says() {
    for (status, words, exit_code, verdict, outcome) in [
        (400, "Your credit balance is too low to access the Anthropic API.", 69, "failed", "billing"),
        (400, "You have reached your specified API usage limits.", 75, "waiting", "quota"),
        (403, "user quota is not enough", 75, "waiting", "quota"),
        (403, "no", 69, "failed", "auth"),
        (408, "too slow", 69, "failed", "infrastructure"),
        (409, "in conflict", 69, "failed", "infrastructure"),
        (413, "too large", 65, "failed", "invalid_request"),
        (429, "slow down", 75, "failed", "throttled"),
    ] {
        let real = Real::new(in_turn([Reply::refusal(status, words)]));
        let real = real.set("retry.max_elapsed", "\"0s\"");
        real.comes_to("haiku", exit_code, verdict, &[outcome]);
    }
}

/// Newer versions add up what a session ever spent; two of them without saying which part is new.
#[test]
#[ignore = "needs the real Claude CLI"]
fn a_resumed_session_counts_its_own_tokens_once() {
    let real = Real::new(in_turn([Reply::text("renamed foo in 3 places").usage(1000, 50)]));
    let run = || {
        let ran =
            real.sandbox.call(["run", "-o", "json", "--tier", "haiku", "--session", "s", REQUEST]).wait();
        let attempt = attempts(&ran.json())[0].clone();
        assert_eq!(attempt["outcome"], "completed", "{ran}");
        (attempt["tokens"]["input"].as_u64().unwrap(), attempt["tokens"]["output"].as_u64().unwrap())
    };
    let first = run();
    assert_eq!((first, run(), run()), ((1000, 50), (1000, 50), (1000, 50)));
}
