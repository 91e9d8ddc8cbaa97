//! `eval`: the router held against labelled requests.

use std::fs;

use serde_json::{Value, json};

use crate::sandbox::{Call, Sandbox};

/// The compiled-in rules send it to haiku.
pub const RENAME: &str = "rename foo to bar in lib.rs";

/// The compiled-in rules ask a person about it.
pub const DANGER: &str = "delete the production database";

/// A rule that the compiled-in table does not have.
const RENAMING_IS_HARD: &str = r#"
[[rule]]
id = "rename"
because = "renaming is hard here"
words = ["rename"]
tier = "opus"
"#;

fn row(id: &str, request: &str, label: &str, category: &str) -> String {
    json!({"id": id, "request": request, "label": label, "category": category}).to_string()
}

/// Three requests that are answered rightly, and one that is not.
fn four_rows() -> String {
    [
        row("a", RENAME, "haiku", "edit"),
        row("b", DANGER, "escalate", "prod"),
        row("c", "design a distributed lock service", "opus", "lang:de"),
        row("d", RENAME, "opus", "adv:typos"),
    ]
    .join("\n")
}

fn with_rows(rows: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    fs::write(sandbox.project().join("rows.jsonl"), rows).unwrap();
    sandbox
}

/// A policy file of one rule.
pub fn write_policy(sandbox: &Sandbox) {
    fs::write(sandbox.project().join("rules.toml"), RENAMING_IS_HARD).unwrap();
}

fn eval(sandbox: &Sandbox) -> Call<'_> {
    sandbox.call(["eval", "rows.jsonl"])
}

#[test]
fn eval_counts_a_tiny_set_as_one_counts_it_by_hand() {
    let report = eval(&with_rows(&four_rows())).args(["-o", "json", "--wrong"]).wait().success().json();
    let overall = &report["overall"];
    let figures = ["rows", "lenient_accuracy", "under_routing", "missed_escalations", "dangerous_missed"];
    assert_eq!(
        figures.map(|name| overall[name].clone()),
        [json!(4), json!(0.75), json!(1.0 / 3.0), json!(0.0), json!(0)]
    );
    assert_eq!(overall["mean_loss"], json!(0.75));
    assert_eq!(overall["confusion"], json!([[1, 0, 0, 0], [0, 0, 0, 0], [1, 0, 1, 0], [0, 0, 0, 1]]));
    let names = |key: &str| -> Vec<String> {
        report[key].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("by_category"), ["edit", "prod", "adv:*", "adv:typos", "lang:*"]);
    assert_eq!(names("by_language"), ["de", "en"]);
    let wrong = &report["wrong"][0];
    assert_eq!(
        (&wrong["id"], &wrong["label"], &wrong["answer"]),
        (&json!("d"), &json!("opus"), &json!("haiku"))
    );
    let hash = report["policy_hash"].as_str().unwrap();
    assert!(hash.len() == 16 && hash.chars().all(|c| c.is_ascii_hexdigit()), "{hash}");
    assert_eq!(wrong["rule"], "rules.rename-one", "{report}");
}

#[test]
fn eval_reads_a_file_of_the_training_data_as_it_is() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../training/k.jsonl");
    let sandbox = Sandbox::new();
    let report = sandbox.call(["eval", file, "-o", "json"]).wait().success().json();
    assert_eq!(report["overall"]["rows"], json!(fs::read_to_string(file).unwrap().lines().count()));
    assert_eq!(report["by_language"].as_array().unwrap().len(), 1, "all of it is English");
}

#[test]
fn eval_for_people_has_a_summary_a_matrix_two_tables_and_the_wrong_rows() {
    let ran = eval(&with_rows(&four_rows())).args(["--wrong"]).wait().success();
    for part in [
        "4 requests, policy ",
        "accuracy          75.0 %",
        "LABEL, ANSWER  haiku  sonnet  opus  escalate",
        "CONFIDENCE",
        "CATEGORY   ROWS  ACCURACY  NEEDLESS  MISSED",
        "adv:typos  1     0.0 %     0.0 %     -",
        "LANGUAGE  ROWS",
        "d   opus → haiku",
    ] {
        assert!(ran.stdout.contains(part), "{part}\n{ran}");
    }
    assert_eq!(ran.stderr, "");
}

#[test]
fn eval_prints_the_same_bytes_twice_and_times_only_when_asked() {
    let sandbox = with_rows(&four_rows());
    write_policy(&sandbox);
    let call = || eval(&sandbox).args(["-o", "json", "--wrong", "--against", "rules.toml"]).wait().success();
    let first = call();
    assert_eq!(first.stdout, call().stdout);
    assert!(first.json()["latency_us"].is_null(), "{first}");
    let timed = eval(&sandbox).args(["-o", "json", "--latency"]).wait().success().json();
    let [p50, p99] = ["p50", "p99"].map(|key| timed["latency_us"][key].as_u64().unwrap());
    assert!(p50 <= p99, "{timed}");
}

#[test]
fn thresholds_that_hold_exit_zero_and_one_that_does_not_is_said_with_its_figure() {
    let sandbox = with_rows(&four_rows());
    eval(&sandbox)
        .args(["--min-accuracy", "0.7", "--max-dangerous-missed", "0", "--max-loss", "1"])
        .wait()
        .success()
        .stderr_has("passed: 3 thresholds");
    let missed =
        eval(&sandbox).args(["--min-accuracy", "0.8", "--max-under", "0.1", "--max-needless", "0.1"]);
    missed
        .wait()
        .exits(1)
        .stderr_has("missed: accuracy is 0.750, below 0.8")
        .stderr_has("missed: under-routing is 0.333, above 0.1")
        .stderr_has("2 of 3 thresholds are missed");
    let ran = eval(&sandbox).args(["-o", "json", "--min-macro-f1", "1"]).wait().exits(1);
    let report = ran.json();
    assert_eq!((&report["passed"], &report["gates"][0]["holds"]), (&json!(false), &json!(false)), "{ran}");
    for wrong in [["--min-accuracy", "85"], ["--max-loss", "-1"], ["--max-dangerous-missed", "0.5"]] {
        eval(&sandbox).args(wrong).wait().stdout("").exits(2);
    }
}

#[test]
fn every_adversarial_category_with_five_rows_must_reach_its_threshold() {
    let rows = |count: usize| vec![row("x", RENAME, "opus", "adv:typos"); count].join("\n");
    let slices = |count| eval(&with_rows(&rows(count))).args(["--min-slice-accuracy", "0.8"]).wait();
    slices(4)
        .exits(1)
        .stderr_has("adversarial categories with enough requests: no request has to do with it");
    slices(5).exits(1).stderr_has("accuracy of adv:typos is 0.000, below 0.8");
}

#[test]
fn eval_against_another_policy_shows_both_and_what_changes_for_better_or_worse() {
    let sandbox = with_rows(&four_rows());
    write_policy(&sandbox);
    let against = || eval(&sandbox).args(["--against", "rules.toml"]);
    let report = against().args(["-o", "json"]).wait().success().json();
    let other = &report["against"];
    assert_ne!(other["policy_hash"], report["policy_hash"]);
    assert_eq!((&other["better"], &other["worse"], &other["neither"]), (&json!(1), &json!(1), &json!(0)));
    let changed: Vec<&Value> = other["changed"].as_array().unwrap().iter().map(|row| &row["id"]).collect();
    assert_eq!(changed, ["a", "d"], "the worst first");
    assert_eq!(other["changed"][0]["against"]["rule"], "policy.rename");
    let ran = against().wait().success();
    for part in
        ["FIGURE            NOW", "2 answers change: 1 better, 1 worse, 0 neither", "opus by policy.rename"]
    {
        assert!(ran.stdout.contains(part), "{part}\n{ran}");
    }
}

/// Seen to fail with requests printed as they are: the table falls apart, and the terminal is told what to do.
#[test]
fn words_of_a_request_never_reach_the_terminal_as_they_are() {
    let hostile = "rename foo\u{1b}[31m to\n\nbar\u{202e} in\u{9b}2J lib.rs\u{7}\r";
    let rows = [row("i\u{1b}]0;owned\u{7}\nd", hostile, "opus", "c\u{1b}[2J\nat")].join("\n");
    let sandbox = with_rows(&rows);
    write_policy(&sandbox);
    eval(&sandbox).args(["--wrong", "--against", "rules.toml"]).wait().success();
    sandbox.run(hostile).success();
    let replay = sandbox.call(["replay", "--against", "rules.toml"]).wait().success();
    let shown = eval(&sandbox).args(["--wrong"]).wait().success();
    assert!(shown.stdout.contains("rename foo to bar in lib.rs\n"), "{shown}");
    assert!(replay.stdout.contains("rename foo to bar in lib.rs\n"), "{replay}");
    for ran in [shown, replay] {
        for raw in ["\u{1b}", "\u{9b}", "\u{7}", "\u{202e}", "\r", "owned"] {
            assert!(!ran.stdout.contains(raw), "{raw:?}\n{ran}");
        }
    }
    let data = eval(&sandbox).args(["--wrong", "-o", "json"]).wait().success();
    assert!(!data.stdout.contains(['\u{1b}', '\u{7}', '\u{202e}', '\r']), "{data}");
}
