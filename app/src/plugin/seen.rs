//! All settings of Claude Code that count in a place, an administrator's among them, as the CLI reads them.

use std::path::{Path, PathBuf};

use pointsman_core::gate::{SettingsScope, SettingsSeen};

use crate::cli_json::{self, Form};

/// The largest settings file that is read.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// The places where settings are.
#[derive(Debug, Clone, Copy)]
pub struct SettingsPlaces<'a> {
    /// The administrator's file.
    pub managed: &'a Path,
    /// The directory of the person's settings.
    pub config_dir: &'a Path,
    /// The project.
    pub project: &'a Path,
}

/// Reads the settings, those that count first at the beginning. A file that does not exist says nothing.
pub fn settings(places: SettingsPlaces<'_>) -> Vec<SettingsSeen> {
    let of_project = |name: &str| places.project.join(".claude").join(name);
    let mut files: Vec<(PathBuf, SettingsScope)> =
        parts_of_managed(places.managed).into_iter().map(|path| (path, SettingsScope::Managed)).collect();
    files.push((of_project("settings.local.json"), SettingsScope::Local));
    files.push((of_project("settings.json"), SettingsScope::Project));
    let user = places.config_dir.join("settings.json");
    // In the home directory the project's settings are the person's.
    files.retain(|(path, _)| *path != user);
    files.push((user, SettingsScope::User));
    files.into_iter().map(|(path, scope)| seen(path, scope)).collect()
}

fn seen(path: PathBuf, scope: SettingsScope) -> SettingsSeen {
    match cli_json::read(&path, FILE_BYTES_MAX) {
        Ok(file) => SettingsSeen { path, scope, is_taken: file.form == Form::Json, value: file.value },
        // A file that cannot be read is not the CLI's to read either.
        Err(_) => SettingsSeen { path, scope, value: serde_json::Value::Null, is_taken: true },
    }
}

/// Returns the administrator's file and those in the folder beside it, of which the last by name counts first.
fn parts_of_managed(file: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(file.with_extension("d")).into_iter().flatten().flatten();
    let is_part = |path: &PathBuf| path.extension().is_some_and(|end| end == "json");
    let mut parts: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_part).collect();
    parts.sort();
    parts.reverse();
    parts.push(file.to_owned());
    parts
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn all_files_that_count_are_read_in_their_order() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        for folder in ["managed-settings.d", "config", "project/.claude"] {
            fs::create_dir_all(path(folder)).unwrap();
        }
        for (name, text) in [
            ("managed-settings.json", "{\"a\": 1}"),
            ("managed-settings.d/10-a.json", "{\"a\": 2}"),
            ("managed-settings.d/20-b.json", "{\"a\": 3}"),
            ("managed-settings.d/readme", "no"),
            ("project/.claude/settings.json", "\u{feff}{\"a\": 4}"),
            ("config/settings.json", "{\"a\": 5} // mine"),
        ] {
            fs::write(path(name), text).unwrap();
        }
        let (managed, config, project) = (path("managed-settings.json"), path("config"), path("project"));
        let places = SettingsPlaces { managed: &managed, config_dir: &config, project: &project };
        let seen: Vec<_> = settings(places)
            .into_iter()
            .map(|one| (one.scope, one.value["a"].as_u64(), one.is_taken))
            .collect();
        use SettingsScope::{Local, Managed, Project, User};
        let expected = [
            (Managed, Some(3), true),
            (Managed, Some(2), true),
            (Managed, Some(1), true),
            (Local, None, true),
            (Project, Some(4), true),
            (User, Some(5), false),
        ];
        assert_eq!(seen, expected);
    }
}
