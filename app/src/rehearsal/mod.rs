//! The scripted agent that ships inside the binary: a real child process that speaks the real stream.
//!
//! It stands in for an agent CLI on a machine that has none, and shows what the tool does when an agent fails, hangs,
//! asks for a stronger tier, or hits a limit. It asks no model and changes no file, and everything that it prints says
//! so.

#![expect(
    clippy::print_stdout,
    reason = "the scripted agent is a program of its own: its stream is its output"
)]

use std::io::{Read as _, Write as _};
use std::process::ExitCode;

use pointsman_core::run::scenario::Scenario;
use serde_json::{Value, json};

/// The hidden verb under which this program is the scripted agent.
pub const VERB: &str = "__rehearsal-agent";

/// The flag that says when the scripted account's limit ends, in seconds since 1970.
pub const LIMIT_ENDS_AT: &str = "--limit-ends-at";

/// The prefix of every text of a rehearsal.
pub const MARK: &str = "[rehearsal]";

struct Stage {
    model: String,
    session: String,
    /// Whether it continues the session of an earlier attempt: the run was already escalated then.
    is_resumed: bool,
    contract: String,
    prompt_bytes: usize,
    limit_ends_at: i64,
}

/// Plays the scenario that the first argument names.
pub fn main(args: &[String]) -> ExitCode {
    let scenario = args.first().and_then(|name| Scenario::parse(name)).unwrap_or(Scenario::Success);
    let value = |flag: &str| {
        let bound = args.iter().find_map(|arg| arg.strip_prefix(flag)?.strip_prefix('='));
        let next = || args.get(args.iter().position(|arg| arg == flag)? + 1).map(String::as_str);
        bound.or_else(next).unwrap_or_default().to_owned()
    };
    let mut prompt = vec![];
    // Like the real CLI, it reads its whole prompt first.
    let prompt_bytes = std::io::stdin().lock().read_to_end(&mut prompt).unwrap_or(0);
    let session = [value("--session-id"), value("--resume")].concat();
    let contract = std::fs::read_to_string(value("--append-system-prompt-file")).unwrap_or_default();
    let is_resumed = !value("--resume").is_empty();
    let limit_ends_at = value(LIMIT_ENDS_AT).parse().unwrap_or_default();
    let stage = Stage { model: value("--model"), session, is_resumed, contract, prompt_bytes, limit_ends_at };
    ExitCode::from(stage.play(scenario))
}

impl Stage {
    fn play(&self, scenario: Scenario) -> u8 {
        self.emit(
            &json!({"type": "system", "subtype": "init", "session_id": self.session, "model": self.served(),
            "apiKeySource": "rehearsal", "claude_code_version": "rehearsal"}),
        );
        match scenario {
            Scenario::Success | Scenario::IfNeeded => self.succeed(&self.served()),
            Scenario::Mismatch => self.succeed(&self.other_tier()),
            Scenario::Fail => {
                self.say(&self.served(), "I am going to crash now.");
                3
            }
            Scenario::Hang => {
                self.say(&self.served(), "I am falling silent now.");
                loop {
                    std::thread::park();
                }
            }
            Scenario::Escalate => self.escalate(),
            Scenario::Quota => self.quota(),
            Scenario::Overloaded => self.api_error(529, "overloaded", "API Error: 529 Overloaded."),
            Scenario::Denied => self.denied(),
            Scenario::Empty => {
                self.emit(&self.result(json!({"result": ""})));
                0
            }
        }
    }

    fn succeed(&self, model: &str) -> u8 {
        self.emit(&json!({"type": "assistant", "message": {"model": model, "content": [
            {"type": "tool_use", "id": "rehearsal-1", "name": "Read", "input": {}}]}}));
        let text = format!(
            "{MARK} This is a rehearsal: no model was asked and no file was changed.\n\
             {MARK} The scripted agent read a prompt of {} bytes and was started as `{}`.\n\
             {MARK} With a real agent, its answer would stand here.",
            self.prompt_bytes, self.model
        );
        for word in text.split_inclusive(' ') {
            self.emit(&json!({"type": "stream_event", "event": {"type": "content_block_delta",
                "delta": {"type": "text_delta", "text": word}}}));
        }
        self.emit(&json!({"type": "assistant", "message": {"model": model, "content": [{"type": "text", "text": text}]}}));
        self.emit(&self.result(json!({"result": text})));
        0
    }

    /// Asks for a stronger tier, as the contract explains it; at the top there is no stronger tier to ask for.
    fn escalate(&self) -> u8 {
        let marker = self
            .contract
            .lines()
            .find_map(|line| line.strip_suffix(" REASON").filter(|m| m.contains(":escalate]]")));
        match marker {
            Some(marker) if !self.is_resumed && !self.model.contains("opus") => {
                let text = format!(
                    "{MARK} I looked at it and it is too hard for me.\n{marker} {MARK} it only rehearses"
                );
                self.emit(&json!({"type": "assistant", "message": {"model": self.served(),
                    "content": [{"type": "text", "text": text}]}}));
                self.emit(&self.result(json!({"result": text})));
                0
            }
            Some(_) | None => self.succeed(&self.served()),
        }
    }

    /// Is limited until the limit ends, and then does its work.
    fn quota(&self) -> u8 {
        if crate::clock::now().as_second() >= self.limit_ends_at {
            return self.succeed(&self.served());
        }
        self.emit(&json!({"type": "rate_limit_event", "rate_limit_info": {"status": "rejected",
            "resetsAt": self.limit_ends_at, "rateLimitType": "five_hour", "utilization": 1}}));
        self.api_error(429, "rate_limit", "You've hit your 5-hour limit")
    }

    fn api_error(&self, status: u16, kind: &str, text: &str) -> u8 {
        let text = format!("{MARK} {text}");
        self.emit(&json!({"type": "assistant", "error": kind, "api_error_status": status, "message": {
            "model": "<synthetic>", "content": [{"type": "text", "text": text}]}}));
        self.emit(&self.result(json!({"is_error": true, "api_error_status": status, "result": text,
            "terminal_reason": "api_error"})));
        1
    }

    fn denied(&self) -> u8 {
        self.say(&self.served(), "I would like to run a command.");
        let call = json!({"type": "tool_use", "id": "rehearsal-1", "name": "Bash", "input": {"command": "cargo test"}});
        self.emit(&json!({"type": "assistant", "message": {"model": self.served(), "content": [call]}}));
        let denied = json!({"tool_name": "Bash", "tool_use_id": "rehearsal-1", "tool_input": {"command": "cargo test"}});
        self.emit(&json!({"type": "system", "subtype": "permission_denied", "tool_name": "Bash", "tool_use_id": "rehearsal-1"}));
        self.emit(&self.result(json!({"result": "I was not allowed to.", "permission_denials": [denied]})));
        0
    }

    fn say(&self, model: &str, text: &str) {
        let text = format!("{MARK} {text}");
        self.emit(&json!({"type": "assistant", "message": {"model": model, "content": [{"type": "text", "text": text}]}}));
    }

    fn result(&self, more: Value) -> Value {
        let mut result = json!({"type": "result", "subtype": "success", "is_error": false, "num_turns": 1,
            "session_id": self.session, "total_cost_usd": 0.0, "terminal_reason": "completed"});
        if let (Some(result), Value::Object(more)) = (result.as_object_mut(), more) {
            result.extend(more);
        }
        result
    }

    /// Returns the model name under which the requested tier answers in a rehearsal.
    fn served(&self) -> String {
        format!("claude-{}", self.model)
    }

    fn other_tier(&self) -> String {
        let other = if self.model.contains("sonnet") { "haiku" } else { "sonnet" };
        format!("claude-rehearsal-{other}")
    }

    fn emit(&self, line: &Value) {
        println!("{line}");
        let _ = std::io::stdout().flush();
    }
}
