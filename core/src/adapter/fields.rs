//! Reads a JSON object that somebody else designed: every field may be missing or of another type.
//!
//! Values stay raw text until they are asked for, so a large line costs no tree in memory and one odd field never
//! spoils its neighbours.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::de::{DeserializeOwned, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::ids::StreamId;
use crate::redact::redact;

/// The fields of one JSON object.
pub(super) struct Fields<'a>(BTreeMap<Cow<'a, str>, &'a RawValue>);

impl<'a> Fields<'a> {
    /// Reads a text that is one JSON object.
    pub(super) fn parse(text: &'a str) -> Option<Fields<'a>> {
        #[derive(serde::Deserialize)]
        struct Borrowed<'a>(#[serde(borrow)] BTreeMap<CowStr<'a>, &'a RawValue>);
        #[derive(serde::Deserialize, PartialEq, Eq, PartialOrd, Ord)]
        struct CowStr<'a>(#[serde(borrow)] Cow<'a, str>);
        let Borrowed(map) = serde_json::from_str(text).ok()?;
        Some(Fields(map.into_iter().map(|(key, value)| (key.0, value)).collect()))
    }

    /// Reads a field as a type; `None` if it is missing, null or of another type.
    pub(super) fn get<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        serde_json::from_str::<Option<T>>(self.0.get(key)?.get()).ok().flatten()
    }

    /// Reads a text field.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        self.get(key)
    }

    /// Reads a name or another short text: one line, without what could command a terminal, cut to a bound.
    pub(super) fn line(&self, key: &str) -> Option<String> {
        self.text(key).map(|text| one_line(&text))
    }

    /// Reads the id of a part of the stream; what cannot be one is none.
    pub(super) fn id(&self, key: &str) -> Option<StreamId> {
        self.text(key)?.parse().ok()
    }

    /// Reads a number. One that is too large for the type is infinite.
    pub(super) fn number(&self, key: &str) -> Option<f64> {
        let json = self.raw(key)?;
        let is_number = json.starts_with(|c: char| c.is_ascii_digit() || c == '-');
        is_number.then(|| json.parse().unwrap_or(f64::INFINITY))
    }

    /// Reads a count, cutting off a fraction. A missing number is 0, and a number that cannot be a count is the
    /// greatest one.
    pub(super) fn count(&self, key: &str) -> u64 {
        match self.number(key) {
            Some(number) if number < 0.0 => u64::MAX,
            Some(number) => number as u64,
            None => 0,
        }
    }

    /// Returns the JSON of a field that is present and not null.
    pub(super) fn raw(&self, key: &str) -> Option<&'a str> {
        self.0.get(key).map(|value| value.get()).filter(|json| *json != "null")
    }

    /// Reads the text of a field whatever its type: a string, blocks of text, an object with a text in it; otherwise
    /// the JSON itself.
    pub(super) fn any_text(&self, key: &str) -> Option<String> {
        self.raw(key).map(|json| words_of(json, 0))
    }

    /// Reads the texts of the members of a list field, up to a bound, or the single string in its place.
    pub(super) fn texts(&self, key: &str) -> Vec<String> {
        match self.raw(key).and_then(items) {
            Some(list) => list.into_iter().map(|item| words_of(item.get(), 0)).collect(),
            None => self.text(key).into_iter().collect(),
        }
    }

    /// Reads an object field.
    pub(super) fn object(&self, key: &str) -> Option<Fields<'a>> {
        Fields::parse(self.0.get(key)?.get())
    }

    /// Reads the objects of a list field, up to a bound; other members are skipped.
    pub(super) fn objects(&self, key: &str) -> Vec<Fields<'a>> {
        let items = self.raw(key).and_then(items).unwrap_or_default();
        items.into_iter().filter_map(|value| Fields::parse(value.get())).collect()
    }

    /// Reads the objects that are the values of an object field, such as `{"model-a": {…}, …}`.
    pub(super) fn object_values(&self, key: &str) -> Option<Vec<Fields<'a>>> {
        let inner = self.object(key)?;
        Some(inner.0.values().filter_map(|value| Fields::parse(value.get())).collect())
    }

    /// Returns whether the field is present and not null.
    pub(super) fn has(&self, key: &str) -> bool {
        self.0.get(key).is_some_and(|value| value.get() != "null")
    }
}

/// The most members of a list that are read: untrusted input may hold a million.
const ITEMS_MAX: usize = 1000;

/// Reads the first members of a list; `None` if it is not a list.
fn items(json: &str) -> Option<Vec<&RawValue>> {
    struct First;
    impl<'de> Visitor<'de> for First {
        type Value = Vec<&'de RawValue>;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a list")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut first = vec![];
            while first.len() < ITEMS_MAX
                && let Some(item) = list.next_element()?
            {
                first.push(item);
            }
            while list.next_element::<IgnoredAny>()?.is_some() {}
            Ok(first)
        }
    }
    let mut reader = serde_json::Deserializer::from_str(json);
    serde::Deserializer::deserialize_seq(&mut reader, First).ok()
}

/// How many levels deep texts are searched for in other values.
const DEPTH_MAX: usize = 4;

fn words_of(json: &str, depth: usize) -> String {
    if let Ok(text) = serde_json::from_str::<String>(json) {
        return text;
    }
    if depth < DEPTH_MAX {
        if let Some(list) = items(json) {
            return list.into_iter().map(|item| words_of(item.get(), depth + 1)).collect();
        }
        let texts = ["text", "content", "message", "result", "type"];
        let inner = Fields::parse(json).and_then(|fields| texts.into_iter().find_map(|key| fields.raw(key)));
        if let Some(inner) = inner {
            return words_of(inner, depth + 1);
        }
    }
    json.to_owned()
}

/// How much of a message or an unrecognized record is kept: enough to see what it was.
const MESSAGE_BYTES_MAX: usize = 2048;

/// How much of a text is looked through for secrets before it is cut: half a secret is none that could be recognized.
const LOOKED_AT: usize = 16;

/// Returns the beginning of a text without secrets, cut between characters.
pub(super) fn bounded(text: &str) -> String {
    let clean = redact(up_to(text, LOOKED_AT * MESSAGE_BYTES_MAX));
    up_to(&clean, MESSAGE_BYTES_MAX).to_owned()
}

/// Returns at most the first `bytes_max` bytes of a text, cut between characters.
fn up_to(text: &str, bytes_max: usize) -> &str {
    let most = bytes_max.min(text.len());
    let end = (0..=most).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    &text[..end]
}

/// The longest name or other short text that is kept, in characters.
const LINE_CHARS_MAX: usize = 200;

/// Returns untrusted text as one line that is safe for a terminal: without control characters or characters that
/// reorder text, and cut to a bound.
pub(super) fn one_line(text: &str) -> String {
    let reorders = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    let is_shown = |c: &char| c.is_whitespace() || !(c.is_control() || reorders(*c));
    let shown: String = text.chars().take(LOOKED_AT * LINE_CHARS_MAX).filter(is_shown).collect();
    let clean = redact(&shown);
    let words = clean.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().take(LINE_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_values_of_any_type() {
        let fields = Fields::parse(
            r#"{"a":"x","b":[{"type":"text","text":"y"},{"type":"text","text":"z"}],"c":{"content":[{"text":"deep"}]},
            "d":7,"e":null,"f":{"other":1},"j":{"type":"kind"},"g":[],"h":["one",{"message":"two"}],"i":"single"}"#,
        )
        .unwrap();
        let read = |key| fields.any_text(key);
        assert_eq!(read("a").as_deref(), Some("x"));
        assert_eq!(read("b").as_deref(), Some("yz"));
        assert_eq!(read("c").as_deref(), Some("deep"));
        assert_eq!(read("d").as_deref(), Some("7"));
        assert_eq!(read("e"), None);
        assert_eq!(read("f").as_deref(), Some(r#"{"other":1}"#));
        assert_eq!(read("g").as_deref(), Some(""));
        assert_eq!(read("j").as_deref(), Some("kind"));
        let deep = r#"{"list":[[[["seen"]]]],"lists":[[[[["json"]]]]],"item":{"text":{"text":{"text":{"text":{"text":"json"}}}}}}"#;
        let deep = Fields::parse(deep).unwrap();
        assert_eq!(deep.any_text("list").as_deref(), Some("seen"));
        assert_eq!(deep.any_text("lists").as_deref(), Some(r#"["json"]"#));
        assert_eq!(deep.any_text("item").as_deref(), Some(r#"{"text":"json"}"#));
        assert_eq!(fields.texts("h"), ["one", "two"]);
        assert_eq!(fields.texts("i"), ["single"]);
    }

    /// Seen to fail with the cut first.
    #[test]
    fn a_secret_at_the_cut_is_taken_out_before_it() {
        let secret = format!("ghp_{}", "aB3dE5gH7jK9mN2pQ4rS6tU8vW1x".repeat(2));
        for lead in [LINE_CHARS_MAX - 10, MESSAGE_BYTES_MAX - 10] {
            let text = format!("{} {secret}", "word ".repeat(lead / 5));
            for cut in [one_line(&text), bounded(&text)] {
                assert!(!cut.contains("ghp_"), "{cut}");
            }
        }
    }

    #[test]
    fn of_a_huge_list_only_the_beginning_is_looked_at() {
        let json = format!(r#"{{"a":[{}{{"b":1}}]}}"#, r#"{"b":1},"#.repeat(100_000));
        assert_eq!(Fields::parse(&json).unwrap().objects("a").len(), ITEMS_MAX);
    }

    #[test]
    fn a_count_that_cannot_be_is_none() {
        let fields = Fields::parse(r#"{"a":12,"b":12.9,"c":-5,"d":"x","e":1e300}"#).unwrap();
        let counts = ["a", "b", "c", "d", "e", "f"].map(|key| fields.count(key));
        assert_eq!(counts, [12, 12, u64::MAX, 0, u64::MAX, 0]);
    }

    #[test]
    fn one_field_of_another_type_does_not_spoil_its_neighbours() {
        let fields = Fields::parse(r#"{"a":"x","n":"seven","o":[1],"esc\u0061ped":2,"z":null}"#).unwrap();
        assert_eq!(fields.text("a").as_deref(), Some("x"));
        assert_eq!(fields.get::<u32>("n"), None);
        assert!(fields.object("o").is_none());
        assert_eq!(fields.get::<u32>("escaped"), Some(2));
        assert!(!fields.has("z") && !fields.has("nothing"));
    }

    #[test]
    fn what_is_not_an_object_has_no_fields() {
        for text in ["", "[]", "3", "{", "{\"a\":}", "nul", "\u{feff}{}"] {
            assert!(Fields::parse(text).is_none(), "{text:?}");
        }
    }
}
