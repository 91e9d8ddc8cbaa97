//! What runs cost: `report cost` over real runs, and what they take on the disk.

use std::fs;

use serde_json::{Value, json};

use crate::fake::Fake;
use crate::sandbox::{Sandbox, walk};

const RENAME: &str = "rename foo to bar in lib.rs";

fn cost<const N: usize>(sandbox: &Sandbox, args: [&str; N]) -> Value {
    sandbox.call(["report", "cost", "-o", "json"]).args(args).wait().success().json()
}

fn names(report: &Value) -> Vec<&str> {
    let groups = report["groups"].as_array().unwrap();
    groups.iter().map(|group| group["name"].as_str().unwrap()).collect()
}

#[test]
fn what_runs_cost_is_what_their_attempts_reported_by_any_grouping() {
    let sandbox = Sandbox::new().agents(Fake::escalates());
    sandbox.call(["run", "--tier", "haiku", "--session", "parser", RENAME]).wait().success();
    sandbox.call(["run", "--rehearse", RENAME]).wait().success();
    let shown = sandbox.call(["runs", "list", "-o", "json", "--session", "parser"]).wait().success().json();
    let usd = &shown["runs"][0]["cost_usd"];
    assert!(usd.as_f64().unwrap() > 0.0, "{shown}");
    for (by, expected) in [("tier", 2), ("agent", 2), ("session", 1), ("project", 1), ("day", 1), ("week", 1)]
    {
        let report = cost(&sandbox, ["--by", by]);
        assert_eq!(names(&report).len(), expected, "{report}");
        assert_eq!((&report["total"]["usd"], &report["total"]["attempts"]), (usd, &json!(2)));
        assert_eq!(report["rehearsals"], 1);
    }
    let report = cost(&sandbox, ["--by", "session"]);
    assert_eq!(names(&report), ["parser"]);
    assert_eq!(report["tier_changes"]["count"], 1, "the escalation");
    let text = sandbox.call(["report", "cost", "--by", "tier"]).wait().success();
    for part in [
        "REPORTED",
        "changes of tier inside a session: 1",
        "prices of 2025-11-24;",
        "not in the cost: 1 rehearsal",
    ] {
        assert!(text.stdout.contains(part), "{part}\n{text}");
    }
    sandbox.call(["report", "cost", "-o", "csv"]).wait().success().stdout_has("by,name,runs");
    sandbox.call(["report", "cost", "-o", "md"]).wait().success().stdout_has("| DAY | RUNS |");
    assert_eq!(names(&cost(&sandbox, ["--since", "0s"])).len(), 0);
}

#[test]
fn prices_of_the_settings_are_those_of_the_comparison_and_say_so() {
    let prices = "{ input = 1000, output = 1000, cache_read = 1000, cache_write = 1000 }";
    let sandbox = Sandbox::new().set("prices.version", "\"mine\"").set("prices.opus", prices);
    sandbox.run_on("haiku", RENAME).success();
    let report = cost(&sandbox, []);
    let tokens: u64 = report["total"]["tokens"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
    let on_opus = report["total"]["at_list_prices"]["on_opus_usd"].as_f64().unwrap();
    assert!(tokens > 0 && (on_opus - tokens as f64 / 1000.0).abs() < 1e-9, "{report}");
    sandbox.call(["report", "cost"]).wait().success().stdout_has("prices of mine, with prices of your own;");
}

#[test]
fn costs_are_known_with_a_broken_configuration() {
    let sandbox = Sandbox::new();
    sandbox.run_on("haiku", RENAME).success();
    let sandbox = sandbox.set("nonsense", "1");
    let ran = sandbox.call(["report", "cost", "-o", "json"]).wait().success().stderr_has("nonsense");
    assert_eq!(ran.json()["total"]["runs"], 1);
}

/// Seen to fail with a bound of 10 kilobytes.
#[test]
fn a_run_takes_less_than_50_kilobytes_on_average() {
    /// How many runs of each kind.
    const ROUNDS: usize = 4;
    const BYTES_MAX: u64 = 50_000;
    let sandbox = Sandbox::new().agents(Fake::escalates());
    let state = || {
        let files = walk(&sandbox.state()).into_iter().filter_map(|path| fs::metadata(path).ok());
        files.filter(fs::Metadata::is_file).map(|file| file.len()).sum::<u64>()
    };
    let kinds: [&[&str]; 5] = [
        &["--tier", "haiku"],
        &["--tier", "opus"],
        &["--session", "parser"],
        &["--rehearse"],
        &["--rehearse=escalate"],
    ];
    for _ in 0..ROUNDS {
        for kind in kinds {
            let mut call = sandbox.call(["run"]);
            call.args.extend(kind.iter().map(|word| (*word).to_owned()));
            call.args(["--", "fix the parser so that it reads numbers with an exponent, and add tests"])
                .wait()
                .success();
        }
    }
    // With the empty ledger and its write-ahead log, which are there for any number of runs.
    let (bytes, count) = (state(), (ROUNDS * kinds.len()) as u64);
    let ledger = fs::metadata(sandbox.state().join("ledger.db-wal")).map_or(0, |wal| wal.len());
    let each = bytes.saturating_sub(ledger) / count;
    eprintln!("{each} bytes a run; {} with the write-ahead log", bytes / count);
    assert!(each <= BYTES_MAX, "{each} bytes a run");
}
