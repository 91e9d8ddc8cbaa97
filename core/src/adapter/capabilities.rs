//! What a CLI can do, by adapter and version: code asks for a capability instead of comparing names.

use super::invocation::CliVersion;

/// What a CLI can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Whether its stream ends with a result event. If not, a silent start is normal and the end of the process is the
    /// end of the answer.
    pub announces_result: bool,
    /// Whether it names the models that answer, and counts tokens.
    pub names_models: bool,
    /// Whether it has sessions that can be resumed.
    pub resumes: bool,
    /// Whether it restricts by itself what its agent may do.
    pub has_permissions: bool,
    /// Whether it enforces limits of turns and of cost.
    pub holds_limits: bool,
    /// Whether it reports text and usage while an answer is still growing.
    pub streams_deltas: bool,
    /// Whether it takes a system prompt from a file.
    pub takes_system_prompt: bool,
    /// Whether it repeats the system prompt of a session's first call on every later one unless told otherwise.
    pub keeps_first_system_prompt: bool,
    /// What the cost in its results is summed over in a resumed session.
    pub cost_when_resumed: CostSpan,
    /// The longest prompt that it reads, in bytes.
    pub prompt_bytes_max: Option<usize>,
    /// Whether this version is supported.
    pub support: Support,
}

/// What the cost in a result is summed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CostSpan {
    /// What this process spent; or the CLI reports this process's share.
    Process,
    /// Everything that the session ever spent, with no share reported: this process's part cannot be derived from it.
    Session,
}

/// Whether a version is supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// Everything that pointsman uses was seen to work.
    Supported,
    /// It did not report its version.
    Unknown,
    /// It is older than the oldest supported one.
    TooOld {
        /// The oldest supported version.
        oldest: CliVersion,
        /// What it does not guarantee when it is run all the same, in words.
        not_held: &'static str,
    },
}
