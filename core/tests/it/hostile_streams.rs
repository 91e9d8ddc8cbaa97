//! P15 and P24 for stream-json: whatever an agent writes, reading it neither panics nor grows without bound.

use std::collections::BTreeMap;

use pointsman_core::adapter::event::AgentEvent;
use pointsman_core::adapter::invocation::SessionStart;
use pointsman_core::adapter::slim::Slimmer;
use pointsman_core::agent::AdapterKind;
use pointsman_core::run::evidence::Evidence;
use proptest::prelude::*;
use serde_json::Value;

const TEXT_BYTES_MAX: usize = 1000;

/// The length of a string that only the words of an answer may have.
const LONG: usize = 100_000;

/// More members than any list has.
const MANY: usize = 5000;

fn sample() -> Vec<String> {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/cli-samples/2.1.330");
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let jsonl = files.iter().filter(|path| path.extension().is_some_and(|ext| ext == "jsonl"));
    jsonl
        .flat_map(|path| {
            std::fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
        })
        .collect()
}

fn read(lines: &[String]) -> Evidence {
    let mut seen = Evidence::default();
    let mut decoder = AdapterKind::Claude.decoder(None, SessionStart::New);
    for line in lines {
        for event in decoder.decode(line) {
            seen.add(&event, TEXT_BYTES_MAX);
        }
    }
    seen
}

#[test]
fn p15_a_line_cut_or_changed_at_any_place_is_read_without_panic() {
    let lines = sample();
    assert!(lines.len() > 100);
    for line in &lines {
        for at in (0..line.len()).step_by(7) {
            let mut bytes = line.clone().into_bytes();
            bytes[at] ^= 0x15;
            read(&[String::from_utf8_lossy(&bytes).into_owned()]);
            if line.is_char_boundary(at) {
                read(&[line[..at].to_owned()]);
            }
        }
    }
}

#[test]
fn p15_a_field_of_the_wrong_type_costs_only_itself() {
    let line = r#"{"type":"result","subtype":"success","is_error":"no","num_turns":"two","result":"kept",
        "total_cost_usd":[],"modelUsage":7,"permission_denials":{"a":1},"errors":[1],"session_id":{}}"#;
    let seen = read(&[line.to_owned()]);
    assert_eq!(seen.answer(), "kept");
    assert_eq!(seen.cost_usd(), None);
}

#[test]
fn p15_a_hostile_flood_of_names_is_bounded() {
    let flood = (0..5000).flat_map(|n| {
        [
            format!(r#"{{"type":"weird-{n}"}}"#),
            format!(r#"{{"type":"assistant","message":{{"model":"m{n}","content":[{{"type":"text","text":"{n} words"}}]}}}}"#),
            format!(r#"{{"type":"system","subtype":"task_started","task_id":"t{n}"}}"#),
            format!(r#"{{"type":"system","subtype":"permission_denied","tool_name":"T{n}"}}"#),
            format!(r#"{{"type":"stream_event","event":{{"type":"message_start","message":{{"id":"i{n}","usage":{{"input_tokens":1}}}}}}}}"#),
        ]
    });
    let seen = read(&flood.collect::<Vec<_>>());
    assert!(seen.models_served.len() <= 64 && seen.unknown_kinds.len() <= 64);
    assert!(seen.tools.denied().len() <= 64 && seen.text.len() <= TEXT_BYTES_MAX + 20);
    assert_eq!(seen.usage_so_far().input, 5000, "forgetting a call must not forget what it used");
}

/// A record with one part of it grown beyond measure, and the most that an event of it may hold besides what the agent
/// says.
struct Overgrown {
    record: Value,
    event_bytes_max: usize,
}

impl Overgrown {
    fn within(self, record: impl FnOnce(Value) -> Value) -> Overgrown {
        Overgrown { record: record(self.record), ..self }
    }
}

/// Returns a record once for each of its strings and names of fields, with that one very long, and once for each of its
/// lists, with its first member very often.
fn overgrown(record: &Value) -> Vec<Overgrown> {
    let long = || "x".repeat(LONG);
    let one = |record| Overgrown { record, event_bytes_max: 20_000 };
    let many = |record| Overgrown { record, event_bytes_max: 400_000 };
    match record {
        Value::String(_) => vec![one(Value::String(long()))],
        Value::Array(items) => {
            let often = items.first().map(|first| many(Value::Array(vec![first.clone(); MANY])));
            let inside = items.iter().enumerate().flat_map(|(n, item)| {
                let with = move |item| {
                    let mut items = items.clone();
                    items[n] = item;
                    Value::Array(items)
                };
                overgrown(item).into_iter().map(move |grown| grown.within(with))
            });
            often.into_iter().chain(inside).collect()
        }
        Value::Object(fields) => {
            let with = |name: &str, value: Value| {
                let mut fields = fields.clone();
                fields.insert(name.to_owned(), value);
                Value::Object(fields)
            };
            let names = fields.values().map(|value| one(with(&long(), value.clone())));
            let inside = fields.iter().flat_map(|(name, value)| {
                overgrown(value).into_iter().map(move |grown| grown.within(|value| with(name, value)))
            });
            names.chain(inside).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => vec![],
    }
}

/// Returns how many bytes an event holds, and how many of them are what the agent or its CLI says.
fn sizes(event: &AgentEvent) -> (usize, usize) {
    let said = match event {
        AgentEvent::Text { text } | AgentEvent::TextDelta { text } | AgentEvent::CliText { text } => {
            text.len()
        }
        AgentEvent::Result(result) => result.text.as_deref().unwrap_or_default().len(),
        _ => 0,
    };
    (format!("{event:?}").len(), said)
}

/// P24 for every field that a CLI is known to write: only what the agent says may be long. Seen to fail with the
/// version, the source of the key, the window of a limit, the tools, the errors or the stop reason read as they are.
#[test]
fn p24_every_name_and_every_list_of_a_stream_is_bounded() {
    let kinds: BTreeMap<String, Value> = sample()
        .iter()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .map(|record| (format!("{} {}", shape(&record), record["subtype"]), record))
        .collect();
    assert!(kinds.len() > 20, "{}", kinds.len());
    for Overgrown { record, event_bytes_max } in kinds.values().flat_map(overgrown) {
        let mut decoder = AdapterKind::Claude.decoder(None, SessionStart::New);
        let (mut seen, mut words) = (Evidence::default(), 0);
        for event in decoder.decode(&record.to_string()) {
            seen.add(&event, TEXT_BYTES_MAX);
            let (bytes, said) = sizes(&event);
            words += said;
            assert!(bytes < event_bytes_max + 2 * said, "{bytes} bytes of {:.300}", record.to_string());
        }
        let kept = [format!("{seen:?}").len(), format!("{decoder:?}").len()];
        let most = event_bytes_max + 4 * words;
        assert!(
            kept.iter().all(|bytes| *bytes < most),
            "{kept:?} bytes are kept of {:.300}",
            record.to_string()
        );
    }
}

/// Returns the names of all fields of a record, so that each shape is tried once.
fn shape(record: &Value) -> String {
    match record {
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| format!("{name}{{{}}}", shape(value))).collect()
        }
        Value::Array(items) => items.first().map(shape).unwrap_or_default(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => String::new(),
    }
}

proptest! {
    #[test]
    fn p15_any_text_is_read(lines in prop::collection::vec("\\PC{0,80}", 0..20)) {
        read(&lines);
    }

    #[test]
    fn p15_any_object_is_read(
        kind in prop::sample::select(vec!["assistant", "user", "system", "result", "stream_event", "rate_limit_event"]),
        subtype in prop::sample::select(vec!["init", "success", "task_started", "task_updated", "api_retry", "x"]),
        values in prop::collection::vec(prop::sample::select(vec!["null", "1", "-1e300", "\"x\"", "[]", "{}", "[{}]", "true"]), 8),
    ) {
        let keys = ["message", "event", "result", "num_turns", "is_error", "rate_limit_info", "patch", "modelUsage"];
        let fields: Vec<String> = keys.iter().zip(&values).map(|(key, value)| format!("\"{key}\":{value}")).collect();
        read(&[format!(r#"{{"type":"{kind}","subtype":"{subtype}",{}}}"#, fields.join(","))]);
    }
}

proptest! {
    /// What is shortened while it is read is a record again, or nothing, however it comes in pieces.
    #[test]
    fn p15_any_line_is_shortened_to_records_or_nothing(
        text in "[ -~\\PC]{0,200}",
        piece in 1..17usize,
    ) {
        let mut slimmer = Slimmer::default();
        text.as_bytes().chunks(piece).for_each(|bytes| slimmer.push(bytes));
        let kept = slimmer.records();
        prop_assert!(kept.iter().map(String::len).sum::<usize>() <= text.len());
        read(&kept);
    }

    /// A record without long values is shortened to itself.
    #[test]
    fn p15_a_short_record_stays_as_it_is(
        answer in "\\PC{0,40}",
        names in prop::collection::vec("[a-z\"\\\\\u{e9}]{0,8}", 0..5),
        piece in 1..17usize,
    ) {
        let record = serde_json::json!({"type": "result", "result": answer, "errors": names, "usage": {"output_tokens": 3}});
        let mut slimmer = Slimmer::default();
        record.to_string().as_bytes().chunks(piece).for_each(|bytes| slimmer.push(bytes));
        prop_assert_eq!(slimmer.records(), [record.to_string()]);
    }
}
