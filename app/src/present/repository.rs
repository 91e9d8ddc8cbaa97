//! What a repository asks of Claude Code, and what becomes of it: in plain words, a line per file, and for scripts.

use std::path::Path;

use pointsman_core::redact::redact;
use pointsman_core::repo_settings::settings_file::SettingsFile;
use pointsman_core::repo_settings::{Asks, RepoFile, SaidYes};
use pointsman_core::toml_text::place::printable;
use serde::Serialize;

use super::output::{self, Tone};
use crate::config::load::SettingEntry;
use crate::config::repository::Repository;
use crate::plain_text::{one_line, with_nothing_unseen};

/// The longest text of a file that is quoted, in characters.
const QUOTED_CHARS_MAX: usize = 80;

/// How many things of a kind are listed; of more, their number is said.
const LISTED_MAX: usize = 8;

/// What a repository asks of Claude Code, for scripts.
#[derive(Debug, Serialize)]
pub struct RepositoryReport {
    /// Whether it takes effect, and because of whom.
    pub said_yes: &'static str,
    /// The files that ask for something, and what.
    pub files: Vec<FileReport>,
}

/// What one file asks.
#[derive(Debug, Serialize)]
pub struct FileReport {
    /// The file.
    pub file: String,
    /// What it asks, in words.
    pub asks: Vec<String>,
}

/// Returns what a repository asks, for scripts; `None` if it asks for nothing that needs trust.
pub fn report(repository: &Repository) -> Option<RepositoryReport> {
    let files: Vec<FileReport> =
        asking(repository).map(|file| FileReport { file: file.name.clone(), asks: asked(file) }).collect();
    let said_yes = match repository.yes {
        SaidYes::Nobody => "nobody",
        SaidYes::ByHash => "trust",
        SaidYes::ByDirectory => "trust_dirs",
        SaidYes::InClaudeCode => "claude_code",
    };
    (!files.is_empty()).then_some(RepositoryReport { said_yes, files })
}

/// Returns what a repository asks, a line per file. `hint` says how to say yes.
pub fn lines(repository: &Repository, hint: &str) -> Vec<String> {
    let end = match repository.yes {
        SaidYes::Nobody => format!("left out, as nobody said yes to it; {hint}"),
        SaidYes::ByHash => "it takes effect: you trusted these files".to_owned(),
        SaidYes::ByDirectory => {
            "it takes effect: `trust.dirs` of your settings names the directory".to_owned()
        }
        SaidYes::InClaudeCode => "it takes effect: you accepted this folder in Claude Code".to_owned(),
    };
    asking(repository)
        .map(|file| format!("{} {}: {end}", one_line(&file.name, QUOTED_CHARS_MAX), asked(file).join("; ")))
        .collect()
}

/// Prints a file with all that it says, to somebody who decides whether to trust it.
pub fn show_file(path: &Path, text: &str) {
    output::say(Tone::Plain, "file", &printable(&path.display().to_string()));
    for line in text.lines() {
        output::detail(&with_nothing_unseen(line));
    }
}

/// Returns in one line what a project's own settings set, its limits among them.
pub fn set_by_project(entries: &[SettingEntry]) -> Option<String> {
    let file = &entries.first()?.origin.file;
    let shown = |entry: &SettingEntry| format!("{} = {}", entry.key, entry.value);
    Some(format!("{} sets {}", one_line(file, 200), some_of(entries.iter().map(shown))))
}

fn asking(repository: &Repository) -> impl Iterator<Item = &RepoFile> {
    repository.files.iter().filter(|file| file.needs_trust())
}

/// Returns what a file asks, in words.
fn asked(file: &RepoFile) -> Vec<String> {
    match &file.asks {
        Asks::Settings(settings) => of_settings(settings),
        Asks::Servers(servers) => {
            let server = |name: &str, runs: &str| format!("{}{}", quoted(name), in_brackets(runs));
            let shown = servers.iter().map(|one| server(&one.name, &one.runs));
            vec![format!("starts MCP servers: {}", some_of(shown))]
        }
        Asks::UnreadableSettings(reason) | Asks::UnreadableServers(reason) => {
            vec![format!("could ask for anything: {}", one_line(reason, QUOTED_CHARS_MAX))]
        }
    }
}

fn of_settings(settings: &SettingsFile) -> Vec<String> {
    let SettingsFile { variables, commands, hooks, rules, permissions } = settings;
    let held = commands.iter().map(|held| format!("{}{}", quoted(&held.key), in_brackets(&held.command)));
    let run = hooks.iter().map(|hook| format!("{}{}", quoted(&hook.event), in_brackets(&hook.command)));
    let kinds = [
        ("sets variables", some_of(variables.iter().map(|name| quoted(name)))),
        ("has commands", some_of(held)),
        ("runs hooks", some_of(run)),
        ("allows", some_of(rules.allow.iter().map(|rule| quoted(rule)))),
        ("sets permissions", some_of(permissions.iter().map(|key| quoted(key)))),
    ];
    let asked = kinds.into_iter().filter(|(_, listed)| !listed.is_empty());
    asked.map(|(what, listed)| format!("{what}: {listed}")).collect()
}

fn quoted(text: &str) -> String {
    format!("`{}`", one_line(&redact(text), QUOTED_CHARS_MAX))
}

fn in_brackets(command: &str) -> String {
    if command.is_empty() { String::new() } else { format!(" ({})", quoted(command)) }
}

/// Lists the first few, and says how many more there are.
fn some_of(shown: impl Iterator<Item = String>) -> String {
    let mut listed: Vec<String> = shown.collect();
    let more = listed.len().saturating_sub(LISTED_MAX);
    if more > 0 {
        listed.truncate(LISTED_MAX);
        listed.push(format!("and {more} more"));
    }
    listed.join(", ")
}
