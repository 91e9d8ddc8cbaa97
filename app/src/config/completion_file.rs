//! Where a person's shell looks for completions, and putting them there.

use std::fs::DirBuilder;
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use clap_complete::Shell;

use super::env::{Dirs, EnvVars};

/// The file of a shell's completions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompletionFile {
    /// The shell.
    pub shell: Shell,
    /// The file.
    pub path: PathBuf,
}

impl CompletionFile {
    /// Returns the file for the person's login shell; `None` where that has no such place.
    pub fn find(env: &EnvVars, dirs: &Dirs) -> Option<CompletionFile> {
        let shell = Shell::from_shell_path(env.get("SHELL")?)?;
        // Our directories stand beside those of the shells.
        let (data, config) = (dirs.data.parent()?, dirs.config.parent()?);
        let path = match shell {
            Shell::Bash => data.join("bash-completion/completions/pointsman"),
            Shell::Zsh => data.join("zsh/site-functions/_pointsman"),
            Shell::Fish => config.join("fish/completions/pointsman.fish"),
            _ => return None,
        };
        Some(CompletionFile { shell, path })
    }

    /// Returns whether the file has exactly this text.
    pub fn holds(&self, script: &[u8]) -> bool {
        std::fs::read(&self.path).is_ok_and(|there| there == script)
    }

    /// Writes the file, or replaces it: it is made by a program, and nobody's own.
    pub fn write(&self, script: &[u8]) -> io::Result<()> {
        let dir = self.path.parent().unwrap_or(Path::new("/"));
        DirBuilder::new().recursive(true).mode(0o755).create(dir)?;
        let mut file = tempfile::NamedTempFile::new_in(dir)?;
        file.write_all(script)?;
        file.persist(&self.path)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shell_has_the_file_that_it_looks_for() {
        let found = |shell: &str| {
            let env: EnvVars = [("HOME", "/h"), ("SHELL", shell)].into_iter().collect();
            let dirs = Dirs::find(&env).unwrap();
            CompletionFile::find(&env, &dirs).map(|file| file.path)
        };
        assert_eq!(found("/bin/bash"), Some("/h/.local/share/bash-completion/completions/pointsman".into()));
        assert_eq!(found("/usr/bin/zsh"), Some("/h/.local/share/zsh/site-functions/_pointsman".into()));
        assert_eq!(found("/usr/bin/fish"), Some("/h/.config/fish/completions/pointsman.fish".into()));
        assert_eq!(found("/bin/dash"), None);
        assert_eq!(found(""), None);
    }
}
