//! Where something was written.

use std::fmt;
use std::sync::Arc;

/// The kinds of sources, lowest precedence first: if several define something, the last one wins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum SourceKind {
    /// Compiled in.
    #[default]
    Default,
    /// The user's file.
    User,
    /// The project's file.
    Project,
    /// An environment variable.
    Env,
    /// The command line.
    Flag,
}

/// Where something was written.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Place {
    /// The kind of source that it is in.
    #[serde(skip)]
    pub source_kind: SourceKind,
    /// The file as its reader named it, or the variable or the flag.
    pub file: String,
    /// The line, from 1; 0 if the source has no lines.
    pub line: usize,
    /// The column in characters, from 1; 0 if the source has no lines.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { source_kind, file, line, column } = self;
        match source_kind {
            SourceKind::Default if file.is_empty() => f.write_str("default"),
            SourceKind::Default | SourceKind::User | SourceKind::Project => {
                write!(f, "{file}:{line}:{column}")
            }
            SourceKind::Env => write!(f, "environment variable `{file}`"),
            SourceKind::Flag => write!(f, "flag `{file}`"),
        }
    }
}

/// One text, and its display name.
pub struct Source {
    /// Its kind.
    pub kind: SourceKind,
    name: String,
    pub(super) text: String,
}

impl Source {
    /// Creates a source; for a file, `text` is its content, otherwise it is empty.
    pub fn new(kind: SourceKind, name: impl AsRef<str>, text: impl Into<String>) -> Arc<Source> {
        Arc::new(Source { kind, name: printable(name.as_ref()), text: text.into() })
    }

    /// Returns the place of a byte offset in the text. Lines are counted only on demand.
    pub fn place(&self, at: usize) -> Place {
        let before = self.text.get(..at).unwrap_or(&self.text);
        let (mut line, mut column) = (0, 0);
        if !self.text.is_empty() {
            line = 1 + before.matches('\n').count();
            column = 1 + before.chars().rev().take_while(|c| *c != '\n').count();
        }
        Place { source_kind: self.kind, file: self.name.clone(), line, column }
    }
}

/// Returns untrusted text in a form that is safe in a message: terminals interpret control characters.
pub fn printable(text: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 1000;
    let safe = |c: char| if c.is_control() || is_unseen(c) { '\u{fffd}' } else { c };
    text.chars().take(SHOWN_CHARS_MAX).map(safe).collect()
}

/// Returns whether a character is one that a terminal interprets, or that changes how the rest is displayed.
pub fn is_unseen(c: char) -> bool {
    let is_text = matches!(c, '\n' | '\t');
    (c.is_control() && !is_text)
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
        // Letters and selectors that no font shows and every model reads.
        || matches!(c, '\u{e0000}'..='\u{e0fff}')
}
