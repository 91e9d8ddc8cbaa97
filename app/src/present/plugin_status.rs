//! Whether the plugin is in Claude Code's settings, and how far its hooks go.

use std::path::{Path, PathBuf};

use pointsman_core::hook::mode::RoutingMode;
use pointsman_core::report::run::SCHEMA_VERSION;
use serde::Serialize;

use super::human::short_path;
use crate::plugin::{InstallScope, Plugin, PluginError};

/// The output of `plugin status -o json`.
#[derive(Debug, Serialize)]
pub struct PluginStatus {
    schema_version: u32,
    scope: InstallScope,
    installed: bool,
    /// Whether the rendered plugin is that of this program.
    up_to_date: bool,
    folder: PathBuf,
    files: Vec<SettingsFile>,
    /// How far hooks go here.
    routing_mode: RoutingMode,
    /// Where the routing mode is set.
    set_by: String,
}

#[derive(Debug, Serialize)]
struct SettingsFile {
    path: PathBuf,
    enabled: bool,
}

impl PluginStatus {
    /// Reads the settings. `set_by` tells where the routing mode is set.
    ///
    /// # Errors
    /// A settings file cannot be read.
    pub fn of(
        plugin: &Plugin,
        scope: InstallScope,
        routing_mode: RoutingMode,
        set_by: String,
    ) -> Result<PluginStatus, PluginError> {
        let file = |(path, enabled)| SettingsFile { path, enabled };
        let files: Vec<SettingsFile> = plugin.status(scope)?.into_iter().map(file).collect();
        Ok(PluginStatus {
            schema_version: SCHEMA_VERSION,
            scope,
            installed: files.last().is_some_and(|file| file.enabled),
            up_to_date: plugin.is_up_to_date(),
            folder: plugin.folder(),
            files,
            routing_mode,
            set_by,
        })
    }

    /// Returns whether the plugin is installed.
    pub fn is_installed(&self) -> bool {
        self.installed
    }

    /// Returns the status as lines of text.
    pub fn text(&self, home: &Path) -> String {
        let word = if self.installed { "installed" } else { "not installed" };
        let mut lines = vec![format!("{word}, scope {}", self.scope.as_str())];
        lines.extend(self.files.iter().map(|file| {
            let mark = if file.enabled { "on " } else { "off" };
            format!("  {mark} {}", short_path(&file.path, home))
        }));
        lines.push(format!("routing_mode is {} here: {}", self.routing_mode.as_str(), self.set_by));
        if self.installed && !self.up_to_date {
            lines.push("the rendered plugin is of another version: `pointsman plugin update`".to_owned());
        }
        lines.join("\n")
    }
}
