//! What the words of a script mean.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use crate::mischief;
use crate::stream::Stage;

/// How long a script waits for somebody before it looks again.
const LOOK_EVERY: Duration = Duration::from_millis(5);

struct Script<'a> {
    words: std::slice::Iter<'a, String>,
    stage: Stage,
    prompt: Vec<u8>,
    /// Locks that are held to the end.
    locks: Vec<File>,
    /// The exit code of an end without a step that names one.
    code: u8,
}

/// Plays a script and returns the exit code.
pub fn play(args: &[String]) -> u8 {
    let plain = args.first().is_some_and(|word| word == "plain");
    let words = &args[usize::from(plain)..];
    let (words, flags) = words.split_at(words.iter().position(|word| word == "-p").unwrap_or(words.len()));
    if words.iter().any(|word| word == "ignores-term") {
        mischief::ignore_term(args);
    }
    // Like the real one, it reads its whole prompt first.
    let mut prompt = vec![];
    let _ = std::io::stdin().lock().read_to_end(&mut prompt);
    let stage = Stage::new(flags, plain);
    let mut script = Script { words: words.iter(), stage, prompt, locks: vec![], code: 0 };
    loop {
        let Some(step) = script.words.next() else { return script.code };
        if let Some(code) = script.step(step) {
            return code;
        }
    }
}

impl Script<'_> {
    fn word(&mut self) -> String {
        self.words.next().cloned().unwrap_or_else(|| wrong("a step lacks its word"))
    }

    fn number<T: std::str::FromStr>(&mut self) -> T {
        let word = self.word();
        word.parse().unwrap_or_else(|_| wrong(&format!("`{word}` is no number")))
    }

    /// Does one step; returns the exit code when it is the last.
    fn step(&mut self, step: &str) -> Option<u8> {
        match step {
            // Steps after which the script goes on.
            "says" => {
                let text = self.word();
                self.stage.say(&text);
            }
            // The turn is over, but the process goes on with the next steps.
            "answers" => {
                let text = self.word();
                self.stage.complete(&text);
            }
            "calls-tool" => {
                let name = self.word();
                self.stage.use_tool(&name);
            }
            "dumps" => self.dump(),
            "touches" => drop(File::create(self.word())),
            "writes" => {
                let (path, text) = (self.word(), self.word());
                std::fs::write(path, text).expect("a test's file can be written");
            }
            "removes" => std::fs::remove_file(self.word()).expect("a test's file can be removed"),
            "awaits" => {
                let path = self.word();
                wait_until(|| Path::new(&path).exists());
            }
            "locks" => self.lock(),
            "complains" => {
                let _ = writeln!(std::io::stderr(), "{}", self.word());
            }
            // Done before everything else.
            "ignores-term" => {}
            "leaks-grandchild" => mischief::leak(3),
            "leaves-background" => mischief::leak(1),
            "leaves-chain" => mischief::leave_chain(&self.word()),
            "floods" => {
                self.stage.begin();
                let kind = self.word();
                mischief::flood(&kind, self.number(), self.stage.plain);
            }
            "slow" => self.slow(),
            "deltas" => self.deltas(),
            "unknown-events" => self.unknown_events(),
            "spends" => self.spend(),
            "opens-task" => {
                self.stage.system("task_started", json!({"task_id": "task-1", "is_backgrounded": true}))
            }
            "closes-task" => {
                self.stage.system("task_notification", json!({"task_id": "task-1", "status": "completed"}));
            }
            "first" => return self.first(),
            "on" => return self.on_model(),
            "exits" => return Some(self.number()),
            other => return self.last_step(other),
        }
        None
    }

    /// The steps that end the process.
    fn last_step(&mut self, step: &str) -> Option<u8> {
        let stage = &mut self.stage;
        match step {
            "completes" => {
                let text = self.word();
                self.stage.complete(&text);
            }
            "echoes" => {
                let text = String::from_utf8_lossy(&self.prompt).into_owned();
                self.stage.complete(&text);
            }
            "escalates" => return self.escalate(),
            "hangs" => hang(),
            "hangs-after-init" => {
                stage.begin();
                hang();
            }
            "empty" => stage.result(json!({"result": ""})),
            "bare" => stage.complete("Done."),
            "no-result" => stage.say("I said something, and that is all."),
            "error-exit-0" => {
                let errors = json!(["something broke inside"]);
                stage
                    .result(json!({"is_error": true, "subtype": "error_during_execution", "errors": errors}));
            }
            "max-turns" => {
                stage.say("still at it");
                stage.result(
                    json!({"subtype": "error_max_turns", "is_error": true, "terminal_reason": "max_turns",
                    "errors": ["Reached maximum number of turns (2)"]}),
                );
                return Some(1);
            }
            "budget" => {
                stage.result(json!({"subtype": "error_max_budget_usd", "is_error": true,
                    "errors": ["Reached maximum budget ($0.5)"]}));
                return Some(1);
            }
            "denied" => {
                stage.use_tool("Bash");
                stage.system("permission_denied", json!({"tool_name": "Bash"}));
                let denials = json!([{"tool_name": "Bash", "tool_use_id": "toolu_1", "tool_input": {}}]);
                stage.result(json!({"result": "", "permission_denials": denials}));
            }
            "denied-but-answers" => {
                let text = self.word();
                self.stage.say(&text);
                let denials = json!([{"tool_name": "Bash", "tool_use_id": "toolu_1", "tool_input": {}}]);
                self.stage.result(json!({"result": text, "permission_denials": denials}));
            }
            "wrong-model" => {
                let (model, text) = (self.word(), self.word());
                self.stage.say_as(&model, &text);
                self.stage.result(json!({"result": text}));
            }
            "rate-limited" => {
                let resets_at = self.number();
                self.stage.rejected(resets_at);
                self.stage.api_error(429, "rate_limit", "You've hit your 5-hour limit", json!({}));
                return Some(1);
            }
            "api-error" => {
                let (status, kind) = (self.number(), self.word());
                self.stage.api_error(status, &kind, &format!("API Error: {status}"), json!({}));
                return Some(1);
            }
            "overloaded" => {
                stage.api_error(529, "overloaded", "API Error: 529 Overloaded", json!({}));
                return Some(1);
            }
            "too-long" => {
                let reason = json!({"terminal_reason": "prompt_too_long"});
                stage.api_error(400, "invalid_request", "Prompt is too long", reason);
                return Some(1);
            }
            "auth" => self.refused_login(),
            "background-task" => self.background_task(),
            "crashes" => mischief::crash(),
            other => wrong(&format!("`{other}` is no step")),
        }
        Some(self.code)
    }

    /// `dumps env|argv|stdin|cwd FILE`: the first start writes FILE, the next ones FILE.2, FILE.3, …
    fn dump(&mut self) {
        let (what, path) = (self.word(), self.word());
        let bytes = match what.as_str() {
            "env" => lines(std::env::vars().map(|(name, value)| format!("{name}={value}"))),
            "argv" => lines(std::env::args()),
            "cwd" => lines(std::env::current_dir().map(|dir| dir.display().to_string())),
            "stdin" => self.prompt.clone(),
            other => wrong(&format!("`{other}` cannot be dumped")),
        };
        for path in (1..).map(|n| if n == 1 { PathBuf::from(&path) } else { format!("{path}.{n}").into() }) {
            if let Ok(mut file) = OpenOptions::new().write(true).create_new(true).open(path) {
                let _ = file.write_all(&bytes);
                return;
            }
        }
    }

    /// `locks FILE`: dies at once when somebody else holds it.
    fn lock(&mut self) {
        let path = self.word();
        let file = File::create(&path).unwrap_or_else(|error| wrong(&format!("{path}: {error}")));
        if file.try_lock().is_err() {
            let _ = fs::write(format!("{path}.violated"), "two agents at once");
            wrong("another agent is at work here");
        }
        self.locks.push(file);
    }

    /// `slow N`: N words, one event each.
    fn slow(&mut self) {
        let count: u32 = self.number();
        for word in 1..=count {
            self.stage.delta(&format!("word{word} "));
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// `deltas N TEXT`: the text in pieces of N characters.
    fn deltas(&mut self) {
        let (size, text): (usize, String) = (self.number(), self.word());
        let letters: Vec<char> = text.chars().collect();
        for piece in letters.chunks(size.max(1)) {
            self.stage.delta(&piece.iter().collect::<String>());
        }
    }

    fn unknown_events(&mut self) {
        self.stage.begin();
        crate::stream::emit(&json!({"type": "hologram", "data": [1, 2, 3]}));
        crate::stream::emit(&json!({"type": "system", "subtype": "from_the_future"}));
        crate::stream::print("this is not JSON");
        crate::stream::print("[]");
        crate::stream::print("");
    }

    /// `spends TOKENS`: so much output was billed in a call that is not over.
    fn spend(&mut self) {
        let tokens: u64 = self.number();
        let model = self.stage.served();
        self.stage.stream_event(&json!({"type": "message_start", "message": {"id": "msg_1", "model": model,
            "usage": {"input_tokens": 10, "output_tokens": 1}}}));
        self.stage.stream_event(&json!({"type": "message_delta", "usage": {"input_tokens": 10,
            "output_tokens": tokens}}));
    }

    /// `first N FILE STEP`: the first N starts end with STEP; FILE counts them.
    fn first(&mut self) -> Option<u8> {
        let (count, path, step): (usize, String, String) = (self.number(), self.word(), self.word());
        let mut file = OpenOptions::new().append(true).create(true).open(&path).ok()?;
        let _ = file.write_all(b".");
        let starts = fs::metadata(&path).map_or(0, |meta| meta.len() as usize);
        if starts <= count { self.last_step(&step) } else { self.skip(&step) }
    }

    /// `on MODEL STEP`: this step is for one model only.
    fn on_model(&mut self) -> Option<u8> {
        let (model, step) = (self.word(), self.word());
        if self.stage.model == model { self.step(&step) } else { self.skip(&step) }
    }

    /// Passes by the words of a step that is not done.
    fn skip(&mut self, step: &str) -> Option<u8> {
        let word_count = match step {
            "dumps" | "writes" | "floods" | "deltas" | "wrong-model" | "api-error" => 2,
            "says" | "answers" | "calls-tool" | "leaves-chain" | "touches" | "awaits" | "locks"
            | "removes" | "complains" | "slow" | "spends" | "exits" | "completes" | "denied-but-answers"
            | "rate-limited" => 1,
            "first" | "on" => wrong("a condition cannot stand in a condition"),
            _ => 0,
        };
        for _ in 0..word_count {
            self.word();
        }
        None
    }

    /// Asks for a stronger tier through the typed channel, but only as the weakest one.
    fn escalate(&mut self) -> Option<u8> {
        let marker = self.stage.escalation_marker().filter(|_| self.stage.model.contains("haiku"));
        match marker {
            Some(marker) => {
                self.stage.complete(&format!("I read the code.\n{marker} this needs a proof"));
                Some(0)
            }
            None => {
                let text = format!("{} took over", self.stage.model);
                self.stage.complete(&text);
                Some(0)
            }
        }
    }

    /// A refused key: the CLI tells it and goes on asking for minutes.
    fn refused_login(&mut self) {
        for attempt in 1.. {
            self.stage.system(
                "api_retry",
                json!({"attempt": attempt, "max_retries": 10, "retry_delay_ms": 500,
                "error_status": 401, "error": "authentication_failed"}),
            );
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    /// A result while a task is open, and another one when it is done.
    fn background_task(&mut self) {
        let stage = &mut self.stage;
        stage.use_tool("Agent");
        stage.system("task_started", json!({"task_id": "task-1", "is_backgrounded": true}));
        stage.complete("I started a helper.");
        stage.system("task_updated", json!({"task_id": "task-1", "patch": {"status": "completed"}}));
        stage.system("task_notification", json!({"task_id": "task-1", "status": "completed"}));
        stage.say("The helper says 42.");
        stage.result(json!({"result": "The helper says 42.", "origin": {"kind": "task-notification"}}));
    }
}

fn lines(all: impl IntoIterator<Item = String>) -> Vec<u8> {
    all.into_iter().flat_map(|line| [line.into_bytes(), vec![b'\n']].concat()).collect()
}

fn wait_until(mut done: impl FnMut() -> bool) {
    while !done() {
        std::thread::sleep(LOOK_EVERY);
    }
}

fn hang() -> ! {
    loop {
        std::thread::park();
    }
}

fn wrong(message: &str) -> ! {
    let _ = writeln!(std::io::stderr(), "fake agent: {message}");
    std::process::exit(97);
}
