//! The reason of a route: a sentence that says what could happen or why a tier was taken, and the words that made it so.
//!
//! The words are the person's own. They stand at the end of the sentence, so that it can be recorded without them where
//! prompts are not kept.

use super::Route;
use crate::text::tokens::QUOTE_MARK;

/// The longest quotation, in characters.
const QUOTED_CHARS_MAX: usize = 72;

/// Returns words in a form that can be quoted in one line: shortened, without line breaks and control characters.
pub(super) fn quotable(words: &str) -> Option<String> {
    let plain = |c: char| {
        if c.is_control() || matches!(c, '“' | '”' | '\u{2028}' | '\u{2029}') { ' ' } else { c }
    };
    let words: String = words.chars().filter(|c| *c != QUOTE_MARK).map(plain).collect();
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    let words = words.trim_matches(|c: char| matches!(c, ',' | ';' | ':' | '.' | '!' | '-' | ' '));
    let count = words.chars().count();
    if count == 0 {
        return None;
    }
    if count <= QUOTED_CHARS_MAX {
        return Some(words.to_owned());
    }
    let short: String = words.chars().take(QUOTED_CHARS_MAX - 1).collect();
    let whole = short.rfind(' ').filter(|at| *at > QUOTED_CHARS_MAX / 2).unwrap_or(short.len());
    Some(format!("{}…", &short[..whole]))
}

/// Returns a sentence with the words that it is about.
pub(super) fn sentence(because: &str, words: Option<&str>) -> String {
    match words {
        Some(words) => format!("{because}{}", quotation(words)),
        None => because.to_owned(),
    }
}

fn quotation(words: &str) -> String {
    format!(" (“{words}”)")
}

impl Route {
    /// Returns the route with its words replaced, such as with secrets redacted; `None` leaves them out of the reason too.
    pub fn with_words(mut self, replace: impl FnOnce(&str) -> Option<String>) -> Route {
        if let Some(words) = self.words.take() {
            self.words = replace(&words);
            if let Some(because) = self.reason.strip_suffix(&quotation(&words)) {
                self.reason = sentence(because, self.words.as_deref());
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_in_one_short_line() {
        assert_eq!(quotable(" drop the\n users\u{7} table, ").as_deref(), Some("drop the users table"));
        assert_eq!(quotable(" … ").as_deref(), Some("…"));
        assert_eq!(quotable(", "), None);
        let long = quotable(&"word ".repeat(40)).unwrap();
        assert!(long.ends_with("word…") && long.chars().count() <= QUOTED_CHARS_MAX, "{long}");
        let ideographs = quotable(&"字".repeat(200)).unwrap();
        assert_eq!(ideographs.chars().count(), QUOTED_CHARS_MAX);
    }
}
