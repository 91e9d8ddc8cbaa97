//! What the kernel says of a process.

use std::fs;

/// Returns the most memory that a process ever had, in KiB; `None` if it is gone.
pub fn peak_memory_kib(pid: i32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}
