//! Keeps agents out of this process as far as one user id allows.
//!
//! An agent runs as the same user. Without this it could attach to us, or take our end of a control pipe through
//! `/proc`, and say in our shim's name that it has ended.

use std::sync::Arc;

/// Closes this process to other processes of the same user: no debugger, no memory, no descriptors by way of `/proc`.
/// A program that it starts is open again.
///
/// This is not a wall: with the rights of an administrator, all of it is possible still.
#[cfg(target_os = "linux")]
pub(super) fn keep_others_out() {
    // It can only fail on a kernel that does not know it, where there is nothing else to do.
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

/// Closes this process to other processes of the same user; on this system debuggers need consent anyway.
#[cfg(not(target_os = "linux"))]
pub(super) fn keep_others_out() {}

/// Keeps the descriptors that this program was started with, other than the standard streams, from all programs that it
/// starts: a caller may have left a lock, a socket or a key file open.
pub fn keep_descriptors_from_children() {
    close_fds::set_fds_cloexec(3, &[]);
}

/// Makes a file that may not grow (`ulimit -f`) an error like that of a full disk, and not the end of this process. A
/// program that it starts is ended as ever.
pub fn outlive_a_limit_on_files() {
    // It can only fail for signals that nobody may handle.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default());
}
