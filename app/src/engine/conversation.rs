//! Conversations: what a request's agent already knows, which conversation of its CLI an attempt continues, and what it is
//! told about one that it does not know.

use std::path::{Path, PathBuf};
use std::time::Duration;

use pointsman_core::adapter::invocation::AgentSession;
use pointsman_core::agent::Agent;
use pointsman_core::conversation::{Context, Proposal, Session};
use pointsman_core::ids::{RunId, SessionId};
use pointsman_core::run::event::AttemptReason;
use pointsman_core::run::next::{Carry, Plan};
use pointsman_core::run::prompt::Earlier;
use pointsman_core::run::spec::RunSpec;

use super::Engine;
use super::project::ProjectContext;
use super::run::Run;
use crate::store::{AgentSessionKey, Runs};

/// How many runs of a session are searched for the previous one.
const RUNS_MAX: usize = 100;

/// Returns the agent session: the one that the plan carries over, the one that our session continues, or a new one.
pub async fn agent_session(engine: &Engine, run: &Run, agent: &Agent, plan: &Plan) -> AgentSession {
    if let Carry::Session { agent_session_id } = &plan.carry {
        return AgentSession::Resume(agent_session_id.clone());
    }
    let known = match plan.why {
        // A session named after its run's id began with it.
        AttemptReason::Start if !is_named(run) => None,
        AttemptReason::Start => {
            let key = AgentSessionKey::new(&run.session, agent, run.project.dir());
            engine.store.agent_session(key).await
        }
        AttemptReason::Retry | AttemptReason::Escalate | AttemptReason::FallBack => None,
    };
    known.map_or_else(
        || AgentSession::New(engine.entropy.agent_session_id(engine.clock.now())),
        AgentSession::Resume,
    )
}

/// Returns whether the user named the session.
fn is_named(run: &Run) -> bool {
    run.session.as_str() != run.log.run_id.as_str()
}

/// Returns what the user should know about an attempt that starts afresh although it would be expected to continue: the
/// agent no longer has the conversation, the project was moved, or nothing is stored that could be handed over.
pub fn notice(
    run: &Run,
    session: &AgentSession,
    predecessor: Option<&Predecessor>,
    earlier: Option<&Earlier>,
) -> Option<String> {
    let note = earlier.map_or("", |_| ", with a note of what was said last");
    let last = run.log.state.attempts.last();
    let resumed_in_vain = last.is_some_and(|attempt| {
        attempt.started.resumed && attempt.ended.as_ref().is_some_and(|ended| !ended.progressed)
    });
    if resumed_in_vain && matches!(session, AgentSession::New(_)) {
        return Some(format!("the agent no longer has the session's conversation: it begins anew{note}"));
    }
    let before = predecessor.filter(|_| last.is_none())?;
    if before.project != run.project.dir() {
        let place = before.project.display();
        return Some(format!(
            "the session's project was `{place}`, which is gone, and the agent does not know it here: it begins anew{note}"
        ));
    }
    let text = "this agent begins without what was said in the session before: the words are not stored";
    earlier.is_none().then(|| text.to_owned())
}

/// The run that last answered in a session.
pub struct Predecessor {
    run: RunId,
    project: PathBuf,
}

/// Returns the previous run of the same session, for an agent that starts without knowing it.
///
/// A session may be used in several projects, which know nothing of each other; but a project that was moved is the
/// same one.
pub async fn predecessor(
    engine: &Engine,
    run: &Run,
    plan: &Plan,
    session: &AgentSession,
) -> Option<Predecessor> {
    let knows_nothing = matches!((&plan.carry, session), (Carry::Nothing, AgentSession::New(_)));
    if !is_named(run) || !knows_nothing {
        return None;
    }
    last_run(engine, &run.session, run.project.dir(), run.rehearsal).await
}

/// Returns the newest run of a session in a project, or in one that is gone.
async fn last_run(
    engine: &Engine,
    session: &SessionId,
    project: &Path,
    rehearsal: bool,
) -> Option<Predecessor> {
    let of_session = Runs::OfSession {
        session: session.clone(),
        project: project.to_owned(),
        rehearsal,
        count_max: RUNS_MAX,
    };
    let runs = engine.store.runs(of_session).await.unwrap_or_default();
    let before = |there: &PathBuf| there == project || !there.exists();
    let mut runs = runs.into_iter().map(|row| (row.run_id, PathBuf::from(row.project_root)));
    let (run, project) = runs.find(|(_, there)| before(there))?;
    Some(Predecessor { run, project })
}

/// How long a prompt cache stays warm after it was read last: what the API promises for its ordinary cache.
const CACHE_LIFE: Duration = Duration::from_secs(5 * 60);

/// Returns what the agent already knows when a request reaches it: who had the session, and what was said there last.
pub async fn context(engine: &Engine, spec: &RunSpec, project: &ProjectContext) -> Context {
    let Some(session) = &spec.session else { return Context::Fresh };
    if !engine.knows_session(session, project).await {
        return Context::Fresh;
    }
    let before = last_run(engine, session, project.dir(), spec.rehearsal.is_some()).await;
    let found = match before {
        Some(before) => engine.look_at(before.run).await.ok(),
        None => None,
    };
    let Some(last) = found.as_ref().and_then(|found| found.state.attempts.last()) else {
        return Context::of_session();
    };
    let last_tier = Some(last.started.tier);
    let idle = last.ended_at.map(|at| engine.clock.now().duration_since(at).unsigned_abs());
    let warm_tokens = last
        .ended
        .as_ref()
        .map(|ended| ended.context_tokens)
        .filter(|tokens| *tokens > 0 && idle.is_some_and(|idle| idle < CACHE_LIFE));
    let context = match last.ended.as_ref().and_then(|ended| ended.answer.as_deref()) {
        Some(answer) => Context::after(last_tier, answer),
        // Its words are not kept: it may have asked something.
        None => Context::Session(Session { last_tier, warm_tokens: None, proposal: Proposal::Open }),
    };
    context.with_warm_tokens(warm_tokens)
}

/// Returns what was said in an earlier run, as far as it was kept.
pub async fn earlier(engine: &Engine, predecessor: &Predecessor) -> Option<Earlier> {
    let found = engine.look_at(predecessor.run.clone()).await.ok()?;
    let last = found.state.attempts.last()?;
    Some(Earlier {
        agent: last.started.agent.to_string(),
        request: found.state.requested.as_ref()?.prompt.clone()?,
        answer: last.ended.as_ref()?.answer.clone()?,
    })
}
