//! The verbs as people and scripts use them: what they print, where, and with which exit code.

use std::fs;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::fake::Fake;
use crate::sandbox::{PATIENCE, Sandbox, wait_for, wait_for_file};

const REQUEST: &str = "rename foo to bar in lib.rs";

/// Tells whether a value is one of our short hashes.
fn is_hash(value: &Value) -> bool {
    value.as_str().is_some_and(|hash| hash.len() == 16 && hash.chars().all(|c| c.is_ascii_hexdigit()))
}

/// Runs a block in which snapshots have ids, times, durations and paths of this sandbox replaced.
fn with_filters(sandbox: &Sandbox, block: impl FnOnce()) {
    let mut settings = insta::Settings::clone_current();
    let project = sandbox.project();
    let root = project.parent().unwrap().to_str().unwrap().replace('.', "\\.");
    settings.add_filter(&root, "[SANDBOX]");
    settings.add_filter(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "[ID]");
    settings.add_filter(r"\b[0-9a-f]{8}-[0-9a-f]{4}\b", "[SHORT-ID]");
    settings.add_filter(r#"run( +)[0-9a-hjkmnp-tv-z]{6}( \(|\n|$)"#, "run$1[SHORT]$2");
    settings.add_filter(r#""short_id": ?"[0-9a-hjkmnp-tv-z]{6}""#, r#""short_id": "[SHORT]""#);
    settings.add_filter(r"\[\[pointsman:[0-9a-f]{32}:", "[[pointsman:[NONCE]:");
    settings.add_filter(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "[TIME]");
    settings.add_filter(r#""duration_ms": ?\d+"#, r#""duration_ms": [DURATION]"#);
    // An agent's own time is said only where it differs from the whole.
    settings.add_filter(r"\b\d+(\.\d+)? ?m?s\b( \(agent \d+(\.\d+)? ?m?s\))?", "[DURATION]");
    settings.bind(block);
}

#[test]
fn run_says_who_does_it_and_what_came_of_it() {
    let sandbox = Sandbox::new().agents(Fake::escalates());
    let ran = sandbox.run_on("haiku", REQUEST).success();
    let show = sandbox.call(["runs", "show", "latest"]).wait().success();
    let logs = sandbox.call(["runs", "logs", "latest"]).wait().success();
    with_filters(&sandbox, || {
        insta::assert_snapshot!("run_text_stderr", ran.stderr);
        insta::assert_snapshot!("runs_show_text", show.stdout);
        insta::assert_snapshot!("runs_logs_text", logs.stdout);
    });
}

#[test]
fn run_json_is_the_contract_that_scripts_rely_on() {
    let sandbox = Sandbox::new();
    let ran = sandbox.call(["run", "-o", "json", "--tier", "haiku", REQUEST]).wait().success();
    let mut report = ran.json();
    let attempt = &report["attempts"][0];
    assert_eq!(report["session_id"], report["run_id"], "a session of its own");
    assert_ne!(attempt["agent_session_id"], report["run_id"], "the agent's session is another");
    let time = |key: &str| report[key].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert!(time("created_at") <= time("finished_at"), "{ran}");
    // Another policy is another hash.
    for place in ["/route/policy_hash", "/request_hash"] {
        let hash = report.pointer_mut(place).unwrap();
        assert!(is_hash(hash), "{ran}");
        *hash = json!("[HASH]");
    }
    let pretty = serde_json::to_string_pretty(&report).unwrap();
    with_filters(&sandbox, || insta::assert_snapshot!("run_json", pretty));
    assert_eq!(ran.stdout.lines().count(), 1);
}

#[test]
fn run_jsonl_tells_every_fact_in_order() {
    let sandbox = Sandbox::new().agents(Fake::escalates());
    let ran = sandbox.call(["run", "-o", "jsonl", "--tier", "haiku", REQUEST]).wait().success();
    let lines = ran.json_lines();
    assert!(lines.iter().all(|line| line["schema_version"] == 1), "{ran}");
    let facts = lines.iter().filter(|line| line["seq"].is_number());
    let kinds: Vec<&str> = facts.filter_map(|line| line["type"].as_str()).collect();
    let two_attempts = ["attempt_started", "attempt_ended"].repeat(2);
    assert_eq!(kinds, [vec!["requested", "routed"], two_attempts, vec!["finished"]].concat());
}

/// What keeps a decision cheap: it needs no store, so none is opened, and none is made.
#[test]
fn p20_deciding_touches_no_store() {
    let sandbox = Sandbox::new();
    sandbox.call(["route", "rename foo to bar in lib.rs"]).wait().success();
    sandbox.call(["explain", "rename foo to bar in lib.rs"]).wait().success();
    assert!(!sandbox.state().exists());
}

#[test]
fn route_gives_the_same_bytes_for_the_same_words_and_spawns_nothing() {
    let sandbox = Sandbox::new();
    let sign = sandbox.path("at-work");
    let sandbox = sandbox.agents(Fake::touches(&sign).then(Fake::completes("done")));
    let route = || sandbox.call(["route", "-o", "json", REQUEST]).wait().success();
    let first = route();
    assert_eq!(first.stdout, route().stdout);
    let route = first.json();
    // How sure it is, and under which policy, changes with the rules and the model.
    let is_share = |value: &Value| value.as_f64().is_some_and(|share| share > 0.5 && share <= 1.0);
    assert!(is_share(&route["confidence"]) && is_hash(&route["policy_hash"]), "{first}");
    let expected = json!({
        "schema_version": 1, "id": null, "decision": "direct", "agent": "haiku-general", "tier": "haiku",
        "confidence": route["confidence"], "reason": "it reads like the renaming of one thing",
        "layer": "rules", "rules": ["rules.rename-one", "classifier.tier"], "complexity": "simple",
        "timing": "unattended", "policy_hash": route["policy_hash"], "danger": {"p": 0.0, "possible": false},
    });
    assert_eq!(route, expected);
    assert!(!sign.exists(), "an agent was spawned");
}

#[test]
fn route_exits_zero_even_where_a_person_is_needed() {
    let ran = Sandbox::new().call(["route", "-o", "json", "delete the production database"]).wait().success();
    assert_eq!(ran.json()["decision"], "escalate");
}

#[test]
fn route_decides_many_and_gives_their_ids_back() {
    let sandbox = Sandbox::new();
    let batch = "{\"id\": \"a\", \"request\": \"fix a typo in README.md\"}\n{\"id\": 7, \"request\": \"delete prod\"}\n";
    let call = sandbox.call(["route", "--batch", "-", "-o", "jsonl"]).stdin(batch);
    let ids: Vec<_> = call.wait().success().json_lines().iter().map(|line| line["id"].clone()).collect();
    assert_eq!(ids, [json!("a"), json!(7)]);
}

#[test]
fn a_detached_run_can_be_followed_to_its_end() {
    let sandbox = Sandbox::new();
    let (sign, go) = (sandbox.path("at-work"), sandbox.path("go"));
    let works = Fake::says("I begin").then(Fake::touches(&sign)).then(Fake::awaits(&go));
    let sandbox = sandbox.agents(works.then(Fake::completes("I am through")));
    let run_id = sandbox
        .call(["run", "--detach", "--tier", "haiku", REQUEST])
        .wait()
        .success()
        .stdout
        .trim()
        .to_owned();
    wait_for_file(&sign);
    let following = sandbox.call(["runs", "logs", "-f", &run_id]).start();
    following.wait_for_stdout("I begin");
    fs::write(&go, "").unwrap();
    let ran = following.wait().success();
    assert!(ran.stdout.contains("I am through"), "{ran}");
    assert_eq!(sandbox.show(&run_id)["verdict"], "succeeded");
    sandbox.no_process_is_left(PATIENCE);
}

#[test]
fn a_detached_run_can_be_cancelled() {
    let sandbox = Sandbox::new();
    let sign = sandbox.path("at-work");
    let sandbox =
        sandbox.agents(Fake::ignores_term().then(Fake::touches(&sign)).then(Fake::hangs_after_init()));
    let run_id = sandbox
        .call(["run", "--detach", "--tier", "haiku", REQUEST])
        .wait()
        .success()
        .stdout
        .trim()
        .to_owned();
    wait_for_file(&sign);
    sandbox.call(["runs", "cancel", &run_id]).wait().success();
    sandbox.no_process_is_left(PATIENCE);
    let report = sandbox.show(&run_id);
    assert_eq!((&report["verdict"], &report["exit_code"]), (&json!("cancelled"), &json!(143)));
    // To cancel it once more changes nothing and is no mistake.
    sandbox.call(["runs", "cancel", &run_id]).wait().success();
    assert_eq!(sandbox.show(&run_id), report);
}

#[test]
fn a_detached_run_lives_on_when_its_starters_group_is_killed() {
    let sandbox = Sandbox::new();
    let (sign, go) = (sandbox.path("at-work"), sandbox.path("go"));
    let works = Fake::touches(&sign).then(Fake::awaits(&go));
    let sandbox = sandbox.agents(works.then(Fake::completes("I am through")));
    let ran = sandbox
        .call(["run", "--detach", "--tier", "haiku", REQUEST])
        .after_shell("trap '' HUP")
        .wait()
        .success();
    wait_for_file(&sign);
    fs::write(&go, "").unwrap();
    let run_id = ran.stdout.trim();
    wait_for("the end of the run", || (sandbox.show(run_id)["verdict"] == "succeeded").then_some(()));
}

#[test]
fn a_second_ctrl_c_does_not_wait_for_the_grace() {
    let sandbox = Sandbox::new().set("limits.stop_grace", "\"10m\"");
    let sign = sandbox.path("at-work");
    let sandbox =
        sandbox.agents(Fake::ignores_term().then(Fake::touches(&sign)).then(Fake::hangs_after_init()));
    let started = sandbox.call(["run", "--tier", "haiku", REQUEST]).start();
    wait_for_file(&sign);
    started.signal(Signal::INT);
    // Two signals of one kind that arrive together are one.
    wait_for("the first signal to be taken", || {
        started.signal(Signal::INT);
        sandbox.processes().is_empty().then_some(())
    });
    started.wait().stdout("").exits(130);
}

#[test]
fn dry_run_shows_the_command_and_no_value_of_the_environment() {
    let sandbox = Sandbox::new();
    let sign = sandbox.path("at-work");
    let sandbox = sandbox
        .agents(Fake::touches(&sign).then(Fake::completes("done")))
        .env("ANTHROPIC_API_KEY", "sk-ant-canary");
    let ran = sandbox.call(["run", "--dry-run", "--tier", "haiku", REQUEST]).wait().success();
    assert!(ran.stdout.contains("--output-format") && ran.stdout.contains("ANTHROPIC_API_KEY"), "{ran}");
    ran.says_nowhere("sk-ant-canary");
    assert!(!sign.exists(), "an agent was spawned");
}

#[test]
fn rehearse_needs_no_agent_and_says_so() {
    let sandbox = Sandbox::new().agents(Fake::hangs());
    let ran = sandbox.call(["run", "--rehearse", "-o", "json", REQUEST]).wait().success();
    assert_eq!((&ran.json()["rehearsal"], &ran.json()["verdict"]), (&json!(true), &json!("succeeded")));
    for (scenario, code) in
        [("fail", 1), ("quota", 75), ("denied", 77), ("empty", 1), ("escalate", 0), ("mismatch", 0)]
    {
        sandbox
            .call(["run", &format!("--rehearse={scenario}"), "--tier", "haiku", REQUEST])
            .wait()
            .exits(code);
    }
}

#[test]
fn what_was_not_understood_exits_two_and_a_wrong_setting_seventy_eight() {
    let sandbox = Sandbox::new();
    sandbox.call(["run", "--no-such-flag"]).wait().stdout("").exits(2);
    sandbox.call(["no-such-verb"]).wait().stdout("").exits(2);
    sandbox.call(["run", "--tier", "platinum", REQUEST]).wait().stdout("").exits(2);
    sandbox
        .call(["run", "--agent", "nobody", REQUEST])
        .wait()
        .stdout("")
        .stderr_has("haiku-general")
        .exits(2);
    let wrong = Sandbox::new().set("limits.timout", "\"1h\"");
    wrong.run(REQUEST).stdout("").stderr_has("did you mean `limits.timeout`?").exits(78);
}

#[test]
fn an_unknown_run_is_bad_input() {
    let sandbox = Sandbox::new();
    sandbox.call(["runs", "show", "latest"]).wait().stdout("").stderr_has("hint:").exits(65);
    sandbox.call(["runs", "show", "0000"]).wait().stdout("").exits(65);
}

#[test]
fn quiet_says_nothing_but_the_answer() {
    let ran = Sandbox::new().call(["run", "-q", "--tier", "haiku", REQUEST]).wait().success();
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("the answer of haiku\n", ""));
}

#[test]
fn the_agent_works_in_the_project_that_was_named() {
    let sandbox = Sandbox::new();
    let cwd = sandbox.path("cwd");
    let sandbox = sandbox.agents(Fake::dumps("cwd", &cwd).then(Fake::completes("seen")));
    let other = sandbox.path("another project");
    fs::create_dir(&other).unwrap();
    sandbox.call(["run", "--tier", "haiku", "--project", other.to_str().unwrap(), REQUEST]).wait().success();
    assert_eq!(fs::read_to_string(cwd).unwrap().trim_end(), other.canonicalize().unwrap().to_str().unwrap());
    sandbox.call(["run", "--project", "/no/such/dir", REQUEST]).wait().stdout("").exits(65);
}

#[test]
fn a_breaker_that_is_open_keeps_agents_from_being_spawned() {
    let sandbox = Sandbox::new();
    let argv = sandbox.path("argv");
    let sandbox = sandbox
        .agents(Fake::dumps("argv", &argv).then(Fake::just("overloaded")))
        .set("retry.max_elapsed", "\"0s\"")
        .set("breaker.threshold", "2")
        .set("breaker.open_for", "\"1h\"");
    for _ in 0..2 {
        sandbox.run_on("haiku", REQUEST).exits(75);
    }
    let ran = sandbox.call(["run", "-o", "json", "--tier", "haiku", REQUEST]).wait().exits(75);
    assert_eq!((&ran.json()["verdict"], &ran.json()["attempts"]), (&json!("waiting"), &json!([])), "{ran}");
    assert!(!sandbox.path("argv.3").exists(), "an agent was spawned");
}

/// The predecessor's record, field for field, with ours after it; the words stand nowhere.
#[test]
fn a_run_leaves_one_metrics_line_with_the_predecessors_fields_and_without_the_words() {
    let sandbox = Sandbox::new().agents(Fake::escalates());
    let ran = sandbox.call(["run", "-o", "json", "--session", "s-1", "--tier", "haiku", REQUEST]).wait();
    let files = fs::read_dir(sandbox.state().join("metrics")).unwrap().flatten();
    let text: String = files.map(|file| fs::read_to_string(file.path()).unwrap()).collect();
    let record: serde_json::Value = serde_json::from_str(text.trim()).expect("one line, one record");
    assert_eq!(record["record_type"], "orchestrated_execution");
    assert_eq!(record["session_id"], "s-1");
    assert!(is_hash(&record["request_hash"]), "{record}");
    assert_eq!(record["request_hash"], ran.json()["request_hash"]);
    assert_eq!(record["orchestration_mode"], "external");
    assert!(record["timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
    let decision = json!({"decision": "direct", "agent": "haiku-general", "confidence": 0.95,
        "reason": "the flag names a tier: haiku"});
    assert_eq!(record["routing_decision"], decision);
    let result =
        json!({"agent": "haiku-general", "exit_code": 0, "escalated": true, "final_agent": "sonnet-general"});
    assert_eq!(record["execution_result"], result);
    assert!(!text.contains("rename foo"), "{text}");
}

/// Seen to fail with the breaker asked for rehearsals too.
#[test]
fn a_rehearsed_overload_does_not_stop_the_next_rehearsal() {
    let sandbox = Sandbox::new();
    sandbox.call(["run", "--rehearse=overloaded", REQUEST]).wait().exits(75);
    sandbox.call(["run", "--rehearse", REQUEST]).wait().success();
}

#[test]
fn a_rehearsed_limit_that_is_waited_for_ends_and_one_that_is_not_says_when() {
    let sandbox = Sandbox::new();
    let waited = sandbox.call(["run", "--rehearse=quota", "--wait", "-o", "json", REQUEST]).wait().success();
    let outcomes: Vec<_> =
        waited.json()["attempts"].as_array().unwrap().iter().map(|a| a["outcome"].clone()).collect();
    assert_eq!(outcomes, ["quota", "completed"]);
    let ended = sandbox.call(["run", "--rehearse=quota", "-o", "json", REQUEST]).wait().exits(75);
    assert!(ended.json()["resets_at"].is_string(), "{}", ended.stdout);
}

#[test]
fn a_rehearsed_escalation_escalates_whatever_the_route() {
    let sandbox = Sandbox::new();
    for tier in ["haiku", "sonnet"] {
        let ran = sandbox.call(["run", "--rehearse=escalate", "-o", "json", "--tier", tier, REQUEST]).wait();
        assert_eq!(ran.json()["escalated"], true, "{tier}");
    }
}

#[test]
fn broken_settings_hide_no_run_and_keep_nobody_from_stopping_one() {
    let sign = Sandbox::new();
    let at_work = sign.path("at-work");
    let sandbox = Sandbox::new().agents(Fake::touches(&at_work).then(Fake::hangs_after_init()));
    let run_id = sandbox.call(["run", "--detach", "--tier", "haiku", REQUEST]).wait().success().stdout;
    wait_for_file(&at_work);
    let sandbox = sandbox.set("nonsense", "1");
    sandbox.call(["run", REQUEST]).wait().exits(78);
    sandbox.call(["runs", "list"]).wait().success().stderr_has("nonsense");
    sandbox.call(["explain", "latest"]).wait().success().stdout_has("the rules cannot be shown: ");
    sandbox.call(["runs", "cancel", run_id.trim()]).wait().success();
    sandbox.no_process_is_left(PATIENCE);
    let doctor = sandbox.call(["doctor"]).wait().exits(1);
    assert!(doctor.stdout.contains("nonsense") && doctor.stdout.contains("store"), "{doctor}");
}

#[test]
fn a_batch_gives_ids_back_as_they_were_written() {
    let batch = "\u{feff}{\"id\": 12345678901234567890123, \"request\": \"fix a typo in README.md\"}\r\n\
                 {\"id\": 1.50, \"request\": \"fix a typo in README.md\"}\n\n{\"request\": \"fix a typo in README.md\"}\n";
    let ran = Sandbox::new().call(["route", "--batch", "-", "-o", "jsonl"]).stdin(batch).wait().success();
    let ids: Vec<&str> = ran.stdout.lines().map(|line| line.split("\"decision\"").next().unwrap()).collect();
    let head = |id: &str| format!("{{\"schema_version\":1,\"id\":{id},");
    assert_eq!(ids, [head("12345678901234567890123"), head("1.50"), head("null")]);
}

/// Seen to fail: the batch ended at the first of them.
#[test]
fn a_line_of_a_batch_that_is_no_request_has_its_error_in_its_place() {
    let batch = "{\"id\": 1, \"request\": \"fix a typo in README.md\"}\n{\"id\": 2, \"request\": \"  \"}\n\nhello\n\
                 {\"id\": 3, \"request\": \"fix a typo in README.md\"}\n";
    let call = Sandbox::new().call(["route", "--batch", "-"]).stdin(batch).wait().exits(65);
    let lines = call.json_lines();
    let told: Vec<_> =
        lines.iter().map(|line| (&line["id"], &line["tier"], &line["error"]["code"])).collect();
    let (haiku, none, bad) = (json!("haiku"), Value::Null, json!("E0111"));
    let ids = [json!(1), json!(2), json!(3)];
    assert_eq!(
        told,
        [(&ids[0], &haiku, &none), (&ids[1], &none, &bad), (&none, &none, &bad), (&ids[2], &haiku, &none)]
    );
    assert_eq!((&lines[1]["line"], &lines[2]["line"]), (&json!(2), &json!(4)));
    call.stderr_has("2 of 4 lines cannot be decided; the first is line 2: the prompt is empty");
}

#[test]
fn a_failure_is_data_where_json_was_asked_for() {
    let ran = Sandbox::new().call(["run", "-o", "json", "--agent", "nobody", REQUEST]).wait().exits(2);
    let error = &ran.json()["error"];
    assert_eq!(error["exit_code"], 2);
    assert!(error["message"].as_str().unwrap().contains("nobody") && error["hint"].is_string(), "{error}");
}

#[test]
fn a_code_is_explained_anywhere_and_without_any_settings() {
    let sandbox = Sandbox::new().set("nonsense", "1").env("HOME", "nowhere");
    let text = sandbox.call(["explain", "e0202"]).wait().success().stdout;
    assert!(text.starts_with("E0202: a setting is not known\n\nExit code 78.\n"), "{text}");
    let page = sandbox.call(["explain", "E0202", "-o", "json"]).wait().success().json();
    assert_eq!(
        (&page["schema_version"], &page["code"], &page["exit_code"]),
        (&json!(1), &json!("E0202"), &json!(78))
    );
    assert_eq!(page["title"], "a setting is not known");
    assert_eq!(page["text"], include_str!("../../../docs/errors/E0202.md"));
    let listed = sandbox.call(["explain", "--codes"]).wait().success().stdout;
    let codes = sandbox.call(["explain", "--codes", "-o", "json"]).wait().success().json();
    assert_eq!(listed.lines().count(), codes["codes"].as_array().unwrap().len() + 1);
    assert!(!sandbox.state().exists(), "it needs no state");
}

/// A run that was refused in the background says so as it does in the foreground.
#[test]
fn a_detached_run_has_the_same_codes() {
    let sandbox = Sandbox::new();
    let detach = |words: &str| sandbox.call(["run", "--detach", "-o", "json", words]).wait();
    assert_eq!(detach("delete the production database").exits(77).json()["code"], "E0323");
    assert_eq!(detach(REQUEST).success().json()["code"], json!(null));
    assert_eq!(detach("  ").exits(65).json()["error"]["code"], "E0106");
}

/// Seen to fail with only named sessions locked: then both runs resume one session of the agent.
#[test]
fn a_session_called_by_its_runs_id_is_locked_while_the_run_works() {
    let place = Sandbox::new();
    let at_work = place.path("at-work");
    let sandbox = Sandbox::new().agents(Fake::touches(&at_work).then(Fake::hangs_after_init()));
    let run_id = sandbox.call(["run", "--detach", "--tier", "haiku", REQUEST]).wait().success().stdout;
    wait_for_file(&at_work);
    sandbox.call(["run", "--session", run_id.trim(), "--tier", "haiku", REQUEST]).wait().exits(75);
    sandbox.call(["runs", "cancel", run_id.trim()]).wait().success();
}

/// Programs in the place of `pointsman` and `claude` that tell what they were given.
#[test]
fn the_shell_function_sends_one_flag_to_run_and_passes_everything_else_untouched() {
    let sandbox = Sandbox::new();
    let bin = sandbox.path("bin");
    fs::create_dir(&bin).unwrap();
    for name in ["pointsman", "claude"] {
        let path = bin.join(name);
        fs::write(
            &path,
            format!("#!/bin/sh\nprintf '{name}'; for word; do printf ' <%s>' \"$word\"; done\n"),
        )
        .unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    let function = sandbox.call(["shell-init", "bash"]).wait().success().stdout;
    for (typed, expected) in [
        ("claude --orchestrated \"it's  two\" -o json", "pointsman <run> <it's  two> <-o> <json>"),
        ("claude -p 'a b' --orchestrated", "claude <-p> <a b> <--orchestrated>"),
        ("claude", "claude"),
        ("claude '' '*'", "claude <> <*>"),
    ] {
        let script = format!("{function}\n{typed}");
        let shell = std::path::Path::new("/bin/bash");
        let path = format!("{}:/usr/bin:/bin", bin.display());
        let sandbox = Sandbox::new().env("PATH", &path);
        sandbox.call(["-c", &script]).of_program(shell).wait().stdout(expected).success();
    }
}

#[test]
fn a_plugin_can_be_taken_out_after_the_cli_itself_is_gone() {
    let tiers = ["haiku", "sonnet", "opus"].iter();
    let sandbox = tiers
        .fold(Sandbox::new(), |sandbox, tier| sandbox.agent_key(tier, "command", "[\"no-such-claude\"]"));
    sandbox
        .call(["plugin", "install", "--yes"])
        .wait()
        .exits(69)
        .stderr_has("`no-such-claude` is not installed");
    let settings = sandbox.path("home/.claude/settings.json");
    fs::create_dir(sandbox.path("home/.claude")).unwrap();
    fs::write(&settings, "{\"model\": \"opus\", \"enabledPlugins\": {\"pointsman@pointsman\": true}}\n")
        .unwrap();
    let ran = sandbox.call(["plugin", "uninstall", "--yes"]).wait().success();
    assert!(ran.stderr.contains("without our keys:"), "{ran}");
    assert_eq!(fs::read_to_string(&settings).unwrap().trim(), "{\"model\": \"opus\"}");
    sandbox.call(["plugin", "uninstall", "--yes"]).wait().success().stderr_has("nothing to do");
}
