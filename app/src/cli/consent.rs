//! Asking a person before something of theirs is changed.

use pointsman_core::error_code::ErrorCode;

use super::exit::Failure;
use crate::present::output;

/// Whether a person has agreed already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// By `--yes`.
    Given,
    /// They are asked.
    Asked,
}

/// Returns when the person agrees, beforehand or now. `refusal` is what is said to a no.
pub fn obtain(consent: Consent, question: &str, refusal: &str) -> Result<(), Failure> {
    if consent == Consent::Given {
        return Ok(());
    }
    if !output::somebody_is_there() {
        return Err(Failure::new(
            ErrorCode::NobodyToAsk,
            "nobody is at the terminal to say yes",
            "`--yes` says it beforehand",
        ));
    }
    if output::ask(question) { Ok(()) } else { Err(Failure::bare(ErrorCode::SaidNo, refusal)) }
}
