//! An event as Claude Code reports it on a hook's standard input. Unknown fields are ignored.
//!
//! The forms are those that versions 2.1.197 and 2.1.330 were seen to send.

use std::path::PathBuf;

use serde_json::{Map, Value};

use super::lenient_json;
use crate::ids::SessionId;

/// The longest of the CLI's ids that is kept, in bytes.
const TAG_BYTES_MAX: usize = 128;

/// What a hook is given.
#[derive(Debug, Clone, PartialEq)]
pub struct HookInput {
    /// The CLI's session.
    pub session: SessionId,
    /// The current prompt; absent before the first.
    pub prompt_id: Option<String>,
    /// Where the session's transcript is.
    pub transcript: Option<PathBuf>,
    /// The directory of the session.
    pub cwd: Option<PathBuf>,
    /// The subagent in which it happened, if any.
    pub agent_id: Option<String>,
    /// The agent that the session itself runs as (`claude --agent`), if any.
    pub session_agent: Option<String>,
    /// How the session answers its permission questions, in the CLI's word.
    pub permission_mode: Option<String>,
    /// What happened.
    pub event: Event,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A session began or continued.
    SessionStart {
        /// `startup`, `resume`, `clear` or `compact`.
        source: String,
    },
    /// A session ended.
    SessionEnd {
        /// Why, in the CLI's word.
        reason: String,
    },
    /// The conversation is about to be compacted.
    PreCompact {
        /// `manual` or `auto`.
        trigger: String,
    },
    /// The user, or the CLI itself, submits a prompt.
    UserPromptSubmit {
        /// The prompt.
        prompt: String,
    },
    /// A tool is about to be used.
    PreToolUse(ToolUse),
    /// A tool was used.
    PostToolUse {
        /// The call.
        call: ToolUse,
        /// The tool's response.
        response: Value,
        /// How long it took.
        duration_ms: Option<u64>,
    },
    /// A subagent began. Its id is that of the input.
    SubagentStart {
        /// The kind.
        agent_type: String,
    },
    /// A subagent ended.
    SubagentStop {
        /// The kind; empty for the CLI's own helpers.
        agent_type: String,
        /// Where its transcript is.
        transcript: Option<PathBuf>,
        /// What it said last.
        last_message: Option<String>,
    },
    /// The main model has finished its turn.
    Stop {
        /// What it said last.
        last_message: Option<String>,
    },
    /// Something else.
    Other,
}

/// The tools with which a model hands work to a subagent; older versions have the second.
const DELEGATING_TOOLS: [&str; 2] = ["Agent", "Task"];

/// Returns whether a tool hands work to a subagent.
pub fn is_delegating(tool: &str) -> bool {
    DELEGATING_TOOLS.contains(&tool)
}

/// One use of a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolUse {
    /// The tool.
    pub tool: String,
    /// Its input.
    pub input: Map<String, Value>,
    /// The id of this use.
    pub id: Option<String>,
}

impl ToolUse {
    /// Returns whether it hands work to a subagent.
    pub fn is_delegation(&self) -> bool {
        is_delegating(&self.tool)
    }

    /// Returns whether it schedules a prompt for later: the CLI will submit that as if the user had typed it.
    pub fn is_for_later(&self) -> bool {
        const SIGNS: [&str; 5] = ["cron", "schedule", "wakeup", "remind", "remotetrigger"];
        let tool = self.tool.to_ascii_lowercase();
        SIGNS.iter().any(|sign| tool.contains(sign))
    }

    /// Returns a text field of the input.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.input.get(key)?.as_str()
    }
}

/// Why an input is not an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// It is not JSON, or not an object.
    #[error("the hook's input is not a JSON object")]
    NotAnObject,
    /// The event is named neither here nor in the argument.
    #[error("the hook's input does not name its event")]
    NoEvent,
}

/// Returns whether an input that cannot be read is about a delegation, as far as its bytes tell.
pub fn seems_a_delegation(text: &[u8], named: Option<&str>) -> bool {
    let text: String = String::from_utf8_lossy(text).split_whitespace().collect();
    let is_before_a_tool = named == Some("PreToolUse") || text.contains("\"hook_event_name\":\"PreToolUse\"");
    is_before_a_tool
        && DELEGATING_TOOLS.iter().any(|tool| text.contains(&format!("\"tool_name\":\"{tool}\"")))
}

impl HookInput {
    /// Reads an input. `named` is the event's name from elsewhere, used if the input does not name it.
    pub fn parse(text: &[u8], named: Option<&str>) -> Result<HookInput, InputError> {
        let fields = lenient_json::object(text).ok_or(InputError::NotAnObject)?;
        let name = fields.get("hook_event_name").and_then(Value::as_str).or(named);
        let event = event(name.ok_or(InputError::NoEvent)?, &fields);
        let is_of_subagent = fields.contains_key("agent_id")
            || matches!(event, Event::SubagentStart { .. } | Event::SubagentStop { .. });
        Ok(HookInput {
            session: session(&fields),
            session_agent: tag(&fields, "agent_type").filter(|_| !is_of_subagent),
            prompt_id: tag(&fields, "prompt_id"),
            transcript: path(&fields, "transcript_path"),
            cwd: path(&fields, "cwd"),
            agent_id: tag(&fields, "agent_id"),
            permission_mode: tag(&fields, "permission_mode"),
            event,
        })
    }
}

/// Returns the session. What is no id of ours is hashed to one: a gate does not open because an id has an odd form.
fn session(fields: &Map<String, Value>) -> SessionId {
    let said = fields.get("session_id").unwrap_or(&Value::Null);
    // A UUID may be written in capitals; it is still the same session.
    let id = said.as_str().and_then(|id| id.to_ascii_lowercase().parse().ok());
    let transcript = fields.get("transcript_path").unwrap_or(&Value::Null);
    let hashed = || blake3::hash(format!("{said} {transcript}").as_bytes()).to_hex()[..32].parse();
    id.unwrap_or_else(|| hashed().expect("hex digits are an id"))
}

fn event(name: &str, fields: &Map<String, Value>) -> Event {
    match name {
        "SessionStart" => Event::SessionStart { source: word(fields, "source") },
        "SessionEnd" => Event::SessionEnd { reason: word(fields, "reason") },
        "PreCompact" => Event::PreCompact { trigger: word(fields, "trigger") },
        "UserPromptSubmit" => Event::UserPromptSubmit { prompt: text(fields, "prompt") },
        "PreToolUse" => Event::PreToolUse(call(fields)),
        "PostToolUse" => Event::PostToolUse {
            call: call(fields),
            response: fields.get("tool_response").cloned().unwrap_or_default(),
            duration_ms: fields.get("duration_ms").and_then(Value::as_u64),
        },
        "SubagentStart" => Event::SubagentStart { agent_type: word(fields, "agent_type") },
        "SubagentStop" => Event::SubagentStop {
            agent_type: word(fields, "agent_type"),
            transcript: path(fields, "agent_transcript_path"),
            last_message: last_message(fields),
        },
        "Stop" => Event::Stop { last_message: last_message(fields) },
        _ => Event::Other,
    }
}

fn last_message(fields: &Map<String, Value>) -> Option<String> {
    fields.get("last_assistant_message")?.as_str().map(str::to_owned)
}

fn call(fields: &Map<String, Value>) -> ToolUse {
    let input = fields.get("tool_input").and_then(Value::as_object).cloned().unwrap_or_default();
    ToolUse { tool: word(fields, "tool_name"), input, id: tag(fields, "tool_use_id") }
}

fn text(fields: &Map<String, Value>, key: &str) -> String {
    fields.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Returns a short word of the CLI's in a form that is fit for records.
fn word(fields: &Map<String, Value>, key: &str) -> String {
    let kept = |c: &char| !c.is_control();
    text(fields, key).chars().filter(kept).take(TAG_BYTES_MAX).collect()
}

fn path(fields: &Map<String, Value>, key: &str) -> Option<PathBuf> {
    fields.get(key)?.as_str().filter(|path| path.starts_with('/')).map(PathBuf::from)
}

fn tag(fields: &Map<String, Value>, key: &str) -> Option<String> {
    fields.get(key)?.as_str().and_then(as_tag)
}

/// Returns an id of the CLI's if it is a plain one: it ends up in records and in reports.
pub fn as_tag(text: &str) -> Option<String> {
    let fits = !text.is_empty() && text.len() <= TAG_BYTES_MAX && text.bytes().all(|b| b.is_ascii_graphic());
    fits.then(|| text.to_owned())
}
