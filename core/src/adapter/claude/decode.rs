//! The stream of `claude -p --output-format stream-json`, line by line.

use crate::adapter::event::{AgentEvent, AgentResult, RateLimit, ReportedCost};
use crate::adapter::fields::Fields;
use crate::run::tokens::Tokens;

/// How much of a line of unknown kind is kept: enough to see what it was.
const UNKNOWN_BYTES_MAX: usize = 2048;

/// The model name of messages that the CLI made itself, such as error texts.
const SYNTHETIC: &str = "<synthetic>";

/// Reads one line. Never fails: what is not understood is kept as `Unknown`.
pub fn decode(line: &str) -> Vec<AgentEvent> {
    if line.trim().is_empty() {
        return vec![];
    }
    let Some(fields) = Fields::parse(line) else { return vec![unknown("not-json", line)] };
    let kind = fields.text("type").unwrap_or_default();
    match kind.as_str() {
        "assistant" => assistant(&fields),
        "stream_event" => stream_event(&fields),
        "system" => system(&fields, line),
        "rate_limit_event" => rate_limit(&fields, line),
        "result" => vec![AgentEvent::Result(Box::new(result(&fields)))],
        "user" | "keep_alive" | "tool_progress" => vec![AgentEvent::Alive],
        other => vec![unknown(other, line)],
    }
}

fn unknown(kind: &str, line: &str) -> AgentEvent {
    let end =
        (0..=UNKNOWN_BYTES_MAX.min(line.len())).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0);
    AgentEvent::Unknown { kind: kind.chars().take(64).collect(), raw: line[..end].to_owned() }
}

/// A finished content block. Its usage is a placeholder and is not read; its model is who answered.
fn assistant(fields: &Fields<'_>) -> Vec<AgentEvent> {
    let Some(message) = fields.object("message") else { return vec![AgentEvent::Alive] };
    let subagent = fields.has("parent_tool_use_id");
    let model = message.text("model").unwrap_or_default();
    if model == SYNTHETIC {
        let status = fields.get("api_error_status");
        return match fields.text("error") {
            Some(kind) if !subagent => vec![AgentEvent::ApiError { kind, status }],
            _ => vec![AgentEvent::Alive],
        };
    }
    let mut events = vec![];
    if !subagent && !model.is_empty() {
        events.push(AgentEvent::Served { model });
    }
    for block in message.objects("content") {
        match block.text("type").as_deref() {
            Some("text") if !subagent => {
                events.push(AgentEvent::Text { text: block.text("text").unwrap_or_default() });
            }
            Some("tool_use") => {
                events.push(AgentEvent::ToolUse { name: block.text("name").unwrap_or_default(), subagent });
            }
            _ => {}
        }
    }
    if events.is_empty() { vec![AgentEvent::Alive] } else { events }
}

/// A raw event of the API's own stream: text as it grows, and usage before the result.
fn stream_event(fields: &Fields<'_>) -> Vec<AgentEvent> {
    let Some(event) = fields.object("event") else { return vec![AgentEvent::Alive] };
    match event.text("type").as_deref() {
        Some("content_block_delta") if !fields.has("parent_tool_use_id") => {
            match event.object("delta").and_then(|delta| delta.text("text")) {
                Some(text) => vec![AgentEvent::TextDelta { text }],
                None => vec![AgentEvent::Alive],
            }
        }
        Some("message_start") => event.object("message").map_or(vec![AgentEvent::Alive], |message| {
            usage(message.text("id"), message.text("model"), message.object("usage"))
        }),
        Some("message_delta") => usage(fields.text("api_message_id"), None, event.object("usage")),
        _ => vec![AgentEvent::Alive],
    }
}

fn usage(message_id: Option<String>, model: Option<String>, usage: Option<Fields<'_>>) -> Vec<AgentEvent> {
    let Some(usage) = usage else { return vec![AgentEvent::Alive] };
    let count = |key| usage.get::<u64>(key).unwrap_or(0);
    let tokens = Tokens {
        input: count("input_tokens"),
        output: count("output_tokens"),
        cache_read: count("cache_read_input_tokens"),
        cache_write: count("cache_creation_input_tokens"),
    };
    vec![AgentEvent::Usage { message_id, model, tokens }]
}

fn system(fields: &Fields<'_>, line: &str) -> Vec<AgentEvent> {
    let subtype = fields.text("subtype").unwrap_or_default();
    let task = || fields.text("task_id").unwrap_or_default();
    vec![match subtype.as_str() {
        "init" => AgentEvent::Started {
            session_id: fields.text("session_id"),
            model: fields.text("model"),
            cli_version: fields.text("claude_code_version"),
            api_key_source: fields.text("apiKeySource"),
        },
        "api_retry" => AgentEvent::ApiError {
            kind: fields.text("error").unwrap_or_default(),
            status: fields.get("error_status"),
        },
        "model_fallback" => AgentEvent::ModelFallback {
            from: fields.text("original_model").unwrap_or_default(),
            to: fields.text("fallback_model").unwrap_or_default(),
        },
        "task_started" => AgentEvent::TaskOpened { id: task() },
        "task_notification" => AgentEvent::TaskClosed { id: task() },
        "task_updated" if task_has_ended(fields) => AgentEvent::TaskClosed { id: task() },
        "permission_denied" => {
            AgentEvent::PermissionDenied { tool: fields.text("tool_name").unwrap_or_default() }
        }
        "task_progress"
        | "task_updated"
        | "background_tasks_changed"
        | "hook_started"
        | "hook_response"
        | "status"
        | "thinking_tokens"
        | "informational"
        | "compact_boundary"
        | "model_refusal_no_fallback" => AgentEvent::Alive,
        other => unknown(&format!("system/{other}"), line),
    }]
}

/// A task whose status is anything but alive will not come back.
fn task_has_ended(fields: &Fields<'_>) -> bool {
    let status = fields.object("patch").and_then(|patch| patch.text("status"));
    status.is_some_and(|status| !matches!(status.as_str(), "running" | "pending" | "queued" | "paused"))
}

fn rate_limit(fields: &Fields<'_>, line: &str) -> Vec<AgentEvent> {
    let Some(info) = fields.object("rate_limit_info") else { return vec![unknown("rate_limit_event", line)] };
    vec![AgentEvent::RateLimit(RateLimit {
        status: info.text("status").unwrap_or_default(),
        resets_at: info.get::<f64>("resetsAt").map(seconds_of_epoch),
        window: info.text("rateLimitType"),
        utilization: info.get("utilization"),
    })]
}

/// Reads an instant that is in seconds, or in milliseconds where a vendor slipped.
fn seconds_of_epoch(number: f64) -> i64 {
    /// The year 5138 in seconds, March 1973 in milliseconds: no limit resets at either.
    const MILLISECONDS_FROM: f64 = 1e11;
    let seconds = if number >= MILLISECONDS_FROM { number / 1000.0 } else { number };
    seconds as i64
}

fn result(fields: &Fields<'_>) -> AgentResult {
    let (cost, tokens) = cost_and_tokens(fields);
    let denied = fields.objects("permission_denials");
    AgentResult {
        subtype: fields.text("subtype").unwrap_or_default(),
        is_error: fields.get("is_error").unwrap_or(false),
        text: fields.text("result"),
        turn_count: fields.get("num_turns"),
        terminal_reason: fields.text("terminal_reason"),
        stop_reason: fields.text("stop_reason"),
        api_error_status: fields.get("api_error_status"),
        api_error: fields.text("api_error"),
        denied_tools: denied.iter().filter_map(|denial| denial.text("tool_name")).collect(),
        errors: fields.get("errors").unwrap_or_default(),
        session_id: fields.text("session_id"),
        cost,
        tokens,
    }
}

/// This result's share where the CLI tells it, else the sum that the CLI keeps.
///
/// `modelUsage` and not `usage`: the latter leaves subagents out.
fn cost_and_tokens(fields: &Fields<'_>) -> (ReportedCost, Tokens) {
    let share = fields.object_values("model_usage_since_last_result");
    let is_share = share.is_some();
    let models = share.or_else(|| fields.object_values("modelUsage")).unwrap_or_default();
    let sum = |key: &str| models.iter().filter_map(|model| model.get::<u64>(key)).sum();
    let tokens = Tokens {
        input: sum("inputTokens"),
        output: sum("outputTokens"),
        cache_read: sum("cacheReadInputTokens"),
        cache_write: sum("cacheCreationInputTokens"),
    };
    let cost = if is_share {
        ReportedCost::SinceLastResult(
            models.iter().filter_map(|model| model.get::<f64>("costUSD")).fold(0.0, |sum, usd| sum + usd),
        )
    } else {
        fields.get("total_cost_usd").map_or(ReportedCost::None, ReportedCost::Invocation)
    };
    (cost, tokens)
}
