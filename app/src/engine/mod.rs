//! The one door inwards: every face (command line, later HTTP, MCP, hooks, workers) asks this room.
//!
//! The engine is given ready values and never reads settings, environment or arguments. It decides
//! nothing itself: it asks `core` for the next step, has it done by `process`, and lets `store` keep
//! what happened before anything else sees it.
//!
//! Reading order: `submit` (a request becomes a run), `drive` (the loop), `attempt` (one process:
//! `conversation` tells what it goes on in, `launch` gets it ready, `hearing` listens to it),
//! `record` (what happened is kept, then told), `query` (looking back), `recover` (runs whose driver died),
//! `history` (past runs, to learn from), `hooks` (what hooks of an interactive session saw), `preview` (what would be done), `health` (what runs depend on), `background` (a run in a process of its own).

mod attempt;
pub mod background;
mod conversation;
pub mod drive;
pub mod error;
pub mod health;
mod hearing;
pub mod history;
pub mod hooks;
pub mod judge;
pub mod launch;
pub mod preview;
pub mod query;
pub mod record;
pub mod recover;
pub mod submit;

use std::collections::BTreeMap;
use std::path::PathBuf;

use pointsman_core::agent::Catalog;
use pointsman_core::breaker::BreakerLimits;
use pointsman_core::circumstances::Circumstances;
use pointsman_core::policy::Policy;
use pointsman_core::request::Request;
use pointsman_core::route::{self, Explained, Route};

use crate::process::processes::Processes;
use crate::store::Store;
use error::EngineError;

/// Everything that driving runs needs, ready to use.
pub struct Engine {
    /// The agents.
    pub catalog: Catalog,
    /// The routing rules.
    pub policy: Policy,
    /// When breakers open.
    pub breaker_limits: BreakerLimits,
    /// What outlives the process.
    pub store: Store,
    /// The surroundings of agents.
    pub surroundings: Surroundings,
    /// Whether words are kept.
    pub stored_words: StoredWords,
    /// When the judge is asked; never without.
    pub judge: Option<judge::JudgeTerms>,
}

/// What agents find around them, and what we must know to build it.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Our own environment, from which agents get an allow-listed part.
    pub ambient: BTreeMap<String, String>,
    /// Further names that the operator allows.
    pub extra_allow: Vec<String>,
    /// Whether a subscription login was found.
    pub login_found: bool,
    /// How deep in our own agents we already are.
    pub depth: u32,
    /// What attempts run in.
    pub processes: Processes,
    /// Where versions of CLIs are remembered.
    pub version_cache: PathBuf,
    /// Whether CLIs are run that are older than the oldest supported version.
    pub allow_old_cli: bool,
}

/// What deciding alone needs: no store, no surroundings.
pub struct Decider {
    /// The agents.
    pub catalog: Catalog,
    /// The routing rules.
    pub policy: Policy,
    /// What surrounds the requests that are decided here.
    pub around: Circumstances,
}

impl Engine {
    /// Decides about a request.
    pub fn decide(&self, request: &Request) -> Result<Route, EngineError> {
        submit::decide(&self.catalog, &self.policy, request)
    }

    /// Decides about a request, after the judge was asked where that is wanted.
    pub async fn decide_with_judge(&self, request: &mut Request) -> Result<Route, EngineError> {
        let route = self.decide(request)?;
        let Some(terms) = &self.judge else { return Ok(route) };
        request.judges_word = judge::word(self, terms, request, &route).await;
        if request.judges_word.is_some() { self.decide(request) } else { Ok(route) }
    }
}

impl Decider {
    /// Decides about a request, here and now.
    pub fn decide(&self, mut request: Request) -> Result<Route, EngineError> {
        request.circumstances = self.around.clone();
        submit::decide(&self.catalog, &self.policy, &request)
    }

    /// Decides here and now, and says why: everything that was looked at.
    pub fn explain(&self, mut request: Request) -> Result<Explained, EngineError> {
        request.circumstances = self.around.clone();
        Ok(route::explain(&request, &self.catalog, &self.policy)?)
    }
}

/// Whether prompts and answers are kept in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoredWords {
    /// They are, with secrets redacted.
    Kept,
    /// Only a hash under this key is: without the key, short words could be guessed from it.
    HashOnly {
        /// The key of this installation.
        key: [u8; 32],
    },
}
