//! Who is logged in, and which stray keys would change who pays.
//!
//! Only reads: files, variables, and on macOS whether the keychain has an entry. Never keeps values.

use std::path::{Path, PathBuf};

use pointsman_core::agent_env::paying_variables;
use serde::Serialize;

use super::env::EnvVars;
use super::repo_files::LOCAL_SETTINGS;
use super::small_file;
use crate::cli_json;

/// Files larger than this are not searched for keys.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// A subscription login of Claude Code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "place")]
pub enum Login {
    /// The token in `CLAUDE_CODE_OAUTH_TOKEN`.
    Token,
    /// The credentials file.
    File(PathBuf),
    /// The entry in the macOS keychain.
    Keychain,
}

/// A key in a file that would change who pays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StrayKey {
    /// The file.
    pub file: PathBuf,
    /// The variable or setting.
    pub name: String,
}

/// Returns Claude's own config directory.
pub fn claude_dir(env: &EnvVars, home: &Path) -> PathBuf {
    let own = env.text("CLAUDE_CONFIG_DIR").filter(|dir| !dir.is_empty());
    own.map_or_else(|| home.join(".claude"), PathBuf::from)
}

/// Finds a subscription login. `keychain_has_entry` is called only on systems with a keychain.
pub fn find(env: &EnvVars, home: &Path, keychain_has_entry: impl FnOnce() -> bool) -> Option<Login> {
    if env.text("CLAUDE_CODE_OAUTH_TOKEN").is_some_and(|token| !token.trim().is_empty()) {
        return Some(Login::Token);
    }
    let file = claude_dir(env, home).join(".credentials.json");
    // Other logins (of MCP servers) are in the same file; only this one pays for tokens.
    let credentials = cli_json::value(&file, FILE_BYTES_MAX);
    let token = credentials["claudeAiOauth"]["accessToken"].as_str().unwrap_or("");
    if !token.trim().is_empty() {
        return Some(Login::File(file));
    }
    (cfg!(target_os = "macos") && keychain_has_entry()).then_some(Login::Keychain)
}

/// Finds keys in the project's `.env` files. What its settings of Claude Code ask is in `repository`.
pub fn keys_of_project(project: &Path) -> Vec<StrayKey> {
    let mut found = vec![];
    for name in [".env", ".env.local"] {
        let file = project.join(name);
        for key in read(&file).lines().filter_map(dotenv_key) {
            found.push(StrayKey { file: file.clone(), name: key });
        }
    }
    found
}

/// Finds keys in the user's own settings of Claude Code, those for the project among them.
pub fn keys_of_user(env: &EnvVars, home: &Path, project: &Path) -> Vec<StrayKey> {
    let mut found = vec![];
    let own = claude_dir(env, home);
    let settings = [own.join("settings.json"), own.join("settings.local.json"), project.join(LOCAL_SETTINGS)];
    for file in settings {
        let value = cli_json::value(&file, FILE_BYTES_MAX);
        let variables =
            paying_variables().filter(|key| value["env"].get(key).is_some()).map(|key| format!("env.{key}"));
        let helper = value.get("apiKeyHelper").map(|_| "apiKeyHelper".to_owned());
        found.extend(variables.chain(helper).map(|name| StrayKey { file: file.clone(), name }));
    }
    found.dedup();
    found
}

fn dotenv_key(line: &str) -> Option<String> {
    let line = line.trim_start();
    let (name, value) = line.strip_prefix("export ").unwrap_or(line).split_once('=')?;
    let is_key = paying_variables().any(|key| key == name.trim()) && !value.trim().is_empty();
    is_key.then(|| name.trim().to_owned())
}

/// Reads a file; one that cannot be read has nothing to report.
fn read(file: &Path) -> String {
    small_file::read(file, FILE_BYTES_MAX).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn keys_in_a_projects_files_are_found_and_their_values_never_kept() {
        let dir = tempfile::tempdir().unwrap();
        let project = dir.path().join("project");
        fs::create_dir_all(project.join(".claude")).unwrap();
        fs::write(
            project.join(".env"),
            "# ANTHROPIC_API_KEY=no\nexport ANTHROPIC_API_KEY=sk-1\nANTHROPIC_AUTH_TOKEN=\n",
        )
        .unwrap();
        fs::write(
            project.join(".claude/settings.local.json"),
            r#"{"apiKeyHelper":"cmd","env":{"ANTHROPIC_API_KEY":"sk-2"}}"#,
        )
        .unwrap();
        let env = EnvVars::from_iter(Vec::<(String, String)>::new());
        let mut found = keys_of_project(&project);
        found.extend(keys_of_user(&env, dir.path(), &project));
        let names: Vec<&str> = found.iter().map(|key| key.name.as_str()).collect();
        assert_eq!(names, ["ANTHROPIC_API_KEY", "env.ANTHROPIC_API_KEY", "apiKeyHelper"]);
        assert!(!format!("{found:?}").contains("sk-"));
    }

    /// Seen to fail: the key paid, and nobody was told.
    #[test]
    fn files_with_a_byte_order_mark_or_with_comments_are_read_like_any_other() {
        let dir = tempfile::tempdir().unwrap();
        let env = EnvVars::from_iter(Vec::<(String, String)>::new());
        fs::create_dir_all(dir.path().join(".claude")).unwrap();
        let file = |name: &str, text: &str| fs::write(dir.path().join(".claude").join(name), text).unwrap();
        file(".credentials.json", "\u{feff}{\"claudeAiOauth\":{\"accessToken\":\"t\"}}");
        assert!(matches!(find(&env, dir.path(), || false), Some(Login::File(_))));
        for text in ["\u{feff}{\"apiKeyHelper\":\"cmd\"}", "// mine\n{\"apiKeyHelper\":\"cmd\",}"] {
            file("settings.json", text);
            assert_eq!(keys_of_user(&env, dir.path(), Path::new("/none")).len(), 1, "{text}");
        }
    }

    #[test]
    fn a_login_is_a_token_or_a_filled_credentials_file() {
        let dir = tempfile::tempdir().unwrap();
        let env = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<EnvVars>()
        };
        assert_eq!(find(&env(&[]), dir.path(), || false), None);
        fs::create_dir_all(dir.path().join(".claude")).unwrap();
        fs::write(dir.path().join(".claude/.credentials.json"), r#"{"mcpOAuth":{"x":{}}}"#).unwrap();
        assert_eq!(find(&env(&[]), dir.path(), || false), None, "another login in the same file is none");
        assert_eq!(find(&env(&[("CLAUDE_CODE_OAUTH_TOKEN", "t")]), dir.path(), || false), Some(Login::Token));
        let moved = dir.path().join("elsewhere");
        fs::create_dir_all(&moved).unwrap();
        fs::write(moved.join(".credentials.json"), r#"{"claudeAiOauth":{"accessToken":"t"}}"#).unwrap();
        let there = env(&[("CLAUDE_CONFIG_DIR", moved.to_str().unwrap())]);
        assert_eq!(find(&there, dir.path(), || false), Some(Login::File(moved.join(".credentials.json"))));
    }
}
