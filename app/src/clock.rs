//! The only place that tells time.

use jiff::civil::DateTime;
use jiff::{Timestamp, Zoned};

/// Returns the present instant.
#[expect(clippy::disallowed_methods, reason = "this is the room that tells time")]
pub fn now() -> Timestamp {
    // Nobody needs more, and records are shorter.
    Timestamp::now().round(jiff::Unit::Millisecond).unwrap_or_else(|_| Timestamp::now())
}

/// Returns the time that the clocks of this place show.
#[expect(clippy::disallowed_methods, reason = "this is the room that tells time")]
pub fn local_now() -> DateTime {
    Zoned::now().datetime()
}
