//! The definition of a kind of subagent: a file of the project's, of the person's, or of a plugin, searched for in the order in
//! which Claude Code prefers them.

use std::path::{Path, PathBuf};

use pointsman_core::agent_file::{AGENT_FILE_BYTES_MAX, parse_kind};
use pointsman_core::hook::kind::Definition;

use crate::config::agent_files::{self, AGENTS_DIR};
use crate::regular_file;

/// Finds the definition of a kind; `None` if no file has one.
pub fn find(kind: &str, project: &Path, home: &Path, config_dir: &Path) -> Option<Definition> {
    match kind.split_once(':') {
        Some((plugin, name)) => of_plugin(config_dir, plugin).iter().find_map(|dir| in_dir(dir, name)),
        None => {
            let is_above = |dir: &&Path| *dir != home;
            let of_projects = project.ancestors().take_while(is_above).map(|dir| dir.join(AGENTS_DIR));
            of_projects.chain([config_dir.join("agents")]).find_map(|dir| in_dir(&dir, kind))
        }
    }
}

fn in_dir(dir: &Path, name: &str) -> Option<Definition> {
    // Of two files with one name the CLI takes the later.
    agent_files::paths_in(dir).iter().rev().find_map(|path| {
        let bytes = regular_file::read(path, AGENT_FILE_BYTES_MAX as u64).ok()?;
        let stem = path.file_stem()?.to_str()?;
        let kind = parse_kind(stem, &String::from_utf8_lossy(&bytes))?;
        (kind.name == name).then_some(Definition { model: kind.model, tools: kind.tools })
    })
}

/// Returns the directories of agents that the CLI has of a plugin: `plugins/cache/MARKET/PLUGIN/VERSION/agents`.
fn of_plugin(config_dir: &Path, plugin: &str) -> Vec<PathBuf> {
    let entries =
        |dir: PathBuf| std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    if plugin.is_empty() || plugin.contains(['/', '\\']) || plugin.starts_with('.') {
        return vec![];
    }
    let markets = entries(config_dir.join("plugins/cache"));
    markets.flat_map(|market| entries(market.join(plugin))).map(|version| version.join("agents")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_nearest_to_the_project_counts() {
        let dir = tempfile::tempdir().unwrap();
        let (home, config) = (dir.path().join("home"), dir.path().join("home/.claude"));
        let project = home.join("code/project");
        let write = |dir: &Path, file: &str, name: &str, rest: &str| {
            std::fs::create_dir_all(dir).unwrap();
            std::fs::write(dir.join(file), format!("---\nname: {name}\ndescription: d\n{rest}---\nbody\n"))
                .unwrap();
        };
        std::fs::create_dir_all(&project).unwrap();
        let found = |kind: &str| find(kind, &project, &home, &config);
        assert_eq!(found("reviewer"), None);
        write(&config.join("agents"), "reviewer.md", "reviewer", "model: opus\n");
        assert_eq!(found("reviewer").unwrap().model.as_deref(), Some("opus"));
        write(&home.join("code/.claude/agents/team"), "any.md", "reviewer", "model: sonnet\n");
        assert_eq!(
            found("reviewer").unwrap().model.as_deref(),
            Some("sonnet"),
            "of a directory above, nested"
        );
        write(&project.join(".claude/agents"), "r.md", "reviewer", "tools: Read, Grep\n");
        let own = found("reviewer").unwrap();
        assert_eq!((own.model, own.tools), (None, Some(vec!["Read".to_owned(), "Grep".to_owned()])));
        write(&config.join("plugins/cache/market/demo/0.1.0/agents"), "w.md", "worker", "model: haiku\n");
        assert_eq!(found("demo:worker").unwrap().model.as_deref(), Some("haiku"));
        assert_eq!(found("worker"), None, "a plugin's agent has its plugin's name");
        assert_eq!(found("../x:worker"), None);
        write(&config.join("agents"), "python.md", "Python Engineer", "model: sonnet\n");
        assert_eq!(found("Python Engineer").unwrap().model.as_deref(), Some("sonnet"));
    }
}
