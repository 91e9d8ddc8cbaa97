//! TOML that people write, with the place of everything that does not fit: settings and policy files are read here.
//!
//! A text becomes a tree of nodes, each with its place (`node`); trees can be layered on each other. serde types define
//! what is allowed, and one decoder reads a tree into them (`decode`). It collects problems: an unknown key is reported
//! and skipped, and a value under `Given` may be wrong without hiding what is wrong with its neighbours. All problems
//! are reported in the same way (`problem`). The room knows no key, no rule and no limit.

pub mod decode;
pub mod node;
pub mod place;
pub mod problem;
