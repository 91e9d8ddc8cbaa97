//! What keeps our hooks from running in a place, or takes back what they decide: found in the settings of Claude Code,
//! the environment, and what is installed. Says nothing of files; they are handed in as they were read.

use std::path::PathBuf;

use serde_json::Value;

use crate::adapter::invocation::CliVersion;

/// The variable that names a model for all subagents.
const SUBAGENT_MODEL: &str = "CLAUDE_CODE_SUBAGENT_MODEL";

/// The variable that makes it win over what a call says.
const SUBAGENT_MODEL_FORCE: &str = "CLAUDE_CODE_SUBAGENT_MODEL_FORCE";

/// The first version seen to need [`SUBAGENT_MODEL_FORCE`]: before it, the model alone wins.
const FORCE_SINCE: CliVersion = CliVersion(2, 1, 284);

/// Whose settings a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingsScope {
    /// An administrator's, for everybody on the machine.
    Managed,
    /// The person's for this project.
    Local,
    /// The project's.
    Project,
    /// The person's.
    User,
}

/// A settings file that counts in a place.
#[derive(Debug, Clone, PartialEq)]
pub struct SettingsSeen {
    /// Where it is.
    pub path: PathBuf,
    /// Whose it is.
    pub scope: SettingsScope,
    /// What it says; `null` if it does not exist.
    pub value: Value,
    /// Whether the CLI takes it: it takes nothing from a file with comments, or from one that is broken.
    pub is_taken: bool,
}

/// What is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FolderState {
    /// The folder of the plugin is there.
    There,
    /// It is not, so there are no hooks to run.
    Missing,
}

/// Everything that is looked at.
pub struct Place<'a> {
    /// The settings files, those that count first at the beginning.
    pub files: &'a [SettingsSeen],
    /// A variable of the environment, if it is set and not empty.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// The CLI's name for the plugin.
    pub plugin_id: &'a str,
    /// Its folder.
    pub folder: FolderState,
    /// The CLI's version, and the oldest that does what hooks ask.
    pub cli: Option<(CliVersion, CliVersion)>,
    /// What is wrong with our own settings.
    pub own_trouble: Option<String>,
}

/// Where something is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetIn {
    /// In the environment.
    Environment,
    /// In a settings file.
    File(PathBuf),
}

/// What is in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// The plugin is switched off in a file that counts before the one that switches it on.
    PluginOff {
        /// That file.
        file: PathBuf,
    },
    /// All hooks are switched off.
    HooksOff {
        /// By this file.
        file: PathBuf,
        /// Whose it is.
        scope: SettingsScope,
    },
    /// Only hooks of an administrator run.
    OnlyManagedHooks {
        /// By this file.
        file: PathBuf,
    },
    /// A file that concerns us is not taken by the CLI.
    FileNotTaken {
        /// The file.
        file: PathBuf,
    },
    /// The folder of the plugin is gone.
    FolderMissing,
    /// The CLI does not do what hooks ask.
    OldCli {
        /// Its version.
        version: CliVersion,
        /// The oldest that does.
        oldest: CliVersion,
    },
    /// Our own settings are broken, so hooks stay out of the way.
    OwnSettings {
        /// What is wrong.
        what: String,
    },
    /// All subagents get one model, whatever a hook decided.
    ModelForced {
        /// The variable that does it.
        variable: &'static str,
        /// Where it is set.
        set_in: SetIn,
    },
    /// The plugin is there, and a hook of ours besides: each event is answered twice.
    RegisteredTwice {
        /// The file with the second one.
        file: PathBuf,
        /// The event.
        event: String,
    },
    /// Sessions used subagents, and no hook of ours heard of it.
    Unheard {
        /// The newest session.
        newest: String,
        /// How many there are.
        count: usize,
    },
}

impl Obstacle {
    /// Returns whether no hook of ours decides anything because of it, or nothing comes of what is decided.
    pub fn is_off(&self) -> bool {
        match self {
            Obstacle::PluginOff { .. }
            | Obstacle::HooksOff { .. }
            | Obstacle::OnlyManagedHooks { .. }
            | Obstacle::FileNotTaken { .. }
            | Obstacle::FolderMissing
            | Obstacle::OldCli { .. }
            | Obstacle::OwnSettings { .. }
            | Obstacle::ModelForced { .. } => true,
            Obstacle::RegisteredTwice { .. } | Obstacle::Unheard { .. } => false,
        }
    }
}

/// Returns whether anything of ours is to run here: the plugin, on or off, or a hook that was set up by hand.
pub fn is_used(files: &[SettingsSeen], plugin_id: &str) -> bool {
    files.iter().any(|file| !file.value["enabledPlugins"][plugin_id].is_null())
        || by_hand(files).next().is_some()
}

/// Finds what is in the way of our hooks. Where nothing of ours is to run, nothing is.
pub fn obstacles(place: &Place<'_>) -> Vec<Obstacle> {
    if !is_used(place.files, place.plugin_id) {
        return vec![];
    }
    let mut found = vec![];
    let has_plugin = place.files.iter().any(|file| file.value["enabledPlugins"][place.plugin_id] == true);
    found.extend(plugin_off(place));
    found.extend(hooks_off(place));
    found.extend(not_taken(place));
    if has_plugin && place.folder == FolderState::Missing {
        found.push(Obstacle::FolderMissing);
    }
    if let Some((version, oldest)) = place.cli.filter(|(version, oldest)| version < oldest) {
        found.push(Obstacle::OldCli { version, oldest });
    }
    found.extend(place.own_trouble.clone().map(|what| Obstacle::OwnSettings { what }));
    found.extend(model_forced(place));
    found.extend(registered_twice(place.files, has_plugin));
    found
}

/// The first file that says whether the plugin is on is the one that counts.
fn plugin_off(place: &Place<'_>) -> Option<Obstacle> {
    let says =
        |file: &&SettingsSeen| file.is_taken && file.value["enabledPlugins"][place.plugin_id].is_boolean();
    let first = place.files.iter().find(says)?;
    (first.value["enabledPlugins"][place.plugin_id] == false)
        .then(|| Obstacle::PluginOff { file: first.path.clone() })
}

fn hooks_off(place: &Place<'_>) -> Vec<Obstacle> {
    let mut found = vec![];
    for file in place.files.iter().filter(|file| file.is_taken) {
        if file.value["disableAllHooks"] == true {
            found.push(Obstacle::HooksOff { file: file.path.clone(), scope: file.scope });
        }
        // Plugins that an administrator switched on are excepted.
        let is_managed = file.scope == SettingsScope::Managed;
        let is_excepted = file.value["enabledPlugins"][place.plugin_id] == true;
        if is_managed && file.value["allowManagedHooksOnly"] == true && !is_excepted {
            found.push(Obstacle::OnlyManagedHooks { file: file.path.clone() });
        }
    }
    found
}

fn not_taken(place: &Place<'_>) -> impl Iterator<Item = Obstacle> {
    let concerns_us = |file: &&SettingsSeen| {
        !file.is_taken && (file.value.is_null() || is_used(std::slice::from_ref(file), place.plugin_id))
    };
    place.files.iter().filter(concerns_us).map(|file| Obstacle::FileNotTaken { file: file.path.clone() })
}

/// Variables of settings count before the environment's.
fn model_forced(place: &Place<'_>) -> Option<Obstacle> {
    let variable = |name: &str| {
        let in_file = |file: &SettingsSeen| {
            let text = match &file.value["env"][name] {
                Value::String(text) => text.clone(),
                Value::Null => return None,
                other => other.to_string(),
            };
            file.is_taken.then(|| (text, SetIn::File(file.path.clone())))
        };
        let of_environment = || Some(((place.env)(name)?, SetIn::Environment));
        place.files.iter().find_map(in_file).or_else(of_environment).filter(|(text, _)| !text.is_empty())
    };
    let (_, set_in) = variable(SUBAGENT_MODEL)?;
    let is_yes = |text: &str| matches!(text.trim().to_lowercase().as_str(), "1" | "true" | "yes" | "on");
    if let Some((_, set_in)) = variable(SUBAGENT_MODEL_FORCE).filter(|(text, _)| is_yes(text)) {
        return Some(Obstacle::ModelForced { variable: SUBAGENT_MODEL_FORCE, set_in });
    }
    let is_old = place.cli.is_some_and(|(version, _)| version < FORCE_SINCE);
    is_old.then_some(Obstacle::ModelForced { variable: SUBAGENT_MODEL, set_in })
}

/// Returns the hooks of ours that stand in settings: the file and the event.
fn by_hand(files: &[SettingsSeen]) -> impl Iterator<Item = (&SettingsSeen, &str)> {
    files.iter().flat_map(|file| events_of_ours(file).map(move |event| (file, event)))
}

/// Returns the events of a file's hooks that are ours, each as often as it has one.
fn events_of_ours(file: &SettingsSeen) -> impl Iterator<Item = &str> {
    let events = file.value["hooks"].as_object().into_iter().flatten();
    events.flat_map(|(event, groups)| {
        let groups = groups.as_array().into_iter().flatten();
        let hooks = groups.flat_map(|group| group["hooks"].as_array().into_iter().flatten());
        let ours = hooks.filter(|hook| hook["command"].as_str().is_some_and(calls_us));
        ours.map(|_| event.as_str())
    })
}

/// Each of an event's hooks beyond the first is one too many.
fn registered_twice(files: &[SettingsSeen], has_plugin: bool) -> Vec<Obstacle> {
    let mut seen: Vec<&str> = vec![];
    let mut found: Vec<Obstacle> = vec![];
    for (file, event) in by_hand(files) {
        let is_second = has_plugin || seen.contains(&event);
        seen.push(event);
        let twice = Obstacle::RegisteredTwice { file: file.path.clone(), event: event.to_owned() };
        if is_second && !found.contains(&twice) {
            found.push(twice);
        }
    }
    found
}

/// Returns whether a command line calls our hook: somewhere in it stands our program, and the verb behind it.
pub fn calls_us(command: &str) -> bool {
    let words: Vec<&str> = command
        .split(|c: char| c.is_whitespace() || ";|&()".contains(c))
        .filter(|word| !word.is_empty())
        .collect();
    let plain = |word: &str| word.trim_matches(['\'', '"']).to_owned();
    words
        .windows(2)
        .any(|pair| plain(pair[0]).rsplit('/').next() == Some("pointsman") && plain(pair[1]) == "hook")
}

#[cfg(test)]
mod tests;
