//! The command line for `claude`.

use std::collections::BTreeMap;

use serde_json::json;

use crate::adapter::invocation::{AgentSession, CallSettings, Invocation, Order, Secrecy};
use crate::agent::{Agent, AgentHooks};
use crate::ids::AgentName;
use crate::repo_settings::containment::{Containment, Servers, SettingSources};

/// The environment variable that sets how often the CLI itself retries an API call.
const RETRIES: &str = "CLAUDE_CODE_MAX_RETRIES";

/// Returns how often: never, because there is one retry layer and it is ours. With a fallback model the CLI must see an
/// overloaded service three times before it falls back (seen on 2.1.197 and 2.1.330).
fn retries(agent: &Agent) -> &'static str {
    if agent.fallback_model.is_some() { "3" } else { "0" }
}

/// The variable that has the CLI read the memory files (`CLAUDE.md`, rules) of a directory given by `--add-dir`.
const MEMORY_OF_ADDED_DIRS: &str = "CLAUDE_CODE_ADDITIONAL_DIRECTORIES_CLAUDE_MD";

/// The longest settings that are passed as an argument. Linux limits one argument to 128 KiB.
const ARGUMENT_BYTES_MAX: usize = 32 * 1024;

/// Returns the settings of a call: what overrides the repository's, and what the operator wants of hooks.
/// `environment` is the agent's.
pub fn settings(
    agent: &Agent,
    containment: &Containment,
    environment: &BTreeMap<String, String>,
) -> Option<CallSettings> {
    let mut environment = environment.clone();
    environment.insert(RETRIES.to_owned(), retries(agent).to_owned());
    let mut settings = containment.settings(&environment);
    if agent.hooks == AgentHooks::Disable {
        settings.insert("disableAllHooks".to_owned(), json!(true));
    }
    if settings.is_empty() {
        return None;
    }
    let is_filled = |value: &serde_json::Value| value.as_str().is_some_and(|text| !text.is_empty());
    let variables = settings.get("env").and_then(serde_json::Value::as_object).into_iter().flatten();
    let holds_values = variables.map(|(_, value)| value).chain(settings.values()).any(is_filled);
    let text = serde_json::Value::Object(settings).to_string();
    let secrecy =
        if holds_values || text.len() > ARGUMENT_BYTES_MAX { Secrecy::Private } else { Secrecy::Open };
    Some(CallSettings { text, secrecy })
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
    if let Some(settings) = &order.files.settings {
        flag("--settings", settings.clone());
    }
    args.extend(contained(order));
    // As one argument: the option takes a list, and would swallow the arguments after it as well.
    let of_project = order.agent.project_commands.iter().map(|command| format!("Bash({command}:*)"));
    let rules = order.agent.allow_tools.iter().cloned().chain(of_project);
    args.extend(rules.map(|rule| format!("--allowedTools={rule}")));
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
    args.extend(order.passed.args.iter().cloned());
    if can.streams_deltas {
        args.push("--include-partial-messages".to_owned());
    }
    let prompt = as_text(order.prompt);
    let stdin = if can.takes_system_prompt { prompt } else { format!("{prompt}\n\n{}", order.contract) };
    let mut env = BTreeMap::from([(RETRIES.to_owned(), retries(order.agent).to_owned())]);
    if order.containment.sources != SettingSources::All {
        env.insert(MEMORY_OF_ADDED_DIRS.to_owned(), "1".to_owned());
    }
    Invocation { program: program.clone(), args, env, cwd: order.cwd.to_owned(), stdin }
}

/// Returns the flags that leave out what a repository's settings ask for.
///
/// Without the project's settings the CLI reads none of its memory files and agents: the directory is added, which brings
/// the first back, and the agent that runs is handed over.
fn contained(order: &Order<'_>) -> Vec<String> {
    let containment = order.containment;
    let mut flags = vec![];
    let sources = match containment.sources {
        SettingSources::All => None,
        SettingSources::UserAndLocal => Some("user,local"),
        SettingSources::User => Some("user"),
    };
    if let Some(sources) = sources {
        flags.extend(["--setting-sources".to_owned(), sources.to_owned()]);
        // These options take lists: as one argument they swallow nothing.
        flags.push(format!("--add-dir={}", order.cwd.display()));
    }
    if let Servers::OnlyUsers(_) = containment.servers {
        flags.push("--strict-mcp-config".to_owned());
        flags.extend(order.files.servers.iter().map(|file| format!("--mcp-config={}", file.display())));
    }
    flags.extend(order.agent.cli_agent.as_deref().and_then(|name| handed_over(name, containment)));
    flags
}

/// Returns the flag that defines the repository's agent of this name, if it is handed over.
fn handed_over(name: &str, containment: &Containment) -> Option<String> {
    let agent = containment.agents.get(&name.parse::<AgentName>().ok()?)?;
    let mut definition = json!({ "description": agent.description, "prompt": agent.prompt });
    if let Some(tools) = &agent.tools {
        definition["tools"] = json!(tools);
    }
    Some(format!("--agents={}", json!({ name: definition })))
}

/// Returns the prompt in a form that the CLI does not take for a slash command.
///
/// A `/` makes a command only as the very first character (2.1.197 and 2.1.330); after a line break it is text.
fn as_text(prompt: &str) -> String {
    if prompt.starts_with('/') { format!("\n{prompt}") } else { prompt.to_owned() }
}

#[cfg(test)]
mod tests;
