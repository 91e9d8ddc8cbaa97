//! Settings: what the operator said, from five layers, each value with the place it came from.
//!
//! The room reads files and the environment and hands out values. It never decides about a request, spawns
//! nothing and prints nothing; what people should hear comes back as `Warning`s. A repository is a stranger
//! here: what its files may do is written in `gate` and nowhere else.
//!
//! Reading order: `load` (the way in: layers, merged and decoded by `core`), `model` (every setting, typed), `catalog`
//! (settings to agents), `project` and `trust` (the repository's files and what a person approved of them), `policy`
//! (the texts of policy files), `gate` (what an untrusted repository may do), `env` (every variable), `schema` and
//! `init` (the file for editors and for people), `login` (who is logged in, and stray keys).

pub mod catalog;
pub mod env;
pub mod error;
mod field_schema;
mod gate;
pub mod init;
pub mod load;
pub mod login;
pub mod model;
pub mod policy;
pub mod project;
pub mod schema;
mod settings_check;
pub mod small_file;
pub mod trust;

#[cfg(test)]
mod fixture;
