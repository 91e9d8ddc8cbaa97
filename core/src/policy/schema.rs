//! The JSON schema of policy files, for editors. It is written by hand; the tests compare it with what the parser
//! accepts.

/// The schema as JSON text.
pub const FILE_SCHEMA: &str = include_str!("schema.json");

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::mode::Mode;
    use crate::policy::Policy;
    use crate::policy::file::{PolicySource, read};
    use crate::policy::file_rule::Author;
    use crate::routing_context::ProjectKind;
    use crate::text::language::Language;

    fn schema() -> Value {
        serde_json::from_str(FILE_SCHEMA).unwrap()
    }

    /// The keys that are allowed in a place, according to the error message.
    fn known(text: &str) -> BTreeSet<String> {
        let source = PolicySource { author: Author::User, name: "user", text };
        let problems = read(&source, &mut Policy::builtin().lexicon).unwrap_err();
        let known =
            problems.iter().find_map(|problem| problem.hint.strip_prefix("expected one of: ")).unwrap();
        known.split(", ").map(str::to_owned).collect()
    }

    #[test]
    fn the_schema_has_every_key_and_no_other() {
        let schema = schema();
        for (place, text) in [
            ("/properties", "zzzzzzzz = 1"),
            ("/properties/rule/items/properties", "[[rule]]\nzzzzzzzz = 1"),
            ("/properties/example/items/properties", "[[example]]\nzzzzzzzz = 1"),
        ] {
            let there = schema.pointer(place).unwrap().as_object().unwrap().keys().cloned().collect();
            assert_eq!(known(text), there, "{place}");
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
