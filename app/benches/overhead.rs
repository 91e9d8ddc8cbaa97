//! What pointsman adds: a table of yardsticks and what stands beside each of them, measured in one run.
//!
//! `cargo bench -p pointsman`
//!
//! Each pair is measured alternately, so that a busy machine slows both. "beyond" is the difference of the two
//! medians. The last part streams a gigabyte through `pointsman run` and reads the peak memory of both of its
//! processes from `/proc`; it is left out where there is none.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program of its own that starts others and prints a table"
)]

mod home;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use home::{REQUEST, home, pointsman};

/// How often each of a pair is started. The first tenth is not counted.
const START_COUNT: usize = 220;
const STREAM_BYTES: u64 = 1 << 30;
/// Text of one streamed piece.
const PIECE_BYTES: usize = 1000;

fn main() {
    // `cargo test --benches` only wants to see it start.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let home = home(&agents());

    println!(
        "\nP20: {START_COUNT} starts each, milliseconds; promised medians: `route` below 5 beyond, `run` below 10"
    );
    println!("{:<46} {:>8} {:>8} {:>8} {:>7}", "", "median", "p90", "beyond", "ratio");
    compare(
        ("an empty process (`/bin/true`)", Command::new("/bin/true")),
        ("`pointsman route`", pointsman(home.path(), &["route", "-o", "json", REQUEST])),
    );
    let mut direct = Command::new("/bin/echo");
    direct.arg("the answer is 42");
    compare(
        ("an agent of about 1 ms (`/bin/echo`), directly", direct),
        ("the same through `pointsman run`", pointsman(home.path(), &["run", "--agent", "quick", REQUEST])),
    );
    hooks(home.path());
    if Path::new("/proc/self/status").exists() {
        stream_a_gigabyte(home.path());
    }
}

/// The hook as a process, for each event in which somebody waits for it, alone and beside a process that commits all the time.
fn hooks(home: &Path) {
    println!("\nP20: {START_COUNT} hooks each, milliseconds; promised p99: below 10 beyond an empty process");
    println!("{:<46} {:>8} {:>8} {:>8} {:>8}", "", "median", "p90", "p99", "CPU");
    // The ledger must be there for somebody to commit to.
    assert!(pointsman(home, &["runs", "list"]).stdout(Stdio::null()).status().unwrap().success());
    let event = |name: &str, more: &str| {
        format!("{{\"session_id\":\"s1\",\"prompt_id\":\"p1\",\"hook_event_name\":\"{name}\"{more}}}")
    };
    let delegation = format!(
        ",\"tool_name\":\"Agent\",\"tool_use_id\":\"t1\",\"tool_input\":{{\"description\":\"d\",\"prompt\":\"{REQUEST}\"}}"
    );
    let events = [
        ("UserPromptSubmit", event("UserPromptSubmit", &format!(",\"prompt\":\"{REQUEST}\""))),
        ("PreToolUse of Agent", event("PreToolUse", &delegation)),
        ("SessionStart", event("SessionStart", ",\"source\":\"startup\"")),
    ];
    line_of("an empty process (`/bin/true`)", || Command::new("/bin/true"), "");
    for (name, input) in &events {
        line_of(&format!("hook, {name}, alone"), || pointsman(home, &["hook"]), input);
    }
    let stop = Arc::new(AtomicBool::new(false));
    let writer = commits(home.join(".local/state/pointsman/ledger.db"), Arc::clone(&stop));
    for (name, input) in &events {
        line_of(&format!("hook, {name}, beside commits"), || pointsman(home, &["hook"]), input);
    }
    stop.store(true, Ordering::Relaxed);
    println!("{:<46} {:>8}", "commits meanwhile", writer.join().unwrap());
}

/// Commits small rows, each synced to the disk, until it is stopped; returns how many.
fn commits(ledger: PathBuf, stop: Arc<AtomicBool>) -> std::thread::JoinHandle<u64> {
    std::thread::spawn(move || {
        let db = rusqlite::Connection::open(ledger).unwrap();
        db.pragma_update(None, "synchronous", "FULL").unwrap();
        db.execute_batch("CREATE TABLE IF NOT EXISTS bench (x TEXT)").unwrap();
        let mut count = 0;
        while !stop.load(Ordering::Relaxed) {
            db.execute("INSERT INTO bench VALUES ('a row')", []).unwrap();
            count += 1;
        }
        count
    })
}

fn line_of(name: &str, make: impl Fn() -> Command, input: &str) {
    let before = children_cpu();
    let took: Vec<Duration> = (0..START_COUNT).map(|_| time_with_input(&mut make(), input)).collect();
    let cpu =
        children_cpu().zip(before).map_or(f64::NAN, |(after, before)| (after - before) / START_COUNT as f64);
    let spread = Spread::of(took[START_COUNT / 10..].to_vec());
    println!("{name:<46} {:>8.2} {:>8.2} {:>8.2} {cpu:>8.2}", spread.median, spread.p90, spread.p99);
}

fn time_with_input(command: &mut Command, input: &str) -> Duration {
    let begun = Instant::now();
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // An empty process reads nothing.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    assert!(child.wait().unwrap().success());
    begun.elapsed()
}

/// CPU time of all children that have ended, in milliseconds, where the system tells.
fn children_cpu() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    // Fields 16 and 17 of proc(5), in ticks of 10 ms.
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some((ticks(13)? + ticks(14)?) * 10.0)
}

/// An agent that ends at once, and one that streams a gigabyte in Claude Code's form.
fn agents() -> String {
    let delta = r#"{"type":"stream_event","event":{"type":"content_block_delta","delta":{"type":"text_delta","text":"TEXT"}}}"#;
    let text = "lorem ipsum dolor sit amet ".repeat(PIECE_BYTES / 27);
    let line = delta.replace("TEXT", &text);
    let result = r#"{"type":"result","subtype":"success","is_error":false,"num_turns":1,"result":"streamed","usage":{"output_tokens":9}}"#;
    let count = STREAM_BYTES / (line.len() as u64 + 1);
    let script = format!("yes '{line}' | head -n {count}; echo '{result}'");
    format!(
        "[agents.quick]\nadapter = \"plain\"\ntier = \"haiku\"\ncommand = [\"/bin/echo\", \"the answer is 42\"]\n\
         [agents.flood]\nadapter = \"claude\"\ntier = \"haiku\"\ncommand = [\"/bin/sh\", \"-c\", '''{script}''']\n"
    )
}

fn compare(yardstick: (&str, Command), measured: (&str, Command)) {
    let (yardstick_name, mut yardstick) = yardstick;
    let (measured_name, mut measured) = measured;
    let pairs: Vec<(Duration, Duration)> =
        (0..START_COUNT).map(|_| (time(&mut yardstick), time(&mut measured))).collect();
    let counted = &pairs[START_COUNT / 10..];
    let base = Spread::of(counted.iter().map(|(base, _)| *base).collect());
    let ours = Spread::of(counted.iter().map(|(_, ours)| *ours).collect());
    println!("{yardstick_name:<46} {:>8.2} {:>8.2}", base.median, base.p90);
    let (beyond, ratio) = (ours.median - base.median, ours.median / base.median);
    println!("{measured_name:<46} {:>8.2} {:>8.2} {beyond:>8.2} {ratio:>6.1}x", ours.median, ours.p90);
}

fn time(command: &mut Command) -> Duration {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let begun = Instant::now();
    let status = command.status().unwrap();
    let took = begun.elapsed();
    assert!(status.success(), "{command:?} ended with {status}");
    took
}

struct Spread {
    median: f64,
    p90: f64,
    p99: f64,
}

impl Spread {
    fn of(mut took: Vec<Duration>) -> Spread {
        took.sort();
        let at = |share: usize| took[(took.len() - 1) * share / 100].as_secs_f64() * 1e3;
        Spread { median: at(50), p90: at(90), p99: at(99) }
    }
}

fn stream_a_gigabyte(home: &Path) {
    let mut command = pointsman(home, &["run", "--agent", "flood", "-q", REQUEST]);
    let begun = Instant::now();
    let mut run = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let pid = run.id();
    let (mut run_kb, mut shim_kb) = (0, 0);
    let status = loop {
        run_kb = run_kb.max(peak_kb(pid).unwrap_or(0));
        let children = children(pid).into_iter().filter_map(peak_kb);
        shim_kb = shim_kb.max(children.max().unwrap_or(0));
        match run.try_wait().unwrap() {
            Some(status) => break status,
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    assert!(status.success(), "the flood ended with {status}");
    let took = begun.elapsed().as_secs_f64();
    let megabytes = STREAM_BYTES as f64 / f64::from(1 << 20);
    println!("\npeak memory while an agent streams {megabytes:.0} MiB of stream-json, MiB");
    println!("{:<46} {:>8.1}", "`pointsman run`", run_kb as f64 / 1024.0);
    println!("{:<46} {:>8.1}", "its shim", shim_kb as f64 / 1024.0);
    println!("{:<46} {:>8.1}", "seconds", took);
    println!("{:<46} {:>8.1}\n", "MiB a second", megabytes / took);
}

/// Peak resident memory of a process so far, in KiB.
fn peak_kb(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

fn children(pid: u32) -> Vec<u32> {
    let tasks = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    tasks.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}
