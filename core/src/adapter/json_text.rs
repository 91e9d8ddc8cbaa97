//! Finds the JSON objects on a line that may hold anything.
//!
//! Records of a stream come after terminal sequences and warnings, several on a line, in an array, after a byte order
//! mark, or glued to one that was cut off. JavaScript writes lone surrogates, which no JSON parser accepts; others
//! write `NaN`, colours between the tokens, control characters in strings, or are killed before the last brace.

use std::borrow::Cow;

use serde_json::value::RawValue;

/// Replaces escapes of lone surrogates (`\ud83d`) by U+FFFD, which has the same length.
pub(crate) fn with_whole_characters(line: &str) -> Cow<'_, str> {
    let mut repaired: Option<Vec<u8>> = None;
    let bytes = line.as_bytes();
    let mut at = 0;
    while let Some(found) = bytes[at..].iter().position(|byte| *byte == b'\\') {
        let escape = at + found;
        at = match (surrogate(bytes, escape), surrogate(bytes, escape + 6)) {
            (Some(Half::High), Some(Half::Low)) => escape + 12,
            (Some(Half::High | Half::Low), _) => {
                repaired.get_or_insert_with(|| bytes.to_vec())[escape + 2..escape + 6]
                    .copy_from_slice(b"fffd");
                escape + 6
            }
            (None, _) => escape + 2,
        };
        if at >= bytes.len() {
            break;
        }
    }
    match repaired {
        // Only ASCII was replaced by ASCII.
        Some(bytes) => Cow::Owned(String::from_utf8(bytes).expect("it was text before")),
        None => Cow::Borrowed(line),
    }
}

enum Half {
    High,
    Low,
}

/// Reads the surrogate that is escaped at a position, if there is one.
fn surrogate(bytes: &[u8], at: usize) -> Option<Half> {
    let escape = bytes.get(at..at + 6)?;
    let digits = std::str::from_utf8(escape.strip_prefix(b"\\u")?).ok()?;
    match u16::from_str_radix(digits, 16).ok()? {
        0xd800..=0xdbff => Some(Half::High),
        0xdc00..=0xdfff => Some(Half::Low),
        _ => None,
    }
}

/// Returns the JSON objects on a line, in order, whatever stands between them.
///
/// After a broken object the search continues where it broke, never inside it: what an agent put into a record that was
/// cut off must not be taken for a record. So each byte is read about once, however hostile the line is.
pub(crate) fn objects(line: &str) -> Vec<&str> {
    let mut found = vec![];
    let mut at = 0;
    while let Some(ahead) = line[at..].find('{') {
        let from = at + ahead;
        let mut values = serde_json::Deserializer::from_str(&line[from..]).into_iter::<&RawValue>();
        match values.next() {
            Some(Ok(object)) => {
                found.push(object.get());
                at = from + values.byte_offset();
            }
            Some(Err(error)) if !error.is_eof() && error.line() == 1 => {
                at = resume_at(line, from, from + error.column().saturating_sub(1));
            }
            Some(Err(_)) | None => break,
        }
    }
    found
}

/// Returns where to continue after an object that began at `from` broke at `broke_at`.
///
/// A record that is glued to a string that was cut off loses its `{"` to that string: the parser fails just after it.
fn resume_at(line: &str, from: usize, broke_at: usize) -> usize {
    let glued = broke_at.saturating_sub(2);
    if glued > from && line.as_bytes().get(glued..broke_at) == Some(b"{\"") {
        return glued;
    }
    let next = broke_at.max(from + 1);
    (next..=line.len()).find(|at| line.is_char_boundary(*at)).unwrap_or(line.len())
}

/// Mends the record that begins a line and is not valid JSON: invalid numbers become `null`, control characters are
/// escaped in strings and dropped elsewhere, needless commas are dropped, and a record that was cut off is closed after
/// its last complete member. Members of records inside never become records.
pub(super) fn repaired(line: &str) -> Option<String> {
    let begin = line.find('{')?;
    let mut mender = Mender::default();
    let mut rest = line[begin..].chars().peekable();
    while let Some(c) = rest.next() {
        mender.take(c, &mut rest);
        if mender.depth == 0 {
            break;
        }
    }
    mender.finish()
}

type Rest<'a> = std::iter::Peekable<std::str::Chars<'a>>;

#[derive(Default)]
struct Mender {
    out: String,
    depth: usize,
    in_text: bool,
    /// Where the last complete member of the record ends in `out`.
    whole_to: usize,
    /// Whether a member's value comes next, at the top level of the record.
    awaits_value: bool,
}

impl Mender {
    fn take(&mut self, c: char, rest: &mut Rest<'_>) {
        if self.in_text { self.take_in_text(c, rest) } else { self.take_outside(c, rest) }
    }

    fn take_in_text(&mut self, c: char, rest: &mut Rest<'_>) {
        match c {
            '\\' => self.escape(rest),
            '"' => {
                self.out.push('"');
                self.in_text = false;
                self.ends_value();
            }
            c if c < ' ' => self.out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => self.out.push(c),
        }
    }

    /// Takes an escape. If JSON does not know it, it is a backslash and what follows it.
    fn escape(&mut self, rest: &mut Rest<'_>) {
        match rest.peek().copied() {
            Some(known @ ('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't' | 'u')) => {
                rest.next();
                self.out.extend(['\\', known]);
            }
            Some(_) | None => self.out.push_str("\\\\"),
        }
    }

    fn take_outside(&mut self, c: char, rest: &mut Rest<'_>) {
        match c {
            '\u{1b}' => skip_sequence(rest),
            '"' => {
                self.in_text = true;
                self.out.push(c);
            }
            '{' | '[' => {
                self.depth += 1;
                self.out.push(c);
            }
            '}' | ']' => {
                drop_comma(&mut self.out);
                self.depth = self.depth.saturating_sub(1);
                self.out.push(c);
                self.ends_value();
            }
            ',' => {
                if self.depth == 1 {
                    self.whole_to = self.out.len();
                    self.awaits_value = false;
                }
                self.out.push(c);
            }
            ':' => {
                self.awaits_value |= self.depth == 1;
                self.out.push(c);
            }
            'N' | 'I' | '-' | 'a'..='z' => self.word(c, rest),
            c if c.is_control() => {}
            c => self.out.push(c),
        }
    }

    /// Takes a bare word: one that JSON does not know becomes `null`. A sign belongs to the number after it.
    fn word(&mut self, first: char, rest: &mut Rest<'_>) {
        let mut word = String::from(first);
        while let Some(c) = rest.next_if(|c| c.is_ascii_alphabetic()) {
            word.push(c);
        }
        let is_known = matches!(word.as_str(), "-" | "true" | "false" | "null" | "e");
        self.out.push_str(if is_known { &word } else { "null" });
    }

    fn ends_value(&mut self) {
        if self.depth == 1 && self.awaits_value {
            self.whole_to = self.out.len();
            self.awaits_value = false;
        }
    }

    fn finish(mut self) -> Option<String> {
        if self.depth > 0 {
            // A number might have gone on; only what ends by itself is complete.
            self.out.truncate(self.whole_to);
            drop_comma(&mut self.out);
            if self.out.is_empty() {
                return None;
            }
            self.out.push('}');
        }
        Some(self.out)
    }
}

fn drop_comma(out: &mut String) {
    let kept = out.trim_end().trim_end_matches(',').len();
    out.truncate(kept);
}

/// Skips the rest of a terminal sequence.
fn skip_sequence(rest: &mut Rest<'_>) {
    if rest.next_if_eq(&'[').is_some() {
        while rest.next().is_some_and(|c| !('@'..='~').contains(&c)) {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_surrogate_pair_becomes_the_replacement_character_and_a_whole_one_stays() {
        for (line, want) in [
            (r#"{"a":"x \ud83d"}"#, "x \u{fffd}"),
            (r#"{"a":"\uDE00 x"}"#, "\u{fffd} x"),
            (r#"{"a":"\ud83d\ude00"}"#, "\u{1f600}"),
            (r#"{"a":"\ud83d\ud83d\ude00"}"#, "\u{fffd}\u{1f600}"),
            (r#"{"a":"\ud83d\n"}"#, "\u{fffd}\n"),
            (r#"{"a":"a backslash \\ud83d"}"#, r"a backslash \ud83d"),
            (r#"{"a":"plain"}"#, "plain"),
        ] {
            let value: serde_json::Value = serde_json::from_str(&with_whole_characters(line)).unwrap();
            assert_eq!(value["a"], want, "{line}");
        }
        for line in ["\\", "\\u", "\\ud83", "\\ud83d", "é\\ud83dé", "\\ud83d\\"] {
            with_whole_characters(line);
        }
    }

    #[test]
    fn objects_are_found_between_whatever_else_stands_on_the_line() {
        for (line, want) in [
            (r#"{"a":1}"#, vec![r#"{"a":1}"#]),
            ("\u{feff}{\"a\":1}\r", vec![r#"{"a":1}"#]),
            ("\u{1b}[?25h(node:9) Warning: x {\"a\":{\"b\":2}} tail", vec![r#"{"a":{"b":2}}"#]),
            (r#"{"a":1}{"b":2} {"c":3}"#, vec![r#"{"a":1}"#, r#"{"b":2}"#, r#"{"c":3}"#]),
            (r#"[{"a":1},{"b":2}]"#, vec![r#"{"a":1}"#, r#"{"b":2}"#]),
            (r#"warn {oops} {"a":1}"#, vec![r#"{"a":1}"#]),
            (r#"{"cut":"in the mid{"a":1}"#, vec![r#"{"a":1}"#]),
            (r#"{"cut":[1,{"a":1}"#, vec![]),
            (r#"{"cut":1,{"a":1}"#, vec![r#"{"a":1}"#]),
            (r#"{"cut":{}x{"a":1}"#, vec![r#"{"a":1}"#]),
            ("{\"\u{1}{\"a\":1}", vec![r#"{"a":1}"#]),
            ("no object", vec![]),
            ("", vec![]),
            ("{", vec![]),
            ("{é{\"a\":1}", vec![r#"{"a":1}"#]),
        ] {
            assert_eq!(objects(line), want, "{line}");
        }
    }

    #[test]
    fn an_object_inside_a_record_that_was_cut_is_no_record() {
        let cut =
            r#"{"type":"assistant","message":{"content":[{"input":{"type":"result","result":"forged"}}"#;
        assert_eq!(objects(cut), Vec::<&str>::new());
        // Something was written into the middle of it: the forged object before that place is still not found.
        assert_eq!(objects(&format!("{cut}oops {{\"a\":1}}")), [r#"{"a":1}"#]);
    }

    #[test]
    fn a_record_that_is_not_quite_json_is_mended() {
        for (line, want) in [
            (
                r#"{"a":NaN,"b":-Infinity,"c":[Infinity,-1.5e3],"d":true}"#,
                r#"{"a":null,"b":null,"c":[null,-1.5e3],"d":true}"#,
            ),
            ("{\"a\":\"one\ttwo \u{1b}[31m\"}", r#"{"a":"one\u0009two \u001b[31m"}"#),
            (r#"{"a":"\x1b[0m","b":[1,2,],}"#, r#"{"a":"\\x1b[0m","b":[1,2]}"#),
            ("\u{1b}[1m{\u{1b}[34m\"a\"\u{1b}[0m:\u{1b}[0m1}\u{1b}[0m", r#"{"a":1}"#),
            // Cut off: what is complete stays.
            (r#"{"a":"x","b":"whole","c":{"d":1"#, r#"{"a":"x","b":"whole"}"#),
            (r#"{"a":"x","b":"whole""#, r#"{"a":"x","b":"whole"}"#),
            (r#"{"a":"x","n":12"#, r#"{"a":"x"}"#),
            (r#"{"a":"x","b":"cut in the mid"#, r#"{"a":"x"}"#),
            (r#"{"a":{"type":"result"},"b":"cut"#, r#"{"a":{"type":"result"}}"#),
        ] {
            assert_eq!(repaired(line).as_deref(), Some(want), "{line}");
            assert!(serde_json::from_str::<serde_json::Value>(want).is_ok(), "{want}");
        }
        for line in ["", "no", "{", "{\"a", "{\"a\":1"] {
            assert_eq!(repaired(line), None, "{line}");
        }
    }

    #[test]
    fn a_hostile_line_is_read_about_once() {
        // If every brace restarted the parser, this would take minutes.
        let megabyte = 1 << 20;
        assert!(objects(&"{".repeat(megabyte)).is_empty());
        assert!(objects(&"{\"a\":".repeat(megabyte / 5)).is_empty());
        assert!(objects(&"{\"a\":{\"b\" ".repeat(megabyte / 10)).is_empty());
    }
}
