//! How far hooks go in a session, and which prompts are one and the same.

use pointsman_core::hook::input::HookInput;
use pointsman_core::hook::mode::{self, ModeChoice, RoutingMode, SessionSignals};
use pointsman_core::hook::prompt::{self, Action, Approval, Wanted};
use pointsman_core::hook::takeover::{self, Stage, Takeover};
use pointsman_core::mode::Mode;
use pointsman_core::route::Route;
use serde_json::{Value, json};

use crate::hooks::routed;

/// Every sign that nobody is there.
fn signs_of_automation() -> [SessionSignals; 5] {
    let each = |change: fn(&mut SessionSignals)| {
        let mut signals = SessionSignals::default();
        change(&mut signals);
        signals
    };
    [
        each(|s| s.entrypoint = Some("sdk-cli".to_owned())),
        each(|s| s.entrypoint = Some("sdk-ts".to_owned())),
        each(|s| s.automated = true),
        each(|s| s.overnight = true),
        each(|s| s.workflow_chain = true),
    ]
}

fn a_person_is_there() -> [SessionSignals; 2] {
    [
        SessionSignals::default(),
        SessionSignals { entrypoint: Some("cli".to_owned()), ..SessionSignals::default() },
    ]
}

fn chosen(setting: RoutingMode, signals: &SessionSignals) -> ModeChoice {
    mode::select(setting, "set by a test", signals, &"s1".parse().unwrap())
}

#[test]
fn a_mode_is_the_explicit_one_then_enforcement_for_automation_then_advice() {
    for signals in &signs_of_automation() {
        assert_eq!(chosen(RoutingMode::Hybrid, signals).mode, Some(Mode::Enforced), "{signals:?}");
    }
    for signals in &a_person_is_there() {
        assert_eq!(chosen(RoutingMode::Hybrid, signals).mode, Some(Mode::Directive), "{signals:?}");
    }
    for signals in signs_of_automation().iter().chain(&a_person_is_there()) {
        for (setting, expected) in [
            (RoutingMode::Directive, Some(Mode::Directive)),
            (RoutingMode::Enforced, Some(Mode::Enforced)),
            (RoutingMode::Orchestration, Some(Mode::Orchestration)),
            (RoutingMode::Off, None),
        ] {
            assert_eq!(chosen(setting, signals).mode, expected, "{setting:?} {signals:?}");
        }
    }
}

#[test]
fn only_a_mode_that_was_chosen_takes_a_prompt_over_or_holds_it_back() {
    let (work, danger) =
        (routed("rename foo to bar in lib.rs"), routed("drop the users table in production"));
    let action = |setting, signals: &SessionSignals, route: &Route| {
        let choice = chosen(setting, signals);
        prompt::action(choice.for_prompts(choice.mode.unwrap()), Wanted::AsUsual, route, Approval::Missing)
    };
    for signals in signs_of_automation().iter().chain(&a_person_is_there()) {
        for (setting, to_work, to_danger) in [
            (RoutingMode::Hybrid, Action::Advised, Action::AskFirst),
            (RoutingMode::Enforced, Action::Advised, Action::Blocked),
            (RoutingMode::Orchestration, Action::Delegate, Action::Blocked),
        ] {
            assert_eq!(action(setting, signals, &work), to_work, "{setting:?} {signals:?}");
            assert_eq!(action(setting, signals, &danger), to_danger, "{setting:?} {signals:?}");
        }
    }
}

#[test]
fn a_session_begins_with_news_only_where_somebody_may_read_them() {
    assert!(a_person_is_there().iter().all(|signals| chosen(RoutingMode::Hybrid, signals).has_reader()));
    assert!(!signs_of_automation().iter().any(|signals| chosen(RoutingMode::Hybrid, signals).has_reader()));
    let signals = &SessionSignals::default();
    assert!(chosen(RoutingMode::Enforced, signals).has_reader());
    assert!(!chosen(RoutingMode::Orchestration, signals).has_reader());
}

fn prompt_of(session: &str, prompt_id: Value) -> HookInput {
    let event = json!({"session_id": session, "prompt_id": prompt_id, "hook_event_name": "UserPromptSubmit"});
    HookInput::parse(event.to_string().as_bytes(), None).unwrap()
}

#[test]
fn a_prompt_has_one_name_and_no_other_prompt_has_it() {
    let name = |session, prompt_id, hash| takeover::name(&prompt_of(session, prompt_id), hash);
    let one = name("s1", json!("p1"), "words");
    assert_eq!(one, name("s1", json!("p1"), "words"));
    for (session, prompt_id, hash) in [
        ("s2", json!("p1"), "words"),
        ("s1", json!("p2"), "words"),
        // A message in the middle of a turn has the turn's id.
        ("s1", json!("p1"), "other words"),
        ("s1", Value::Null, "words"),
        ("s1p", json!("1"), "words"),
        ("s1", json!("p1w"), "ords"),
    ] {
        assert_ne!(one, name(session, prompt_id.clone(), hash), "{session} {prompt_id} {hash}");
    }
    for prompt_id in
        [json!("../../x"), json!("/etc/passwd"), json!("x".repeat(128)), json!("\u{0}"), json!(7)]
    {
        let name = name("s1", prompt_id.clone(), "words");
        assert!(name.len() == 64 && name.bytes().all(|b| b.is_ascii_hexdigit()), "{prompt_id}: {name}");
    }
}

#[test]
fn a_prompt_without_an_id_is_the_same_for_ten_seconds_and_one_with_an_id_for_ever() {
    let at = |second| jiff::Timestamp::from_second(second).unwrap();
    let earlier = Takeover { run_id: "r".parse().unwrap(), at: at(1000), stage: Stage::Begun };
    let (named, nameless) = (prompt_of("s1", json!("p1")), prompt_of("s1", Value::Null));
    // The clock may have been set back since.
    for (second, is_over) in [(1000, false), (1010, false), (1011, true), (990, false), (900, true)] {
        assert_eq!(takeover::is_over(&earlier, &nameless, at(second)), is_over, "{second}");
        assert!(!takeover::is_over(&earlier, &named, at(second)), "{second}");
    }
}

#[test]
fn an_experiment_gives_a_session_always_the_same_arm_and_both_arms_half_of_them() {
    let arm = |n: u32| mode::arm(&format!("session-{n}").parse().unwrap());
    let enforced = (0..1000).filter(|n| arm(*n) == Mode::Enforced).count();
    assert!((450..=550).contains(&enforced), "{enforced}");
    assert!((0..100).all(|n| arm(n) == arm(n)));
}
