//! One line of a transcript as a record: only the fields that count are read, and one that is odd spoils no other.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::counts::Key;
use crate::hook::transcript::SYNTHETIC;
use crate::hook::{input, mode};
use crate::text::json_text;
use crate::usage::Tokens;

/// How prompts came that a person made: typed, typed while the model worked, or accepted as they were proposed.
const SOURCES_OF_A_PERSON: [&str; 3] = ["typed", "queued", "suggestion_accepted"];

/// A record that says something.
#[derive(Debug)]
pub(super) struct Record<'a> {
    /// When it was written.
    pub at: Option<Timestamp>,
    /// Its id.
    pub id: Cow<'a, str>,
    /// The id of the record before it; empty at a beginning.
    pub parent: Cow<'a, str>,
    /// The session that it says it belongs to.
    pub session: Cow<'a, str>,
    /// The subagent that it says it belongs to; empty in the main thread and in old versions.
    pub agent: Cow<'a, str>,
    /// Whether it belongs to a subagent.
    pub is_sidechain: bool,
    /// What it says.
    pub what: What<'a>,
}

/// What a record says.
#[derive(Debug)]
pub(super) enum What<'a> {
    /// A part of an answer.
    Answer(AnswerLine<'a>),
    /// Words for the model.
    Prompt {
        /// The words.
        words: Cow<'a, str>,
        /// Whose they are.
        by: By,
    },
    /// Nothing that counts: the result of a tool, a message of the CLI.
    Nothing,
}

/// Who made a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// A person, or in a subagent's thread the model that called it.
    Person,
    /// A program that calls the CLI.
    Program,
}

/// A part of an answer: one answer takes several lines, each with what was used so far.
#[derive(Debug)]
pub(super) struct AnswerLine<'a> {
    /// What all its lines have in common.
    pub key: Key,
    /// The model that answered.
    pub model: Cow<'a, str>,
    /// What was used.
    pub tokens: Tokens,
    /// The subagents that it calls.
    pub calls: Vec<Call<'a>>,
}

/// A call of a subagent.
#[derive(Debug)]
pub(super) struct Call<'a> {
    /// Its id.
    pub id: Cow<'a, str>,
    /// The model that it names; empty if it names none.
    pub model: Cow<'a, str>,
    /// What the subagent is told.
    pub prompt: Cow<'a, str>,
}

type Raw<'a> = Option<&'a RawValue>;

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Line<'a> {
    #[serde(borrow, rename = "type")]
    kind: Raw<'a>,
    #[serde(borrow)]
    uuid: Raw<'a>,
    #[serde(borrow)]
    parent_uuid: Raw<'a>,
    #[serde(borrow)]
    session_id: Raw<'a>,
    #[serde(borrow)]
    agent_id: Raw<'a>,
    #[serde(borrow)]
    timestamp: Raw<'a>,
    #[serde(borrow)]
    is_sidechain: Raw<'a>,
    #[serde(borrow)]
    is_meta: Raw<'a>,
    #[serde(borrow)]
    is_compact_summary: Raw<'a>,
    #[serde(borrow)]
    prompt_source: Raw<'a>,
    #[serde(borrow)]
    entrypoint: Raw<'a>,
    #[serde(borrow)]
    origin: Raw<'a>,
    #[serde(borrow)]
    request_id: Raw<'a>,
    #[serde(borrow)]
    tool_use_result: Raw<'a>,
    #[serde(borrow)]
    message: Raw<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow)]
    id: Raw<'a>,
    #[serde(borrow)]
    model: Raw<'a>,
    #[serde(borrow)]
    usage: Raw<'a>,
    #[serde(borrow)]
    content: Raw<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Usage<'a> {
    #[serde(borrow)]
    input_tokens: Raw<'a>,
    #[serde(borrow)]
    output_tokens: Raw<'a>,
    #[serde(borrow)]
    cache_read_input_tokens: Raw<'a>,
    #[serde(borrow)]
    cache_creation_input_tokens: Raw<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Block<'a> {
    #[serde(borrow, rename = "type")]
    kind: Raw<'a>,
    #[serde(borrow)]
    text: Raw<'a>,
    #[serde(borrow)]
    id: Raw<'a>,
    #[serde(borrow)]
    name: Raw<'a>,
    #[serde(borrow)]
    input: Raw<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct CallInput<'a> {
    #[serde(borrow)]
    model: Raw<'a>,
    #[serde(borrow)]
    prompt: Raw<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Origin<'a> {
    #[serde(borrow)]
    kind: Raw<'a>,
}

/// Passes on the records of a line, and returns whether there was any object. The CLI's own writers sometimes cut each
/// other off (anthropics/claude-code#81843): of a torn record and a whole one on the same line the whole one counts.
pub(super) fn read(line: &str, mut each: impl FnMut(Record<'_>)) -> bool {
    if let Some(whole) = object(line) {
        each(record(line, &whole));
        return true;
    }
    let mut is_any = false;
    for part in json_text::objects(line) {
        if let Some(whole) = object(part) {
            each(record(part, &whole));
            is_any = true;
        }
    }
    is_any
}

/// Returns the key of the call that began a subagent, given what the CLI notes about it beside its transcript.
pub fn call_of_note(note: &str) -> Option<Key> {
    #[derive(Deserialize, Default)]
    #[serde(default, rename_all = "camelCase")]
    struct Note<'a> {
        #[serde(borrow)]
        tool_use_id: Raw<'a>,
    }
    let id = text(object::<Note>(note)?.tool_use_id);
    (!id.is_empty()).then(|| call_key(&id))
}

/// Returns the key of a call by its id.
pub(super) fn call_key(id: &str) -> Key {
    Key::of(&["call", id])
}

fn record<'a>(json: &str, line: &Line<'a>) -> Record<'a> {
    Record {
        at: text(line.timestamp).parse().ok(),
        id: text(line.uuid),
        parent: text(line.parent_uuid),
        session: text(line.session_id),
        agent: text(line.agent_id),
        is_sidechain: is_true(line.is_sidechain),
        what: what(json, line).unwrap_or(What::Nothing),
    }
}

fn what<'a>(json: &str, line: &Line<'a>) -> Option<What<'a>> {
    match &*text(line.kind) {
        "assistant" => answer(json, line).map(What::Answer),
        "user" => prompt(line),
        _ => None,
    }
}

fn answer<'a>(json: &str, line: &Line<'a>) -> Option<AnswerLine<'a>> {
    let message: Message = object(line.message?.get())?;
    let model = text(message.model);
    if model.is_empty() || model == SYNTHETIC {
        return None;
    }
    let usage: Usage = message.usage.and_then(|usage| object(usage.get())).unwrap_or_default();
    let tokens = Tokens {
        input: count(usage.input_tokens),
        output: count(usage.output_tokens),
        cache_read: count(usage.cache_read_input_tokens),
        cache_write: count(usage.cache_creation_input_tokens),
    };
    let calls = blocks(message.content).iter().filter_map(call).collect();
    let (id, request) = (text(message.id), text(line.request_id));
    let key = if id.is_empty() && request.is_empty() {
        Key::of(&["line", json])
    } else {
        Key::of(&["answer", &id, &request])
    };
    Some(AnswerLine { key, model, tokens, calls })
}

fn call<'a>(block: &Block<'a>) -> Option<Call<'a>> {
    if text(block.kind) != "tool_use" || !input::is_delegating(&text(block.name)) {
        return None;
    }
    let input: CallInput = block.input.and_then(|input| object(input.get())).unwrap_or_default();
    Some(Call { id: text(block.id), model: text(input.model), prompt: text(input.prompt) })
}

fn prompt<'a>(line: &Line<'a>) -> Option<What<'a>> {
    if line.tool_use_result.is_some() || is_true(line.is_meta) || is_true(line.is_compact_summary) {
        return None;
    }
    let by = by(line)?;
    let message: Message = object(line.message?.get())?;
    let content = message.content?;
    if content.get().starts_with('"') {
        return Some(What::Prompt { words: text(Some(content)), by });
    }
    let blocks = blocks(Some(content));
    if blocks.iter().any(|block| text(block.kind) == "tool_result") {
        return None;
    }
    let texts: Vec<_> =
        blocks.iter().filter(|block| text(block.kind) == "text").map(|block| text(block.text)).collect();
    let words = match <[_; 1]>::try_from(texts) {
        Ok([only]) => only,
        Err(texts) => Cow::Owned(texts.join("\n")),
    };
    Some(What::Prompt { words, by })
}

/// Returns who made a prompt; `None` for a message of the CLI itself. What came through the SDK is a person's where its
/// entry point is no program: editors and the desktop speak to the CLI that way.
fn by(line: &Line) -> Option<By> {
    let origin: Origin = line.origin.and_then(|origin| object(origin.get())).unwrap_or_default();
    if !matches!(&*text(origin.kind), "" | "human") {
        return None;
    }
    let (source, entrypoint) = (text(line.prompt_source), text(line.entrypoint));
    let is_of_program = mode::is_program(&entrypoint);
    match &*source {
        "" if is_of_program => Some(By::Program),
        "" => Some(By::Person),
        "sdk" if is_of_program || entrypoint.is_empty() => Some(By::Program),
        "sdk" => Some(By::Person),
        source if SOURCES_OF_A_PERSON.contains(&source) => Some(By::Person),
        _ => None,
    }
}

fn object<'a, T: Deserialize<'a>>(json: &'a str) -> Option<T> {
    // A sequence would be read as an object's fields in their order.
    json.starts_with('{').then(|| serde_json::from_str(json).ok()).flatten()
}

fn blocks<'a>(content: Raw<'a>) -> Vec<Block<'a>> {
    let raw = content.map_or("[]", RawValue::get);
    let blocks: Vec<&'a RawValue> = serde_json::from_str(raw).unwrap_or_default();
    blocks.into_iter().filter_map(|block| object(block.get())).collect()
}

/// Returns a text; one that is missing, or no text, is empty.
fn text<'a>(raw: Raw<'a>) -> Cow<'a, str> {
    let json = raw.map_or("", RawValue::get);
    let Some(inner) = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return Cow::Borrowed("");
    };
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    Cow::Owned(serde_json::from_str(&json_text::with_whole_characters(json)).unwrap_or_default())
}

fn is_true(raw: Raw) -> bool {
    raw.is_some_and(|raw| raw.get() == "true")
}

/// Returns a count; one below zero, or no number, is 0, and one that is too large is the greatest.
fn count(raw: Raw) -> u64 {
    let json = raw.map_or("", RawValue::get);
    json.parse().unwrap_or_else(|_| json.parse::<f64>().map_or(0, |number| number as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).unwrap()
    }

    /// Seen to fail with a typed field: one absurd number lost the whole line.
    #[test]
    fn an_absurd_count_is_the_nearest_that_can_be() {
        for (json, expected) in [
            ("7", 7),
            ("-7", 0),
            ("2.9", 2),
            ("1e999", u64::MAX),
            ("99999999999999999999999", u64::MAX),
            ("\"7\"", 0),
            ("{}", 0),
            ("null", 0),
        ] {
            assert_eq!(count(Some(&*raw(json))), expected, "{json}");
        }
        assert_eq!(count(None), 0);
    }

    #[test]
    fn a_text_with_half_a_character_is_read_and_what_is_no_text_is_empty() {
        for (json, expected) in
            [(r#""a\nb""#, "a\nb"), (r#""\ud83d!""#, "\u{fffd}!"), ("7", ""), ("[\"a\"]", ""), ("\"\"", "")]
        {
            assert_eq!(text(Some(&*raw(json))), expected, "{json}");
        }
    }

    #[test]
    fn only_what_a_person_made_is_a_persons() {
        for (fields, expected) in [
            ("{}", Some(By::Person)),
            (r#"{"promptSource":"typed"}"#, Some(By::Person)),
            (r#"{"promptSource":"queued","origin":{"kind":"human"}}"#, Some(By::Person)),
            (r#"{"promptSource":"sdk","entrypoint":"claude-vscode"}"#, Some(By::Person)),
            (r#"{"promptSource":"sdk","entrypoint":"sdk-cli"}"#, Some(By::Program)),
            (r#"{"promptSource":"sdk"}"#, Some(By::Program)),
            (r#"{"entrypoint":"sdk-py"}"#, Some(By::Program)),
            (r#"{"entrypoint":"claude-code-github-action"}"#, Some(By::Program)),
            (r#"{"promptSource":"system"}"#, None),
            (r#"{"promptSource":"of tomorrow"}"#, None),
            (r#"{"promptSource":"sdk","origin":{"kind":"task-notification"}}"#, None),
        ] {
            let line: Line = serde_json::from_str(fields).unwrap();
            assert_eq!(by(&line), expected, "{fields}");
        }
    }
}
