use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;
use crate::agent::{Access, AdapterKind, Agent, PermissionMode, Tier};
use crate::fixture::{Driven, catalog, general, limits};
use crate::ids::AgentSessionId;
use crate::run::event::Fact;

fn step(run: &Driven, limits: &Limits) -> Step {
    next_step(&run.state, limits, &catalog(vec![]), run.now, 0.5)
}

fn plan(run: &Driven, limits: &Limits) -> Plan {
    match step(run, limits) {
        Step::Invoke(plan) => plan,
        other => panic!("expected an invocation, got {other:?}"),
    }
}

/// A run on the tier whose first attempt ended with the outcome.
fn after_one(tier: Tier, outcome: Outcome) -> Driven {
    let mut run = Driven::routed(tier);
    let first = plan(&run, &limits());
    run.attempt(&first, outcome);
    run
}

#[test]
fn a_routed_run_begins_with_the_routed_agent() {
    let run = Driven::routed(Tier::Haiku);
    let want = Plan {
        agent: general(Tier::Haiku).name,
        why: AttemptReason::Start,
        carry: Carry::Nothing,
        usd_left: None,
    };
    assert_eq!(step(&run, &limits()), Step::Invoke(want));
}

#[test]
fn what_a_person_must_approve_is_refused_until_somebody_did() {
    let mut run = Driven::routed(Tier::Haiku);
    run.state.route.as_mut().unwrap().decision = Decision::Escalate;
    assert!(matches!(
        step(&run, &limits()),
        Step::Finish(Finish { verdict: Verdict::Refused, exit_code: 77, .. })
    ));
    run.record(Fact::Approved { by: "--approve".to_owned() });
    assert!(matches!(step(&run, &limits()), Step::Invoke(_)));
}

/// The table of docs/outcomes.md, outcome by outcome: what follows the first attempt on the middle tier.
#[test]
fn p07_every_outcome_is_followed_by_what_the_table_says() {
    for outcome in Outcome::ALL {
        let run = after_one(Tier::Sonnet, outcome);
        let said = match step(&run, &limits()) {
            Step::Invoke(plan) => format!("{:?} {}", plan.why, plan.agent),
            Step::Wait { why, .. } => format!("wait {why:?}"),
            Step::Finish(end) => format!("{} {}", end.verdict.as_str(), end.exit_code),
        };
        let want = match outcome {
            Outcome::Completed | Outcome::ModelMismatch => "succeeded 0",
            Outcome::NoResult
            | Outcome::EmptyAnswer
            | Outcome::InvalidOutput
            | Outcome::MaxTurns
            | Outcome::AskedEscalation
            | Outcome::VerifyFailed => "Escalate opus-general",
            Outcome::TimeoutWall | Outcome::TimeoutIdle | Outcome::TimeoutStartup => "Retry sonnet-general",
            Outcome::Overloaded | Outcome::Throttled | Outcome::Infrastructure | Outcome::WorkerLost => {
                "wait Backoff"
            }
            Outcome::Quota => "deferred 75",
            Outcome::PermissionDenied => "failed 77",
            Outcome::Budget => "failed 1",
            Outcome::InvalidRequest => "failed 65",
            Outcome::Configuration => "failed 78",
            Outcome::Auth | Outcome::Billing | Outcome::AgentMissing => "failed 69",
            Outcome::Cancelled => "cancelled 130",
        };
        assert_eq!(said, want, "{outcome}");
    }
}

/// Whatever the limits say: what kills the watcher may be the agent's own work. Seen to fail with either condition of
/// `is_poison` left out.
#[test]
fn p07_a_run_that_loses_its_watcher_again_and_again_is_started_three_times() {
    for (attempt_count_max, most) in [(10, 3), (2, 2)] {
        let limits = Limits { attempt_count_max, ..limits() };
        let mut run = Driven::routed(Tier::Haiku);
        let first = plan(&run, &limits);
        run.attempt(&first, Outcome::WorkerLost);
        while let Step::Wait { until, why } = step(&run, &limits) {
            run.record(Fact::Waiting { until, why });
            run.now = until;
            let again = plan(&run, &limits);
            run.attempt(&again, Outcome::WorkerLost);
        }
        assert_eq!(run.state.attempts.len(), most);
        assert!(matches!(step(&run, &limits), Step::Finish(Finish { exit_code: 69, .. })));
    }
}

/// The guard is `ended.progressed` in `escalate`.
#[test]
fn no_dearer_tier_is_bought_before_a_model_answered() {
    for outcome in [Outcome::NoResult, Outcome::EmptyAnswer, Outcome::InvalidOutput, Outcome::MaxTurns] {
        let mut run = after_one(Tier::Haiku, outcome);
        run.state.attempts[0].ended.as_mut().unwrap().progressed = false;
        assert!(
            matches!(step(&run, &limits()), Step::Finish(Finish { verdict: Verdict::Failed, .. })),
            "{outcome}"
        );
    }
}

#[test]
fn a_login_that_is_being_renewed_is_waited_for_once() {
    let mut run = after_one(Tier::Haiku, Outcome::Auth);
    assert!(
        matches!(step(&run, &limits()), Step::Finish(Finish { exit_code: 69, .. })),
        "a refused login is final"
    );
    run.state.attempts[0].ended.as_mut().unwrap().passes_soon = true;
    let Step::Wait { until, why: WaitReason::Backoff } = step(&run, &limits()) else { panic!("no wait") };
    assert!(until > run.now && until <= later(run.now, LOGIN_RENEWAL_WAIT));
    run.record(Fact::Waiting { until, why: WaitReason::Backoff });
    run.now = until;
    let again = plan(&run, &limits());
    assert_eq!((again.why, again.agent.as_str()), (AttemptReason::Retry, "haiku-general"));
    run.attempt(&again, Outcome::Auth);
    run.state.attempts[1].ended.as_mut().unwrap().passes_soon = true;
    assert!(matches!(step(&run, &limits()), Step::Finish(Finish { exit_code: 69, .. })));
}

#[test]
fn an_escalation_goes_one_tier_up_and_happens_once() {
    let mut run = after_one(Tier::Haiku, Outcome::AskedEscalation);
    let second = plan(&run, &limits());
    assert_eq!((second.why, second.agent.as_str()), (AttemptReason::Escalate, "sonnet-general"));
    run.attempt(&second, Outcome::AskedEscalation);
    assert!(matches!(
        step(&run, &limits()),
        Step::Finish(Finish { verdict: Verdict::Failed, exit_code: 1, .. })
    ));
}

#[test]
fn there_is_no_escalation_above_the_top_or_where_it_is_forbidden() {
    let top = after_one(Tier::Opus, Outcome::EmptyAnswer);
    assert!(matches!(step(&top, &limits()), Step::Finish(_)));
    let forbidden = Limits { escalation: Escalation::Forbidden, ..limits() };
    assert!(matches!(step(&after_one(Tier::Haiku, Outcome::EmptyAnswer), &forbidden), Step::Finish(_)));
}

#[test]
fn a_timeout_is_retried_once_on_the_same_tier() {
    let mut run = after_one(Tier::Sonnet, Outcome::TimeoutIdle);
    let second = plan(&run, &limits());
    assert_eq!((second.why, second.agent.as_str()), (AttemptReason::Retry, "sonnet-general"));
    run.attempt(&second, Outcome::TimeoutWall);
    assert!(matches!(step(&run, &limits()), Step::Finish(Finish { exit_code: 124, .. })));
}

#[test]
fn the_work_is_carried_over_in_the_session_where_the_same_cli_goes_on() {
    let run = after_one(Tier::Haiku, Outcome::MaxTurns);
    let want = Carry::Session { agent_session_id: AgentSessionId::nil() };
    assert_eq!(plan(&run, &limits()).carry, want);
}

#[test]
fn another_cli_gets_a_hand_over_note_and_nothing_done_carries_nothing() {
    let other_cli = Agent { command: vec!["other".to_owned()], ..general(Tier::Sonnet) };
    let agents = vec![general(Tier::Haiku), other_cli, general(Tier::Opus)];
    let by_tier = agents.iter().map(|agent| (agent.tier, agent.name.clone())).collect();
    let catalog = Catalog::new(agents, by_tier, Default::default()).unwrap();
    let mut run = after_one(Tier::Haiku, Outcome::MaxTurns);
    let carry = |run: &Driven| match next_step(&run.state, &limits(), &catalog, run.now, 0.5) {
        Step::Invoke(plan) => plan.carry,
        other => panic!("{other:?}"),
    };
    assert_eq!(carry(&run), Carry::Note);
    run = after_one(Tier::Haiku, Outcome::TimeoutStartup);
    run.state.attempts[0].ended.as_mut().unwrap().progressed = false;
    assert_eq!(carry(&run), Carry::Nothing);
}

#[test]
fn a_mismatch_counts_is_retried_or_fails_as_configured() {
    let flagged = after_one(Tier::Sonnet, Outcome::ModelMismatch);
    let with = |on_model_mismatch| Limits { on_model_mismatch, ..limits() };
    assert!(matches!(
        step(&flagged, &with(OnModelMismatch::Fail)),
        Step::Finish(Finish { exit_code: 1, .. })
    ));
    let mut retried = after_one(Tier::Sonnet, Outcome::ModelMismatch);
    let second = plan(&retried, &with(OnModelMismatch::Retry));
    assert_eq!(second.why, AttemptReason::Retry);
    retried.attempt(&second, Outcome::ModelMismatch);
    let end = step(&retried, &with(OnModelMismatch::Retry));
    assert!(matches!(end, Step::Finish(Finish { verdict: Verdict::Succeeded, .. })));
}

#[test]
fn a_quota_is_waited_for_only_when_asked_and_until_its_reset() {
    let mut run = after_one(Tier::Sonnet, Outcome::Quota);
    let reset = run.now.checked_add(SignedDuration::from_hours(2)).unwrap();
    run.state.attempts[0].ended.as_mut().unwrap().resets_at = Some(reset);
    let ends = step(&run, &limits());
    assert!(
        matches!(ends, Step::Finish(Finish { verdict: Verdict::Deferred, exit_code: 75, resets_at, .. }) if resets_at == Some(reset))
    );
    let waiting = Limits { on_limit: OnLimit::Wait, ..limits() };
    let Step::Wait { until, why: WaitReason::Quota } = step(&run, &waiting) else { panic!() };
    assert!(until >= reset && until.duration_since(reset) <= SignedDuration::from_secs(2), "{until}");
    run.record(Fact::Waiting { until, why: WaitReason::Quota });
    assert_eq!(step(&run, &waiting), Step::Wait { until, why: WaitReason::Quota }, "still too early");
    run.now = until;
    let again = plan(&run, &waiting);
    assert_eq!(again.why, AttemptReason::Retry);
    run.attempt(&again, Outcome::Quota);
    run.state.attempts[1].ended.as_mut().unwrap().resets_at = Some(reset);
    let Step::Wait { until, .. } = step(&run, &waiting) else { panic!() };
    assert!(
        until.duration_since(run.now) <= SignedDuration::from_secs(12),
        "a past reset means soon, not unknown"
    );
}

#[test]
fn the_cost_limit_holds_over_the_whole_run() {
    let run = after_one(Tier::Haiku, Outcome::EmptyAnswer);
    let with = |usd| Limits { max_usd: Some(usd), ..limits() };
    let left = plan(&run, &with(0.25)).usd_left.unwrap();
    assert!((left - 0.15).abs() < 1e-9);
    assert!(matches!(step(&run, &with(0.1)), Step::Finish(Finish { exit_code: 1, .. })));
}

#[test]
fn an_agent_that_is_missing_falls_back_once_where_the_operator_named_another() {
    let haiku = Agent { fallback_agent: Some(general(Tier::Sonnet).name), ..general(Tier::Haiku) };
    let sonnet = Agent { fallback_agent: Some(general(Tier::Haiku).name), ..general(Tier::Sonnet) };
    let catalog = two_agents(haiku, sonnet);
    let mut run = after_one(Tier::Haiku, Outcome::AgentMissing);
    let Step::Invoke(second) = next_step(&run.state, &limits(), &catalog, run.now, 0.5) else { panic!() };
    assert_eq!((second.why, second.agent.as_str()), (AttemptReason::FallBack, "sonnet-general"));
    run.attempt(&second, Outcome::AgentMissing);
    assert!(matches!(next_step(&run.state, &limits(), &catalog, run.now, 0.5), Step::Finish(_)));
}

/// A haiku agent and a sonnet agent as given, and the usual opus agent.
fn two_agents(haiku: Agent, sonnet: Agent) -> Catalog {
    let agents = vec![haiku, sonnet, general(Tier::Opus)];
    let by_tier = agents.iter().map(|agent| (agent.tier, agent.name.clone())).collect();
    Catalog::new(agents, by_tier, Default::default()).unwrap()
}

/// The step after the first attempt, on the haiku agent, with these agents.
fn second(catalog: &Catalog, outcome: Outcome) -> Step {
    let run = after_one(Tier::Haiku, outcome);
    next_step(&run.state, &limits(), catalog, run.now, 0.5)
}

#[test]
fn a_session_is_carried_over_to_the_same_agent_of_the_same_cli_only() {
    let haiku = || general(Tier::Haiku);
    let named = |name: &str, agent: Agent| Agent { cli_agent: Some(name.to_owned()), ..agent };
    let plain = |agent| Agent { adapter: AdapterKind::Plain, ..agent };
    let other = |agent| Agent { command: vec!["other".to_owned()], ..agent };
    let sonnet = || general(Tier::Sonnet);
    for (case, from, to, is_carried) in [
        ("general agents", haiku(), sonnet(), true),
        ("the same named agent", named("a", haiku()), named("a", sonnet()), true),
        ("a named agent, then a general one", named("a", haiku()), sonnet(), false),
        ("a general agent, then a named one", haiku(), named("a", sonnet()), false),
        ("two named agents", named("a", haiku()), named("b", sonnet()), false),
        ("another program", haiku(), other(sonnet()), false),
        ("a plain command", haiku(), plain(sonnet()), false),
    ] {
        let Step::Invoke(plan) = second(&two_agents(from, to), Outcome::AskedEscalation) else {
            panic!("{case}: no escalation")
        };
        assert_eq!(matches!(plan.carry, Carry::Session { .. }), is_carried, "{case}: {:?}", plan.carry);
        assert!(is_carried || plan.carry == Carry::Note, "{case}: what was done is handed over");
    }
}

#[test]
fn a_plain_command_that_writes_takes_no_read_only_run_over() {
    use Access::{ReadOnly, Write};
    let plain = Agent { adapter: AdapterKind::Plain, ..general(Tier::Sonnet) };
    for (case, first, then, is_tried) in [
        ("both write", Write, Write, true),
        ("both read", ReadOnly, ReadOnly, true),
        ("less than before", Write, ReadOnly, true),
        ("more than before", ReadOnly, Write, false),
    ] {
        let haiku = Agent { access: first, fallback_agent: Some(plain.name.clone()), ..general(Tier::Haiku) };
        let catalog = two_agents(haiku, Agent { access: then, ..plain.clone() });
        for outcome in [Outcome::AskedEscalation, Outcome::AgentMissing] {
            let step = second(&catalog, outcome);
            assert_eq!(matches!(step, Step::Invoke(_)), is_tried, "{case}, {outcome:?}: {step:?}");
        }
    }
}

/// For every pair of modes, the second attempt never has more rights than the first one had.
#[test]
fn rights_only_fall() {
    let asks_or_less = [PermissionMode::Plan, PermissionMode::Default, PermissionMode::DontAsk];
    for first in PermissionMode::ALL {
        for own in PermissionMode::ALL {
            let with = |mode, tier| Agent { permission_mode: Some(mode), ..general(tier) };
            let catalog = two_agents(with(first, Tier::Haiku), with(own, Tier::Sonnet));
            let run = after_one(Tier::Haiku, Outcome::AskedEscalation);
            let second = catalog.for_tier(Tier::Sonnet);
            let in_run = |run: &RunState| rights::held(run, second, &catalog).effective_permission_mode();
            let mode = in_run(&run.state);
            assert!(mode == first || mode == own, "{first:?} {own:?}: {mode:?}");
            assert_eq!(mode.at_most(first), mode, "{first:?} {own:?}: {mode:?}");
            assert!(!asks_or_less.contains(&first) || asks_or_less.contains(&mode), "{first:?}: {mode:?}");
            assert_eq!(in_run(&Driven::routed(Tier::Haiku).state), own);
        }
    }
}

#[test]
fn an_open_breaker_ends_a_run_or_makes_it_wait() {
    let run = Driven::routed(Tier::Sonnet);
    let until = run.now.checked_add(SignedDuration::from_secs(60)).unwrap();
    let sonnet = general(Tier::Sonnet).name;
    let refused = |limits: &Limits| refused_by_breaker(&run.state, limits, &catalog(vec![]), &sonnet, until);
    assert!(matches!(refused(&limits()), Step::Finish(Finish { exit_code: 75, resets_at: Some(_), .. })));
    let waiting = Limits { on_limit: OnLimit::Wait, ..limits() };
    assert_eq!(refused(&waiting), Step::Wait { until, why: WaitReason::Breaker });
}

#[test]
fn a_stop_has_the_exit_code_of_its_signal() {
    assert_eq!(cancelled(StopCause::Interrupt).exit_code, 130);
    assert_eq!(cancelled(StopCause::Terminate).exit_code, 143);
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    prop::sample::select(Outcome::ALL.to_vec())
}

fn any_limits() -> impl Strategy<Value = Limits> {
    (1u32..5, prop::bool::ANY, prop::bool::ANY, 0usize..3, prop::option::of(0.05f64..1.0)).prop_map(
        |(attempt_count_max, escalate, wait, mismatch, max_usd)| Limits {
            attempt_count_max,
            escalation: if escalate { Escalation::Allowed } else { Escalation::Forbidden },
            on_limit: if wait { OnLimit::Wait } else { OnLimit::End },
            on_model_mismatch: [OnModelMismatch::Flag, OnModelMismatch::Retry, OnModelMismatch::Fail]
                [mismatch],
            max_usd,
            ..limits()
        },
    )
}

fn any_outcomes() -> impl Strategy<Value = Vec<(Outcome, f64)>> {
    prop::collection::vec((any_outcome(), 0.0f64..1.0), 1..60)
}

/// Drives a run through outcomes, over and over, and returns it with the tiers that were used.
fn driven(
    outcomes: &[(Outcome, f64)],
    tier: Tier,
    limits: &Limits,
) -> Result<(Driven, Vec<Tier>), TestCaseError> {
    let mut run = Driven::routed(tier);
    let mut outcomes = outcomes.iter().cycle().peekable();
    let mut tiers = vec![];
    let catalog = catalog(vec![]);
    for _ in 0..2_000 {
        let (outcome, jitter) = **outcomes.peek().unwrap();
        match next_step(&run.state, limits, &catalog, run.now, jitter) {
            Step::Invoke(plan) => {
                // Only an attempt consumes an outcome: a wait must not, or every second outcome would go unseen.
                outcomes.next();
                tiers.push(catalog.get(&plan.agent).unwrap().tier);
                run.attempt(&plan, outcome);
            }
            Step::Wait { until, why } => {
                prop_assert!(until >= run.now);
                if why == WaitReason::Backoff {
                    let wait = until.duration_since(run.now).unsigned_abs();
                    prop_assert!(wait <= limits.backoff_cap, "{wait:?}");
                }
                run.record(Fact::Waiting { until, why });
                run.now = until;
            }
            Step::Finish(end) => {
                run.record(Fact::Finished {
                    verdict: end.verdict,
                    code: end.code,
                    exit_code: end.exit_code,
                    reason: end.reason,
                    hint: None,
                    resets_at: None,
                    changes: None,
                });
                break;
            }
        }
    }
    Ok((run, tiers))
}

/// Every run ends, and keeps every limit along the way.
fn the_class_table_is_obeyed(
    outcomes: &[(Outcome, f64)],
    tier: Tier,
    limits: &Limits,
) -> Result<(), TestCaseError> {
    let (run, tiers) = driven(outcomes, tier, limits)?;
    let ended: Vec<_> = run.state.attempts.iter().filter_map(|attempt| attempt.ended.as_ref()).collect();
    let never_counts =
        |outcome: Outcome| matches!(outcome.class(), OutcomeClass::Transient | OutcomeClass::Quota);
    if !ended.iter().all(|ended| never_counts(ended.outcome)) || limits.on_limit == OnLimit::End {
        prop_assert!(run.state.is_finished(), "{:?}", run.state.phase);
    }
    let consumed = ended.iter().filter(|ended| ended.outcome.consumes_attempt()).count();
    prop_assert!(consumed <= limits.attempt_count_max as usize);
    prop_assert!(tiers.windows(2).all(|pair| pair[1] == pair[0] || Some(pair[1]) == pair[0].up()));
    let escalations = run.state.attempts.iter().filter(|a| a.started.why == AttemptReason::Escalate).count();
    prop_assert!(escalations <= usize::from(limits.escalation == Escalation::Allowed));
    let replayed = crate::run::state::RunState::replay(&run.events).unwrap();
    prop_assert_eq!(&replayed, &run.state, "the fold of the log is the state");
    Ok(())
}

fn any_tier() -> impl Strategy<Value = Tier> {
    prop::sample::select(Tier::ALL.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn p07_retries_obey_the_class_table(outcomes in any_outcomes(), tier in any_tier(), limits in any_limits()) {
        the_class_table_is_obeyed(&outcomes, tier, &limits)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    #[ignore = "seconds: ten times as many sequences of outcomes"]
    fn deep_p07_retries_obey_the_class_table(outcomes in any_outcomes(), tier in any_tier(), limits in any_limits()) {
        the_class_table_is_obeyed(&outcomes, tier, &limits)?;
    }
}

/// Whatever came before, the log accepts nothing more.
#[test]
fn a_finished_run_never_changes() {
    for (tier, outcome) in Tier::ALL.iter().flat_map(|tier| Outcome::ALL.map(|outcome| (*tier, outcome))) {
        let mut run = Driven::routed(tier);
        let Step::Invoke(first) = step(&run, &limits()) else { panic!() };
        run.attempt(&first, outcome);
        run.record(Fact::Finished {
            verdict: Verdict::Failed,
            code: None,
            exit_code: 1,
            reason: String::new(),
            hint: None,
            resets_at: None,
            changes: None,
        });
        let before = run.state.clone();
        for event in run.events.clone() {
            let again = crate::run::event::RunEvent { seq: before.seq + 1, ..event };
            assert!(run.state.apply(&again).is_err(), "{tier} {outcome:?}");
        }
        assert_eq!(before, run.state);
    }
}

/// Full jitter uses the whole range below a ceiling that doubles, and gives up after the limit.
#[test]
fn p07_backoff_doubles_below_its_cap_and_gives_up_in_time() {
    let wait =
        |run: &Driven, jitter: f64| match next_step(&run.state, &limits(), &catalog(vec![]), run.now, jitter)
        {
            Step::Wait { until, .. } => Some(until.duration_since(run.now).as_millis()),
            _ => None,
        };
    let mut run = after_one(Tier::Sonnet, Outcome::Overloaded);
    let mut ceilings = vec![];
    while let Some(ceiling) = wait(&run, 1.0) {
        assert_eq!(wait(&run, 0.0), Some(0), "full jitter begins at nothing");
        ceilings.push(ceiling / 1000);
        let until =
            run.now.checked_add(SignedDuration::from_millis(i64::try_from(ceiling).unwrap())).unwrap();
        run.record(Fact::Waiting { until, why: WaitReason::Backoff });
        run.now = until;
        let Step::Invoke(next) = step(&run, &limits()) else { panic!() };
        run.attempt(&next, Outcome::Overloaded);
    }
    assert_eq!(ceilings[..8], [1, 2, 4, 8, 16, 32, 60, 60]);
    assert!(matches!(step(&run, &limits()), Step::Finish(Finish { exit_code: 75, .. })));
    let elapsed = run.now.as_second();
    assert!((600..720).contains(&elapsed), "{elapsed}");
}
