//! Conditions: what a rule of a policy file may require besides words, as plain tests over plain values.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use jiff::civil::{DateTime, Time, Weekday};
use regex::{Regex, RegexBuilder};

use crate::mode::Mode;
use crate::routing_context::ProjectKind;
use crate::text::language::Language;

/// The most memory that one compiled expression may take: an untrusted file must not use up all of it.
const REGEX_BYTES_MAX: usize = 256 * 1024;

const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// Everything that must hold besides words. An empty field requires nothing.
#[derive(Debug, Clone, Default)]
pub struct Condition {
    /// Expressions of which one must match the user's own words.
    pub regex: Vec<Regex>,
    /// Patterns of which one must match a path that the request names.
    pub paths: Option<Globs>,
    /// Patterns of which one must match a name in the project's root.
    pub files: Option<Globs>,
    /// The length of the whole text in characters.
    pub chars: Option<Span>,
    /// The number of the user's own words.
    pub own_words: Option<Span>,
    /// Whether it must be, or must not be, a question.
    pub question: Option<bool>,
    /// The languages that it may be in.
    pub language: Vec<Language>,
    /// The kinds that the project may be of.
    pub project: Vec<ProjectKind>,
    /// The hours of the day.
    pub hours: Option<Hours>,
    /// The days of the week.
    pub days: Option<Days>,
    /// The modes.
    pub mode: Vec<Mode>,
}

impl Condition {
    /// Returns whether a repository can make it hold by the files that it contains.
    pub fn looks_at_files(&self) -> bool {
        self.files.is_some() || !self.project.is_empty()
    }

    /// Returns whether it depends on the time.
    pub fn looks_at_time(&self) -> bool {
        self.hours.is_some() || self.days.is_some()
    }
}

/// Compiles an expression. It matches in time linear in the text, and its size is bounded.
pub fn regex(source: &str) -> Result<Regex, RegexError> {
    RegexBuilder::new(source).size_limit(REGEX_BYTES_MAX).build().map_err(|error| {
        // The last line says what is wrong; those before it draw a picture of it.
        let message = error.to_string();
        let last = message.lines().last().unwrap_or_default();
        RegexError(last.strip_prefix("error: ").unwrap_or(last).to_owned())
    })
}

/// Why a text is not a regular expression, in the words of the library.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RegexError(String);

/// Patterns for paths. One without `/` is matched against the last part of a path.
#[derive(Debug, Clone)]
pub struct Globs {
    whole: GlobSet,
    last: GlobSet,
}

impl Globs {
    /// Parses patterns. The error has the index of the invalid one, and the reason.
    pub fn parse<'g>(globs: impl IntoIterator<Item = &'g str>) -> Result<Globs, (usize, String)> {
        let (mut whole, mut last) = (GlobSetBuilder::new(), GlobSetBuilder::new());
        for (n, source) in globs.into_iter().enumerate() {
            let source = source.strip_prefix("./").unwrap_or(source);
            let glob = GlobBuilder::new(source).literal_separator(true).build();
            let glob = glob.map_err(|error| (n, error.kind().to_string()))?;
            if source.contains('/') {
                whole.add(glob)
            } else {
                last.add(glob)
            };
        }
        let build = |builder: GlobSetBuilder| builder.build().map_err(|error| (0, error.kind().to_string()));
        Ok(Globs { whole: build(whole)?, last: build(last)? })
    }

    /// Returns whether a path matches one of them.
    pub fn is_match(&self, path: &str) -> bool {
        let path = path.strip_prefix("./").unwrap_or(path).trim_end_matches('/');
        self.whole.is_match(path) || self.last.is_match(path.rsplit('/').next().unwrap_or(path))
    }
}

/// An inclusive range of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The least.
    pub min: usize,
    /// The most.
    pub max: usize,
}

impl Span {
    /// Returns whether a number is within the range.
    pub fn holds(self, number: usize) -> bool {
        (self.min..=self.max).contains(&number)
    }
}

/// A part of the day. It may span midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    from: Time,
    to: Time,
}

impl Hours {
    /// Parses `"22:00-06:00"`.
    pub fn parse(text: &str) -> Option<Hours> {
        let (from, to) = text.split_once('-')?;
        let hours = Hours { from: clock(from)?, to: clock(to)? };
        (hours.from != hours.to).then_some(hours)
    }

    /// Returns whether a time is within: the first minute is, the last is not.
    pub fn hold(self, now: DateTime) -> bool {
        let now = now.time();
        if self.from < self.to {
            self.from <= now && now < self.to
        } else {
            now >= self.from || now < self.to
        }
    }
}

/// Parses `6:00` or `06:00`.
pub fn clock(text: &str) -> Option<Time> {
    let (hour, minute) = text.trim().split_once(':')?;
    let number = |text: &str| {
        let is_plain = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        is_plain.then(|| text.parse::<i8>().ok()).flatten()
    };
    Time::new(number(hour)?, number(minute).filter(|_| minute.len() == 2)?, 0, 0).ok()
}

/// Days of the week.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Days(u8);

impl Days {
    /// Adds `sat`, or the days of `mon-fri`; returns `false` if that is not a day.
    #[must_use]
    pub fn add(&mut self, text: &str) -> bool {
        let number = |name: &str| DAYS.iter().position(|(known, _)| *known == name.trim());
        let (from, to) = text.split_once('-').unwrap_or((text, text));
        let (Some(from), Some(to)) = (number(from), number(to)) else { return false };
        let count = (to + DAYS.len() - from) % DAYS.len();
        for n in from..=from + count {
            self.0 |= 1 << (n % DAYS.len());
        }
        true
    }

    /// Returns whether a time is on one of them. The hours after midnight belong to the new day.
    pub fn hold(self, now: DateTime) -> bool {
        DAYS.iter().enumerate().any(|(n, (_, day))| *day == now.weekday() && self.0 & (1 << n) != 0)
    }
}

/// Parses the name of a day.
pub fn weekday(name: &str) -> Option<Weekday> {
    DAYS.iter().find(|(known, _)| *known == name).map(|(_, day)| *day)
}

/// Formats a time as rules write it: `sat 23:10`.
pub fn day_and_time(now: DateTime) -> String {
    let day = DAYS.iter().find(|(_, day)| *day == now.weekday()).map_or("", |(name, _)| name);
    format!("{day} {:02}:{:02}", now.hour(), now.minute())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Saturday.
    fn at(hour: i8, minute: i8) -> DateTime {
        jiff::civil::date(2026, 11, 21).at(hour, minute, 0, 0)
    }

    #[test]
    fn hours_may_go_past_midnight_and_leave_out_their_last_minute() {
        let night = Hours::parse("22:00-06:00").unwrap();
        assert!(night.hold(at(22, 0)) && night.hold(at(0, 30)) && night.hold(at(5, 59)));
        assert!(!night.hold(at(6, 0)) && !night.hold(at(21, 59)));
        let day = Hours::parse("9:00-17:30").unwrap();
        assert!(day.hold(at(9, 0)) && day.hold(at(17, 29)) && !day.hold(at(17, 30)) && !day.hold(at(8, 59)));
        for text in ["", "22-6", "25:00-26:00", "06:00-06:00", "9:5-10:00", "+9:00-10:00", "9:00"] {
            assert_eq!(Hours::parse(text), None, "{text}");
        }
    }

    #[test]
    fn days_may_go_past_sunday() {
        let days = |text: &str| {
            let mut days = Days::default();
            assert!(days.add(text), "{text}");
            days.hold(at(12, 0))
        };
        assert!(days("sat") && days("fri-mon") && days("mon-sun") && !days("mon-fri") && !days("sun-fri"));
        assert!(!Days::default().add("someday") && !Days::default().add("mon-"));
    }

    #[test]
    fn a_glob_without_a_slash_is_held_against_the_last_part() {
        let globs = Globs::parse(["*.tex", "migrations/**", "./docs/*.md"]).unwrap();
        for path in ["paper.tex", "a/b/paper.tex", "migrations/001.sql", "migrations/a/b", "docs/a.md"] {
            assert!(globs.is_match(path), "{path}");
        }
        for path in ["paper.text", "src/migrations.rs", "docs/a/b.md", "old/migrations/1"] {
            assert!(!globs.is_match(path), "{path}");
        }
        assert_eq!(Globs::parse(["ok", "[a"]).unwrap_err().0, 1);
    }

    #[test]
    fn an_expression_that_would_grow_without_end_is_refused() {
        assert!(regex(r"(?i)\bv\d+\.\d+").unwrap().is_match("tag V1.2"));
        assert!(regex(r"(\w{500}){500}").is_err());
        assert_eq!(regex("(").unwrap_err().to_string(), "unclosed group");
    }
}
