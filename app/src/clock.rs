//! The only place that reads the clock. The engine is handed a clock; faces ask the system's.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// The source of the current time. Waiting is left to tokio, whose clock a test can pause.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The system's clock.
    System,
    /// A clock that a test sets.
    #[cfg(test)]
    Virtual(VirtualClock),
}

impl Clock {
    /// Returns the current time.
    pub fn now(&self) -> Timestamp {
        match self {
            Clock::System => now(),
            #[cfg(test)]
            Clock::Virtual(clock) => clock.now(),
        }
    }
}

/// Returns the current time, in whole milliseconds.
#[expect(clippy::disallowed_methods, reason = "this is the room that tells time")]
pub fn now() -> Timestamp {
    // Nothing needs finer resolution, and records are shorter.
    Timestamp::now().round(jiff::Unit::Millisecond).unwrap_or_else(|_| Timestamp::now())
}

/// Returns the local time.
#[expect(clippy::disallowed_methods, reason = "this is the room that tells time")]
pub fn local_now() -> DateTime {
    Zoned::now().datetime()
}

/// Returns the machine's time zone.
#[expect(clippy::disallowed_methods, reason = "this is the room that tells time")]
pub fn local_zone() -> TimeZone {
    Zoned::now().time_zone().clone()
}

/// A clock that advances with tokio's clock and can be set forwards and backwards, as the clocks of real machines are.
#[cfg(test)]
#[derive(Debug, Clone)]
pub struct VirtualClock {
    begun: tokio::time::Instant,
    /// The time that it shows at `begun`, in milliseconds since 1970.
    offset_ms: std::sync::Arc<std::sync::atomic::AtomicI64>,
}

#[cfg(test)]
impl VirtualClock {
    /// Creates a clock that shows the given time.
    pub fn showing(at: Timestamp) -> VirtualClock {
        let offset_ms = std::sync::atomic::AtomicI64::new(at.as_millisecond());
        VirtualClock { begun: tokio::time::Instant::now(), offset_ms: offset_ms.into() }
    }

    /// Moves the clock by the given number of milliseconds.
    pub fn jump(&self, milliseconds: i64) {
        self.offset_ms.fetch_add(milliseconds, std::sync::atomic::Ordering::Relaxed);
    }

    fn now(&self) -> Timestamp {
        let passed = i64::try_from(self.begun.elapsed().as_millis()).unwrap();
        let offset_ms = self.offset_ms.load(std::sync::atomic::Ordering::Relaxed);
        Timestamp::from_millisecond(offset_ms + passed).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_virtual_clock_goes_on_with_what_is_waited_and_can_be_set_back() {
        let hands = VirtualClock::showing(Timestamp::from_second(1000).unwrap());
        let clock = Clock::Virtual(hands.clone());
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(clock.now(), Timestamp::from_second(1060).unwrap());
        hands.jump(-100_000);
        assert_eq!(clock.now(), Timestamp::from_second(960).unwrap());
    }
}
