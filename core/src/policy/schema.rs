//! The JSON schema of policy files, for editors. It is written by hand; the tests compare it with what is read.

/// The schema as JSON text.
pub const FILE_SCHEMA: &str = include_str!("schema.json");

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::mode::Mode;
    use crate::policy::file::{EXAMPLE_KEYS, FILE_KEYS};
    use crate::policy::file_rule::RULE_KEYS;
    use crate::routing_context::ProjectKind;
    use crate::text::language::Language;

    fn schema() -> Value {
        serde_json::from_str(FILE_SCHEMA).unwrap()
    }

    #[test]
    fn the_schema_has_every_key_and_no_other() {
        let schema = schema();
        for (place, keys) in [
            ("/properties", &FILE_KEYS[..]),
            ("/properties/rule/items/properties", &RULE_KEYS[..]),
            ("/properties/example/items/properties", &EXAMPLE_KEYS[..]),
        ] {
            let there: BTreeSet<&str> =
                schema.pointer(place).unwrap().as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(there, keys.iter().copied().collect(), "{place}");
        }
    }

    #[test]
    fn the_words_of_the_schema_are_those_that_are_read() {
        let schema = schema();
        let words = |key: &str| -> Vec<String> {
            let place = format!("/properties/rule/items/properties/{key}/anyOf/0/enum");
            serde_json::from_value(schema.pointer(&place).unwrap().clone()).unwrap()
        };
        assert_eq!(words("project"), ProjectKind::ALL.map(ProjectKind::as_str));
        assert_eq!(words("language"), Language::codes());
        assert_eq!(words("mode"), Mode::ALL.map(Mode::as_str));
    }
}
