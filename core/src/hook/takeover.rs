//! One prompt, one run: what the first hook that takes a prompt over leaves for another one that hears of the same prompt.
//!
//! A hook can be registered twice (the plugin and a hand-made one, two sources of plugins); the CLI then calls both at the
//! same moment. The id of the run is chosen before it starts, so that the second hook can name it at once.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::input::HookInput;
use crate::ids::RunId;

/// How long the same words are the same prompt where the CLI says no id of it. Hooks of one prompt are called at the same
/// moment and live for five seconds at most; who sends the same words later means them anew.
const SAME_WORDS_FOR: SignedDuration = SignedDuration::from_secs(10);

/// A prompt that a run does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Takeover {
    /// The run.
    pub run_id: RunId,
    /// When the prompt was taken.
    pub at: Timestamp,
    /// Whether the run is there.
    pub stage: Stage,
}

/// How far the start of the run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It is being started, or the process that did that died.
    Starting,
    /// It is in the hands of its driver.
    Begun,
}

/// Returns a name for a prompt that is safe as a file's, whatever ids a stranger made up.
///
/// The words count as well, by their hash: a message in the middle of a turn shares the id of the turn, and is no less a
/// request of its own.
pub fn name(input: &HookInput, request_hash: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in [Some(input.session.as_str()), input.prompt_id.as_deref(), Some(request_hash)] {
        // With its length, no part can pass for the end of another; a missing id is none of any length.
        let length = part.map_or(u64::MAX, |part| part.len() as u64);
        hasher.update(&length.to_le_bytes()).update(part.unwrap_or_default().as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

/// Tells whether a takeover of that name is one of an earlier prompt.
pub fn is_over(earlier: &Takeover, input: &HookInput, now: Timestamp) -> bool {
    input.prompt_id.is_none() && now.duration_since(earlier.at).abs() > SAME_WORDS_FOR
}

/// Returns what a person reads whose prompt a run does. `who` says who does it and why, where that is known.
pub fn told(run: &RunId, who: Option<&str>) -> String {
    let who = who.map(|who| format!(": {who}")).unwrap_or_default();
    format!(
        "pointsman does this by itself{who}, as run {run}. `pointsman runs logs -f {run}` follows it, `pointsman runs show {run}` has \
         the answer; a script that needs answer and exit code calls `pointsman run` instead. With `~ ` in front of a prompt pointsman \
         stays out of it."
    )
}

/// Returns what a person reads where a run was started and nothing was heard of it. It may be at work, so the prompt must
/// not go on as well.
pub fn not_heard_of(run: &RunId) -> String {
    format!(
        "pointsman began run {run} for this and did not hear of it: `pointsman runs show {run}` says whether it is there. If it is not, \
         send the prompt again."
    )
}
