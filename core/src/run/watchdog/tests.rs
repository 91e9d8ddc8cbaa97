use proptest::prelude::*;

use super::*;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn limits() -> WatchLimits {
    WatchLimits {
        startup: Some(seconds(120)),
        idle: seconds(600),
        wall: seconds(3600),
        post_result_grace: seconds(10),
        usd: Some(1.0),
    }
}

/// Steps a clock in half seconds until the alarm; returns when it rings, and why.
fn rings(dog: &Watchdog, from: Duration) -> (Duration, StopCause) {
    let mut now = from;
    loop {
        if let Some(cause) = dog.alarm(now) {
            return (now, cause);
        }
        now += Duration::from_millis(500);
    }
}

#[test]
fn a_silent_start_rings_at_the_startup_limit_unless_silence_is_normal() {
    let dog = Watchdog::new(limits());
    assert_eq!(rings(&dog, seconds(0)), (seconds(120), StopCause::StartupTimeout));
    let plain = Watchdog::new(WatchLimits { startup: None, ..limits() });
    assert_eq!(rings(&plain, seconds(0)), (seconds(600), StopCause::IdleTimeout));
}

#[test]
fn a_settled_stream_has_only_its_grace_and_a_reopened_one_its_old_deadlines() {
    let mut dog = Watchdog::new(limits());
    dog.saw_output(seconds(3590));
    dog.settled(seconds(3595));
    dog.saw_cost(9.0);
    assert_eq!(
        rings(&dog, seconds(3595)),
        (seconds(3605), StopCause::PostResult),
        "not the wall, not the budget"
    );
    dog.unsettled();
    assert_eq!(dog.alarm(seconds(3596)), Some(StopCause::Budget));
}

#[test]
fn more_output_does_not_prolong_the_grace() {
    let mut dog = Watchdog::new(limits());
    dog.saw_output(seconds(5));
    dog.settled(seconds(5));
    dog.saw_output(seconds(12));
    dog.settled(seconds(12));
    assert_eq!(rings(&dog, seconds(12)).0, seconds(15));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Each watchdog, 200 times with different limits and a different past, rings within a second of its deadline.
    #[test]
    fn p06_watchdogs_fire_on_time(
        startup in 1u64..300, idle in 1u64..900, wall in 1u64..7200, grace in 0u64..60,
        steps in prop::collection::vec(1u64..400, 0..20), settles in prop::bool::ANY,
    ) {
        let limits = WatchLimits {
            startup: Some(seconds(startup)), idle: seconds(idle), wall: seconds(wall),
            post_result_grace: seconds(grace), usd: None,
        };
        let mut dog = Watchdog::new(limits);
        let mut now = seconds(0);
        let mut last = None;
        for step in steps {
            let next = now + seconds(step);
            if dog.alarm(next).is_some() {
                break;
            }
            now = next;
            dog.saw_output(now);
            last = Some(now);
        }
        if settles && last.is_some() {
            dog.settled(now);
        }
        let (due, cause) = match (settles && last.is_some(), last) {
            (true, _) => (now + seconds(grace), StopCause::PostResult),
            (false, Some(last)) if last + seconds(idle) < seconds(wall) => (last + seconds(idle), StopCause::IdleTimeout),
            (false, None) if seconds(startup) < seconds(wall) => (seconds(startup), StopCause::StartupTimeout),
            (false, _) => (seconds(wall), StopCause::WallTimeout),
        };
        let (rang, why) = rings(&dog, now);
        prop_assert_eq!(why, cause);
        prop_assert!(rang >= due.max(now) && rang <= due.max(now) + seconds(1), "due {due:?}, rang {rang:?}");
    }
}
