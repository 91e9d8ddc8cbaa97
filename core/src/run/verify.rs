//! The user's own check of what an agent did: a command whose exit code is the evidence.

use serde::{Deserialize, Serialize};

use super::end::{Exit, ProcessEnd, StopCause};
use super::judge::Judgement;
use super::outcome::{Outcome, OutcomeClass};

/// The most of a command's output that is kept, in characters: its end, where test programs sum up.
pub const OUTPUT_CHARS_MAX: usize = 4000;

/// What a spec says of verification.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "command")]
pub enum AskedVerification {
    /// As the settings say.
    #[default]
    AsConfigured,
    /// None.
    Off,
    /// With this command.
    Command(String),
}

impl AskedVerification {
    /// Returns whether nothing is asked for.
    pub fn is_as_configured(&self) -> bool {
        *self == AskedVerification::AsConfigured
    }

    /// Returns the command to verify with; `configured` is that of the settings.
    pub fn command(&self, configured: Option<&str>) -> Option<String> {
        match self {
            AskedVerification::AsConfigured => configured.map(str::to_owned),
            AskedVerification::Off => None,
            AskedVerification::Command(command) => Some(command.clone()),
        }
    }
}

/// A verification that was carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// The command.
    pub command: String,
    /// Whether it succeeded.
    pub passed: bool,
    /// Its exit code, if it ended by itself.
    pub exit_code: Option<i32>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// The end of its output, secrets redacted.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub output: String,
}

/// Returns whether an attempt's work is verified: only an answer that would count is.
pub fn is_due(outcome: Outcome) -> bool {
    outcome.class() == OutcomeClass::Usable
}

/// Returns an attempt's judgement after its verification ended so.
///
/// A command that cannot be run is no evidence against the agent: nothing dearer is bought for it.
pub fn judged(judgement: Judgement, command: &str, end: &ProcessEnd) -> Judgement {
    let (outcome, detail) = match (end.stopped, &end.exit) {
        (Some(StopCause::Interrupt), _) => (Outcome::Cancelled, "stopped by Ctrl-C".to_owned()),
        (Some(StopCause::Terminate), _) => (Outcome::Cancelled, "stopped on request".to_owned()),
        (Some(_), _) => (Outcome::VerifyFailed, format!("`{command}` did not end within `verify.timeout`")),
        (None, Exit::Code { code: 0 }) => return judgement,
        (None, Exit::Code { code: code @ (126 | 127) }) => (
            Outcome::Configuration,
            format!("the work cannot be verified: `{command}` cannot be run (exit code {code})"),
        ),
        (None, Exit::Code { code }) => {
            (Outcome::VerifyFailed, format!("`{command}` failed with exit code {code}"))
        }
        (None, Exit::Signal { signal }) => {
            (Outcome::VerifyFailed, format!("`{command}` was ended by signal {signal}"))
        }
        (None, Exit::NotSpawned { message, .. } | Exit::Unfit { message }) => {
            (Outcome::Configuration, format!("the work cannot be verified: {message}"))
        }
        (None, Exit::TooLong { .. } | Exit::Lost) => {
            (Outcome::WorkerLost, format!("the process that watched `{command}` went away"))
        }
    };
    Judgement { outcome, detail, ..judgement }
}

/// Returns the end of a command's output, as far as it is kept.
pub fn end_of(output: &str) -> String {
    let skipped = output.chars().count().saturating_sub(OUTPUT_CHARS_MAX);
    output.chars().skip(skipped).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn end(exit: Exit, stopped: Option<StopCause>) -> ProcessEnd {
        ProcessEnd {
            exit,
            stopped,
            leaked_count: 0,
            duration: Duration::ZERO,
            stderr_tail: String::new(),
            oversized_lines: 0,
        }
    }

    #[test]
    fn the_exit_code_is_the_evidence() {
        let code = |code| end(Exit::Code { code }, None);
        let stopped = |cause| end(Exit::Signal { signal: 9 }, Some(cause));
        for (end, want) in [
            (code(0), Outcome::Completed),
            (code(1), Outcome::VerifyFailed),
            (code(101), Outcome::VerifyFailed),
            (code(126), Outcome::Configuration),
            (code(127), Outcome::Configuration),
            (end(Exit::Signal { signal: 11 }, None), Outcome::VerifyFailed),
            (stopped(StopCause::WallTimeout), Outcome::VerifyFailed),
            (stopped(StopCause::Interrupt), Outcome::Cancelled),
            (stopped(StopCause::Terminate), Outcome::Cancelled),
            (end(Exit::Lost, None), Outcome::WorkerLost),
        ] {
            let judgement = judged(Judgement::new(Outcome::Completed, "answered"), "cargo test", &end);
            assert_eq!(judgement.outcome, want, "{end:?}");
        }
    }

    #[test]
    fn only_an_answer_that_counts_is_verified() {
        let due: Vec<Outcome> = Outcome::ALL.into_iter().filter(|outcome| is_due(*outcome)).collect();
        assert_eq!(due, [Outcome::Completed, Outcome::ModelMismatch]);
    }

    #[test]
    fn a_spec_can_ask_for_another_command_or_for_none() {
        let configured = Some("cargo test");
        assert_eq!(AskedVerification::AsConfigured.command(configured).as_deref(), configured);
        assert_eq!(AskedVerification::AsConfigured.command(None), None);
        assert_eq!(AskedVerification::Off.command(configured), None);
        assert_eq!(AskedVerification::Command("true".into()).command(configured).as_deref(), Some("true"));
    }

    #[test]
    fn of_a_long_output_the_end_is_kept() {
        let long = format!("{}end", "é".repeat(OUTPUT_CHARS_MAX));
        assert!(end_of(&long).ends_with("end") && end_of(&long).chars().count() == OUTPUT_CHARS_MAX);
        assert_eq!(end_of("short"), "short");
    }
}
