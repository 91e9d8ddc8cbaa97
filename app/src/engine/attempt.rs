//! One attempt: from a plan to a judged process.

use std::time::Duration;

use jiff::Timestamp;
use pointsman_core::adapter::capabilities::Support;
use pointsman_core::adapter::event::Complaint;
use pointsman_core::adapter::invocation::{AgentSession, CliVersion, SessionStart};
use pointsman_core::agent::Agent;
use pointsman_core::agent_env::Payer;
use pointsman_core::redact::{redact, redact_end, redact_owned};
use pointsman_core::report::live::LiveDetail;
use pointsman_core::run::contract::{self, Nonce};
use pointsman_core::run::end::{Exit, ProcessEnd};
use pointsman_core::run::event::{AttemptEnded, AttemptStarted, Fact};
use pointsman_core::run::evidence::Evidence;
use pointsman_core::run::judge::{self, Judgement};
use pointsman_core::run::next::{Carry, Plan};
use pointsman_core::run::outcome::Flag;
use pointsman_core::run::prompt::{self, Earlier};
use pointsman_core::run::rights;
use pointsman_core::run::tools::Denied;

use super::launch::{Brief, Prepared};
use super::output_listener::{ListenerLimits, OutputListener};
use super::project::PromptRetention;
use super::run::Run;
use super::stops::Stops;
use super::{Engine, conversation, launch, project_changes, verification};
use crate::process::probe::Memory;
use crate::process::processes::Shim;
use crate::process::supervise;
use crate::store::{AgentSessionKey, AgentSessionLink, EndedCall};

/// Carries out one plan. When this returns, the log holds the facts from before and after the process.
pub async fn attempt(engine: &Engine, run: &mut Run, plan: &Plan, stops: &mut Stops) {
    let catalog = run.project.catalog();
    let agent = catalog.get(&plan.agent).expect("a plan names an agent of the catalog");
    let agent = rights::held(&run.log.state, agent, catalog);
    project_changes::begin(engine, run);
    let session = conversation::agent_session(engine, run, &agent, plan).await;
    let number = u32::try_from(run.log.state.attempts.len() + 1).expect("attempts are few");
    let predecessor = conversation::predecessor(engine, run, plan, &session).await;
    let earlier = match &predecessor {
        Some(found) => conversation::earlier(engine, found).await,
        None => None,
    };
    let words = words(run, plan, earlier.as_ref());
    // New for each attempt: readers of the live log know what an earlier one printed.
    let nonce = Nonce::from_bytes(engine.entropy.bytes());
    let started = started(engine, run, number, &agent, plan, &session);
    // The shim starts while the disk syncs. It does nothing before its order, which is sent after the fact is stored.
    let shim = engine.surroundings.processes.ready();
    let payer = started.payer;
    let notice = conversation::notice(run, &session, predecessor.as_ref(), earlier.as_ref());
    run.log.record(&engine.store, vec![Fact::AttemptStarted(started)]).await;
    if let Some(text) = notice {
        run.log.emit(LiveDetail::Notice { text });
    }

    run.first_look.done().await;
    let brief = Brief { session: &session, words: &words, nonce: &nonce };
    let work = Work { agent: &agent, plan, brief, payer };
    let mut tried = try_once(engine, run, work, shim, Memory::Trusted, stops).await;
    if tried.may_be_another_version(&agent) && tried.version != fresh_version(engine, run, &agent).await {
        let shim = engine.surroundings.processes.ready();
        tried = try_once(engine, run, work, shim, Memory::Doubted, stops).await;
    }
    if tried.version.is_none() && tried.seen.cli_version.is_some() {
        launch::forget_silence(engine, run, &agent);
    }
    let Tried { seen, mut end, .. } = tried;

    // Before the judge cuts one line out of it: half a secret is not recognised, nor is one line of a private key.
    end.stderr_tail = redact_end(&end.stderr_tail);
    let mut judgement = judge::judge(&agent, run.project.catalog(), &nonce, &seen, &end);
    judgement.detail = redact_owned(judgement.detail);
    let (judgement, verification) = verification::verify(engine, run, &agent, judgement, stops).await;
    let answer = contract::without_markers(seen.answer());
    let answer = if seen.text_was_cut { redact_end(&answer) } else { redact_owned(answer.into_owned()) };
    let mut ended = ended(engine, number, &work, &seen, &end, judgement);
    ended.verification = verification;
    ended.answer = match run.project.terms().prompt_retention {
        PromptRetention::Kept => Some(answer.clone()),
        PromptRetention::HashOnly { .. } => None,
    };
    run.answer = Some(answer);
    after(run, &agent, ended);
}

/// What an attempt has to do.
#[derive(Clone, Copy)]
struct Work<'a> {
    agent: &'a Agent,
    plan: &'a Plan,
    brief: Brief<'a>,
    /// The payer, as far as the environment shows.
    payer: Payer,
}

/// A process that was started, or an attempt that ended before that.
struct Tried {
    seen: Evidence,
    end: ProcessEnd,
    version: Option<CliVersion>,
}

impl Tried {
    /// Returns whether the CLI rejected its arguments before doing anything else. It may then be another version than
    /// the cached one, although its file is unchanged.
    fn may_be_another_version(&self, agent: &Agent) -> bool {
        let refused = agent.adapter.complaint(&self.end.stderr_tail) == Some(Complaint::Configuration);
        refused && !self.seen.has_begun && self.end.stopped.is_none()
    }
}

/// Starts one process and reads its output until it ends.
async fn try_once(
    engine: &Engine,
    run: &mut Run,
    work: Work<'_>,
    shim: Shim,
    memory: Memory,
    stops: &mut Stops,
) -> Tried {
    let Work { agent, plan, brief, payer } = work;
    let prepared = tokio::select! {
        prepared = launch::prepare(engine, run, agent, plan, brief, memory) => prepared,
        cause = stops.next() => Err(launch::stopped_before(cause)),
    };
    let Prepared { launch, version, _dir } = match prepared {
        Ok(prepared) => prepared,
        Err(end) => return Tried { seen: Evidence::default(), end, version: None },
    };
    if let (Support::TooOld { not_held, .. }, Some(version)) =
        (agent.adapter.capabilities(version).support, version)
    {
        let text = format!("`{}` {version} is too old to be held to {not_held}", agent.command[0]);
        run.log.emit(LiveDetail::Notice { text });
    }
    if version.is_none() && agent.adapter.oldest_supported().is_some() {
        let text = format!(
            "`{}` did not tell a version that can be read: it gets the basic flags only",
            agent.command[0]
        );
        run.log.emit(LiveDetail::Notice { text });
    }
    let decoder = agent.adapter.decoder(version, brief.session.start());
    let limits =
        ListenerLimits { text_bytes_max: run.project.limits().answer_bytes_max, usd_max: plan.usd_left };
    let mut listener = OutputListener::new(agent, decoder, limits, payer);
    let log = &mut run.log;
    let end = supervise::run(launch, shim, stops.causes(), &mut |line, stopped| {
        listener.on_line(line, stopped, log)
    })
    .await;
    listener.finish(log);
    Tried { seen: listener.seen, end, version }
}

/// Asks the agent's program for its version, ignoring the cache.
async fn fresh_version(engine: &Engine, run: &Run, agent: &Agent) -> Option<CliVersion> {
    let env = launch::environment(engine, &run.project, agent, run.marks());
    let program = launch::find_program(agent, &env)?;
    launch::cli_version(engine, agent, &program, &env, Memory::Doubted).await
}

/// Stages the end of the attempt and its consequences for others. A rehearsal calls no service, so no breaker is told.
fn after(run: &mut Run, agent: &Agent, ended: AttemptEnded) {
    let link = ended.agent_session_id.clone().filter(|_| ended.progressed).map(|agent_session| {
        AgentSessionLink { key: AgentSessionKey::new(&run.session, agent, run.project.dir()), agent_session }
    });
    let call = (!run.rehearsal).then(|| EndedCall {
        agent: agent.name.clone(),
        model: agent.model.clone(),
        outcome: ended.outcome,
        limits: run.project.terms().breaker_limits,
    });
    run.log.stage_end(ended, link, call);
}

/// Returns the prompt for this attempt's agent.
fn words(run: &Run, plan: &Plan, earlier: Option<&Earlier>) -> String {
    let request = run.request.text();
    let last = run.log.state.attempts.last();
    let before = last.and_then(|attempt| attempt.ended.as_ref().map(|ended| (&attempt.started, ended)));
    match (&plan.carry, before) {
        (Carry::Nothing, _) | (_, None) => {
            earlier.map_or_else(|| request.to_owned(), |earlier| prompt::go_on_after(request, earlier))
        }
        (Carry::Session { .. }, Some((started, ended))) => prompt::go_on(started, ended),
        (Carry::Note, Some((started, ended))) => {
            let said = run.answer.as_deref().unwrap_or("");
            prompt::delegate(request, started, ended, said, &run.project.dir().to_string_lossy())
        }
    }
}

fn started(
    engine: &Engine,
    run: &Run,
    number: u32,
    agent: &Agent,
    plan: &Plan,
    session: &AgentSession,
) -> AttemptStarted {
    let (payer, gateway) = launch::payer(engine, &run.project, agent);
    let can = agent.adapter.capabilities(None);
    AttemptStarted {
        attempt: number,
        agent: agent.name.clone(),
        tier: agent.tier,
        model_requested: agent.model.clone(),
        why: plan.why,
        agent_session_id: can.resumes.then(|| session.id().clone()),
        resumed: session.start() == SessionStart::Resumed,
        payer,
        gateway,
        permission_mode: can.has_permissions.then(|| agent.effective_permission_mode()),
    }
}

/// Returns what the log keeps of an attempt, except for the answer.
fn ended(
    engine: &Engine,
    number: u32,
    work: &Work<'_>,
    seen: &Evidence,
    end: &ProcessEnd,
    mut judgement: Judgement,
) -> AttemptEnded {
    let agent = work.agent;
    let (exit_code, signal) = match end.exit {
        Exit::Code { code } => (Some(code), None),
        Exit::Signal { signal } => (None, Some(signal)),
        Exit::NotSpawned { .. } | Exit::TooLong { .. } | Exit::Unfit { .. } | Exit::Lost => (None, None),
    };
    let progressed = seen.a_model_answered() || (seen.result().is_none() && !seen.text.is_empty());
    // Some versions give a resumed session a new id: the id that was passed stays its id.
    let named = seen.session_id.clone().filter(|_| matches!(work.brief.session, AgentSession::New(_)));
    let known_session = named.or_else(|| progressed.then(|| work.brief.session.id().clone()));
    let payer = seen.payer.filter(|payer| payer.contradicts(work.payer));
    let contradicts = payer.is_some() && work.payer != Payer::Unknown;
    judgement.flags.extend(contradicts.then_some(Flag::OtherPayer));
    let clean = |text: &str| redact(text).into_owned();
    let denied = seen.tools.denied().into_iter();
    let now = engine.clock.now();
    AttemptEnded {
        attempt: number,
        outcome: judgement.outcome,
        flags: judgement.flags,
        detail: judgement.detail,
        exit_code,
        signal,
        stopped: end.stopped,
        models_served: seen.models_served.iter().map(|model| clean(model)).collect(),
        tokens: seen.tokens(),
        cost_reported_usd: seen.cost_usd(),
        cost_estimated_usd: seen.estimated_usd(&agent.price_to_count_by()),
        agent_session_id: known_session.filter(|_| agent.adapter.capabilities(None).resumes),
        duration_ms: u64::try_from(end.duration.as_millis()).unwrap_or(u64::MAX),
        answer: None,
        resets_at: judgement.reset.and_then(|reset| reset.instant(now)).map(|at| bounded_reset(at, now)),
        progressed,
        passes_soon: judgement.passes_soon,
        denied: denied.map(|call| Denied { tool: clean(&call.tool), what: clean(&call.what) }).collect(),
        servers_failed: seen.servers_failed.iter().map(|server| clean(server)).collect(),
        payer,
        unreadable_lines: seen.unreadable_count,
        verification: None,
        context_tokens: seen.context_tokens,
    }
}

/// Caps a reset that is absurdly far away: it comes from a wrong clock or a hostile stream.
fn bounded_reset(resets_at: Timestamp, now: Timestamp) -> Timestamp {
    const FARTHEST: Duration = Duration::from_secs(8 * 24 * 3600);
    let limit = jiff::SignedDuration::try_from(FARTHEST).unwrap_or(jiff::SignedDuration::MAX);
    resets_at.min(now.checked_add(limit).unwrap_or(Timestamp::MAX))
}
