//! The first config file: every setting, commented out, so that removing the `#` activates a line.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::load::DEFAULTS;

/// Why the file was not written.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The file already exists.
    #[error("`{}` exists already", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The system refused.
    #[error("`{}` cannot be written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Writes the commented config file into the config directory and returns its path. Never overwrites.
pub fn write_user_config(config_dir: &Path) -> Result<PathBuf, InitError> {
    let path = config_dir.join(super::load::USER_FILE);
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AlreadyExists => InitError::Exists { path: path.clone() },
        _ => InitError::Write { path: path.clone(), source },
    };
    DirBuilder::new().recursive(true).mode(0o700).create(config_dir).map_err(failed)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(failed)?;
    file.write_all(commented_defaults().as_bytes()).map_err(failed)?;
    Ok(path)
}

/// Returns the defaults with every setting commented out. Prose starts with `##`, so that `#` marks a setting.
pub fn commented_defaults() -> String {
    let comment = |line: &str| match line {
        "" => String::new(),
        line if is_optional_setting(line) => line.to_owned(),
        line if line.starts_with('#') => format!("#{line}"),
        line => format!("# {line}"),
    };
    DEFAULTS.lines().map(|line| comment(line) + "\n").collect()
}

/// Returns the defaults with the settings that have no default activated.
#[cfg(test)]
pub(super) fn with_optional_settings() -> String {
    let switch_on = |line: &str| match line.strip_prefix("# ").filter(|_| is_optional_setting(line)) {
        Some(setting) => format!("{setting}\n"),
        None => format!("{line}\n"),
    };
    DEFAULTS.lines().map(switch_on).collect()
}

/// Distinguishes `# max_turns = 40` from prose.
fn is_optional_setting(line: &str) -> bool {
    line.strip_prefix("# ")
        .and_then(|text| text.split_once(" = "))
        .is_some_and(|(key, _)| !key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use pointsman_core::toml_text::node::Node;
    use pointsman_core::toml_text::place::{Source, SourceKind};

    use super::*;
    use crate::config::load::decode;

    #[test]
    fn the_first_file_changes_nothing_and_gives_the_defaults_when_uncommented() {
        let text = commented_defaults();
        assert!(text.lines().all(|line| line.is_empty() || line.starts_with('#')));
        let on: String = text
            .lines()
            .map(|line| if line.starts_with("##") { "" } else { line.trim_start_matches("# ") })
            .map(|line| line.to_owned() + "\n")
            .collect();
        let parse = |text: &str| Node::parse(&Source::new(SourceKind::User, "c.toml", text)).unwrap();
        assert_eq!(decode(&parse(&on)).unwrap(), decode(&parse(&with_optional_settings())).unwrap());
    }

    #[test]
    fn an_existing_file_is_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("deep/config");
        let path = write_user_config(&config).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, "mine").unwrap();
        assert!(matches!(write_user_config(&config), Err(InitError::Exists { .. })));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
    }
}
