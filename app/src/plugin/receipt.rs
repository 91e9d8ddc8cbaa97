//! Receipts: what was there before an installation, so that it can be restored.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::settings::KeptSettings;
use super::{InstallScope, PluginError, files, settings};
use crate::store::private;

/// The version of the form.
const RECEIPT_VERSION: u32 = 1;

/// What an installation found and left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    version: u32,
    /// Where the plugin was switched on.
    pub scope: InstallScope,
    /// The settings files, the one that switches it on last.
    pub files: Vec<KeptFile>,
}

/// One settings file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptFile {
    /// The file.
    pub path: PathBuf,
    /// Its text before; `None` if it did not exist.
    pub before: Option<String>,
    /// The blake3 hash of what our installation left there; absent while it has not finished.
    pub after: Option<String>,
}

impl KeptFile {
    /// Returns it as `settings` takes it.
    pub fn as_kept(&self) -> KeptSettings<'_> {
        KeptSettings { before: self.before.as_deref(), after_hash: self.after.as_deref() }
    }
}

impl Receipt {
    /// Begins one.
    pub fn new(scope: InstallScope) -> Receipt {
        Receipt { version: RECEIPT_VERSION, scope, files: vec![] }
    }

    /// Returns whether its installation came to its end.
    pub fn is_finished(&self) -> bool {
        self.files.iter().all(|file| file.after.is_some())
    }

    /// Returns whether the plugin is still switched on by it. A project may be gone, and an installation may have stopped
    /// half-way: only a file that enables the plugin counts.
    pub fn is_on(&self) -> bool {
        self.files.last().is_some_and(|file| {
            let text = files::read_leniently(&file.path).unwrap_or_default();
            settings::has_ours(&file.path, &text).unwrap_or(false)
        })
    }
}

/// Returns the receipt in a file.
pub fn read(path: &Path) -> Option<Receipt> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

/// Writes a receipt.
pub fn keep(path: &Path, receipt: &Receipt) -> Result<(), PluginError> {
    let bytes = serde_json::to_vec(receipt).expect("plain data has a JSON form");
    let dir = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    let kept = dir.and_then(|()| private::replace(path, &bytes));
    kept.map_err(|source| PluginError::File { path: path.to_owned(), source })
}

/// Returns the paths of the receipts of all installations.
pub fn all(data: &Path) -> Vec<PathBuf> {
    let is_receipt = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("installed-") && name.ends_with(".json")
    };
    let entries = std::fs::read_dir(data).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(is_receipt).collect()
}
