//! What streams of any CLI that people have are worth: composed streams, each kind with its harmless neighbour.
//!
//! The shapes come from the CLI's own programs (2.1.197 to 2.1.332) and from public reports of people who run it headless.

mod answers;
mod failures;
mod spending;

use std::time::Duration;

use pointsman_core::adapter::invocation::SessionStart;
use pointsman_core::agent::{AdapterKind, Agent, Catalog, Tier};
use pointsman_core::run::contract::Nonce;
use pointsman_core::run::end::{Exit, ProcessEnd};
use pointsman_core::run::evidence::Evidence;
use pointsman_core::run::judge::{Judgement, judge};
use pointsman_core::run::outcome::Outcome;
use serde_json::{Value, json};

pub const GOOD: &str = "Corrected one word in README.md, line two.";
pub const MODEL: &str = "claude-haiku-5-5";
pub const TEXT_BYTES_MAX: usize = 1 << 20;

pub fn init() -> Value {
    json!({"type": "system", "subtype": "init", "session_id": "s", "model": MODEL, "apiKeySource": "none"})
}

pub fn say(text: &str) -> Value {
    json!({"type": "assistant", "parent_tool_use_id": null,
        "message": {"id": "m1", "model": MODEL, "content": [{"type": "text", "text": text}]}})
}

pub fn call(id: &str, tool: &str, input: Value) -> Value {
    json!({"type": "assistant", "message": {"id": "m1", "model": MODEL,
        "content": [{"type": "tool_use", "id": id, "name": tool, "input": input}]}})
}

pub fn ended(id: &str, failed: bool) -> Value {
    json!({"type": "user", "message": {"content": [{"type": "tool_result", "tool_use_id": id, "is_error": failed}]}})
}

pub fn synthetic(text: &str, more: Value) -> Value {
    with(
        json!({"type": "assistant", "message": {"model": "<synthetic>", "content": [{"type": "text", "text": text}]}}),
        more,
    )
}

pub fn result(text: Value, more: Value) -> Value {
    let base = json!({"type": "result", "subtype": "success", "is_error": false, "num_turns": 2, "result": text,
        "session_id": "s", "total_cost_usd": 0.5, "modelUsage": {MODEL: {"inputTokens": 9, "outputTokens": 9, "costUSD": 0.5}}});
    with(base, more)
}

/// A result of a turn in which no model answered.
pub fn error_result(text: &str, more: Value) -> Value {
    let nothing = json!({"is_error": true, "num_turns": 1, "total_cost_usd": 0, "modelUsage": {}});
    result(json!(text), with(nothing, more))
}

pub fn with(mut base: Value, more: Value) -> Value {
    base.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    base
}

pub fn agent() -> Agent {
    Agent::general(Tier::Haiku)
}

pub fn by_code(code: i32) -> ProcessEnd {
    ProcessEnd {
        exit: Exit::Code { code },
        stopped: None,
        leaked_count: 0,
        duration: Duration::from_secs(1),
        stderr_tail: String::new(),
        oversized_lines: 0,
    }
}

pub fn read(lines: &[String]) -> Evidence {
    let mut decoder = AdapterKind::Claude.decoder(None, SessionStart::New);
    let mut seen = Evidence::default();
    for line in lines {
        decoder.decode(line).iter().for_each(|event| seen.add(event, TEXT_BYTES_MAX));
    }
    seen
}

pub fn lines(stream: &[Value]) -> Vec<String> {
    stream.iter().map(Value::to_string).collect()
}

pub fn judged(seen: &Evidence, end: &ProcessEnd) -> Judgement {
    let catalog = Catalog::of_generals(vec![]).unwrap();
    judge(&agent(), &catalog, &Nonce::from_bytes([7; 16]), seen, end)
}

#[track_caller]
pub fn comes_to(stream: &[Value], end: &ProcessEnd, outcome: Outcome) -> (Evidence, Judgement) {
    let seen = read(&lines(stream));
    let judgement = judged(&seen, end);
    assert_eq!(judgement.outcome, outcome, "{}: {stream:#?}", judgement.detail);
    (seen, judgement)
}

#[track_caller]
pub fn answers(stream: &[Value], answer: &str) -> Judgement {
    let (seen, judgement) = comes_to(stream, &by_code(0), Outcome::Completed);
    assert_eq!(seen.answer(), answer);
    judgement
}
