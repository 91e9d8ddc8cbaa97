//! What the user is told about us in a session: one line.

use pointsman_core::hook::answer::HookAnswer;
use pointsman_core::redact::redact;

use super::error::HookError;
use crate::plain_text::one_line;

/// The longest cause that the user is told in a session, in characters.
const NOTICE_CHARS_MAX: usize = 300;

/// Returns one line for the user: what pointsman does, and what is wrong.
pub fn notice(does: &str, what: &str) -> String {
    let line = one_line(&redact(what), NOTICE_CHARS_MAX);
    format!("pointsman {does} ({line}); `pointsman doctor` says more")
}

/// Adds a notice if something failed: an answer stands even if something is broken or nothing can be recorded.
pub fn with_notice(answer: HookAnswer, done: Result<(), HookError>) -> HookAnswer {
    match done {
        Ok(()) => answer,
        Err(error) => {
            HookAnswer { notice: Some(notice("goes on without a part of it", &error.to_string())), ..answer }
        }
    }
}
