//! Recorded output of the real `claude`, two versions, case by case: what is understood of it, and how it is judged.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use pointsman_core::adapter::event::AgentEvent;
use pointsman_core::adapter::invocation::SessionStart;
use pointsman_core::agent::{AdapterKind, Agent, Catalog, PermissionMode, Tier};
use pointsman_core::run::contract::Nonce;
use pointsman_core::run::end::{Exit, ProcessEnd};
use pointsman_core::run::evidence::Evidence;
use pointsman_core::run::judge::{Judgement, judge};

/// The cases and the exit code that the CLI ended with.
const CASES: [(&str, i32); 24] = [
    ("success", 0),
    ("partial", 0),
    ("tool", 0),
    ("permission-denied", 0),
    ("subagent-default", 0),
    ("subagent-foreground", 0),
    ("subagent-background", 0),
    ("max-turns", 1),
    ("max-budget", 1),
    ("json-schema", 0),
    ("err-400", 1),
    ("err-401", 1),
    ("err-404-model", 1),
    ("err-429-retry-then-fail", 1),
    ("err-529", 1),
    ("err-500", 1),
    ("err-unreachable", 1),
    ("err-not-logged-in", 1),
    ("fallback", 0),
    ("ratelimit-warning-oauth", 0),
    ("ratelimit-rejected-oauth", 1),
    ("refusal", 1),
    ("success-as-haiku", 0),
    ("cut-before-the-result", 1),
];

fn agent(tier: Tier) -> Agent {
    let name = format!("{tier}-general").parse().unwrap();
    let fallback_model = Some("haiku".to_owned());
    // As they were recorded.
    let permission_mode = Some(PermissionMode::Default);
    Agent {
        fallback_model,
        permission_mode,
        ..Agent::new(name, AdapterKind::Claude, vec!["claude".to_owned()], tier)
    }
}

fn catalog() -> Catalog {
    let agents = Tier::ALL.map(agent);
    let by_tier = agents.iter().map(|agent| (agent.tier, agent.name.clone())).collect();
    Catalog::new(agents.into(), by_tier, BTreeMap::new()).unwrap()
}

/// The recorded lines; two cases are made from others.
fn lines(version: &str, case: &str) -> Vec<String> {
    let file = match case {
        "success-as-haiku" | "cut-before-the-result" => "success",
        other => other,
    };
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/cli-samples/{version}/{file}.jsonl"));
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if case == "cut-before-the-result" {
        lines.pop();
    }
    lines
}

fn understood(version: &str, case: &str, exit_code: i32) -> (Evidence, Judgement) {
    let mut seen = Evidence::default();
    let mut decoder = AdapterKind::Claude.decoder(None, SessionStart::New);
    for line in lines(version, case) {
        for event in decoder.decode(&line) {
            assert!(
                !matches!(
                    event,
                    AgentEvent::Unknown { .. } | AgentEvent::Unreadable { .. } | AgentEvent::PlainText { .. }
                ),
                "{version} {case}: {event:?}"
            );
            seen.add(&event, 1 << 20);
        }
    }
    let end = ProcessEnd {
        exit: Exit::Code { code: exit_code },
        stopped: None,
        leaked_count: 0,
        duration: Duration::from_secs(1),
        stderr_tail: String::new(),
        oversized_lines: 0,
    };
    let agent = agent(if case == "success-as-haiku" { Tier::Haiku } else { Tier::Sonnet });
    let judgement = judge(&agent, &catalog(), &Nonce::from_bytes([1; 16]), &seen, &end);
    (seen, judgement)
}

fn report(version: &str) -> String {
    let mut report = String::new();
    for (case, exit_code) in CASES {
        let (seen, judgement) = understood(version, case, exit_code);
        let flags =
            if judgement.flags.is_empty() { String::new() } else { format!(" {:?}", judgement.flags) };
        let reset = judgement
            .reset
            .and_then(|reset| reset.instant(Timestamp::UNIX_EPOCH))
            .map(|at| format!(" resets {at}"))
            .unwrap_or_default();
        writeln!(
            report,
            "{case}\n  {}{flags}{reset}: {}\n  served {:?}, settled {}, answer {:?}, cost {:?}, {:?}",
            judgement.outcome,
            judgement.detail,
            seen.models_served,
            seen.is_settled(),
            seen.answer().chars().take(60).collect::<String>(),
            seen.cost_usd(),
            (seen.tokens().input, seen.tokens().output),
        )
        .unwrap();
    }
    report
}

#[test]
fn the_recorded_output_of_2_1_197_is_understood_and_judged() {
    insta::assert_snapshot!("claude-2.1.197", report("2.1.197"));
}

#[test]
fn the_recorded_output_of_2_1_330_is_understood_and_judged() {
    insta::assert_snapshot!("claude-2.1.330", report("2.1.330"));
}

/// A stream is settled at its end and nowhere before its last result, whatever runs in the background.
#[test]
fn a_background_task_keeps_the_stream_open_until_the_last_result() {
    for version in ["2.1.197", "2.1.330"] {
        let lines = lines(version, "subagent-background");
        let mut seen = Evidence::default();
        let mut decoder = AdapterKind::Claude.decoder(None, SessionStart::New);
        let mut settled_at = vec![];
        for (number, line) in lines.iter().enumerate() {
            for event in decoder.decode(line) {
                seen.add(&event, 1 << 20);
            }
            if seen.is_settled() {
                settled_at.push(number);
            }
        }
        assert_eq!(seen.answer(), "noted", "{version}");
        assert_eq!(settled_at.last(), Some(&(lines.len() - 1)), "{version}");
        let result_lines = lines.iter().filter(|line| line.contains("\"result\":\"")).count();
        assert_eq!(result_lines, 2, "{version}");
    }
}
