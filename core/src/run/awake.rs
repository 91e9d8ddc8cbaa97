//! The time during which a watcher was able to watch: without the times when it was stopped or frozen.
//!
//! A watcher that looks at least once per [`LOOK_AGAIN`] and finds that much more has passed was not running: it was
//! suspended by Ctrl-Z, a frozen cgroup, a paused container or virtual machine, or a machine under water. What the agent
//! did meanwhile is not known yet, so none of that time may be held against it.

use std::time::Duration;

/// How often the watcher looks at least.
pub const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// A look that is later than this was not merely late.
const STOPPED_AFTER: Duration = Duration::from_secs(2);

/// A clock that stands still while its owner does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AwakeClock {
    last_look: Duration,
    stopped: Duration,
}

impl AwakeClock {
    /// Looks at a monotonic clock, and returns the time without the pauses.
    pub fn look(&mut self, now: Duration) -> Duration {
        let since = now.saturating_sub(self.last_look);
        if since > STOPPED_AFTER {
            self.stopped += since;
        }
        self.last_look = self.last_look.max(now);
        self.last_look - self.stopped
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn time_in_which_nobody_looked_does_not_count() {
        let mut clock = AwakeClock::default();
        assert_eq!(clock.look(seconds(1)), seconds(1));
        assert_eq!(clock.look(seconds(3)), seconds(3), "late, but not stopped");
        assert_eq!(clock.look(seconds(3603)), seconds(3));
        assert_eq!(clock.look(seconds(3604)), seconds(4));
        assert_eq!(clock.look(seconds(3600)), seconds(4), "no clock goes back");
        assert_eq!(clock.stopped, seconds(3600));
    }

    proptest! {
        #[test]
        fn it_never_goes_back_and_is_never_ahead(looks in prop::collection::vec(0..100_000_u64, 1..50)) {
            let (mut clock, mut before, mut now) = (AwakeClock::default(), Duration::ZERO, Duration::ZERO);
            for step in looks {
                now += Duration::from_millis(step);
                let awake = clock.look(now);
                prop_assert!(awake >= before && awake <= now);
                prop_assert_eq!(awake + clock.stopped, now);
                before = awake;
            }
        }
    }
}
