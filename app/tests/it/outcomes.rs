//! One test for each row of the table of outcomes, through the real binary.

use std::fs;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::fake::Fake;
use crate::sandbox::{PATIENCE, Ran, Sandbox, toml_list, wait_for_file};

const REQUEST: &str = "rename foo to bar in lib.rs";

/// What a run came to, as one value to compare.
fn summary(report: &Value) -> Value {
    let attempts = report["attempts"].as_array().unwrap();
    json!({
        "verdict": report["verdict"],
        "attempts": attempts.iter().map(|a| format!("{} {}", text(&a["tier"]), text(&a["outcome"]))).collect::<Vec<_>>(),
    })
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}

/// Runs a request on haiku and compares exit code, verdict and attempts; a failure must print no answer.
#[track_caller]
fn comes_to(sandbox: &Sandbox, exit_code: i32, verdict: &str, attempts: &[&str]) -> Value {
    let ran = sandbox.call(["run", "-o", "json", "--tier", "haiku", REQUEST]).wait();
    let report = ran.json();
    assert_eq!(summary(&report), json!({"verdict": verdict, "attempts": attempts}), "{ran}");
    assert_eq!((ran.code, report["exit_code"].as_i64()), (Some(exit_code), Some(exit_code.into())), "{ran}");
    assert_eq!(report["answer"].is_null(), verdict != "succeeded", "{ran}");
    // The ledger says the same as the report.
    assert_eq!(summary(&sandbox.show(text(&report["run_id"]))), summary(&report));
    report
}

/// The same request, printed for people.
fn for_people(sandbox: &Sandbox) -> Ran {
    sandbox.run_on("haiku", REQUEST)
}

fn flags(report: &Value, attempt: usize) -> Vec<&str> {
    report["attempts"][attempt]["flags"].as_array().unwrap().iter().map(text).collect()
}

#[test]
fn completed_prints_the_answer_and_nothing_else_on_stdout() {
    let sandbox = Sandbox::new().agent("haiku", Fake::completes("renamed in 3 places"));
    for_people(&sandbox).stdout("renamed in 3 places\n").success();
    let report = comes_to(&sandbox, 0, "succeeded", &["haiku completed"]);
    assert_eq!(report["attempts"][0]["models_served"], json!(["claude-haiku-5-5"]));
    assert_eq!(report["attempts"][0]["tokens"]["input"], 1000);
    assert_eq!(report["attempts"][0]["cost_usd"]["reported"], 0.25);
    assert_eq!(flags(&report, 0), Vec::<&str>::new());
}

#[test]
fn completed_with_a_process_that_stays_is_flagged_as_a_leak() {
    let sandbox = Sandbox::new().agent("haiku", Fake::leaves_background().then(Fake::completes("all good")));
    let report = comes_to(&sandbox, 0, "succeeded", &["haiku completed"]);
    assert_eq!(flags(&report, 0), ["leak"]);
    sandbox.no_process_is_left(PATIENCE);
}

/// Children that end when their agent does need a moment for it. Seen to fail, with a leak, without the grace.
#[test]
fn completed_with_processes_that_end_by_themselves_is_no_leak() {
    let sandbox = Sandbox::new();
    // Thirty readers of a pipe that the agent alone can write into: its end is the end of what they read.
    let words = format!(
        "mkfifo '{pipe}'; exec 3<>'{pipe}' 4<'{pipe}' 5>'{pipe}' 3>&-; \
         for i in 0 1 2 3 4; do for j in 0 1 2 3 4 5; do cat <&4 5>&- >/dev/null 2>&1 & done; done; echo all is well here",
        pipe = sandbox.path("pipe").display()
    );
    let command = toml_list(["/bin/sh", "-c", &words].into_iter());
    let sandbox = sandbox.agent_key("haiku", "command", &command).agent_key("haiku", "adapter", "\"plain\"");
    let report = comes_to(&sandbox, 0, "succeeded", &["haiku completed"]);
    assert_eq!(flags(&report, 0), Vec::<&str>::new());
}

#[test]
fn completed_by_an_agent_that_does_not_end_is_flagged_as_a_leak() {
    let sandbox = Sandbox::new().agent("haiku", Fake::answers("all good").then(Fake::hangs()));
    let report = comes_to(&sandbox, 0, "succeeded", &["haiku completed"]);
    assert_eq!(flags(&report, 0), ["leak"]);
    sandbox.no_process_is_left(PATIENCE);
}

#[test]
fn completed_counts_the_last_result_when_a_background_task_ends_later() {
    let sandbox = Sandbox::new().agent("haiku", Fake::just("background-task"));
    for_people(&sandbox).stdout("The helper says 42.\n").success();
}

#[test]
fn completed_in_spite_of_lines_that_nobody_knows() {
    let sandbox = Sandbox::new().agent("haiku", Fake::just("unknown-events").then(Fake::completes("fine")));
    comes_to(&sandbox, 0, "succeeded", &["haiku completed"]);
}

#[test]
fn completed_word_by_word_prints_the_answer_once() {
    let sandbox =
        Sandbox::new().agent("haiku", Fake::step([&"slow", &20]).then(Fake::completes("word by word")));
    for_people(&sandbox).stdout("word by word\n").success();
}

#[test]
fn model_mismatch_succeeds_and_is_said() {
    let sandbox = Sandbox::new().agent("haiku", Fake::wrong_model("claude-opus-5-5", "my answer"));
    for_people(&sandbox).stdout("my answer\n").stderr_has("opus").success();
    comes_to(&sandbox, 0, "succeeded", &["haiku model_mismatch"]);
}

#[test]
fn model_mismatch_is_tried_again_where_the_setting_says_so() {
    let sandbox = Sandbox::new()
        .agent("haiku", Fake::wrong_model("claude-opus-5-5", "my answer"))
        .set("on_model_mismatch", "\"retry\"");
    comes_to(&sandbox, 0, "succeeded", &["haiku model_mismatch", "haiku model_mismatch"]);
}

#[test]
fn model_mismatch_fails_where_the_setting_says_so() {
    let sandbox = Sandbox::new()
        .agent("haiku", Fake::wrong_model("claude-opus-5-5", "my answer"))
        .set("on_model_mismatch", "\"fail\"");
    comes_to(&sandbox, 1, "failed", &["haiku model_mismatch"]);
    for_people(&sandbox).stdout("").exits(1);
}

#[test]
fn a_model_of_no_known_tier_is_flagged_and_no_mismatch() {
    let sandbox = Sandbox::new().agent("haiku", Fake::wrong_model("brand-new-9", "my answer"));
    let report = comes_to(&sandbox, 0, "succeeded", &["haiku completed"]);
    assert_eq!(flags(&report, 0), ["unknown_model"]);
}

#[test]
fn no_result_is_escalated_once() {
    let sandbox = Sandbox::new().agents(Fake::just("no-result"));
    comes_to(&sandbox, 1, "failed", &["haiku no_result", "sonnet no_result"]);
    for_people(&sandbox).stdout("").exits(1);
    let rescued = Sandbox::new().agent("haiku", Fake::just("no-result"));
    for_people(&rescued).stdout("the answer of sonnet\n").success();
}

#[test]
fn an_empty_answer_is_escalated_once() {
    comes_to(
        &Sandbox::new().agents(Fake::just("empty")),
        1,
        "failed",
        &["haiku empty_answer", "sonnet empty_answer"],
    );
}

#[test]
fn a_bare_acknowledgement_is_invalid_output_and_escalated_once() {
    let sandbox = Sandbox::new().agents(Fake::just("bare"));
    comes_to(&sandbox, 1, "failed", &["haiku invalid_output", "sonnet invalid_output"]);
}

#[test]
fn max_turns_is_escalated_once() {
    let sandbox = Sandbox::new().agents(Fake::just("max-turns"));
    comes_to(&sandbox, 1, "failed", &["haiku max_turns", "sonnet max_turns"]);
}

#[test]
fn an_agent_that_asks_for_help_is_escalated_once() {
    let sandbox = Sandbox::new().agents(Fake::escalates());
    let report = comes_to(&sandbox, 0, "succeeded", &["haiku asked_escalation", "sonnet completed"]);
    assert_eq!((&report["answer"], &report["escalated"]), (&json!("sonnet took over"), &json!(true)));
}

#[test]
fn an_agent_that_asks_for_help_is_not_escalated_when_the_person_forbids_it() {
    let sandbox = Sandbox::new().agents(Fake::escalates());
    sandbox.call(["run", "--no-escalate", "--tier", "haiku", REQUEST]).wait().stdout("").exits(1);
}

#[test]
fn permission_denied_ends_with_the_tools_name_and_no_escalation() {
    let sandbox = Sandbox::new().agents(Fake::just("denied"));
    comes_to(&sandbox, 77, "failed", &["haiku permission_denied"]);
    for_people(&sandbox).stdout("").stderr_has("Bash").stderr_has("hint:").exits(77);
}

#[test]
fn denied_tools_with_a_good_answer_are_a_success_with_a_flag() {
    let sandbox = Sandbox::new().agent("haiku", Fake::step([&"denied-but-answers", &"it is in lib.rs"]));
    let report = comes_to(&sandbox, 0, "succeeded", &["haiku completed"]);
    assert_eq!(flags(&report, 0), ["tools_denied"]);
}

#[test]
fn overloaded_is_tried_again_until_it_works() {
    let sandbox = Sandbox::new();
    let state = sandbox.path("starts");
    let sandbox =
        sandbox.agent("haiku", Fake::first(2, &state, "overloaded").then(Fake::completes("at last")));
    let attempts = ["haiku overloaded", "haiku overloaded", "haiku completed"];
    comes_to(&sandbox, 0, "succeeded", &attempts);
}

#[test]
fn overloaded_for_ever_says_to_try_later() {
    let sandbox = Sandbox::new().agents(Fake::just("overloaded")).set("retry.max_elapsed", "\"0s\"");
    comes_to(&sandbox, 75, "failed", &["haiku overloaded"]);
    for_people(&sandbox).stdout("").exits(75);
}

#[test]
fn throttled_says_to_try_later() {
    let sandbox =
        Sandbox::new().agents(Fake::api_error(429, "rate_limit")).set("retry.max_elapsed", "\"0s\"");
    comes_to(&sandbox, 75, "failed", &["haiku throttled"]);
}

#[test]
fn a_server_error_is_infrastructure() {
    let sandbox =
        Sandbox::new().agents(Fake::api_error(500, "server_error")).set("retry.max_elapsed", "\"0s\"");
    comes_to(&sandbox, 69, "failed", &["haiku infrastructure"]);
}

#[test]
fn a_crash_is_infrastructure() {
    let sandbox = Sandbox::new().agents(Fake::just("crashes")).set("retry.max_elapsed", "\"0s\"");
    comes_to(&sandbox, 69, "failed", &["haiku infrastructure"]);
}

#[test]
fn an_error_that_exits_zero_is_infrastructure() {
    let sandbox = Sandbox::new().agents(Fake::just("error-exit-0")).set("retry.max_elapsed", "\"0s\"");
    comes_to(&sandbox, 69, "failed", &["haiku infrastructure"]);
}

#[test]
fn quota_waits_for_its_reset() {
    let in_an_hour = jiff::Timestamp::now().as_second() + 3600;
    let sandbox = Sandbox::new().agents(Fake::rate_limited(in_an_hour));
    let report = comes_to(&sandbox, 75, "waiting", &["haiku quota"]);
    let resets_at: jiff::Timestamp = text(&report["resets_at"]).parse().unwrap();
    assert_eq!(resets_at.as_second(), in_an_hour);
    for_people(&sandbox).stdout("").stderr_has("reset").exits(75);
}

#[test]
fn quota_is_waited_for_when_the_person_says_so() {
    let sandbox = Sandbox::new();
    let state = sandbox.path("starts");
    let limited = Fake::step([
        &"first",
        &1,
        &state.display(),
        &"rate-limited",
        &(jiff::Timestamp::now().as_second() + 2),
    ]);
    let sandbox = sandbox.agent("haiku", limited.then(Fake::completes("rested")));
    let ran = sandbox.call(["run", "--wait", "-o", "json", "--tier", "haiku", REQUEST]).wait().success();
    let attempts = json!(["haiku quota", "haiku completed"]);
    assert_eq!(summary(&ran.json()), json!({"verdict": "succeeded", "attempts": attempts}));
}

#[test]
fn budget_ends_the_run() {
    let sandbox = Sandbox::new().agents(Fake::just("budget"));
    comes_to(&sandbox, 1, "failed", &["haiku budget"]);
    for_people(&sandbox).stdout("").exits(1);
}

#[test]
fn a_prompt_that_is_too_long_is_an_invalid_request() {
    comes_to(&Sandbox::new().agents(Fake::just("too-long")), 65, "failed", &["haiku invalid_request"]);
}

#[test]
fn an_unknown_model_is_an_invalid_request() {
    let sandbox = Sandbox::new().agents(Fake::api_error(404, "model_not_found"));
    comes_to(&sandbox, 65, "failed", &["haiku invalid_request"]);
}

#[test]
fn auth_ends_at_once_though_the_cli_would_go_on() {
    let sandbox = Sandbox::new().agents(Fake::just("auth"));
    comes_to(&sandbox, 69, "failed", &["haiku auth"]);
    for_people(&sandbox).stdout("").stderr_has("log").exits(69);
    sandbox.no_process_is_left(PATIENCE);
}

#[test]
fn billing_ends_the_run() {
    let sandbox = Sandbox::new().agents(Fake::api_error(400, "billing_error"));
    comes_to(&sandbox, 69, "failed", &["haiku billing"]);
}

#[test]
fn a_missing_agent_says_how_to_get_one() {
    let sandbox = Sandbox::new().agent_key("haiku", "command", r#"["no-such-program"]"#);
    comes_to(&sandbox, 69, "failed", &["haiku agent_missing"]);
    for_people(&sandbox).stdout("").stderr_has("no-such-program").stderr_has("--rehearse").exits(69);
}

#[test]
fn a_run_that_a_person_stops_is_cancelled() {
    for (signal, exit_code, code) in [(Signal::INT, 130, "E0321"), (Signal::TERM, 143, "E0322")] {
        let sandbox = Sandbox::new();
        let sign = sandbox.path("at-work");
        let sandbox = sandbox.agents(Fake::touches(&sign).then(Fake::hangs_after_init()));
        let started = sandbox.call(["run", "-o", "json", "--tier", "haiku", REQUEST]).start();
        wait_for_file(&sign);
        started.signal(signal);
        let ran = started.wait().exits(exit_code);
        let attempts = json!(["haiku cancelled"]);
        assert_eq!(summary(&ran.json()), json!({"verdict": "cancelled", "attempts": attempts}), "{ran}");
        assert_eq!(ran.json()["code"], code);
        sandbox.no_process_is_left(PATIENCE);
    }
}

/// As with `nohup`, or in the background of a script. Seen to fail: the run was cancelled when its terminal was closed.
#[test]
fn a_run_that_was_told_to_ignore_a_signal_goes_on_and_still_hears_the_others() {
    for (ignored, signal) in [("HUP", Signal::HUP), ("INT", Signal::INT)] {
        let sandbox = Sandbox::new();
        let (sign, go_on) = (sandbox.path("at-work"), sandbox.path("go-on"));
        let works = Fake::touches(&sign).then(Fake::awaits(&go_on));
        let sandbox = sandbox.agents(works.then(Fake::completes("I am through")));
        let call = || {
            let _ = fs::remove_file(&sign);
            let call = sandbox.call(["run", "--tier", "haiku", REQUEST]);
            let started = call.after_shell(&format!("trap '' {ignored}")).start();
            wait_for_file(&sign);
            started.signal(signal);
            started
        };
        let started = call();
        started.signal(Signal::TERM);
        started.wait().exits(143);
        let started = call();
        fs::write(&go_on, "").unwrap();
        started.wait().success().stdout("I am through\n");
    }
}

#[test]
fn a_request_that_needs_a_yes_is_refused_without_one_and_spawns_nothing() {
    let sandbox = Sandbox::new();
    let sign = sandbox.path("at-work");
    let sandbox = sandbox.agents(Fake::touches(&sign).then(Fake::completes("dropped")));
    let request = "delete the production database";
    sandbox.run(request).stdout("").stderr_has("--approve").exits(77);
    assert!(!sign.exists(), "an agent was spawned");
    let ran = sandbox.call(["run", "-o", "json", request]).wait().exits(77);
    assert_eq!(summary(&ran.json()), json!({"verdict": "refused", "attempts": []}));
    sandbox.call(["run", "--approve", request]).wait().stdout("dropped\n").success();
}

#[test]
fn a_plain_agents_whole_output_is_the_answer() {
    let sandbox = Sandbox::new().agent("haiku", Fake::completes("line one\nline two").plain());
    for_people(&sandbox).stdout("line one\nline two\n").success();
}

#[test]
fn a_plain_agent_that_fails_has_no_result() {
    let sandbox = Sandbox::new().agents(Fake::says("half of it").then(Fake::step([&"exits", &3])).plain());
    comes_to(&sandbox, 1, "failed", &["haiku no_result", "sonnet no_result"]);
}
