//! Reading what a rule of a policy file asks for: patterns, and everything besides words.

use toml::de::DeTable;

use crate::mode::Mode;
use crate::routing_context::ProjectKind;
use crate::text::language::Language;

use super::condition::{self, Condition, Days, Globs, Hours, Span};
use super::lexicon::Lexicon;
use super::pattern::Pattern;
use super::problem::{ProblemKind, instead, nearest};
use super::table::{At, Reader};

/// Reads one word of a few.
pub(super) fn one_of<T>(
    r: &mut Reader,
    (word, at): At,
    key: &str,
    known: &[&str],
    read: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let value = read(word);
    if value.is_none() {
        let what = format!("`{key}` cannot be `{word}`");
        r.problem(at, ProblemKind::WrongValue, what, instead(word, known));
    }
    value
}

/// Reads a list of words of a few.
pub(super) fn all_of<T>(
    r: &mut Reader,
    table: &DeTable,
    key: &str,
    known: &[&str],
    read: impl Fn(&str) -> Option<T>,
) -> Vec<T> {
    let texts = r.texts(table, key).unwrap_or_default();
    texts.into_iter().filter_map(|text| one_of(r, text, key, known, &read)).collect()
}

/// Reads patterns over words; those that cannot be read are collected.
pub(super) fn patterns(r: &mut Reader, table: &DeTable, key: &str, lexicon: &mut Lexicon) -> Vec<Pattern> {
    let mut patterns = vec![];
    for (source, at) in r.texts(table, key).unwrap_or_default() {
        if lexicon.len() > r.lists_max {
            r.problem(at, ProblemKind::BrokenRule, "the file names too many words", "use fewer");
            break;
        }
        if let Err(problem) = Pattern::parse(source, lexicon, &mut patterns) {
            let hint =
                match problem.strip_prefix("there is no word list `").and_then(|rest| rest.strip_suffix('`'))
                {
                    Some(name) => match nearest(name, lexicon.list_names()) {
                        Some(near) => {
                            format!("did you mean the list `{near}`? A word of its own is written `'{name}'`")
                        }
                        None => format!("a word of its own stands in quotes: `'{name}'`"),
                    },
                    None => "docs/policy.md has the notation".to_owned(),
                };
            r.problem(at, ProblemKind::BadPattern, format!("the pattern `{source}`: {problem}"), hint);
        }
    }
    patterns
}

/// Reads all that a rule asks besides words.
pub(super) fn condition(r: &mut Reader, table: &DeTable) -> Condition {
    let mut regexes = vec![];
    for (source, at) in r.texts(table, "regex").unwrap_or_default() {
        let Some(left) = r.regexes_left.checked_sub(1) else {
            r.problem(
                at,
                ProblemKind::BrokenRule,
                "the file has too many regular expressions",
                "use `words`",
            );
            break;
        };
        r.regexes_left = left;
        match condition::regex(source) {
            Ok(regex) => regexes.push(regex),
            Err(problem) => r.problem(
                at,
                ProblemKind::BadPattern,
                format!("the regular expression `{source}`: {problem}"),
                "the notation is that of Rust's `regex`: no look-around, no back-references",
            ),
        }
    }
    let kinds = ProjectKind::ALL.map(ProjectKind::as_str);
    let kind = |name: &str| ProjectKind::ALL.into_iter().find(|kind| kind.as_str() == name);
    Condition {
        regex: regexes,
        paths: globs(r, table, "paths"),
        files: globs(r, table, "files"),
        chars: span(r, table, "chars"),
        own_words: span(r, table, "own_words"),
        question: r.truth(table, "question").map(|(truth, _)| truth),
        language: all_of(r, table, "language", Language::codes(), Language::parse),
        project: all_of(r, table, "project", &kinds, kind),
        hours: r.text(table, "hours").and_then(|(text, at)| {
            let hours = Hours::parse(text);
            if hours.is_none() {
                r.wrong(at, "hours", "a part of the day such as \"22:00-06:00\"", &format!("`{text}`"));
            }
            hours
        }),
        days: days(r, table),
        mode: all_of(r, table, "mode", &Mode::ALL.map(Mode::as_str), mode),
    }
}

/// Reads the name of a mode.
pub(super) fn mode(name: &str) -> Option<Mode> {
    Mode::ALL.into_iter().find(|mode| mode.as_str() == name)
}

fn days(r: &mut Reader, table: &DeTable) -> Option<Days> {
    let texts = r.texts(table, "days")?;
    let mut days = Days::default();
    for (text, at) in texts {
        if !days.add(text) {
            r.wrong(at, "days", "days such as \"sat\" or \"mon-fri\"", &format!("`{text}`"));
        }
    }
    Some(days)
}

fn globs(r: &mut Reader, table: &DeTable, key: &str) -> Option<Globs> {
    let texts = r.texts(table, key)?;
    match Globs::parse(texts.iter().map(|(text, _)| *text)) {
        Ok(globs) => Some(globs),
        Err((n, problem)) => {
            let (text, at) = texts.get(n).copied().unwrap_or(("", 0));
            let hint = "`*` is any part of a name, `**` any directories, `{a,b}` either";
            r.problem(at, ProblemKind::BadPattern, format!("the glob `{text}`: {problem}"), hint);
            None
        }
    }
}

fn span(r: &mut Reader, table: &DeTable, key: &str) -> Option<Span> {
    let (inner, at) = r.table(table, key)?;
    r.only(inner, &["min", "max"]);
    let mut bound = |name: &str| -> Option<usize> {
        let (number, at) = r.number(inner, name)?;
        let is_count = number >= 0.0 && number.fract() == 0.0 && number <= f64::from(u32::MAX);
        if !is_count {
            r.wrong(at, &format!("{key}.{name}"), "a whole number from 0 on", &number.to_string());
        }
        is_count.then_some(number as usize)
    };
    let (min, max) = (bound("min"), bound("max"));
    let span = Span { min: min.unwrap_or(0), max: max.unwrap_or(usize::MAX) };
    if inner.is_empty() || span.min > span.max {
        r.wrong(at, key, "bounds such as { min = 5, max = 40 }", "none that anything lies between");
    }
    Some(span)
}
