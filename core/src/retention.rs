//! What is kept of the past, and for how long: which runs, live logs and facts of hooks may go.
//!
//! Two bounds, age and size. Live logs go before facts, old before new, and only what is over. A clock that jumps ahead
//! makes everything old at once, so the newest of everything stays however old it seems.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::ids::RunId;

/// The runs that stay however old they are.
const RUNS_MIN: usize = 200;

/// The days with facts of hooks, and with metrics, that stay however old they are.
const DAYS_MIN: usize = 30;

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// How much of the past is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionLimits {
    /// For how long.
    pub keep: Duration,
    /// How many bytes of ledger and live logs together.
    pub bytes_max: u64,
}

/// What there is of the past.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Past {
    /// The runs that are over.
    pub runs: Vec<EndedRun>,
    /// The days on which hooks saw something.
    pub hook_days: Vec<HookDay>,
    /// The days (UTC) that have metrics.
    pub metric_days: Vec<Date>,
}

/// A run that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedRun {
    /// The run.
    pub run_id: RunId,
    /// When it ended.
    pub ended_at: Timestamp,
    /// The bytes of its facts.
    pub fact_bytes: u64,
    /// The bytes of its live log.
    pub log_bytes: u64,
}

/// A day on which hooks saw something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HookDay {
    /// When it began.
    pub begins_at: Timestamp,
    /// The bytes of its facts.
    pub bytes: u64,
}

/// What may go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prunable {
    /// Runs with all that is kept of them.
    pub runs: Vec<RunId>,
    /// Runs of which only the live log goes.
    pub live_logs: Vec<RunId>,
    /// Facts of hooks before this instant.
    pub hook_facts_before: Option<Timestamp>,
    /// Days of metrics.
    pub metric_days: Vec<Date>,
}

impl Prunable {
    /// Returns whether nothing may go.
    pub fn is_empty(&self) -> bool {
        *self == Prunable::default()
    }

    /// Returns how many bytes of facts and live logs of this past may go.
    pub fn bytes(&self, past: &Past) -> u64 {
        let (whole, logs): (BTreeSet<&RunId>, BTreeSet<&RunId>) =
            (self.runs.iter().collect(), self.live_logs.iter().collect());
        let of_run = |run: &EndedRun| match (whole.contains(&run.run_id), logs.contains(&run.run_id)) {
            (true, _) => run.fact_bytes.saturating_add(run.log_bytes),
            (false, true) => run.log_bytes,
            (false, false) => 0,
        };
        let is_gone = |day: &&HookDay| self.hook_facts_before.is_some_and(|before| day.begins_at < before);
        let of_days = past.hook_days.iter().filter(is_gone).map(|day| day.bytes);
        past.runs.iter().map(of_run).chain(of_days).fold(0, u64::saturating_add)
    }
}

/// Returns what may go.
pub fn prunable(past: &Past, limits: &RetentionLimits, now: Timestamp) -> Prunable {
    let oldest = now.saturating_sub(limits.keep).unwrap_or(Timestamp::MIN);
    let of_runs = past.runs.iter().map(|run| (run.ended_at, run.fact_bytes));
    let of_hooks = past.hook_days.iter().map(|day| (day.begins_at, day.bytes));
    let too_much = first_beyond(limits.bytes_max, of_runs.chain(of_hooks));

    let runs = Cut {
        before: oldest.min(nth_newest(RUNS_MIN, past.runs.iter().map(|run| run.ended_at))),
        through: too_much,
    };
    let hook_days = Cut {
        // A day goes when the last of it is old enough.
        before: oldest
            .saturating_sub(DAY)
            .unwrap_or(Timestamp::MIN)
            .min(nth_newest(DAYS_MIN, past.hook_days.iter().map(|day| day.begins_at))),
        through: too_much,
    };
    let (gone, kept): (Vec<&EndedRun>, Vec<_>) = past.runs.iter().partition(|run| runs.takes(run.ended_at));
    let (gone_days, kept_days): (Vec<&HookDay>, Vec<_>) =
        past.hook_days.iter().partition(|day| hook_days.takes(day.begins_at));

    let fact_bytes = kept.iter().map(|run| run.fact_bytes).chain(kept_days.iter().map(|day| day.bytes));
    let room = limits.bytes_max.saturating_sub(fact_bytes.fold(0, u64::saturating_add));
    let logs = Cut {
        before: Timestamp::MIN,
        through: first_beyond(room, kept.iter().map(|run| (run.ended_at, run.log_bytes))),
    };
    let live_logs = kept.into_iter().filter(|run| run.log_bytes > 0 && logs.takes(run.ended_at));
    Prunable {
        runs: ids(gone),
        live_logs: ids(live_logs),
        hook_facts_before: gone_days.iter().filter_map(|day| day.begins_at.saturating_add(DAY).ok()).max(),
        metric_days: old_days(&past.metric_days, oldest),
    }
}

/// The instants up to which something goes.
struct Cut {
    /// What was before it.
    before: Timestamp,
    /// What was before it, or at that moment.
    through: Option<Timestamp>,
}

impl Cut {
    fn takes(&self, at: Timestamp) -> bool {
        at < self.before || self.through.is_some_and(|through| at <= through)
    }
}

/// Returns the instant of the newest piece that has no room if the newer ones are kept.
fn first_beyond(room: u64, pieces: impl Iterator<Item = (Timestamp, u64)>) -> Option<Timestamp> {
    let mut pieces: Vec<_> = pieces.collect();
    pieces.sort_by_key(|(at, _)| Reverse(*at));
    let mut used = 0_u64;
    pieces.into_iter().find_map(|(at, bytes)| {
        used = used.saturating_add(bytes);
        (used > room).then_some(at)
    })
}

/// Returns the instant of the n-th newest; if there are fewer, an instant that nothing is before.
fn nth_newest(n: usize, instants: impl Iterator<Item = Timestamp>) -> Timestamp {
    let mut instants: Vec<_> = instants.collect();
    instants.sort_by_key(|at| Reverse(*at));
    instants.get(n - 1).copied().unwrap_or(Timestamp::MIN)
}

/// Returns the days that ended before an instant, without the newest few.
fn old_days(days: &[Date], oldest: Timestamp) -> Vec<Date> {
    let oldest = TimeZone::UTC.to_datetime(oldest).date();
    let mut days = days.to_vec();
    days.sort_by_key(|day| Reverse(*day));
    days.into_iter().skip(DAYS_MIN).filter(|day| *day < oldest).collect()
}

fn ids<'r>(runs: impl IntoIterator<Item = &'r EndedRun>) -> Vec<RunId> {
    runs.into_iter().map(|run| run.run_id.clone()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NINETY_DAYS: Duration = Duration::from_secs(90 * 24 * 60 * 60);

    fn limits(bytes_max: u64) -> RetentionLimits {
        RetentionLimits { keep: NINETY_DAYS, bytes_max }
    }

    fn day(day: i64) -> Timestamp {
        Timestamp::from_second(day * 24 * 60 * 60).unwrap()
    }

    fn run(name: &str, ended_day: i64, fact_bytes: u64, log_bytes: u64) -> EndedRun {
        EndedRun { run_id: name.parse().unwrap(), ended_at: day(ended_day), fact_bytes, log_bytes }
    }

    fn names(runs: &[RunId]) -> Vec<&str> {
        runs.iter().map(RunId::as_str).collect()
    }

    /// One run, one fact and one metric each day for a year.
    fn a_year() -> Past {
        Past {
            runs: (0..365).map(|ended| run(&format!("day-{ended}"), ended, 1000, 1000)).collect(),
            hook_days: (0..365).map(|ended| HookDay { begins_at: day(ended), bytes: 1000 }).collect(),
            metric_days: (0..365).map(|ended| TimeZone::UTC.to_datetime(day(ended)).date()).collect(),
        }
    }

    #[test]
    fn what_is_older_than_the_bound_goes_except_the_newest_few() {
        let gone = prunable(&a_year(), &limits(u64::MAX), day(365));
        assert_eq!(gone.runs.len(), 365 - RUNS_MIN);
        assert_eq!(names(&gone.runs).last(), Some(&"day-164"));
        assert_eq!(gone.hook_facts_before, Some(day(274)));
        assert_eq!(gone.metric_days.iter().max(), Some(&TimeZone::UTC.to_datetime(day(274)).date()));
        assert_eq!(gone.live_logs, []);
    }

    /// Without the newest few that stay, everything would be gone.
    #[test]
    fn a_clock_that_jumps_ten_years_ahead_takes_no_more_than_ten_months() {
        let gone = prunable(&a_year(), &limits(u64::MAX), day(365 * 11));
        assert_eq!(gone.runs.len(), 365 - RUNS_MIN);
        assert_eq!(gone.hook_facts_before, Some(day(365 - 30)));
        assert_eq!(gone.metric_days.len(), 365 - DAYS_MIN);
        assert_eq!(prunable(&a_year(), &limits(u64::MAX), day(0)), Prunable::default(), "and backwards none");
    }

    #[test]
    fn live_logs_go_before_facts_and_old_ones_before_new_ones() {
        let runs = vec![run("c", 3, 10, 40), run("a", 1, 10, 40), run("b", 2, 10, 0), run("d", 4, 10, 40)];
        let past = Past { runs, ..Past::default() };
        for (bytes_max, logs, whole) in [
            (160, vec![], vec![]),
            (159, vec!["a"], vec![]),
            (119, vec!["c", "a"], vec![]),
            (79, vec!["c", "a", "d"], vec![]),
            (40, vec!["c", "a", "d"], vec![]),
            (39, vec!["c", "d"], vec!["a"]),
            (9, vec![], vec!["c", "a", "b", "d"]),
        ] {
            let gone = prunable(&past, &limits(bytes_max), day(5));
            assert_eq!((names(&gone.live_logs), names(&gone.runs)), (logs, whole), "{bytes_max} bytes");
        }
    }

    #[test]
    fn facts_of_hooks_and_of_runs_share_one_room() {
        let hook_days =
            vec![HookDay { begins_at: day(1), bytes: 50 }, HookDay { begins_at: day(3), bytes: 50 }];
        let past = Past { runs: vec![run("a", 2, 50, 0)], hook_days, ..Past::default() };
        let gone = |bytes_max| prunable(&past, &limits(bytes_max), day(5));
        assert_eq!(gone(150), Prunable::default());
        assert_eq!(gone(149), Prunable { hook_facts_before: Some(day(2)), ..Prunable::default() });
        assert_eq!(names(&gone(99).runs), ["a"]);
        assert_eq!(gone(49).hook_facts_before, Some(day(4)));
    }

    fn any_past() -> impl Strategy<Value = Past> {
        let run = (0..400_i64, 0..100_u64, 0..1000_u64);
        let runs = proptest::collection::vec(run, 0..300).prop_map(|runs| {
            let named = |(n, (ended, facts, log))| run_of(n, ended, facts, log);
            runs.into_iter().enumerate().map(named).collect()
        });
        let days = proptest::collection::btree_map(0..400_i64, 0..1000_u64, 0..60);
        let days = days.prop_map(|days| {
            days.into_iter().map(|(begins, bytes)| HookDay { begins_at: day(begins), bytes }).collect()
        });
        (runs, days).prop_map(|(runs, hook_days)| Past { runs, hook_days, metric_days: vec![] })
    }

    fn run_of(n: usize, ended: i64, facts: u64, log: u64) -> EndedRun {
        run(&format!("run-{n}"), ended, facts, log)
    }

    /// Returns what is left when that is gone.
    fn without(past: &Past, gone: &Prunable) -> Past {
        let log_bytes = |run: &EndedRun| if gone.live_logs.contains(&run.run_id) { 0 } else { run.log_bytes };
        let left = past.runs.iter().filter(|run| !gone.runs.contains(&run.run_id));
        let is_left = |day: &&HookDay| gone.hook_facts_before.is_none_or(|before| day.begins_at >= before);
        Past {
            runs: left.map(|run| EndedRun { log_bytes: log_bytes(run), ..run.clone() }).collect(),
            hook_days: past.hook_days.iter().filter(is_left).copied().collect(),
            metric_days: vec![],
        }
    }

    proptest! {
        #[test]
        fn what_is_left_fits_is_newer_than_what_went_and_stays(
            past in any_past(), bytes_max in 0..200_000_u64, now in 0..800_i64
        ) {
            let limits = limits(bytes_max);
            let gone = prunable(&past, &limits, day(now));
            let left = without(&past, &gone);
            let bytes = left.runs.iter().map(|run| run.fact_bytes + run.log_bytes)
                .chain(left.hook_days.iter().map(|day| day.bytes)).sum::<u64>();
            prop_assert!(bytes <= bytes_max);
            let before = past.runs.iter().map(|run| run.fact_bytes + run.log_bytes)
                .chain(past.hook_days.iter().map(|day| day.bytes)).sum::<u64>();
            prop_assert_eq!(gone.bytes(&past), before - bytes);
            let went = past.runs.iter().filter(|run| gone.runs.contains(&run.run_id));
            let newest_gone = went.map(|run| run.ended_at).max();
            let oldest_left = left.runs.iter().map(|run| run.ended_at).min();
            prop_assert!(newest_gone.is_none_or(|gone| oldest_left.is_none_or(|left| gone < left)));
            prop_assert_eq!(prunable(&left, &limits, day(now)), Prunable::default());
        }
    }
}
