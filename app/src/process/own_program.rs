//! This program, to be started again as a shim or as a driver in the background; and the path by which others should
//! call it.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::probe;

/// The kernel's link to the running program. It leads to the very same program even if its file was replaced by an
/// upgrade or removed.
const RUNNING_PROGRAM: &str = "/proc/self/exe";

/// This program: how to start it, and what to call it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OwnProgram {
    /// The file to start.
    pub(super) file: PathBuf,
    /// Its name in the process list.
    pub(super) name: PathBuf,
}

impl OwnProgram {
    /// Determines how to start our own program, whose path is given.
    pub(super) fn of(path: &Path) -> OwnProgram {
        let running = Path::new(RUNNING_PROGRAM);
        // The link itself is checked: what it leads to may not have a name any more.
        let file = if running.is_symlink() { running } else { path };
        OwnProgram { file: file.to_owned(), name: path.to_owned() }
    }

    /// The same for another process, for which `self` would mean itself: it works as long as we live.
    pub(super) fn file_for_others(&self) -> PathBuf {
        if self.file == Path::new(RUNNING_PROGRAM) {
            PathBuf::from(format!("/proc/{}/exe", std::process::id()))
        } else {
            self.file.clone()
        }
    }
}

/// Returns the path by which others should call this program, for as long as possible: installers keep each version in a
/// directory of its own, and a link that an update leads elsewhere (`~/bin/NAME` to `../Cellar/1.0/bin/NAME`).
///
/// `called_as` is the first word of the command line, `real` the program's own file. A link counts only if it leads to this
/// very program: the one that was called, else the first on the search path.
pub fn lasting_path(called_as: &Path, env: &BTreeMap<String, String>, cwd: &Path, real: &Path) -> PathBuf {
    let on_search_path = |name: &Path| probe::find_program(name.file_name()?.to_str()?, env, &[]);
    let called = if called_as.components().count() > 1 {
        Some(cwd.join(called_as))
    } else {
        on_search_path(called_as)
    };
    let candidates: Vec<PathBuf> = [called, on_search_path(real)].into_iter().flatten().collect();
    let is_link = |path: &&PathBuf| path.canonicalize().is_ok_and(|resolved| resolved != **path);
    let same: Vec<&PathBuf> = candidates.iter().filter(|path| is_same_file(path, real)).collect();
    same.iter().copied().find(is_link).map_or_else(|| real.to_owned(), PathBuf::clone)
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    let file = |path: &Path| path.metadata().map(|meta| (meta.dev(), meta.ino()));
    matches!((file(one), file(other)), (Ok(one), Ok(other)) if one == other)
}

/// Names this process after the program; the kernel would name it `exe`, after the link.
#[cfg(target_os = "linux")]
pub(super) fn name_process() {
    // The name is only informative; nothing depends on it.
    let _ = rustix::thread::set_name(c"pointsman");
}

/// Names this process after the program; on this system that happens by itself.
#[cfg(not(target_os = "linux"))]
pub(super) fn name_process() {}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn program(path: &Path) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Seen to fail with the program's own file, which an update removes, and with any program of the same name.
    #[test]
    fn a_link_to_this_very_program_outlasts_an_update_and_any_other_is_not_trusted() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        let (real, other) = (dir.join("Cellar/1.0/bin/tool"), dir.join("other/tool"));
        program(&real);
        program(&other);
        fs::create_dir(dir.join("bin")).unwrap();
        fs::create_dir(dir.join("dead")).unwrap();
        let (link, dead) = (dir.join("bin/tool"), dir.join("dead/tool"));
        symlink("../Cellar/1.0/bin/tool", &link).unwrap();
        symlink("../gone", &dead).unwrap();
        // Links to whole directories, as profiles are.
        symlink("Cellar/1.0", dir.join("profile")).unwrap();
        let by_profile = dir.join("profile/bin/tool");
        let nowhere = Path::new("/nowhere");
        for (called_as, search_path, expected) in [
            (link.as_path(), nowhere, &link),
            (Path::new("tool"), &dir.join("bin"), &link),
            (Path::new("bin/tool"), nowhere, &link),
            (&by_profile, nowhere, &by_profile),
            (&real, nowhere, &real),
            (&real, &dir.join("bin"), &link),
            (Path::new("tool"), &dir.join("other"), &real),
            (&other, nowhere, &real),
            (&dead, nowhere, &real),
            (Path::new(""), nowhere, &real),
        ] {
            let env = BTreeMap::from([("PATH".to_owned(), search_path.display().to_string())]);
            let found = lasting_path(called_as, &env, &dir, &real);
            assert_eq!(&found, expected, "{} on {}", called_as.display(), search_path.display());
        }
    }
}
