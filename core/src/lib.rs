//! pointsman-core DECIDES: every choice of the program as a pure function over plain data.
//!
//! No module here reads a clock, a file, the environment or a random number; they are arguments.
//! The crate `pointsman` (folder `app/`) DOES: it has all the IO and asks this crate what to do.

pub mod adapter;
pub mod agent;
pub mod agent_env;
pub mod agent_file;
pub mod breaker;
pub mod changes;
pub mod compliance;
pub mod conversation;
pub mod error_code;
pub mod eval;
pub mod feedback;
pub mod gate;
pub mod hook;
pub mod ids;
pub mod mode;
pub mod model;
pub mod policy;
pub mod project_commands;
pub mod redact;
pub mod repo_settings;
pub mod report;
pub mod request;
pub mod retention;
pub mod route;
pub mod routing_context;
pub mod run;
pub mod scan;
pub mod text;
pub mod toml_text;
pub mod usage;

#[cfg(test)]
mod fixture;
