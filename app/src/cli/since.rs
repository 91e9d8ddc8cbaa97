//! A point in time as people say it: how long ago, or a day.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::config::model::parse_duration;

/// Since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// Since ever.
    Ever,
    /// So long ago.
    Ago(SignedDuration),
    /// The beginning of a day, so many days before today.
    DaysBefore(i64),
    /// The beginning of a day.
    Day(Date),
    /// An instant.
    At(Timestamp),
}

/// Reads a point in time.
pub fn parse(text: &str) -> Result<Since, &'static str> {
    let ago = || parse_duration(text).filter(|span| !span.is_negative()).map(Since::Ago);
    let since = match text.trim().to_ascii_lowercase().as_str() {
        "all" => Some(Since::Ever),
        "today" => Some(Since::DaysBefore(0)),
        "yesterday" => Some(Since::DaysBefore(1)),
        // A text with a time and an offset reads as a day as well, without them.
        _ => text.parse().map(Since::At).or_else(|_| text.parse().map(Since::Day)).ok().or_else(ago),
    };
    since.ok_or("use a time such as 12h, 7d or 4w, a day such as 2026-11-01, `today`, `yesterday` or `all`")
}

impl Since {
    /// Returns the instant; a day begins when it does in this zone.
    pub fn instant(self, now: Timestamp, zone: &TimeZone) -> Timestamp {
        let begin =
            |date: Date| date.to_zoned(zone.clone()).map_or(Timestamp::MIN, |begin| begin.timestamp());
        match self {
            Since::Ever => Timestamp::MIN,
            Since::Ago(span) => now.saturating_sub(span).unwrap_or(Timestamp::MIN),
            Since::DaysBefore(days) => {
                let today = zone.to_datetime(now).date();
                begin(today.saturating_sub(SignedDuration::from_hours(24 * days)))
            }
            Since::Day(date) => begin(date),
            Since::At(at) => at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_of_the_local_zone() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let now: Timestamp = "2026-11-28T23:30:00Z".parse().unwrap();
        for (text, at) in [
            ("today", "2026-11-28T22:00:00Z"),
            ("Yesterday", "2026-11-27T22:00:00Z"),
            ("2026-11-01", "2026-10-31T22:00:00Z"),
            ("2026-11-01T10:00:00Z", "2026-11-01T10:00:00Z"),
            ("2d", "2026-11-26T23:30:00Z"),
            ("90m", "2026-11-28T22:00:00Z"),
        ] {
            assert_eq!(parse(text).unwrap().instant(now, &zone).to_string(), at, "{text}");
        }
        assert_eq!(parse("all").unwrap().instant(now, &zone), Timestamp::MIN);
    }

    #[test]
    fn what_is_no_point_in_time_is_refused() {
        for text in ["", "soon", "-2d", "5", "2026-13-01", "11/01/2026"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
