//! One test or more for each promise, named after it (`p05_…`, `s03_…`). What takes minutes has a `deep_`
//! twin that runs with `--ignored`.

pub mod hooks;
mod private_files;
mod processes;
mod prompts;
mod redaction;
mod secrets;
mod sessions;
mod store;
mod streams;
mod takeovers;
