//! Reading a JSON object that somebody else designed: every field may be missing or of another type.
//!
//! Values stay raw text until they are asked for, so a large line costs no tree in memory and one
//! odd field never spoils its neighbours.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

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

    /// Reads a field as a type, or `None` when it is missing, null or of another type.
    pub(super) fn get<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        serde_json::from_str::<Option<T>>(self.0.get(key)?.get()).ok().flatten()
    }

    /// Reads a text field.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        self.get(key)
    }

    /// Reads an object field.
    pub(super) fn object(&self, key: &str) -> Option<Fields<'a>> {
        Fields::parse(self.0.get(key)?.get())
    }

    /// Reads the objects of a list field; other members are passed over.
    pub(super) fn objects(&self, key: &str) -> Vec<Fields<'a>> {
        let raw = self.0.get(key).map_or("[]", |value| value.get());
        serde_json::from_str::<Vec<&RawValue>>(raw)
            .map(|list| list.into_iter().filter_map(|value| Fields::parse(value.get())).collect())
            .unwrap_or_default()
    }

    /// Reads the objects that are values of an object field, such as `{"model-a": {…}, …}`.
    pub(super) fn object_values(&self, key: &str) -> Option<Vec<Fields<'a>>> {
        let inner = self.object(key)?;
        Some(inner.0.values().filter_map(|value| Fields::parse(value.get())).collect())
    }

    /// Tells whether the field is there and not null.
    pub(super) fn has(&self, key: &str) -> bool {
        self.0.get(key).is_some_and(|value| value.get() != "null")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
