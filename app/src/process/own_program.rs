//! This program, to be started again: a shim, or a driver in the background.

use std::path::{Path, PathBuf};

/// The link by which the kernel knows the program that runs. It leads to the very same program even where its file
/// was replaced by an upgrade, or is gone.
const RUNNING_PROGRAM: &str = "/proc/self/exe";

/// This program as it can be started, and as it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OwnProgram {
    /// What is started.
    pub(super) file: PathBuf,
    /// What it calls itself in the list of processes.
    pub(super) name: PathBuf,
}

impl OwnProgram {
    /// Finds out how the program of this path, which is ours, is started again.
    pub(super) fn of(path: &Path) -> OwnProgram {
        let running = Path::new(RUNNING_PROGRAM);
        // Asked of the link itself: what it leads to need not have a name any more.
        let file = if running.is_symlink() { running } else { path };
        OwnProgram { file: file.to_owned(), name: path.to_owned() }
    }

    /// The same for another process, for which `self` would be itself: it works as long as we live.
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
    // A name is for people who look; nothing depends on it.
    let _ = rustix::thread::set_name(c"pointsman");
}

/// Names this process after the program; here the system does that.
#[cfg(not(target_os = "linux"))]
pub(super) fn name_process() {}
