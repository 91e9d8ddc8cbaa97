//! Any command that reads a prompt on standard input and writes its answer as text.
//!
//! Such a stream has no sessions, limits or models: the answer is all the text, and the end of the process is the end
//! of the answer.

use std::collections::BTreeMap;

use super::capabilities::{Capabilities, CostSpan, Support};
use super::event::AgentEvent;
use super::invocation::{Invocation, Order};

/// What every such command can do: read and write.
pub const CAPABILITIES: Capabilities = Capabilities {
    announces_result: false,
    names_models: false,
    resumes: false,
    has_permissions: false,
    holds_limits: false,
    streams_deltas: false,
    takes_system_prompt: false,
    keeps_first_system_prompt: false,
    cost_when_resumed: CostSpan::Process,
    prompt_bytes_max: None,
    support: Support::Supported,
};

/// Builds the command: as configured, with the prompt and the output contract on standard input.
pub fn invocation(order: &Order<'_>) -> Invocation {
    let (program, args) = order.agent.command.split_first().expect("checked by the catalog: never empty");
    Invocation {
        program: program.clone(),
        args: args.to_vec(),
        env: BTreeMap::new(),
        cwd: order.cwd.to_owned(),
        stdin: format!("{}\n\n{}", order.prompt, order.contract),
    }
}

/// Reads one line: all of it is part of the answer.
pub fn decode(line: &str) -> Vec<AgentEvent> {
    vec![AgentEvent::Text { text: format!("{line}\n") }]
}
