//! What a tool call of the CLI is for, by its name and input: whether it works, looks, or arranges.

use crate::adapter::event::ToolPurpose;
use crate::adapter::fields::{Fields, one_line};
use crate::adapter::shell_words;

/// The longest description of a call, in characters.
const WHAT_CHARS_MAX: usize = 200;

/// The fields that say best what a call is about; the first that is present counts.
const TELLING: [&str; 9] =
    ["command", "file_path", "notebook_path", "path", "url", "query", "pattern", "skill", "description"];

/// Returns what a call is for and what it is about, in one line.
pub(super) fn describe(tool: &str, input: Option<&Fields<'_>>) -> (ToolPurpose, String) {
    let text = |field: &str| input.and_then(|input| input.text(field));
    let what = TELLING.into_iter().find_map(text).unwrap_or_default();
    let purpose = match tool {
        "Bash" | "PowerShell" => shell_purpose(&text("command").unwrap_or_default()),
        "Edit" | "MultiEdit" | "Write" | "NotebookEdit" => ToolPurpose::Work,
        "TodoWrite" | "TodoRead" | "TaskCreate" | "TaskUpdate" | "TaskList" | "TaskGet" => ToolPurpose::Note,
        "Read"
        | "Glob"
        | "Grep"
        | "LS"
        | "NotebookRead"
        | "WebFetch"
        | "WebSearch"
        | "BashOutput"
        | "LSP"
        | "ListMcpResourcesTool"
        | "ReadMcpResourceTool" => ToolPurpose::Inspect,
        _ => match tool.strip_prefix("mcp__").and_then(|rest| rest.rsplit("__").next()) {
            Some(name) => mcp_purpose(name),
            None => ToolPurpose::Arrange,
        },
    };
    (purpose, one_line(&what))
}

/// Returns the rules that would allow a denied call and little more, if there are such.
pub(super) fn rules_for(tool: &str, what: &str) -> Vec<String> {
    match tool {
        // Of a longer command the end is not known.
        "Bash" if what.chars().count() >= WHAT_CHARS_MAX => vec![],
        "Bash" => shell_words::rule_bodies(what).iter().map(|body| format!("Bash({body})")).collect(),
        _ if tool.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)) => vec![tool.to_owned()],
        _ => vec![],
    }
}

/// Returns what a shell command is for. One that is not reported counts as looking, so that it is not held against the
/// agent.
fn shell_purpose(command: &str) -> ToolPurpose {
    if command.is_empty() || shell_words::only_reads(command) {
        ToolPurpose::Inspect
    } else {
        ToolPurpose::Work
    }
}

/// Returns what an MCP tool is for, which only its name can tell: few verbs mean looking, all others may change
/// something.
fn mcp_purpose(name: &str) -> ToolPurpose {
    const LOOKING: [&str; 11] =
        ["get", "list", "read", "search", "find", "query", "fetch", "show", "describe", "view", "look"];
    let first = name.split(|c: char| !c.is_alphanumeric()).find(|word| !word.is_empty()).unwrap_or_default();
    let first = first.to_lowercase();
    if LOOKING.iter().any(|verb| first.starts_with(verb)) { ToolPurpose::Inspect } else { ToolPurpose::Work }
}
