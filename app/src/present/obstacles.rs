//! What keeps our hooks from running, in words: what it is, and what to do.

use std::path::Path;

use pointsman_core::gate::{Obstacle, SetIn, SettingsScope};
use pointsman_core::text::counted;
use serde::Serialize;

use super::human::short_path;

/// An obstacle in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ObstacleText {
    /// Whether no hook of ours decides anything because of it.
    pub off: bool,
    /// What it is.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

/// Returns an obstacle in words. Paths below the home directory are shortened.
pub fn text(obstacle: &Obstacle, home: &Path) -> ObstacleText {
    let short = |path: &Path| short_path(path, home);
    let (what, remedy) = match obstacle {
        Obstacle::PluginOff { file } => (
            format!("`enabledPlugins` in {} switches the plugin off here", short(file)),
            "take the plugin's line out of that file, or set it to true".to_owned(),
        ),
        Obstacle::HooksOff { file, scope } => (
            format!("`disableAllHooks` in {} switches all hooks off, ours too: they do not run here", short(file)),
            match scope {
                SettingsScope::Managed => "ask your administrator, or take the plugin out".to_owned(),
                SettingsScope::Local | SettingsScope::Project | SettingsScope::User => {
                    "take it out, or take the plugin out".to_owned()
                }
            },
        ),
        Obstacle::OnlyManagedHooks { file } => (
            format!("`allowManagedHooksOnly` in {} leaves out all hooks but an administrator's: ours do not run here", short(file)),
            "ask your administrator to switch the plugin on in that file (`enabledPlugins`), or take it out".to_owned(),
        ),
        Obstacle::FileNotTaken { file } => (
            format!("{} is not JSON, or has comments or trailing commas: Claude Code takes nothing from it", short(file)),
            "make it plain JSON".to_owned(),
        ),
        Obstacle::FolderMissing => (
            "the plugin is switched on, and its folder is gone: there are no hooks to run".to_owned(),
            "`pointsman plugin update` makes it again".to_owned(),
        ),
        Obstacle::OldCli { version, oldest } => (
            format!("Claude Code is version {version}, and enforcement needs {oldest} or newer: what hooks rewrite is not obeyed"),
            "update Claude Code".to_owned(),
        ),
        Obstacle::OwnSettings { what } => (
            format!("our own settings are broken, so hooks stay out of the way: {what}"),
            "`pointsman doctor` says what to do".to_owned(),
        ),
        Obstacle::ModelForced { variable, set_in } => {
            let place = match set_in {
                SetIn::Environment => "your environment".to_owned(),
                SetIn::File(file) => format!("`env` of {}", short(file)),
            };
            (
                format!("`{variable}` in {place} gives all subagents one model, whatever hooks decide"),
                "take it out: the route chooses the model of each subagent".to_owned(),
            )
        }
        Obstacle::RegisteredTwice { file, event } => (
            format!("our hook on {event} is registered a second time, in {}: each event is answered twice", short(file)),
            "take the one in that file out".to_owned(),
        ),
        Obstacle::Unheard { newest, count } => (
            format!(
                "{} of this project used subagents since the plugin was installed, and no hook of ours heard of it; the newest is {newest}",
                counted(*count, "session", "sessions")
            ),
            "`/hooks` in a session lists the hooks that run there; a session that began with hooks off, or on another machine, is no fault".to_owned(),
        ),
    };
    ObstacleText { off: obstacle.is_off(), what, remedy }
}
