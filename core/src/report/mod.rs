//! Turns what was recorded into what is shown: plain values that are printed as text or JSON.
//!
//! Reading order: `run` (one run; `run_line` is one of many, `session_line` one of the sessions that they belong to, `spent` what they
//! cost), `cost` (what all cost), `live` (a run as it happens), `metrics` (the daily
//! records), `failure` (why a verb did not do what was asked), `replay` (a past run decided again).

pub mod cost;
pub mod failure;
pub mod live;
pub mod metrics;
pub mod replay;
pub mod run;
pub mod run_line;
pub mod session_line;
pub mod spent;
