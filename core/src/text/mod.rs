//! Text as such: it is divided into the user's own words and quoted ones (`segment`), and into folded words, paths and
//! numbers (`tokens`), and its `language` is detected; `decode` makes it of bytes. Knows no rule and no agent.

pub mod decode;
pub mod language;
pub mod segment;
pub mod tokens;
