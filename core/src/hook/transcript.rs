//! What really ran, according to the transcript that Claude Code writes: models, tokens, tools. Never what was asked
//! for.
//!
//! One answer of the API takes several lines, each with the whole usage: `message.id` and `requestId` identify it. The
//! forms are those of versions 2.1.197 and 2.1.330. The file may still be growing when a hook reads it.

use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::input;
use crate::text::json_text;
use crate::usage::Tokens;

/// The model's name in answers that the CLI itself made.
pub const SYNTHETIC: &str = "<synthetic>";

/// How a record of a user or a model begins. Within a text its quotes are escaped.
const RECORD_START: &str = "{\"parentUuid\"";

/// The most models or tools that are told apart: the file is untrusted.
const NAMES_MAX: usize = 32;

/// What ran in a turn or in a subagent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TranscriptSummary {
    /// The models that answered, in the order in which they were first seen.
    pub models_served: Vec<String>,
    /// The tokens that they used.
    pub tokens: Tokens,
    /// How often each tool was used.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tools: BTreeMap<String, u32>,
    /// Whether the user was asked by the CLI's own tool before any tool was used that can change something.
    #[serde(default)]
    pub asked_first: bool,
    /// How many answers there were.
    pub answers: u32,
    /// How many answers the CLI itself made because the service failed.
    #[serde(default)]
    pub failures: u32,
    /// The time from the first line to the last.
    #[serde(default)]
    pub duration_ms: u64,
    /// What was said last, to check whether the transcript is complete. Not recorded.
    #[serde(skip)]
    pub last_text: Option<String>,
}

/// Tools that change nothing and reach nobody but the user. Unknown tools and MCP tools do not count as harmless.
const HARMLESS_TOOLS: [&str; 14] = [
    "Read",
    "Glob",
    "Grep",
    "LS",
    "NotebookRead",
    "WebFetch",
    "WebSearch",
    "TodoWrite",
    "TodoRead",
    "ToolSearch",
    "AskUserQuestion",
    "ExitPlanMode",
    "EnterPlanMode",
    "BashOutput",
];

/// Returns whether a tool changes nothing.
pub fn is_harmless(tool: &str) -> bool {
    HARMLESS_TOOLS.contains(&tool)
}

impl TranscriptSummary {
    /// Returns whether a tool was used that can change something.
    pub fn acted(&self) -> bool {
        self.acting_tools().next().is_some()
    }

    /// Returns the same, leaving out tools that only delegate work.
    pub fn acted_itself(&self) -> bool {
        self.acting_tools().any(|tool| !input::is_delegating(tool))
    }

    fn acting_tools(&self) -> impl Iterator<Item = &str> {
        self.tools.keys().map(String::as_str).filter(|tool| !is_harmless(tool))
    }
}

/// What the main model said last, and the model that said it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastSaid {
    /// The words.
    pub text: String,
    /// The model, by the name that the service gave.
    pub model: Option<String>,
}

/// Finds what the main model said last in the lines of a transcript's end: all texts of its last message, and a plan that it
/// proposed. What the CLI says of a failing service is not the model's.
pub fn last_said<'a>(lines: impl DoubleEndedIterator<Item = &'a str>) -> Option<LastSaid> {
    let mut last: Option<(Option<String>, LastSaid)> = None;
    for text in lines.rev() {
        let text = json_text::with_whole_characters(text);
        let Some(line) = parse(&text).filter(|line| line.kind == "assistant" && !line.is_sidechain) else {
            continue;
        };
        let Some(message) = line.message.filter(|message| message.model.as_deref() != Some(SYNTHETIC)) else {
            continue;
        };
        match &mut last {
            Some((id, _)) if *id != message.id => break,
            Some((_, said)) => said.text = format!("{}\n{}", words_of(&message.content), said.text),
            None => {
                let said = LastSaid { text: words_of(&message.content), model: message.model };
                last = Some((message.id, said));
            }
        }
    }
    last.map(|(_, said)| said).filter(|said| !said.text.trim().is_empty())
}

/// Returns the texts of a message, and a plan among its tool calls.
fn words_of(content: &serde_json::Value) -> String {
    let words = |block: &serde_json::Value| {
        let plan = block.get("input").and_then(|input| input.get("plan"));
        block.get("text").or(plan)?.as_str().map(str::to_owned)
    };
    content.as_array().into_iter().flatten().filter_map(words).collect::<Vec<_>>().join("\n")
}

/// The lines of a transcript that count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// All: the transcript belongs to a subagent.
    All,
    /// Those of the main model that belong to a prompt.
    Prompt(&'a str),
    /// Those of the main model.
    Session,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(rename = "type", default)]
    kind: &'a str,
    #[serde(rename = "promptId")]
    prompt_id: Option<String>,
    #[serde(rename = "isSidechain", default)]
    is_sidechain: bool,
    #[serde(rename = "requestId")]
    request_id: Option<String>,
    timestamp: Option<String>,
    message: Option<Message>,
}

#[derive(Deserialize)]
struct Message {
    id: Option<String>,
    model: Option<String>,
    usage: Option<Usage>,
    #[serde(default)]
    content: serde_json::Value,
}

#[derive(Clone, Copy, Deserialize, Default)]
#[serde(default)]
struct Usage {
    input_tokens: u64,
    output_tokens: u64,
    cache_read_input_tokens: u64,
    cache_creation_input_tokens: u64,
}

/// Reads what ran in each of some parts, looking at every line once; `None` where no line belongs to a part, so that
/// nothing is known of it.
pub fn read<'l>(lines: impl Iterator<Item = &'l str>, parts: &[Part<'_>]) -> Vec<Option<TranscriptSummary>> {
    let mut readings: Vec<_> = parts.iter().map(|part| Reading::new(*part)).collect();
    for text in lines {
        let is_message = text.contains("\"user\"") || text.contains("\"assistant\"");
        let whole = json_text::with_whole_characters(text);
        let line = is_message.then(|| parse(&whole)).flatten();
        let torn = match &line {
            Some(_) => torn_start(text),
            None => Some(text).filter(|text| is_message || !is_whole(text)),
        };
        if let Some(torn) = torn {
            readings.iter_mut().for_each(|reading| reading.lose(torn));
        }
        if let Some(line) = line {
            readings.iter_mut().for_each(|reading| reading.take(&line));
        }
    }
    readings.into_iter().map(Reading::done).collect()
}

/// Returns whether a line looks like one whole record, by its ends.
fn is_whole(text: &str) -> bool {
    let text = text.trim();
    text.is_empty() || (text.starts_with('{') && text.ends_with('}'))
}

/// Returns the torn record that stands before a whole one on the same line.
fn torn_start(text: &str) -> Option<&str> {
    let at = text.rfind(RECORD_START).filter(|at| *at > 0)?;
    Some(&text[..at])
}

/// Returns the prompt that a torn record names.
fn prompt_of_torn(text: &str) -> Option<&str> {
    text.split_once("\"promptId\":\"")?.1.split_once('"').map(|(id, _)| id)
}

/// Parses a line; one that has an unknown form is ignored. The CLI's own writers sometimes cut each other off
/// (anthropics/claude-code#81843): of a torn record and a whole one on the same line the whole one counts.
fn parse(line: &str) -> Option<Line<'_>> {
    let after_torn = || serde_json::from_str(&line[line.rfind(RECORD_START)?..]).ok();
    serde_json::from_str(line).ok().or_else(after_torn)
}

struct Reading<'p> {
    part: Part<'p>,
    ran: TranscriptSummary,
    /// Whether the previous line belonged to the part.
    is_here: bool,
    is_part: bool,
    counted: HashSet<(Option<String>, Option<String>)>,
    began: Option<Timestamp>,
    ended: Option<Timestamp>,
}

impl<'p> Reading<'p> {
    fn new(part: Part<'p>) -> Reading<'p> {
        Reading {
            part,
            ran: TranscriptSummary::default(),
            is_here: false,
            is_part: false,
            counted: HashSet::new(),
            began: None,
            ended: None,
        }
    }

    fn take(&mut self, line: &Line) {
        self.is_here = match (self.part, &line.prompt_id) {
            (Part::All, _) => true,
            (Part::Prompt(_) | Part::Session, _) if line.is_sidechain => return,
            (Part::Session, _) => true,
            (Part::Prompt(wanted), Some(prompt)) => prompt == wanted,
            (Part::Prompt(_), None) => self.is_here,
        };
        if !self.is_here || !matches!(line.kind, "user" | "assistant") {
            return;
        }
        self.is_part = true;
        if let Some(at) = line.timestamp.as_deref().and_then(|at| at.parse().ok()) {
            self.began = self.began.or(Some(at));
            self.ended = Some(at);
        }
        if let Some(message) = line.message.as_ref().filter(|_| line.kind == "assistant") {
            self.answer(message, line.request_id.as_ref());
        }
    }

    /// Takes a line that cannot be read. Lines without a prompt's id belong to the prompt of the lines before them; behind a
    /// torn line that may have begun another prompt, they belong to none.
    fn lose(&mut self, text: &str) {
        if let Part::Prompt(wanted) = self.part {
            let of_model = text.contains("\"type\":\"assistant\"");
            self.is_here = match prompt_of_torn(text) {
                Some(prompt) => prompt == wanted,
                None => self.is_here && of_model,
            };
        }
    }

    fn answer(&mut self, message: &Message, request_id: Option<&String>) {
        for block in message.content.as_array().into_iter().flatten() {
            if block.get("type").and_then(|kind| kind.as_str()) == Some("tool_use")
                && let Some(tool) = block.get("name").and_then(|name| name.as_str())
                && (self.ran.tools.len() < NAMES_MAX || self.ran.tools.contains_key(tool))
            {
                self.ran.asked_first |= tool == "AskUserQuestion" && !self.ran.acted();
                *self.ran.tools.entry(tool.chars().take(100).collect()).or_default() += 1;
            }
            if let Some(text) = block.get("text").and_then(|text| text.as_str()) {
                self.ran.last_text = Some(text.to_owned());
            }
        }
        let is_new = self.counted.insert((message.id.clone(), request_id.cloned()));
        let Some(model) = &message.model else { return };
        if model == SYNTHETIC {
            self.ran.failures += u32::from(is_new);
            return;
        }
        if is_new {
            let usage = message.usage.unwrap_or_default();
            self.ran.answers += 1;
            self.ran.tokens = self.ran.tokens
                + Tokens {
                    input: usage.input_tokens,
                    output: usage.output_tokens,
                    cache_read: usage.cache_read_input_tokens,
                    cache_write: usage.cache_creation_input_tokens,
                };
        }
        let model: String = model.chars().filter(|c| !c.is_control()).take(100).collect();
        if !self.ran.models_served.contains(&model) && self.ran.models_served.len() < NAMES_MAX {
            self.ran.models_served.push(model);
        }
    }

    fn done(mut self) -> Option<TranscriptSummary> {
        if let (Some(began), Some(ended)) = (self.began, self.ended) {
            self.ran.duration_ms = u64::try_from(ended.duration_since(began).as_millis()).unwrap_or(0);
        }
        self.is_part.then_some(self.ran)
    }
}
