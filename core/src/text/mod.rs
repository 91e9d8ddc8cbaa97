//! Text as such: cut into own words and quoted ones (`segment`), into folded words, paths and numbers (`tokens`), and of
//! what `language` it is. Knows no rule and no agent.

pub mod language;
pub mod segment;
pub mod tokens;
