//! The plugin in Claude Code's settings: shows what would change, installs it, and removes it again.
//!
//! The CLI's own commands do the work. Because they rewrite the settings in their own format, and have been seen to
//! drop keys that they consider superfluous, everything is rehearsed first in a scratch directory: what is shown is
//! what will be. Uninstalling restores the bytes from before or, if others have written since, removes exactly our
//! keys.
//!
//! Reading order: `Plugin` here · `render` (the folder with the program's own path) · `settings` (the bytes of settings
//! files) · `files` (those files on the disk) · `receipt` (what was there before) · `seen` (all settings that count in a
//! place) · `conflicting_hooks` (others that would rewrite the same input) · `sessions` (which sessions the CLI had).

pub mod conflicting_hooks;
mod files;
mod receipt;
mod render;
pub mod seen;
pub mod sessions;
mod settings;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use pointsman_core::agent::Catalog;
use pointsman_core::redact::redact;
use serde::{Deserialize, Serialize};

use crate::process::call::{self, CallError};
use crate::store::private;
use files::{read, read_leniently, write};
use receipt::{KeptFile, Receipt};
use settings::{Left, Marketplace};

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
    /// A settings file has comments, so the CLI reads nothing of it.
    #[error("`{}` has comments or trailing commas: Claude Code takes nothing from such a file", path.display())]
    Commented {
        /// The file.
        path: PathBuf,
    },
    /// A settings file may not be written.
    #[error("`{}` is read-only{}", path.display(), led_to(path, target))]
    ReadOnly {
        /// The file.
        path: PathBuf,
        /// Where it leads, if it is a link.
        target: PathBuf,
    },
}

/// Says where a link leads.
fn led_to(path: &Path, target: &Path) -> String {
    if path == target { String::new() } else { format!(": it is a link to `{}`", target.display()) }
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

/// Whether an installation is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Installed {
    /// It is not, or not wholly.
    No,
    /// By an earlier call of ours.
    ByUs,
    /// By whoever makes the settings, which we may not write.
    ByOthers,
}

/// Whether the rendered folder is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Folder {
    /// It is not, so the CLI has no hooks of ours.
    Missing,
    /// It is that of another version or of other settings.
    OutOfDate,
    /// It is that of this program.
    UpToDate,
}

impl Plugin {
    /// Returns the directory of the rendered plugin.
    pub fn folder(&self) -> PathBuf {
        self.data.join("plugin")
    }

    /// Returns our keys as they stand in settings.
    pub fn keys(&self) -> String {
        settings::ours(&self.folder())
    }

    /// Returns the state of the rendered folder.
    pub fn folder_state(&self) -> Folder {
        let folder = self.folder();
        if !folder.join(render::HOOKS_JSON).is_file() {
            return Folder::Missing;
        }
        let is_there = |name: &str, text: &str| {
            std::fs::read_to_string(folder.join(name)).is_ok_and(|there| there == text)
        };
        let files = render::files(&self.own_program, &self.catalog);
        match files.iter().all(|(name, text)| is_there(name, text)) {
            true => Folder::UpToDate,
            false => Folder::OutOfDate,
        }
    }

    /// Renders the plugin; returns the names of the files that were not there like that.
    pub fn render(&self) -> Result<Vec<String>, PluginError> {
        let folder = self.folder();
        let mut renewed = vec![];
        for (name, text) in render::files(&self.own_program, &self.catalog) {
            let path = folder.join(&name);
            if std::fs::read_to_string(&path).is_ok_and(|there| there == text) {
                continue;
            }
            let written = path.parent().map_or(Ok(()), std::fs::create_dir_all);
            written
                .and_then(|()| private::replace(&path, text.as_bytes()))
                .map_err(|source| PluginError::File { path, source })?;
            renewed.push(name);
        }
        Ok(renewed)
    }

    /// Returns whether an installation is there, and nothing is to be done but to render.
    pub fn installed(&self, scope: InstallScope) -> Result<Installed, PluginError> {
        let files = self.files(scope, &self.config_dir, &self.project);
        let (Some(user), Some(last)) = (files.first(), files.last()) else { return Ok(Installed::No) };
        let (user_text, text) = (read_leniently(user)?, read_leniently(last)?);
        let is_there =
            settings::knows_folder(user, &user_text, &self.folder())? && settings::has_ours(last, &text)?;
        Ok(match self.receipt(scope) {
            _ if !is_there => Installed::No,
            Some(receipt) if receipt.is_finished() => Installed::ByUs,
            Some(_) | None if files.iter().any(|file| files::may_be_written(file)) => Installed::No,
            Some(_) | None => Installed::ByOthers,
        })
    }

    /// Checks that every settings file of an installation can be changed by the CLI and by us. Changes nothing.
    pub fn check(&self, scope: InstallScope) -> Result<(), PluginError> {
        self.files(scope, &self.config_dir, &self.project).iter().try_for_each(|path| files::check(path))
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
        self.install_with(scope, &config, &project)
            .map_err(|error| of_the_real_files(error, &copies, &real))?;
        let changed = real.into_iter().zip(before).zip(&copies);
        changed.map(|((path, before), copy)| Ok(Change { path, before, after: read(copy)? })).collect()
    }

    /// Installs the plugin, and records what was there before. If the CLI fails, all is as it was.
    pub fn install(&self, scope: InstallScope) -> Result<(), PluginError> {
        let files = self.files(scope, &self.config_dir, &self.project);
        let kept: Vec<Receipt> =
            receipt::all(&self.data).iter().filter_map(|path| receipt::read(path)).collect();
        let (mut receipt, earlier) = (Receipt::new(scope), self.receipt(scope));
        let mut at_start = vec![];
        for path in &files {
            let known = kept.iter().flat_map(|kept| &kept.files).filter(|file| file.path == *path);
            let now = read(path)?;
            let before = settings::before_us(path, now.clone(), known.map(KeptFile::as_kept))?;
            receipt.files.push(KeptFile { path: path.clone(), before, after: None });
            at_start.push(now);
        }
        // Written before anything is changed: whatever happens in between, the bytes from before are saved.
        let receipt_path = self.receipt_path(scope);
        receipt::keep(&receipt_path, &receipt)?;
        if let Err(error) = self.install_with(scope, &self.config_dir, &self.project) {
            self.undo(scope, &files, &at_start, earlier.as_ref());
            return Err(error);
        }
        for file in &mut receipt.files {
            file.after = read(&file.path)?.as_deref().map(hash);
        }
        receipt::keep(&receipt_path, &receipt)
    }

    /// Undoes an installation that failed half-way. Where that fails too the receipt stays, for uninstalling.
    fn undo(
        &self,
        scope: InstallScope,
        files: &[PathBuf],
        at_start: &[Option<String>],
        earlier: Option<&Receipt>,
    ) {
        let changed =
            |(path, before): &(&PathBuf, &Option<String>)| !matches!(read(path), Ok(now) if now == **before);
        let mut changed = files.iter().zip(at_start).filter(changed).peekable();
        if changed.peek().is_some() && !self.is_installed_elsewhere(scope) && earlier.is_none() {
            // What the CLI keeps besides its settings; these are restored in any case.
            let _ = self.cli(&["plugin", "marketplace", "remove", NAME], &self.config_dir, &self.project);
        }
        if !changed.all(|(path, before)| write(path, before.as_deref()).is_ok()) {
            return;
        }
        let path = self.receipt_path(scope);
        // What stays says only what is still there.
        let _ = match earlier {
            Some(earlier) => receipt::keep(&path, earlier).map_err(io::Error::other),
            None => std::fs::remove_file(path),
        };
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
            let kept = kept.filter(|_| is_last || scope == InstallScope::Project).map(KeptFile::as_kept);
            let now = read(path)?;
            let becomes = settings::without_ours(path, now.as_deref(), kept, marketplace)?;
            if becomes.text() != now.as_deref() && !files::may_be_written(path) {
                return Err(PluginError::ReadOnly { path: path.clone(), target: files::target(path) });
            }
            left.push((path, now, becomes));
        }
        let mut done = Uninstalled::default();
        if files.iter().all(|path| files::may_be_written(path)) {
            let uninstall = ["plugin", "uninstall", ID, "--scope", scope.as_str()];
            let remove = ["plugin", "marketplace", "remove", NAME];
            let commands = [Some(&uninstall[..]), is_last.then_some(&remove[..])];
            for args in commands.into_iter().flatten() {
                // The CLI may not know us any more. Only the settings count, and we correct them ourselves.
                done.trouble.extend(self.cli(args, &self.config_dir, &self.project).err());
            }
        }
        for (path, now, becomes) in left {
            if read(path)?.as_deref() != becomes.text() {
                write(path, becomes.text())?;
            }
            self.tell_others(scope, path, now.as_deref(), becomes.text())?;
            match becomes {
                _ if becomes.text() == now.as_deref() => {}
                Left::AsBefore(_) => done.restored.push(path.clone()),
                Left::WithoutOurs(_) => done.edited.push(path.clone()),
            }
        }
        // Nothing needs it any more; if it stayed, only the next installation would find it.
        let _ = std::fs::remove_file(self.receipt_path(scope));
        if is_last {
            done.trouble.extend(self.remove_folder().err());
        }
        Ok(done)
    }

    /// Tells the receipts of other installations what a file that they know has become by our own hand: they still restore
    /// it, byte for byte, when their turn comes.
    fn tell_others(
        &self,
        scope: InstallScope,
        path: &Path,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Result<(), PluginError> {
        let own = self.receipt_path(scope);
        let (from, to) = (from.map(hash), to.map(hash));
        let is_known = |file: &KeptFile| file.path == path && file.after.is_some() && file.after == from;
        let known = receipt::all(&self.data).into_iter().filter_map(|at| Some((receipt::read(&at)?, at)));
        let known: Vec<(Receipt, PathBuf)> = known.collect();
        if !known.iter().any(|(receipt, _)| receipt.files.iter().any(is_known)) {
            return Ok(());
        }
        for (mut receipt, at) in known.into_iter().filter(|(_, at)| *at != own) {
            for file in receipt.files.iter_mut().filter(|file| file.path == path && file.after.is_some()) {
                file.after.clone_from(&to);
            }
            receipt::keep(&at, &receipt)?;
        }
        Ok(())
    }

    /// Removes the rendered folder.
    pub fn remove_folder(&self) -> Result<(), PluginError> {
        let path = self.folder();
        match std::fs::remove_dir_all(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(PluginError::File { path, source })
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Returns when the plugin was installed here, for the user or for the project: the later of the two.
    pub fn installed_at(&self) -> Option<SystemTime> {
        let at = |scope| std::fs::metadata(self.receipt_path(scope)).ok()?.modified().ok();
        [InstallScope::User, InstallScope::Project].into_iter().filter_map(at).max()
    }

    /// Returns whether there is anything of ours to remove from a scope.
    pub fn is_anything_there(&self, scope: InstallScope) -> Result<bool, PluginError> {
        let mut is_there = self.receipt(scope).is_some();
        for path in self.files_of_uninstall(scope, Marketplace::Unneeded) {
            is_there |= settings::has_any(&path, &read_leniently(&path)?)?;
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
        let others = receipt::all(&self.data).into_iter().filter(|path| *path != own);
        others.filter_map(|path| receipt::read(&path)).any(|receipt| receipt.is_on())
    }

    /// Returns, file by file, whether our keys are in the settings.
    pub fn status(&self, scope: InstallScope) -> Result<Vec<(PathBuf, bool)>, PluginError> {
        let files = self.files(scope, &self.config_dir, &self.project);
        files
            .into_iter()
            .map(|path| {
                let text = read_leniently(&path)?;
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
        receipt::read(&self.receipt_path(scope))
    }
}

/// Returns what the CLI said of copies of files as said of the files themselves.
fn of_the_real_files(error: PluginError, copies: &[PathBuf], real: &[PathBuf]) -> PluginError {
    let PluginError::Cli { command, mut why } = error else { return error };
    for (copy, real) in copies.iter().zip(real) {
        // The CLI may name it by its path without links.
        let resolved = copy.canonicalize().unwrap_or_else(|_| copy.clone());
        for name in [&resolved, copy] {
            why = why.replace(&*name.to_string_lossy(), &real.to_string_lossy());
        }
    }
    PluginError::Cli { command, why }
}

fn hash(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

fn make_dir(path: &Path) -> Result<(), PluginError> {
    std::fs::create_dir_all(path).map_err(|source| PluginError::File { path: path.to_owned(), source })
}
