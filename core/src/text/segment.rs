//! Segmentation: separates the user's own words from what they pasted or quoted.
//!
//! Only own words give orders. Fenced blocks, inline code, quotations, `>` lines, logs, stack traces, diffs and code
//! are material. A quotation that is only a name (`` `parse_duration` ``) stays, because it says what the order is
//! about; and code that follows "run" stays, because it is the order.

use std::borrow::Cow;

use super::client::{self, Artefact};
use super::tokens::QUOTE_MARK;

/// How many characters are read together at the beginning of own words; of longer texts the middle is read in pieces, for
/// danger alone. Nobody types that much: it must be a file that was piped in, and reading it at once would waste memory.
const OWN_HEAD_CHARS: usize = 48_000;
/// The same for the end; see [`OWN_HEAD_CHARS`].
const OWN_TAIL_CHARS: usize = 16_000;
/// How much of the material is read; it gives no orders, so its beginning is enough to tell what it is.
const MATERIAL_CHARS: usize = 1000;
/// How many bytes of a text are read at all at its beginning, so that a hook answers in time whatever was pasted.
const HEAD_BYTES: usize = 1 << 20;
/// The same for the end.
const TAIL_BYTES: usize = 256 << 10;
/// The longest quoted text that may be a name.
const NAME_CHARS_MAX: usize = 80;

/// Words after which quoted code is the order itself.
const EXECUTE: [&str; 24] = [
    "run",
    "execute",
    "exec",
    "rerun",
    "re-run",
    "running",
    "type",
    "do",
    "lance",
    "execute",
    "execute:",
    "run:",
    "ejecuta",
    "corre",
    "roda",
    "rode",
    "esegui",
    "draai",
    "starte",
    "uruchom",
    "запусти",
    "выполни",
    "führe",
    "kör",
];

/// The segments of a text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Segments {
    /// The user's own words; a quotation leaves a mark.
    pub instruction: String,
    /// The middle of very long own words, in pieces.
    pub middle: Vec<String>,
    /// What was quoted or pasted.
    pub quoted: String,
    /// Whether the instruction is a quotation, because there is nothing else.
    pub is_quotation: bool,
    /// How many bytes of whole lines were pasted.
    pub pasted_bytes: usize,
    /// What there is, if there are no words of the user's own.
    pub artefact: Option<Artefact>,
}

impl Segments {
    /// Takes a text as somebody's own words, whatever it looks like.
    pub fn of_words(words: String) -> Segments {
        Segments { instruction: words, ..Segments::default() }
    }
}

/// Separates a text into segments.
pub(crate) fn segment(text: &str) -> Segments {
    let ends = ends_of(text);
    let clean = clean(&ends);
    let cleared = client::clear(&clean);
    let mut out = Segments { artefact: cleared.artefact, ..Segments::default() };
    let mut state = Lines::Own;
    for line in cleared.own.split('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let (pasted, next) = state.read(line);
        state = next;
        if pasted {
            out.pasted_bytes += line.len() + 1;
            out.quoted.push_str(line);
            out.quoted.push('\n');
        } else {
            own_line(line, &mut out);
            out.instruction.push('\n');
        }
    }
    // If there is nothing but a quotation, it is meant as the request.
    if out.artefact.is_none() && !out.instruction.chars().any(char::is_alphanumeric) {
        let marks: &[char] = &['`', '"', '>', '~'];
        out.is_quotation = !out.quoted.is_empty();
        out.instruction = out.quoted.lines().map(|l| l.trim_matches(marks)).collect::<Vec<_>>().join("\n");
        if out.pasted_bytes == 0 || looks_like_log(&out.instruction) {
            out.pasted_bytes = out.quoted.len();
        }
    }
    out.quoted.push_str(&cleared.material);
    out.middle = middle(&out.instruction, OWN_HEAD_CHARS, OWN_TAIL_CHARS);
    out.instruction = cap(out.instruction, OWN_HEAD_CHARS, OWN_TAIL_CHARS);
    out.quoted = cap(out.quoted, MATERIAL_CHARS, 0);
    out
}

/// Returns a text, or the beginning and the end of one that is far longer than any request.
fn ends_of(text: &str) -> Cow<'_, str> {
    if text.len() <= HEAD_BYTES + TAIL_BYTES {
        return Cow::Borrowed(text);
    }
    let boundary = |at: usize| (at..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    let (head, tail) = (&text[..boundary(HEAD_BYTES)], &text[boundary(text.len() - TAIL_BYTES)..]);
    Cow::Owned(format!("{head}\n{tail}"))
}

/// Removes invisible characters, and replaces unusual letters and spaces by plain ones. Most texts have neither.
fn clean(text: &str) -> Cow<'_, str> {
    if text.is_ascii() && !text.bytes().any(|byte| matches!(byte, 0x0b | 0x0c)) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().filter(|c| !is_invisible(*c)).map(plain_width).collect())
}

fn looks_like_log(text: &str) -> bool {
    text.lines().any(|line| is_log(line) || is_trace(line))
}

/// What the previous lines mean for the next one.
#[derive(Debug, Clone, Copy)]
enum Lines {
    Own,
    Fence { mark: char, length: usize },
    Block,
    Diff,
    Trace,
}

impl Lines {
    /// Returns whether the line is pasted, and the state after it.
    fn read(self, line: &str) -> (bool, Lines) {
        let trimmed = line.trim();
        match self {
            Lines::Fence { mark, length } => match fence(trimmed) {
                Some((m, n)) if m == mark && n >= length && trimmed.chars().all(|c| c == mark) => {
                    (true, Lines::Own)
                }
                Some(_) | None => (true, self),
            },
            Lines::Block => (true, if is_ruler(trimmed) { Lines::Own } else { Lines::Block }),
            Lines::Diff if line.starts_with(['+', '-', ' ', '\t', '@', '\\']) || is_diff(line) => {
                (true, Lines::Diff)
            }
            Lines::Trace if !trimmed.is_empty() && line.starts_with([' ', '\t']) => (true, Lines::Trace),
            Lines::Own | Lines::Diff | Lines::Trace => Lines::fresh(line, trimmed),
        }
    }

    fn fresh(line: &str, trimmed: &str) -> (bool, Lines) {
        if let Some((mark, length)) = fence(trimmed) {
            return (true, Lines::Fence { mark, length });
        }
        if trimmed.starts_with('>') {
            return (true, Lines::Own);
        }
        if is_diff(line) {
            return (true, Lines::Diff);
        }
        if is_titled_ruler(trimmed) {
            return (true, Lines::Block);
        }
        if is_log(trimmed) || is_trace(line) {
            return (true, Lines::Trace);
        }
        (is_code(trimmed) || is_terminal(trimmed), Lines::Own)
    }
}

fn fence(trimmed: &str) -> Option<(char, usize)> {
    let mark = trimmed.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let length = trimmed.chars().take_while(|c| *c == mark).count();
    let rest = &trimmed[length..];
    (length >= 3 && !rest.contains(mark)).then_some((mark, length))
}

fn is_ruler(trimmed: &str) -> bool {
    trimmed.len() >= 3 && trimmed.bytes().all(|b| b == b'-' || b == b'=')
}

/// Returns whether a line is a ruler with a title: `--- spec.md ---`.
fn is_titled_ruler(trimmed: &str) -> bool {
    let inner = trimmed.trim_matches(['-', '=']);
    trimmed.starts_with(['-', '='])
        && trimmed.ends_with("---") | trimmed.ends_with("===")
        && !inner.trim().is_empty()
        && trimmed.len() >= inner.len() + 6
}

fn is_diff(line: &str) -> bool {
    ["diff --git ", "@@ -", "+++ ", "--- a/", "--- /dev/", "index "].iter().any(|mark| line.starts_with(mark))
        && (!line.starts_with("index ") || line.contains(".."))
}

fn is_log(trimmed: &str) -> bool {
    let bytes = trimmed.as_bytes();
    let digits = |from: usize, n: usize| {
        bytes.len() >= from + n && bytes[from..from + n].iter().all(u8::is_ascii_digit)
    };
    let date =
        digits(0, 4) && bytes.get(4) == Some(&b'-') && digits(5, 2) && digits(8, 2) && bytes.len() > 12;
    let clock = digits(0, 2) && bytes.get(2) == Some(&b':') && digits(3, 2) && bytes.get(5) == Some(&b':');
    let stamp = bytes.first() == Some(&b'[') && bytes.get(1).is_some_and(u8::is_ascii_digit);
    let level = [
        "ERROR", "WARN", "INFO", "DEBUG", "FATAL", "TRACE", "FAIL\t", "--- FAIL", "npm ERR!", "E/",
        "[ERROR]", "[INFO]", "[WARN]", "error[",
    ];
    date || clock
        || stamp
        || level.iter().any(|word| {
            trimmed.strip_prefix(word).is_some_and(|rest| {
                word.ends_with(['\t', '!', ']', '[', '/']) || rest.starts_with([' ', ':', ']', '|', '\t'])
            })
        })
}

/// Returns whether a line is one of a terminal, with its prompt before a command: it was run already, or is shown.
fn is_terminal(trimmed: &str) -> bool {
    let is_word =
        |rest: &str| rest.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '.' | '/' | '~'));
    if let Some(rest) = trimmed.strip_prefix("$ ") {
        return is_word(rest);
    }
    let prompt = |end: &str| trimmed.split_once(end).map(|(prompt, _)| prompt);
    // `user@host:~/project$ …`, `root@host:/# …`
    let is_unix = |prompt: &str| !prompt.contains(' ') && prompt.contains('@') && prompt.contains(':');
    // `PS C:\project> …`, `C:\project>…`
    let is_windows = |prompt: &str| {
        let path = prompt.strip_prefix("PS ").unwrap_or(prompt);
        !path.contains(' ') && path.get(1..3) == Some(":\\")
    };
    trimmed.starts_with(['➜', '❯'])
        || prompt("$ ").is_some_and(is_unix)
        || prompt("# ").is_some_and(is_unix)
        || prompt(">").is_some_and(is_windows)
}

fn is_trace(line: &str) -> bool {
    let trimmed = line.trim_start();
    let indented = trimmed.len() < line.len();
    let starts = [
        "Traceback (most recent",
        "File \"",
        "Caused by:",
        "stack backtrace:",
        "goroutine ",
        "thread '",
        "panicked at",
        "Exception in thread",
        "Seq Scan",
        "Planning Time:",
        "Execution Time:",
    ];
    if starts.iter().any(|mark| trimmed.starts_with(mark)) {
        return true;
    }
    let frame = trimmed.starts_with("at ")
        && trimmed.contains(['(', ':', '/'])
        && (indented || trimmed.contains('('));
    let number = trimmed.trim_start_matches(|c: char| c.is_ascii_digit());
    let numbered =
        indented && number.len() < trimmed.len() && number.starts_with(": ") && number.contains("::");
    // `java.lang.IllegalStateException: …`, `TypeError: …`
    let head = trimmed.split(':').next().unwrap_or_default();
    let exception = !head.contains(' ')
        && head.len() < trimmed.len()
        && (head.ends_with("Error") || head.ends_with("Exception") || head.ends_with("Panic"))
        && head.len() > 5;
    frame || numbered || exception
}

fn is_code(trimmed: &str) -> bool {
    let starts = ["//", "/*", "#include", "def ", "fn ", "pub fn ", "func ", "<?php", "#!/"];
    let comment = trimmed.starts_with("# ")
        && trimmed.contains(": ")
        && trimmed.len() < NAME_CHARS_MAX
        && !trimmed.starts_with("# Task");
    comment
        || starts.iter().any(|mark| trimmed.starts_with(mark))
        || (trimmed.ends_with(['{', '}', ';']) && trimmed.contains(['(', '=', '}', '{']))
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{2069}'
        | '\u{feff}' | '\u{ad}' | '\u{e0000}'..='\u{e007f}' | '\u{180e}' | QUOTE_MARK)
}

/// Replaces full-width letters and unusual spaces by plain ones.
fn plain_width(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' if c.is_alphanumeric() || matches!(c, '\u{ff0d}' | '\u{ff0f}') => {
            char::from_u32(c as u32 - 0xfee0).unwrap_or(c)
        }
        '\u{a0}' | '\u{3000}' | '\u{2009}' => ' ',
        '\t' | '\u{b}' | '\u{c}' => '\t',
        other => other,
    }
}

/// Copies a line of own words, taking out quotations.
fn own_line(line: &str, out: &mut Segments) {
    // If a closing mark was not found once, there is none further on: never search for it twice.
    let mut missing: Vec<char> = Vec::new();
    let mut rest = line;
    let mut previous = ' ';
    while let Some(at) = first_mark(rest) {
        let (before, from_mark) = rest.split_at(at);
        out.instruction.push_str(before);
        previous = before.chars().next_back().unwrap_or(previous);
        rest = from_mark;
        let c = rest.chars().next().expect("a mark was found here");
        let after = &rest[c.len_utf8()..];
        let quoted = closing_mark(c, previous).filter(|close| !missing.contains(close));
        let Some(close) = quoted else {
            out.instruction.push(c);
            previous = c;
            rest = after;
            continue;
        };
        let Some(length) = find_close(after, close) else {
            missing.push(close);
            continue;
        };
        let inner = &after[..length];
        let is_name = !inner.is_empty()
            && inner.chars().count() <= NAME_CHARS_MAX
            && !inner.contains(char::is_whitespace)
            && (c == '`' || inner.contains(['/', '.', '_', ':']));
        let ordered = c == '`' && ends_in_execute(&out.instruction);
        if ordered || is_name {
            out.instruction.push_str(inner);
        } else {
            out.instruction.push(QUOTE_MARK);
            out.quoted.push_str(inner);
            out.quoted.push('\n');
        }
        previous = close;
        rest = &after[length + close.len_utf8()..];
    }
    out.instruction.push_str(rest);
}

/// Returns the place of the first mark that may open a quotation.
fn first_mark(text: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        // Bytes are faster than characters, and most that are read are plain.
        let may_open = |byte: u8| matches!(byte, b'`' | b'"' | b'\'') || !byte.is_ascii();
        from += text.bytes().skip(from).position(may_open)?;
        let c = text[from..].chars().next()?;
        if closing_mark(c, ' ').is_some() {
            return Some(from);
        }
        from += c.len_utf8();
    }
}

fn closing_mark(open: char, previous: char) -> Option<char> {
    let fresh = !previous.is_alphanumeric();
    match open {
        '`' => Some('`'),
        '"' => Some('"'),
        '\'' if fresh => Some('\''),
        '“' => Some('”'),
        '„' => Some('“'),
        '‘' if fresh => Some('’'),
        '«' => Some('»'),
        '「' => Some('」'),
        '『' => Some('』'),
        '《' => Some('》'),
        _ => None,
    }
}

fn find_close(after: &str, close: char) -> Option<usize> {
    if !matches!(close, '\'' | '’') {
        return after.find(close);
    }
    // An apostrophe within a word does not close a quotation.
    after
        .match_indices(close)
        .map(|(at, _)| at)
        .find(|at| *at > 0 && !after[at + close.len_utf8()..].starts_with(|c: char| c.is_alphanumeric()))
}

/// Returns whether the last word is one that executes. Looks at the end only, so that many quotations stay cheap.
fn ends_in_execute(own: &str) -> bool {
    /// More bytes than the longest such word has, with a space after it.
    const WINDOW: usize = 24;
    let from = (own.len().saturating_sub(WINDOW)..=own.len()).find(|n| own.is_char_boundary(*n)).unwrap_or(0);
    let tail = own[from..].trim_end();
    let word = tail.rsplit([' ', '\n', '\t', QUOTE_MARK]).next().unwrap_or_default();
    EXECUTE.contains(&word.to_lowercase().as_str())
}

/// Returns what [`cap`] leaves out, in pieces of at most `head` characters. Each begins a little before the last one ends, so
/// that no order is cut in two.
fn middle(text: &str, head: usize, tail: usize) -> Vec<String> {
    /// How many characters two pieces share.
    const SHARED: usize = 200;
    // No character is longer than its bytes.
    if text.len() <= head {
        return vec![];
    }
    let bounds: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    let end = bounds.len().saturating_sub(tail);
    let starts = (head.saturating_sub(SHARED)..end).step_by(head - SHARED);
    let piece =
        |from: usize| text[bounds[from]..bounds.get(from + head).copied().unwrap_or(text.len())].to_owned();
    if bounds.len() <= head + tail { vec![] } else { starts.map(piece).collect() }
}

/// Returns the first `head` and the last `tail` characters of a text.
fn cap(text: String, head: usize, tail: usize) -> String {
    // No character is longer than its bytes.
    if text.len() <= head {
        return text;
    }
    let Some((cut, _)) = text.char_indices().nth(head) else { return text };
    let rest = &text[cut..];
    let skip = rest.chars().count().saturating_sub(tail);
    let from = rest.char_indices().nth(skip).map_or(rest.len(), |(at, _)| at);
    if from == 0 { text } else { format!("{}\n{}", &text[..cut], &rest[from..]) }
}
