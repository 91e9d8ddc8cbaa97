//! From merged layers to the typed model, with the key and the place of everything that does not fit.
//!
//! The model is the only list of keys and types: serde tells this decoder what a type expected, and the
//! decoder adds where the wrong thing was written.

use std::collections::{BTreeMap, btree_map};
use std::fmt;

use serde::Deserialize;
use serde::de::{
    self, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;

use super::env;
use super::error::{Error, printable};
use super::layers::{Content, Node, Origin, Value};
use super::model::Settings;

/// Decodes the settings.
pub fn decode(root: &Node) -> Result<Settings, Error> {
    Settings::deserialize(Decoder::of(root)).map_err(|problem| problem.into_error(root))
}

/// What does not fit; the place is added on the way out.
#[derive(Debug)]
struct Problem {
    /// From the inside to the outside.
    path: Vec<String>,
    at: Option<Origin>,
    what: What,
}

#[derive(Debug)]
enum What {
    UnknownKey { key: String, known: &'static [&'static str] },
    Missing { key: &'static str },
    Wrong { expected: String, found: String },
    Message(String),
}

impl Problem {
    fn new(what: What) -> Problem {
        Problem { path: Vec::new(), at: None, what }
    }

    fn inside(mut self, key: &str, at: impl FnOnce() -> Origin) -> Problem {
        self.path.push(printable(key));
        self.at.get_or_insert_with(at);
        self
    }

    fn into_error(self, root: &Node) -> Error {
        let at = self.at.unwrap_or_else(|| root.key_origin());
        let parents: Vec<&str> = self.path.iter().rev().map(String::as_str).collect();
        let key = parents.join(".");
        let below = |name: &str| parents.iter().copied().chain([name]).collect::<Vec<_>>().join(".");
        match self.what {
            What::UnknownKey { key: name, known } => {
                let key = below(&name);
                let here: Vec<String> = known.iter().map(|known| below(known)).collect();
                let nearest = nearest(&key, &name, here);
                Error::UnknownKey { at, key, nearest, known: known.to_vec() }
            }
            What::Missing { key: name } => Error::MissingKey { at, key: below(name) },
            What::Wrong { expected, found } => Error::WrongValue { at, key, expected, found },
            What::Message(message) => Error::Invalid { at, key, message: format!("is not valid: {message}") },
        }
    }
}

/// Finds what somebody may have meant: a neighbour that is spelled alike, or the same word elsewhere.
fn nearest(key: &str, name: &str, here: Vec<String>) -> Option<String> {
    let distance = |known: &String| strsim::damerau_levenshtein(known, key);
    let alike = here.into_iter().min_by_key(distance).filter(|known| distance(known) <= 1 + name.len() / 4);
    alike.or_else(|| {
        let same_word = |known: &&str| known.rsplit('.').next() == Some(name);
        env::setting_keys().find(same_word).map(str::to_owned)
    })
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.what)
    }
}

impl std::error::Error for Problem {}

impl de::Error for Problem {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Problem::new(What::Message(message.to_string()))
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        // Only the type: the value may be a key of somebody's.
        Problem::new(What::Wrong { expected: plain(&expected.to_string()), found: type_of(&found) })
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        let shown = match found {
            Unexpected::Str(text) => format!("{text:?}"),
            Unexpected::Signed(number) => number.to_string(),
            Unexpected::Unsigned(number) => number.to_string(),
            other => type_of(&other),
        };
        Problem::new(What::Wrong { expected: plain(&expected.to_string()), found: shown })
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Problem::new(What::Wrong { expected: one_of(expected), found: format!("{variant:?}") })
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Problem::new(What::UnknownKey { key: printable(field), known: expected })
    }

    fn missing_field(field: &'static str) -> Self {
        Problem::new(What::Missing { key: field })
    }
}

fn one_of(words: &[&str]) -> String {
    let words: Vec<_> = words.iter().map(|word| format!("{word:?}")).collect();
    format!("one of {}", words.join(", "))
}

/// Serde's words for types, in words for people.
fn plain(expected: &str) -> String {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, not negative".to_owned(),
        "f64" => "a number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "a list of strings".to_owned(),
        "a map" => "a table".to_owned(),
        other if other.starts_with("struct ") => "a table".to_owned(),
        other => other.to_owned(),
    }
}

fn type_of(found: &Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(_) => "a boolean".to_owned(),
        Unexpected::Signed(_) | Unexpected::Unsigned(_) => "a whole number".to_owned(),
        Unexpected::Float(_) => "a number".to_owned(),
        Unexpected::Str(_) => "a string".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a table".to_owned(),
        other => other.to_string(),
    }
}

/// A table or a value that serde asks about. The place is added by the table around it.
#[derive(Clone, Copy)]
enum Decoder<'n> {
    Table(&'n BTreeMap<String, Node>),
    Value(&'n Value),
}

impl<'n> Decoder<'n> {
    fn of(node: &'n Node) -> Decoder<'n> {
        match &node.content {
            Content::Table(table) => Decoder::Table(table),
            Content::Leaf(value) => Decoder::Value(value),
        }
    }

    /// The text of a flag or variable, which is whatever type the setting has.
    fn untyped(self) -> Option<&'n str> {
        match self {
            Decoder::Value(Value::Text(text)) => Some(text.trim()),
            Decoder::Value(_) | Decoder::Table(_) => None,
        }
    }

    fn list<V: Visitor<'n>>(items: &'n [Value], visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_seq(Items { rest: items.iter() })
    }
}

impl<'de> Deserializer<'de> for Decoder<'de> {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self {
            Decoder::Table(table) => visitor.visit_map(Entries { rest: table.iter(), node: None }),
            Decoder::Value(Value::String(text) | Value::Text(text)) => visitor.visit_str(text),
            Decoder::Value(Value::Integer(number)) => visitor.visit_i64(*number),
            Decoder::Value(Value::Float(number)) => visitor.visit_f64(*number),
            Decoder::Value(Value::Bool(yes)) => visitor.visit_bool(*yes),
            Decoder::Value(Value::Array(items)) => Decoder::list(items, visitor),
            Decoder::Value(Value::Datetime(_)) => {
                Err(de::Error::invalid_type(Unexpected::Other("a date or time"), &visitor))
            }
            Decoder::Value(Value::TableInArray) => Err(de::Error::invalid_type(Unexpected::Map, &visitor)),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.untyped().map(str::to_ascii_lowercase).as_deref() {
            Some("true" | "1" | "yes" | "on") => visitor.visit_bool(true),
            Some("false" | "0" | "no" | "off") => visitor.visit_bool(false),
            Some(_) | None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.deserialize_u64(visitor)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.untyped().and_then(|text| text.parse().ok()) {
            Some(number) => visitor.visit_i64(number),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.untyped().and_then(|text| text.parse().ok()) {
            Some(number) => visitor.visit_f64(number),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        let Some(text) = self.untyped() else { return self.deserialize_any(visitor) };
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        visitor.visit_seq(de::value::SeqDeserializer::new(items))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Problem> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        match self {
            Decoder::Value(Value::String(text) | Value::Text(text)) => {
                visitor.visit_enum(text.as_str().into_deserializer())
            }
            Decoder::Value(other) => {
                Err(Problem::new(What::Wrong { expected: one_of(variants), found: other.to_string() }))
            }
            Decoder::Table(_) => {
                Err(Problem::new(What::Wrong { expected: one_of(variants), found: "a table".to_owned() }))
            }
        }
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u128 f32 char str string bytes byte_buf unit unit_struct tuple tuple_struct
        map struct identifier ignored_any
    }
}

struct Entries<'n> {
    rest: btree_map::Iter<'n, String, Node>,
    node: Option<(&'n str, &'n Node)>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Problem;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Problem> {
        let Some((key, node)) = self.rest.next() else { return Ok(None) };
        self.node = Some((key, node));
        // A key that is refused is its own culprit; which table it stands in, the tables around add.
        let refused = |mut problem: Problem| {
            problem.at.get_or_insert_with(|| node.key_origin());
            problem
        };
        seed.deserialize(key.as_str().into_deserializer()).map(Some).map_err(refused)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Problem> {
        let (key, node) = self.node.take().expect("serde asks for a value after its key");
        seed.deserialize(Decoder::of(node)).map_err(|problem| problem.inside(key, || node.value_origin()))
    }
}

struct Items<'n> {
    rest: std::slice::Iter<'n, Value>,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Problem;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Problem> {
        self.rest.next().map(|item| seed.deserialize(Decoder::Value(item))).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::layers::{Layer, Source};
    use crate::config::load::DEFAULTS;

    fn decoded(text: &str) -> Result<Settings, Error> {
        let layer = |layer, name, text| Node::parse(&Source::new(layer, name, text)).unwrap();
        let defaults = layer(Layer::Default, "", DEFAULTS);
        decode(&defaults.under(&layer(Layer::User, "c.toml", text)))
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_place_and_the_nearest_known_one() {
        for (text, message, hint) in [
            (
                "[limits]\ntimout = \"1h\"",
                "c.toml:2:1: unknown setting `limits.timout`",
                "did you mean `limits.timeout`?",
            ),
            ("[limts]\nidle = \"1h\"", "c.toml:1:2: unknown setting `limts`", "did you mean `limits`?"),
            ("  timeout = \"1h\"", "c.toml:1:3: unknown setting `timeout`", "did you mean `limits.timeout`?"),
            (
                "[agents.haiku-general]\npermision_mode = \"plan\"",
                "c.toml:2:1: unknown setting `agents.haiku-general.permision_mode`",
                "did you mean `agents.haiku-general.permission_mode`?",
            ),
            (
                "retry.xyz = 1",
                "c.toml:1:7: unknown setting `retry.xyz`",
                "known here: base, cap, max_elapsed",
            ),
        ] {
            let error = decoded(text).unwrap_err();
            assert_eq!((error.to_string().as_str(), error.hint().as_str()), (message, hint));
        }
    }

    #[test]
    fn a_wrong_type_is_refused_with_what_was_expected_and_found() {
        let duration = "a duration such as \"90s\", \"10m\" or \"1h30m\"";
        for (text, message) in [
            (
                "store_prompts = 1",
                "c.toml:1:17: `store_prompts` must be true or false, but is a whole number",
            ),
            (
                "limits.attempts = -1",
                "c.toml:1:19: `limits.attempts` must be a whole number, not negative, but is -1",
            ),
            (
                "limits.timeout = 5",
                &format!("c.toml:1:18: `limits.timeout` must be {duration}, but is a whole number"),
            ),
            ("limits.idle = \"x\"", &format!("c.toml:1:15: `limits.idle` must be {duration}, but is \"x\"")),
            ("limits = 3", "c.toml:1:10: `limits` must be a table, but is a whole number"),
            (
                "on_model_mismatch = \"flog\"",
                "c.toml:1:21: `on_model_mismatch` must be one of \"flag\", \"retry\", \"fail\", but is \"flog\"",
            ),
            (
                "agents.haiku-general.command = \"claude\"",
                "c.toml:1:32: `agents.haiku-general.command` must be a list of strings, but is a string",
            ),
            (
                "[environment]\nallow = [1]",
                "c.toml:2:9: `environment.allow` must be a string, but is a whole number",
            ),
            ("[agents.mine]\nadapter = \"plain\"", "c.toml:1:1: `agents.mine.command` is missing"),
        ] {
            assert_eq!(decoded(text).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn a_bad_agent_name_is_refused_where_it_stands() {
        let error = decoded("[agents.\"../x\"]\nadapter = \"plain\"").unwrap_err().to_string();
        assert!(error.starts_with("c.toml:1:9: `agents` is not valid: agent name `../x`"), "{error}");
    }

    #[test]
    fn a_secret_of_the_wrong_type_is_not_repeated() {
        let error = decoded("agents.haiku-general.env.KEY = 123456789").unwrap_err().to_string();
        assert!(!error.contains("123456789"), "{error}");
    }
}
