//! What hooks leave behind: what `run` spends on it, and how long a report of all of it takes.
//!
//! `cargo bench -p pointsman --bench hook_facts`
//!
//! One home has nothing of hooks; the other has 100,000 facts in its ledger and 1,000 turns in its spool whose
//! transcript of 10 MB must still be read. Runs take turns between them. The lock on tidying is held meanwhile: the pass
//! in the background that a run starts at its end is started, and does not work beside the next measurement.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program of its own that starts others and prints a table"
)]

mod home;

use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use home::{REQUEST, home, pointsman};
use serde_json::{Value, json};

const AGENT: &str = "[agents.quick]\nadapter = \"plain\"\ntier = \"haiku\"\ncommand = [\"/bin/echo\", \"the answer is 42\"]\n";
const FACT_COUNT: usize = 100_000;
const OPEN_TURN_COUNT: usize = 1_000;
const TRANSCRIPT_BYTES: usize = 10 << 20;
/// How many pairs of runs. The first tenth is not counted.
const PAIR_COUNT: usize = 220;
const REPORT_COUNT: usize = 11;

fn main() {
    // `cargo test --benches` only wants to see it start.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let (empty, full) = (Home::new(), Home::new());
    let prompt = full.facts_of_a_prompt();
    full.spool(&many(&prompt, FACT_COUNT));
    println!("\n{FACT_COUNT} facts of hooks");
    println!("{:<56} {:>9.0} ms", "import, once", ms(full.time(&["report", "compliance"])));
    let pairs: Vec<(f64, f64)> = (0..REPORT_COUNT)
        .map(|_| (ms(empty.time(&["report", "compliance"])), ms(full.time(&["report", "compliance"]))))
        .collect();
    print_pairs("`report compliance`, no facts", "`report compliance`, all of them", &pairs);

    println!(
        "\n{OPEN_TURN_COUNT} turns in the spool whose transcript of 10 MB is to be read; P20: a run spends at most 2 ms on it"
    );
    let open = full.open_turns();
    let locks = [&empty, &full].map(Home::hold_tidying);
    let run = ["run", "--agent", "quick", REQUEST];
    let mut pairs: Vec<(f64, f64)> = (0..PAIR_COUNT)
        .map(|_| {
            full.spool(&open);
            (ms(empty.time(&run)), ms(full.time(&run)))
        })
        .collect();
    pairs.drain(..PAIR_COUNT / 10);
    print_pairs("`pointsman run`, nothing of hooks", "`pointsman run`, with all this", &pairs);
    drop(locks);
    println!(
        "{:<56} {:>9.0} ms",
        "`report compliance`, which reads the transcript",
        ms(full.time(&["report", "compliance"]))
    );
    println!("{:<56} {:>9.0} ms", "the same again", ms(full.time(&["report", "compliance"])));
}

/// A home with its settings.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Home {
        let home = Home(home(AGENT));
        home.time(&["run", "--agent", "quick", REQUEST]);
        home
    }

    fn state(&self) -> PathBuf {
        self.0.path().join(".local/state/pointsman")
    }

    fn call(&self, args: &[&str]) -> Command {
        let mut command = pointsman(self.0.path(), args);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn time(&self, args: &[&str]) -> Duration {
        let begun = Instant::now();
        assert!(self.call(args).stdin(Stdio::null()).status().unwrap().success(), "{args:?}");
        begun.elapsed()
    }

    fn hook(&self, name: &str, more: Value) {
        let mut event = json!({"session_id": "s", "prompt_id": "p", "cwd": self.0.path(), "hook_event_name": name,
            "transcript_path": self.transcript()});
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let mut hook = self.call(&["hook"]).stdin(Stdio::piped()).spawn().unwrap();
        hook.stdin.take().unwrap().write_all(event.to_string().as_bytes()).unwrap();
        assert!(hook.wait().unwrap().success());
    }

    fn transcript(&self) -> PathBuf {
        self.0.path().join("transcript.jsonl")
    }

    fn spool_file(&self) -> PathBuf {
        self.state().join("hook-spool/events.jsonl")
    }

    fn spool(&self, lines: &str) {
        fs::create_dir_all(self.spool_file().parent().unwrap()).unwrap();
        fs::write(self.spool_file(), lines).unwrap();
    }

    fn taken(&self) -> String {
        let lines = fs::read_to_string(self.spool_file()).unwrap();
        fs::remove_file(self.spool_file()).unwrap();
        lines
    }

    /// Returns what hooks record of one prompt: the prompt, a delegation, the end of the turn.
    fn facts_of_a_prompt(&self) -> String {
        let answer = json!({"type": "assistant", "promptId": "p", "requestId": "r", "message": {"id": "m",
            "model": "claude-sonnet-5-5", "usage": {"input_tokens": 9, "output_tokens": 9},
            "content": [{"type": "text", "text": "done"}]}});
        fs::write(self.transcript(), format!("{answer}\n")).unwrap();
        self.hook("UserPromptSubmit", json!({"prompt": REQUEST}));
        let input = json!({"description": "d", "prompt": REQUEST, "subagent_type": "general-purpose"});
        self.hook("PreToolUse", json!({"tool_name": "Agent", "tool_use_id": "t", "tool_input": input}));
        self.hook("Stop", json!({"last_assistant_message": "done"}));
        self.taken()
    }

    /// Returns what hooks record of turns that end before the CLI has written its transcript.
    fn open_turns(&self) -> String {
        let line = json!({"type": "user", "promptId": "z", "message": {"role": "user", "content": "x".repeat(2000)}});
        let line = format!("{line}\n");
        fs::write(self.transcript(), line.repeat(TRANSCRIPT_BYTES / line.len())).unwrap();
        self.hook("Stop", json!({"last_assistant_message": "later"}));
        let open = self.taken();
        many(&open, OPEN_TURN_COUNT).replace("01b21d4c", "01b31d4c")
    }

    /// Keeps the pass in the background from working.
    fn hold_tidying(&self) -> File {
        let lock = File::create(self.state().join("locks/tidying")).unwrap();
        lock.lock().unwrap();
        lock
    }
}

/// Repeats facts with other ids, as of other prompts of a thousand sessions.
fn many(facts: &str, count: usize) -> String {
    let facts: Vec<Value> = facts.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut lines = String::new();
    for (n, fact) in facts.iter().cycle().take(count).enumerate() {
        let mut fact = fact.clone();
        let prompt = n / facts.len();
        fact["id"] = json!(format!("01b21d4c-8903-7000-8000-{n:012x}"));
        fact["prompt_id"] = json!(format!("p{prompt}"));
        fact["session"] = json!(format!("s{}", prompt / 30));
        lines.push_str(&format!("{fact}\n"));
    }
    lines
}

fn print_pairs(base_name: &str, name: &str, pairs: &[(f64, f64)]) {
    let median = |of: &dyn Fn(&(f64, f64)) -> f64| {
        let mut values: Vec<f64> = pairs.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let (base, measured) = (median(&|pair| pair.0), median(&|pair| pair.1));
    println!("{base_name:<56} {base:>9.2} ms");
    println!("{name:<56} {measured:>9.2} ms {:>9.2} beyond {:>7.2}x", measured - base, measured / base);
}

fn ms(took: Duration) -> f64 {
    took.as_secs_f64() * 1e3
}
