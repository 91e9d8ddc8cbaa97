//! The one way in: every face (command line, later HTTP, MCP, hooks, workers) goes through this module.
//!
//! The engine is given ready values and never reads settings, environment or arguments. It decides nothing itself: it
//! asks `core` for the next step, has `process` carry it out, and has `store` record what happened before anything
//! else sees it.
//!
//! Reading order: `project` (what holds in a place), `submit` (a request becomes a run), `drive` (the loop), `attempt`
//! (one process: `conversation` chooses what it continues, `launch` prepares it, `output_listener` reads its output),
//! `record` (what happened is stored, then published), `query` (looking back; `listing` makes its lists), `notify` (who is told of an end), `cancel` (stopping from outside),
//! `recover` (runs whose driver died), `history` (past runs, to learn from), `hooks` (what hooks of an interactive
//! session saw), `preview` (what would be done), `health` (what runs depend on), `background` (a run in a process of
//! its own), `stops` (why a run must stop), `scan` (a person's own transcripts, counted).

pub mod arbiter;
mod attempt;
pub mod background;
mod cancel;
mod conversation;
pub mod drive;
pub mod error;
mod first_look;
pub mod health;
pub mod history;
pub mod hooks;
pub mod launch;
mod listing;
pub mod measured;
pub mod notify;
mod output_listener;
pub mod preview;
pub mod project;
mod project_changes;
pub mod query;
pub mod record;
pub mod recover;
pub mod replayed;
pub mod retention;
pub mod run;
pub mod scan;
pub mod stops;
pub mod submit;
mod verification;

use std::collections::BTreeMap;
use std::path::PathBuf;

use pointsman_core::agent_env::LoginState;

use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::process::identity::Host;
use crate::process::processes::Processes;
use crate::store::Store;

/// What is needed to drive runs in any project: one per process.
pub struct Engine {
    store: Store,
    surroundings: Surroundings,
    clock: Clock,
    entropy: Entropy,
}

/// What surrounds agents, and what we must know to build it.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Our own environment, from which agents get an allow-listed part.
    pub ambient: BTreeMap<String, String>,
    /// Whether a subscription login was found.
    pub login: LoginState,
    /// How deeply nested in our own agents we already are.
    pub depth: u32,
    /// How processes of attempts are started.
    pub processes: Processes,
    /// The machine that we run on.
    pub host: Host,
    /// The file that caches the versions of CLIs.
    pub version_cache: PathBuf,
}

impl Engine {
    /// Creates an engine.
    pub fn new(store: Store, surroundings: Surroundings, clock: Clock, entropy: Entropy) -> Engine {
        Engine { store, surroundings, clock, entropy }
    }

    /// Returns whether a subscription login was found.
    pub fn login(&self) -> LoginState {
        self.surroundings.login
    }
}

#[cfg(test)]
mod tests;
