//! The command line for `claude`.

use std::collections::BTreeMap;

use crate::adapter::invocation::{AgentSession, Invocation, Order};
use crate::agent::{Agent, AgentHooks};

/// The environment variable that sets how often the CLI itself retries an API call.
const RETRIES: &str = "CLAUDE_CODE_MAX_RETRIES";

/// Returns how often: never, because there is one retry layer and it is ours. With a fallback model the CLI must see an
/// overloaded service three times before it falls back (seen on 2.1.197 and 2.1.330).
fn retries(agent: &Agent) -> &'static str {
    if agent.fallback_model.is_some() { "3" } else { "0" }
}

/// Builds the command. No word of the prompt is an argument, and neither is the nonce.
///
/// A CLI that is not known to be a supported version gets only the flags that every stream-json version has; the
/// contract is then sent along with the prompt.
pub fn invocation(order: &Order<'_>) -> Invocation {
    let (program, fixed) = order.agent.command.split_first().expect("checked by the catalog: never empty");
    let mut args = fixed.to_vec();
    args.extend(["-p", "--output-format", "stream-json", "--verbose"].map(str::to_owned));
    let mut flag = |name: &str, value: String| args.extend([name.to_owned(), value]);
    flag("--model", order.agent.model.clone());
    match order.session {
        AgentSession::New(id) => flag("--session-id", id.to_string()),
        // The only thing that an agent said on a command line: a UUID, and bound to its flag, so that it never is one.
        AgentSession::Resume(id) => args.push(format!("--resume={id}")),
    }
    let mut flag = |name: &str, value: String| args.extend([name.to_owned(), value]);
    // Always passed: without it the settings files decide, the repository's among them.
    flag("--permission-mode", order.permission_mode.as_str().to_owned());
    if let Some(name) = &order.agent.cli_agent {
        flag("--agent", name.clone());
    }
    if order.agent.hooks == AgentHooks::Disable {
        flag("--settings", r#"{"disableAllHooks":true}"#.to_owned());
    }
    // As one argument: the option takes a list, and would swallow the arguments after it as well.
    args.extend(order.agent.allow_tools.iter().map(|rule| format!("--allowedTools={rule}")));
    let mut flag = |name: &str, value: String| args.extend([name.to_owned(), value]);
    let can = super::capabilities(order.version);
    if can.holds_limits {
        if let Some(model) = &order.agent.fallback_model {
            flag("--fallback-model", model.clone());
        }
        if let Some(turns) = order.max_turns {
            flag("--max-turns", turns.to_string());
        }
        if let Some(usd) = order.max_usd {
            // Rounded to the millionth: what is left of a budget is a difference, and differences have long tails.
            flag("--max-budget-usd", ((usd * 1e6).round() / 1e6).to_string());
        }
    }
    if can.takes_system_prompt {
        flag("--append-system-prompt-file", order.contract_file.to_string_lossy().into_owned());
    }
    if can.keeps_first_system_prompt {
        // On every call of a session: otherwise the first contract is sent again, and this one's nonce never arrives.
        args.extend(["--system-prompt-snapshot", "off"].map(str::to_owned));
    }
    if can.streams_deltas {
        args.push("--include-partial-messages".to_owned());
    }
    let prompt = as_text(order.prompt);
    let stdin = if can.takes_system_prompt { prompt } else { format!("{prompt}\n\n{}", order.contract) };
    let env = BTreeMap::from([(RETRIES.to_owned(), retries(order.agent).to_owned())]);
    Invocation { program: program.clone(), args, env, cwd: order.cwd.to_owned(), stdin }
}

/// Returns the prompt in a form that the CLI does not take for a slash command.
///
/// A `/` makes a command only as the very first character (2.1.197 and 2.1.330); after a line break it is text.
fn as_text(prompt: &str) -> String {
    if prompt.starts_with('/') { format!("\n{prompt}") } else { prompt.to_owned() }
}

#[cfg(test)]
mod tests;
