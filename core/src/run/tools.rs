//! Which tool calls of an attempt ran, which were denied, and whether the denied ones were the work itself.
//!
//! Decided from tool events alone, never from what the agent says about them: an agent may call anything done.

use serde::{Deserialize, Serialize};

use crate::adapter::event::{DeniedCall, ToolCall, ToolPurpose};
use crate::ids::StreamId;

/// The most calls that are remembered individually; of older ones only whether they did any work.
const CALLS_MAX: usize = 512;

/// The most denied calls that are listed.
const DENIED_MAX: usize = 64;

/// A tool call that was not allowed, as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denied {
    /// The tool's name.
    pub tool: String,
    /// What it was called with, in one line: the command, the file, the address. Empty if not reported.
    pub what: String,
}

impl std::fmt::Display for Denied {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&call_in_words(&self.tool, &self.what))
    }
}

/// Returns a tool call on one line, as a rule of the CLI would name it: `Bash(cargo test)`.
pub fn call_in_words(tool: &str, what: &str) -> String {
    if what.is_empty() { tool.to_owned() } else { format!("{tool}({what})") }
}

/// The tool calls of one attempt, in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ToolLog {
    calls: Vec<Call>,
    /// How many calls there were.
    pub count: u64,
    /// Whether a call that is no longer remembered did work.
    worked_before: bool,
}

#[derive(Debug, Clone, PartialEq)]
struct Call {
    id: Option<StreamId>,
    tool: String,
    what: String,
    purpose: ToolPurpose,
    state: CallState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CallState {
    /// It was made. If a stream does not report the ends of calls, it stays so: nothing speaks against it.
    Made,
    Failed,
    Denied,
}

impl ToolLog {
    /// Adds a call.
    pub fn call(&mut self, call: &ToolCall) {
        self.count += 1;
        self.remember(Call {
            id: call.id.clone(),
            tool: call.tool.clone(),
            what: call.what.clone(),
            purpose: call.purpose,
            state: CallState::Made,
        });
    }

    /// Records that a call failed. A denied call ends as a failure, too, and stays denied.
    pub fn failed(&mut self, id: &StreamId) {
        if let Some(call) = self.find(id).filter(|call| call.state == CallState::Made) {
            call.state = CallState::Failed;
        }
    }

    /// Records that a call was not allowed. A denial that is reported twice counts once.
    pub fn deny(&mut self, denied: &DeniedCall) {
        if let Some(call) = denied.id.as_ref().and_then(|id| self.find(id)) {
            call.state = CallState::Denied;
            if let Some(what) = denied.what.as_ref().filter(|_| call.what.is_empty()) {
                call.what.clone_from(what);
            }
            return;
        }
        // A call that was never seen: what it was for is not known unless the denial says so.
        if denied.tool.is_empty() {
            return;
        }
        self.remember(Call {
            id: denied.id.clone(),
            tool: denied.tool.clone(),
            what: denied.what.clone().unwrap_or_default(),
            purpose: denied.purpose.unwrap_or(ToolPurpose::Inspect),
            state: CallState::Denied,
        });
    }

    /// Returns the denied calls, each once.
    pub fn denied(&self) -> Vec<Denied> {
        let mut all: Vec<Denied> = vec![];
        for call in self.calls.iter().filter(|call| call.state == CallState::Denied) {
            let denied = Denied { tool: call.tool.clone(), what: call.what.clone() };
            if all.len() < DENIED_MAX && !all.contains(&denied) {
                all.push(denied);
            }
        }
        all
    }

    /// Returns whether the denied calls were the work itself: something that changes or runs was denied, nothing that
    /// changes or runs was done, and after the last such denial the agent got nothing more done at all.
    pub fn was_denied_its_work(&self) -> bool {
        let is_denied_work =
            |call: &Call| call.state == CallState::Denied && call.purpose == ToolPurpose::Work;
        let Some(last_denial) = self.calls.iter().rposition(is_denied_work) else { return false };
        let done = |call: &Call| call.state == CallState::Made;
        let worked = self.worked_before
            || self.calls.iter().any(|call| done(call) && call.purpose == ToolPurpose::Work);
        let went_on =
            self.calls[last_denial..].iter().any(|call| done(call) && call.purpose != ToolPurpose::Arrange);
        !worked && !went_on
    }

    fn find(&mut self, id: &StreamId) -> Option<&mut Call> {
        self.calls.iter_mut().rev().find(|call| call.id.as_ref() == Some(id))
    }

    fn remember(&mut self, call: Call) {
        if self.calls.len() == CALLS_MAX {
            let oldest = self.calls.remove(0);
            self.worked_before |= oldest.state == CallState::Made && oldest.purpose == ToolPurpose::Work;
        }
        self.calls.push(call);
    }
}

#[cfg(test)]
mod tests;
