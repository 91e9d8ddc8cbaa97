//! Redacts text that arrives in pieces: nothing is released before it is decided.
//!
//! A line is held back until it is complete. Lines that belong together are the rest: a private key that has begun
//! swallows lines until its end, and the name of a secret may have its value in the next line. A line longer than
//! [`LINE_HELD_MAX`] is decided in parts.

use super::assigned::{self, Below, Form};
use super::line::Secrets;
use super::private_key::{self, Next, Open};

/// The longest unfinished line that is held back. Longer lines are data, and holding them would make memory unbounded.
pub const LINE_HELD_MAX: usize = 64 * 1024;

/// How much of an over-long line stays held: enough for the longest secret whose end decides what it is (a JWT).
const UNDECIDED_MAX: usize = 8 * 1024;

/// How much of an over-long line is kept after its release as context for the next part (`password =`).
const CONTEXT: usize = 1024;

/// Enough of a swallowed part to hold an end mark that is split in two.
const END_MARK_MAX: usize = 128;

/// How many empty lines and fences may stand between a name and its value below.
const GAP_LINES_MAX: u8 = 2;

/// Replaces secrets in a text that arrives in pieces, whatever the cuts.
#[derive(Debug, Default)]
pub struct Redactor {
    held: String,
    /// How many bytes of `held` were already released and only provide context.
    context: usize,
    state: State,
}

#[derive(Debug, Default)]
enum State {
    /// Text passes through.
    #[default]
    Open,
    /// A mark may begin a private key: it is held until a line of the key follows, because code and prose have such
    /// marks too.
    KeyAnnounced { open: Open, mark: String },
    /// A private key has begun; its lines are swallowed.
    PrivateKey(Open),
    /// A secret reached the end of a part of an over-long line; its continuation is swallowed.
    LongSecret,
    /// A name has its value in the lines below.
    ValueBelow { below: Below, gap_lines: u8 },
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

    /// Takes a text that stands for itself and is shown at once, such as a message, and returns it. What it leaves
    /// open, such as a private key that goes on in the next message, is remembered.
    pub fn push_whole(&mut self, text: &str) -> String {
        let mut out = self.push(text);
        if !self.held.is_empty() {
            self.line_is_whole(&mut out);
        }
        out
    }

    /// Returns the rest that was held back.
    pub fn finish(mut self) -> String {
        let mut out = String::new();
        self.line_is_whole(&mut out);
        if let State::KeyAnnounced { mark, .. } = self.state {
            out.push_str(&mark);
        }
        out
    }

    fn line_is_whole(&mut self, out: &mut String) {
        let held = std::mem::take(&mut self.held);
        let context = std::mem::take(&mut self.context);
        let (line, end) = match held.strip_suffix('\n') {
            Some(line) => (line, "\n"),
            None => (held.as_str(), ""),
        };
        let from = match std::mem::take(&mut self.state) {
            State::Open => context,
            State::KeyAnnounced { mut open, mut mark } => match open.goes_on(line) {
                Next::Inside if line.trim().is_empty() => {
                    mark.push_str(&held);
                    self.state = State::KeyAnnounced { open, mark };
                    return;
                }
                Next::Inside => {
                    label(private_key::LABEL, out);
                    self.state = State::PrivateKey(open);
                    return;
                }
                Next::Ends(_) | Next::Outside => {
                    out.push_str(&mark);
                    0
                }
            },
            State::PrivateKey(mut open) => match open.goes_on(line) {
                Next::Ends(at) => at,
                Next::Inside => {
                    self.state = State::PrivateKey(open);
                    return;
                }
                Next::Outside => {
                    out.push('\n');
                    0
                }
            },
            State::LongSecret => line.find(|c| !continues_secret(c)).unwrap_or(line.len()),
            State::ValueBelow { below, gap_lines } => {
                self.below_a_name(line, end, below, gap_lines, out);
                return;
            }
        };
        self.decided(line, from, end, Secrets::of(line), out);
    }

    /// Releases a whole line from a position on.
    fn decided(&mut self, line: &str, from: usize, end: &str, secrets: Secrets, out: &mut String) {
        let Secrets { found, open_key, below } = secrets;
        let mut at = from;
        let mut key_is_last = false;
        for (range, name) in found {
            if range.end <= at {
                continue;
            }
            out.push_str(&line[at..range.start.max(at)]);
            at = range.end;
            key_is_last = name == private_key::LABEL && range.end == line.len();
            match &open_key {
                Some(open) if key_is_last && open.is_bare() => {
                    let mark = format!("{}{end}", &line[range.start..]);
                    self.state = State::KeyAnnounced { open: open.clone(), mark };
                    return;
                }
                Some(_) | None => label(name, out),
            }
        }
        out.push_str(&line[at..]);
        match (open_key, below) {
            // The line ending is dropped along with the key: its lines are one secret.
            (Some(open), _) if key_is_last => self.state = State::PrivateKey(open),
            (_, below) => {
                out.push_str(end);
                self.state = below.map_or(State::Open, |below| State::ValueBelow { below, gap_lines: 0 });
            }
        }
    }

    /// Releases a line that may hold the value of a name above it.
    fn below_a_name(&mut self, line: &str, end: &str, below: Below, gap_lines: u8, out: &mut String) {
        let shown = line.trim();
        if (shown.is_empty() || (shown.starts_with("```") && shown.len() < 16)) && gap_lines < GAP_LINES_MAX {
            self.state = State::ValueBelow { below, gap_lines: gap_lines + 1 };
            out.push_str(line);
            out.push_str(end);
            return;
        }
        let value = assigned::value_below(line, below).map(|range| (range, below.class.label()));
        self.decided(line, 0, end, Secrets::of(line).with(value), out);
        let is_inside = below.form == Form::Block && assigned::indent(line) > below.indent;
        if is_inside && matches!(self.state, State::Open) {
            self.state = State::ValueBelow { below, gap_lines: GAP_LINES_MAX };
        }
    }

    fn line_is_too_long(&mut self, out: &mut String) {
        match std::mem::take(&mut self.state) {
            State::PrivateKey(open) => match open.goes_on_within(&self.held) {
                Next::Inside => {
                    let keep = ceil(&self.held, self.held.len() - END_MARK_MAX);
                    self.held.drain(..keep);
                    self.state = State::PrivateKey(open);
                    return;
                }
                Next::Ends(at) => drop(self.held.drain(..at)),
                Next::Outside => {}
            },
            State::LongSecret => {
                let Some(end) = self.held.find(|c| !continues_secret(c)) else {
                    self.held.clear();
                    self.state = State::LongSecret;
                    return;
                };
                self.held.drain(..end);
            }
            // A line of that length is no key's and no value's.
            State::KeyAnnounced { mark, .. } => out.push_str(&mark),
            State::Open | State::ValueBelow { .. } => {}
        }
        let decided = floor(&self.held, self.held.len().saturating_sub(UNDECIDED_MAX));
        let mut at = self.context;
        let Secrets { found, open_key, .. } = Secrets::of(&self.held);
        for (range, name) in found {
            if range.end <= at || range.start >= decided {
                continue;
            }
            out.push_str(&self.held[at..range.start.max(at)]);
            label(name, out);
            at = range.end;
            if at == self.held.len() {
                self.state = match open_key {
                    Some(open) if name == private_key::LABEL => State::PrivateKey(open),
                    Some(_) | None => State::LongSecret,
                };
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
