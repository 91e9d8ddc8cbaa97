//! Values that are given to the name of a secret: `password = …`, `"token": "…"`, `<secret>…</secret>`, and the like.
//!
//! The name says what the value must look like, the spelling between them where it stands, and the value itself has
//! the last word: code, prose and placeholders are left as they are.

use std::ops::Range;

use super::names::{self, Class};
use super::shape::{self, Quoting};
use super::value::{GAP_MAX, behind_quote_code, value_at, without_colour};

/// How far before a name its beginning, or that of its tag, is looked for, in bytes.
const NAME_MAX: usize = 256;

/// The shortest value that can be a secret.
const VALUE_MIN: usize = 4;

/// How much of a value must look random if only space joins it to its name and nothing else speaks for it.
const LOOSE_MIN: usize = 16;

/// What may close a name before its sign: quotes, brackets, emphasis, and what a language writes behind an optional
/// name or a list.
const CLOSERS: [char; 11] = ['"', '\'', '`', '\\', '*', ']', ')', '}', '!', '[', '_'];

/// The signs of assignment and comparison; a longer one stands before its beginning.
const SIGNS: [&str; 18] = [
    ":=",
    "?:",
    "?=",
    "+=",
    "===",
    "==",
    "!==",
    "!=",
    "=>",
    "->",
    "→",
    "=",
    ":",
    "：",
    "%3D",
    "%3d",
    "%3A",
    "%22%3A%22",
];

/// What joins a name and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Joint {
    /// A sign of assignment: `=`, `:`, `=>`, `:=`, and what markup has instead.
    Sign,
    /// An environment's or a shell's: `NAME=value`, without space.
    Tight,
    /// The parentheses or the comma of a call.
    Call,
    /// The option of a command, which is followed by its value.
    Option,
    /// Only space or a word such as `is`: the value must be random.
    Loose,
}

/// The value of a name, or what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Assigned {
    /// It stands here.
    Value(Range<usize>),
    /// It comes in the lines that follow.
    Below(Below),
}

/// A value that comes in later lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Below {
    pub class: Class,
    /// How far the name's line is indented.
    pub indent: usize,
    pub form: Form,
}

/// How a value of later lines is spelt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A block of YAML: all lines that are indented further.
    Block,
    /// The next line, if it is nothing but the value.
    Line,
    /// The next line, if it gives the value a name: `value: …`.
    Field,
}

/// A name of a secret in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name<'a> {
    line: &'a str,
    from: usize,
    to: usize,
    pub class: Class,
}

/// Returns where the identifier around a stem ends, and the name if it is a secret's.
pub(super) fn name_at(line: &str, stem: Range<usize>) -> (usize, Option<Name<'_>>) {
    let bytes = line.as_bytes();
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    // Words of scripts without spaces would not end.
    let is_letter = |c: char| is_part(c) || (c.is_alphabetic() && c < '\u{2e80}');
    let joins = |at: usize| {
        matches!(bytes[at], b'-' | b'.' | b':')
            && at > 0
            && bytes.get(at + 1).is_some_and(|byte| is_part(char::from(*byte)))
            && is_part(char::from(bytes[at - 1]))
    };
    let mut from = stem.start;
    while from > 0 && stem.start - from < NAME_MAX {
        let letters = line[..from].trim_end_matches(is_letter).len();
        let next = if letters == from && joins(letters - 1) { letters - 1 } else { letters };
        if next == from {
            break;
        }
        from = next;
    }
    let mut to = stem.end;
    while let Some(c) = line[to..].chars().next().filter(|c| is_letter(*c) || (*c == '-' && joins(to))) {
        to += c.len_utf8();
    }
    // The letter of an escape is no part of the name that follows it.
    if from > 0 && bytes[from - 1] == b'\\' && matches!(bytes[from], b'n' | b't' | b'r') && from < stem.start
    {
        from += 1;
    }
    let name = line.get(from..to).unwrap_or(&line[stem]);
    let own = name.rsplit(['.', ':']).next().unwrap_or(name);
    let before = line.get(..from).and_then(|text| text.strip_suffix(' ')).unwrap_or_default();
    let before = before.rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    let is_query = own == "key" && from > 0 && matches!(bytes[from - 1], b'?' | b'&');
    // What redaction has written names no value.
    let is_label = name.starts_with("redacted:") && line[..from].ends_with('[');
    let class = match is_query {
        _ if is_label => None,
        true => Some(Class::Token),
        false => names::class_of(own, before),
    };
    (to, class.map(|class| Name { line, from: to - own.len(), to, class }))
}

impl<'a> Name<'a> {
    /// Returns the same name in a line that ends where looking for its value ends.
    pub fn within(self, line: &'a str) -> Name<'a> {
        Name { line, ..self }
    }

    /// Returns the value that is given to this name, if it is a secret.
    pub fn assigned(&self) -> Option<Assigned> {
        let (joint, at) = self.joint()?;
        if self.line[at..].trim().is_empty() {
            return matches!(joint, Joint::Sign | Joint::Tight).then(|| self.below(Form::Line));
        }
        if joint == Joint::Sign && is_block_mark(self.line[at..].trim()) {
            return Some(self.below(Form::Block));
        }
        let at = self.behind_type(joint, at);
        let (range, quoting) = value_at(self.line, at)?;
        let joint = if joint == Joint::Tight && quoting == Quoting::Quoted { Joint::Sign } else { joint };
        let range = self.behind_scheme(range);
        // A token ends where another script, or the mark of a cut, begins.
        let ascii =
            self.line[range.clone()].find(|c: char| !c.is_ascii()).filter(|_| self.class == Class::Token);
        let range = range.start..ascii.map_or(range.end, |length| range.start + length);
        self.is_secret(range.clone(), joint, quoting).then_some(Assigned::Value(range))
    }

    /// Returns the mark of a value in the next lines, if the line names a secret as `name: DB_PASSWORD` does.
    pub fn named_below(&self) -> Option<Assigned> {
        let rest = self.line[self.to..].trim_matches(|c: char| c.is_whitespace() || "\"',\\".contains(c));
        let before =
            self.line[..self.from].trim_end_matches(|c: char| c.is_whitespace() || "\"'\\".contains(c));
        if rest == "</key>" {
            return Some(self.below(Form::Line));
        }
        let before = before.strip_suffix([':', '='])?.trim_end_matches(['"', '\'', ' ']).to_ascii_lowercase();
        let is_named = rest.is_empty() && (before.ends_with("name") || before.ends_with("key"));
        is_named.then(|| self.below(Form::Field))
    }

    fn below(&self, form: Form) -> Assigned {
        Assigned::Below(Below { class: self.class, indent: indent(self.line), form })
    }

    /// Returns what joins the name to its value, and where the value begins.
    fn joint(&self) -> Option<(Joint, usize)> {
        let rest = &self.line[self.to..];
        let closed = behind_quote_code(without_colour(behind_quote_code(rest))).trim_start_matches(CLOSERS);
        let closers = &rest[..rest.len() - closed.len()];
        let spaced = closed.trim_start_matches([' ', '\t']);
        let gap = closed.len() - spaced.len();
        if gap > GAP_MAX || closers.len() > 8 {
            return None;
        }
        let at = |rest: &str| self.line.len() - rest.len();
        let is_quoted = closers.contains(['"', '\'', ';']);
        if let Some(value) = behind_value_word(spaced) {
            return Some((Joint::Sign, at(value)));
        }
        for sign in SIGNS {
            let Some(behind) = spaced.strip_prefix(sign) else { continue };
            let behind = without_colour(behind.strip_prefix("**").unwrap_or(behind));
            if sign == ":" && (behind.starts_with(':') || behind.starts_with("//")) {
                return None;
            }
            let tight = sign == "=" && gap == 0 && closers.is_empty() && !behind.starts_with([' ', '\t']);
            return Some((if tight { Joint::Tight } else { Joint::Sign }, at(behind)));
        }
        if let Some(behind) = self.behind_markup(spaced).or_else(|| behind_remark(spaced)) {
            return Some((Joint::Sign, at(behind)));
        }
        if gap == 0
            && let Some(behind) = spaced.strip_prefix(['(', '{'])
        {
            return behind.starts_with(['"', '\'']).then(|| (Joint::Call, at(behind)));
        }
        if let Some(behind) = spaced.strip_prefix([',', '|']) {
            let quoted = is_quoted && behind.trim_start().trim_start_matches('\\').starts_with(['"', '\'']);
            return (quoted || spaced.starts_with('|')).then(|| (Joint::Call, at(behind)));
        }
        let is_option = self.line[..self.from].ends_with('-');
        let words = ["is now ", "is ", "ist ", "est ", "was ", "are ", "to ", "as ", "by ", "是", "为"];
        let at_type = self.behind_type(Joint::Sign, at(spaced));
        if at_type > at(spaced) {
            return Some((Joint::Sign, at_type));
        }
        let behind = words.iter().find_map(|word| spaced.strip_prefix(word)).unwrap_or(spaced);
        (gap > 0).then(|| (if is_option { Joint::Option } else { Joint::Loose }, at(behind)))
    }

    /// Returns what follows a tag that the name stands in, or the tags between a name and its value.
    fn behind_markup<'t>(&self, rest: &'t str) -> Option<&'t str> {
        if let Some(closed) = rest.strip_prefix("</") {
            let (_, next) = closed.split_once('>')?;
            return next.trim_start().strip_prefix('<')?.split_once('>').map(|(_, value)| value);
        }
        let near =
            (self.from.saturating_sub(NAME_MAX)..=self.from).find(|at| self.line.is_char_boundary(*at))?;
        let before = &self.line[near..self.from];
        let tag = before.rfind('<').filter(|at| !before[*at..].contains('>'))?;
        if let Some(value) = rest.strip_prefix('>') {
            return Some(value);
        }
        // The attributes of an element that is named after its value.
        let (attributes, value) = rest.split_once('>')?;
        (near + tag + 1 == self.from && attributes.len() < 80 && !attributes.ends_with('/')).then_some(value)
    }

    /// Skips a declared type: the `: String =` of `password: String = "…"`.
    fn behind_type(&self, joint: Joint, at: usize) -> usize {
        if joint != Joint::Sign {
            return at;
        }
        let rest = &self.line[at..];
        let is_type = |c: char| c.is_ascii_alphanumeric() || "_<>&*:'[] ?.|".contains(c);
        let end = rest.find(|c| !is_type(c)).unwrap_or(rest.len());
        let typed = end <= GAP_MAX && rest[..end].contains(|c: char| c.is_ascii_alphabetic());
        match rest[end..].strip_prefix('=') {
            Some(behind) if typed && behind.trim_start().starts_with(['"', '\'', '`']) => {
                self.line.len() - behind.len()
            }
            Some(_) | None => at,
        }
    }

    /// Skips the word that says how to read an `Authorization` or a token: `Bearer`.
    fn behind_scheme(&self, range: Range<usize>) -> Range<usize> {
        let value = &self.line[range.clone()];
        let known = ["bearer", "basic", "token", "digest", "apikey", "bot"];
        let scheme = known.iter().find(|scheme| {
            value.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
                && value[scheme.len()..].starts_with(' ')
        });
        match scheme {
            Some(scheme) => range.start + scheme.len() + 1..range.end,
            None => range,
        }
    }

    fn is_secret(&self, range: Range<usize>, joint: Joint, quoting: Quoting) -> bool {
        let shown = self.line[range.clone()].trim();
        if shown.len() < VALUE_MIN || shape::is_placeholder(shown) || speaks_of_environment(shown) {
            return false;
        }
        if quoting == Quoting::Bare && self.is_code(range, joint) {
            return false;
        }
        let has_digit = shown.bytes().any(|byte| byte.is_ascii_digit());
        if joint == Joint::Loose
            && quoting == Quoting::Bare
            && !has_digit
            && shape::random_len(shown) < LOOSE_MIN
        {
            return false;
        }
        let chosen = matches!(joint, Joint::Sign | Joint::Tight | Joint::Option);
        match self.class {
            Class::Password | Class::Secret if chosen => shape::is_password(shown, quoting),
            Class::Password | Class::Secret => shape::is_token(shown, shape::SOME),
            Class::Token if joint == Joint::Loose => {
                let is_long = shape::random_len(shown) >= LOOSE_MIN
                    && self.line[self.from..self.to].contains(['_', '-']);
                (self.is_variable() || is_long || quoting == Quoting::Quoted) && shape::is_token(shown, 12)
            }
            Class::Token => shape::is_token(shown, 8),
        }
    }

    /// Returns whether an unquoted value is code: by its look, or by what stands around it.
    fn is_code(&self, range: Range<usize>, joint: Joint) -> bool {
        let value = &self.line[range.clone()];
        if shape::random_len(value) == 0 {
            return shape::is_code(value);
        }
        let name_len =
            value.bytes().take_while(|b| b.is_ascii_alphanumeric() || b"_.:>-".contains(b)).count();
        let behind = &self.line[range.start + name_len..];
        let is_call = value[name_len..].starts_with('(') && behind.contains(')');
        let is_statement =
            name_len == value.len() && behind.trim_end() == ";" && !value.bytes().any(|b| b.is_ascii_digit());
        joint != Joint::Tight && (is_call || is_statement)
    }

    /// Returns whether the name is an environment variable's.
    fn is_variable(&self) -> bool {
        let name = &self.line[self.from..self.to];
        name.contains('_') && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    }
}

/// Returns whether a line below a name holds its value, and where.
pub(super) fn value_below(line: &str, below: Below) -> Option<Range<usize>> {
    let name = Name { line, from: 0, to: 0, class: below.class };
    let start = indent(line);
    match below.form {
        Form::Block => {
            let range = start..line.trim_end().len().max(start);
            let is_inside = start > below.indent;
            (is_inside && name.is_secret(range.clone(), Joint::Sign, Quoting::Quoted)).then_some(range)
        }
        Form::Line => {
            let tag = line[start..].strip_prefix('<').and_then(|tag| tag.split_once('>'));
            let start = tag.map_or(start, |(_, value)| line.len() - value.len());
            let (range, quoting) = value_at(line, start)?;
            let alone = line[range.end..]
                .trim_matches(|c: char| "\"',;`\\".contains(c) || c.is_whitespace())
                .is_empty()
                || tag.is_some();
            (alone && name.is_secret(range.clone(), Joint::Loose, quoting)
                || alone && below.class == Class::Token && shape::is_token(&line[range.clone()], shape::SOME))
            .then_some(range)
        }
        Form::Field => {
            let behind = behind_value_word(line.trim_start())?;
            let (range, quoting) = value_at(line, line.len() - behind.len())?;
            name.is_secret(range.clone(), Joint::Sign, quoting).then_some(range)
        }
    }
}

/// Returns what follows a remark between a name and its sign: `password (new): …`, `password for root is …`.
fn behind_remark(text: &str) -> Option<&str> {
    let remark = match text.strip_prefix('(') {
        Some(inner) => inner.split_once(')')?.1,
        None => ["for ", "of "]
            .iter()
            .find_map(|word| text.strip_prefix(word))?
            .trim_start_matches(|c: char| c.is_alphanumeric() || "_-@.'\"`".contains(c)),
    };
    let is_short = text.len() - remark.len() <= GAP_MAX;
    remark.strip_prefix(':').or_else(|| remark.strip_prefix(" is ")).filter(|_| is_short)
}

/// Returns what follows the word `value` and its sign.
fn behind_value_word(text: &str) -> Option<&str> {
    let text = text.trim_start_matches([',', ' ', '"', '\'', '\\']);
    let behind = text.strip_prefix("value").or_else(|| text.strip_prefix("Value"))?;
    behind.trim_start_matches(['"', '\'', '\\', ' ']).strip_prefix([':', '='])
}

fn is_block_mark(text: &str) -> bool {
    matches!(text, "|" | ">" | "|-" | ">-" | "|+" | ">+" | "\\" | "(" | "\"\"\"" | "'''")
}

/// Returns how many bytes of space a line begins with.
pub(super) fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '\t']).len()
}

/// Returns whether a value is read from elsewhere when the code runs.
fn speaks_of_environment(value: &str) -> bool {
    let reads = [
        "process.env",
        "os.environ",
        "getenv",
        "std::env",
        "env.",
        "ENV[",
        "ENV.",
        "env(",
        "secrets.",
        "vars.",
        "var.",
        "self.",
        "this.",
        "config.",
        "settings.",
        "data.",
        "local.",
        "module.",
        "System.",
    ];
    reads.iter().any(|read| value.trim_start_matches(['$', '{', ' ', '(']).starts_with(read))
}

/// Returns the random values among the `name=value` pairs behind the word `cookie`.
///
/// Returns nothing if the word is not followed by a sign: then another `cookie` may be.
pub(super) fn cookies(line: &str, at: usize) -> Option<Vec<Range<usize>>> {
    let rest = line[at..].trim_start_matches(['s', 'S', '2', '"', '\'', '\\', ' ']);
    let mut values = vec![];
    let mut from = line.len() - rest.len();
    if !rest.starts_with([':', '=', '(']) && from <= at + 1 {
        return None;
    }
    for part in rest.split_inclusive([';', ',', ' ', '"', '\'', '\\']) {
        let pair = part.trim_end_matches([';', ',', ' ', '"', '\'', '\\']);
        if let Some(sign) = pair.find('=') {
            let value = &pair[sign + 1..];
            if !shape::is_placeholder(value) && shape::is_token(value, shape::SOME) {
                values.push(from + sign + 1..from + pair.len());
            }
        }
        from += part.len();
    }
    Some(values)
}
