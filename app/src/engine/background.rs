//! Driving a run in a process of its own.

use std::io;

use crate::process::detach;

/// Starts this program again under a verb, hands it an order, and returns the first line that it prints.
pub fn start(verb: &str, order: &[u8]) -> io::Result<String> {
    detach::start(&std::env::current_exe()?, verb, order)
}

/// Leaves the session of whoever started us.
pub fn leave_session() -> io::Result<()> {
    detach::leave_session()
}
