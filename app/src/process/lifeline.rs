//! The lifeline (control pipe) between a supervisor and its shim: the order, the commands that follow it, and what
//! comes back.
//!
//! It is a socket pair. The order is one line of JSON, commands are single bytes, and the end of the stream means that
//! the supervisor died. One line comes back: how the agent ended. It comes this way and not as a file because an agent
//! can write our files, but has no hold of this socket.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use pointsman_core::adapter::invocation::Invocation;
use pointsman_core::run::end::Exit;
use serde::{Deserialize, Serialize};

use super::identity::ProcessIdentity;

/// The version of the order's format. A shim either does exactly what it is told, or reports that it cannot.
pub const ORDER_VERSION: u32 = 2;

/// The version whose drivers look for the record of the end in a file. They may still be at work after an upgrade, and
/// start shims from their program's file, which it has replaced.
pub const RECORD_IN_FILE_VERSION: u32 = 1;

/// The version of an order that states none: the first.
fn unversioned() -> u32 {
    RECORD_IN_FILE_VERSION
}

/// The versions that a shim understands.
const KNOWN_VERSIONS: [u32; 2] = [RECORD_IN_FILE_VERSION, ORDER_VERSION];

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
    /// Reads an order of a known version; the contents of any other may mean something else.
    pub fn read(line: &[u8]) -> io::Result<ShimOrder> {
        #[derive(Deserialize)]
        struct Versioned {
            #[serde(default = "unversioned")]
            version: u32,
        }
        match serde_json::from_slice::<ShimOrder>(line) {
            Ok(order) if KNOWN_VERSIONS.contains(&order.version) => Ok(order),
            read => {
                let found = serde_json::from_slice::<Versioned>(line).map(|order| order.version);
                match (found, read) {
                    (Ok(version), Err(error)) if KNOWN_VERSIONS.contains(&version) => Err(error.into()),
                    (Ok(version), _) => Err(io::Error::other(format!(
                        "an order of version {version} came from another pointsman, and this one knows version {ORDER_VERSION}"
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

/// The longest record that is read. Real ones have about a hundred bytes, or a few hundred with the words of an error.
pub const RECORD_BYTES_MAX: usize = 64 << 10;

/// The byte by which a driver of the first version is told that processes are left that cannot be ended.
pub const LEAK_NOTE: u8 = b'l';

/// The name of the exit record in the attempt's directory, for drivers of the first version.
pub const EXIT_RECORD: &str = "exit.json";

/// The name of the record of the processes, to find them by when both supervisor and shim are gone.
pub const TREE_RECORD: &str = "tree.json";

/// The processes at the root of an attempt's tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeRecord {
    /// The shim.
    pub shim: ProcessIdentity,
    /// The agent; the shim until there is one.
    pub agent: ProcessIdentity,
}

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
        for line in [r#"{"version":3,"steps":["from the future"]}"#, r#"{"version":0}"#] {
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
