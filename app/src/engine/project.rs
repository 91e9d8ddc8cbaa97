//! What holds in one project: its agents, its policy, its limits. An engine is of a process; this is of a place.

use std::path::{Path, PathBuf};
use std::time::Duration;

use pointsman_core::agent::Catalog;
use pointsman_core::breaker::BreakerLimits;
use pointsman_core::policy::Policy;
use pointsman_core::request::Request;
use pointsman_core::route::{self, Explained, Route};
use pointsman_core::routing_context::RoutingContext;
use pointsman_core::run::next::Limits;

use super::error::EngineError;

/// What deciding needs: agents, rules, and what surrounds requests here and now.
pub struct Decider {
    catalog: Catalog,
    policy: Policy,
    context: RoutingContext,
}

impl Decider {
    /// Puts it together.
    pub fn new(catalog: Catalog, policy: Policy, around: RoutingContext) -> Decider {
        Decider { catalog, policy, context: around }
    }

    /// Returns the agents.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Returns the hash of the policy with these agents.
    pub fn policy_hash(&self) -> String {
        self.policy.hash(&self.catalog)
    }

    /// Decides about a request, here and now. The request is told what surrounds it.
    ///
    /// A router that fails is not in the way of the person.
    pub fn decide(&self, request: &mut Request) -> Result<Route, EngineError> {
        self.surround(request);
        let route = || route::route(request, &self.catalog, &self.policy);
        match std::panic::catch_unwind(std::panic::AssertUnwindSafe(route)) {
            Ok(decided) => Ok(decided?),
            Err(_) => Ok(route::fallback(&self.catalog)),
        }
    }

    /// Decides here and now, and says why: everything that was looked at.
    pub fn explain(&self, request: &mut Request) -> Result<Explained, EngineError> {
        self.surround(request);
        Ok(route::explain(request, &self.catalog, &self.policy)?)
    }

    /// The mode is the request's, where it has one.
    fn surround(&self, request: &mut Request) {
        let mode = request.routing_context.mode.or(self.context.mode);
        request.routing_context = RoutingContext { mode, ..self.context.clone() };
    }
}

/// What holds in one project for the runs that are driven there.
pub struct ProjectContext {
    dir: PathBuf,
    decider: Decider,
    terms: Terms,
}

/// The conditions under which runs of a project are driven.
#[derive(Debug, Clone)]
pub struct Terms {
    /// The limits of a run.
    pub limits: Limits,
    /// When breakers open.
    pub breaker_limits: BreakerLimits,
    /// When the arbiter is asked; never without.
    pub arbiter: Option<ArbiterTerms>,
    /// Whether words are kept.
    pub prompt_retention: PromptRetention,
    /// Further names of variables that the operator lets agents have.
    pub extra_allow: Vec<String>,
    /// Whether CLIs are run that are older than the oldest supported version.
    pub allow_old_cli: bool,
}

/// When and how the arbiter is asked.
#[derive(Debug, Clone)]
pub struct ArbiterTerms {
    /// Routes that are less sure than this are put to the arbiter.
    pub below: f64,
    /// The longest that it may take.
    pub timeout: Duration,
    /// Where its words are remembered.
    pub cache: PathBuf,
}

/// Whether prompts and answers are kept in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PromptRetention {
    /// They are, with secrets redacted.
    Kept,
    /// Only a hash under this key is: without the key, short words could be guessed from it.
    HashOnly {
        /// The key of this installation.
        key: [u8; 32],
    },
}

impl ProjectContext {
    /// Puts it together.
    pub fn new(dir: PathBuf, decider: Decider, terms: Terms) -> ProjectContext {
        ProjectContext { dir, decider, terms }
    }

    /// Returns the project directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns what decides here.
    pub fn decider(&self) -> &Decider {
        &self.decider
    }

    /// Returns the agents.
    pub fn catalog(&self) -> &Catalog {
        &self.decider.catalog
    }

    /// Returns the conditions.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Returns the limits of a run.
    pub fn limits(&self) -> &Limits {
        &self.terms.limits
    }
}
