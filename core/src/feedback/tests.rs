use super::*;
use crate::fixture::{Driven, general};
use crate::route::{Decision, OwnDecision};
use crate::run::event::Fact;
use crate::run::next::{Carry, Plan};

fn plan(tier: Tier, why: AttemptReason) -> Plan {
    Plan { agent: general(tier).name, why, carry: Carry::Nothing, usd_left: None }
}

fn finish(run: &mut Driven, verdict: Verdict) {
    let reason = "because".to_owned();
    run.record(Fact::Finished {
        verdict,
        code: None,
        exit_code: 0,
        reason,
        hint: None,
        resets_at: None,
        changes: None,
    });
}

/// A run that `rules.x` routed to a tier, with these attempts and this verdict.
fn ran(tier: Tier, attempts: &[(Tier, AttemptReason, Outcome)], verdict: Verdict) -> RunState {
    let mut run = Driven::routed(tier);
    let route = run.state.route.as_mut().unwrap();
    (route.layer, route.rules) = (Layer::Rules, vec!["rules.x".to_owned(), "rules.y".to_owned()]);
    for (tier, why, outcome) in attempts {
        run.attempt(&plan(*tier, *why), *outcome);
    }
    finish(&mut run, verdict);
    run.state
}

fn succeeded() -> RunState {
    ran(Tier::Haiku, &[(Tier::Haiku, AttemptReason::Start, Outcome::Completed)], Verdict::Succeeded)
}

fn escalated() -> RunState {
    let attempts = [
        (Tier::Haiku, AttemptReason::Start, Outcome::MaxTurns),
        (Tier::Sonnet, AttemptReason::Escalate, Outcome::Completed),
    ];
    ran(Tier::Haiku, &attempts, Verdict::Succeeded)
}

/// A run that the user gave to a tier although `rules.x` says haiku.
fn chosen(tier: Tier) -> RunState {
    let mut run = ran(tier, &[(tier, AttemptReason::Start, Outcome::Completed)], Verdict::Succeeded);
    let route = run.route.as_mut().unwrap();
    route.layer = Layer::Override;
    route.rules.insert(0, "override.tier".to_owned());
    route.own =
        Some(OwnDecision { decision: Decision::Direct, tier: Tier::Haiku, rule: "rules.x".to_owned() });
    run
}

/// A request that `safety.x` asked about at this second, approved or not.
fn asked(hash: &str, second: i64, approved: bool) -> RunState {
    let mut run = Driven::routed(Tier::Sonnet);
    let route = run.state.route.as_mut().unwrap();
    (route.decision, route.layer) = (Decision::Escalate, Layer::Safety);
    route.rules = vec!["safety.x".to_owned()];
    run.state.requested.as_mut().unwrap().request_hash = hash.to_owned();
    run.state.requested_at = Some(Timestamp::from_second(second).unwrap());
    if approved {
        run.record(Fact::Approved { by: "terminal".to_owned() });
        run.attempt(&plan(Tier::Sonnet, AttemptReason::Start), Outcome::Completed);
    }
    finish(&mut run, if approved { Verdict::Succeeded } else { Verdict::Refused });
    run.state
}

fn report(runs: &[RunState]) -> RoutingReport {
    let mut feedback = Feedback::default();
    runs.iter().for_each(|run| feedback.add(run));
    feedback.report()
}

#[test]
fn every_end_of_a_run_is_counted_for_the_rule_that_decided() {
    let start = |outcome| [(Tier::Haiku, AttemptReason::Start, outcome)];
    let retried = [
        (Tier::Haiku, AttemptReason::Start, Outcome::TimeoutIdle),
        (Tier::Haiku, AttemptReason::Retry, Outcome::Completed),
    ];
    let report = report(&[
        succeeded(),
        escalated(),
        ran(Tier::Haiku, &retried, Verdict::Succeeded),
        ran(Tier::Haiku, &start(Outcome::ModelMismatch), Verdict::Succeeded),
        ran(Tier::Haiku, &start(Outcome::Cancelled), Verdict::Cancelled),
        ran(Tier::Haiku, &start(Outcome::Auth), Verdict::Failed),
        ran(Tier::Haiku, &start(Outcome::Quota), Verdict::Deferred),
        chosen(Tier::Opus),
        chosen(Tier::Haiku),
    ]);
    let [row] = &report.by_rule[..] else { panic!("{report:#?}") };
    assert_eq!((row.rule.as_deref(), row.answer), (Some("rules.x"), Answer::Haiku));
    let want = Tally {
        decided: 9,
        succeeded: 4,
        escalated: 1,
        escalated_because: BTreeMap::from([("max_turns", 1)]),
        overridden_up: 1,
        retried: 1,
        mismatched: 1,
        cancelled: 1,
        failed: 1,
        waiting: 1,
        went_to: [0, 1, 1],
        ..Tally::default()
    };
    assert_eq!(row.tally, want);
    assert_eq!(row.wrong.map(|share| (share.count, share.of)), Some((2, 6)));
    assert_eq!(report.by_class[0].tally, want);
    assert_eq!(report.proposals, []);
}

#[test]
fn a_question_is_answered_by_the_last_word_about_the_same_request() {
    let runs = [asked("a", 1, false), asked("a", 2, true), asked("b", 1, true), asked("b", 2, false)];
    let row = &report(&runs).by_rule[0];
    let tally = &row.tally;
    assert_eq!((tally.decided, tally.approved, tally.approved_later, tally.refused), (4, 2, 1, 1));
    assert_eq!(row.possibly_needless.map(|share| (share.count, share.of)), Some((2, 3)));
    let mut backwards = runs.to_vec();
    backwards.reverse();
    assert_eq!(report(&backwards), report(&runs));
}

#[test]
fn what_says_nothing_about_a_rule_is_left_out_and_counted() {
    let mut rehearsed = succeeded();
    rehearsed.requested.as_mut().unwrap().rehearsal = true;
    let mut old = chosen(Tier::Opus);
    old.route.as_mut().unwrap().own = None;
    let mut of_rehearsals = Feedback::of(Counted::Rehearsals);
    [&rehearsed, &old].into_iter().for_each(|run| of_rehearsals.add(run));
    assert_eq!(of_rehearsals.report().runs, 1);
    assert_eq!(of_rehearsals.report().left_out, LeftOut::default());
    let report = report(&[rehearsed, old, Driven::routed(Tier::Haiku).state]);
    let want = LeftOut { rehearsals: 1, unfinished: 1, chosen_by_a_person: 1, unreadable: 0 };
    assert_eq!((report.runs, report.left_out, report.by_rule.len()), (0, want, 0));
}

#[test]
fn a_change_is_proposed_only_where_enough_runs_say_so() {
    let few = vec![escalated(); 4];
    assert_eq!(report(&few).proposals, []);
    let doubtful = [vec![escalated(); 2], vec![succeeded(); 3]].concat();
    assert_eq!(report(&doubtful).proposals, []);
    let enough = [vec![escalated(); 6], vec![chosen(Tier::Opus); 1], vec![succeeded(); 2]].concat();
    let proposals = report(&enough).proposals;
    let [proposal] = &proposals[..] else { panic!("{proposals:#?}") };
    assert_eq!((proposal.tier, proposal.evidence.count, proposal.evidence.of), (Some(Tier::Sonnet), 7, 9));
    assert!(
        proposal
            .text
            .starts_with("rules.x: 7 of 9 that went to haiku ended on a stronger tier or were given to one")
    );
    let lines = proposal.policy.as_ref().unwrap();
    assert!(lines.starts_with("[[rule]]\nid = \"x\"\n") && lines.ends_with("tier = \"sonnet\""), "{lines}");
}

#[test]
fn a_tier_that_people_lower_again_and_again_is_proposed_to_be_lowered() {
    let lowered = |_| {
        let mut run = chosen(Tier::Haiku);
        run.route.as_mut().unwrap().own.as_mut().unwrap().tier = Tier::Opus;
        run
    };
    let proposals = report(&(0..6).map(lowered).collect::<Vec<_>>()).proposals;
    assert_eq!(proposals[0].tier, Some(Tier::Haiku));
    assert!(proposals[0].text.contains("6 of 6 that went to opus were given to a weaker tier by a person"));
}

#[test]
fn questions_that_are_always_answered_with_yes_are_shown_and_no_rule_is_loosened() {
    let runs: Vec<RunState> = (0..8).map(|n| asked(&n.to_string(), n, true)).collect();
    let proposal = &report(&runs).proposals[0];
    assert_eq!((proposal.tier, &proposal.policy), (None, &None));
    assert!(proposal.text.contains("8 of 8 questions were answered with yes"), "{}", proposal.text);
}

#[test]
fn what_no_single_rule_decided_is_proposed_in_words_alone() {
    let learned = |_| {
        let mut run = escalated();
        let route = run.route.as_mut().unwrap();
        (route.layer, route.rules) = (Layer::Classifier, vec!["rules.y".into(), "classifier.tier".into()]);
        run
    };
    let proposals = report(&(0..7).map(learned).collect::<Vec<_>>()).proposals;
    assert_eq!((proposals[0].rule.as_str(), &proposals[0].policy), ("classifier.tier", &None));
}

fn with_words(mut run: RunState, words: &str) -> RunState {
    let requested = run.requested.as_mut().unwrap();
    (requested.prompt, requested.request_hash) = (Some(words.to_owned()), words.to_owned());
    run
}

fn learned(runs: &[RunState]) -> Vec<lessons::LearnedRule> {
    let policy = crate::policy::Policy::builtin();
    let mut lessons = lessons::Lessons::default();
    runs.iter().for_each(|run| lessons.add(run, &policy));
    lessons.rules()
}

#[test]
fn a_question_that_was_left_open_for_long_before_the_yes_was_not_needless() {
    let row = |runs: &[RunState]| report(runs).by_rule[0].possibly_needless.unwrap();
    assert_eq!((row(&[asked("a", 0, true)]).count, row(&[asked("a", 0, true)]).of), (1, 1));
    let soon = row(&[asked("a", 0, false), asked("a", 60, true)]);
    assert_eq!((soon.count, soon.of), (1, 1));
    let next_day = row(&[asked("a", 0, false), asked("a", 86_400, true)]);
    assert_eq!((next_day.count, next_day.of), (0, 1));
}

#[test]
fn words_that_keep_ending_on_another_tier_become_a_rule_and_others_do_not() {
    let ledger = ["totals", "export", "closing", "rounding", "imports", "audit"];
    let mut runs: Vec<RunState> =
        ledger.iter().map(|what| with_words(escalated(), &format!("mend the ledger {what}"))).collect();
    runs.extend(
        ["readme", "logo", "footer"].map(|what| with_words(succeeded(), &format!("mend the {what}"))),
    );
    let rules = learned(&runs);
    assert_eq!(rules.len(), 1, "{rules:?}");
    assert_eq!((rules[0].tier, rules[0].words.as_slice()), (Tier::Sonnet, &["'ledger'".to_owned()][..]));
    assert_eq!((rules[0].evidence.count, rules[0].evidence.of), (6, 6));
    // The same request six times teaches once, and words that also went well teach nothing.
    let same: Vec<_> = (0..6).map(|_| with_words(escalated(), "mend the ledger totals")).collect();
    assert_eq!(learned(&same), []);
    runs.extend(ledger.map(|what| with_words(succeeded(), &format!("show the ledger {what}"))));
    assert_eq!(learned(&runs), []);
}

#[test]
fn a_needless_question_of_the_classifier_becomes_a_rule_and_one_of_a_safety_rule_does_not() {
    let approved = |layer: Layer| -> Vec<RunState> {
        let words = ["a", "b", "c", "d", "e", "f"].map(|what| format!("sweep the greenhouse {what}"));
        words
            .iter()
            .map(|words| {
                let mut run = with_words(asked(words, 0, true), words);
                run.route.as_mut().unwrap().layer = layer;
                run
            })
            .collect()
    };
    let rules = learned(&approved(Layer::Classifier));
    assert_eq!((rules.len(), rules[0].id.as_str()), (1, "learned-yes-sonnet"));
    assert_eq!(learned(&approved(Layer::Safety)), []);
    // A yes that came the day after the question is none at once.
    let mut late = approved(Layer::Classifier);
    let refused = |run: &RunState| {
        let words = run.requested.as_ref().unwrap().prompt.clone().unwrap();
        let mut asked = with_words(asked(&words, -86_400, false), &words);
        asked.route.as_mut().unwrap().layer = Layer::Classifier;
        asked
    };
    let before: Vec<RunState> = late.iter().map(refused).collect();
    late.extend(before);
    assert_eq!(learned(&late), []);
}

#[test]
fn what_was_learned_replaces_what_was_learned_before_and_leaves_the_rest() {
    let mine = "# mine\n[[rule]]\nid = \"a\"\nbecause = \"b\"\nwords = [\"'c'\"]\ntier = \"opus\"\n";
    let rule = |word: &str| lessons::LearnedRule {
        id: "learned-sonnet".to_owned(),
        because: "6 of 6".to_owned(),
        words: vec![format!("'{word}'")],
        tier: Tier::Sonnet,
        evidence: row::Share::new(6, 6),
    };
    let once = lessons::written(mine, &[rule("ledger")]);
    assert!(once.starts_with(mine) && once.contains("'ledger'"), "{once}");
    let policy = crate::policy::Policy::builtin();
    let source = crate::policy::file::PolicySource {
        author: crate::policy::file_rule::Author::User,
        name: "policy.toml",
        text: &once,
    };
    let read = policy.with_files(&[source], &Default::default(), &crate::fixture::catalog(vec![]));
    assert_eq!(read.unwrap().files().rules.len(), 2);
    let twice = lessons::written(&once, &[rule("audit")]);
    assert!(twice.starts_with(mine) && twice.contains("'audit'") && !twice.contains("'ledger'"), "{twice}");
    assert_eq!(lessons::written(&twice, &[]), mine);
    assert_eq!(lessons::written("", &[]), "");
}
