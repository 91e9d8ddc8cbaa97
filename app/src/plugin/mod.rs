//! The plugin in Claude Code's settings: shows what would change, installs it, and removes it again.
//!
//! The CLI's own commands do the work. Because they rewrite the settings in their own format, and have been seen to
//! drop keys that they consider superfluous, everything is rehearsed first in a scratch directory: what is shown is
//! what will be. Uninstalling restores the bytes from before or, if others have written since, removes exactly our
//! keys.
//!
//! Reading order: `Plugin` here · `render` (the folder with the program's own path) · `settings` (the bytes of settings
//! files) · `conflicting_hooks` (others that would rewrite the same input).

pub mod conflicting_hooks;
mod render;
mod settings;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pointsman_core::agent::Catalog;
use pointsman_core::redact::redact;
use serde::{Deserialize, Serialize};

use crate::process::call::{self, CallError};
use crate::store::private;
use settings::Marketplace;

/// The name of both the marketplace and the plugin.
pub const NAME: &str = "pointsman";

/// The CLI's name for the plugin.
pub const ID: &str = "pointsman@pointsman";

/// The CLI needs a second or two for each command.
const CLI_LIMIT: Duration = Duration::from_secs(60);

/// Where the plugin is enabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InstallScope {
    /// In every session of the user.
    User,
    /// In the sessions of one project, for everybody who works on it.
    Project,
}

impl InstallScope {
    /// Returns the CLI's word.
    pub fn as_str(self) -> &'static str {
        match self {
            InstallScope::User => "user",
            InstallScope::Project => "project",
        }
    }
}

/// Why the plugin cannot be installed, removed or inspected.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// A command of the CLI failed.
    #[error("`{command}` failed: {why}")]
    Cli {
        /// The command, for display.
        command: String,
        /// Its output.
        why: String,
    },
    /// A file cannot be read or written.
    #[error("`{}`: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A settings file is not JSON, so our keys cannot be removed.
    #[error("`{}` is not JSON: {what}", path.display())]
    NotJson {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
}

/// Everything that installing the plugin involves.
pub struct Plugin {
    /// The CLI.
    pub claude: PathBuf,
    /// The environment for its commands.
    pub env: BTreeMap<String, String>,
    /// The directory of Claude Code's settings.
    pub config_dir: PathBuf,
    /// The project.
    pub project: PathBuf,
    /// The directory of the rendered plugin and our receipts.
    pub data: PathBuf,
    /// This program.
    pub own_program: PathBuf,
    /// The agents of the settings.
    pub catalog: Catalog,
}

/// A settings file as it is and as it would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The file.
    pub path: PathBuf,
    /// Its current contents; `None` if it does not exist.
    pub before: Option<String>,
    /// Its contents after the change.
    pub after: Option<String>,
}

impl Change {
    /// Returns whether anything is different.
    pub fn is_any(&self) -> bool {
        self.before != self.after
    }

    /// Returns the difference as a unified diff.
    pub fn as_text(&self) -> String {
        let (before, after) =
            (self.before.as_deref().unwrap_or_default(), self.after.as_deref().unwrap_or_default());
        let diff = similar::TextDiff::from_lines(before, after).unified_diff().context_radius(2).to_string();
        // Settings may hold keys, and what is shown ends up in logs.
        redact(&diff).into_owned()
    }
}

/// What was there before the plugin was installed, so that it can be restored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Receipt {
    version: u32,
    scope: InstallScope,
    files: Vec<KeptFile>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct KeptFile {
    path: PathBuf,
    before: Option<String>,
    /// The blake3 hash of what our installation left there; absent while it has not finished.
    after: Option<String>,
}

/// The result of uninstalling.
#[derive(Debug, Default)]
pub struct Uninstalled {
    /// Files that are restored byte for byte.
    pub restored: Vec<PathBuf>,
    /// Files from which only our keys were removed.
    pub edited: Vec<PathBuf>,
    /// Errors of the CLI's own commands.
    pub trouble: Vec<PluginError>,
}

/// The version of the receipt's format.
const RECEIPT_VERSION: u32 = 1;

impl Plugin {
    /// Returns the directory of the rendered plugin.
    pub fn folder(&self) -> PathBuf {
        self.data.join("plugin")
    }

    /// Returns whether the rendered plugin is that of this program.
    pub fn is_up_to_date(&self) -> bool {
        let folder = self.folder();
        let is_there = |name: &str, text: &str| {
            std::fs::read_to_string(folder.join(name)).is_ok_and(|there| there == text)
        };
        render::files(&self.own_program, &self.catalog).iter().all(|(name, text)| is_there(name, text))
    }

    /// Renders the plugin; returns whether anything differed from what was there.
    pub fn render(&self) -> Result<bool, PluginError> {
        let folder = self.folder();
        let is_new = !self.is_up_to_date();
        for (name, text) in render::files(&self.own_program, &self.catalog) {
            let path = folder.join(name);
            let written = path.parent().map_or(Ok(()), std::fs::create_dir_all);
            written
                .and_then(|()| private::replace(&path, text.as_bytes()))
                .map_err(|source| PluginError::File { path, source })?;
        }
        Ok(is_new)
    }

    /// Tries the installation in a scratch directory and returns what it would change.
    pub fn rehearse(&self, scope: InstallScope) -> Result<Vec<Change>, PluginError> {
        let scratch = tempfile::Builder::new()
            .prefix("pointsman-plugin-")
            .tempdir()
            .map_err(|source| PluginError::File { path: PathBuf::from("$TMPDIR"), source })?;
        let (config, project) = (scratch.path().join("config"), scratch.path().join("project"));
        let real = self.files(scope, &self.config_dir, &self.project);
        let copies = self.files(scope, &config, &project);
        let mut before = vec![];
        for (from, to) in real.iter().zip(&copies) {
            let text = read(from)?;
            write(to, text.as_deref())?;
            before.push(text);
        }
        make_dir(&config)?;
        make_dir(&project)?;
        self.install_with(scope, &config, &project)?;
        let changed = real.into_iter().zip(before).zip(&copies);
        changed.map(|((path, before), copy)| Ok(Change { path, before, after: read(copy)? })).collect()
    }

    /// Installs the plugin, and records what was there before.
    pub fn install(&self, scope: InstallScope) -> Result<(), PluginError> {
        let files = self.files(scope, &self.config_dir, &self.project);
        let kept: Vec<Receipt> = self.receipts().iter().filter_map(|path| receipt_at(path)).collect();
        let mut receipt = Receipt { version: RECEIPT_VERSION, scope, files: vec![] };
        for path in &files {
            let earlier =
                kept.iter().flat_map(|kept| &kept.files).filter(|file| file.path == *path).map(as_kept);
            let before = settings::before_us(path, read(path)?, earlier)?;
            receipt.files.push(KeptFile { path: path.clone(), before, after: None });
        }
        // Written before anything is changed: whatever happens in between, the bytes from before are saved.
        self.keep(&receipt)?;
        self.install_with(scope, &self.config_dir, &self.project)?;
        for file in &mut receipt.files {
            file.after = read(&file.path)?.as_deref().map(hash);
        }
        self.keep(&receipt)
    }

    /// Removes the plugin from a scope.
    pub fn uninstall(&self, scope: InstallScope) -> Result<Uninstalled, PluginError> {
        let receipt = self.receipt(scope);
        let marketplace =
            if self.is_installed_elsewhere(scope) { Marketplace::Needed } else { Marketplace::Unneeded };
        let is_last = marketplace == Marketplace::Unneeded;
        let files = self.files_of_uninstall(scope, marketplace);
        let mut left = vec![];
        for path in &files {
            let kept = receipt.iter().flat_map(|receipt| &receipt.files).find(|file| file.path == *path);
            // While another installation needs the marketplace, the state from before it cannot be restored yet.
            let kept = kept.filter(|_| is_last || scope == InstallScope::Project).map(as_kept);
            left.push(settings::without_ours(path, read(path)?.as_deref(), kept, marketplace)?);
        }
        let mut done = Uninstalled::default();
        let uninstall = ["plugin", "uninstall", ID, "--scope", scope.as_str()];
        let remove = ["plugin", "marketplace", "remove", NAME];
        let commands = [Some(&uninstall[..]), is_last.then_some(&remove[..])];
        for args in commands.into_iter().flatten() {
            // The CLI may not know us any more. Only the settings count, and we correct them ourselves.
            done.trouble.extend(self.cli(args, &self.config_dir, &self.project).err());
        }
        for (path, text) in files.iter().zip(left) {
            match text {
                settings::Left::AsBefore(text) => {
                    write(path, text.as_deref())?;
                    done.restored.push(path.clone());
                }
                settings::Left::WithoutOurs(text) => {
                    write(path, Some(&text))?;
                    done.edited.push(path.clone());
                }
            }
        }
        // Nothing needs it any more; if it stayed, only the next installation would find it.
        let _ = std::fs::remove_file(self.receipt_path(scope));
        Ok(done)
    }

    /// Returns whether there is anything of ours to remove from a scope.
    pub fn is_anything_there(&self, scope: InstallScope) -> Result<bool, PluginError> {
        let mut is_there = self.receipt(scope).is_some();
        for path in self.files_of_uninstall(scope, Marketplace::Unneeded) {
            is_there |= settings::has_any(&path, &read(&path)?.unwrap_or_default())?;
        }
        Ok(is_there)
    }

    /// Returns the files that uninstalling touches: the user's own only if no other installation needs the marketplace
    /// in it.
    fn files_of_uninstall(&self, scope: InstallScope, marketplace: Marketplace) -> Vec<PathBuf> {
        let files = self.files(scope, &self.config_dir, &self.project);
        if marketplace == Marketplace::Unneeded || scope == InstallScope::User {
            files
        } else {
            files.into_iter().skip(1).collect()
        }
    }

    /// Returns whether the plugin is installed in another scope, or in another project.
    fn is_installed_elsewhere(&self, scope: InstallScope) -> bool {
        let own = self.receipt_path(scope);
        let mut others =
            self.receipts().into_iter().filter(|path| *path != own).filter_map(|path| receipt_at(&path));
        // A project may be gone, and an installation may have stopped half-way: only a file that enables the plugin
        // counts.
        let is_on = |file: &KeptFile| {
            let text = read(&file.path).ok().flatten().unwrap_or_default();
            settings::has_ours(&file.path, &text).unwrap_or(false)
        };
        others.any(|receipt| receipt.files.last().is_some_and(is_on))
    }

    /// Returns the paths of the receipts of all installations.
    fn receipts(&self) -> Vec<PathBuf> {
        let is_receipt = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("installed-") && name.ends_with(".json")
        };
        let entries = std::fs::read_dir(&self.data).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).filter(is_receipt).collect()
    }

    /// Returns, file by file, whether our keys are in the settings.
    pub fn status(&self, scope: InstallScope) -> Result<Vec<(PathBuf, bool)>, PluginError> {
        let files = self.files(scope, &self.config_dir, &self.project);
        files
            .into_iter()
            .map(|path| {
                let text = read(&path)?.unwrap_or_default();
                let has_ours = settings::has_ours(&path, &text)?;
                Ok((path, has_ours))
            })
            .collect()
    }

    /// Returns the settings files that an installation touches. A marketplace's path is specific to the user, so it is
    /// never written into a project.
    fn files(&self, scope: InstallScope, config_dir: &Path, project: &Path) -> Vec<PathBuf> {
        let user = config_dir.join("settings.json");
        match scope {
            InstallScope::User => vec![user],
            InstallScope::Project => vec![user, project.join(".claude/settings.json")],
        }
    }

    fn install_with(
        &self,
        scope: InstallScope,
        config_dir: &Path,
        project: &Path,
    ) -> Result<(), PluginError> {
        let folder = self.folder();
        let folder = folder.to_string_lossy();
        self.cli(&["plugin", "marketplace", "add", &folder], config_dir, project)?;
        self.cli(&["plugin", "install", ID, "--scope", scope.as_str()], config_dir, project)
    }

    fn cli(&self, args: &[&str], config_dir: &Path, project: &Path) -> Result<(), PluginError> {
        let mut env = self.env.clone();
        // Set only if it differs: the CLI keeps more files in a directory that it is told about.
        if config_dir != self.config_dir {
            env.insert("CLAUDE_CONFIG_DIR".to_owned(), config_dir.to_string_lossy().into_owned());
        }
        env.insert("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC".to_owned(), "1".to_owned());
        let failed = |why: String| PluginError::Cli { command: format!("claude {}", args.join(" ")), why };
        match call::run(&self.claude, args, &env, project, CLI_LIMIT) {
            Ok(said) if said.is_success => Ok(()),
            Ok(said) if said.text.is_empty() => Err(failed("it said nothing".to_owned())),
            Ok(said) => Err(failed(said.text)),
            Err(CallError::Io(error)) => Err(failed(error.to_string())),
            Err(CallError::TooLong) => Err(failed("it did not end within a minute".to_owned())),
        }
    }

    fn receipt_path(&self, scope: InstallScope) -> PathBuf {
        let name = match scope {
            InstallScope::User => "user".to_owned(),
            InstallScope::Project => {
                let hash = blake3::hash(self.project.as_os_str().as_encoded_bytes()).to_hex();
                format!("project-{}", &hash[..16])
            }
        };
        self.data.join(format!("installed-{name}.json"))
    }

    fn receipt(&self, scope: InstallScope) -> Option<Receipt> {
        receipt_at(&self.receipt_path(scope))
    }

    fn keep(&self, receipt: &Receipt) -> Result<(), PluginError> {
        let path = self.receipt_path(receipt.scope);
        let bytes = serde_json::to_vec(receipt).expect("plain data has a JSON form");
        let kept = std::fs::create_dir_all(&self.data).and_then(|()| private::replace(&path, &bytes));
        kept.map_err(|source| PluginError::File { path, source })
    }
}

fn receipt_at(path: &Path) -> Option<Receipt> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

fn as_kept(file: &KeptFile) -> settings::KeptSettings<'_> {
    settings::KeptSettings { before: file.before.as_deref(), after_hash: file.after.as_deref() }
}

fn hash(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

fn read(path: &Path) -> Result<Option<String>, PluginError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(PluginError::File { path: path.to_owned(), source }),
    }
}

/// Writes a settings file in place, so that its owner, mode and links are kept; `None` removes it.
fn write(path: &Path, text: Option<&str>) -> Result<(), PluginError> {
    let done = match text {
        Some(text) => {
            path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(path, text))
        }
        None => match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        },
    };
    done.map_err(|source| PluginError::File { path: path.to_owned(), source })
}

fn make_dir(path: &Path) -> Result<(), PluginError> {
    std::fs::create_dir_all(path).map_err(|source| PluginError::File { path: path.to_owned(), source })
}
