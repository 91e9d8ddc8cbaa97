//! Values that many tests start from.

use std::time::Duration;

use jiff::Timestamp;

use crate::agent::{AdapterKind, Agent, Catalog, Tier};
use crate::agent_env::Payer;
use crate::ids::AgentSessionId;
use crate::mode::Mode;
use crate::request::{Origin, Overrides};
use crate::route::Route;
use crate::run::event::{AttemptEnded, AttemptStarted, EVENT_VERSION, Fact, Requested, RunEvent};
use crate::run::next::{Escalation, Limits, OnLimit, OnModelMismatch, Plan};
use crate::run::outcome::Outcome;
use crate::run::state::RunState;
use crate::usage::Tokens;

/// An agent with this name and tier, and defaults for everything else.
pub fn agent(name: &str, tier: Tier) -> Agent {
    Agent::new(name.parse().unwrap(), AdapterKind::Claude, vec!["claude".to_owned()], tier)
}

/// The general agent of a tier.
pub fn general(tier: Tier) -> Agent {
    Agent::general(tier)
}

/// The three general agents, and others.
pub fn catalog(others: Vec<Agent>) -> Catalog {
    Catalog::of_generals(others).unwrap()
}

/// Limits with round figures and nothing exhausted.
pub fn limits() -> Limits {
    Limits {
        attempt_count_max: 3,
        wall: Duration::from_secs(3600),
        idle: Duration::from_secs(600),
        startup: Duration::from_secs(120),
        post_result_grace: Duration::from_secs(10),
        stop_grace: Duration::from_secs(5),
        max_turns: None,
        max_usd: None,
        answer_bytes_max: 1 << 20,
        backoff_base: Duration::from_secs(1),
        backoff_cap: Duration::from_secs(60),
        backoff_max_elapsed: Duration::from_secs(600),
        on_model_mismatch: OnModelMismatch::Flag,
        escalation: Escalation::Allowed,
        on_limit: OnLimit::End,
    }
}

/// A run driven by hand: outcomes go in, and `apply` keeps the state.
pub struct Driven {
    /// Where it stands.
    pub state: RunState,
    /// The current time.
    pub now: Timestamp,
    /// Every event so far.
    pub events: Vec<RunEvent>,
}

impl Driven {
    /// A run that was routed to the general agent of a tier.
    pub fn routed(tier: Tier) -> Driven {
        let mut run = Driven { state: RunState::default(), now: Timestamp::UNIX_EPOCH, events: vec![] };
        run.record(Fact::Requested(Requested {
            version: EVENT_VERSION,
            request_hash: "0".repeat(16),
            prompt: None,
            session_id: "s".parse().unwrap(),
            project_root: "/project".to_owned(),
            origin: Origin::Cli,
            mode: Mode::Orchestration,
            rehearsal: false,
            overrides: Overrides::default(),
            quota_pressure: Default::default(),
            context: Default::default(),
            llm_vote: None,
        }));
        let route = Route { agent: general(tier).name, tier, ..crate::route::fallback(&catalog(vec![])) };
        run.record(Fact::Routed { route });
        run
    }

    /// Records a fact, which must be able to follow.
    pub fn record(&mut self, fact: Fact) {
        let run_id = "r".parse().unwrap();
        let event = RunEvent { run_id, seq: self.state.seq + 1, at: self.now, fact };
        self.state.apply(&event).unwrap();
        self.events.push(event);
    }

    /// Records an attempt as planned that ends a second later with the outcome.
    pub fn attempt(&mut self, plan: &Plan, outcome: Outcome) {
        let tier = catalog(vec![]).get(&plan.agent).map_or(Tier::Sonnet, |agent| agent.tier);
        let number = u32::try_from(self.state.attempts.len() + 1).unwrap();
        self.record(Fact::AttemptStarted(AttemptStarted {
            attempt: number,
            agent: plan.agent.clone(),
            tier,
            model_requested: tier.to_string(),
            why: plan.why,
            agent_session_id: None,
            resumed: false,
            payer: Payer::Unknown,
            gateway: None,
            permission_mode: None,
        }));
        self.now = self.now.checked_add(jiff::SignedDuration::from_secs(1)).unwrap();
        let ended = AttemptEnded { attempt: number, outcome, ..ended() };
        self.record(Fact::AttemptEnded(Box::new(ended)));
    }
}

/// An attempt that ended well, cost ten cents, and left a session.
pub fn ended() -> AttemptEnded {
    AttemptEnded {
        verification: None,
        context_tokens: 0,
        attempt: 1,
        outcome: Outcome::Completed,
        flags: vec![],
        detail: "because".to_owned(),
        exit_code: Some(0),
        signal: None,
        stopped: None,
        models_served: vec!["claude-sonnet-5".to_owned()],
        tokens: Tokens::default(),
        cost_reported_usd: Some(0.1),
        cost_estimated_usd: None,
        agent_session_id: Some(AgentSessionId::nil()),
        duration_ms: 1000,
        answer: None,
        resets_at: None,
        progressed: true,
        passes_soon: false,
        denied: vec![],
        servers_failed: vec![],
        payer: None,
        unreadable_lines: 0,
    }
}
