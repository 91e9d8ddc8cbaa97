//! Reads the object that a hook is given, whatever is odd about its text.
//!
//! A text that is not read is a gate that stays open. JavaScript writes lone surrogates, which no JSON parser accepts; others
//! put a byte order mark first, write further bytes behind, nest deeper than a parser follows, or write numbers that no
//! machine has.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::adapter::json_text;

/// How deep a text is followed; what lies deeper is left out. Half of what the parser follows.
const DEPTH_MAX: usize = 60;

/// Returns the object at the beginning of a text.
pub fn object(text: &[u8]) -> Option<Map<String, Value>> {
    let text = String::from_utf8_lossy(text);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    parsed(text).or_else(|| parsed(&repaired(text)))
}

/// Whatever stands behind the first value is ignored.
fn parsed(text: &str) -> Option<Map<String, Value>> {
    match serde_json::Deserializer::from_str(text).into_iter().next()? {
        Ok(Value::Object(fields)) => Some(fields),
        Ok(_) | Err(_) => None,
    }
}

/// Returns a text without what the parser does not accept: halves of characters, control characters in strings, depth, numbers
/// beyond measure.
fn repaired(text: &str) -> String {
    let whole: Cow<'_, str> = json_text::with_whole_characters(text);
    let mut out = String::with_capacity(whole.len());
    let mut depth = 0_usize;
    let mut rest = &*whole;
    while let Some(c) = rest.chars().next() {
        let (length, shown) = match c {
            '"' => string(rest),
            '[' | '{' => {
                depth += 1;
                (1, Cow::Borrowed(if depth == DEPTH_MAX + 1 { "null" } else { &rest[..1] }))
            }
            ']' | '}' => {
                depth = depth.saturating_sub(1);
                (1, Cow::Borrowed(if depth == DEPTH_MAX { "" } else { &rest[..1] }))
            }
            '-' | '0'..='9' => number(rest),
            _ => (c.len_utf8(), Cow::Borrowed(&rest[..c.len_utf8()])),
        };
        if depth <= DEPTH_MAX || (depth == DEPTH_MAX + 1 && matches!(c, '[' | '{')) {
            out.push_str(&shown);
        }
        rest = &rest[length..];
    }
    out
}

/// Returns the length of the string that a text begins with, and the string without control characters.
fn string(text: &str) -> (usize, Cow<'_, str>) {
    let mut escaped = false;
    let end = text.char_indices().skip(1).find(|(_, c)| {
        let is_end = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        is_end
    });
    let whole = &text[..end.map_or(text.len(), |(at, _)| at + 1)];
    (whole.len(), Cow::Owned(whole.replace(|c: char| c.is_control(), " ")))
}

/// Returns the length of the number that a text begins with, and the number if a machine has it.
fn number(text: &str) -> (usize, Cow<'_, str>) {
    let is_of_number = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.');
    let length = text.find(|c| !is_of_number(c)).unwrap_or(text.len());
    let is_fine = serde_json::from_str::<Value>(&text[..length]).is_ok();
    (length, Cow::Borrowed(if is_fine { &text[..length] } else { "0" }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn prompt(text: &[u8]) -> Option<String> {
        Some(object(text)?.get("prompt")?.as_str()?.to_owned())
    }

    #[test]
    fn whatever_is_odd_about_it_the_words_are_read() {
        let deep = format!(r#"{{"a":{}{},"prompt":"drop it"}}"#, "[".repeat(5000), "]".repeat(5000));
        let deep_objects =
            format!(r#"{{"a":{}1{},"prompt":"drop it"}}"#, r#"{"b":"#.repeat(300), "}".repeat(300));
        for text in [
            r#"{"prompt":"drop it"}"#,
            "\u{feff}{\"prompt\":\"drop it\"}",
            r#"{"prompt":"drop it"} trailing"#,
            r#"{"prompt":"drop it"}{"prompt":"look"}"#,
            r#"{"a":"\ud83d","prompt":"drop it"}"#,
            r#"{"a":1e999,"prompt":"drop it"}"#,
            r#"{"a":-1E+9999999,"b":NaN,"prompt":"drop it"}"#.replace("NaN", "007").as_str(),
            "{\"a\":\"tab\there\nand a line\",\"prompt\":\"drop it\"}",
            r#"{"a":"}]\"{","prompt":"drop it"}"#,
            &deep,
            &deep_objects,
        ] {
            assert_eq!(
                prompt(text.as_bytes()).as_deref(),
                Some("drop it"),
                "{}",
                &text[..text.len().min(90)]
            );
        }
        assert_eq!(prompt(b"{\"a\":\"\xff\xfe\",\"prompt\":\"drop it\"}").as_deref(), Some("drop it"));
        assert_eq!(prompt(br#"{"prompt":"drop it \udc00"}"#).as_deref(), Some("drop it \u{fffd}"));
        for text in ["", "[]", "null", "{\"prompt\":", "prompt"] {
            assert_eq!(object(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn deep_values_end_where_nobody_looks() {
        let text = format!(r#"{{"a":{}1{},"b":2}}"#, "[".repeat(200), "]".repeat(200));
        let fields = object(text.as_bytes()).unwrap();
        assert_eq!(fields.get("b"), Some(&json!(2)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = object(&bytes);
        }

        #[test]
        fn what_is_json_is_read_as_it_is(words in "\\PC{0,40}", number in any::<i64>()) {
            let text = json!({"prompt": words, "n": number, "deep": [[{"a": [1.5]}]]}).to_string();
            prop_assert_eq!(object(text.as_bytes()), object(repaired(&text).as_bytes()));
        }
    }
}
