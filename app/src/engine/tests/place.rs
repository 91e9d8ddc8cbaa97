//! The environment of a simulated engine.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use pointsman_core::agent::{Agent, AgentSource, Catalog, Tier};
use pointsman_core::agent_env::LoginState;
use pointsman_core::breaker::BreakerLimits;
use pointsman_core::ids::RunId;
use pointsman_core::mode::Mode;
use pointsman_core::policy::Policy;
use pointsman_core::repo_settings::containment::Containment;
use pointsman_core::report::run::RunReport;
use pointsman_core::request::{Origin, Overrides};
use pointsman_core::retention::RetentionLimits;
use pointsman_core::routing_context::RoutingContext;
use pointsman_core::run::event::RunEvent;
use pointsman_core::run::next::{Limits, OnModelMismatch};
use pointsman_core::run::spec::RunSpec;
use serde_json::{Value, json};

use super::super::error::EngineError;
use super::super::project::{Decider, ProjectContext, PromptRetention, Terms};
use super::super::record::Unwatched;
use super::super::stops::Stops;
use super::super::{Engine, Surroundings, drive};
use crate::clock::{Clock, VirtualClock};
use crate::entropy::{Entropy, SplitMix};
use crate::process::identity::{Host, PlayedHost};
use crate::process::launch::Launch;
use crate::process::processes::Processes;
use crate::process::scripted::Script;
use crate::store::tests::memory::Memory;
use crate::store::{Store, StorePaths};

/// A machine with a ledger, agents that play scripts, a clock and seeded random numbers.
pub struct Place {
    dir: tempfile::TempDir,
    pub ledger: Memory,
    pub clock: VirtualClock,
    pub host: PlayedHost,
    entropy: Entropy,
    processes: Processes,
}

impl Place {
    /// Creates it from a seed. `play` scripts the agents: it is called with each launch and the number of earlier
    /// launches.
    pub fn new(seed: u64, play: impl Fn(&Launch, usize) -> Script + Send + Sync + 'static) -> Place {
        Place {
            dir: tempfile::Builder::new().prefix("pointsman-sim-").tempdir().unwrap(),
            ledger: Memory::default(),
            clock: VirtualClock::showing(Timestamp::from_second(1_800_000_000).unwrap()),
            host: PlayedHost::default(),
            entropy: Entropy::Seeded(Arc::new(Mutex::new(SplitMix(seed)))),
            processes: Processes::scripted(play),
        }
    }

    fn paths(&self) -> StorePaths {
        StorePaths { state: self.dir.path().join("state"), spool_fallbacks: vec![] }
    }

    /// Returns the path of the place.
    pub fn root(&self) -> String {
        self.dir.path().display().to_string()
    }

    /// Returns an engine as seen by the process with this pid.
    pub fn engine(&self, pid: i32) -> Engine {
        let surroundings = Surroundings {
            ambient: BTreeMap::new(),
            login: LoginState::LoggedIn,
            depth: 0,
            processes: self.processes.clone(),
            host: Host::Played(self.host.seen_by(pid)),
            version_cache: self.dir.path().join("versions.json"),
        };
        let store = Store::on(self.paths(), &self.ledger);
        Engine::new(store, surroundings, Clock::Virtual(self.clock.clone()), self.entropy.clone())
    }

    /// Returns the project context for a spec: three general agents, short waits.
    pub fn project(&self, spec: &RunSpec) -> ProjectContext {
        let own = std::env::current_exe().unwrap().display().to_string();
        let play = |tier: Tier| Agent {
            command: vec![own.clone()],
            source: AgentSource::Rehearsal,
            ..Agent::general(tier)
        };
        let by_tier = Tier::ALL.into_iter().map(|tier| (tier, Agent::general(tier).name)).collect();
        let agents = Tier::ALL.into_iter().map(play).collect();
        let catalog = Catalog::new(agents, by_tier, BTreeMap::new()).unwrap();
        let limits = Limits {
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
            escalation: spec.limits.escalation,
            on_limit: spec.limits.on_limit,
        };
        let minute = Duration::from_secs(60);
        let breaker_limits = BreakerLimits { threshold: 5, open_for: minute, probe_for: minute };
        let terms = Terms {
            limits,
            breaker_limits,
            arbiter: None,
            prompt_retention: PromptRetention::Kept,
            extra_allow: vec![],
            allow_old_cli: false,
            record_changes: false,
            passed: pointsman_core::adapter::passed::PassedFlags::default(),
            verification: None,
            retention: RetentionLimits { keep: Duration::from_secs(90 * 24 * 60 * 60), bytes_max: 1 << 30 },
            notify: Default::default(),
            containment: Containment::default(),
        };
        let decider = Decider::new(catalog, Policy::builtin(), RoutingContext::default());
        ProjectContext::new(self.dir.path().to_owned(), decider, terms)
    }

    /// Returns a spec with plain work for the haiku tier.
    pub fn spec(&self) -> RunSpec {
        let project: PathBuf = self.dir.path().to_owned();
        RunSpec {
            overrides: Overrides { tier: Some(Tier::Haiku), agent: None },
            ..RunSpec::new("rename foo to bar".to_owned(), Origin::Cli, Mode::Orchestration, project)
        }
    }

    /// Has a process drive a spec to its end.
    pub async fn run(&self, pid: i32, spec: RunSpec) -> Result<RunReport, EngineError> {
        let engine = self.engine(pid);
        let submission = engine.submit(self.project(&spec), spec).await?;
        let mut run = submission.begin(&engine, Box::new(Unwatched));
        Ok(drive::drive(&engine, &mut run, &mut Stops::new()).await)
    }

    /// Returns every event of the ledger.
    pub fn all_events(&self) -> Vec<RunEvent> {
        self.ledger.0.lock().unwrap().events()
    }

    /// Returns the log of a run in the ledger.
    pub fn log(&self, run: &RunId) -> Vec<RunEvent> {
        self.all_events().into_iter().filter(|event| event.run_id == *run).collect()
    }

    /// Returns everything launched so far.
    pub fn launches(&self) -> Vec<Launch> {
        self.processes.launches()
    }
}

/// What an agent prints, in the stream format of its CLI.
pub struct Answer {
    script: Script,
    session: String,
    model: String,
    marker: Option<String>,
}

impl Answer {
    /// Creates the answer of an agent that was started by this launch.
    pub fn of(launch: &Launch) -> Answer {
        let args = &launch.invocation.args;
        let value = |flag: &str| {
            let joined = args.iter().find_map(|arg| arg.strip_prefix(&format!("{flag}="))).map(str::to_owned);
            let at = args.iter().position(|arg| arg == flag);
            joined.or_else(|| args.get(at? + 1).cloned()).unwrap_or_default()
        };
        let contract = std::fs::read_to_string(value("--append-system-prompt-file")).unwrap_or_default();
        let markers = contract.lines().filter_map(|line| line.strip_suffix(" REASON"));
        let marker = markers.map(str::to_owned).find(|marker| marker.ends_with(":escalate]]"));
        let session = [value("--session-id"), value("--resume")].concat();
        Answer { script: Script::new(), session, model: format!("claude-{}-5-5", value("--model")), marker }
    }

    fn line(self, line: &Value) -> Answer {
        Answer { script: self.script.says(&line.to_string()), ..self }
    }

    fn init(self) -> Answer {
        let line = json!({"type": "system", "subtype": "init", "session_id": self.session, "model": self.model,
            "apiKeySource": "none", "permissionMode": "acceptEdits", "claude_code_version": "2.1.330"});
        self.line(&line)
    }

    fn says(self, text: &str) -> Answer {
        let line = json!({"type": "assistant", "parent_tool_use_id": null, "session_id": self.session,
            "message": {"id": "m", "role": "assistant", "model": self.model,
                "content": [{"type": "text", "text": text}], "usage": {"input_tokens": 10, "output_tokens": 2}}});
        self.line(&line)
    }

    fn result(self, text: &str, is_error: bool) -> Answer {
        let line = json!({"type": "result", "subtype": "success", "is_error": is_error, "result": text,
            "session_id": self.session, "num_turns": 1, "total_cost_usd": 0.01});
        self.line(&line)
    }

    /// Begins its stream.
    pub fn begins(self) -> Script {
        self.init().script
    }

    /// Answers and ends.
    pub fn completes(self, text: &str) -> Script {
        self.init().says(text).result(text, false).script.exits(0)
    }

    /// Answers, and crashes before its result.
    pub fn crashes(self) -> Script {
        self.init().says("I begin").script.exits(3)
    }

    /// Ends its turn without an answer.
    pub fn says_nothing(self) -> Script {
        self.init().says("").result("", false).script.exits(0)
    }

    /// Asks for a stronger tier.
    pub fn escalates(self) -> Script {
        let text = format!("I read it.\n{} it needs more", self.marker.clone().unwrap_or_default());
        self.init().says(&text).result(&text, false).script.exits(0)
    }

    /// Completes, but served by another model.
    pub fn answers_as_another_model(self) -> Script {
        Answer { model: "claude-opus-5-5".to_owned(), ..self }.completes("as opus")
    }

    /// Its service is overloaded.
    pub fn meets_overload(self) -> Script {
        self.api_error(529, "overloaded", "API Error: 529 Overloaded")
    }

    /// Reaches the account's limit, which resets after so many seconds.
    pub fn meets_the_limit(self, seconds: i64) -> Script {
        let resets_at = 1_800_000_000 + seconds;
        let limit = json!({"type": "rate_limit_event", "rate_limit_info": {"status": "rejected",
            "resetsAt": resets_at, "rateLimitType": "five_hour", "isUsingOverage": false}});
        self.init().line(&limit).api_error(429, "rate_limit", "You've hit your 5-hour limit")
    }

    fn api_error(self, status: u16, kind: &str, text: &str) -> Script {
        let error = json!({"type": "assistant", "error": kind, "api_error_status": status,
            "message": {"model": "<synthetic>", "content": [{"type": "text", "text": text}]}});
        let result = json!({"type": "result", "subtype": "success", "is_error": true, "api_error_status": status,
            "result": text, "terminal_reason": "api_error", "session_id": self.session, "total_cost_usd": 0});
        self.init().line(&error).line(&result).script.exits(1)
    }
}
