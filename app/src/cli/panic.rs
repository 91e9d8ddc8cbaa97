//! A panic is a bug, and is reported like every other failure: with a code, a hint, and its own exit code.

use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook};
use std::sync::{Mutex, PoisonError};

use pointsman_core::error_code::ErrorCode;

use super::exit::Failure;

/// The message and location of the last panic.
static LAST: Mutex<Option<String>> = Mutex::new(None);

/// Runs `work`; a panic in it becomes a failure.
///
/// The default panic message is suppressed: a panic that is caught further in (a failing router) does not concern the
/// user, and one that gets here is reported once.
pub fn caught<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    set_hook(Box::new(remember));
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(failure()))
}

fn remember(info: &PanicHookInfo<'_>) {
    let payload = info.payload();
    let literal = payload.downcast_ref::<&str>().copied();
    let said = literal.or(payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no words");
    let place = info.location().map(|at| format!(" ({}:{})", at.file(), at.line())).unwrap_or_default();
    *LAST.lock().unwrap_or_else(PoisonError::into_inner) = Some(format!("{said}{place}"));
}

fn failure() -> Failure {
    let said = LAST.lock().unwrap_or_else(PoisonError::into_inner).take();
    let said = said.unwrap_or_else(|| "nothing is known".to_owned());
    let hint =
        "please report it with `pointsman doctor -o json`; a run that was under way is ended by the next one";
    Failure::new(ErrorCode::Panicked, format!("this is a bug of pointsman: {said}"), hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_failure_that_says_where() {
        let failure = caught::<()>(|| panic!("the floor is gone")).unwrap_err();
        assert_eq!(failure.code, ErrorCode::Panicked);
        assert_eq!(failure.exit_code(), 70);
        assert!(failure.message.contains("the floor is gone (app/src/cli/panic.rs:"), "{}", failure.message);
        let _ = std::panic::take_hook();
    }
}
