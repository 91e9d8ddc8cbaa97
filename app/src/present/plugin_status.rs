//! Whether the plugin is in Claude Code's settings, and how far its hooks go.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use pointsman_core::gate::Obstacle;
use pointsman_core::hook::mode::RoutingMode;
use pointsman_core::report::run::SCHEMA_VERSION;
use serde::Serialize;

use super::human::{ago, short_path};
use super::obstacles::{self, ObstacleText};
use crate::plugin::{Folder, InstallScope, Plugin, PluginError};

/// The output of `plugin status -o json`.
#[derive(Debug, Serialize)]
pub struct PluginStatus {
    schema_version: u32,
    scope: InstallScope,
    installed: bool,
    /// Whether its hooks run here, as far as can be seen.
    works_here: bool,
    /// What is in the way of them.
    obstacles: Vec<ObstacleText>,
    /// Whether the rendered plugin is that of this program.
    up_to_date: bool,
    folder: PathBuf,
    files: Vec<SettingsFile>,
    /// How far hooks go here.
    routing_mode: RoutingMode,
    /// Where the routing mode is set.
    set_by: String,
    /// When a hook was last heard of in this project, within the last seven days.
    last_heard: Option<Timestamp>,
}

/// What holds in the project, besides the settings of Claude Code.
pub struct Here<'a> {
    /// How far hooks go here.
    pub routing_mode: RoutingMode,
    /// Where that is set.
    pub set_by: String,
    /// What keeps hooks from running.
    pub in_the_way: &'a [Obstacle],
    /// When a hook was last heard of here, within the last seven days.
    pub last_heard: Option<Timestamp>,
}

#[derive(Debug, Serialize)]
struct SettingsFile {
    path: PathBuf,
    enabled: bool,
}

impl PluginStatus {
    /// Reads the settings. Paths below the home directory are shortened in texts.
    ///
    /// # Errors
    /// A settings file cannot be read.
    pub fn of(
        plugin: &Plugin,
        scope: InstallScope,
        here: Here<'_>,
        home: &Path,
    ) -> Result<PluginStatus, PluginError> {
        let file = |(path, enabled)| SettingsFile { path, enabled };
        let files: Vec<SettingsFile> = plugin.status(scope)?.into_iter().map(file).collect();
        let installed = files.last().is_some_and(|file| file.enabled);
        Ok(PluginStatus {
            schema_version: SCHEMA_VERSION,
            scope,
            installed,
            works_here: installed && !here.in_the_way.iter().any(Obstacle::is_off),
            obstacles: here.in_the_way.iter().map(|one| obstacles::text(one, home)).collect(),
            up_to_date: plugin.folder_state() == Folder::UpToDate,
            folder: plugin.folder(),
            files,
            routing_mode: here.routing_mode,
            set_by: here.set_by,
            last_heard: here.last_heard,
        })
    }

    /// Returns whether the plugin is installed and nothing is in the way of its hooks.
    pub fn works_here(&self) -> bool {
        self.works_here
    }

    /// Returns the status as lines of text.
    pub fn text(&self, home: &Path, now: Timestamp) -> String {
        let word = match (self.installed, self.works_here) {
            (true, true) => "installed",
            (true, false) => "its hooks do nothing here, though it is installed",
            (false, _) => "not installed",
        };
        let mut lines = vec![format!("{word}, scope {}", self.scope.as_str())];
        for obstacle in &self.obstacles {
            lines.push(format!("  {}", obstacle.what));
            lines.push(format!("    hint: {}", obstacle.remedy));
        }
        lines.extend(self.files.iter().map(|file| {
            let mark = if file.enabled { "on " } else { "off" };
            format!("  {mark} {}", short_path(&file.path, home))
        }));
        lines.push(format!("routing_mode is {} here: {}", self.routing_mode.as_str(), self.set_by));
        if self.installed {
            lines.push(match self.last_heard {
                Some(at) => format!("a hook was last heard of in this project {}", ago(at, now)),
                None => {
                    "no hook was heard of in this project within seven days; the next session in it should be"
                        .to_owned()
                }
            });
        }
        if self.installed && !self.up_to_date {
            let what = "the rendered plugin is not that of this program and these settings";
            lines.push(format!("{what}: `pointsman plugin update`"));
        }
        lines.join("\n")
    }
}
