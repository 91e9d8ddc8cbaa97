//! Hooks of Claude Code: what is answered to its events, and what is recorded of them. Decided without IO.
//!
//! In reading order: `input` (an event as the CLI tells it) · `mode` (how far we go in this session) · `prompt` and
//! `delegation` (the two decisions) · `answer` (what the CLI reads) · `fact` (what is kept) · `ran` (what a transcript shows).

pub mod answer;
pub mod delegation;
pub mod fact;
pub mod input;
pub mod mode;
pub mod prompt;
pub mod ran;
