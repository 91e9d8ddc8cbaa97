//! P15 for stream-json: whatever an agent writes, reading it neither panics nor grows without bound.

use pointsman_core::adapter::invocation::SessionStart;
use pointsman_core::adapter::slim::Slimmer;
use pointsman_core::agent::AdapterKind;
use pointsman_core::run::evidence::Evidence;
use proptest::prelude::*;

const TEXT_BYTES_MAX: usize = 1000;

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
