//! This program, to be started again as a shim or as a driver in the background.

use std::path::{Path, PathBuf};

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

/// Names this process after the program; the kernel would name it `exe`, after the link.
#[cfg(target_os = "linux")]
pub(super) fn name_process() {
    // The name is only informative; nothing depends on it.
    let _ = rustix::thread::set_name(c"pointsman");
}

/// Names this process after the program; on this system that happens by itself.
#[cfg(not(target_os = "linux"))]
pub(super) fn name_process() {}
