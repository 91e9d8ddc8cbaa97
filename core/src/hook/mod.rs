//! Hooks of Claude Code: what is answered to its events, and what is recorded of them. Decided without IO.
//!
//! In reading order: `input` (an event as the CLI reports it, read by `lenient_json`) · `mode` (how far we go in this session) · `prompt` and
//! `delegation` (the two decisions; `kind` knows kinds of subagents) · `takeover` (one prompt, one run) · `note` (what is remembered about
//! a prompt) · `answer` (what the CLI reads) · `fact` (what is recorded) · `transcript` (what really ran).

pub mod answer;
pub mod delegation;
pub mod fact;
pub mod input;
pub mod kind;
mod lenient_json;
pub mod mode;
pub mod note;
pub mod prompt;
pub mod takeover;
pub mod transcript;

/// Returns whether a matcher in the CLI's settings matches a tool: a regular expression on the whole name; an empty one
/// matches every tool.
pub fn matcher_means(matcher: &str, tool: &str) -> bool {
    let matcher = matcher.trim();
    if matches!(matcher, "" | "*") {
        return true;
    }
    // The CLI cannot use an invalid one either.
    regex::Regex::new(&format!("^(?:{matcher})$")).is_ok_and(|matcher| matcher.is_match(tool))
}
