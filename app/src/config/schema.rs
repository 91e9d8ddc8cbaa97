//! The JSON schema of the config file, for editors.

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{Schema, SchemaGenerator, json_schema};

use pointsman_core::agent::{PermissionMode, Tier};

use super::model::Settings;

/// Returns the schema of the config file as JSON text. No key is required: a file says what differs.
pub fn config_schema() -> String {
    let mut schema = SchemaSettings::draft07().into_generator().into_root_schema_for::<Settings>();
    let drop_required = |schema: &mut Schema| {
        schema.remove("required");
    };
    RecursiveTransform(drop_required).transform(&mut schema);
    schema.insert("title".to_owned(), "pointsman settings".into());
    let mut text = serde_json::to_string_pretty(&schema).expect("a schema is plain JSON");
    text.push('\n');
    text
}

// Types of core know no schema, so that core needs no schema library; these are their words.

/// `AdapterKind`.
pub(super) fn adapter(_: &mut SchemaGenerator) -> Schema {
    words(&["claude", "plain"])
}

/// `Tier`.
pub(super) fn tier(_: &mut SchemaGenerator) -> Schema {
    words(&Tier::ALL.map(Tier::as_str))
}

/// `Access`.
pub(super) fn access(_: &mut SchemaGenerator) -> Schema {
    words(&["read-only", "write"])
}

/// `PermissionMode`.
pub(super) fn permission_mode(_: &mut SchemaGenerator) -> Schema {
    words(&PermissionMode::ALL.map(PermissionMode::as_str))
}

/// `Billing`.
pub(super) fn billing(_: &mut SchemaGenerator) -> Schema {
    words(&["auto", "subscription", "api"])
}

/// `RoutingMode`.
pub(super) fn routing_mode(_: &mut SchemaGenerator) -> Schema {
    words(&["directive", "enforced", "orchestration", "hybrid", "experiment", "off"])
}

/// `AgentHooks`.
pub(super) fn agent_hooks(_: &mut SchemaGenerator) -> Schema {
    words(&["keep", "disable"])
}

fn words(words: &[&str]) -> Schema {
    json_schema!({ "type": "string", "enum": words })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use pointsman_core::agent::{Access, AdapterKind, AgentHooks, Billing};
    use pointsman_core::hook::mode::RoutingMode;
    use pointsman_core::toml_text::node::Node;
    use pointsman_core::toml_text::place::{Source, SourceKind};
    use serde::de::DeserializeOwned;
    use serde_json::Value;

    use super::*;
    use crate::config::env;
    use crate::config::init;

    /// Every key that a schema allows, with `*` for a name that people choose.
    fn schema_keys() -> BTreeSet<String> {
        fn walk(root: &Value, at: &Value, path: &str, keys: &mut BTreeSet<String>) {
            let references = ["/$ref", "/allOf/0/$ref", "/anyOf/0/$ref"];
            let at = match references.iter().find_map(|place| at.pointer(place)).and_then(Value::as_str) {
                Some(reference) => root.pointer(reference.trim_start_matches('#')).unwrap(),
                None => at,
            };
            let join = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
            if let Some(properties) = at.get("properties").and_then(Value::as_object) {
                properties.iter().for_each(|(key, inner)| walk(root, inner, &join(key), keys));
            } else if let Some(inner) = at.get("additionalProperties").filter(|inner| inner.is_object()) {
                walk(root, inner, &join("*"), keys);
            } else {
                keys.insert(path.to_owned());
            }
        }
        let schema: Value = serde_json::from_str(&config_schema()).unwrap();
        let mut keys = BTreeSet::new();
        walk(&schema, &schema, "", &mut keys);
        keys
    }

    /// Every key of the defaults, the commented-out ones included.
    fn default_keys() -> BTreeSet<String> {
        let text = init::with_optional_settings();
        let node = Node::parse(&Source::new(SourceKind::Default, "", text)).unwrap();
        let mut keys = BTreeSet::new();
        node.each_leaf(&mut |path, _| {
            let mut path = path.to_vec();
            if path[0] == "agents" {
                path[1] = "*";
            }
            keys.insert(path.join("."));
        });
        // An empty table has no leaf.
        keys.insert("agents.*.env.*".to_owned());
        keys
    }

    #[test]
    fn every_setting_stands_in_the_defaults_and_in_the_schema() {
        assert_eq!(schema_keys(), default_keys());
    }

    #[test]
    fn every_setting_but_those_of_agents_and_prices_has_a_variable() {
        let settable: BTreeSet<_> = env::setting_keys().map(str::to_owned).collect();
        // Neither have prices: a price is four numbers that only make sense together.
        let is_of_file = |key: &String| key.starts_with("agents.") || key.contains(".price.");
        let keys: BTreeSet<_> = schema_keys().into_iter().filter(|key| !is_of_file(key)).collect();
        assert_eq!(settable, keys);
    }

    #[test]
    fn the_words_of_the_schema_are_the_words_of_core() {
        fn all_read<T: DeserializeOwned>(schema: fn(&mut SchemaGenerator) -> Schema, count: usize) {
            let schema = schema(&mut SchemaGenerator::default());
            let words = schema.get("enum").unwrap().as_array().unwrap().clone();
            assert_eq!(words.len(), count);
            for word in words {
                assert!(serde_json::from_value::<T>(word.clone()).is_ok(), "{word}");
            }
        }
        all_read::<AdapterKind>(adapter, 2);
        all_read::<Tier>(tier, 3);
        all_read::<Access>(access, 2);
        all_read::<PermissionMode>(permission_mode, 6);
        all_read::<Billing>(billing, 3);
        all_read::<AgentHooks>(agent_hooks, 2);
        all_read::<RoutingMode>(routing_mode, 6);
    }

    #[test]
    fn no_key_is_required() {
        assert!(!config_schema().contains("\"required\""));
    }
}
