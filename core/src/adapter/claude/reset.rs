//! When a limit ends: instants and times of day, as the CLI writes them.

use crate::adapter::event::Reset;

/// Reads the reset time from a text about a limit: `… · resets 8pm (UTC)`, `… resets Dec 1, 12:30am (UTC)`,
/// `… limit reached|1752033600`. Times in other zones are not read: their offset is not known here.
pub(super) fn reset_in(text: &str) -> Option<Reset> {
    if let Some((_, seconds)) = text.rsplit_once('|') {
        return seconds.trim().parse().ok().map(|seconds| Reset::At(seconds_of_epoch(seconds)));
    }
    if let Some((_, behind)) = text.split_once("regain access on ") {
        let (date, rest) = behind.split_once(" at ")?;
        let instant = format!(
            "{}T{}:00Z",
            date,
            rest.strip_suffix(" UTC.").or(rest.split_once(" UTC").map(|(t, _)| t))?
        );
        return instant.parse::<jiff::Timestamp>().ok().map(|at| Reset::At(at.as_second()));
    }
    let (_, behind) = text.split_once("resets ")?;
    let (time, _) = behind.split_once(" (UTC)")?;
    let words: Vec<&str> = time.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    let minutes = minutes_of_day(words.last()?)?;
    match words.as_slice() {
        [_] => Some(Reset::DailyUtc { minutes }),
        [month, day, .., _] => {
            Some(Reset::YearlyUtc { month: month_of(month)?, day: day.parse().ok()?, minutes })
        }
        _ => None,
    }
}

/// Reads `8pm`, `12am`, `9:23pm`.
fn minutes_of_day(text: &str) -> Option<u16> {
    let (digits, afternoon) = match (text.strip_suffix("am"), text.strip_suffix("pm")) {
        (Some(digits), _) => (digits, 0),
        (None, Some(digits)) => (digits, 12 * 60),
        (None, None) => return None,
    };
    let (hours, minutes) = digits.split_once(':').unwrap_or((digits, "0"));
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours <= 12 && minutes < 60).then_some(hours % 12 * 60 + minutes + afternoon)
}

fn month_of(name: &str) -> Option<i8> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let place = MONTHS.iter().position(|month| name.starts_with(month))?;
    i8::try_from(place + 1).ok()
}

/// Reads an instant given as a string: ISO 8601, or a number in quotation marks.
pub(super) fn instant(text: &str) -> Option<i64> {
    let number = || text.trim().parse().ok().map(seconds_of_epoch);
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second).or_else(number)
}

/// Reads an instant in seconds, or in milliseconds where a vendor slipped.
pub(super) fn seconds_of_epoch(number: f64) -> i64 {
    /// The year 5138 in seconds, March 1973 in milliseconds: no limit resets at either.
    const MILLISECONDS_FROM: f64 = 1e11;
    let seconds = if number >= MILLISECONDS_FROM { number / 1000.0 } else { number };
    seconds as i64
}

#[cfg(test)]
mod tests;
