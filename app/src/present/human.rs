//! Numbers, times, paths and arguments in human-readable form.

use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

/// Returns a duration in human-readable form.
pub fn duration(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{:.1} s", ms as f64 / 1000.0),
        60_000..3_600_000 => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1000),
        _ => format!("{} h {} min", ms / 3_600_000, ms % 3_600_000 / 60_000),
    }
}

/// Returns a count in human-readable form.
pub fn count(count: u64) -> String {
    match count {
        0..1_000 => count.to_string(),
        1_000..1_000_000 => format!("{:.1}k", count as f64 / 1e3),
        _ => format!("{:.1}M", count as f64 / 1e6),
    }
}

/// Returns a cost in human-readable form.
pub fn usd(usd: f64) -> String {
    if usd > 0.0 && usd < 0.01 { format!("${usd:.4}") } else { format!("${usd:.2}") }
}

/// Returns how long ago something was.
pub fn ago(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds}s ago"),
        60..3_600 => format!("{}m ago", seconds / 60),
        3_600..86_400 => format!("{}h ago", seconds / 3_600),
        _ => format!("{}d ago", seconds / 86_400),
    }
}

/// Returns how long it is until an instant, and when that is: "in 59 min, 15:48".
pub fn until(then: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let left = u64::try_from(then.duration_since(now).as_millis()).unwrap_or_default();
    let seconds = left.div_ceil(1000);
    let left = match seconds {
        0..120 => format!("in {seconds} s"),
        120..7_200 => format!("in {} min", seconds.div_ceil(60)),
        7_200..172_800 => format!("in {} h", (seconds + 1_800) / 3_600),
        _ => format!("in {} days", (seconds + 43_200) / 86_400),
    };
    let form = match seconds {
        0..120 => "%H:%M:%S",
        // Nobody takes a time within twelve hours for that of another day.
        120..43_200 => "%H:%M",
        _ => "%a %d %b, %H:%M",
    };
    format!("{left}, {}", then.to_zoned(zone.clone()).strftime(form))
}

/// Returns a path as people write it: below the home directory with `~`.
pub fn short_path(path: &Path, home: &Path) -> String {
    match path.strip_prefix(home) {
        Ok(rest) if rest.as_os_str().is_empty() => "~".to_owned(),
        Ok(rest) => format!("~/{}", rest.display()),
        Err(_) => path.display().to_string(),
    }
}

/// Returns an argument as one would type it in a shell.
pub fn shell_word(arg: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !arg.is_empty() && arg.chars().all(plain) {
        arg.to_owned()
    } else {
        format!("'{}'", arg.replace('\'', r"'\''"))
    }
}

/// Returns a text with every line indented.
pub fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

/// Opens the lines about a run, marking those of a rehearsal.
#[derive(Debug, Clone, Copy)]
pub struct Openings {
    /// Whether no real agent was at work.
    pub is_rehearsal: bool,
}

impl Openings {
    /// Returns the words that open a line.
    pub fn mark(self, words: &str) -> String {
        if self.is_rehearsal { format!("rehearsal: {words}") } else { words.to_owned() }
    }
}

/// Returns the name of an enum's value: the one that it has in JSON.
pub fn name(value: impl Serialize) -> String {
    let json = serde_json::to_value(value).unwrap_or_default();
    json.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_to_come_is_said_in_local_words() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let now: Timestamp = "2026-11-28T13:49:00Z".parse().unwrap();
        for (then, want) in [
            ("2026-11-28T13:49:02.1Z", "in 3 s, 14:49:02"),
            ("2026-11-28T13:48:00Z", "in 0 s, 14:48:00"),
            ("2026-11-28T14:48:00Z", "in 59 min, 15:48"),
            ("2026-11-28T18:49:00Z", "in 5 h, 19:49"),
            ("2026-11-29T05:00:00Z", "in 15 h, Sun 29 Nov, 06:00"),
            ("2026-12-03T13:00:00Z", "in 5 days, Thu 03 Dec, 14:00"),
        ] {
            assert_eq!(until(then.parse().unwrap(), now, &zone), want);
        }
    }
}
