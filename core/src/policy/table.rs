//! Reading a stranger's TOML by hand: typed access to keys, with the place of everything that does not fit.
//!
//! A derived reader stops at the first problem; this one goes on, so that a person sees all of them.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{PROBLEMS_MAX, Problem, ProblemKind, instead, nearest};

/// The longest text that a key may have, in characters.
const TEXT_CHARS_MAX: usize = 4000;

/// How many entries a list may have.
const LIST_MAX: usize = 200;

/// How many regular expressions a file may have: preparing one takes up to some milliseconds, at every start.
const REGEXES_MAX: usize = 100;

/// A text and the byte at which it stands.
pub(super) type At<'t> = (&'t str, usize);

/// Reads one text and collects what is wrong with it.
pub(super) struct Reader<'t> {
    file: &'t str,
    text: &'t str,
    /// What was found so far.
    pub problems: Vec<Problem>,
    /// How many word lists the lexicon may have when this text is read.
    pub lists_max: usize,
    /// How many regular expressions may follow.
    pub regexes_left: usize,
}

impl<'t> Reader<'t> {
    /// Begins with a text; `file` is its name for people.
    pub fn new(file: &'t str, text: &'t str) -> Reader<'t> {
        Reader { file, text, problems: Vec::new(), lists_max: usize::MAX, regexes_left: REGEXES_MAX }
    }

    /// Returns line and column of a byte.
    pub fn place(&self, at: usize) -> (usize, usize) {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line = 1 + before.matches('\n').count();
        (line, 1 + before.chars().rev().take_while(|c| *c != '\n').count())
    }

    /// Returns `file:line` of a byte.
    pub fn line_of(&self, at: usize) -> String {
        format!("{}:{}", printable(self.file), self.place(at).0)
    }

    /// Enters a problem.
    pub fn problem(
        &mut self,
        at: usize,
        kind: ProblemKind,
        what: impl Into<String>,
        hint: impl Into<String>,
    ) {
        if self.problems.len() < PROBLEMS_MAX {
            let (line, column) = self.place(at);
            let (what, hint) = (printable(&what.into()), printable(&hint.into()));
            self.problems.push(Problem { file: printable(self.file), line, column, kind, what, hint });
        }
    }

    /// Enters every key of a table that is not among the known ones.
    pub fn only(&mut self, table: &DeTable, known: &[&str]) {
        for key in table.keys().filter(|key| !known.contains(&key.get_ref().as_ref())) {
            let name = key.get_ref().as_ref();
            let what = format!("unknown key `{name}`");
            self.problem(key.span().start, ProblemKind::UnknownKey, what, instead(name, known));
        }
    }

    /// Enters that a value is not what it must be.
    pub fn wrong(&mut self, at: usize, key: &str, expected: &str, found: &str) {
        let what = format!("`{key}` must be {expected}, but is {found}");
        self.problem(at, ProblemKind::WrongValue, what, format!("write {expected}"));
    }

    /// Enters that none of these keys stands in a table, unless one does in another spelling: that is entered already.
    pub fn required(
        &mut self,
        (table, at): (&DeTable, usize),
        keys: &[&str],
        known: &[&str],
        (what, hint): (&str, &str),
    ) {
        let names = || table.keys().map(|key| key.get_ref().as_ref());
        let is_meant = |name: &str| {
            let meant = if known.contains(&name) { Some(name) } else { nearest(name, known.iter().copied()) };
            meant.is_some_and(|meant| keys.contains(&meant))
        };
        if !names().any(is_meant) {
            self.problem(at, ProblemKind::MissingKey, what, hint);
        }
    }

    /// Reads a text.
    pub fn text<'v>(&mut self, table: &'v DeTable, key: &str) -> Option<At<'v>> {
        let value = table.get(key)?;
        self.as_text(value, key)
    }

    /// Reads a list of texts; one text stands for a list of one.
    pub fn texts<'v>(&mut self, table: &'v DeTable, key: &str) -> Option<Vec<At<'v>>> {
        let value = table.get(key)?;
        let Some(items) = value.get_ref().as_array() else {
            return Some(self.as_text(value, key).into_iter().collect());
        };
        if items.is_empty() {
            self.wrong(value.span().start, key, "a list with something in it", "empty");
        }
        if items.len() > LIST_MAX {
            let found = format!("{} entries", items.len());
            self.wrong(value.span().start, key, &format!("a list of at most {LIST_MAX}"), &found);
            return None;
        }
        Some(items.iter().filter_map(|item| self.as_text(item, key)).collect())
    }

    fn as_text<'v>(&mut self, value: &'v Spanned<DeValue>, key: &str) -> Option<At<'v>> {
        let at = value.span().start;
        let Some(text) = value.get_ref().as_str() else {
            self.wrong(at, key, "a text", kind_of(value.get_ref()));
            return None;
        };
        if text.trim().is_empty() {
            self.wrong(at, key, "a text with something in it", "empty");
            return None;
        }
        if text.chars().count() > TEXT_CHARS_MAX {
            self.wrong(at, key, &format!("a text of at most {TEXT_CHARS_MAX} characters"), "longer");
            return None;
        }
        if text.chars().any(is_unseen) {
            self.wrong(at, key, "a text that can be seen", "one with control or invisible characters");
            return None;
        }
        Some((text, at))
    }

    /// Reads yes or no.
    pub fn truth(&mut self, table: &DeTable, key: &str) -> Option<(bool, usize)> {
        let value = table.get(key)?;
        let at = value.span().start;
        let read = value.get_ref().as_bool();
        if read.is_none() {
            self.wrong(at, key, "true or false", kind_of(value.get_ref()));
        }
        read.map(|truth| (truth, at))
    }

    /// Reads a number.
    pub fn number(&mut self, table: &DeTable, key: &str) -> Option<(f64, usize)> {
        let value = table.get(key)?;
        let at = value.span().start;
        let read = match value.get_ref() {
            DeValue::Float(number) => number.as_str().parse().ok(),
            DeValue::Integer(number) => number.as_str().parse().ok(),
            _ => None,
        };
        if read.is_none() {
            self.wrong(at, key, "a number", kind_of(value.get_ref()));
        }
        read.map(|number| (number, at))
    }

    /// Reads a table.
    pub fn table<'v>(&mut self, table: &'v DeTable, key: &str) -> Option<(&'v DeTable<'v>, usize)> {
        let value = table.get(key)?;
        let at = value.span().start;
        let read = value.get_ref().as_table();
        if read.is_none() {
            self.wrong(at, key, "a table", kind_of(value.get_ref()));
        }
        read.map(|inner| (inner, at))
    }

    /// Reads a list of tables, as `[[rule]]` makes it.
    pub fn tables<'v>(
        &mut self,
        table: &'v DeTable,
        key: &str,
        most: usize,
    ) -> Vec<(&'v DeTable<'v>, usize)> {
        let Some(value) = table.get(key) else { return vec![] };
        let at = value.span().start;
        let Some(items) = value.get_ref().as_array() else {
            let found = kind_of(value.get_ref());
            self.wrong(at, key, &format!("tables, each under `[[{key}]]`"), found);
            return vec![];
        };
        if items.len() > most {
            self.wrong(at, key, &format!("at most {most} tables"), &format!("{} of them", items.len()));
        }
        let mut tables = vec![];
        for item in items.iter().take(most) {
            match item.get_ref().as_table() {
                Some(inner) => tables.push((inner, item.span().start)),
                None => self.wrong(item.span().start, key, "a table", kind_of(item.get_ref())),
            }
        }
        tables
    }
}

fn kind_of(value: &DeValue) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// Characters that a terminal obeys, or that change how the rest reads.
fn is_unseen(c: char) -> bool {
    let is_text = matches!(c, '\n' | '\t');
    (c.is_control() && !is_text)
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Returns a text of a file as it may stand in a message.
pub(super) fn printable(text: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 300;
    let safe = |c: char| if c.is_control() || is_unseen(c) { '\u{fffd}' } else { c };
    text.chars().take(SHOWN_CHARS_MAX).map(safe).collect()
}
