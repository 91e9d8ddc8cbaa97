//! Decodes a tree into types that derive serde, with the key and the place of everything that does not fit.
//!
//! The types are the only list of keys: serde tells this decoder what a type expected, and the decoder adds where the
//! wrong thing was written. A derived deserializer stops at the first wrong value; with [`Given`] around a value, it
//! goes on.

use std::fmt;

use serde::Deserialize;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{
    self, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;

use super::node::{Node, Value};
use super::place::Place;
use super::problem::{ProblemKind, Problems, nearest};

/// The names by which the decoder recognizes the types below.
const GIVEN: &str = "$given";
const ONE_OR_MANY: &str = "$one-or-many";
const TABLES: &str = "$tables";

/// A value that may be wrong without hiding what is wrong with its neighbours: its problem is reported, and they are
/// read.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename = "$given")]
pub struct Given<T> {
    /// The whole key.
    pub key: String,
    /// The byte offset of the key.
    pub key_at: usize,
    /// The byte offset of the value.
    pub at: usize,
    /// The value; `None` if it is wrong.
    #[serde(default = "Option::default")]
    pub value: Option<T>,
}

/// A list; anything else is taken as a list of one.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename = "$one-or-many")]
pub struct OneOrMany<T>(pub Vec<T>);

/// Tables, each under its own `[[key]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename = "$tables")]
pub struct Tables<T>(pub Vec<T>);

/// Decodes a tree and reports what does not fit. If a word is not a key here but the last part of one of `elsewhere`,
/// the hint suggests that one.
pub fn decode<'n, T: Deserialize<'n>>(root: &'n Node, elsewhere: &[&str], problems: &Problems) -> Option<T> {
    let sink = Sink { problems, elsewhere };
    T::deserialize(Decoder { node: root, sink }).map_err(|fault| sink.report(root, fault)).ok()
}

/// What does not fit. The enclosing node adds the place and reports it.
#[derive(Debug, thiserror::Error)]
#[error("{self:?}")]
enum Fault {
    Reported,
    Missing { key: &'static str },
    Wrong { expected: String, found: Option<String> },
    UnknownWord { word: String, known: &'static [&'static str] },
    Message(String),
}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Fault::Message(message.to_string())
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        // The node says what is there, and only its type: the value may be someone's secret key.
        Fault::Wrong { expected: plain(&expected.to_string()), found: None }
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        let is_too_large = matches!(found, Unexpected::Signed(0..) | Unexpected::Unsigned(_));
        let expected = match expected.to_string().as_str() {
            "u32" if is_too_large => format!("a whole number up to {}", u32::MAX),
            other => plain(other),
        };
        let found = match found {
            Unexpected::Str(text) => format!("`{text}`"),
            Unexpected::Signed(number) => number.to_string(),
            Unexpected::Unsigned(number) => number.to_string(),
            other => other.to_string(),
        };
        Fault::Wrong { expected, found: Some(found) }
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Fault::UnknownWord { word: variant.to_owned(), known: expected }
    }

    fn missing_field(field: &'static str) -> Self {
        Fault::Missing { key: field }
    }
}

/// Translates serde's names of types into plain words.
fn plain(expected: &str) -> String {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, not negative".to_owned(),
        "f64" => "a number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "a list of strings such as [\"a\", \"b\"]".to_owned(),
        "a map" => "a table".to_owned(),
        other if other.starts_with("struct ") => "a table".to_owned(),
        other => other.to_owned(),
    }
}

#[derive(Clone, Copy)]
struct Sink<'s> {
    problems: &'s Problems,
    elsewhere: &'s [&'s str],
}

impl Sink<'_> {
    /// Reports what is wrong with a node.
    fn report(self, node: &Node, fault: Fault) -> Fault {
        self.report_at(|| node.place(), node, fault)
    }

    fn report_at(self, at: impl FnOnce() -> Place, node: &Node, fault: Fault) -> Fault {
        let key = &node.key;
        match fault {
            Fault::Reported => {}
            Fault::Missing { key } => {
                let key = node.below(key);
                let (what, hint) = (format!("`{key}` is missing"), format!("give `{key}` a value"));
                self.problems.report(at, ProblemKind::MissingKey, &what, &hint);
            }
            Fault::Wrong { expected, found } => {
                self.problems.wrong(at, key, &expected, found.as_deref().unwrap_or(node.value.kind()));
            }
            Fault::UnknownWord { word, known } => self.problems.unknown_word(at, key, &word, known),
            Fault::Message(message) => {
                let what = format!("`{key}` is not valid: {message}");
                self.problems.report(at, ProblemKind::BrokenRule, &what, "write another value");
            }
        }
        Fault::Reported
    }

    /// Reports a key that no field has; returns the field that was probably meant.
    fn report_unknown(
        self,
        table: &Node,
        (name, node): (&str, &Node),
        fields: &'static [&'static str],
    ) -> Option<&'static str> {
        let meant = nearest(name, fields.iter().copied());
        let elsewhere = || self.elsewhere.iter().find(|key| key.rsplit('.').next() == Some(name));
        let hint = match meant.map(|meant| table.below(meant)).or_else(|| Some((*elsewhere()?).to_owned())) {
            Some(key) => format!("did you mean `{key}`?"),
            None => format!("expected one of: {}", fields.join(", ")),
        };
        let what = format!("unknown key `{}`", node.key);
        self.problems.report(|| node.key_place(), ProblemKind::UnknownKey, &what, &hint);
        meant
    }
}

/// A node that serde is reading.
#[derive(Clone, Copy)]
struct Decoder<'n, 's> {
    node: &'n Node,
    sink: Sink<'s>,
}

impl<'n, 's> Decoder<'n, 's> {
    /// Returns the text of a flag or variable, which takes whatever type the setting has.
    fn untyped(self) -> Option<&'n str> {
        match &self.node.value {
            Value::Untyped(text) => Some(text.trim()),
            _ => None,
        }
    }
}

impl<'de> Deserializer<'de> for Decoder<'de, '_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Table(table) => {
                let rest: Vec<_> = table.iter().map(|(key, node)| (key.as_str(), node)).collect();
                visitor.visit_map(Entries { rest: rest.into_iter(), value: None, sink: self.sink })
            }
            Value::Text(text) | Value::Untyped(text) => visitor.visit_borrowed_str(text),
            Value::Integer(number) => visitor.visit_i64(*number),
            Value::Float(number) => visitor.visit_f64(*number),
            Value::Bool(yes) => visitor.visit_bool(*yes),
            Value::List(items) => visitor.visit_seq(Items { rest: items.iter(), sink: self.sink }),
            Value::Datetime(_) => Err(de::Error::invalid_type(Unexpected::Other("a date or time"), &visitor)),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.untyped().map(str::to_ascii_lowercase).as_deref() {
            Some("true" | "1" | "yes" | "on") => visitor.visit_bool(true),
            Some("false" | "0" | "no" | "off") => visitor.visit_bool(false),
            Some(_) | None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_u64(visitor)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.untyped().and_then(|text| text.parse().ok()) {
            Some(number) => visitor.visit_i64(number),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.untyped().and_then(|text| text.parse().ok()) {
            Some(number) => visitor.visit_f64(number),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let Some(text) = self.untyped() else { return self.deserialize_any(visitor) };
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        visitor.visit_seq(de::value::SeqDeserializer::new(items))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    /// Reads a struct: serde sees only the keys that it has a field for, and a misspelled one under the name that was
    /// meant, so that it is not reported as missing.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if name == GIVEN {
            return visitor.visit_seq(Parts { of: self, read: 0 });
        }
        // Derived code would also take a list, field by field.
        let Value::Table(table) = &self.node.value else {
            return Err(Fault::Wrong { expected: "a table".to_owned(), found: None });
        };
        let keys = table.iter().map(|(key, node)| (key.as_str(), node));
        let (mut known, unknown): (Vec<_>, Vec<_>) = keys.partition(|(key, _)| fields.contains(key));
        for entry in unknown {
            let meant = self.sink.report_unknown(self.node, entry, fields);
            let meant = meant.filter(|meant| known.iter().all(|(key, _)| key != meant));
            known.extend(meant.map(|meant| (meant, entry.1)));
        }
        visitor.visit_map(Entries { rest: known.into_iter(), value: None, sink: self.sink })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let is_list = matches!(self.node.value, Value::List(_));
        match name {
            TABLES if !is_list => Err(Fault::Wrong {
                expected: format!("tables, each under `[[{}]]`", self.node.key),
                found: None,
            }),
            ONE_OR_MANY if !is_list => {
                let one = Items { rest: std::slice::from_ref(self.node).iter(), sink: self.sink };
                visitor.visit_newtype_struct(SeqAccessDeserializer::new(one))
            }
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Text(text) | Value::Untyped(text) => visitor.visit_enum(text.as_str().into_deserializer()),
            _ => Err(Fault::Wrong { expected: format!("one of {}", variants.join(", ")), found: None }),
        }
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u128 f32 char str string bytes byte_buf unit unit_struct tuple tuple_struct
        map identifier ignored_any
    }
}

/// The keys of a table.
struct Entries<'n, 's> {
    rest: std::vec::IntoIter<(&'n str, &'n Node)>,
    value: Option<&'n Node>,
    sink: Sink<'s>,
}

impl<'de> MapAccess<'de> for Entries<'de, '_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some((key, node)) = self.rest.next() else { return Ok(None) };
        self.value = Some(node);
        let read = seed.deserialize(key.into_deserializer());
        read.map(Some).map_err(|fault| self.sink.report_at(|| node.key_place(), node, fault))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let node = self.value.take().expect("serde asks for a value after its key");
        seed.deserialize(Decoder { node, sink: self.sink }).map_err(|fault| self.sink.report(node, fault))
    }
}

/// The entries of a list.
struct Items<'n, 's> {
    rest: std::slice::Iter<'n, Node>,
    sink: Sink<'s>,
}

impl<'de> SeqAccess<'de> for Items<'de, '_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some(node) = self.rest.next() else { return Ok(None) };
        let read = seed.deserialize(Decoder { node, sink: self.sink });
        read.map(Some).map_err(|fault| self.sink.report(node, fault))
    }
}

/// The fields of [`Given`], in their order.
struct Parts<'n, 's> {
    of: Decoder<'n, 's>,
    read: usize,
}

impl<'de> SeqAccess<'de> for Parts<'de, '_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Decoder { node, sink } = self.of;
        self.read += 1;
        match self.read {
            1 => seed.deserialize(node.key.as_str().into_deserializer()).map(Some),
            2 => seed.deserialize(node.key_at.into_deserializer()).map(Some),
            3 => seed.deserialize(node.value_at.into_deserializer()).map(Some),
            _ => Ok(seed.deserialize(self.of).map_err(|fault| sink.report(node, fault)).ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::toml_text::place::{Source, SourceKind};
    use crate::toml_text::problem::Problem;

    #[derive(Debug, Deserialize)]
    struct Bed {
        width: Option<Given<u32>>,
        plants: Given<OneOrMany<String>>,
    }

    fn read(text: &str) -> Result<Bed, Vec<Problem>> {
        let root = Node::parse(&Source::new(SourceKind::User, "b.toml", text))?;
        let problems = Problems::default();
        let bed = decode(&root, &[], &problems);
        problems.into_result(bed)
    }

    #[test]
    fn a_given_value_has_its_place_and_one_stands_for_a_list_of_one() {
        let bed = read("width = 0x10\nplants = 'oak'").unwrap();
        let Given { key, key_at, at, value } = bed.plants;
        assert_eq!((key.as_str(), key_at, at, value.unwrap().0), ("plants", 13, 22, vec!["oak".to_owned()]));
        assert_eq!(bed.width.unwrap().value, Some(16));
    }

    #[test]
    fn a_number_that_is_too_large_is_told_the_largest() {
        let problems = read("plants = 'oak'\nwidth = 5_000_000_000").unwrap_err();
        assert_eq!(problems[0].what, "`width` must be a whole number up to 4294967295, but is 5000000000");
    }

    #[test]
    fn a_list_is_no_table() {
        let problems = read("plants = 'oak'\n[width]\n").unwrap_err();
        assert_eq!(problems[0].what, "`width` must be a whole number, not negative, but is a table");
        let root = Node::parse(&Source::new(SourceKind::User, "b.toml", "bed = [1, 'oak']")).unwrap();
        let problems = Problems::default();
        assert!(decode::<BTreeMap<String, Bed>>(&root, &[], &problems).is_none());
        let problems = problems.into_result(Some(())).unwrap_err();
        assert_eq!(problems[0].to_string(), "b.toml:1:7: `bed` must be a table, but is a list");
    }

    #[test]
    fn no_problem_hides_another_and_a_misspelled_key_is_read_as_what_it_was_meant_for() {
        let problems = read("length = 1\nwidth = -1\nplant = ['oak', 2]").unwrap_err();
        assert_eq!(
            problems.iter().map(Problem::to_string).collect::<Vec<_>>(),
            [
                "b.toml:1:1: unknown key `length`",
                "b.toml:2:9: `width` must be a whole number, not negative, but is -1",
                "b.toml:3:1: unknown key `plant`",
                "b.toml:3:17: `plant` must be a string, but is a whole number",
            ]
        );
    }
}
