//! Other hooks that may rewrite what the Agent tool is given. With two of them the last to finish wins, differently from run to run.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// A hook on the Agent tool that is not ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rival {
    /// Where it stands.
    pub file: PathBuf,
    /// What it runs, shortened.
    pub command: String,
}

/// The longest command that is shown.
const COMMAND_CHARS_MAX: usize = 80;

/// The largest settings file that is read.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Finds rivals in the settings of the person and of the project. Whether they rewrite cannot be seen from outside: they may.
pub fn find(config_dir: &Path, project: &Path) -> Vec<Rival> {
    let files = [
        config_dir.join("settings.json"),
        project.join(".claude/settings.json"),
        project.join(".claude/settings.local.json"),
    ];
    files.into_iter().flat_map(|file| in_file(&file)).collect()
}

fn in_file(file: &Path) -> Vec<Rival> {
    let fits = std::fs::metadata(file).is_ok_and(|meta| meta.is_file() && meta.len() <= FILE_BYTES_MAX);
    let text = if fits { std::fs::read(file).unwrap_or_default() } else { vec![] };
    let settings: Value = serde_json::from_slice(&text).unwrap_or_default();
    let groups = settings["hooks"]["PreToolUse"].as_array().cloned().unwrap_or_default();
    let on_agent = groups.iter().filter(|group| matches_agent(group["matcher"].as_str().unwrap_or_default()));
    let hooks = on_agent.flat_map(|group| group["hooks"].as_array().into_iter().flatten());
    hooks
        .map(|hook| {
            let said =
                ["command", "url", "prompt"].iter().find_map(|key| hook[*key].as_str()).unwrap_or("a hook");
            said.chars()
                .map(|c| if c.is_control() { ' ' } else { c })
                .take(COMMAND_CHARS_MAX)
                .collect::<String>()
        })
        .filter(|command| !is_ours(command))
        .map(|command| Rival { file: file.to_owned(), command })
        .collect()
}

/// A matcher is a regular expression on the tool's name; none, and `*`, mean every tool.
fn matches_agent(matcher: &str) -> bool {
    let alternatives =
        || matcher.split('|').map(|one| one.trim().trim_start_matches('^').trim_end_matches('$'));
    matches!(matcher.trim(), "" | "*" | ".*" | ".+")
        || alternatives().any(|one| matches!(one, "Agent" | "Task" | ".*"))
}

fn is_ours(command: &str) -> bool {
    command.contains("pointsman") && command.contains(" hook")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_matcher_that_means_the_agent_tool_is_known() {
        for matcher in ["", "*", "Agent", "Task", "Task|Agent", "Bash|Agent", "^Agent$", ".*"] {
            assert!(matches_agent(matcher), "{matcher:?}");
        }
        for matcher in ["Bash", "Edit|Write", "Agent(*)", "mcp__agent__x"] {
            assert!(!matches_agent(matcher), "{matcher:?}");
        }
    }

    #[test]
    fn a_foreign_hook_on_the_agent_tool_is_found_and_ours_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let hook = |matcher: &str, command: &str| serde_json::json!({"matcher": matcher, "hooks": [{"type": "command", "command": command}]});
        let settings = serde_json::json!({"hooks": {"PreToolUse": [
            hook("Bash", "audit.sh"), hook("Task", "python rewrite.py"), hook("Agent", "/usr/bin/pointsman hook")
        ]}});
        std::fs::write(dir.path().join("settings.json"), settings.to_string()).unwrap();
        let found = find(dir.path(), Path::new("/nowhere"));
        assert_eq!(
            found.iter().map(|rival| rival.command.as_str()).collect::<Vec<_>>(),
            ["python rewrite.py"]
        );
    }
}
