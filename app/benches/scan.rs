//! How fast `scan` reads transcripts.
//!
//! `cargo bench -p pointsman --bench scan`
//!
//! One home has 100 MB of transcripts as sessions are: prompts, answers with calls of tools, their results, and records
//! of the CLI, in forty sessions with subagents. Another has nothing: the difference is what reading takes.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program of its own that starts others and prints a table"
)]

mod home;

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use home::{REQUEST, home, pointsman};
use serde_json::{Value, json};

const SESSION_COUNT: usize = 40;
const SESSION_BYTES: usize = 2_500_000;
const SCAN_COUNT: usize = 15;
const PROMPTS: [&str; 4] = [
    REQUEST,
    "yes, go on",
    "why does the parser reject an empty list? find the cause and write a test for it",
    "plan how we split the store into a reader and a writer without breaking old files",
];

fn main() {
    // `cargo test --benches` only wants to see it start.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let (empty, full) = (home(""), home(""));
    let bytes = fill(full.path());
    let counted = pointsman(full.path(), &["scan", "-o", "json"]).output().unwrap().stdout;
    let counted: Value = serde_json::from_slice(&counted).unwrap();
    assert_eq!((&counted["sessions"], &counted["bytes"]), (&json!(SESSION_COUNT), &json!(bytes)));
    let mut pairs: Vec<(f64, f64)> =
        (0..SCAN_COUNT).map(|_| (seconds(empty.path()), seconds(full.path()))).collect();
    let median = |mut of: Vec<f64>| {
        of.sort_by(f64::total_cmp);
        of[of.len() / 2]
    };
    let (base, took): (Vec<f64>, Vec<f64>) = pairs.drain(..).unzip();
    let (base, took) = (median(base), median(took));
    let megabytes = bytes as f64 / 1e6;
    println!("\n{megabytes:.0} MB of transcripts; promised: below 2 s for 100 MB");
    println!("of its prompts: {}", counted["prompts"]);
    println!("{:<40} {:>9.1} ms", "`scan` of nothing", base * 1e3);
    println!("{:<40} {:>9.1} ms {:>7.0} MB/s", "`scan` of all of it", took * 1e3, megabytes / took);
}

fn seconds(home: &Path) -> f64 {
    let begun = Instant::now();
    let status = pointsman(home, &["scan"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(status.unwrap().success());
    begun.elapsed().as_secs_f64()
}

/// Writes the transcripts, and returns their size.
fn fill(home: &Path) -> usize {
    let project = home.join(".claude/projects/-home-somebody-project");
    let mut bytes = 0;
    for session in 0..SESSION_COUNT {
        let beside = project.join(format!("session-{session}/subagents"));
        fs::create_dir_all(&beside).unwrap();
        let own = transcript(&format!("s{session}"), SESSION_BYTES * 4 / 5);
        let of_subagent = transcript(&format!("a{session}"), SESSION_BYTES / 5);
        fs::write(project.join(format!("session-{session}.jsonl")), &own).unwrap();
        fs::write(beside.join(format!("agent-a{session}.jsonl")), &of_subagent).unwrap();
        bytes += own.len() + of_subagent.len();
    }
    bytes
}

/// Returns turns of one prompt, and of twenty answers with the results of their calls.
fn transcript(name: &str, bytes: usize) -> String {
    let mut text = String::new();
    let (result, thought) = ("let found = parser.next();\n".repeat(200), "I look at the parser. ".repeat(40));
    let now = jiff::Timestamp::now().to_string();
    let line = |kind: &str, more: Value| {
        let mut line = json!({"parentUuid": "c0ffee00-0000-7000-8000-000000000000", "isSidechain": false, "type": kind,
            "timestamp": now, "sessionId": name, "cwd": "/home/somebody/project", "version": "2.1.332", "gitBranch": "main"});
        line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        format!("{line}\n")
    };
    for turn in 0.. {
        if text.len() >= bytes {
            break;
        }
        let prompt = PROMPTS[turn % PROMPTS.len()];
        text.push_str(&line(
            "user",
            json!({"uuid": format!("{name}-{turn}"), "message": {"role": "user", "content": prompt}}),
        ));
        for part in 0..20 {
            let id = format!("{name}-{turn}-{part}");
            let content = json!([{"type": "text", "text": thought},
                {"type": "tool_use", "id": id, "name": "Bash", "input": {"command": "cargo test"}}]);
            let usage = json!({"input_tokens": 9, "output_tokens": 300, "cache_read_input_tokens": 40_000,
                "cache_creation_input_tokens": 900});
            let message = json!({"id": id, "model": "claude-opus-5-5", "usage": usage, "content": content});
            text.push_str(&line("assistant", json!({"uuid": id, "requestId": id, "message": message})));
            let content = json!([{"type": "tool_result", "tool_use_id": id, "content": result}]);
            let more =
                json!({"message": {"role": "user", "content": content}, "toolUseResult": {"stdout": result}});
            text.push_str(&line("user", more));
        }
        text.push_str(&line("attachment", json!({"attachment": {"type": "environment", "text": result}})));
    }
    text
}
