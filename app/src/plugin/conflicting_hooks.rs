//! Other hooks that may rewrite the input of the Agent tool. With two such hooks the last to finish wins, which differs
//! from call to call.

use std::path::{Path, PathBuf};

use pointsman_core::gate::SettingsSeen;
use pointsman_core::hook::matcher_means;
use serde_json::Value;

use super::ID;
use crate::cli_json;
use crate::plain_text::one_line;

/// A hook on the Agent tool that is not ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictingHook {
    /// The settings file that defines it.
    pub file: PathBuf,
    /// The command that it runs, shortened.
    pub command: String,
}

/// The longest command that is shown, in characters.
const COMMAND_CHARS_MAX: usize = 80;

/// The largest settings file that is read.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Finds them in all settings that count, and in other plugins that are enabled there. Whether they really rewrite cannot
/// be seen from outside: they may.
pub fn find(settings: &[SettingsSeen], config_dir: &Path) -> Vec<ConflictingHook> {
    let taken = || settings.iter().filter(|file| file.is_taken);
    let in_settings = taken().flat_map(|file| in_file(&file.path, &file.value));
    let plugins = taken().flat_map(|file| hooks_of_plugins(config_dir, &file.value));
    let in_plugins = plugins.flat_map(|file| in_file(&file, &cli_json::value(&file, FILE_BYTES_MAX)));
    in_settings.chain(in_plugins).collect()
}

/// Returns the hook files of plugins that a settings file enables: `name@market` is in
/// `plugins/cache/market/name/VERSION`.
fn hooks_of_plugins(config_dir: &Path, settings: &Value) -> Vec<PathBuf> {
    let cache = config_dir.join("plugins/cache");
    let enabled = settings["enabledPlugins"].as_object().into_iter().flatten();
    let names = enabled
        .filter(|(id, on)| **on == Value::Bool(true) && *id != ID)
        .filter_map(|(id, _)| id.split_once('@'));
    let is_plain = |name: &str| !name.is_empty() && !name.contains(['/', '\\']) && !name.starts_with('.');
    let dirs = names
        .filter(|(name, market)| is_plain(name) && is_plain(market))
        .map(|(name, market)| cache.join(market).join(name));
    let versions = dirs.flat_map(|dir| std::fs::read_dir(dir).into_iter().flatten().flatten());
    versions.map(|version| version.path().join("hooks/hooks.json")).filter(|file| file.is_file()).collect()
}

fn in_file(file: &Path, settings: &Value) -> Vec<ConflictingHook> {
    let groups = settings["hooks"]["PreToolUse"].as_array().cloned().unwrap_or_default();
    let means_agent = |group: &&Value| {
        let matcher = group["matcher"].as_str().unwrap_or_default();
        ["Agent", "Task"].iter().any(|tool| matcher_means(matcher, tool))
    };
    let hooks =
        groups.iter().filter(means_agent).flat_map(|group| group["hooks"].as_array().into_iter().flatten());
    hooks
        .map(|hook| {
            ["command", "url", "prompt"].iter().find_map(|key| hook[*key].as_str()).unwrap_or("a hook")
        })
        .filter(|command| !is_ours(command))
        .map(|command| ConflictingHook {
            file: file.to_owned(),
            command: one_line(command, COMMAND_CHARS_MAX),
        })
        .collect()
}

/// Returns whether a hook is ours, installed by hand: the program's own name, and nothing after the verb.
fn is_ours(command: &str) -> bool {
    let mut words = command.split_whitespace().rev();
    let (verb, program) = (words.next(), words.next().unwrap_or_default());
    verb == Some("hook") && program.trim_matches(['\'', '"']).rsplit('/').next() == Some("pointsman")
}

#[cfg(test)]
mod tests {
    use pointsman_core::gate::SettingsScope;

    use super::*;

    #[test]
    fn every_form_of_a_matcher_that_means_the_agent_tool_is_known() {
        let means = |matcher: &str| ["Agent", "Task"].iter().any(|tool| matcher_means(matcher, tool));
        for matcher in [
            "",
            "*",
            "Agent",
            "Task",
            "Task|Agent",
            "Bash|Agent",
            "^Agent$",
            ".*",
            "(Task|Agent)",
            "Agent.*",
            "\\w+",
            "[A-Z].*",
        ] {
            assert!(means(matcher), "{matcher:?}");
        }
        for matcher in ["Bash", "Edit|Write", "Agent(*)", "mcp__agent__x", "("] {
            assert!(!means(matcher), "{matcher:?}");
        }
    }

    #[test]
    fn a_foreign_hook_on_the_agent_tool_is_found_and_ours_is_not() {
        let hook = |matcher: &str, command: &str| serde_json::json!({"matcher": matcher, "hooks": [{"type": "command", "command": command}]});
        let settings = serde_json::json!({"hooks": {"PreToolUse": [
            hook("Bash", "audit.sh"), hook("Task", "python rewrite.py"), hook("Agent", "/usr/bin/pointsman hook")
        ]}});
        let path = PathBuf::from("/settings.json");
        let file = SettingsSeen { path, scope: SettingsScope::User, value: settings, is_taken: true };
        let found = find(&[file], Path::new("/nowhere"));
        assert_eq!(found.iter().map(|hook| hook.command.as_str()).collect::<Vec<_>>(), ["python rewrite.py"]);
    }
}
