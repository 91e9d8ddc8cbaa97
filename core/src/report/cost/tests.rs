use jiff::SignedDuration;

use super::*;
use crate::fixture::{Driven, ended};
use crate::run::event::{AttemptEnded, AttemptReason, AttemptStarted, Fact};

const MILLION: u64 = 1_000_000;

/// A run that is driven by hand, in a session, from an instant on.
fn run(session: &str, at: &str, attempts: &[(Tier, AttemptEnded)]) -> RunState {
    let mut run = Driven::routed(Tier::Sonnet);
    run.now = at.parse().unwrap();
    for (number, (tier, ended)) in (1..).zip(attempts) {
        run.record(Fact::AttemptStarted(AttemptStarted {
            attempt: number,
            agent: format!("{tier}-general").parse().unwrap(),
            tier: *tier,
            model_requested: tier.to_string(),
            why: AttemptReason::Start,
            agent_session_id: None,
            resumed: false,
            payer: Default::default(),
            gateway: None,
            permission_mode: None,
        }));
        run.now = run.now.checked_add(SignedDuration::from_secs(1)).unwrap();
        run.record(Fact::AttemptEnded(Box::new(AttemptEnded { attempt: number, ..ended.clone() })));
    }
    let mut state = run.state;
    state.requested_at = Some(at.parse().unwrap());
    state.requested.as_mut().unwrap().session_id = session.parse().unwrap();
    state
}

fn used(tokens: Tokens, reported: Option<f64>, estimated: Option<f64>) -> AttemptEnded {
    AttemptEnded { tokens, cost_reported_usd: reported, cost_estimated_usd: estimated, ..ended() }
}

fn a_million_in() -> Tokens {
    Tokens { input: MILLION, ..Tokens::default() }
}

fn records(runs: &[RunState]) -> CostRecords {
    let mut records = CostRecords::default();
    for (number, run) in runs.iter().enumerate() {
        records.add(&format!("run-{number}").parse().unwrap(), run);
    }
    records
}

fn report(records: &CostRecords, by: CostBy, zone: &TimeZone) -> CostReport {
    records.report(by, zone, "zone".to_owned(), &PriceTable::builtin())
}

fn names(report: &CostReport) -> Vec<&str> {
    report.groups.iter().map(|group| group.name.as_str()).collect()
}

#[test]
fn reported_and_estimated_cost_stay_apart_and_nothing_is_counted_twice() {
    let attempts = [
        (Tier::Haiku, used(a_million_in(), Some(1.0), None)),
        (Tier::Sonnet, used(a_million_in(), None, Some(3.0))),
        // Ended in the middle of a turn: the estimate is of the whole attempt.
        (Tier::Opus, used(a_million_in(), Some(2.0), Some(5.0))),
        (Tier::Opus, used(Tokens::default(), None, None)),
    ];
    let records = records(&[run("s", "2026-11-28T10:00:00Z", &attempts)]);
    let report = report(&records, CostBy::Tier, &TimeZone::UTC);
    let total = &report.total;
    assert_eq!((total.runs, total.attempts, total.attempts_without_cost), (1, 4, 1));
    assert_eq!(total.spent, Spent { reported_usd: Some(3.0), estimated_usd: Some(6.0) });
    assert_eq!(total.usd, Some(9.0));
    assert_eq!(names(&report), ["opus", "sonnet", "haiku"], "the dearest first");
    let list = total.at_list_prices;
    assert_eq!((list.as_routed_usd, list.on_sonnet_usd, list.on_opus_usd), (1.0 + 3.0 + 5.0, 9.0, 15.0));
}

#[test]
fn a_day_and_a_week_are_those_of_the_local_zone() {
    let one = |at: &str| run("s", at, &[(Tier::Haiku, used(a_million_in(), Some(1.0), None))]);
    // A Sunday evening in UTC is a Monday in Berlin.
    let records = records(&[one("2026-11-29T23:30:00Z"), one("2026-11-29T12:00:00Z")]);
    let berlin = TimeZone::fixed(jiff::tz::offset(1));
    assert_eq!(names(&report(&records, CostBy::Day, &TimeZone::UTC)), ["2026-11-29"]);
    assert_eq!(names(&report(&records, CostBy::Day, &berlin)), ["2026-11-29", "2026-11-30"]);
    assert_eq!(names(&report(&records, CostBy::Week, &berlin)), ["2026-W48", "2026-W49"]);
}

#[test]
fn a_change_of_tier_inside_a_session_is_what_its_cache_writes_cost_beyond_reads() {
    let wrote = |written: u64| Tokens { cache_write: written, ..Tokens::default() };
    let one =
        |session: &str, at: &str, tier: Tier| run(session, at, &[(tier, used(wrote(MILLION), None, None))]);
    // History gives the newest first.
    let records = records(&[
        one("s", "2026-11-28T12:00:00Z", Tier::Haiku),
        one("other", "2026-11-28T11:30:00Z", Tier::Haiku),
        one("s", "2026-11-28T11:00:00Z", Tier::Opus),
        one("s", "2026-11-28T10:30:00Z", Tier::Sonnet),
        one("s", "2026-11-28T10:00:00Z", Tier::Sonnet),
    ]);
    let changes = report(&records, CostBy::Day, &TimeZone::UTC).tier_changes.unwrap();
    assert_eq!((changes.count, changes.cache_write_tokens), (2, 2 * MILLION));
    // Opus: 6.25 to write, 0.50 to read; haiku: 1.25 and 0.10.
    assert!((changes.usd_at_most - (5.75 + 1.15)).abs() < 1e-9, "{changes:?}");
}

#[test]
fn who_never_changes_the_tier_is_told_nothing_of_it() {
    let one = |session: &str, tier: Tier| {
        run(session, "2026-11-28T10:00:00Z", &[(tier, used(a_million_in(), None, None))])
    };
    let records = records(&[one("a", Tier::Haiku), one("b", Tier::Opus)]);
    assert_eq!(report(&records, CostBy::Day, &TimeZone::UTC).tier_changes, None);
}

#[test]
fn rehearsals_and_unreadable_runs_are_left_out_and_counted() {
    let mut rehearsal =
        run("s", "2026-11-28T10:00:00Z", &[(Tier::Haiku, used(a_million_in(), Some(1.0), None))]);
    rehearsal.requested.as_mut().unwrap().rehearsal = true;
    let mut records = records(&[rehearsal]);
    records.add_unreadable();
    let report = report(&records, CostBy::Day, &TimeZone::UTC);
    assert_eq!((report.groups.len(), report.rehearsals, report.unreadable), (0, 1, 1));
    assert_eq!(report.total.usd, None, "nothing is known, which is not nothing");
}

#[test]
fn the_lines_of_every_grouping_add_up_to_the_total() {
    let records = records(&[
        run(
            "a",
            "2026-11-28T10:00:00Z",
            &[
                (Tier::Haiku, used(a_million_in(), Some(0.5), None)),
                (Tier::Opus, used(a_million_in(), None, Some(0.25))),
            ],
        ),
        run("b", "2026-11-20T10:00:00Z", &[(Tier::Sonnet, used(a_million_in(), Some(4.0), None))]),
    ]);
    for by in [CostBy::Day, CostBy::Week, CostBy::Tier, CostBy::Agent, CostBy::Project, CostBy::Session] {
        let report = report(&records, by, &TimeZone::UTC);
        let usd: f64 = report.groups.iter().filter_map(|group| group.usd).sum();
        assert!((usd - 4.75).abs() < 1e-9 && report.total.usd == Some(usd), "{report:?}");
        let tokens = report.groups.iter().fold(Tokens::default(), |sum, group| sum + group.tokens);
        assert_eq!(tokens, report.total.tokens);
    }
}
