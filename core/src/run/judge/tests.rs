use std::time::Duration;

use super::*;
use crate::adapter::event::{AgentEvent, DeniedCall};
use crate::agent::{AdapterKind, Tier};
use crate::fixture::{catalog, general};
use crate::route::Complexity;

fn nonce() -> Nonce {
    Nonce::from_bytes([7; 16])
}

fn end(exit: Exit) -> ProcessEnd {
    ProcessEnd {
        exit,
        stopped: None,
        leaked_count: 0,
        duration: Duration::from_secs(1),
        stderr_tail: String::new(),
        oversized_lines: 0,
    }
}

fn ok() -> ProcessEnd {
    end(Exit::Code { code: 0 })
}

/// Evidence in which the model answered and the result has this text.
fn answered(text: &str) -> Evidence {
    with_result(AgentResult { text: Some(text.to_owned()), ..AgentResult::default() })
}

fn with_result(result: AgentResult) -> Evidence {
    let mut seen = Evidence::default();
    seen.add(&AgentEvent::ModelAnswered { model: "claude-haiku-5-5".to_owned() }, 1000);
    seen.add(&AgentEvent::Result(Box::new(result)), 1000);
    seen
}

fn judged(seen: &Evidence, end: &ProcessEnd) -> Judgement {
    judge(&general(Tier::Haiku), &catalog(vec![]), &nonce(), seen, end)
}

fn outcome(seen: &Evidence, end: &ProcessEnd) -> Outcome {
    judged(seen, end).outcome
}

#[test]
fn an_answer_of_the_routed_tier_is_completed_whatever_the_exit_code() {
    assert_eq!(outcome(&answered("the answer"), &ok()), Outcome::Completed);
    assert_eq!(outcome(&answered("the answer"), &end(Exit::Code { code: 1 })), Outcome::Completed);
}

#[test]
fn our_own_stop_beats_whatever_the_stream_says() {
    let nothing_yet = with_result(AgentResult::default());
    for (cause, want) in
        [(StopCause::IdleTimeout, Outcome::TimeoutIdle), (StopCause::WallTimeout, Outcome::TimeoutWall)]
    {
        let end = ProcessEnd { stopped: Some(cause), ..ok() };
        assert_eq!(outcome(&nothing_yet, &end), want, "{cause:?}");
    }
    for (cause, want) in [
        (StopCause::Interrupt, Outcome::Cancelled),
        (StopCause::Terminate, Outcome::Cancelled),
        (StopCause::StartupTimeout, Outcome::TimeoutStartup),
        // The answer came before the silence.
        (StopCause::IdleTimeout, Outcome::Completed),
        (StopCause::WallTimeout, Outcome::Completed),
        (StopCause::Budget, Outcome::Budget),
        (StopCause::AuthFailed, Outcome::Auth),
        (StopCause::PostResult, Outcome::Completed),
    ] {
        let end = ProcessEnd { stopped: Some(cause), ..ok() };
        assert_eq!(outcome(&answered("success, honestly"), &end), want, "{cause:?}");
    }
}

#[test]
fn processes_that_had_to_be_killed_after_the_answer_are_flagged_and_no_failure() {
    let killed = ProcessEnd { stopped: Some(StopCause::PostResult), leaked_count: 2, ..ok() };
    let left_behind = ProcessEnd { leaked_count: 1, ..ok() };
    for end in [killed, left_behind] {
        let judgement = judged(&answered("the answer"), &end);
        assert_eq!((judgement.outcome, judgement.flags), (Outcome::Completed, vec![Flag::Leak]));
    }
    assert_eq!(judged(&answered("the answer"), &ok()).flags, []);
}

#[test]
fn a_program_that_is_not_there_is_missing_and_other_trouble_is_not() {
    let never = |missing| end(Exit::NotSpawned { missing, message: "no".to_owned() });
    assert_eq!(outcome(&Evidence::default(), &never(true)), Outcome::AgentMissing);
    assert_eq!(outcome(&Evidence::default(), &never(false)), Outcome::Infrastructure);
    assert_eq!(outcome(&Evidence::default(), &end(Exit::Lost)), Outcome::WorkerLost);
    assert_eq!(outcome(&Evidence::default(), &end(Exit::Signal { signal: 9 })), Outcome::Infrastructure);
}

#[test]
fn what_is_not_fit_for_a_run_is_a_matter_of_configuration() {
    let unfit = end(Exit::Unfit { message: "the project directory `/x` is gone".to_owned() });
    let judgement = judged(&Evidence::default(), &unfit);
    assert_eq!(
        (judgement.outcome, judgement.detail.as_str()),
        (Outcome::Configuration, "the project directory `/x` is gone")
    );
}

#[test]
fn denied_looks_matter_only_when_the_contract_is_not_met() {
    let denied = |text: &str| {
        let mut seen = answered(text);
        let denied =
            DeniedCall { id: None, tool: "Bash".to_owned(), what: Some("ls".to_owned()), purpose: None };
        seen.add(&AgentEvent::PermissionDenied(denied), 1000);
        seen
    };
    let judgement = judged(&denied("I read it instead: 3 places"), &ok());
    assert_eq!((judgement.outcome, judgement.flags), (Outcome::Completed, vec![Flag::ToolsDenied]));
    let judgement = judged(&denied(""), &ok());
    assert_eq!(
        (judgement.outcome, judgement.detail.as_str()),
        (Outcome::PermissionDenied, "denied: Bash(ls); the answer is empty")
    );
    let blocked = contract_line("blocked");
    assert_eq!(outcome(&denied(&blocked), &ok()), Outcome::PermissionDenied);
    assert_eq!(outcome(&answered(&blocked), &ok()), Outcome::InvalidOutput);
}

fn contract_line(word: &str) -> String {
    let text = contract::text(&nonce(), Complexity::Complex);
    let line = text.lines().find(|line| line.contains(&format!(":{word}]]"))).unwrap();
    format!("I tried.\n{}", line.replace("REASON", "because"))
}

#[test]
fn the_agents_own_signal_asks_for_escalation_and_prose_does_not() {
    assert_eq!(outcome(&answered(&contract_line("escalate")), &ok()), Outcome::AskedEscalation);
    let prose = "This needs opus. Escalating to opus-general: requires higher capability.";
    assert_eq!(outcome(&answered(prose), &ok()), Outcome::Completed);
}

#[test]
fn another_tier_is_a_mismatch_an_unknown_model_is_not() {
    let served = |model: &str| {
        let mut seen = answered("the answer");
        seen.models_served = vec![model.to_owned()];
        judged(&seen, &ok())
    };
    assert_eq!(served("claude-sonnet-5").outcome, Outcome::ModelMismatch);
    assert_eq!(
        (served("mystery-1").outcome, served("mystery-1").flags),
        (Outcome::Completed, vec![Flag::UnknownModel])
    );
}

#[test]
fn a_fallback_that_we_configured_and_the_stream_announces_is_no_mismatch() {
    let mut seen = answered("the answer");
    seen.models_served = vec!["claude-sonnet-5".to_owned()];
    seen.model_fallback = Some(("claude-haiku-5-5".to_owned(), "claude-sonnet-5".to_owned()));
    let mut agent = general(Tier::Haiku);
    let judged = |agent: &Agent| judge(agent, &catalog(vec![]), &nonce(), &seen, &ok());
    assert_eq!(judged(&agent).outcome, Outcome::ModelMismatch, "nobody configured it");
    agent.fallback_model = Some("sonnet".to_owned());
    assert_eq!(
        (judged(&agent).outcome, judged(&agent).flags),
        (Outcome::Completed, vec![Flag::FallbackModel])
    );
}

#[test]
fn a_plain_command_answers_with_all_its_text() {
    let mut agent = general(Tier::Haiku);
    agent.adapter = AdapterKind::Plain;
    let judged = |text: &str, end: &ProcessEnd| {
        let mut seen = Evidence::default();
        if !text.is_empty() {
            seen.add(&AgentEvent::Text { text: text.to_owned() }, 1000);
        }
        judge(&agent, &catalog(vec![]), &nonce(), &seen, end).outcome
    };
    assert_eq!(judged("two lines\nof text\n", &ok()), Outcome::Completed);
    assert_eq!(judged("", &ok()), Outcome::EmptyAnswer);
    assert_eq!(judged("half an ans", &end(Exit::Code { code: 2 })), Outcome::NoResult);
}
