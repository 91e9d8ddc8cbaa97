//! What a person's own transcripts of Claude Code show: who answered, what it cost about, and where the router would
//! have sent the same prompts. Only counts come out of here; no word of a prompt does.
//!
//! In reading order: `line` (one line as a record) · `reading` (the lines of one file) · `counts` (what all files add
//! up to, in whatever order they are read) · `model_name` (whether a model is the one that was asked for) · `report`
//! (the figures and the estimate).
//!
//! The forms are those of versions 2.0 to 2.1.332. Everything in a transcript is untrusted: a line may be torn, of any
//! length, or lie.

pub mod counts;
mod line;
mod model_name;
pub mod reading;
pub mod report;

#[cfg(test)]
mod tests;
