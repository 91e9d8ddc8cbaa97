//! The page of the keys of a policy file: from the schema that `pointsman policy schema` prints.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use serde_json::Value;

/// Returns the page.
pub fn page(root: &Path) -> io::Result<String> {
    let schema: Value = serde_json::from_str(&fs::read_to_string(root.join("core/src/policy/schema.json"))?)?;
    let mut page = "# Keys of a policy file\n\n\
        You write rules of your own ([policy.md](../policy.md)) and want to know every key. A list is any of its entries; a rule holds when\n\
        all of its conditions do.\n"
        .to_owned();
    for (title, place) in [
        ("The file", "/properties"),
        ("`[[rule]]`", "/properties/rule/items/properties"),
        ("`[[example]]`", "/properties/example/items/properties"),
    ] {
        let keys = schema.pointer(place).and_then(Value::as_object);
        let keys =
            keys.ok_or_else(|| io::Error::other(format!("the schema of policies has no `{place}`")))?;
        let _ = write!(page, "\n## {title}\n\n| key | meaning | may be |\n|---|---|---|\n");
        for (key, of) in keys {
            let meaning = of["description"].as_str().unwrap_or_default();
            let _ = writeln!(page, "| `{key}` | {} | {} |", meaning.replace('|', "\\|"), may_be(of));
        }
    }
    Ok(page)
}

/// Returns the values of a key that takes one of a few; of others, what kind they are.
fn may_be(of: &Value) -> String {
    let one = of["anyOf"].as_array().and_then(|ways| ways.first()).unwrap_or(of);
    match one["enum"].as_array() {
        Some(words) => {
            let words: Vec<String> =
                words.iter().filter_map(Value::as_str).map(|word| format!("`{word}`")).collect();
            words.join(", ")
        }
        None => one["type"].as_str().unwrap_or_default().to_owned(),
    }
}
