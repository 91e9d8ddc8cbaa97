//! The stream of `claude -p --output-format stream-json`, line by line.

use std::borrow::Cow;

use super::errors::{self, ErrorFacts, failure};
use super::reset::{instant, seconds_of_epoch};
use super::tools;
use crate::adapter::capabilities::Capabilities;
use crate::adapter::event::{
    AgentEvent, ApiErrorKind, ApiFailure, DeniedCall, LimitReached, RateLimit, Reset, Started, TaskKind,
    ToolCall,
};
use crate::adapter::fields::{Fields, bounded, one_line};
use crate::adapter::invocation::{CliVersion, SessionStart};
use crate::agent::PermissionMode;
use crate::agent_env::Payer;
use crate::ids::{AgentSessionId, StreamId};
use crate::text::json_text;
use crate::usage::Tokens;

/// The model name of messages that the CLI itself made, such as error texts.
const SYNTHETIC: &str = "<synthetic>";

/// The most text of a record that is spread over several lines.
const LINES_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The CLI's word for an answer that was cut off at the output limit.
pub(super) const OUTPUT_LIMIT: &str = "max_output_tokens";

/// Placeholder texts that mean that nothing was said, whichever sender they appear under.
const PLACEHOLDERS: [&str; 5] = [
    "(no content)",
    "No response requested.",
    "[Empty text removed]",
    "[Request interrupted by user]",
    "[Request interrupted by user for tool use]",
];

/// Returns whether a text is a placeholder for nothing.
pub(super) fn is_placeholder(text: &str) -> bool {
    PLACEHOLDERS.contains(&text.trim())
}

/// Reads an object if it is a record of the stream, that is, if it names its type.
fn record_of(object: &str) -> Option<(&str, Fields<'_>)> {
    Fields::parse(object).filter(|fields| fields.has("type")).map(|fields| (object, fields))
}

/// The API's word for a model that has said all that it wanted to say.
const END_OF_TURN: &str = "end_turn";

/// Reads the stream of one process.
#[derive(Debug, Clone)]
pub struct Decoder {
    /// Whether the process continued an earlier session.
    pub(super) session: SessionStart,
    /// What the CLI can do; corrected by the version that the stream itself names.
    pub(super) can: Capabilities,
    /// The limit that requests were last reported to be turned away for, since a model last answered.
    pub(super) limit: Option<LimitReached>,
    /// The CLI's last message in place of an answer since a model last answered. Kept because a result repeats only its
    /// text.
    cli_message: Option<CliMessage>,
    /// Why the model last stopped in the main thread, for results that do not say.
    pub(super) last_stop: Option<String>,
    /// The API message that the main thread is in.
    message: Option<StreamId>,
    /// The model that last answered in the main thread.
    pub(super) last_model: Option<String>,
    /// The last text of the main thread's model: a result that repeats it is not quoting a message of the CLI.
    last_words: String,
    /// The beginning of a record that is spread over several lines.
    lines_before: String,
    /// The last failure that was reported together with a retry, since a model last answered.
    pub(super) last_retry: Option<(ApiErrorKind, Option<u16>)>,
}

/// A message of the CLI in place of an answer.
#[derive(Debug, Clone)]
struct CliMessage {
    text: String,
    code: Option<String>,
    word: Option<String>,
    status: Option<u16>,
}

impl Decoder {
    /// Starts reading the stream of a CLI of this version.
    pub fn new(version: Option<CliVersion>, session: SessionStart) -> Decoder {
        Decoder {
            session,
            can: super::capabilities(version),
            limit: None,
            cli_message: None,
            last_stop: None,
            message: None,
            last_model: None,
            last_words: String::new(),
            lines_before: String::new(),
            last_retry: None,
        }
    }

    /// Reads one line. Never fails: what is not understood is kept as it is.
    pub fn decode(&mut self, line: &str) -> Vec<AgentEvent> {
        if line.trim().is_empty() {
            return vec![];
        }
        let line = json_text::with_whole_characters(line);
        let line = self.with_lines_before(line);
        let Some(line) = line else { return vec![AgentEvent::Alive] };
        let records: Vec<_> = json_text::objects(&line).into_iter().filter_map(record_of).collect();
        if !records.is_empty() {
            return records.iter().flat_map(|(raw, fields)| self.record(raw, fields)).collect();
        }
        match json_text::repaired(&line).as_deref().and_then(record_of) {
            Some((raw, fields)) => self.record(raw, &fields),
            None => vec![AgentEvent::PlainText { text: bounded(&line) }],
        }
    }

    /// Assembles a record that is spread over several lines, as `jq` prints it; returns `None` until it is complete.
    fn with_lines_before<'l>(&mut self, line: Cow<'l, str>) -> Option<Cow<'l, str>> {
        let begins = matches!(line.trim(), "{" | "[");
        if self.lines_before.is_empty() && !begins {
            return Some(line);
        }
        self.lines_before.push_str(&line);
        self.lines_before.push(' ');
        // Only the closing brace is not indented; any other unindented line is not part of such a record.
        let goes_on = begins || line.starts_with([' ', '\t']);
        if goes_on && self.lines_before.len() < LINES_BYTES_MAX {
            return None;
        }
        Some(Cow::Owned(std::mem::take(&mut self.lines_before)))
    }

    fn record(&mut self, raw: &str, fields: &Fields<'_>) -> Vec<AgentEvent> {
        let kind = fields.text("type").unwrap_or_default();
        match kind.as_str() {
            "assistant" => self.assistant(fields).unwrap_or_else(|| vec![unreadable(&kind, raw)]),
            "stream_event" => self.stream_event(fields),
            "system" => self.system(fields, raw),
            "rate_limit_event" => self.rate_limit(fields).unwrap_or_else(|| vec![unreadable(&kind, raw)]),
            "result" => vec![AgentEvent::Result(Box::new(self.result(fields)))],
            "user" => tool_results(fields),
            "tombstone" => vec![AgentEvent::TextWithdrawn],
            "keep_alive" | "tool_progress" | "tool_use_summary" | "auth_status" => vec![AgentEvent::Alive],
            other => vec![AgentEvent::Unknown { kind: name(other), raw: bounded(raw) }],
        }
    }

    /// Reads a finished content block. Its usage is that of the call's beginning; its model is the one that answered.
    fn assistant(&mut self, fields: &Fields<'_>) -> Option<Vec<AgentEvent>> {
        let message = fields.object("message")?;
        let subagent = is_of_subagent(fields);
        let model = message.line("model").unwrap_or_default();
        let mut text = String::new();
        let mut events = vec![];
        for block in message.objects("content") {
            match block.text("type").as_deref() {
                Some("text") => text.push_str(&block.text("text").unwrap_or_default()),
                Some("tool_use") => {
                    events.push(AgentEvent::ToolCalled(ToolCall { subagent, ..tool_call(&block) }))
                }
                _ => {}
            }
        }
        if let Some(plain) = message.text("content") {
            text.push_str(&plain);
        }
        if is_placeholder(&text) {
            text.clear();
        }
        if model == SYNTHETIC || fields.get("is_api_error_message") == Some(true) {
            return Some(if subagent { vec![AgentEvent::Alive] } else { self.cli_text(fields, text) });
        }
        if !subagent && !text.is_empty() {
            self.last_words.clone_from(&text);
            events.insert(0, AgentEvent::Text { text });
        }
        if !subagent && !model.is_empty() {
            self.answered(message.id("id"));
            self.last_model = Some(model.clone());
            events.insert(0, AgentEvent::ModelAnswered { model });
        }
        if !subagent && fields.has("supersedes") {
            events.insert(0, AgentEvent::TextWithdrawn);
        }
        events.extend(usage(message.id("id"), message.object("usage").as_ref()));
        if !subagent {
            let stop = message
                .line("stop_reason")
                .or_else(|| fields.line("error").filter(|word| word == OUTPUT_LIMIT));
            self.last_stop = stop.or(self.last_stop.take());
            let ended = self.last_stop.as_deref() == Some(END_OF_TURN);
            events.extend(ended.then_some(AgentEvent::TurnEnded));
        }
        Some(if events.is_empty() { vec![AgentEvent::Alive] } else { events })
    }

    /// Notes that a model answered: whatever was wrong before is over.
    fn answered(&mut self, message: Option<StreamId>) {
        self.limit = None;
        self.cli_message = None;
        self.last_retry = None;
        // The reason why a message stopped may be reported before the message itself.
        if self.message.is_some() && message != self.message {
            self.last_stop = None;
        }
        self.message = message;
    }

    /// Reads a raw event of the API's own stream: text as it grows, and usage before the result.
    fn stream_event(&mut self, fields: &Fields<'_>) -> Vec<AgentEvent> {
        let Some(event) = fields.object("event") else { return vec![AgentEvent::Alive] };
        let subagent = is_of_subagent(fields);
        let found = match event.text("type").as_deref() {
            Some("content_block_delta") if !subagent => {
                let text = event.object("delta").and_then(|delta| delta.text("text"));
                text.map(|text| AgentEvent::TextDelta { text })
            }
            Some("message_start") => event
                .object("message")
                .and_then(|message| usage(message.id("id"), message.object("usage").as_ref())),
            Some("message_delta") => usage(fields.id("api_message_id"), event.object("usage").as_ref()),
            _ => None,
        };
        let stop = event.object("delta").and_then(|delta| delta.line("stop_reason"));
        let ended = !subagent && stop.as_deref() == Some(END_OF_TURN);
        if !subagent {
            self.last_stop = stop.or(self.last_stop.take());
        }
        let events: Vec<AgentEvent> =
            found.into_iter().chain(ended.then_some(AgentEvent::TurnEnded)).collect();
        if events.is_empty() { vec![AgentEvent::Alive] } else { events }
    }

    /// Reads a message of the CLI in place of an answer.
    fn cli_text(&mut self, fields: &Fields<'_>, text: String) -> Vec<AgentEvent> {
        let failure = self.failure_of(fields, &text);
        let (code, word) = (fields.line("api_error"), fields.line("error"));
        self.cli_message =
            Some(CliMessage { text: text.clone(), code, word, status: fields.get("api_error_status") });
        let mut events = vec![AgentEvent::CliText { text }];
        events.extend(failure.map(|failure| AgentEvent::ApiError { failure, will_retry: false }));
        events
    }

    /// Returns the failure that a message or a result reports, if its own fields or text report one.
    pub(super) fn failure_of(&self, fields: &Fields<'_>, text: &str) -> Option<ApiFailure> {
        let message = self.cli_message.as_ref().filter(|message| message.text.trim() == text.trim());
        let code = fields.line("api_error").or_else(|| message?.code.clone());
        let word = fields.line("error").or_else(|| message?.word.clone());
        let status = fields.get("api_error_status").or_else(|| message?.status);
        let facts = ErrorFacts { code: code.as_deref(), word: word.as_deref(), status, text };
        Some(self.with_limit(failure(facts.kind()?, status, text)))
    }

    /// Returns the text of an error, or nothing if it is what the model said last.
    pub(super) fn unless_of_model<'t>(&self, text: &'t str) -> &'t str {
        if text.trim() == self.last_words.trim() { "" } else { text }
    }

    /// Adds the known limit to a failure: a request that is turned away while the account is at its limit hit that
    /// limit.
    pub(super) fn with_limit(&self, mut failure: ApiFailure) -> ApiFailure {
        let is_throttled = failure.kind == ApiErrorKind::TooManyRequests;
        let says_so = failure.text.as_deref().is_some_and(errors::is_surely_a_throttle);
        if let Some(limit) = &self.limit
            && is_throttled
            && !says_so
        {
            failure.kind = ApiErrorKind::AccountLimit;
            failure.limit = Some(limit.clone());
        }
        if let (ApiErrorKind::AccountLimit, Some(known)) = (failure.kind, &self.limit) {
            let limit = failure.limit.get_or_insert_default();
            limit.window = known.window.clone().or(limit.window.take());
            limit.reset = known.reset.or(limit.reset);
        }
        failure
    }

    fn system(&mut self, fields: &Fields<'_>, raw: &str) -> Vec<AgentEvent> {
        let subtype = fields.text("subtype").unwrap_or_default();
        // A task without an id cannot end, so it is not waited for.
        let of_task =
            |event: &dyn Fn(StreamId) -> AgentEvent| fields.id("task_id").map_or(AgentEvent::Alive, event);
        vec![match subtype.as_str() {
            "init" => self.init(fields),
            "api_retry" => self.retry(fields),
            "model_fallback" => AgentEvent::ModelFallback {
                from: fields.line("original_model").unwrap_or_default(),
                to: fields.line("fallback_model").unwrap_or_default(),
            },
            // A task that the session does not wait for is not waited for here either.
            "task_started" if fields.get("ambient") == Some(true) => AgentEvent::Alive,
            "task_started" => of_task(&|id| AgentEvent::TaskOpened { id, kind: task_kind(fields) }),
            "task_notification" => of_task(&|id| AgentEvent::TaskClosed { id }),
            "task_updated" if task_has_ended(fields) => of_task(&|id| AgentEvent::TaskClosed { id }),
            "background_tasks_changed" if fields.has("tasks") => {
                AgentEvent::TasksListed { open: listed_tasks(fields) }
            }
            "permission_denied" => {
                let tool = fields.line("tool_name").unwrap_or_default();
                let (purpose, _) = tools::describe(&tool, None);
                let call =
                    DeniedCall { id: fields.id("tool_use_id"), tool, what: None, purpose: Some(purpose) };
                AgentEvent::PermissionDenied(call)
            }
            "model_refusal_fallback" if fields.has("retracted_message_uuids") => AgentEvent::TextWithdrawn,
            known if ALIVE.contains(&known) => AgentEvent::Alive,
            other => AgentEvent::Unknown { kind: name(&format!("system/{other}")), raw: bounded(raw) },
        }]
    }

    fn init(&mut self, fields: &Fields<'_>) -> AgentEvent {
        let cli_version = fields.line("claude_code_version");
        if let Some(version) = cli_version.as_deref().and_then(CliVersion::parse) {
            self.can = super::capabilities(Some(version));
        }
        let key_source = fields.line("apiKeySource");
        let failed = |server: &Fields<'_>| server.text("status").as_deref() == Some("failed");
        let servers = fields.objects("mcp_servers");
        AgentEvent::Started(Started {
            session_id: session_id(fields),
            cli_version,
            permission_mode: fields.text("permissionMode").as_deref().and_then(PermissionMode::parse),
            payer: key_source.as_deref().and_then(payer),
            key_source,
            model: fields.line("model"),
            tools: fields
                .has("tools")
                .then(|| fields.texts("tools").iter().map(|tool| one_line(tool)).collect()),
            servers_failed: servers.iter().filter(|s| failed(s)).filter_map(|s| s.line("name")).collect(),
        })
    }

    fn retry(&mut self, fields: &Fields<'_>) -> AgentEvent {
        let (word, status) = (fields.line("error"), fields.get("error_status"));
        let facts = ErrorFacts { word: word.as_deref(), status, ..ErrorFacts::default() };
        let kind = facts.kind().unwrap_or(ApiErrorKind::Service);
        self.last_retry = Some((kind, status));
        AgentEvent::ApiError { failure: failure(kind, status, ""), will_retry: true }
    }

    fn rate_limit(&mut self, fields: &Fields<'_>) -> Option<Vec<AgentEvent>> {
        let info = fields.object("rate_limit_info")?;
        let status = info.line("status").unwrap_or_default();
        let is_overage = info.get("isUsingOverage") == Some(true) || info.get("overageInUse") == Some(true);
        let turned_away = !status.is_empty() && !status.starts_with("allowed") && !is_overage;
        let window = info.line("rateLimitType");
        let resets_at =
            info.number("resetsAt").map(seconds_of_epoch).or_else(|| instant(&info.text("resetsAt")?));
        // A plain throttle is `rejected` as well; only the account's limit names a window or its overage.
        let names_limit = ["rateLimitType", "overageStatus", "overageDisabledReason", "limitScope"];
        let is_reached = turned_away && names_limit.iter().any(|key| info.has(key));
        // A report about another window does not lift the limit: only an answer does.
        let reached = turned_away
            .then(|| LimitReached { window: window.clone(), reset: resets_at.map(Reset::At) })
            .filter(|limit| is_reached || limit.reset.is_some());
        self.limit = reached.or(self.limit.take());
        let utilization = info.get("utilization");
        Some(vec![AgentEvent::RateLimit(RateLimit {
            status,
            resets_at,
            window,
            utilization,
            is_reached,
            is_overage,
        })])
    }
}

/// Kinds of system records that only show that something is at work.
const ALIVE: &[&str] = &[
    "task_progress",
    "task_updated",
    "task_summary",
    "background_tasks_changed",
    "hook_started",
    "hook_progress",
    "hook_response",
    "stop_hook_summary",
    "status",
    "thinking",
    "thinking_tokens",
    "informational",
    "notification",
    "compact_boundary",
    "model_refusal_fallback",
    "model_refusal_no_fallback",
    "model_consent_fallback",
    "permission_retry",
    "session_state_changed",
    "files_persisted",
    "file_snapshot",
    "turn_duration",
    "turn_starting",
    "commands_changed",
];

fn name(kind: &str) -> String {
    one_line(kind).chars().take(64).collect()
}

fn unreadable(kind: &str, raw: &str) -> AgentEvent {
    AgentEvent::Unreadable { kind: name(kind), raw: bounded(raw) }
}

/// Returns whether a record is a subagent's: only the main thread's records lack all of these fields.
fn is_of_subagent(fields: &Fields<'_>) -> bool {
    ["parent_tool_use_id", "agent_id", "subagent_type"].iter().any(|key| fields.has(key))
}

/// Reads a tool call, taken to be the main agent's: the caller sets `subagent`.
fn tool_call(block: &Fields<'_>) -> ToolCall {
    let tool = block.line("name").unwrap_or_default();
    let (purpose, what) = tools::describe(&tool, block.object("input").as_ref());
    ToolCall { id: block.id("id"), tool, what, purpose, subagent: false }
}

/// Reads the ends of tool calls, which come as the user's turn.
fn tool_results(fields: &Fields<'_>) -> Vec<AgentEvent> {
    let blocks = fields.object("message").map(|message| message.objects("content")).unwrap_or_default();
    let ended = |block: &Fields<'_>| {
        let id = block.id("tool_use_id")?;
        // A command that ran and failed did run: "run the tests" is done even when they fail.
        let failed = block.get("is_error") == Some(true) && !said(block).starts_with("Exit code");
        Some(AgentEvent::ToolEnded { id, failed })
    };
    let denied = |id: StreamId| {
        AgentEvent::PermissionDenied(DeniedCall {
            id: Some(id),
            tool: String::new(),
            what: None,
            purpose: None,
        })
    };
    let metas = fields.objects("tool_result_meta");
    let by_mark = metas.iter().filter(|meta| is_denial(meta)).filter_map(|meta| meta.id("id"));
    let by_words =
        blocks.iter().filter(|block| says_denied(block)).filter_map(|block| block.id("tool_use_id"));
    let denials = by_mark.chain(by_words).map(denied);
    let events: Vec<AgentEvent> = blocks.iter().filter_map(ended).chain(denials).collect();
    if events.is_empty() { vec![AgentEvent::Alive] } else { events }
}

/// Returns whether a tool result says in its text that the call was denied. Old versions report some denials only in
/// the text that the CLI gives the model in place of a result. A tool that the settings forbid altogether does not
/// exist for the model.
fn says_denied(block: &Fields<'_>) -> bool {
    const WORDS: [&str; 5] = [
        "This command requires approval",
        "Claude requested permissions to",
        "Permission to use",
        "No such tool available:",
        "File is in a directory that is denied by your permission settings",
    ];
    let text = said(block);
    let text = text.trim_start_matches("<tool_use_error>").trim_start_matches("Error: ");
    block.get("is_error") == Some(true) && WORDS.iter().any(|words| text.starts_with(words))
}

/// Returns the text of a tool's result.
fn said(block: &Fields<'_>) -> String {
    block.any_text("content").unwrap_or_default()
}

/// Returns whether a result's metadata marks its call as denied. Newer versions state for each result whether its call
/// was allowed, and some denials are reported only here.
fn is_denial(meta: &Fields<'_>) -> bool {
    let decision = meta.object("permission_decision").and_then(|decision| decision.text("decision"));
    let kind = meta.text("non_execution_kind");
    decision.as_deref() == Some("reject")
        || matches!(kind.as_deref(), Some("user-rejected" | "permission-rule"))
}

fn usage(message_id: Option<StreamId>, usage: Option<&Fields<'_>>) -> Option<AgentEvent> {
    usage.map(|usage| AgentEvent::Usage { message_id, tokens: api_tokens(usage) })
}

pub(super) fn api_tokens(usage: &Fields<'_>) -> Tokens {
    Tokens {
        input: usage.count("input_tokens"),
        output: usage.count("output_tokens"),
        cache_read: usage.count("cache_read_input_tokens"),
        cache_write: usage.count("cache_creation_input_tokens"),
    }
}

/// Reads a session's id. It is put on command lines, so only a UUID is accepted.
pub(super) fn session_id(fields: &Fields<'_>) -> Option<AgentSessionId> {
    fields.text("session_id")?.parse().ok()
}

/// Returns the payer, by where the CLI says that it found its key. `none` covers every login and every cloud; an
/// unknown source is judged by its name alone.
fn payer(key_source: &str) -> Option<Payer> {
    match key_source {
        "oauth" => Some(Payer::Subscription),
        "user" | "project" | "org" | "temporary" => Some(Payer::ApiKey),
        other => other.to_lowercase().contains("key").then_some(Payer::ApiKey),
    }
}

/// Returns the kind of a task. One without a kind counts as an agent's: what it finds is waited for.
fn task_kind(fields: &Fields<'_>) -> TaskKind {
    match fields.text("task_type").as_deref() {
        Some("local_bash" | "local_script" | "monitor_mcp" | "monitor_ws" | "dream") => TaskKind::Shell,
        Some(_) | None => TaskKind::Agent,
    }
}

fn listed_tasks(fields: &Fields<'_>) -> Vec<(StreamId, TaskKind)> {
    let tasks = fields.objects("tasks");
    let waited_for = tasks.iter().filter(|task| task.get("ambient") != Some(true));
    waited_for.filter_map(|task| Some((task.id("task_id")?, task_kind(task)))).collect()
}

/// Returns whether a task has ended: with any status but a live one, it will not come back.
fn task_has_ended(fields: &Fields<'_>) -> bool {
    let status = fields.object("patch").and_then(|patch| patch.text("status"));
    status.is_some_and(|status| !matches!(status.as_str(), "running" | "pending" | "queued" | "paused"))
}

#[cfg(test)]
mod tests;
