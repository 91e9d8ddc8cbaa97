//! Asking the arbiter: one short run of the haiku tier's agent about a request that the router is unsure of.
//!
//! The agent works in an empty directory, may use no turn beyond its answer, and has a time limit. If anything goes
//! wrong, there is no vote, and the router's own decision stands.

use std::path::Path;
use std::time::Duration;

use pointsman_core::adapter::invocation::{AgentSession, Order, SessionStart, SettingsFiles};
use pointsman_core::adapter::passed::PassedFlags;
use pointsman_core::agent::{Agent, PermissionMode, Tier};
use pointsman_core::repo_settings::containment::Containment;
use pointsman_core::request::{LlmVote, Request};
use pointsman_core::route::Route;
use pointsman_core::route::arbiter;
use pointsman_core::run::end::StopCause;
use pointsman_core::run::evidence::Evidence;
use pointsman_core::run::watchdog::WatchLimits;

use super::Engine;
use super::launch;
use super::project::{ArbiterTerms, ProjectContext};
use super::run::Marks;
use super::stops::Stops;
use crate::process::launch::{Launch, LineMeaning};
use crate::process::probe::Memory;
use crate::process::supervise;
use crate::regular_file;
use crate::store::private;

/// The most text of an answer that is read: it should be one word.
const ANSWER_BYTES_MAX: usize = 4096;

/// What the arbiter is told besides the question.
const CONTRACT: &str = "Answer with exactly one word. Use no tools.\n";

/// The most that one question may cost, in US dollars, where the CLI can enforce it.
const USD_MAX: f64 = 0.05;

/// The time from the polite signal to the kill.
const STOP_GRACE: Duration = Duration::from_secs(1);

/// Reads a vote that was given before. A word has a few bytes.
fn known_vote(file: &Path) -> Option<LlmVote> {
    LlmVote::read(std::str::from_utf8(&regular_file::read(file, 100).ok()?).ok()?)
}

/// Returns the arbiter's vote on a request, if the route wants one and the arbiter gives one.
pub async fn vote(
    engine: &Engine,
    project: &ProjectContext,
    terms: &ArbiterTerms,
    request: &Request,
    route: &Route,
) -> Option<LlmVote> {
    if !arbiter::is_wanted(route, terms.below) {
        return None;
    }
    let question = arbiter::question(request.text());
    let known = terms.cache.join(&blake3::hash(question.as_bytes()).to_hex()[..32]);
    if let Some(word) = known_vote(&known) {
        return Some(word);
    }
    let word = LlmVote::read(&ask(engine, project, &question, terms.timeout).await?)?;
    if private::ensure_dir(&terms.cache).is_ok() {
        // A failure here only costs another question.
        let _ = private::write_new(&known, word.as_str().as_bytes());
    }
    Some(word)
}

async fn ask(engine: &Engine, project: &ProjectContext, question: &str, timeout: Duration) -> Option<String> {
    let agent = project.catalog().for_tier(Tier::Haiku);
    // It answers a question: whatever else its agents may do, it runs nothing.
    let agent = &Agent { allow_tools: vec![], project_commands: vec![], ..agent.clone() };
    let dir = tempfile::Builder::new().prefix("pointsman-arbiter-").tempdir().ok()?;
    let env = launch::environment(engine, project, agent, Marks { run: "arbiter", session: "arbiter" });
    let program = launch::find_program(agent, &env)?;
    let version = launch::cli_version(engine, agent, &program, &env, Memory::Trusted).await;
    let contract_file = dir.path().join("contract.md");
    private::write(&contract_file, CONTRACT.as_bytes()).ok()?;
    // It works in a directory of its own, where no repository has a say.
    let containment = Containment::default();
    let settings = agent.adapter.settings(agent, &containment, &env.vars).map(|settings| settings.text);
    let order = Order {
        containment: &containment,
        passed: &PassedFlags::default(),
        files: &SettingsFiles { settings, servers: None },
        agent,
        version,
        prompt: question,
        contract: CONTRACT,
        contract_file: &contract_file,
        session: &AgentSession::New(engine.entropy.agent_session_id(engine.clock.now())),
        // Not plan mode: in plan mode Claude Code answers with sonnet instead of haiku.
        permission_mode: PermissionMode::Default,
        max_turns: Some(1),
        max_usd: Some(USD_MAX),
        cwd: dir.path(),
    };
    let invocation = launch::resolve(agent.adapter.invocation(&order), &program, env);
    let limits =
        WatchLimits { startup: None, idle: timeout, wall: timeout, post_result_grace: STOP_GRACE, usd: None };
    let overlong = launch::overlong(agent);
    let launch = Launch { invocation, dir: dir.path().to_owned(), limits, stop_grace: STOP_GRACE, overlong };
    let mut seen = Evidence::default();
    let mut decoder = agent.adapter.decoder(version, SessionStart::New);
    let mut on_line = |line: &str, _stopped: Option<StopCause>| {
        decoder.decode(line).iter().for_each(|event| seen.add(event, ANSWER_BYTES_MAX));
        LineMeaning { settled: seen.is_settled(), usd: None, stop: None }
    };
    let mut stops = Stops::new();
    let shim = engine.surroundings.processes.ready();
    let end = supervise::run(launch, shim, stops.causes(), &mut on_line).await;
    (end.stopped.is_none() && seen.has_answer()).then(|| seen.answer().to_owned())
}
