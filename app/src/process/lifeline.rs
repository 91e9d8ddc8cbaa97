//! The lifeline (control pipe) between a supervisor and its shim: the order, the commands that follow it, and what
//! comes back.
//!
//! It is a socket pair. The order is one line of JSON, commands are single bytes, and the end of the stream means that
//! the supervisor died. One byte goes the other way, if processes of the tree cannot be ended. How the agent ended is
//! written to a file, which outlives both.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use pointsman_core::adapter::invocation::Invocation;
use pointsman_core::run::end::Exit;
use serde::{Deserialize, Serialize};

/// The version of the order's format. A shim either does exactly what it is told, or reports that it cannot.
pub const ORDER_VERSION: u32 = 1;

/// The version of an order that states none. The previous release wrote such orders: its drivers start shims from their
/// program file, which an upgrade replaces. Their format is that of the first version.
fn unversioned() -> u32 {
    1
}

/// Everything that a shim is told.
#[derive(Debug, Serialize, Deserialize)]
pub struct ShimOrder {
    /// The version of this format.
    #[serde(default = "unversioned")]
    pub version: u32,
    /// What to spawn.
    pub invocation: Invocation,
    /// The directory for the records.
    pub dir: PathBuf,
    /// The time that the agent has between the polite signal and the kill.
    pub stop_grace: Duration,
}

impl ShimOrder {
    /// Reads an order of the only known version; the contents of any other may mean something else.
    pub fn read(line: &[u8]) -> io::Result<ShimOrder> {
        #[derive(Deserialize)]
        struct Versioned {
            #[serde(default = "unversioned")]
            version: u32,
        }
        match serde_json::from_slice::<ShimOrder>(line) {
            Ok(order) if order.version == ORDER_VERSION => Ok(order),
            read => {
                let found = serde_json::from_slice::<Versioned>(line).map(|order| order.version);
                match (found, read) {
                    (Ok(ORDER_VERSION), Err(error)) => Err(error.into()),
                    (Ok(version), _) => Err(io::Error::other(format!(
                        "an order of version {version} came from another pointsman, and this one knows version {ORDER_VERSION} only"
                    ))),
                    (Err(error), _) => Err(error.into()),
                }
            }
        }
    }
}

/// A command on the lifeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LifelineCommand {
    /// Polite signal, grace, kill.
    Stop,
    /// Kill at once.
    Kill,
}

impl LifelineCommand {
    /// Returns the byte that stands for the command.
    pub fn byte(self) -> u8 {
        match self {
            LifelineCommand::Stop => b's',
            LifelineCommand::Kill => b'k',
        }
    }
}

/// The byte by which the shim reports that the record is written and that processes are left that it cannot end.
pub const LEAK_NOTE: u8 = b'l';

/// The name of the exit record in the attempt's directory.
pub const EXIT_RECORD: &str = "exit.json";

/// The name of the record of the agent's identity, to find the agent by after the shim died.
pub const AGENT_RECORD: &str = "agent.json";

/// How the agent ended, as the shim saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitRecord {
    /// How the process ended.
    pub exit: Exit,
    /// How many other processes of its tree were alive and had to be killed.
    pub leaked_count: u32,
    /// How many processes of its tree could not be ended: the shim stays until they are gone.
    #[serde(default)]
    pub unended_count: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seen to fail with the version not checked.
    #[test]
    fn an_order_of_another_version_is_refused_whatever_else_it_says() {
        for line in [r#"{"version":2,"steps":["from the future"]}"#, r#"{"version":0}"#] {
            let error = ShimOrder::read(line.as_bytes()).unwrap_err().to_string();
            assert!(error.contains("another pointsman"), "{error}");
        }
        let same_form = ShimOrder {
            version: 7,
            invocation: crate::process::scripted::an_invocation(),
            dir: PathBuf::new(),
            stop_grace: Duration::ZERO,
        };
        let line = serde_json::to_vec(&same_form).unwrap();
        assert!(ShimOrder::read(&line).unwrap_err().to_string().contains("version 7"));
        let known = ShimOrder { version: ORDER_VERSION, ..same_form };
        assert!(ShimOrder::read(&serde_json::to_vec(&known).unwrap()).is_ok());
        // As the previous release wrote it.
        let mut without = serde_json::to_value(&known).unwrap();
        without.as_object_mut().unwrap().remove("version");
        assert!(ShimOrder::read(&serde_json::to_vec(&without).unwrap()).is_ok());
        let broken = ShimOrder::read(br#"{"version":1,"dir":7}"#).unwrap_err().to_string();
        assert!(!broken.contains("another pointsman"), "{broken}");
    }
}
