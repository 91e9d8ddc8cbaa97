//! What is shown: values become text or JSON, and are printed. Nothing is decided here.
//!
//! `output` is the only place that prints. `human`, `tables` and `fit` format single values and rows; the other modules are
//! named after what they show.

pub mod attempt;
pub mod briefing;
pub mod changes;
pub mod checks;
pub mod compliance_report;
pub mod cost_report;
pub mod evaluation;
pub mod event_stream;
pub mod explanation;
pub mod fit;
pub mod human;
pub mod live_line;
pub mod live_row;
pub mod notices;
pub mod obstacles;
pub mod output;
pub mod own_thread;
pub mod pager;
pub mod payer;
pub mod plugin_status;
pub mod policy;
pub mod preview;
pub mod prune;
pub mod replay;
pub mod repository;
pub mod route;
pub mod routing_report;
pub mod run_detail;
pub mod run_list;
pub mod run_summary;
pub mod scan_report;
pub mod screen;
pub mod tables;
pub mod watch;
