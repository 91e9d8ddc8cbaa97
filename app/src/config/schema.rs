//! The JSON schema of the config file, for editors.

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};

use super::model::Settings;

/// Returns the schema of the config file as JSON text. No key is required: a file only states what differs.
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use pointsman_core::toml_text::node::Node;
    use pointsman_core::toml_text::place::{Source, SourceKind};
    use serde_json::Value;

    use super::*;
    use crate::config::env;
    use crate::config::init;

    /// Returns every key that a schema allows, with `*` for a name that the user chooses.
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

    /// Returns every key of the defaults, including those commented out.
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
        // Prices have none either: a price is four numbers that only make sense together.
        let is_of_file = |key: &String| {
            key.starts_with("agents.") || key.contains(".price.") || key.starts_with("prices.")
        };
        let keys: BTreeSet<_> = schema_keys().into_iter().filter(|key| !is_of_file(key)).collect();
        assert_eq!(settable, keys);
    }

    #[test]
    fn no_key_is_required() {
        assert!(!config_schema().contains("\"required\""));
    }
}
