//! The page of settings and variables: from the defaults, the table of variables, and what the program takes from a
//! repository's file.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use serde_json::Value;

use super::program::Program;
use super::source::Source;

/// The head of a table of settings.
const HEAD: &str = "| key | default | meaning | in a repository | variable |\n|---|---|---|---|---|\n";

/// A setting as the defaults have it.
#[derive(Debug, PartialEq, Eq)]
struct Setting {
    /// The whole key, such as `limits.timeout`.
    key: String,
    /// Its value, as TOML.
    value: String,
    /// Whether it is only an example, because there is no default.
    is_example: bool,
    /// What its table is about, if it is the first of one.
    about: Option<String>,
    /// What it means.
    text: String,
}

/// Returns the page.
pub fn page(root: &Path, program: &Program, home: &Path) -> io::Result<String> {
    let settings = settings(&fs::read_to_string(root.join("app/src/config/defaults.toml"))?);
    let untrusted = taken(program, home, &settings, Trust::No)?;
    let trusted = taken(program, home, &settings, Trust::Yes)?;
    let variables = Source::read(&root.join("app/src/config/env.rs"))?.calls("VARIABLES");
    let mut page = "# Settings\n\n\
        You want to change something. The settings stand in `~/.config/pointsman/config.toml`; `pointsman config init` writes\n\
        that file, and `pointsman config schema` prints a JSON schema for editors. Layers, trust and who pays are in\n\
        [configuration.md](../configuration.md).\n\n\
        The variable of a setting is `POINTSMAN_` and its key in capitals, with `_` for `.`: `POINTSMAN_LIMITS_TIMEOUT=30m`;\n\
        lists are written with commas. Agents and prices have none. TIER is `haiku`, `sonnet` or `opus`; where a default names a\n\
        tier, that is the tier's own.\n\n\
        In a repository's `.pointsman.toml` a setting is *taken*, taken *for less* (lower, stricter, with no more rights) while nobody\n\
        trusts the files and as it is once `pointsman trust` said yes, *if trusted*, or *never*.\n\n\
        ## In general\n\n"
        .to_owned();
    page += HEAD;
    for setting in &settings {
        let Setting { key, value, is_example, about, text } = setting;
        if let Some(about) = about {
            let section = general(key.rsplit_once('.').map_or("", |(section, _)| section));
            let _ = write!(page, "\n## `[{section}]`\n\n{about}\n\n{HEAD}");
        }
        let default = if *is_example { "none".to_owned() } else { format!("`{}`", general(value)) };
        let right = match (untrusted.contains(key), trusted.contains(key)) {
            (true, _) => "for less",
            (false, true) => "if trusted",
            (false, false) => "never",
        };
        let variable = variable(key, &variables);
        let _ = writeln!(page, "| `{}` | {default} | {} | {right} | {variable} |", general(key), cell(text));
    }
    page += "\n## Variables that are not settings\n\n| variable | direction | meaning |\n|---|---|---|\n";
    for (function, words) in &variables {
        if let ("reads" | "sets", [Some(name), Some(text)]) = (function.as_str(), words.as_slice()) {
            let direction = if function == "reads" { "read" } else { "set" };
            let _ = writeln!(page, "| `{name}` | {direction} | {} |", cell(text));
        }
    }
    page += "\n`POINTSMAN_MODE` is short for `POINTSMAN_ROUTING_MODE`, which wins over it.\n";
    Ok(page)
}

/// Returns the variable of a setting, or a dash.
fn variable(key: &str, variables: &[(String, Vec<Option<String>>)]) -> String {
    let found = variables.iter().find_map(|(function, words)| match words.as_slice() {
        [Some(name), Some(setting), _] if function == "setting" && setting == key => Some(name),
        _ => None,
    });
    found.map_or("–".to_owned(), |name| format!("`{}`", name.replace("_TIERS_HAIKU_", "_TIERS_TIER_")))
}

/// Reads the defaults: each setting with the comment above it. What tables of the other tiers repeat is left out.
fn settings(text: &str) -> Vec<Setting> {
    let (mut section, mut comment) = (String::new(), vec![]);
    let mut about = None;
    let mut found = vec![];
    for line in text.lines() {
        let (is_example, content) = match line.strip_prefix("# ") {
            Some(example) if pair(example).is_some() => (true, example),
            _ => (false, line),
        };
        if let Some(name) = line.strip_prefix('[') {
            section = format!("{}.", name.trim_end_matches(']'));
            about = Some(std::mem::take(&mut comment).join(" "));
        } else if let Some((key, value)) = pair(content) {
            let text = std::mem::take(&mut comment).join(" ");
            let key = format!("{section}{key}");
            let about = about.take();
            found.push(Setting { key, value: value.to_owned(), is_example, about, text });
        } else if let Some(words) = line.strip_prefix("# ") {
            comment.push(words);
        } else {
            comment.clear();
        }
    }
    let repeats = |key: &str| {
        let tiers = ["tiers.sonnet.", "tiers.opus.", "agents.sonnet-general.", "agents.opus-general."];
        tiers.iter().any(|tier| key.starts_with(tier))
    };
    found.retain(|setting| !repeats(&setting.key));
    found
}

/// Returns the key and the value of a line that sets something.
fn pair(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(" = ")?;
    let is_key = key.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_');
    is_key.then_some((key, value))
}

/// Whether the repository's files were approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    No,
    Yes,
}

/// Returns the settings that the program takes from a repository that sets every one of them.
fn taken(program: &Program, home: &Path, settings: &[Setting], trust: Trust) -> io::Result<BTreeSet<String>> {
    let project = home.join(format!("{trust:?}"));
    fs::create_dir_all(project.join(".git"))?;
    let line = |setting: &Setting| match setting.value.as_str() {
        "{}" => format!("{} = {{ A = \"b\" }}\n", setting.key),
        value => format!("{} = {value}\n", setting.key),
    };
    fs::write(project.join(".pointsman.toml"), settings.iter().map(line).collect::<String>())?;
    if trust == Trust::Yes {
        program.call(home).args(["trust", "--yes"]).current_dir(&project).output()?;
    }
    let output = program.call(home).args(["config", "show", "-o", "json"]).current_dir(&project).output()?;
    let shown: Value = serde_json::from_slice(&output.stdout)?;
    let rows =
        shown["settings"].as_array().ok_or_else(|| io::Error::other("`config show` has no settings"))?;
    let of_project: Vec<&str> = rows
        .iter()
        .filter(|row| row["origin"].as_str().is_some_and(|origin| origin.contains(".pointsman.toml")))
        .filter_map(|row| row["key"].as_str())
        .collect();
    let is_taken = |setting: &&Setting| {
        let below = format!("{}.", setting.key);
        of_project.iter().any(|key| **key == setting.key || key.starts_with(&below))
    };
    Ok(settings.iter().filter(is_taken).map(|setting| setting.key.clone()).collect())
}

/// Writes a key or value of one tier or agent as that of all.
fn general(text: &str) -> String {
    let text = text.replace("agents.haiku-general", "agents.NAME");
    let text = text.replace("tiers.haiku", "tiers.TIER");
    text.replace("\"haiku-general\"", "\"TIER-general\"").replace("\"haiku\"", "\"TIER\"")
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_has_the_comment_above_it_and_says_whether_it_is_only_an_example() {
        let text = "# About the file.\n\n# How\n# far.\nmode = \"a\"\n\n# How much.\n[limits]\n# The most.\n# max = 5.0\n[tiers.opus]\nmodel = \"x\"\n";
        let setting = |key: &str, value: &str, is_example, about: Option<&str>, text: &str| Setting {
            key: key.to_owned(),
            value: value.to_owned(),
            is_example,
            about: about.map(str::to_owned),
            text: text.to_owned(),
        };
        let wanted = [
            setting("mode", "\"a\"", false, None, "How far."),
            setting("limits.max", "5.0", true, Some("How much."), "The most."),
        ];
        assert_eq!(settings(text), wanted);
    }
}
