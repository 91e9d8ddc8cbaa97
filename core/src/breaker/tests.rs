use proptest::prelude::*;

use super::*;

const LIMITS: BreakerLimits =
    BreakerLimits { threshold: 3, open_for: Duration::from_secs(60), probe_for: Duration::from_secs(60) };

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn failed(times: u32) -> Breaker {
    (0..times).fold(Breaker::default(), |breaker, _| breaker.record(Outcome::Overloaded, &LIMITS, at(0)))
}

#[test]
fn p13_the_breaker_opens_at_its_threshold_and_not_before() {
    assert_eq!(failed(2).admit(&LIMITS, at(0)).1, Admission::Pass);
    assert_eq!(failed(3).admit(&LIMITS, at(0)).1, Admission::Refuse { until: at(60) });
}

#[test]
fn p13_of_thirty_two_callers_one_is_the_probe() {
    let mut breaker = failed(3);
    let mut probes = 0;
    for _ in 0..32 {
        let (next, admission) = breaker.admit(&LIMITS, at(60));
        breaker = next;
        probes += u32::from(admission == Admission::Probe);
    }
    assert_eq!(probes, 1);
    assert_eq!(breaker.record(Outcome::Completed, &LIMITS, at(61)), Breaker::default());
    assert_eq!(breaker.record(Outcome::Throttled, &LIMITS, at(61)), Breaker::Open { until: at(121) });
}

#[test]
fn p13_a_probe_that_says_nothing_lets_the_next_one_through() {
    let (half_open, _) = failed(3).admit(&LIMITS, at(60));
    let after = half_open.record(Outcome::Cancelled, &LIMITS, at(61));
    assert_eq!(after.admit(&LIMITS, at(61)).1, Admission::Probe);
    assert_eq!(half_open.admit(&LIMITS, at(120)).1, Admission::Probe, "one whose process died is given up");
}

#[test]
fn p13_only_failures_of_the_infrastructure_count() {
    for outcome in Outcome::ALL {
        let counts = matches!(outcome, Outcome::Overloaded | Outcome::Throttled | Outcome::Infrastructure);
        let opened = (0..10).fold(Breaker::default(), |breaker, _| breaker.record(outcome, &LIMITS, at(0)));
        assert_eq!(matches!(opened, Breaker::Open { .. }), counts, "{outcome}");
    }
}

#[test]
fn a_breaker_is_stored_and_shown_by_the_name_of_its_state() {
    for (breaker, name) in [
        (Breaker::default(), "closed"),
        (failed(2), "closed"),
        (failed(3), "open"),
        (failed(3).admit(&LIMITS, at(60)).0, "half-open"),
    ] {
        assert_eq!(breaker.name(), name);
        let stored = serde_json::to_string(&breaker).unwrap();
        assert_eq!(serde_json::from_str::<Breaker>(&stored).unwrap(), breaker, "{stored}");
    }
}

/// An independent model of the same thing: a count of consecutive failures, and the time until which it is open.
#[derive(Default)]
struct Model {
    in_row: u32,
    opened_until: Option<i64>,
    probing_until: Option<i64>,
}

impl Model {
    fn passes(&mut self, now: i64) -> bool {
        let closed_until = self.probing_until.or(self.opened_until);
        match closed_until {
            None => true,
            Some(until) if now < until => false,
            Some(_) => {
                self.probing_until = Some(now + 60);
                true
            }
        }
    }

    fn record(&mut self, outcome: Outcome, now: i64) {
        match outcome {
            Outcome::Overloaded => {
                self.in_row += 1;
                if self.probing_until.take().is_some() || (self.in_row >= 3 && self.opened_until.is_none()) {
                    self.opened_until = Some(now + 60);
                }
            }
            Outcome::Completed => *self = Model::default(),
            _ => {
                if self.probing_until.take().is_some() {
                    self.opened_until = Some(now);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn p13_ten_thousand_traces_agree_with_a_model(
        trace in prop::collection::vec((0i64..90, 0usize..3), 1..40),
    ) {
        let outcomes = [Outcome::Overloaded, Outcome::Completed, Outcome::TimeoutIdle];
        let (mut breaker, mut model, mut now) = (Breaker::default(), Model::default(), 0);
        for (pause, outcome) in trace {
            now += pause;
            let (next, admission) = breaker.admit(&LIMITS, at(now));
            breaker = next;
            let passes = !matches!(admission, Admission::Refuse { .. });
            prop_assert_eq!(passes, model.passes(now));
            if passes {
                breaker = breaker.record(outcomes[outcome], &LIMITS, at(now));
                model.record(outcomes[outcome], now);
            }
        }
    }
}
