//! What a person is told of us in a session: one line.

use pointsman_core::hook::answer::HookAnswer;
use pointsman_core::redact::redact;

use super::error::HookError;
use crate::plain_text::one_line;

/// The longest cause that a person is told in a session.
const NOTICE_CHARS_MAX: usize = 300;

/// One line for the person: what pointsman does, and what is wrong.
pub fn notice(does: &str, what: &str) -> String {
    let line = one_line(&redact(what), NOTICE_CHARS_MAX);
    format!("pointsman {does} ({line}); `pointsman doctor` says more")
}

/// An answer stands even where something is broken or nothing can be recorded; the person hears of it.
pub fn with_notice(answer: HookAnswer, done: Result<(), HookError>) -> HookAnswer {
    match done {
        Ok(()) => answer,
        Err(error) => {
            HookAnswer { notice: Some(notice("goes on without a part of it", &error.to_string())), ..answer }
        }
    }
}
