//! Redacts text that arrives in pieces: nothing is released before it is decided.
//!
//! Secrets do not span lines, except for private keys. So a line is held back until it is complete, and a private key
//! that has begun swallows lines until its end mark. A line longer than [`LINE_HELD_MAX`] is decided in parts.

use super::{PEM_LABEL, private_key_end, secrets_in};

/// The longest unfinished line that is held back. Longer lines are data, and holding them would make memory unbounded.
pub const LINE_HELD_MAX: usize = 64 * 1024;

/// How much of an over-long line stays held: enough for the longest secret whose end decides what it is (a JWT).
const UNDECIDED_MAX: usize = 8 * 1024;

/// How much of an over-long line is kept after its release as context for the next part (`password =`).
const CONTEXT: usize = 1024;

/// Enough of a swallowed part to hold an end mark that is split in two.
const END_MARK_MAX: usize = 128;

/// Replaces secrets in a text that arrives in pieces, whatever the cuts.
#[derive(Debug, Default)]
pub struct Redactor {
    held: String,
    /// How many bytes of `held` were already released and only provide context.
    context: usize,
    state: State,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Text passes through.
    #[default]
    Open,
    /// A private key has begun; its lines are swallowed.
    PrivateKey,
    /// A secret reached the end of a part of an over-long line; its continuation is swallowed.
    LongSecret,
}

impl Redactor {
    /// Creates a redactor that has seen nothing.
    pub fn new() -> Redactor {
        Redactor::default()
    }

    /// Takes a piece and returns what has been decided so far.
    pub fn push(&mut self, chunk: &str) -> String {
        let mut out = String::with_capacity(chunk.len());
        for part in chunk.split_inclusive('\n') {
            // Split here already, so that one huge piece is not held longer than many small ones.
            let mut rest = part;
            while !rest.is_empty() {
                let room = LINE_HELD_MAX.saturating_sub(self.held.len()).max(4);
                let cut = floor(rest, room);
                self.held.push_str(&rest[..cut]);
                rest = &rest[cut..];
                if self.held.ends_with('\n') {
                    self.line_is_whole(&mut out);
                } else if self.held.len() + 4 > LINE_HELD_MAX {
                    self.line_is_too_long(&mut out);
                }
            }
        }
        out
    }

    /// Returns the rest that was held back.
    pub fn finish(mut self) -> String {
        let mut out = String::new();
        self.line_is_whole(&mut out);
        out
    }

    fn line_is_whole(&mut self, out: &mut String) {
        let held = std::mem::take(&mut self.held);
        let context = std::mem::take(&mut self.context);
        let (line, end) = match held.strip_suffix('\n') {
            Some(line) => (line, "\n"),
            None => (held.as_str(), ""),
        };
        let from = match self.state {
            State::Open => context,
            State::PrivateKey => match private_key_end(line) {
                Some(at) => at,
                None if is_key_body(line) => return,
                None => {
                    out.push('\n');
                    0
                }
            },
            State::LongSecret => line.find(|c| !continues_secret(c)).unwrap_or(line.len()),
        };
        self.state = State::Open;
        let mut at = from;
        for (range, name) in secrets_in(line) {
            if range.end <= at {
                continue;
            }
            out.push_str(&line[at..range.start.max(at)]);
            label(name, out);
            at = range.end;
            if name == PEM_LABEL && private_key_end(&line[range.clone()]).is_none() {
                // The line ending is dropped along with the key: its lines are one secret.
                self.state = State::PrivateKey;
            }
        }
        out.push_str(&line[at..]);
        if self.state == State::Open {
            out.push_str(end);
        }
    }

    fn line_is_too_long(&mut self, out: &mut String) {
        match self.state {
            State::PrivateKey => {
                if private_key_end(&self.held).is_none() && is_key_body(&self.held) {
                    let keep = ceil(&self.held, self.held.len() - END_MARK_MAX);
                    self.held.drain(..keep);
                    return;
                }
                let from = private_key_end(&self.held).unwrap_or(0);
                self.held.drain(..from);
                self.state = State::Open;
            }
            State::LongSecret => {
                let Some(end) = self.held.find(|c| !continues_secret(c)) else {
                    self.held.clear();
                    return;
                };
                self.held.drain(..end);
                self.state = State::Open;
            }
            State::Open => {}
        }
        let decided = floor(&self.held, self.held.len().saturating_sub(UNDECIDED_MAX));
        let mut at = self.context;
        for (range, name) in secrets_in(&self.held) {
            if range.end <= at || range.start >= decided {
                continue;
            }
            out.push_str(&self.held[at..range.start.max(at)]);
            label(name, out);
            at = range.end;
            if at == self.held.len() {
                self.state = if name == PEM_LABEL { State::PrivateKey } else { State::LongSecret };
                self.held.clear();
                self.context = 0;
                return;
            }
        }
        if at < decided {
            out.push_str(&self.held[at..decided]);
            at = decided;
        }
        let keep = floor(&self.held, at.saturating_sub(CONTEXT));
        self.held.drain(..keep);
        self.context = at - keep;
    }
}

fn label(name: &str, out: &mut String) {
    out.push_str("[redacted:");
    out.push_str(name);
    out.push(']');
}

/// Returns whether a line may belong to a private key: base64, or one of its headers.
fn is_key_body(line: &str) -> bool {
    let inner = line.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let header =
        ["Proc-Type:", "DEK-Info:", "Comment:", "Version:", "Hash:"].iter().any(|h| inner.starts_with(h));
    header || inner.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'\\'))
}

fn continues_secret(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+' | '/' | '=' | '.' | '~' | '%')
}

/// Returns the last character boundary at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    if at >= text.len() {
        return text.len();
    }
    (0..=at).rev().find(|n| text.is_char_boundary(*n)).unwrap_or(0)
}

/// Returns the first character boundary at or after `at`.
fn ceil(text: &str, at: usize) -> usize {
    (at..=text.len()).find(|n| text.is_char_boundary(*n)).unwrap_or(text.len())
}
