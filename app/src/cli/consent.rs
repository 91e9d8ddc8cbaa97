//! Asks the user before something of theirs is changed.

use pointsman_core::error_code::ErrorCode;

use super::exit::Failure;
use crate::present::output;

/// Whether the user has already agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// They have, by `--yes`.
    Given,
    /// They have to be asked.
    Asked,
}

/// Returns `Ok` if the user agrees, beforehand or now. `refusal` is the message if they do not.
pub fn obtain(consent: Consent, question: &str, refusal: &str) -> Result<(), Failure> {
    if consent == Consent::Given {
        return Ok(());
    }
    if !output::is_interactive() {
        return Err(Failure::new(
            ErrorCode::NobodyToAsk,
            "nobody is at the terminal to say yes",
            "`--yes` says it beforehand",
        ));
    }
    if output::ask(question) { Ok(()) } else { Err(Failure::bare(ErrorCode::Declined, refusal)) }
}
