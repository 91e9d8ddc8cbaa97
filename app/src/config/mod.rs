//! Settings: what the operator configured, from five layers, each value with the place it came from.
//!
//! This module reads files and the environment and returns values. It never decides about a request, spawns nothing and
//! prints nothing; messages for the user are returned as `Warning`s. A repository is untrusted here: what its files may
//! do is defined in `gate` and nowhere else.
//!
//! Reading order: `load` (the entry point: layers, merged and decoded by `core`), `model` (every setting, typed),
//! `catalog` (settings to agents), `location`, `project` and `trust` (the repository's files and what the user approved of them),
//! `agent_files` and `repo_files` (those of the repository that Claude Code reads), `folder_trust` and `worktree` (who
//! said yes elsewhere, and for which directory), `policy` (the texts of policy files), `gate` (what an untrusted repository may do), `env` (every variable), `schema`
//! and `init` (the config file for editors and for people), `completion_file` (where shells look), `root_files` (how a project is tested), `login` (who is logged in, and stray keys).

pub mod agent_files;
pub mod catalog;
pub mod completion_file;
pub mod env;
pub mod error;
mod field_schema;
mod folder_trust;
mod gate;
pub mod init;
pub mod load;
pub mod location;
pub mod login;
pub mod model;
pub mod policy;
pub mod project;
pub mod repo_files;
pub mod repository;
pub mod root_files;
pub mod schema;
mod settings_check;
pub mod small_file;
pub mod trust;
pub mod worktree;

#[cfg(test)]
mod fixture;
