//! Reads the conditions of a rule of a policy file: patterns, and everything besides words.

use regex::Regex;

use crate::mode::Mode;
use crate::routing_context::ProjectKind;
use crate::text::language::Language;
use crate::toml_text::decode::Given;
use crate::toml_text::problem::{ProblemKind, nearest};

use super::condition::{self, Condition, Days, Globs, Hours, Span};
use super::lexicon::Lexicon;
use super::pattern::{Pattern, PatternError};
use super::written::{Key, Reader, RuleText, SpanText, Texts, Word, word, words};

/// Reads patterns over words; problems are collected.
pub(super) fn patterns(r: &Reader, key: &Key<Texts>, lexicon: &mut Lexicon) -> Vec<Pattern> {
    let mut patterns = vec![];
    for Word { text: source, at, .. } in words(key) {
        if lexicon.len() > r.lists_max {
            r.problem(at, ProblemKind::BrokenRule, "the file names too many words", "use fewer");
            break;
        }
        if let Err(problem) = Pattern::parse(source, lexicon, &mut patterns) {
            let hint = match &problem {
                PatternError::NoSuchList(name) => match nearest(name, lexicon.list_names()) {
                    Some(near) => {
                        format!("did you mean the list `{near}`? A word of its own is written `'{name}'`")
                    }
                    None => format!("a word of its own stands in quotes: `'{name}'`"),
                },
                _ => "docs/policy.md has the notation".to_owned(),
            };
            r.problem(at, ProblemKind::BadPattern, format!("the pattern `{source}`: {problem}"), hint);
        }
    }
    patterns
}

/// Reads everything that a rule requires besides words.
pub(super) fn condition(r: &Reader, rule: &RuleText) -> Condition {
    let kinds = ProjectKind::ALL.map(ProjectKind::as_str);
    Condition {
        regex: regexes(r, &rule.regex),
        paths: globs(r, &rule.paths),
        files: globs(r, &rule.files),
        chars: span(r, &rule.chars),
        own_words: span(r, &rule.own_words),
        question: rule.question.as_ref().and_then(|given| given.value),
        language: r.all_of(&rule.language, Language::codes(), Language::parse),
        project: r.all_of(&rule.project, &kinds, kind),
        hours: rule.hours.as_ref().and_then(word).and_then(|text| {
            let hours = Hours::parse(text.text);
            if hours.is_none() {
                r.wrong_word(text, "a part of the day such as \"22:00-06:00\"");
            }
            hours
        }),
        days: days(r, &rule.days),
        mode: r.all_of(&rule.mode, &Mode::ALL.map(Mode::as_str), mode),
    }
}

/// Parses the name of a kind of project.
pub(super) fn kind(name: &str) -> Option<ProjectKind> {
    ProjectKind::ALL.into_iter().find(|kind| kind.as_str() == name)
}

/// Parses the name of a mode.
pub(super) fn mode(name: &str) -> Option<Mode> {
    Mode::ALL.into_iter().find(|mode| mode.as_str() == name)
}

fn regexes(r: &Reader, key: &Key<Texts>) -> Vec<Regex> {
    let mut regexes = vec![];
    for Word { text, at, .. } in words(key) {
        let Some(left) = r.regexes_left.get().checked_sub(1) else {
            let what = "the file has too many regular expressions";
            r.problem(at, ProblemKind::BrokenRule, what, "use `words`");
            break;
        };
        r.regexes_left.set(left);
        match condition::regex(text) {
            Ok(regex) => regexes.push(regex),
            Err(problem) => {
                let what = format!("the regular expression `{text}`: {problem}");
                let hint = "the notation is that of Rust's `regex`: no look-around, no back-references";
                r.problem(at, ProblemKind::BadPattern, what, hint);
            }
        }
    }
    regexes
}

fn days(r: &Reader, key: &Key<Texts>) -> Option<Days> {
    let mut days = Days::default();
    key.as_ref()?;
    for word in words(key) {
        if !days.add(word.text) {
            r.wrong_word(word, "days such as \"sat\" or \"mon-fri\"");
        }
    }
    Some(days)
}

fn globs(r: &Reader, key: &Key<Texts>) -> Option<Globs> {
    key.as_ref()?;
    let globs: Vec<Word> = words(key).collect();
    match Globs::parse(globs.iter().map(|glob| glob.text)) {
        Ok(globs) => Some(globs),
        Err((n, problem)) => {
            let (text, at) = globs.get(n).map_or(("", 0), |glob| (glob.text, glob.at));
            let hint = "`*` is any part of a name, `**` any directories, `{a,b}` either";
            r.problem(at, ProblemKind::BadPattern, format!("the glob `{text}`: {problem}"), hint);
            None
        }
    }
}

fn span(r: &Reader, key: &Key<SpanText>) -> Option<Span> {
    let given = key.as_ref()?;
    let SpanText { min, max } = given.value.as_ref()?;
    let bound = |bound: &Key<f64>| -> Option<usize> {
        let Given { key, at, value, .. } = bound.as_ref()?;
        let number = (*value)?;
        let is_count = number >= 0.0 && number.fract() == 0.0 && number <= f64::from(u32::MAX);
        if !is_count {
            r.wrong(*at, key, "a whole number from 0 on", &number.to_string());
        }
        is_count.then_some(number as usize)
    };
    let span = Span { min: bound(min).unwrap_or(0), max: bound(max).unwrap_or(usize::MAX) };
    if (min.is_none() && max.is_none()) || span.min > span.max {
        let expected = "bounds such as { min = 5, max = 40 }";
        r.wrong(given.at, &given.key, expected, "none that anything lies between");
    }
    Some(span)
}
