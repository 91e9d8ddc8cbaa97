//! Redaction: secrets in a text are replaced before it is written or shown.
//!
//! Every sink outside the ledger goes through `redact` or, for output that arrives in pieces, through a `Redactor`. The
//! room finds secrets by their spelling; it never knows whom they belong to. In reading order: `redact` here · `stream`
//! (pieces) · `kinds` (the table).

mod kinds;
mod stream;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use kinds::{Check, KINDS, PEM_BEGIN};

pub use stream::Redactor;

/// The label that replaces a private key.
const PEM_LABEL: &str = "private-key";

/// The hints of all kinds in one searcher; built on first use, so that a process that never redacts pays nothing.
static HINTS: LazyLock<Hints> = LazyLock::new(Hints::new);

struct Hints {
    any_case: AhoCorasick,
    /// The kind of each hint of `any_case`; the index after the last kind stands for the private key.
    kind_of: Vec<usize>,
    sharp: AhoCorasick,
    /// The kind of each hint of `sharp`.
    sharp_kind_of: Vec<usize>,
}

impl Hints {
    fn new() -> Hints {
        let mut texts = vec![PEM_BEGIN];
        let mut kind_of = vec![KINDS.len()];
        for (n, kind) in KINDS.iter().enumerate() {
            for hint in kind.hints {
                texts.push(hint);
                kind_of.push(n);
            }
        }
        let (sharp_texts, sharp_kind_of): (Vec<String>, Vec<usize>) = kinds::sharp_hints()
            .into_iter()
            .map(|(text, name)| {
                (text, KINDS.iter().position(|kind| kind.name == name).expect("a hint names a kind"))
            })
            .unzip();
        Hints {
            any_case: searcher(&texts, Case::Any),
            kind_of,
            sharp: searcher(&sharp_texts, Case::Exact),
            sharp_kind_of,
        }
    }

    /// Returns the kinds that may be in the text, as bits; the bit after the last kind stands for the private key.
    fn kinds_in(&self, text: &str) -> u64 {
        let any_case = self.any_case.find_overlapping_iter(text).map(|hit| self.kind_of[hit.pattern()]);
        let sharp = self.sharp.find_overlapping_iter(text).map(|hit| self.sharp_kind_of[hit.pattern()]);
        any_case.chain(sharp).fold(0, |bits, kind| bits | 1 << kind)
    }
}

/// How letters are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    Exact,
    Any,
}

/// Builds a searcher. Not the fastest kind, but one that is built in a quarter of the time: each run builds it anew,
/// and searches a few megabytes at most.
fn searcher<T: AsRef<[u8]>>(texts: &[T], case: Case) -> AhoCorasick {
    AhoCorasick::builder()
        .ascii_case_insensitive(case == Case::Any)
        .match_kind(MatchKind::Standard)
        .kind(Some(AhoCorasickKind::ContiguousNFA))
        .build(texts)
        .expect("the hints are few and short")
}

/// Returns the text with every secret replaced by `[redacted:<kind>]`; unchanged text is not copied.
pub fn redact(text: &str) -> Cow<'_, str> {
    if HINTS.kinds_in(text) == 0 {
        return Cow::Borrowed(text);
    }
    let mut redactor = Redactor::new();
    let mut out = redactor.push(text);
    out.push_str(&redactor.finish());
    if out == text { Cow::Borrowed(text) } else { Cow::Owned(out) }
}

/// Finds the secrets in one line, in order and without overlaps.
fn secrets_in(line: &str) -> Vec<(Range<usize>, &'static str)> {
    let hinted = HINTS.kinds_in(line);
    if hinted == 0 {
        return Vec::new();
    }
    let mut found: Vec<(Range<usize>, &'static str)> = Vec::new();
    for (_, kind) in KINDS.iter().enumerate().filter(|(n, _)| hinted & (1 << n) != 0) {
        for captures in kind.regex().captures_iter(line) {
            let Some(whole) = captures.get(1).or_else(|| captures.get(0)) else { continue };
            let accepted = match kind.check {
                Check::None => !whole.as_str().starts_with("[redacted:"),
                Check::Value => is_value(whole.as_str()),
            };
            if accepted {
                found.push((whole.range(), kind.name));
            }
        }
    }
    if hinted & (1 << KINDS.len()) != 0
        && let Some(range) = private_key_in(line)
    {
        found.push((range, PEM_LABEL));
    }
    found.sort_by_key(|(range, _)| (range.start, usize::MAX - range.end));
    let mut apart: Vec<(Range<usize>, &'static str)> = Vec::with_capacity(found.len());
    for (range, name) in found {
        match apart.last_mut() {
            Some((last, _)) if range.start < last.end => last.end = last.end.max(range.end),
            Some(_) | None => apart.push((range, name)),
        }
    }
    apart
}

/// Finds a private key in a line: up to its end mark, or to the end of the line.
fn private_key_in(line: &str) -> Option<Range<usize>> {
    let mut from = 0;
    while let Some(at) = line[from..].find("-----BEGIN ").map(|n| n + from) {
        let body = &line[at + 11..];
        let title_end = body.find("-----")?;
        if body[..title_end].contains("PRIVATE KEY") {
            let rest = at + 11 + title_end + 5;
            let end = private_key_end(&line[rest..]).map_or(line.len(), |n| rest + n);
            return Some(at..end);
        }
        from = at + 11 + title_end;
    }
    None
}

/// Returns the position after a private key's end mark.
fn private_key_end(text: &str) -> Option<usize> {
    let at = text.find("-----END ")?;
    let title = &text[at + 9..];
    title.find("-----").map(|n| at + 9 + n + 5)
}

/// Returns whether a text is a secret value and not code, prose or a placeholder.
fn is_value(text: &str) -> bool {
    let quoted = text.starts_with(['"', '\'']);
    let value = text.trim_matches(['"', '\'']);
    let lower = value.to_ascii_lowercase();
    let words = [
        "string",
        "str",
        "null",
        "none",
        "nil",
        "true",
        "false",
        "required",
        "optional",
        "undefined",
        "text",
        "bool",
        "boolean",
        "number",
        "bytes",
        "changeme",
        "redacted",
        "secret",
        "password",
        "token",
        "value",
        "option<string>",
        "&str",
        "authentication",
        "authorization",
        "bearer",
        "basic",
        "digest",
        "negotiate",
        "apikey",
    ];
    let placeholder = value.starts_with(['$', '<', '{', '%', '*', '&', '[', '('])
        || lower.starts_with("your")
        || lower.starts_with("xxx")
        || lower.starts_with("process.env")
        || lower.starts_with("os.environ")
        || lower.starts_with("std::env")
        || lower.starts_with("env.")
        || lower.starts_with("self.")
        || lower.contains("getenv");
    let call = !quoted
        && (value.ends_with(')') || value.contains("()") || value.ends_with('(') || value.contains('['));
    // `token = next_token_of_stream`: a name has parts and no digits; a secret of that length hardly ever looks like
    // that.
    let name = !quoted
        && value.contains(['_', '.', ':'])
        && value.chars().all(|c| c.is_ascii_alphabetic() || matches!(c, '_' | '.' | ':' | '?'));
    !value.is_empty()
        && !placeholder
        && !call
        && !name
        && !words.contains(&lower.trim_end_matches(['.', ',', ';', ')']))
}

#[cfg(test)]
mod tests;
