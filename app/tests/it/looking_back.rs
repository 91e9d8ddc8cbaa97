//! `replay` and `report routing`: the router held against runs that the real binary made.

use std::fs;

use serde_json::json;

use crate::fake::Fake;
use crate::measuring::{DANGER, RENAME, write_policy};
use crate::sandbox::Sandbox;

/// A haiku agent that is not enough, and stronger ones that are.
fn haiku_asks_for_more() -> Sandbox {
    Sandbox::new().agents(Fake::escalates())
}

#[test]
fn replay_lists_what_a_new_policy_would_do_elsewhere_and_what_became_of_it() {
    let sandbox = haiku_asks_for_more();
    write_policy(&sandbox);
    sandbox.run(RENAME).success();
    sandbox.run("explain what a monad is").success();
    sandbox.run(DANGER).exits(77);
    let same = sandbox.call(["replay", "-o", "json"]).wait().success().json();
    assert_eq!((&same["runs"], &same["same"], &same["changed"]), (&json!(3), &json!(3), &json!([])));
    let replay = || sandbox.call(["replay", "--against", "rules.toml"]);
    let report = replay().args(["-o", "json"]).wait().success().json();
    let [one] = &report["changed"].as_array().unwrap()[..] else { panic!("{report}") };
    assert_eq!((&one["was"]["answer"], &one["is"]["answer"]), (&json!("haiku"), &json!("opus")));
    assert_eq!(one["is"]["rule"], "policy.rename");
    assert_eq!(one["became"]["outcomes"], json!(["asked_escalation", "completed"]));
    assert_eq!((&one["became"]["last_tier"], &one["hindsight"]), (&json!("sonnet"), &json!("dearer")));
    let ran = replay().wait().success();
    let run_id = one["run_id"].as_str().unwrap();
    for part in [run_id, "by policy.rename", "asked_escalation, completed on sonnet last", "3 runs, policy "]
    {
        assert!(ran.stdout.contains(part), "{part}\n{ran}");
    }
    replay().args(["--fail-on-change"]).wait().exits(1).stderr_has("1 of 3 runs would go elsewhere");
    sandbox.call(["replay", "--fail-on-change"]).wait().success();
}

#[test]
fn replay_looks_only_as_far_back_as_it_is_told() {
    let sandbox = Sandbox::new();
    sandbox.run(RENAME).success();
    sandbox.run(RENAME).success();
    let count = |args: [&str; 2]| sandbox.call(["replay", "-o", "json"]).args(args).wait().success().json();
    assert_eq!(count(["--since", "7d"])["runs"], 2);
    assert_eq!(count(["--since", "0s"])["runs"], 0);
    assert_eq!(count(["--limit", "1"])["runs"], 1);
    sandbox.call(["replay", "--since", "soon"]).wait().stdout("").exits(2);
}

#[test]
fn replay_says_how_many_requests_were_not_stored() {
    let sandbox = Sandbox::new().set("store_prompts", "false");
    sandbox.run(RENAME).success();
    let report = sandbox.call(["replay", "-o", "json"]).wait().success().json();
    assert_eq!((&report["left_out"]["without_words"], &report["same"]), (&json!(1), &json!(0)));
    let ran = sandbox.call(["replay"]).wait().success();
    assert!(ran.stdout.contains("1 could not be decided again: their words were not stored"), "{ran}");
}

#[test]
fn looking_back_writes_nothing() {
    let sandbox = Sandbox::new();
    for args in [["replay", "-o"], ["report", "routing"]] {
        let call = sandbox.call(args);
        if args[0] == "replay" { call.args(["json"]) } else { call }.wait().success();
    }
    assert!(!sandbox.state().exists(), "nothing was ever run, so nothing is made");
    sandbox.run(RENAME).success();
    let files = || -> Vec<Option<Vec<u8>>> {
        ["ledger.db", "ledger.db-wal"].map(|name| fs::read(sandbox.state().join(name)).ok()).into()
    };
    let before = files();
    sandbox.call(["replay"]).wait().success();
    sandbox.call(["report", "routing"]).wait().success();
    assert!(files() == before, "the ledger was written");
}

#[test]
fn report_routing_says_which_rule_is_wrong_and_proposes_a_change_that_it_does_not_make() {
    let sandbox = haiku_asks_for_more();
    for _ in 0..6 {
        sandbox.run(RENAME).success();
    }
    sandbox.run_on("opus", RENAME).success();
    sandbox.run(DANGER).exits(77);
    sandbox.call(["run", "--approve", DANGER]).wait().success();
    sandbox.call(["run", "--rehearse", RENAME]).wait().success();
    let route = || sandbox.call(["route", "-o", "json", RENAME]).wait().success().stdout;
    let before = route();

    let report = sandbox.call(["report", "routing", "-o", "json"]).wait().success().json();
    assert_eq!((&report["runs"], &report["left_out"]["rehearsals"]), (&json!(9), &json!(1)), "{report}");
    let rows = report["by_rule"].as_array().unwrap();
    let rename = &rows[0];
    assert_eq!((&rename["answer"], &rename["decided"]), (&json!("haiku"), &json!(7)), "{report}");
    assert_eq!((&rename["escalated"], &rename["overridden_up"]), (&json!(6), &json!(1)));
    assert_eq!(rename["escalated_because"], json!({"asked_escalation": 6}));
    assert_eq!((&rename["wrong"]["count"], &rename["wrong"]["of"]), (&json!(7), &json!(7)));
    let danger = rows.iter().find(|row| row["answer"] == "escalate").unwrap();
    let answers = ["decided", "approved", "approved_later", "refused"].map(|key| danger[key].clone());
    assert_eq!(answers, [json!(2), json!(1), json!(1), json!(0)], "{report}");
    let [proposal] = &report["proposals"].as_array().unwrap()[..] else { panic!("{report}") };
    assert_eq!(proposal["tier"], "sonnet");

    let ran = sandbox.call(["report", "routing", "--since", "1d"]).wait().success();
    assert!(
        ran.stdout.contains(
            "7 of 7 that went to haiku ended on a stronger tier or were given to one, mostly sonnet"
        ),
        "{ran}"
    );
    assert!(ran.stderr.contains("nothing was changed:"), "{ran}");
    assert_eq!(route(), before, "it was applied");
}

#[test]
fn report_routing_is_also_a_table_for_programs_and_for_documents() {
    let sandbox = Sandbox::new();
    sandbox.run(RENAME).success();
    let print = |format: &str| sandbox.call(["report", "routing", "-o", format]).wait().success().stdout;
    let csv = print("csv");
    let widths: Vec<usize> = csv.lines().map(|line| line.split(',').count()).collect();
    assert_eq!(widths, [21, 21], "{csv}");
    let md = print("md");
    assert!(md.starts_with("# Routing\n\n1 run\n\n## By rule\n\n| RULE | ANSWER |"), "{md}");
    assert_eq!(print("json"), print("json"));
}

#[test]
fn a_run_that_a_person_sent_elsewhere_records_what_the_router_would_have_said() {
    let sandbox = Sandbox::new();
    let routed = |args: [&str; 2]| {
        let lines =
            sandbox.call(["run", "-o", "jsonl"]).args(args).args([RENAME]).wait().success().json_lines();
        lines.into_iter().find(|line| line["type"] == "routed").unwrap()["route"].clone()
    };
    let route = routed(["--tier", "opus"]);
    assert_eq!(route["tier"], "opus");
    assert_eq!((&route["own"]["decision"], &route["own"]["tier"]), (&json!("direct"), &json!("haiku")));
    assert!(routed(["--timeout", "1m"])["own"].is_null());
}

/// Seen to fail with words that also went well, and with a proposal that was written without a yes.
#[test]
fn policy_learn_proposes_a_rule_as_a_difference_and_writes_it_only_when_told() {
    let sandbox = Sandbox::new().agents(Fake::escalates());
    for what in ["totals", "export", "closing", "rounding", "imports"] {
        sandbox.run_on("haiku", &format!("rename the turbine {what} column in a.rs")).success();
    }
    let file = sandbox.path("config/pointsman/policy.toml");
    let proposed = sandbox.call(["policy", "learn"]).wait().success();
    assert!(proposed.stdout.contains("+words = [\"'turbine'\"") && !file.exists(), "{proposed}");
    sandbox.call(["policy", "learn", "--write"]).wait().stderr_has("nobody is at the terminal").exits(2);
    assert!(!file.exists());
    sandbox.call(["policy", "learn", "--write", "--yes"]).wait().stderr_has("written:").success();
    sandbox.call(["policy", "check"]).wait().success();
    let route =
        sandbox.call(["route", "-o", "json", "rename the turbine audit column in b.rs"]).wait().json();
    assert_eq!(
        (route["layer"].as_str(), route["tier"].as_str()),
        (Some("policy"), Some("sonnet")),
        "{route}"
    );
    let again = sandbox.call(["policy", "learn", "-o", "json"]).wait().success().json();
    assert_eq!(again["diff"], "", "{again}");
}
