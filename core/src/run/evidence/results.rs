//! Which of several results counts.

use crate::adapter::event::{AgentResult, EndKind};
use crate::run::contract;

/// The results of one process: the one that counts, and how the last one compares with it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Results {
    counting: Option<(Worth, AgentResult)>,
    failed_later: bool,
}

/// The worth of a result. A later one replaces an earlier one that is worth no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Worth {
    /// It reports that the turn failed.
    Failure,
    /// It claims an answer, but there is none.
    Nothing,
    /// A bare "Done."
    Acknowledgement,
    /// An answer.
    Answer,
}

impl Results {
    /// Adds a result. `cli_text` is what the CLI said in place of an answer, `witness` the text of the main thread
    /// after its last tool call, which is used if the result itself has no text.
    pub(super) fn add(&mut self, result: &AgentResult, cli_text: Option<&str>, witness: Option<&str>) {
        let mut result = result.clone();
        let worth = if result.end == EndKind::Answered {
            // The CLI's own text is not an answer, wherever it appears.
            let is_of_cli = |text: &String| cli_text.is_some_and(|said| said.trim() == text.trim());
            let said = result.text.take().filter(|text| !text.trim().is_empty() && !is_of_cli(text));
            result.text = said.or_else(|| witness.map(str::to_owned));
            worth_of(result.text.as_deref())
        } else {
            Worth::Failure
        };
        self.failed_later = self.counting.is_some() && worth == Worth::Failure;
        if self.counting.as_ref().is_none_or(|(counting, _)| worth >= *counting) {
            self.failed_later = false;
            self.counting = Some((worth, result));
        }
    }

    /// Returns the result that counts.
    pub(super) fn counting(&self) -> Option<&AgentResult> {
        self.counting.as_ref().map(|(_, result)| result)
    }

    /// Returns whether the last result is a failure, and another one counts.
    pub(super) fn failed_later(&self) -> bool {
        self.failed_later
    }
}

fn worth_of(text: Option<&str>) -> Worth {
    match text.map(contract::check) {
        None | Some(Err(contract::Breach::Empty)) => Worth::Nothing,
        Some(Err(contract::Breach::BareAcknowledgement)) => Worth::Acknowledgement,
        Some(Ok(())) => Worth::Answer,
    }
}
