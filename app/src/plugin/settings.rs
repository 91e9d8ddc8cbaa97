//! The bytes of a settings file without our keys. Whatever else is in it is not ours to move.

use std::path::Path;

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstObject, CstRootNode};
use serde_json::Value;

use super::{ID, NAME, PluginError, hash};
use crate::cli_json::{self, without_mark};

/// Our keys: the table that contains each, and its name there.
const OURS: [(&str, &str); 2] = [("extraKnownMarketplaces", NAME), ("enabledPlugins", ID)];

/// What was recorded about a file at the time of the installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptSettings<'a> {
    /// Its contents before; `None` if it did not exist.
    pub before: Option<&'a str>,
    /// The hash of what the installation left there; `None` if it was killed before it finished.
    pub after_hash: Option<&'a str>,
}

/// What a file is to become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Left {
    /// What it was before the installation; `None` means no file.
    AsBefore(Option<String>),
    /// What it is now, without our keys.
    WithoutOurs(String),
}

impl Left {
    /// Returns the text of the file; `None` means no file.
    pub fn text(&self) -> Option<&str> {
        match self {
            Left::AsBefore(text) => text.as_deref(),
            Left::WithoutOurs(text) => Some(text),
        }
    }
}

/// Whether our marketplace is needed once an installation is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marketplace {
    /// By another installation: it stays.
    Needed,
    /// By none: it is removed.
    Unneeded,
}

/// Decides what a file becomes without us.
pub fn without_ours(
    path: &Path,
    now: Option<&str>,
    kept: Option<KeptSettings<'_>>,
    marketplace: Marketplace,
) -> Result<Left, PluginError> {
    let Some(now) = now else { return Ok(Left::AsBefore(None)) };
    if let Some(kept) = kept.filter(|kept| kept.after_hash == Some(&hash(now))) {
        return Ok(Left::AsBefore(kept.before.map(str::to_owned)));
    }
    let text = without_mark(now);
    if text.trim().is_empty() {
        return Ok(Left::WithoutOurs(now.to_owned()));
    }
    let root = parsed(path, text)?;
    let no_object = || PluginError::NotJson { path: path.to_owned(), what: "it is no object".to_owned() };
    let settings = root.object_value().ok_or_else(no_object)?;
    let before = kept.and_then(|kept| Some(cli_json::parse(kept.before?).value));
    for (table, name) in
        OURS.into_iter().filter(|(_, name)| marketplace == Marketplace::Unneeded || *name != NAME)
    {
        take_out(&settings, table, name, before.as_ref());
    }
    let mark = &now[..now.len() - text.len()];
    Ok(Left::WithoutOurs(format!("{mark}{root}")))
}

/// Decides what counts as the contents of a file before us: never anything of ours.
///
/// `earlier` are the receipts of installations that touched the file. A second installation, here or in another scope,
/// keeps what was there before the first; so does one after an installation that was killed, unless others have written
/// since.
pub fn before_us<'k>(
    path: &Path,
    now: Option<String>,
    earlier: impl Iterator<Item = KeptSettings<'k>>,
) -> Result<Option<String>, PluginError> {
    let Some(now) = now else { return Ok(None) };
    let earlier: Vec<KeptSettings> = earlier.collect();
    let after_now = hash(&now);
    if let Some(first) = earlier.iter().find(|kept| kept.after_hash == Some(&after_now)) {
        return Ok(first.before.map(str::to_owned));
    }
    if without_mark(&now).trim().is_empty() {
        return Ok(Some(now));
    }
    let unfinished = earlier.iter().find(|kept| kept.after_hash.is_none());
    let without = match without_ours(path, Some(&now), unfinished.copied(), Marketplace::Unneeded)? {
        Left::WithoutOurs(text) if has_any(path, &now)? => text,
        Left::WithoutOurs(_) | Left::AsBefore(_) => now,
    };
    let is_first = |kept: &&KeptSettings| holds_all_of(kept.before.unwrap_or("{}"), &without);
    Ok(match unfinished.filter(is_first) {
        Some(kept) => kept.before.map(str::to_owned),
        None => Some(without),
    })
}

/// Returns whether settings have every key of others, with the same value: the CLI rewrites and drops, and adds nothing
/// except our keys.
fn holds_all_of(settings: &str, others: &str) -> bool {
    match (cli_json::parse(settings).value, cli_json::parse(others).value) {
        (Value::Object(settings), Value::Object(others)) => {
            others.iter().all(|(key, value)| settings.get(key) == Some(value))
        }
        _ => false,
    }
}

/// Removes one key, and its table if that is empty then and did not exist before us.
fn take_out(settings: &CstObject, table: &str, name: &str, before: Option<&Value>) {
    let Some(holder) = settings.object_value(table) else { return };
    holder.get(name).into_iter().for_each(|entry| entry.remove());
    // A table that held only our key existed because of an earlier installation.
    let is_anothers = |table: &Value| table.as_object().is_some_and(|table| table.keys().ne([name]));
    let was_there = before.and_then(|before| before.get(table)).is_some_and(is_anothers);
    if holder.properties().is_empty() && !was_there {
        settings.get(table).into_iter().for_each(|entry| entry.remove());
    }
}

/// Returns whether our plugin is enabled in a file. A blank file enables nothing.
pub fn has_ours(path: &Path, text: &str) -> Result<bool, PluginError> {
    Ok(value(path, text)?["enabledPlugins"][ID] == Value::Bool(true))
}

/// Returns whether any key of ours is in a file, enabled or not.
pub fn has_any(path: &Path, text: &str) -> Result<bool, PluginError> {
    let settings = value(path, text)?;
    Ok(OURS.iter().any(|(table, name)| settings[*table].get(*name).is_some()))
}

/// Returns whether a file names a folder as our marketplace.
pub fn knows_folder(path: &Path, text: &str, folder: &Path) -> Result<bool, PluginError> {
    let settings = value(path, text)?;
    let named = &settings["extraKnownMarketplaces"][NAME]["source"]["path"];
    Ok(named.as_str().is_some_and(|named| Path::new(named) == folder))
}

/// Returns our keys as they stand in settings, for whoever writes them by another way.
pub fn ours(folder: &Path) -> String {
    let market = serde_json::json!({"source": {"source": "directory", "path": folder}});
    let ours = serde_json::json!({"extraKnownMarketplaces": {NAME: market}, "enabledPlugins": {ID: true}});
    ours.to_string()
}

fn value(path: &Path, text: &str) -> Result<Value, PluginError> {
    let text = without_mark(text);
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    Ok(parsed(path, text)?.to_serde_value().unwrap_or_default())
}

fn parsed(path: &Path, text: &str) -> Result<CstRootNode, PluginError> {
    CstRootNode::parse(text, &ParseOptions::default())
        .map_err(|error| PluginError::NotJson { path: path.to_owned(), what: error.to_string() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Serialize as _;

    use super::*;

    fn path() -> &'static Path {
        Path::new("/settings.json")
    }

    fn installed_into(before: &Value) -> Value {
        let mut after = before.clone();
        after["extraKnownMarketplaces"][NAME] =
            serde_json::json!({"source": {"source": "directory", "path": "/p"}});
        after["enabledPlugins"][ID] = serde_json::json!(true);
        after
    }

    /// Arbitrary settings: some keys of the CLI's and some unknown ones, nested, sometimes with the very tables that we
    /// use.
    fn anybodys() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "\\PC{0,12}".prop_map(Value::from),
            proptest::collection::vec("[a-z(): *]{0,9}".prop_map(Value::from), 0..3).prop_map(Value::from),
        ];
        let name = prop_oneof![
            Just("model".to_owned()),
            Just("permissions".to_owned()),
            Just("hooks".to_owned()),
            Just("enabledPlugins".to_owned()),
            Just("extraKnownMarketplaces".to_owned()),
            "[a-zA-Z\"\\\\ é]{1,8}",
        ];
        let table = proptest::collection::btree_map("[a-z@\"]{1,8}", leaf.clone(), 0..3)
            .prop_map(|map| Value::Object(map.into_iter().collect()));
        proptest::collection::btree_map(name, prop_oneof![leaf, table.clone()], 0..6).prop_map(move |map| {
            let mut settings = Value::Object(map.into_iter().collect());
            for (table, _) in OURS {
                if settings.get(table).is_some_and(|value| !value.is_object()) {
                    settings.as_object_mut().unwrap().remove(table);
                }
            }
            settings
        })
    }

    /// Writes JSON in one of the styles that people use.
    fn written(value: &Value, style: u8) -> String {
        let indented = |indent: &[u8]| {
            let mut bytes = vec![];
            let formatter = serde_json::ser::PrettyFormatter::with_indent(indent);
            value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, formatter)).unwrap();
            String::from_utf8(bytes).unwrap()
        };
        match style % 3 {
            0 => indented(b"  "),
            1 => serde_json::to_string(value).unwrap(),
            _ => format!("\n  {}\n\n", indented(b"\t")),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn s16_settings_come_back_byte_for_byte_when_nobody_else_wrote(before in anybodys(), style: u8) {
            let before = written(&before, style);
            let after = written(&installed_into(&serde_json::from_str(&before).unwrap()), 0);
            let kept = KeptSettings { before: Some(&before), after_hash: Some(&hash(&after)) };
            let left = without_ours(path(), Some(&after), Some(kept), Marketplace::Unneeded).unwrap();
            prop_assert_eq!(left, Left::AsBefore(Some(before)));
        }

        /// Seen to fail with an empty table of ours left behind.
        #[test]
        fn s16_exactly_our_keys_go_when_others_wrote_since(before in anybodys(), style: u8, with_receipt: bool) {
            let mut after = installed_into(&before);
            after["written since"] = serde_json::json!([1, {"by": "somebody"}]);
            let after = written(&after, style);
            let before_text = written(&before, 0);
            let kept = KeptSettings { before: Some(&before_text), after_hash: Some("of something else") };
            let left = without_ours(path(), Some(&after), with_receipt.then_some(kept), Marketplace::Unneeded).unwrap();
            let Left::WithoutOurs(text) = left else { panic!("{left:?}") };
            let mut expected = before;
            expected["written since"] = serde_json::json!([1, {"by": "somebody"}]);
            if !with_receipt {
                for (table, _) in OURS {
                    if expected.get(table).is_some_and(|table| table.as_object().unwrap().is_empty()) {
                        expected.as_object_mut().unwrap().remove(table);
                    }
                }
            }
            let found: Value = serde_json::from_str(&text).map_err(|e| TestCaseError::fail(format!("{e}: {text}")))?;
            prop_assert_eq!(found, expected);
        }
    }

    /// Seen to fail with the receipt of the killed installation ignored.
    #[test]
    fn s16_an_installation_after_one_that_was_killed_still_knows_what_was_there_before() {
        let before = "{ \"model\":\"opus\",  \"x\": 1 }";
        let killed = KeptSettings { before: Some(before), after_hash: None };
        let half_way = "{\n  \"x\": 1,\n  \"extraKnownMarketplaces\": {\n    \"pointsman\": {}\n  }\n}\n";
        let known = |now: &str, kept: Option<KeptSettings>| {
            before_us(path(), Some(now.to_owned()), kept.into_iter()).unwrap()
        };
        assert_eq!(known(half_way, Some(killed)).as_deref(), Some(before));
        assert_eq!(known(before, Some(killed)).as_deref(), Some(before), "killed before the CLI wrote");
        let written_since = half_way.replace("\"x\": 1", "\"x\": 2");
        let known_since = known(&written_since, Some(killed)).unwrap();
        assert!(known_since.contains("\"x\": 2") && !known_since.contains("pointsman"), "{known_since}");
        let by_hand = known(half_way, None).unwrap();
        assert!(!by_hand.contains("pointsman"), "what uninstalling puts back has nothing of ours: {by_hand}");
        let finished = KeptSettings { before: Some(before), after_hash: Some(&hash(half_way)) };
        assert_eq!(known(half_way, Some(finished)).as_deref(), Some(before));
        assert_eq!(before_us(path(), None, std::iter::empty()).unwrap(), None);
    }

    #[test]
    fn comments_and_spaces_of_a_person_stay_where_they_are() {
        let now = "{\n  // mine\n  \"model\":   \"opus\",\n  \"enabledPlugins\": {\"pointsman@pointsman\": true, \"x@y\": true}\n}\n";
        let left = without_ours(path(), Some(now), None, Marketplace::Unneeded).unwrap();
        let expected = "{\n  // mine\n  \"model\":   \"opus\",\n  \"enabledPlugins\": { \"x@y\": true}\n}\n";
        assert_eq!(left, Left::WithoutOurs(expected.to_owned()));
    }

    #[test]
    fn a_file_that_is_not_json_is_left_alone_with_an_error() {
        let error = without_ours(path(), Some("{ model = opus"), None, Marketplace::Unneeded).unwrap_err();
        assert!(matches!(error, PluginError::NotJson { .. }), "{error}");
    }
}
