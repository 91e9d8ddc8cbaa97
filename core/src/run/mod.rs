//! The durable life of one request: its log, its state, how an attempt is judged, what comes next.
//!
//! Reading order: `spec` (what is handed in; `scenario` names what a rehearsal plays), `event` (the log), `state` (its
//! fold; `row` is its line in lists, `filter` says which are wanted), `evidence` and `end` (what is known about an attempt), `judge` (what that means),
//! `outcome` (its vocabulary), `next` (the step after that), `hint` (what the user can do then), `notify` (who is told), `orphan` (how a run
//! ends whose driver died), `rights` (what it may do). `tools` decides whether denied calls were the work itself,
//! `quote` quotes an agent's text, `watchdog` keeps an attempt's deadlines by the clock of `awake`, `contract` is what an agent must return,
//! `prompt` what it is told when it takes over.

pub mod awake;
pub mod contract;
pub mod end;
pub mod event;
pub mod evidence;
pub mod filter;
pub mod hint;
pub mod judge;
pub mod next;
pub mod notify;
pub mod orphan;
pub mod outcome;
pub mod profile;
pub mod prompt;
mod quote;
pub mod rights;
pub mod row;
pub mod scenario;
pub mod spec;
pub mod state;
pub mod tools;
pub mod verify;
pub mod watchdog;
