//! The durable life of one request: its log, where it stands, how an attempt is judged, what comes next.
//!
//! Reading order: `event` (the log), `state` (its fold), `end` and `outcome` (judging an attempt), `next`
//! (the step after that). `watchdog` holds an attempt's deadlines, `contract` what an agent must return,
//! `prompt` what it is told when it takes over.

pub mod contract;
pub mod end;
pub mod event;
pub mod next;
pub mod outcome;
pub mod prompt;
pub mod state;
pub mod tokens;
pub mod watchdog;
