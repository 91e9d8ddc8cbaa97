//! Makes an agent's output safe for a terminal: the text stays, everything that controls a terminal is removed.

use std::borrow::Cow;
use std::fmt::Write as _;

use pointsman_core::toml_text::place::is_unseen;

/// Returns the text without control and escape sequences, and without characters that reorder text.
///
/// Line feeds and tabs stay. A carriage return is removed: it would let a line overwrite itself. The body of
/// an escape sequence is removed with it, so that no remnants (`[31m`, a window title) are left to read.
pub fn plain_text(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\u{9b}' => skip_control_sequence(&mut chars),
            '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => skip_string(&mut chars),
            c if is_unsafe(c) => {}
            c => plain.push(c),
        }
    }
    Cow::Owned(plain)
}

/// Returns the text as one line of at most `chars_max` characters, safe for a terminal: for table rows.
pub fn one_line(text: &str, chars_max: usize) -> String {
    let plain = plain_text(text);
    let words = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.chars().count() <= chars_max {
        return words;
    }
    let kept: String = words.chars().take(chars_max.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// Returns a line with its unseen characters escaped, for somebody who decides by what they see. Taking them away, with
/// the text that a terminal would swallow, would hide what the reader of the file is told.
pub fn with_nothing_unseen(line: &str) -> Cow<'_, str> {
    let is_hidden = |c: char| c != '\t' && (c.is_control() || is_unseen(c));
    if !line.chars().any(is_hidden) {
        return Cow::Borrowed(line);
    }
    let mut shown = String::with_capacity(line.len() + 64);
    for c in line.chars() {
        if is_hidden(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// Returns JSON that means the same and is safe for a terminal: characters that control it, reorder text, or are not
/// seen are escaped. JSON itself asks that only of the first 32. The two separators end a line for some readers of lines.
pub fn plain_json(json: &str) -> Cow<'_, str> {
    let is_escaped = |c: char| {
        !c.is_ascii_control() && (is_unsafe(c) || is_unseen(c))
            || matches!(c, '\u{7f}' | '\u{2028}' | '\u{2029}')
    };
    if !json.chars().any(is_escaped) {
        return Cow::Borrowed(json);
    }
    // Outside of a string JSON has none of them.
    let mut plain = String::with_capacity(json.len() + 64);
    for c in json.chars() {
        if is_escaped(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(plain, "\\u{unit:04x}");
            }
        } else {
            plain.push(c);
        }
    }
    Cow::Owned(plain)
}

fn is_unsafe(c: char) -> bool {
    let reorders =
        matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}');
    (c.is_control() && c != '\n' && c != '\t') || reorders
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// Skips what follows ESC: a control sequence, a string that a terminal would swallow, or a short sequence.
fn skip_escape(chars: &mut Chars<'_>) {
    match chars.peek() {
        Some('[') => {
            chars.next();
            skip_control_sequence(chars);
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            chars.next();
            skip_string(chars);
        }
        Some(' '..='/') => {
            while chars.next_if(|c| (' '..='/').contains(c)).is_some() {}
            chars.next_if(|c| ('0'..='~').contains(c));
        }
        Some('0'..='~') => {
            chars.next();
        }
        Some(_) | None => {}
    }
}

/// Skips parameters and intermediate characters, then one final character (ECMA-48, 5.4).
fn skip_control_sequence(chars: &mut Chars<'_>) {
    while chars.next_if(|c| (' '..='?').contains(c)).is_some() {}
    chars.next_if(|c| ('@'..='~').contains(c));
}

/// The longest operating-system command that is skipped; an unterminated one must not swallow the answer.
const STRING_CHARS_MAX: usize = 1024;

/// Skips everything up to BEL or ST; an unterminated string ends at the end of the line or at the bound.
fn skip_string(chars: &mut Chars<'_>) {
    for _ in 0..STRING_CHARS_MAX {
        match chars.peek() {
            None | Some('\n') => return,
            Some('\u{7}' | '\u{9c}') => {
                chars.next();
                return;
            }
            Some('\u{1b}') => {
                chars.next();
                chars.next_if_eq(&'\\');
                return;
            }
            Some(_) => {
                chars.next();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ordinary_text_is_not_touched() {
        for text in ["", "plain", "tab\there\nline", "émoji 👩‍👩‍👧 中文 עברית", "[31m without escape"]
        {
            assert!(matches!(plain_text(text), Cow::Borrowed(same) if same == text), "{text:?}");
        }
    }

    #[test]
    fn a_row_of_a_table_is_one_line_whatever_the_text_does() {
        assert_eq!(one_line("fix\n\n  the\u{1b}[31m bug\r\n", 40), "fix the bug");
        assert_eq!(one_line("a word too many", 9), "a word t…");
        assert_eq!(one_line("", 9), "");
    }

    /// Seen to fail with the identity in the place of `plain_text`: nearly all of these cases fail then.
    #[test]
    fn s09_fifty_ways_to_command_a_terminal_leave_only_their_text() {
        let mut payloads: Vec<(String, &str)> = vec![
            ("\u{1b}[31mred\u{1b}[0m".into(), "red"),
            ("\u{1b}]0;owned\u{7}title".into(), "title"),
            ("\u{1b}]8;;http://evil\u{1b}\\link\u{1b}]8;;\u{1b}\\".into(), "link"),
            ("\u{1b}]52;c;ZXZpbA==\u{7}clipboard".into(), "clipboard"),
            ("\u{1b}P+q544e\u{1b}\\dcs".into(), "dcs"),
            ("\u{1b}_apc\u{1b}\\x".into(), "x"),
            ("\u{1b}^pm\u{1b}\\x".into(), "x"),
            ("\u{1b}Xsos\u{1b}\\x".into(), "x"),
            ("\u{9b}31mred".into(), "red"),
            ("\u{9d}0;t\u{9c}x".into(), "x"),
            ("\u{90}q\u{9c}x".into(), "x"),
            ("safe\rEVIL".into(), "safeEVIL"),
            ("a\u{8}\u{8}b".into(), "ab"),
            ("\u{7}bell".into(), "bell"),
            ("nul\0".into(), "nul"),
            ("\u{7f}del".into(), "del"),
            ("\u{202e}txt.exe".into(), "txt.exe"),
            ("\u{2066}x\u{2069}".into(), "x"),
            ("\u{1b}(0lqk".into(), "lqk"),
            ("\u{1b}#8x".into(), "x"),
            ("\u{1b}cx".into(), "x"),
            ("\u{1b}=x".into(), "x"),
            ("\u{1b}[?1049hx".into(), "x"),
            ("\u{1b}[2J\u{1b}[Hx".into(), "x"),
            ("\u{1b}[>0;276;0cx".into(), "x"),
            ("\u{1b}[6nx".into(), "x"),
            ("x\u{1b}".into(), "x"),
            ("x\u{1b}[".into(), "x"),
            ("x\u{1b}]unclosed\ny".into(), "x\ny"),
        ];
        for letter in 'A'..='Z' {
            payloads.push((format!("\u{1b}[1;2{letter}text"), "text"));
        }
        assert!(payloads.len() >= 50);
        for (payload, want) in payloads {
            assert_eq!(plain_text(&payload), want, "{payload:?}");
        }
    }

    /// Seen to fail with the JSON printed as the library writes it.
    #[test]
    fn json_means_the_same_and_controls_nothing() {
        let words = "a\u{9b}31m\u{9d}0;t\u{9c}\u{7f}\u{85}\u{202e}\u{2066}\u{200f}\u{61c}\u{2028}\u{2029}\u{200b}\u{feff}\u{2060}\u{e0041}\u{1b}[31m\n\té中🙂\\\"";
        let value = serde_json::json!({ words: [words] });
        for json in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
            let plain = plain_json(&json);
            let is_bad = |c| is_unsafe(c) || is_unseen(c) || matches!(c, '\u{2028}' | '\u{2029}');
            assert!(!plain.chars().any(is_bad), "{plain}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&plain).unwrap(), value);
        }
        assert!(matches!(plain_json(r#"{"é": "中🙂"}"#), Cow::Borrowed(_)));
    }

    /// Seen to fail with `plain_text` in its place: what stands between the marks was gone.
    #[test]
    fn what_cannot_be_seen_is_shown_to_who_decides_by_it() {
        let hidden = "a\u{1b}]0;do this\u{7}b\u{e0041}\u{200b}\u{202e}\tc\r";
        let shown = r"a\u{1b}]0;do this\u{7}b\u{e0041}\u{200b}\u{202e}".to_owned() + "\tc" + r"\u{d}";
        assert_eq!(with_nothing_unseen(hidden), shown);
        let plain = "tab\there, émoji 🙂 中文 עברית \\ \"";
        assert!(matches!(with_nothing_unseen(plain), Cow::Borrowed(same) if same == plain));
    }

    proptest! {
        #[test]
        fn s09_no_input_leaves_a_control_character(text in "(\\PC|\\pC|\u{1b}|\u{9b}|\\[|\\]|;|m){0,60}") {
            let plain = plain_text(&text);
            prop_assert!(!plain.chars().any(is_unsafe), "{plain:?}");
        }
    }
}
