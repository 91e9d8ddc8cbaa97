//! Private keys: secrets of many lines, alone or in base64, however each line is marked.
//!
//! A listing puts the same kind of mark before every line (`12:`, `+`, a time, a name). What stands before the first
//! line of a key says what may stand before the others.

use std::ops::Range;

use super::prefixes::Rest;
use super::{base64, shape};

/// The label that replaces a private key.
pub(super) const LABEL: &str = "private-key";

/// What a text with a private key contains, in lowercase.
pub(super) const HINTS: [&str; 3] = ["private key", "private-lines:", "static key"];

/// How the first line of a private key, and of a certificate, begins in base64.
pub(super) const ENCODED_HINT: &str = "LS0tLS1CRUdJTi";

/// The characters of a private key in base64.
pub(super) const ENCODED: Rest = Rest::Base64;

/// What else has such a first line and is no secret.
const HARMLESS_TITLES: [&str; 5] = ["CERT", "PUBLIC", "CRL", "PARAM", "SIGNATURE"];

/// A shorter beginning of a key holds nothing of it.
const ENCODED_MIN: usize = 36;

/// Enough of the base64 to hold the title.
const ENCODED_TITLE_MAX: usize = 64;

/// The longest mark before the first line that is remembered, in bytes.
const MARK_MAX: usize = 256;

/// A private key whose end has not come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Open {
    /// What stood before its first line.
    mark: String,
    /// The longest line so far; what follows a shorter one is no longer the key.
    width: usize,
    /// How many lines were shorter.
    short_count: usize,
    /// Whether only its mark has been seen.
    is_bare: bool,
}

/// How a line goes on with a private key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// The line is part of the key.
    Inside,
    /// The key ends in this line; this is where the rest begins.
    Ends(usize),
    /// The line is no part of the key.
    Outside,
}

impl Open {
    /// Begins a key after a mark.
    pub fn behind(mark: &str) -> Open {
        let mark = if mark.len() > MARK_MAX { "" } else { mark };
        Open { mark: mark.to_owned(), ..Open::default() }
    }

    /// Returns whether only the mark of the key has been seen.
    pub fn is_bare(&self) -> bool {
        self.is_bare
    }

    /// Takes in a line.
    pub fn goes_on(&mut self, line: &str) -> Next {
        if let Some(end) = end_mark(line) {
            return Next::Ends(end);
        }
        let body = body(line, &self.mark);
        let unjoined = body.trim_end().trim_end_matches([' ', '+', '\\', ',']);
        let body = if unjoined.ends_with(['"', '\'']) { unjoined } else { body };
        let quoted = body.trim_matches(|c: char| !c.is_ascii_alphanumeric() && !"+/=".contains(c));
        let inner = quoted.trim_end_matches("\\n").trim_end_matches("\\r");
        if inner.is_empty() {
            // An empty line parts the headers of a key from it; a fence or a rule ends the text that the key stood in.
            let is_empty =
                body.trim_matches(|c: char| c.is_whitespace() || "\"',\\>|#*".contains(c)).is_empty();
            return if is_empty && self.short_count == 0 { Next::Inside } else { Next::Outside };
        }
        if is_header(inner) {
            return Next::Inside;
        }
        let is_base64 = inner.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=\\".contains(&b));
        // After the last line, which is shorter, only a checksum follows.
        let is_last = inner.len() < self.width && (self.short_count == 0 || inner.starts_with('='));
        let is_first = self.width == 0 && inner.len() >= 8 && shape::random_len(inner) > 0;
        if !is_base64 || !(inner.len() >= self.width.max(16) || is_first || is_last) {
            return Next::Outside;
        }
        self.short_count += usize::from(inner.len() < self.width);
        self.width = self.width.max(inner.len());
        Next::Inside
    }

    /// Takes in a part of an over-long line; returns where the key ends in it.
    pub fn goes_on_within(&self, part: &str) -> Next {
        match end_mark(part) {
            Some(end) => Next::Ends(end),
            None if part.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=\\ \t\r\"',:-".contains(&b)) => {
                Next::Inside
            }
            None => Next::Outside,
        }
    }
}

fn is_header(text: &str) -> bool {
    let names = [
        "Proc-Type:",
        "DEK-Info:",
        "Comment:",
        "Version:",
        "Hash:",
        "Charset:",
        "X-",
        "Encryption:",
        "Private-Lines:",
    ];
    names.iter().any(|name| text.starts_with(name))
}

/// Returns a line without the mark that stands before it.
fn body<'a>(line: &'a str, mark: &str) -> &'a str {
    if let Some(rest) = behind_mark(line, mark) {
        return rest;
    }
    // Another mark than the first line's: the `12-` of a search that shows what stands around a hit, a quotation.
    let number = line.trim_start_matches(|c: char| c.is_whitespace() || ">|#*-".contains(c));
    let digits = number.trim_start_matches(|c: char| c.is_ascii_digit());
    match digits.strip_prefix([':', '-', '\t', '|', ' ', ')', '.']) {
        Some(rest) if digits.len() < number.len() => rest.trim_start(),
        Some(_) | None => number,
    }
}

/// Returns what follows a mark that is like `mark`: numbers and spaces may differ in length, and a search writes `-`
/// where the line with the hit has `:`.
fn behind_mark<'a>(line: &'a str, mark: &str) -> Option<&'a str> {
    let mut rest = line;
    let mut mark = mark.trim_end_matches(['"', '\'']);
    while let Some(first) = mark.chars().next() {
        let alike: fn(char) -> bool = match first {
            c if c.is_ascii_digit() => |c| c.is_ascii_digit(),
            c if c.is_whitespace() => char::is_whitespace,
            _ => {
                let next = rest.chars().next()?;
                let same = next == first || (first == ':' && next == '-');
                rest = same.then(|| &rest[next.len_utf8()..])?;
                mark = &mark[first.len_utf8()..];
                continue;
            }
        };
        let behind = rest.trim_start_matches(alike);
        if behind.len() == rest.len() && !first.is_whitespace() {
            return None;
        }
        (rest, mark) = (behind, mark.trim_start_matches(alike));
    }
    Some(rest)
}

/// A private key in a line, and what is open if it goes on in the next lines.
pub(super) type Key = (Range<usize>, Option<Open>);

/// Finds the private keys in a line: each up to its end mark, or to the end of the line.
pub(super) fn find(line: &str) -> Vec<Key> {
    let mut keys = vec![];
    let mut from = 0;
    while let Some(mark) = begin_mark(line, from) {
        from = mark.end;
        let rest = &line[mark.end..];
        let is_bare = rest
            .trim_matches(|c: char| c.is_whitespace() || "\"'`+,\\(".contains(c))
            .trim_matches(['n', 'r'])
            .is_empty();
        if !is_bare && !begins_with_body(rest) {
            continue;
        }
        match end_mark(rest) {
            Some(end) => {
                from = mark.end + end;
                keys.push((mark.start..from, None));
            }
            None => {
                let open = Open { is_bare, ..Open::behind(&line[..mark.start]) };
                keys.push((mark.start..line.len(), Some(open)));
                break;
            }
        }
    }
    keys
}

/// Returns whether what follows a mark is a key and not what code and prose say about the mark.
fn begins_with_body(rest: &str) -> bool {
    let mut body = rest;
    loop {
        let shorter = body.trim_start_matches(|c: char| c.is_whitespace() || "\"'`+,".contains(c));
        let shorter =
            ["\\n", "\\r", "\\"].iter().fold(shorter, |text, escape| text.trim_start_matches(escape));
        if shorter.len() == body.len() {
            break;
        }
        body = shorter;
    }
    let run = body.bytes().take_while(|b| b.is_ascii_alphanumeric() || b"+/=".contains(b)).count();
    is_header(body) || (run >= 16 && shape::random_len(&body[..run]) >= shape::SOME)
}

/// Finds the mark with which a private key begins.
fn begin_mark(line: &str, from: usize) -> Option<Range<usize>> {
    if let Some(at) = line[from..].find("Private-Lines:") {
        return Some(from + at..line.len());
    }
    for (at, _) in line[from..].match_indices("BEGIN ").map(|(at, mark)| (from + at, mark)) {
        let title = &line[at + 6..];
        let Some(title_len) = title.bytes().take(64).position(|byte| byte == b'-') else { continue };
        let head = line[from..at].trim_end_matches(' ');
        let start = from + head.trim_end_matches('-').len();
        let dashes = from + head.len() - start;
        let is_key = ["PRIVATE KEY", "OpenVPN Static key"].iter().any(|key| title[..title_len].contains(key));
        if is_key && dashes >= 4 {
            let rest = title[title_len..].trim_start_matches('-');
            return Some(start..line.len() - rest.len());
        }
    }
    None
}

/// Returns the position after a private key's end mark.
pub(super) fn end_mark(text: &str) -> Option<usize> {
    let at = ["-----END ", "---- END "].iter().find_map(|mark| text.find(mark).map(|at| at + mark.len()))?;
    let title = &text[at..];
    let dashes = title.find("--")?;
    Some(at + dashes + title[dashes..].bytes().take_while(|byte| *byte == b'-').count())
}

/// Finds a private key in base64, which is in this run of [`ENCODED`] characters.
pub(super) fn encoded(line: &str, range: Range<usize>) -> Option<Key> {
    let (at, len) = (range.start, range.len());
    if len < ENCODED_MIN {
        return None;
    }
    let title = base64::decode(&line[at..at + len.min(ENCODED_TITLE_MAX)])?;
    let title = String::from_utf8_lossy(&title);
    let title = title.lines().next().unwrap_or_default();
    if HARMLESS_TITLES.iter().any(|harmless| title.contains(harmless)) {
        return None;
    }
    // Base64 that is broken into lines has lines of 64 or 76; a shorter or longer one stands alone.
    let is_broken = range.end == line.trim_end().len() && (60..=80).contains(&len);
    let open = is_broken.then(|| Open { width: len, ..Open::behind(&line[..at]) });
    Some((range, open))
}

/// Returns where a private key ends whose beginning was cut off, if a text begins within one.
pub(super) fn end_without_begin(text: &str) -> Option<usize> {
    let end = end_mark(text)?;
    let key = &text[..end];
    let title = key.rfind("END ").map(|at| &key[at..])?;
    (title.contains("PRIVATE KEY") && !key.contains("BEGIN ")).then_some(end)
}
