//! Driving a run in a process of its own.

use std::io;
use std::path::Path;

use crate::process::detach;
pub use crate::process::detach::READY;

/// Starts this program again under a verb, hands it an order, and returns the first line that it prints.
pub fn start(own_program: &Path, verb: &str, order: &[u8]) -> io::Result<String> {
    detach::start(own_program, verb, order)
}

/// Leaves the session of whoever started us.
pub fn leave_session() -> io::Result<()> {
    detach::leave_session()
}
