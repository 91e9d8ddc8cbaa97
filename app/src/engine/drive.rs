//! The loop of a run: ask for the next step, carry it out, record what happened, until the run is over.

use std::time::Duration;

use jiff::Timestamp;
use pointsman_core::breaker::Admission;
use pointsman_core::report::metrics::OrchestratedExecution;
use pointsman_core::report::run::RunReport;
use pointsman_core::run::end::StopCause;
use pointsman_core::run::event::Fact;
use pointsman_core::run::hint::{self, Denials};
use pointsman_core::run::next::{self, Finish, Plan, Step};

use super::run::Run;
use super::stops::Stops;
use super::{Engine, attempt, project_changes};

/// Drives a run to its end and returns its report. A cause on `stops` ends it early.
pub async fn drive(engine: &Engine, run: &mut Run, stops: &mut Stops) -> RunReport {
    let _attendance = engine.attend(&run.log.run_id, stops.handle(), stops.wake());
    loop {
        let project = &run.project;
        let step = next::next_step(
            &run.log.state,
            project.limits(),
            project.catalog(),
            engine.clock.now(),
            engine.entropy.share(),
        );
        if matches!(step, Step::Invoke(_)) && run.log.owes_breaker_a_call() {
            // How the last call ended may decide whether the breaker admits the next one.
            engine.flush(run).await;
        }
        match admitted(engine, run, step).await {
            Step::Invoke(plan) => attempt::attempt(engine, run, &plan, stops).await,
            Step::Wait { until, why } => {
                run.log.record(&engine.store, vec![Fact::Waiting { until, why }]).await;
                if let Some(cause) = wait(engine, until, stops).await {
                    return finish(engine, run, next::cancelled(cause)).await;
                }
            }
            Step::Finish(end) => return finish(engine, run, end).await,
        }
    }
}

/// Lets the agent's breaker decide about an invocation.
///
/// A rehearsal calls no service, so it has no breaker. An agent to fall back to has a breaker of its own.
async fn admitted(engine: &Engine, run: &Run, mut step: Step) -> Step {
    let (catalog, terms) = (run.project.catalog(), run.project.terms());
    for _ in catalog.agents() {
        let Step::Invoke(Plan { agent: name, .. }) = &step else { return step };
        let Some(agent) = catalog.get(name).filter(|_| !run.rehearsal) else { return step };
        match engine.store.admit(&agent.name, &agent.model, &terms.breaker_limits, engine.clock.now()).await {
            Admission::Pass | Admission::Probe => return step,
            Admission::Refuse { until } => {
                step = next::refused_by_breaker(&run.log.state, &terms.limits, catalog, name, until);
            }
        }
    }
    step
}

/// Waits until an instant, checking the clock often enough to notice that the machine slept.
async fn wait(engine: &Engine, until: Timestamp, stops: &mut Stops) -> Option<StopCause> {
    const CHECK_INTERVAL: Duration = Duration::from_secs(30);
    loop {
        let left = Duration::try_from(until.duration_since(engine.clock.now())).unwrap_or(Duration::ZERO);
        if left.is_zero() {
            return None;
        }
        tokio::select! {
            cause = stops.next() => return Some(cause),
            () = tokio::time::sleep(left.min(CHECK_INTERVAL)) => {}
        }
    }
}

async fn finish(engine: &Engine, run: &mut Run, end: Finish) -> RunReport {
    let hint = hint::hint(&end, &denials(run));
    let changes = project_changes::changes(engine, run).await;
    let fact = Fact::Finished {
        verdict: end.verdict,
        code: end.code,
        exit_code: end.exit_code,
        reason: end.reason,
        hint,
        resets_at: end.resets_at,
        changes,
    };
    run.log.record(&engine.store, vec![fact]).await;
    let requested = run.log.state.requested.as_ref().expect("a run begins with what was asked");
    let report = RunReport::new(&run.log.run_id, requested, &run.log.state, run.answer.clone());
    if let Some(record) = OrchestratedExecution::of(&report) {
        // Metrics are for looking back; the run itself must not fail because of them.
        let _ = engine.store.append_metrics(engine.clock.now(), &record);
    }
    report
}

/// Returns what was denied in the last attempt, and the rules that would have allowed it, each once.
fn denials(run: &Run) -> Denials {
    let last = run.log.state.attempts.last();
    let agent = last.and_then(|attempt| run.project.catalog().get(&attempt.started.agent));
    let (Some(ended), Some(agent)) = (last.and_then(|attempt| attempt.ended.as_ref()), agent) else {
        return Denials::default();
    };
    let mut rules: Vec<String> =
        ended.denied.iter().flat_map(|denied| agent.adapter.rules_for(&denied.tool, &denied.what)).collect();
    rules.dedup();
    Denials { any: !ended.denied.is_empty(), rules }
}
