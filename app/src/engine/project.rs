//! What holds in one project: its agents, policy and limits. An engine belongs to a process; this belongs to a place.

use std::path::{Path, PathBuf};
use std::time::Duration;

use pointsman_core::adapter::passed::PassedFlags;
use pointsman_core::agent::{Catalog, PermissionMode};
use pointsman_core::breaker::BreakerLimits;
use pointsman_core::policy::Policy;
use pointsman_core::redact::redact;
use pointsman_core::repo_settings::containment::Containment;
use pointsman_core::request::Request;
use pointsman_core::retention::RetentionLimits;
use pointsman_core::route::{self, Explained, Route};
use pointsman_core::routing_context::RoutingContext;
use pointsman_core::run::next::Limits;
use pointsman_core::run::notify::NotifyTerms;

use super::error::EngineError;

/// What is needed to decide: agents, rules, and what surrounds requests here and now.
pub struct Decider {
    catalog: Catalog,
    policy: Policy,
    context: RoutingContext,
}

impl Decider {
    /// Creates a decider.
    pub fn new(catalog: Catalog, policy: Policy, around: RoutingContext) -> Decider {
        Decider { catalog, policy, context: around }
    }

    /// Decides as if every agent had this permission mode, if one is given.
    pub fn supposing(mut self, mode: Option<PermissionMode>) -> Decider {
        mode.into_iter().for_each(|mode| self.catalog.set_permission_mode(mode));
        self
    }

    /// Returns the agents.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Returns the policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Returns the hash of the policy with these agents.
    pub fn policy_hash(&self) -> String {
        self.policy.hash(&self.catalog)
    }

    /// Decides about a request, here and now. Sets the request's routing context.
    ///
    /// A panic in the router must not get in the user's way: the fallback route is taken instead.
    pub fn decide(&self, request: &mut Request) -> Result<Route, EngineError> {
        self.surround(request);
        let route = || route::route(request, &self.catalog, &self.policy);
        match std::panic::catch_unwind(std::panic::AssertUnwindSafe(route)) {
            Ok(decided) => Ok(decided?),
            Err(_) => Ok(route::fallback(&self.catalog)),
        }
    }

    /// Decides here and now, and explains why: everything that was considered.
    pub fn explain(&self, request: &mut Request) -> Result<Explained, EngineError> {
        self.surround(request);
        Ok(route::explain(request, &self.catalog, &self.policy)?)
    }

    /// Sets the routing context. The request's own mode wins, if it has one.
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
    /// When the arbiter is asked; `None` if it never is.
    pub arbiter: Option<ArbiterTerms>,
    /// Whether prompts and answers are kept.
    pub prompt_retention: PromptRetention,
    /// Further names of variables that the operator allows agents to have.
    pub extra_allow: Vec<String>,
    /// Whether CLIs older than the oldest supported version are run.
    pub allow_old_cli: bool,
    /// How much of the past is kept.
    pub retention: RetentionLimits,
    /// Who is told of the end of a run.
    pub notify: NotifyTerms,
    /// What is left out of the repository's settings.
    pub containment: Containment,
    /// Flags of the agent's CLI that the user passes on.
    pub passed: PassedFlags,
    /// Whether the project is looked at before and after a run.
    pub record_changes: bool,
    /// How the agents' work is verified; `None` if it is not.
    pub verification: Option<VerificationTerms>,
}

/// How an agent's work is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerificationTerms {
    /// The command, for a shell.
    pub command: String,
    /// The longest that it may take.
    pub timeout: Duration,
}

/// When and how the arbiter is asked.
#[derive(Debug, Clone)]
pub struct ArbiterTerms {
    /// Routes with less confidence than this are put to the arbiter.
    pub below: f64,
    /// The longest that it may take.
    pub timeout: Duration,
    /// The directory in which its votes are cached.
    pub cache: PathBuf,
}

/// Whether prompts and answers are kept in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PromptRetention {
    /// They are kept, with secrets redacted.
    Kept,
    /// Only a hash under this key is kept: without the key, short prompts could be guessed from it.
    HashOnly {
        /// The key of this installation.
        key: [u8; 32],
    },
}

impl PromptRetention {
    /// Returns words of a prompt, or of an answer to it, as they are kept, if they are.
    pub fn kept(&self, words: &str) -> Option<String> {
        match self {
            PromptRetention::Kept => Some(redact(words).into_owned()),
            PromptRetention::HashOnly { .. } => None,
        }
    }

    /// Returns the hash that stands for a request.
    pub fn hash(&self, request: &Request) -> String {
        match self {
            PromptRetention::Kept => request.hash(),
            PromptRetention::HashOnly { key } => request.keyed_hash(key),
        }
    }
}

impl ProjectContext {
    /// Creates the context.
    pub fn new(dir: PathBuf, decider: Decider, terms: Terms) -> ProjectContext {
        ProjectContext { dir, decider, terms }
    }

    /// Returns the project directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns the decider.
    pub fn decider(&self) -> &Decider {
        &self.decider
    }

    /// Returns the agents.
    pub fn catalog(&self) -> &Catalog {
        &self.decider.catalog
    }

    /// Returns the terms.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Returns the limits of a run.
    pub fn limits(&self) -> &Limits {
        &self.terms.limits
    }
}
