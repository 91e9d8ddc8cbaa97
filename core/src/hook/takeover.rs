//! One prompt, one run: what the first hook that takes over a prompt leaves for another one that is called for the same
//! prompt.
//!
//! A hook can be registered twice (by the plugin and by hand, or by two sources of plugins); the CLI then calls both at
//! the same moment. The id of the run is chosen before it starts, so that the second hook can name it at once.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::input::HookInput;
use crate::ids::RunId;

/// How long the same words count as the same prompt if the CLI gives it no id. Hooks of one prompt are called at the
/// same moment and live for five seconds at most; if the same words are sent later, they are meant anew.
const SAME_WORDS_FOR: SignedDuration = SignedDuration::from_secs(10);

/// A prompt that is done by a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Takeover {
    /// The run.
    pub run_id: RunId,
    /// When the prompt was taken over.
    pub at: Timestamp,
    /// How far the run's start has come.
    pub stage: Stage,
}

/// How far the start of a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It is being started, or the process that was starting it died.
    Starting,
    /// Its driver has it.
    Begun,
}

/// Returns a name for a prompt that is safe as a file name, even if the ids are untrusted.
///
/// The hash of the words counts as well: a message in the middle of a turn shares the turn's id, and is still a request
/// of its own.
pub fn name(input: &HookInput, request_hash: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in [Some(input.session.as_str()), input.prompt_id.as_deref(), Some(request_hash)] {
        // With its length, no part can pass for the end of another; a missing id has a length that no id can have.
        let length = part.map_or(u64::MAX, |part| part.len() as u64);
        hasher.update(&length.to_le_bytes()).update(part.unwrap_or_default().as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

/// Returns whether a takeover with that name belongs to an earlier prompt.
pub fn is_over(earlier: &Takeover, input: &HookInput, now: Timestamp) -> bool {
    input.prompt_id.is_none() && now.duration_since(earlier.at).abs() > SAME_WORDS_FOR
}

/// Returns the message for the user whose prompt is done by a run. `who` names the agent and the reason, if known.
pub fn run_notice(run: &RunId, who: Option<&str>) -> String {
    let who = who.map(|who| format!(": {who}")).unwrap_or_default();
    format!(
        "pointsman does this by itself{who}, as run {run}. `pointsman runs logs -f {run}` follows it, `pointsman runs show {run}` has \
         the answer; a script that needs answer and exit code calls `pointsman run` instead. With `~ ` in front of a prompt pointsman \
         stays out of it."
    )
}

/// Returns the message for the user if a run was started but not heard of since. It may be at work, so the prompt must
/// not continue as well.
pub fn no_sign_notice(run: &RunId) -> String {
    format!(
        "pointsman began run {run} for this and did not hear of it: `pointsman runs show {run}` says whether it is there. If it is not, \
         send the prompt again."
    )
}
