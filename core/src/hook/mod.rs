//! Hooks of Claude Code: what is answered to its events, and what is recorded of them. Decided without IO.
//!
//! In reading order: `input` (an event as the CLI tells it) · `mode` (how far we go in this session) · `prompt` (with `reply`) and
//! `delegation` (the two decisions) · `takeover` (one prompt, one run) · `note` (what is remembered of a prompt) · `answer` (what the CLI reads) · `fact` (what is kept) · `ran` (what a transcript shows).

pub mod answer;
pub mod delegation;
pub mod fact;
pub mod input;
pub mod mode;
pub mod note;
pub mod prompt;
pub mod reply;
pub mod takeover;
pub mod transcript;

/// Tells whether a matcher of the CLI's settings means a tool: a regular expression on the whole name; none means every tool.
pub fn matcher_means(matcher: &str, tool: &str) -> bool {
    let matcher = matcher.trim();
    if matches!(matcher, "" | "*") {
        return true;
    }
    // One that cannot be read is none of the CLI's either.
    regex::Regex::new(&format!("^(?:{matcher})$")).is_ok_and(|matcher| matcher.is_match(tool))
}
