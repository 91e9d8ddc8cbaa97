//! What is shown: values become text for people, and are printed. It asks the engine nothing and decides nothing.
//!
//! `output` is the only place that prints; `route` and `run_summary` say what happens around a run; `tables` are for
//! spreadsheets and documents.

pub mod output;
pub mod route;
pub mod run_summary;
pub mod tables;
