//! What clients write into a prompt beside the person's own words: markers of attachments, messages of the machine, the
//! output of a shell. None of it gives orders.
//!
//! The forms are those of Claude Code 2.0 to 2.1, as its transcripts and hooks show them.

use std::borrow::Cow;

use super::tokens::QUOTE_MARK;

/// Elements that a client writes around words that no person typed, or typed to the client itself.
const ELEMENTS: [&str; 21] = [
    "agent-message",
    "bash-input",
    "bash-stderr",
    "bash-stdout",
    "channel",
    "command-contents",
    "command-message",
    "command-name",
    "cross-session-message",
    "ide_diagnostics",
    "ide_opened_file",
    "ide_selection",
    "local-command-caveat",
    "local-command-stderr",
    "local-command-stdout",
    "system-reminder",
    "task-notification",
    "teammate-message",
    "tick",
    "user-memory-input",
    "user-prompt-submit-hook",
];

/// Markers in brackets that stand for something that is attached. A person's words may be about it.
const ATTACHMENTS: [&str; 5] =
    ["Image #", "Image: ", "Image attached", "Pasted text #", "...Truncated text #"];

/// What a client writes where the person stopped the agent.
const INTERRUPTIONS: [&str; 2] = ["Request interrupted by user", "Request interrupted by user for tool use"];

/// The longest marker in brackets, in bytes: the path of an image may be in it.
const MARKER_BYTES_MAX: usize = 400;

/// What there is instead of a person's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Artefact {
    /// A command of the client: `/clear`.
    Command,
    /// Messages of the machine, or words for the client itself.
    Machine,
    /// A marker that the person stopped the agent.
    Interruption,
    /// An attachment without a word about it.
    Attachment,
}

impl Artefact {
    /// Returns why it is no request, as a clause for a person.
    pub fn because(self) -> &'static str {
        match self {
            Artefact::Command => "a command of the agent's own program is no request: say what is to be done",
            Artefact::Machine => "these are words of a program and not of a person: say what is to be done",
            Artefact::Interruption => "it only says that the agent was interrupted: say what is to be done",
            Artefact::Attachment => "something is attached, and no word says what is to be done with it",
        }
    }
}

/// A text without what a client wrote into it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Cleared<'a> {
    /// The person's own words; an attachment leaves a mark.
    pub own: Cow<'a, str>,
    /// What the client wrote, for whom it matters.
    pub material: String,
    /// What there is, if there are no words.
    pub artefact: Option<Artefact>,
}

/// Separates a text from what a client wrote into it.
pub(crate) fn clear(text: &str) -> Cleared<'_> {
    if is_command(text.trim()) {
        let artefact = Some(Artefact::Command);
        return Cleared { own: Cow::Borrowed(""), material: text.trim().to_owned(), artefact };
    }
    if !text.contains(['<', '[']) {
        return Cleared { own: Cow::Borrowed(text), material: String::new(), artefact: None };
    }
    let mut reader = Reader::default();
    let mut from = 0;
    while let Some(at) = text[from..].find(['<', '[']).map(|at| from + at) {
        reader.own.push_str(&text[from..at]);
        from = match reader.marker(&text[at..]) {
            Some(bytes) => at + bytes,
            None => {
                reader.own.push_str(&text[at..=at]);
                at + 1
            }
        };
    }
    let Some(found) = reader.found else {
        return Cleared { own: Cow::Borrowed(text), material: String::new(), artefact: None };
    };
    reader.own.push_str(&text[from..]);
    let has_words = reader.own.chars().any(char::is_alphanumeric);
    Cleared {
        artefact: (!has_words).then_some(found),
        own: Cow::Owned(reader.own),
        material: reader.material,
    }
}

/// Returns whether a text is nothing but a command of the client, or what people type to leave it.
fn is_command(text: &str) -> bool {
    matches!(text, "exit" | "quit") || names_a_command(text)
}

/// Returns whether a word is the name of a command: `/compact` and `/plugin:command` are, `/usr/bin/env` is not.
pub(crate) fn names_a_command(word: &str) -> bool {
    let is_of_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | ':');
    word.strip_prefix('/').is_some_and(|name| !name.is_empty() && name.chars().all(is_of_name))
}

#[derive(Default)]
struct Reader {
    own: String,
    material: String,
    found: Option<Artefact>,
    /// Elements without an end: it is not looked for again, so that reading takes linear time.
    endless: Vec<&'static str>,
}

impl Reader {
    /// Takes the marker that a text begins with, and returns its length; `None` if it begins with none.
    fn marker(&mut self, text: &str) -> Option<usize> {
        let (bytes, artefact) = self.element(text).or_else(|| bracketed(text))?;
        match artefact {
            Artefact::Attachment => self.own.push(QUOTE_MARK),
            Artefact::Command | Artefact::Machine | Artefact::Interruption => self.own.push(' '),
        }
        // Without the angles a word is not glued to a tag.
        self.material.push_str(&text[..bytes].replace(['<', '>'], " "));
        self.material.push('\n');
        // With several, the one that a person could have meant something by.
        if self.found != Some(Artefact::Attachment) {
            self.found = Some(artefact);
        }
        Some(bytes)
    }

    fn element(&mut self, text: &str) -> Option<(usize, Artefact)> {
        let inner = text.strip_prefix('<')?;
        let name = ELEMENTS
            .into_iter()
            .find(|name| inner.strip_prefix(name).is_some_and(|rest| rest.starts_with(['>', ' ', '\n'])))?;
        if self.endless.contains(&name) {
            return None;
        }
        let end = format!("</{name}>");
        match text.find(&end) {
            Some(at) => Some((at + end.len(), Artefact::Machine)),
            None => {
                self.endless.push(name);
                None
            }
        }
    }
}

/// Returns whether the rest of a marker is a number, a path or a count of lines: anything else may be an order.
fn names_no_words(rest: &str) -> bool {
    let is_plain = |word: &str| word.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'.'));
    rest.starts_with("source: /") && !rest[8..].contains(' ')
        || rest.split(' ').all(|word| is_plain(word) || matches!(word, "lines" | "line"))
}

fn bracketed(text: &str) -> Option<(usize, Artefact)> {
    let inner = text.strip_prefix('[')?;
    let end = inner.bytes().take(MARKER_BYTES_MAX).position(|byte| byte == b']')?;
    let marker = &inner[..end];
    let artefact = if INTERRUPTIONS.contains(&marker) {
        Artefact::Interruption
    } else if ATTACHMENTS.iter().any(|mark| marker.strip_prefix(mark).is_some_and(names_no_words)) {
        Artefact::Attachment
    } else {
        return None;
    };
    Some((end + 2, artefact))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_writes_is_no_request() {
        for (text, artefact) in [
            ("/clear", Artefact::Command),
            (" /plugin:review\n", Artefact::Command),
            ("<bash-input>npm publish</bash-input>", Artefact::Machine),
            (
                "<task-notification id=\"a\">\n<summary>done</summary>\n</task-notification>",
                Artefact::Machine,
            ),
            ("[Request interrupted by user for tool use]", Artefact::Interruption),
            ("[Image #1]", Artefact::Attachment),
            ("[Image #1] [Image #2]", Artefact::Attachment),
            ("[Request interrupted by user][Image #1]", Artefact::Attachment),
            ("[Pasted text #3 +20 lines]", Artefact::Attachment),
        ] {
            assert_eq!(clear(text).artefact, Some(artefact), "{text}");
        }
    }

    #[test]
    fn a_person_s_words_beside_it_stay() {
        for (text, own) in [
            ("[Request interrupted by user]no, the other one", " no, the other one"),
            ("[Image #1] center this", "\u{e000} center this"),
            ("<ide_opened_file>src/a.rs</ide_opened_file>\nfix the typo", " \nfix the typo"),
            ("/review the parser", "/review the parser"),
            ("/usr/bin/env is missing", "/usr/bin/env is missing"),
            ("a [link] and a <div>", "a [link] and a <div>"),
            ("<tick>never ends", "<tick>never ends"),
            ("[Image #1 without an end", "[Image #1 without an end"),
            ("[Image #1: drop it]", "[Image #1: drop it]"),
            ("[Image: source: /a/b.png] look", "\u{e000} look"),
        ] {
            let cleared = clear(text);
            assert_eq!((cleared.own.as_ref(), cleared.artefact), (own, None), "{text}");
        }
    }

    #[test]
    fn elements_without_an_end_are_looked_for_once() {
        let text = "<tick>".repeat(200_000);
        assert_eq!(clear(&text).own.len(), text.len());
    }
}
