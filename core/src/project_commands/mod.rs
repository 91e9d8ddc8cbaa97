//! How a project is tested, built and checked, as its own files say.
//!
//! The files are a stranger's. So no command holds a word of theirs: each is one of our constants, and the files only
//! say which of them fit.

pub mod command;
pub mod detect;
mod python;
mod scripts;
mod targets;
mod tools;
