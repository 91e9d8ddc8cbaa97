//! One attempt: from a plan to a judged process.

use std::time::Duration;

use jiff::Timestamp;
use pointsman_core::adapter::invocation::AgentSession;
use pointsman_core::adapter::transcript::Transcript;
use pointsman_core::agent::Agent;
use pointsman_core::redact::redact;
use pointsman_core::run::contract::Nonce;
use pointsman_core::run::end::{Exit, ProcessEnd, StopCause};
use pointsman_core::run::event::{AttemptEnded, AttemptReason, AttemptStarted, Fact};
use pointsman_core::run::next::{Carry, Plan};
use pointsman_core::run::outcome::{self, Judgement};
use pointsman_core::run::prompt;
use tokio::sync::mpsc;

use super::hearing::Hearing;
use super::submit::{Run, new_uuid, random_bytes};
use super::{Engine, StoredWords, launch};
use crate::clock;
use crate::process::supervise::{self, Shim};
use crate::store::AgentSessionLink;

/// Carries out one plan: the facts before and after are in the log when this returns.
pub async fn attempt(engine: &mut Engine, run: &mut Run, plan: &Plan, stops: &mut mpsc::Receiver<StopCause>) {
    let agent = engine.catalog.get(&plan.agent).expect("a plan names an agent of the catalog").clone();
    let session = agent_session(engine, run, &agent, plan);
    let number = u32::try_from(run.log.state.attempts.len() + 1).expect("attempts are few");
    let words = words(run, plan);
    // New for each attempt: what an earlier one said is known to whoever reads the live log.
    let nonce = Nonce::from_bytes(random_bytes());
    let started = started(engine, number, &agent, plan, &session);
    // It starts while the disk is synced, and does nothing before its order: that comes after the fact is stored.
    let shim = Shim::start(&engine.surroundings.own_program);
    run.log.record(&mut engine.store, vec![Fact::AttemptStarted(started)]);

    let mut hearing = Hearing::new(&agent, run.limits.answer_bytes_max, plan.usd_left);
    let prepared = tokio::select! {
        prepared = launch::prepare(engine, run, &agent, plan, &session, &words, &nonce) => prepared,
        Some(cause) = stops.recv() => Err(launch::stopped_before(cause)),
    };
    let end = match prepared {
        Ok((launch, _dir)) => {
            let log = &mut run.log;
            let end = supervise::run(launch, shim, stops, &mut |line| hearing.hear(line, log)).await;
            hearing.finish(log);
            end
        }
        Err(refusal) => refusal,
    };

    let mut judgement = outcome::judge(&agent, &engine.catalog, &nonce, &hearing.seen, &end);
    judgement.detail = redact(&judgement.detail).into_owned();
    let answer = redact(hearing.seen.answer()).into_owned();
    let mut ended = ended(&agent, number, &session, &hearing.seen, &end, judgement);
    ended.answer = match engine.stored_words {
        StoredWords::Kept => Some(answer.clone()),
        StoredWords::HashOnly { .. } => None,
    };
    run.answer = Some(answer);
    after(engine, run, &agent, ended);
}

/// Keeps the end of the attempt and what follows from it for others.
fn after(engine: &mut Engine, run: &mut Run, agent: &Agent, ended: AttemptEnded) {
    let now = clock::now();
    if !run.rehearsal {
        engine.store.record_outcome(&agent.name, &agent.model, ended.outcome, &engine.breaker_limits, now);
    }
    let link = ended.agent_session_id.clone().filter(|_| ended.progressed).map(|agent_session| {
        let (session, project) = (run.session.clone(), run.project.clone());
        AgentSessionLink { session, command: agent.command[0].clone(), project, agent_session }
    });
    run.log.hold(Fact::AttemptEnded(Box::new(ended)), link);
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
        payer: launch::payer(&engine.surroundings, agent),
    }
}

/// What the log keeps of an attempt, the answer apart.
fn ended(
    agent: &Agent,
    number: u32,
    session: &AgentSession,
    seen: &Transcript,
    end: &ProcessEnd,
    judgement: Judgement,
) -> AttemptEnded {
    let (exit_code, signal) = match end.exit {
        Exit::Code { code } => (Some(code), None),
        Exit::Signal { signal } => (None, Some(signal)),
        Exit::NotSpawned { .. } | Exit::TooLong { .. } | Exit::Lost => (None, None),
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
        answer: None,
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
