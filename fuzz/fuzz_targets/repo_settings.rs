//! Whatever stands in a repository's settings: nothing of it is in force without a yes, and no denial is lost.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use pointsman_core::repo_settings::containment::{Around, Containment, SettingSources};
use pointsman_core::repo_settings::settings_file::SettingsFile;
use pointsman_core::repo_settings::{Asks, RepoFile, SaidYes, mcp_file};
use pointsman_core::text::decode;

fuzz_target!(|bytes: &[u8]| {
    let text = decode::lenient(bytes);
    let _ = mcp_file::servers(&text);
    let asks = match SettingsFile::read(&text) {
        Ok(file) => Asks::Settings(file),
        Err(error) => Asks::UnreadableSettings(error.to_string()),
    };
    let file = RepoFile { name: "settings.json".to_owned(), asks };
    let containment = Containment::of(std::slice::from_ref(&file), SaidYes::Nobody, Around::default());
    assert!(containment.rules.allow.is_empty());
    let settings = containment.settings(&BTreeMap::new());
    match &file.asks {
        Asks::Settings(asked) if containment.sources == SettingSources::All => {
            assert!(asked.hooks.is_empty());
            assert!(asked.variables.iter().all(|name| settings["env"][name] == ""));
            assert!(asked.commands.iter().all(|held| settings[&held.key] == ""));
        }
        Asks::Settings(asked) => assert_eq!(asked.rules.deny, containment.rules.deny),
        _ => assert_ne!(containment.sources, SettingSources::All),
    }
});
