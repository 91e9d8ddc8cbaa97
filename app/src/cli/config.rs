//! `pointsman config`: show, schema, init.

use pointsman_core::report::run::SCHEMA_VERSION;
use serde::Serialize;

use super::context::environment;
use super::exit::Failure;
use super::setup_args::{ConfigArgs, ConfigVerb};
use crate::config::load::Loaded;
use crate::config::{init, schema};
use crate::present::human::short_path;
use crate::present::output::{self, PlainFormat, Tone};
use crate::present::tables;

#[derive(Serialize)]
struct Shown {
    schema_version: u32,
    project: String,
    trust: serde_json::Value,
    settings: Vec<ShownSetting>,
}

#[derive(Serialize)]
struct ShownSetting {
    key: String,
    value: String,
    origin: String,
}

/// Runs the verb.
pub fn main(args: ConfigArgs) -> Result<u8, Failure> {
    match args.verb {
        ConfigVerb::Show { origin, output } => show(output, if origin { with_origins } else { values }),
        ConfigVerb::Schema => {
            output::text(&schema::config_schema());
            Ok(0)
        }
        ConfigVerb::Init => begin(),
    }
}

fn show(format: PlainFormat, text: fn(Vec<ShownSetting>) -> String) -> Result<u8, Failure> {
    let environment = environment(None)?;
    let loaded = environment.settings(&[])?;
    for warning in &loaded.warnings {
        output::say(Tone::Warning, "warning:", &warning.to_string());
        if let Some(hint) = &warning.hint {
            output::hint(hint);
        }
    }
    let settings = settings(&loaded);
    match format {
        PlainFormat::Json => output::json(&Shown {
            schema_version: SCHEMA_VERSION,
            project: loaded.project.root.display().to_string(),
            trust: serde_json::to_value(loaded.trust).unwrap_or_default(),
            settings,
        }),
        PlainFormat::Text => output::text(&text(settings)),
    }
    Ok(0)
}

fn values(settings: Vec<ShownSetting>) -> String {
    let lines: Vec<String> =
        settings.iter().map(|setting| format!("{} = {}", setting.key, setting.value)).collect();
    lines.join("\n")
}

fn with_origins(settings: Vec<ShownSetting>) -> String {
    let row = |setting: ShownSetting| vec![format!("{} = {}", setting.key, setting.value), setting.origin];
    tables::columns(&["SETTING", "FROM"], &settings.into_iter().map(row).collect::<Vec<_>>())
}

fn settings(loaded: &Loaded) -> Vec<ShownSetting> {
    loaded
        .entries()
        .into_iter()
        .map(|entry| ShownSetting { key: entry.key, value: entry.value, origin: entry.origin.to_string() })
        .collect()
}

fn begin() -> Result<u8, Failure> {
    let environment = environment(None)?;
    let path = init::write_user_config(&environment.dirs.config)?;
    output::say(Tone::Good, "written:", &short_path(&path, &environment.dirs.home));
    output::hint("every setting is commented out; take the `#` away from what you change");
    Ok(0)
}
