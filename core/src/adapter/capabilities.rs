//! What a CLI can do, by adapter and version: asked instead of its name.

use super::invocation::CliVersion;

/// What a CLI can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Its stream ends with a result event. Where it does not, a silent start is normal and the end of the
    /// process is the end of the answer.
    pub announces_result: bool,
    /// It names the models that answer, and counts tokens.
    pub names_models: bool,
    /// It has sessions that can be resumed.
    pub resumes: bool,
    /// It limits by itself what its agent may do.
    pub has_permissions: bool,
    /// It holds to a limit of turns and of cost.
    pub holds_limits: bool,
    /// It tells text and usage while an answer grows.
    pub streams_deltas: bool,
    /// It takes a system prompt from a file.
    pub takes_system_prompt: bool,
    /// It sends the system prompt of a session's first call on every later one, unless it is told not to.
    pub keeps_first_system_prompt: bool,
    /// What the cost in its results is summed over, in a session that was resumed.
    pub cost_when_resumed: CostSpan,
    /// The longest prompt that it reads, in bytes.
    pub prompt_bytes_max: Option<usize>,
    /// Whether this version is one that we support.
    pub support: Support,
}

/// What the cost in a result is summed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CostSpan {
    /// What this process spent, or it says this process's share.
    Process,
    /// Everything that the session ever spent, and no share: this process's part cannot be read from it.
    Session,
}

/// Whether a version is supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// Everything that is used here was seen to work.
    Supported,
    /// It did not tell its version.
    Unknown,
    /// It is older than the oldest supported one.
    TooOld {
        /// The oldest supported version.
        oldest: CliVersion,
        /// What it is not held to where it is run all the same, in words.
        not_held: &'static str,
    },
}
