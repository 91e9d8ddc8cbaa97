//! What a run would do, without doing it.

use std::path::PathBuf;

use pointsman_core::adapter::invocation::{AgentSession, Order};
use pointsman_core::agent_env::Payer;
use pointsman_core::ids::AgentSessionId;
use pointsman_core::redact::redact;
use pointsman_core::route::Route;
use pointsman_core::run::contract::{self, Nonce};
use pointsman_core::run::next::Limits;
use serde::Serialize;

use super::Engine;
use super::launch;
use super::run::Marks;
use super::submit::Submission;
use crate::process::probe::Memory;

/// The first attempt of a run, as it would be.
#[derive(Debug, Clone, Serialize)]
pub struct Preview {
    /// The version of this format.
    pub schema_version: u32,
    /// The decision.
    pub route: Route,
    /// The path of the agent's program; `None` if it cannot be found.
    pub program: Option<PathBuf>,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// The names of the variables that the agent would get. Values may be secrets and are not shown.
    pub environment: Vec<String>,
    /// Variables of ours that would be withheld from it: those not on the allow-list, and those that would change who
    /// pays.
    pub withheld: Vec<String>,
    /// The payer.
    pub payer: Payer,
    /// The permission mode.
    pub permission_mode: String,
    /// The working directory.
    pub cwd: PathBuf,
    /// How many bytes the agent would read on its standard input.
    pub stdin_bytes: usize,
    /// The limits.
    pub limits: PreviewLimits,
}

/// The limits in readable units.
#[derive(Debug, Clone, Serialize)]
pub struct PreviewLimits {
    /// The most attempts.
    pub attempts: u32,
    /// The longest duration of an attempt, in seconds.
    pub wall_seconds: u64,
    /// The longest silence, in seconds.
    pub idle_seconds: u64,
    /// The longest startup, in seconds.
    pub startup_seconds: u64,
    /// The most turns.
    pub max_turns: Option<u32>,
    /// The most that may be spent, in US dollars.
    pub max_usd: Option<f64>,
}

/// Returns what the first attempt would be.
pub async fn preview(engine: &Engine, submission: &Submission) -> Preview {
    let (route, project) = (submission.route(), submission.project());
    let limits = project.limits();
    let agent = project.catalog().get(&route.agent).expect("a route names an agent of the catalog");
    let env = launch::environment(engine, project, agent, Marks { run: "RUN-ID", session: "SESSION-ID" });
    let program = launch::find_program(agent, &env);
    let version = match &program {
        Some(program) => launch::cli_version(engine, agent, program, &env, Memory::Trusted).await,
        None => None,
    };
    let dir = engine.store.paths().state.join("runs/RUN-ID/pointsman-attempt-…");
    let contract_file = dir.join("contract.md");
    let (files, _) = launch::settings_files(project, agent, &env, &dir);
    let order = Order {
        containment: &project.terms().containment,
        passed: &project.terms().passed,
        files: &files,
        agent,
        version,
        prompt: submission.request().text(),
        contract: &contract::text(&Nonce::from_bytes([0; 16]), route.complexity),
        contract_file: &contract_file,
        session: &AgentSession::New(AgentSessionId::nil()),
        permission_mode: agent.effective_permission_mode(),
        max_turns: limits.max_turns,
        max_usd: limits.max_usd,
        cwd: project.dir(),
    };
    let withheld = env.withheld.clone();
    let shown = program.clone().unwrap_or_else(|| PathBuf::from(&agent.command[0]));
    let invocation = launch::resolve(agent.adapter.invocation(&order), &shown, env);
    Preview {
        schema_version: pointsman_core::report::run::SCHEMA_VERSION,
        route: route.clone(),
        program,
        argv: std::iter::once(invocation.program)
            .chain(invocation.args)
            .map(|arg| redact(&arg).into_owned())
            .collect(),
        environment: invocation.env.into_keys().collect(),
        withheld,
        payer: launch::payer(engine, project, agent).0,
        permission_mode: agent.effective_permission_mode().as_str().to_owned(),
        stdin_bytes: invocation.stdin.len(),
        cwd: project.dir().to_owned(),
        limits: readable(limits),
    }
}

fn readable(limits: &Limits) -> PreviewLimits {
    PreviewLimits {
        attempts: limits.attempt_count_max,
        wall_seconds: limits.wall.as_secs(),
        idle_seconds: limits.idle.as_secs(),
        startup_seconds: limits.startup.as_secs(),
        max_turns: limits.max_turns,
        max_usd: limits.max_usd,
    }
}
