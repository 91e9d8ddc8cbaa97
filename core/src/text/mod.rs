//! Text as such: it is divided into the user's own words, quoted ones (`segment`) and what a `client` wrote into it, and
//! into folded words, paths and numbers (`tokens`), and its `language` is detected; `decode` makes it of bytes, `json_text` finds JSON in it. Knows no rule and no agent.

pub mod client;
pub mod decode;
pub mod fence;
pub mod json_text;
pub mod language;
pub mod segment;
pub mod tokens;

/// Returns a number with its noun: `1 run`, `2 runs`.
pub fn counted<N: std::fmt::Display + PartialEq + From<u8>>(count: N, one: &str, many: &str) -> String {
    let noun = if count == N::from(1) { one } else { many };
    format!("{count} {noun}")
}
