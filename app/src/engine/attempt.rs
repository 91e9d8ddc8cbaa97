//! One attempt: from a plan to a judged process.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use pointsman_core::adapter::event::AgentEvent;
use pointsman_core::adapter::invocation::{AgentSession, CliVersion, Invocation, Order};
use pointsman_core::adapter::transcript::Transcript;
use pointsman_core::agent::{Agent, AgentSource};
use pointsman_core::agent_env::{self, AgentEnv, Payer};
use pointsman_core::redact::{Redactor, redact};
use pointsman_core::report::live::Seen;
use pointsman_core::run::end::{Exit, ProcessEnd, StopCause};
use pointsman_core::run::event::{AttemptEnded, AttemptReason, AttemptStarted, Fact};
use pointsman_core::run::next::{Carry, Limits, Plan};
use pointsman_core::run::outcome::{self, Judgement, Outcome};
use pointsman_core::run::watchdog::WatchLimits;
use pointsman_core::run::{contract, prompt};
use tokio::sync::mpsc;

use super::record::RunLog;
use super::submit::{Run, new_uuid};
use super::{Engine, StoredWords, Surroundings};
use crate::clock;
use crate::process::lines::Overlong;
use crate::process::probe;
use crate::process::supervise::{self, Launch, LineMeaning};
use crate::store::private;

/// Carries out one plan: the facts before and after are in the log when this returns.
pub async fn attempt(engine: &mut Engine, run: &mut Run, plan: &Plan, stops: &mut mpsc::Receiver<StopCause>) {
    let agent = engine.catalog.get(&plan.agent).expect("a plan names an agent of the catalog").clone();
    let session = agent_session(engine, run, &agent, plan);
    let number = u32::try_from(run.log.state.attempts.len() + 1).expect("attempts are few");
    let words = words(run, plan);
    let started = started(engine, number, &agent, plan, &session);
    run.log.record(&mut engine.store, vec![Fact::AttemptStarted(started)]);

    let mut hearing = Hearing::new(&agent, run.limits.answer_bytes_max, plan.usd_left);
    let end = match prepare(engine, run, &agent, plan, &session, &words).await {
        Ok((launch, _dir)) => {
            let log = &mut run.log;
            let end = supervise::run(launch, stops, &mut |line| hearing.hear(line, log)).await;
            hearing.finish(log);
            end
        }
        Err(refusal) => refusal,
    };

    let judgement = judge(engine, run, &agent, &words, &hearing.seen, &end);
    let ended = ended(engine, number, &agent, &session, &hearing.seen, &end, judgement);
    run.answer = Some(redact(hearing.seen.answer()).into_owned());
    after(engine, run, &agent, ended);
}

/// Keeps the end of the attempt and what follows from it for others.
fn after(engine: &mut Engine, run: &mut Run, agent: &Agent, ended: AttemptEnded) {
    let now = clock::now();
    engine.store.record_outcome(&agent.name, &agent.model, ended.outcome, &engine.breaker_limits, now);
    if let (true, Some(id)) = (ended.progressed, &ended.agent_session_id) {
        engine.store.set_agent_session(&run.session, &agent.command[0], &run.project, id, now);
    }
    run.log.record(&mut engine.store, vec![Fact::AttemptEnded(Box::new(ended))]);
}

/// A prompt that the CLI would refuse to read is refused here, with the figure.
fn judge(
    engine: &Engine,
    run: &Run,
    agent: &Agent,
    words: &str,
    seen: &Transcript,
    end: &ProcessEnd,
) -> Judgement {
    if let Some(max) = too_long_for(agent, words) {
        let detail =
            format!("the prompt has {} bytes, and `{}` reads at most {max}", words.len(), agent.command[0]);
        return Judgement { outcome: Outcome::InvalidRequest, flags: vec![], detail, resets_at: None };
    }
    let mut judgement = outcome::judge(agent, &engine.catalog, &run.nonce, seen, end);
    judgement.detail = redact(&judgement.detail).into_owned();
    judgement
}

fn too_long_for(agent: &Agent, words: &str) -> Option<usize> {
    agent.adapter.prompt_bytes_max().filter(|max| words.len() > *max)
}

/// The agent session: the one that the plan carries over, the one that our session goes on in, or a new one.
fn agent_session(engine: &Engine, run: &Run, agent: &Agent, plan: &Plan) -> AgentSession {
    if let Carry::Session { agent_session_id } = &plan.carry {
        return AgentSession::Resume(agent_session_id.clone());
    }
    let known = match plan.why {
        AttemptReason::Start => engine.store.agent_session(&run.session, &agent.command[0], &run.project),
        AttemptReason::Retry | AttemptReason::Escalate | AttemptReason::FallBack => None,
    };
    known.map_or_else(|| AgentSession::New(new_uuid()), AgentSession::Resume)
}

/// The words for this attempt's agent.
fn words(run: &Run, plan: &Plan) -> String {
    let request = run.request.text();
    let last = run.log.state.attempts.last();
    let before = last.and_then(|attempt| attempt.ended.as_ref().map(|ended| (&attempt.started, ended)));
    match (&plan.carry, before) {
        (Carry::Nothing, _) | (_, None) => request.to_owned(),
        (Carry::Session { .. }, Some((started, ended))) => prompt::go_on(started, ended),
        (Carry::HandOver, Some((started, ended))) => {
            let said = run.answer.as_deref().unwrap_or("");
            prompt::hand_over(request, started, ended, said, &run.project.to_string_lossy())
        }
    }
}

fn started(
    engine: &Engine,
    number: u32,
    agent: &Agent,
    plan: &Plan,
    session: &AgentSession,
) -> AttemptStarted {
    AttemptStarted {
        attempt: number,
        agent: agent.name.clone(),
        tier: agent.tier,
        model_requested: agent.model.clone(),
        why: plan.why,
        agent_session_id: agent.adapter.announces_result().then(|| session.id().to_owned()),
        resumed: matches!(session, AgentSession::Resume(_)),
        payer: payer(&engine.surroundings, agent),
    }
}

/// A private directory for the attempt's files, removed when the attempt is over.
type AttemptDir = tempfile::TempDir;

/// Resolves everything that the process needs. What cannot be resolved is an end of its own kind.
async fn prepare(
    engine: &Engine,
    run: &Run,
    agent: &Agent,
    plan: &Plan,
    session: &AgentSession,
    words: &str,
) -> Result<(Launch, AttemptDir), ProcessEnd> {
    let missing = |message: String| not_spawned(true, message);
    if too_long_for(agent, words).is_some() {
        return Err(missing("the prompt is too long".to_owned()));
    }
    let around = &engine.surroundings;
    let env = environment(around, agent, run);
    let program = probe::find_program(&agent.command[0], env.vars.get("PATH").map(String::as_str))
        .ok_or_else(|| missing(format!("`{}` is not an executable on PATH", agent.command[0])))?;
    let version = cli_version(around, agent, &program, &env).await;
    let dir = attempt_dir(&engine.store.paths().run_dir(&run.log.run_id))
        .map_err(|error| not_spawned(false, format!("no private directory: {error}")))?;
    let contract = contract::text(&run.nonce);
    let contract_file = dir.path().join("contract.md");
    private::write(&contract_file, contract.as_bytes())
        .map_err(|error| not_spawned(false, format!("the output contract could not be written: {error}")))?;
    let order = Order {
        agent,
        version,
        prompt: words,
        contract: &contract,
        contract_file: &contract_file,
        session,
        permission_mode: agent.effective_permission_mode(),
        max_turns: run.limits.max_turns,
        max_usd: plan.usd_left,
        cwd: &run.project,
    };
    let invocation = resolve(agent.adapter.invocation(&order), &program, env);
    let launch = Launch {
        invocation,
        dir: dir.path().to_owned(),
        shim_program: around.own_program.clone(),
        limits: watch_limits(&run.limits, agent, plan.usd_left),
        stop_grace: run.limits.stop_grace,
        overlong: if agent.adapter.announces_result() { Overlong::Drop } else { Overlong::Split },
    };
    Ok((launch, dir))
}

/// The attempt's directory stands in the run's, or in the system's place for temporary files where that fails.
fn attempt_dir(run_dir: &Path) -> std::io::Result<AttemptDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("attempt-");
    match private::ensure_dir(run_dir) {
        Ok(()) => builder.tempdir_in(run_dir).or_else(|_| builder.tempdir()),
        Err(_) => builder.tempdir(),
    }
}

/// Puts the found program and the environment into the command.
pub fn resolve(mut invocation: Invocation, program: &Path, env: AgentEnv) -> Invocation {
    invocation.program = program.to_string_lossy().into_owned();
    let own = std::mem::take(&mut invocation.env);
    invocation.env = env.vars;
    invocation.env.extend(own);
    invocation
}

/// The environment of an agent in this run.
pub fn environment(around: &Surroundings, agent: &Agent, run: &Run) -> AgentEnv {
    environment_for(around, agent, run.log.run_id.as_str(), run.session.as_str())
}

/// The environment of an agent: what is allowed of ours, what the operator adds, and our own marks.
pub fn environment_for(around: &Surroundings, agent: &Agent, run_id: &str, session: &str) -> AgentEnv {
    let payer = agent_env::payer(&around.ambient, agent.billing, around.login_found);
    let own = [
        ("POINTSMAN_RUN".to_owned(), run_id.to_owned()),
        ("POINTSMAN_SESSION".to_owned(), session.to_owned()),
        ("POINTSMAN_DEPTH".to_owned(), (around.depth + 1).to_string()),
    ];
    agent_env::agent_env(&around.ambient, agent, payer, &around.extra_allow, &own)
}

/// Who pays for an agent, with what the operator's config sets for it taken into account.
pub fn payer(around: &Surroundings, agent: &Agent) -> Payer {
    environment_for(around, agent, "", "").effective_payer(around.login_found)
}

/// The version of the agent's CLI, where the adapter cares and the CLI tells.
pub async fn cli_version(
    around: &Surroundings,
    agent: &Agent,
    program: &Path,
    env: &AgentEnv,
) -> Option<CliVersion> {
    if agent.source == AgentSource::Rehearsal {
        return Some(pointsman_core::adapter::claude::argv::VERIFIED_SINCE);
    }
    if !agent.adapter.announces_result() {
        return None;
    }
    let printed = probe::version(program, &env.vars, &around.version_cache).await.ok()?;
    CliVersion::parse(&printed)
}

fn watch_limits(limits: &Limits, agent: &Agent, usd_left: Option<f64>) -> WatchLimits {
    WatchLimits {
        startup: agent.adapter.announces_result().then_some(limits.startup),
        idle: limits.idle,
        wall: limits.wall,
        post_result_grace: limits.post_result_grace,
        usd: usd_left,
    }
}

fn not_spawned(missing: bool, message: String) -> ProcessEnd {
    ProcessEnd {
        exit: Exit::NotSpawned { missing, message },
        stopped: None,
        leaked_count: 0,
        duration: Duration::ZERO,
        stderr_tail: String::new(),
        oversized_lines: 0,
    }
}

/// Listens to an agent: translates its lines, adds them up, and tells watchers.
struct Hearing<'a> {
    agent: &'a Agent,
    seen: Transcript,
    text_bytes_max: usize,
    usd_max: Option<f64>,
    redactor: Redactor,
}

impl<'a> Hearing<'a> {
    fn new(agent: &'a Agent, text_bytes_max: usize, usd_max: Option<f64>) -> Hearing<'a> {
        Hearing { agent, seen: Transcript::default(), text_bytes_max, usd_max, redactor: Redactor::default() }
    }

    fn hear(&mut self, line: &str, log: &mut RunLog) -> LineMeaning {
        let mut stop = None;
        for event in self.agent.adapter.decode(line) {
            let served_before = self.seen.models_served.len();
            self.seen.add(&event, self.text_bytes_max);
            if matches!(&event, AgentEvent::ApiError { kind, .. } if kind == "authentication_failed") {
                // The CLI would ask again for minutes with a key that is refused.
                stop = Some(StopCause::AuthFailed);
            }
            if let Some(seen) = self.shown(event, served_before) {
                log.see(seen);
            }
        }
        LineMeaning { settled: self.seen.is_settled(), usd: self.usd(), stop }
    }

    /// Hands on what the redactor still held back.
    fn finish(&mut self, log: &mut RunLog) {
        let rest = std::mem::take(&mut self.redactor).finish();
        if !rest.is_empty() {
            log.see(Seen::TextDelta { text: rest });
        }
    }

    fn usd(&self) -> Option<f64> {
        let price = self.agent.price.filter(|_| self.usd_max.is_some())?;
        Some(price.of(self.seen.usage_so_far()))
    }

    /// What people who watch are shown of an event.
    fn shown(&mut self, event: AgentEvent, served_before: usize) -> Option<Seen> {
        let clean = |text: &str| redact(text).into_owned();
        Some(match event {
            AgentEvent::Started { session_id, cli_version, api_key_source, model: _ } => {
                Seen::AgentStarted { agent_session_id: session_id, cli_version, api_key_source }
            }
            AgentEvent::Text { text } => Seen::Text { text: clean(&text) },
            AgentEvent::TextDelta { text } => match self.redactor.push(&text) {
                ready if ready.is_empty() => return None,
                ready => Seen::TextDelta { text: ready },
            },
            AgentEvent::ToolUse { name, subagent } => Seen::ToolUse { tool: clean(&name), subagent },
            AgentEvent::PermissionDenied { tool } => Seen::PermissionDenied { tool: clean(&tool) },
            AgentEvent::Served { model } if self.seen.models_served.len() > served_before => {
                Seen::ModelServed { model: clean(&model) }
            }
            AgentEvent::ModelFallback { from, to } => {
                Seen::ModelFallback { from: clean(&from), to: clean(&to) }
            }
            AgentEvent::RateLimit(limit) => Seen::RateLimit(limit),
            AgentEvent::ApiError { kind, status } => Seen::ApiError { kind: clean(&kind), status },
            AgentEvent::Unknown { kind, raw } => {
                Seen::UnknownAgentEvent { kind: clean(&kind), raw: clean(&raw) }
            }
            AgentEvent::Served { .. }
            | AgentEvent::TaskOpened { .. }
            | AgentEvent::TaskClosed { .. }
            | AgentEvent::Usage { .. }
            | AgentEvent::Result(_)
            | AgentEvent::Alive => return None,
        })
    }
}

fn ended(
    engine: &Engine,
    number: u32,
    agent: &Agent,
    session: &AgentSession,
    seen: &Transcript,
    end: &ProcessEnd,
    judgement: Judgement,
) -> AttemptEnded {
    let (exit_code, signal) = match end.exit {
        Exit::Code { code } => (Some(code), None),
        Exit::Signal { signal } => (None, Some(signal)),
        Exit::NotSpawned { .. } | Exit::Lost => (None, None),
    };
    let answer = match engine.stored_words {
        StoredWords::Kept => Some(redact(seen.answer()).into_owned()),
        StoredWords::HashOnly { .. } => None,
    };
    let progressed = !seen.models_served.is_empty() || (seen.result.is_none() && !seen.text.is_empty());
    let tokens = if seen.result.is_some() { seen.tokens } else { seen.usage_so_far() };
    let estimate = agent.price.map(|price| price.of(tokens)).filter(|_| seen.cost_usd().is_none());
    let known_session = seen.session_id.clone().or_else(|| progressed.then(|| session.id().to_owned()));
    AttemptEnded {
        attempt: number,
        outcome: judgement.outcome,
        flags: judgement.flags,
        detail: judgement.detail,
        exit_code,
        signal,
        stopped: end.stopped,
        models_served: seen.models_served.clone(),
        tokens,
        cost_reported_usd: seen.cost_usd(),
        cost_estimated_usd: estimate,
        agent_session_id: known_session.filter(|_| agent.adapter.announces_result()),
        duration_ms: u64::try_from(end.duration.as_millis()).unwrap_or(u64::MAX),
        answer,
        resets_at: judgement.resets_at.map(bounded_reset),
        progressed,
    }
}

/// A reset that is absurdly far away is a wrong clock or a hostile stream.
fn bounded_reset(resets_at: Timestamp) -> Timestamp {
    const FARTHEST: Duration = Duration::from_secs(8 * 24 * 3600);
    let limit = jiff::SignedDuration::try_from(FARTHEST).unwrap_or(jiff::SignedDuration::MAX);
    resets_at.min(clock::now().checked_add(limit).unwrap_or(Timestamp::MAX))
}
