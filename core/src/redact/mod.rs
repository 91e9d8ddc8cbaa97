//! Redaction: secrets in a text are replaced before it is written or shown.
//!
//! Every sink goes through `redact` or, for output that arrives in pieces, through a `Redactor`; what is cut to a bound
//! is cut afterwards. The room finds secrets by their spelling; it never knows whom they belong to. Its two ways: a
//! spelling that nothing else has (`prefixes`, `kinds`, `private_key`, `address`), and a name that says what its value
//! is (`names`, `assigned`, `value`). Both ask `shape` whether what they found is a secret or words.
//!
//! In reading order: `redact` here · `stream` (pieces, lines that belong together) · `line` · the parts above · `base64`.

mod address;
mod assigned;
mod base64;
mod kinds;
mod line;
mod names;
mod prefixes;
mod private_key;
mod shape;
mod stream;
mod value;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use kinds::KINDS;
use prefixes::PREFIXES;

pub use stream::Redactor;

/// The hints of all secrets in one searcher; built on first use, so that a process that never redacts pays nothing.
static HINTS: LazyLock<Hints> = LazyLock::new(Hints::new);

/// What a hint announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hint {
    /// A token with a prefix of the table.
    Prefix(usize),
    /// A secret that an expression finds.
    Kind(usize),
    /// A part of a name.
    Name,
    /// The `://` of an address.
    Address,
    Cookie,
    PrivateKey,
    EncodedKey,
}

struct Hints {
    any_case: AhoCorasick,
    /// What each text of `any_case` announces.
    of_any_case: Vec<Hint>,
    exact: AhoCorasick,
    /// What each text of `exact` announces.
    of_exact: Vec<Hint>,
}

impl Hints {
    fn new() -> Hints {
        let kinds = KINDS.iter().enumerate();
        let of_kinds = kinds.flat_map(|(n, kind)| kind.hints.iter().map(move |text| (*text, Hint::Kind(n))));
        let stems = names::STEMS.into_iter().map(|text| (text, Hint::Name));
        let keys = private_key::HINTS.into_iter().map(|text| (text, Hint::PrivateKey));
        let (any_case, of_any_case): (Vec<&str>, Vec<Hint>) = of_kinds
            .chain(stems)
            .chain(keys)
            .chain([("://", Hint::Address), ("cookie", Hint::Cookie)])
            .unzip();

        let prefixes = PREFIXES.iter().enumerate();
        let of_prefixes = prefixes.map(|(n, prefix)| (prefix.text.to_owned(), Hint::Prefix(n)));
        let of_kinds = kinds::sharp_hints().into_iter().map(|(text, name)| {
            let kind = KINDS.iter().position(|kind| kind.name == name).expect("a hint names a kind");
            (text, Hint::Kind(kind))
        });
        let foreign = names::FOREIGN_STEMS.into_iter().map(|text| (text.to_owned(), Hint::Name));
        let encoded = [(private_key::ENCODED_HINT.to_owned(), Hint::EncodedKey)];
        let (exact, of_exact): (Vec<String>, Vec<Hint>) =
            of_prefixes.chain(of_kinds).chain(foreign).chain(encoded).unzip();
        Hints {
            any_case: searcher(&any_case, Case::Any),
            of_any_case,
            exact: searcher(&exact, Case::Exact),
            of_exact,
        }
    }

    /// Returns where hints stand in a text and what they announce.
    fn all_in<'t>(&'t self, text: &'t str) -> impl Iterator<Item = (Range<usize>, Hint)> + 't {
        let any_case = self.any_case.find_overlapping_iter(text);
        let exact = self.exact.find_overlapping_iter(text);
        let of_any_case = any_case.map(|hit| (hit.range(), self.of_any_case[hit.pattern().as_usize()]));
        of_any_case.chain(exact.map(|hit| (hit.range(), self.of_exact[hit.pattern().as_usize()])))
    }
}

/// How letters are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    Exact,
    Any,
}

/// Builds a searcher. Not the fastest kind, but one that is built in a fraction of the time: each run builds it anew, and
/// searches a few megabytes at most.
fn searcher<T: AsRef<[u8]>>(texts: &[T], case: Case) -> AhoCorasick {
    AhoCorasick::builder()
        .ascii_case_insensitive(case == Case::Any)
        .match_kind(MatchKind::Standard)
        .dense_depth(1)
        .prefilter(false)
        .kind(Some(AhoCorasickKind::ContiguousNFA))
        .build(texts)
        .expect("the hints are few and short")
}

/// Returns the text with every secret replaced by `[redacted:<kind>]`; unchanged text is not copied.
pub fn redact(text: &str) -> Cow<'_, str> {
    if HINTS.all_in(text).next().is_none() {
        return Cow::Borrowed(text);
    }
    let mut redactor = Redactor::new();
    let mut out = redactor.push(text);
    out.push_str(&redactor.finish());
    if out == text { Cow::Borrowed(text) } else { Cow::Owned(out) }
}

/// The same for a text that is not needed any more; unchanged text is not copied.
pub fn redact_owned(text: String) -> String {
    match redact(&text) {
        Cow::Owned(clean) => clean,
        Cow::Borrowed(_) => text,
    }
}

/// Redacts a text that may have lost its beginning: its first lines may be those of a private key, and what looks random in
/// its first line may be a secret whose name is lost.
pub fn redact_end(text: &str) -> String {
    const LOST: &str = "[redacted:cut-off]";
    let key_end = private_key::end_without_begin(text).unwrap_or(0);
    let rest = &text[key_end..];
    let first_len = if key_end > 0 { 0 } else { rest.find('\n').unwrap_or(rest.len()) };
    let (first, behind) = rest.split_at(first_len);
    // A text may have megabytes: one copy of it is enough.
    let mut shown = String::with_capacity(LOST.len() + rest.len());
    if key_end > 0 {
        shown.push_str(LOST);
    }
    for word in first.split_inclusive(char::is_whitespace) {
        let bare = word.trim_end();
        let is_random = shape::random_len(bare) >= shape::SOME;
        shown.push_str(if is_random { LOST } else { bare });
        shown.push_str(&word[bare.len()..]);
    }
    shown.push_str(behind);
    redact_owned(shown)
}

#[cfg(test)]
mod tests;
