//! TOML that people write, with the place of everything that does not fit: settings and policy files are read here.
//!
//! A text becomes a tree of nodes, each with its place (`node`); trees can be put upon each other. serde types say
//! what may stand there, and one decoder reads a tree into them (`decode`). It collects: a key that nobody knows
//! is entered and passed over, and a value under `Given` may be wrong without hiding what is wrong with its
//! neighbours. What is wrong is said in one way for all (`problem`). The room knows no key, no rule and no limit.

pub mod decode;
pub mod node;
pub mod place;
pub mod problem;
