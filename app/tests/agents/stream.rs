//! The lines that the CLI prints, built from what the scripts need of them.

use std::io::Write as _;

use serde_json::{Value, json};

/// What the process was told by flags, and whether its stream has begun.
pub struct Stage {
    /// The model of `--model`.
    pub model: String,
    /// The session of `--session-id` or `--resume`.
    pub session: String,
    /// The mode of `--permission-mode`.
    pub permission_mode: String,
    /// The text of the file after `--append-system-prompt-file`.
    pub contract: String,
    /// Whether only text is spoken.
    pub plain: bool,
    begun: bool,
}

impl Stage {
    /// Reads the flags.
    pub fn new(flags: &[String], plain: bool) -> Stage {
        let value = |flag: &str| {
            let bound = flags.iter().find_map(|arg| arg.strip_prefix(flag)?.strip_prefix('='));
            let next = || flags.get(flags.iter().position(|arg| arg == flag)? + 1).map(String::as_str);
            bound.or_else(next).unwrap_or_default().to_owned()
        };
        Stage {
            model: value("--model"),
            session: [value("--session-id"), value("--resume")].concat(),
            permission_mode: value("--permission-mode"),
            contract: std::fs::read_to_string(value("--append-system-prompt-file")).unwrap_or_default(),
            plain,
            begun: false,
        }
    }

    /// Prints the first line of the stream, unless it is out already.
    pub fn begin(&mut self) {
        if !self.plain && !std::mem::replace(&mut self.begun, true) {
            emit(
                &json!({"type": "system", "subtype": "init", "session_id": self.session, "model": self.served(),
                "cwd": "/project", "tools": ["Bash", "Read"], "permissionMode": self.permission_mode,
                "apiKeySource": "none", "claude_code_version": "2.1.330"}),
            );
        }
    }

    /// Says something in the main thread.
    pub fn say(&mut self, text: &str) {
        let served = self.served();
        self.say_as(&served, text);
    }

    /// Says something in the main thread in another model's name.
    pub fn say_as(&mut self, model: &str, text: &str) {
        self.block(model, json!({"type": "text", "text": text}), text);
    }

    /// Calls a tool.
    pub fn use_tool(&mut self, name: &str) {
        let served = self.served();
        self.block(&served, json!({"type": "tool_use", "id": "toolu_1", "name": name, "input": {}}), "");
    }

    fn block(&mut self, model: &str, block: Value, text: &str) {
        self.begin();
        if self.plain {
            print(text);
        } else {
            emit(
                &json!({"type": "assistant", "message": {"id": "msg_1", "model": model, "role": "assistant",
                "content": [block], "usage": {"input_tokens": 1000, "output_tokens": 1}},
                "parent_tool_use_id": null, "session_id": self.session}),
            );
        }
    }

    /// Prints the next characters of a text.
    pub fn delta(&mut self, text: &str) {
        self.stream_event(&json!({"type": "content_block_delta", "index": 0,
            "delta": {"type": "text_delta", "text": text}}));
    }

    /// Prints a raw event of the API's stream.
    pub fn stream_event(&mut self, event: &Value) {
        self.begin();
        emit(&json!({"type": "stream_event", "event": event, "parent_tool_use_id": null}));
    }

    /// Prints a system line.
    pub fn system(&mut self, subtype: &str, more: Value) {
        self.begin();
        emit(&merged(json!({"type": "system", "subtype": subtype, "session_id": self.session}), more));
    }

    /// Prints the account's limits, as refused until then.
    pub fn rejected(&mut self, resets_at: i64) {
        self.begin();
        emit(
            &json!({"type": "rate_limit_event", "rate_limit_info": {"status": "rejected", "resetsAt": resets_at,
            "rateLimitType": "five_hour", "isUsingOverage": false}}),
        );
    }

    /// Prints the result that ends a turn; `more` replaces what a success would say.
    pub fn result(&mut self, more: Value) {
        self.begin();
        let model = self.served();
        let usage = json!({model: {"inputTokens": 1000, "outputTokens": 50, "cacheReadInputTokens": 7,
            "cacheCreationInputTokens": 3, "costUSD": 0.25}});
        emit(&merged(
            json!({"subtype": "success", "is_error": false, "num_turns": 1, "terminal_reason": "completed",
                "stop_reason": "end_turn", "session_id": self.session, "total_cost_usd": 0.25,
                "modelUsage": usage, "permission_denials": [], "type": "result"}),
            more,
        ));
    }

    /// Answers and ends the turn.
    pub fn complete(&mut self, text: &str) {
        self.say(text);
        if !self.plain {
            self.result(json!({"result": text}));
        }
    }

    /// Ends the turn with an API error, as the CLI words it.
    pub fn api_error(&mut self, status: u16, kind: &str, text: &str, more: Value) {
        self.begin();
        emit(&json!({"type": "assistant", "error": kind, "api_error_status": status,
            "message": {"model": "<synthetic>", "content": [{"type": "text", "text": text}]}}));
        let about = json!({"is_error": true, "api_error_status": status, "result": text,
            "terminal_reason": "api_error", "total_cost_usd": 0, "modelUsage": {}});
        self.result(merged(about, more));
    }

    /// Returns the marker with which this run asks for a stronger tier.
    pub fn escalation_marker(&self) -> Option<String> {
        let lines = self.contract.lines().filter_map(|line| line.strip_suffix(" REASON"));
        lines.map(str::to_owned).find(|marker| marker.ends_with(":escalate]]"))
    }

    /// Returns the name under which the asked tier answers.
    pub fn served(&self) -> String {
        format!("claude-{}-5-5", self.model)
    }
}

fn merged(mut base: Value, more: Value) -> Value {
    if let (Value::Object(base), Value::Object(more)) = (&mut base, more) {
        base.extend(more);
    }
    base
}

/// Prints a JSON line.
pub fn emit(line: &Value) {
    print(&line.to_string());
}

/// Prints a line at once. A reader that went away ends the program, as it would end the real one.
pub fn print(line: &str) {
    let mut out = std::io::stdout().lock();
    if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}
