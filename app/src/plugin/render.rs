//! The plugin folder, compiled in and adapted to this machine: the program's own path, and a definition for each agent
//! of the settings.

use std::path::Path;

use pointsman_core::agent::{AdapterKind, Agent, Catalog, Tier};
use serde_json::Value;

/// The files of `plugin/`, by their paths in it.
const FILES: [(&str, &str); 13] = [
    (".claude-plugin/marketplace.json", include_str!("../../../plugin/.claude-plugin/marketplace.json")),
    (PLUGIN_JSON, include_str!("../../../plugin/pointsman/.claude-plugin/plugin.json")),
    (HOOKS_JSON, include_str!("../../../plugin/pointsman/hooks/hooks.json")),
    ("pointsman/README.md", include_str!("../../../plugin/pointsman/README.md")),
    ("pointsman/agents/haiku-general.md", include_str!("../../../plugin/pointsman/agents/haiku-general.md")),
    (
        "pointsman/agents/sonnet-general.md",
        include_str!("../../../plugin/pointsman/agents/sonnet-general.md"),
    ),
    ("pointsman/agents/opus-general.md", include_str!("../../../plugin/pointsman/agents/opus-general.md")),
    (
        "pointsman/agents/router-escalation.md",
        include_str!("../../../plugin/pointsman/agents/router-escalation.md"),
    ),
    ("pointsman/agents/planner.md", include_str!("../../../plugin/pointsman/agents/planner.md")),
    ("pointsman/commands/route.md", include_str!("../../../plugin/pointsman/commands/route.md")),
    ("pointsman/commands/orchestrate.md", include_str!("../../../plugin/pointsman/commands/orchestrate.md")),
    ("pointsman/commands/compliance.md", include_str!("../../../plugin/pointsman/commands/compliance.md")),
    ("LICENSE", include_str!("../../../LICENSE-MIT")),
];

const PLUGIN_JSON: &str = "pointsman/.claude-plugin/plugin.json";
/// The file with the hooks, without which the folder does nothing.
pub const HOOKS_JSON: &str = "pointsman/hooks/hooks.json";

/// Returns the files of the plugin as adapted to this machine.
pub fn files(own_program: &Path, catalog: &Catalog) -> Vec<(String, String)> {
    let own = quoted(&own_program.to_string_lossy());
    let mut files: Vec<(String, String)> = FILES
        .iter()
        .map(|(name, text)| {
            let text = match *name {
                HOOKS_JSON => hooks(text, &own),
                PLUGIN_JSON => versioned(text),
                name if name.starts_with("pointsman/commands/") => text
                    .replace("\npointsman ", &format!("\n{own} "))
                    .replace("Bash(pointsman ", &format!("Bash({own} ")),
                _ => (*text).to_owned(),
            };
            ((*name).to_owned(), text)
        })
        .collect();
    for agent in catalog.agents().filter(|agent| needs_definition(agent)) {
        let name = format!("pointsman/agents/{}.md", agent.name);
        let general = format!("pointsman/agents/{}-general.md", agent.tier);
        let text = files.iter().find(|(name, _)| *name == general).map(|(_, text)| text.clone());
        files.retain(|(known, _)| *known != name);
        files.push((name, definition(agent, &text.unwrap_or_default())));
    }
    files
}

/// Returns whether an agent needs a definition: every agent of Claude Code that our hooks may name and the folder does
/// not already contain as it is, that is, one with a model of its own.
fn needs_definition(agent: &Agent) -> bool {
    let is_known = FILES.iter().any(|(name, _)| *name == format!("pointsman/agents/{}.md", agent.name));
    let has_alias = Tier::parse(&agent.model) == Some(agent.tier);
    agent.adapter == AdapterKind::Claude && agent.cli_agent.is_none() && !(is_known && has_alias)
}

/// Returns the definition of the general agent of its tier, under another name and with another model.
fn definition(agent: &Agent, general: &str) -> String {
    let words = general.splitn(3, "---\n").nth(2).unwrap_or_default();
    let text = |value: &str| serde_json::to_string(value).expect("a text has a JSON form");
    let described = if agent.description.is_empty() {
        format!("An agent of the {} tier.", agent.tier)
    } else {
        agent.description.clone()
    };
    let (name, model) = (&agent.name, text(&agent.model));
    format!("---\nname: {name}\ndescription: {}\nmodel: {model}\n---\n{words}", text(&described))
}

/// Returns the hooks file in which every hook calls this very program, and does nothing if that is gone.
fn hooks(text: &str, own: &str) -> String {
    let mut hooks: Value = serde_json::from_str(text).expect("a test reads the plugin's hooks");
    let command = format!("test -x {own} || exit 0; {own} hook || exit 0");
    let of_event = hooks["hooks"].as_object_mut().into_iter().flat_map(|events| events.values_mut());
    let groups = of_event.flat_map(|event| event.as_array_mut().into_iter().flatten());
    for hook in groups.flat_map(|group| group["hooks"].as_array_mut().into_iter().flatten()) {
        hook["command"] = Value::from(command.clone());
    }
    serde_json::to_string_pretty(&hooks).expect("plain data has a JSON form") + "\n"
}

fn versioned(text: &str) -> String {
    let mut manifest: Value = serde_json::from_str(text).expect("a test reads the plugin's manifest");
    manifest["version"] = Value::from(env!("CARGO_PKG_VERSION"));
    serde_json::to_string_pretty(&manifest).expect("plain data has a JSON form") + "\n"
}

/// Returns a word quoted for a shell. Plain paths stay as they are: permission rules compare them character by
/// character.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | '+');
    if word.chars().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(program: &str) -> Vec<(String, String)> {
        let special = Agent { model: "vendor/other:v1".to_owned(), ..Agent::general(Tier::Haiku) };
        let special = Agent { name: "cheap".parse().unwrap(), ..special };
        files(Path::new(program), &Catalog::of_generals(vec![special]).unwrap())
    }

    fn file(files: &[(String, String)], name: &str) -> String {
        files.iter().find(|(known, _)| known == name).unwrap().1.clone()
    }

    #[test]
    fn every_hook_calls_this_very_program_and_nothing_where_it_is_gone() {
        let files = rendered("/opt/it's here/pointsman");
        let hooks: Value = serde_json::from_str(&file(&files, HOOKS_JSON)).unwrap();
        let quoted = r"'/opt/it'\''s here/pointsman'";
        for (event, groups) in hooks["hooks"].as_object().unwrap() {
            let command = groups[0]["hooks"][0]["command"].as_str().unwrap();
            assert_eq!(command, format!("test -x {quoted} || exit 0; {quoted} hook || exit 0"), "{event}");
        }
        assert!(file(&files, "pointsman/commands/route.md").contains(&format!("\n{quoted} explain")));
    }

    #[test]
    fn an_agent_with_a_model_of_its_own_has_a_definition() {
        let text = file(&rendered("/p"), "pointsman/agents/cheap.md");
        assert!(
            text.starts_with("---\nname: cheap\n")
                && text.contains("model: \"vendor/other:v1\"\n---\nYou do small"),
            "{text}"
        );
    }

    #[test]
    fn every_file_of_the_folder_is_compiled_in() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("plugin");
        let mut left = vec![root.clone()];
        while let Some(dir) = left.pop() {
            for entry in std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
                let name = entry.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
                if entry.is_dir() {
                    left.push(entry);
                } else {
                    assert!(FILES.iter().any(|(known, _)| *known == name), "{name}");
                }
            }
        }
    }
}
