//! What became of directives, as a table of facts: each row is one prompt and what its hooks told.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use pointsman_core::agent::{Catalog, Tier};
use pointsman_core::compliance::{
    Directive, DirectiveKind, DirectiveStatus, RunServed, Surroundings, directives, report,
};
use pointsman_core::hook::delegation::{Disposition, PersonSaid, Target};
use pointsman_core::hook::fact::{Delegation, FACT_VERSION, HookEvent, HookFact, Recommendation};
use pointsman_core::hook::prompt::{Action, LeftBecause};
use pointsman_core::hook::transcript::TranscriptSummary;
use pointsman_core::mode::Mode;
use pointsman_core::policy::Policy;
use pointsman_core::request::{Origin, Overrides, Request};
use pointsman_core::route::{Route, route};

fn routed(words: &str) -> Route {
    let request = Request::new(words.to_owned(), Origin::Hook, Overrides::default()).unwrap();
    route(&request, &Catalog::of_generals(vec![]).unwrap(), &Policy::builtin()).unwrap()
}

fn fact(session: &str, mode: Mode, what: HookEvent) -> HookFact {
    HookFact {
        version: FACT_VERSION,
        id: "01a20000-0000-7000-8000-000000000000".parse().unwrap(),
        at: "2026-11-22T12:00:00Z".parse().unwrap(),
        session: session.parse().unwrap(),
        prompt_id: Some("p1".to_owned()),
        project_root: "/p".to_owned(),
        mode: Some(mode),
        mode_because: "a test".to_owned(),
        is_experiment: true,
        hook_us: 3000,
        what,
    }
}

fn recommended(words: &str, action: Action, run: Option<&str>) -> HookEvent {
    HookEvent::RoutingRecommendation(Box::new(Recommendation {
        request_hash: "h".to_owned(),
        route: routed(words),
        said: PersonSaid::Nothing,
        action,
        directive_tokens: 50,
        run_id: run.map(|run| run.parse().unwrap()),
    }))
}

fn ran(model: &str, tools: &[&str], asked_first: bool) -> TranscriptSummary {
    TranscriptSummary {
        models_served: vec![model.to_owned()],
        tools: tools.iter().map(|tool| ((*tool).to_owned(), 1)).collect::<BTreeMap<_, _>>(),
        asked_first,
        answers: 1,
        ..TranscriptSummary::default()
    }
}

fn turn(ran: TranscriptSummary) -> HookEvent {
    HookEvent::TurnEnded { ran: Some(ran), transcript: None, is_whole: true }
}

fn subagent(ran: Option<TranscriptSummary>) -> HookEvent {
    HookEvent::SubagentEnded {
        agent_id: "a1".to_owned(),
        agent_type: "general-purpose".to_owned(),
        tool_use_id: Some("t1".to_owned()),
        ran,
        transcript: None,
        is_whole: true,
    }
}

fn delegation(done: Disposition) -> HookEvent {
    HookEvent::Delegation(Box::new(Delegation {
        tool_use_id: "t1".to_owned(),
        from_agent_id: None,
        asked: Target::default(),
        route: routed(MECHANICAL),
        done,
    }))
}

fn around() -> Surroundings {
    Surroundings { time_zone: "UTC".to_owned(), gave_up: 0 }
}

/// Hours of a policy are local ones, so a day of the report is one too.
#[test]
fn the_days_of_a_report_are_those_of_its_zone() {
    let facts = [fact("s1", Mode::Directive, recommended(MECHANICAL, Action::Advised, None))];
    let day = |zone: &TimeZone| directives(&facts, &[], &Tier::in_model_name, zone).remove(0).day;
    let far_east = TimeZone::fixed(jiff::tz::offset(13));
    assert_eq!((day(&TimeZone::UTC), day(&far_east)), ("2026-11-22".to_owned(), "2026-11-23".to_owned()));
}

fn judged(mode: Mode, whats: Vec<HookEvent>, runs: &[RunServed]) -> Vec<Directive> {
    let facts: Vec<HookFact> = whats.into_iter().map(|what| fact("s1", mode, what)).collect();
    directives(&facts, runs, &Tier::in_model_name, &TimeZone::UTC)
}

const MECHANICAL: &str = "rename foo to bar in lib.rs";
const DANGER: &str = "drop the users table in production";

#[test]
fn a_prompts_status_follows_from_who_really_answered() {
    let advised = || recommended(MECHANICAL, Action::Advised, None);
    let asks = || recommended(DANGER, Action::AskFirst, None);
    let sonnet = |tools: &[&str]| turn(ran("claude-sonnet-5-5", tools, false));
    for (name, whats, expected) in [
        (
            "handed to the tier",
            vec![advised(), subagent(Some(ran("claude-haiku-5-5", &["Edit"], false))), sonnet(&["Agent"])],
            DirectiveStatus::Followed,
        ),
        (
            "handed to another",
            vec![advised(), subagent(Some(ran("claude-opus-5-5", &["Edit"], false))), sonnet(&["Agent"])],
            DirectiveStatus::Ignored,
        ),
        (
            "the tier only looked, the session did it",
            vec![
                advised(),
                subagent(Some(ran("claude-haiku-5-5", &["Read"], false))),
                sonnet(&["Agent", "Edit"]),
            ],
            DirectiveStatus::Ignored,
        ),
        (
            "the tier only looked, and so did the session",
            vec![advised(), subagent(Some(ran("claude-haiku-5-5", &["Read"], false))), sonnet(&["Agent"])],
            DirectiveStatus::Followed,
        ),
        (
            "the session is of the tier",
            vec![advised(), turn(ran("claude-haiku-5-5", &["Edit"], false))],
            DirectiveStatus::Followed,
        ),
        ("nothing was handed over", vec![advised(), sonnet(&["Edit"])], DirectiveStatus::Ignored),
        (
            "a model of no known tier",
            vec![advised(), turn(ran("vendor/other", &[], false))],
            DirectiveStatus::Unknown,
        ),
        ("no end", vec![advised()], DirectiveStatus::Unknown),
        (
            "a subagent that was not read",
            vec![advised(), subagent(None), sonnet(&["Agent"])],
            DirectiveStatus::Unknown,
        ),
        ("asked, and nothing was done", vec![asks(), sonnet(&["Read"])], DirectiveStatus::Followed),
        ("asked, and something was done", vec![asks(), sonnet(&["Bash"])], DirectiveStatus::Ignored),
        (
            "asked by the tool for it, then done",
            vec![asks(), turn(ran("claude-sonnet-5-5", &["AskUserQuestion", "Bash"], true))],
            DirectiveStatus::Followed,
        ),
        (
            "asked, and a subagent only looked",
            vec![asks(), subagent(Some(ran("claude-opus-5-5", &["Grep"], false))), sonnet(&["Agent"])],
            DirectiveStatus::Followed,
        ),
        (
            "asked, and a subagent did it",
            vec![asks(), subagent(Some(ran("claude-opus-5-5", &["Bash"], false))), sonnet(&["Agent"])],
            DirectiveStatus::Ignored,
        ),
        ("held back", vec![recommended(DANGER, Action::Blocked, None)], DirectiveStatus::NotApplicable),
        (
            "left alone",
            vec![HookEvent::PromptLeft { because: LeftBecause::Asked }],
            DirectiveStatus::Overridden,
        ),
        (
            "small talk",
            vec![HookEvent::PromptLeft { because: LeftBecause::Reply }],
            DirectiveStatus::NotApplicable,
        ),
    ] {
        let judged = judged(Mode::Directive, whats, &[]);
        let statuses: Vec<DirectiveStatus> = judged.iter().map(|one| one.status).collect();
        assert_eq!(statuses, [expected], "{name}: {judged:?}");
    }
}

#[test]
fn a_prompt_that_a_run_took_over_is_judged_by_what_the_run_served() {
    let run = "01a20000-0000-7000-8000-000000000001";
    let served = |model: &str, is_over| RunServed {
        run_id: run.parse().unwrap(),
        models_served: vec![model.to_owned()],
        is_over,
    };
    for (runs, expected) in [
        (vec![served("claude-haiku-5-5", true)], DirectiveStatus::Followed),
        (vec![served("claude-opus-5-5", true)], DirectiveStatus::Ignored),
        (vec![served("claude-haiku-5-5", false)], DirectiveStatus::Unknown),
        (vec![], DirectiveStatus::Unknown),
    ] {
        let whats = vec![recommended(MECHANICAL, Action::Delegate, Some(run))];
        assert_eq!(judged(Mode::Orchestration, whats, &runs)[0].status, expected, "{runs:?}");
    }
}

#[test]
fn a_delegation_is_judged_only_where_it_was_directed() {
    let set = || Target { subagent_type: None, model: Some("haiku".to_owned()) };
    let haiku = || subagent(Some(ran("claude-haiku-5-5", &[], false)));
    for (whats, expected) in [
        (vec![delegation(Disposition::Rewritten { set: set() }), haiku()], DirectiveStatus::Followed),
        (
            vec![
                delegation(Disposition::AsRouted { set: set() }),
                subagent(Some(ran("claude-opus-5-5", &[], false))),
            ],
            DirectiveStatus::Ignored,
        ),
        (vec![delegation(Disposition::Rewritten { set: set() })], DirectiveStatus::Unknown),
        (vec![delegation(Disposition::Denied)], DirectiveStatus::NotApplicable),
        (vec![delegation(Disposition::LeftAlone), haiku()], DirectiveStatus::Overridden),
    ] {
        let judged = judged(Mode::Enforced, whats.clone(), &[]);
        assert_eq!((judged[0].scope, judged[0].status), (DirectiveKind::Delegation, expected), "{judged:?}");
        assert!(self::judged(Mode::Directive, whats, &[]).is_empty(), "advice directs no delegation");
    }
}

#[test]
fn the_experiments_range_knows_that_prompts_of_a_session_are_alike() {
    let of_sessions = |mode: Mode,
                       name: &str,
                       followed: usize,
                       sessions: usize,
                       prompts: usize|
     -> Vec<Directive> {
        let one = |n: usize| Directive {
            session: format!("{name}-{}", n / prompts),
            status: if n / prompts < followed { DirectiveStatus::Followed } else { DirectiveStatus::Ignored },
            mode: Some(mode),
            ..judged(mode, vec![recommended(MECHANICAL, Action::Advised, None)], &[]).remove(0)
        };
        (0..sessions * prompts).map(one).collect()
    };
    let range = |sessions: usize, prompts: usize| {
        let mut all = of_sessions(Mode::Directive, "d", sessions / 4, sessions, prompts);
        all.extend(of_sessions(Mode::Enforced, "e", sessions / 4 * 3, sessions, prompts));
        let experiment = report(&all, &[], around()).experiment.unwrap();
        assert_eq!(experiment.difference, Some(0.5));
        let [low, high] = experiment.difference_range.unwrap();
        assert!(low < 0.5 && 0.5 < high, "{low} {high}");
        high - low
    };
    let (alone, alike) = (range(80, 1), range(8, 10));
    assert!(alike > alone * 2.0, "eighty prompts in eight sessions say less than in eighty: {alike} {alone}");
    let mut asks = of_sessions(Mode::Directive, "d", 1, 2, 1);
    asks.iter_mut().for_each(|one| one.asks = true);
    assert_eq!(
        report(&asks, &[], around()).experiment,
        None,
        "what a person is asked about cannot be compared"
    );
}
