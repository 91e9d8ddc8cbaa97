//! Ends a run whose driver died: by the same transitions as one that lives.

use jiff::Timestamp;

use super::event::{AttemptEnded, Fact, RunEvent};
use super::next::{self, Finish, Limits, Step};
use super::outcome::Outcome;
use super::state::{Phase, RunState};
use crate::agent::Catalog;
use crate::ids::RunId;
use crate::run::hint::{self, Denials};
use crate::usage::Tokens;

/// Returns the events that end an orphaned run, and its state after them; `None` if it is over already, or if its log
/// does not reach the route.
///
/// The agents of such a run are gone: a shim kills its agent when its driver dies. A run whose last attempt was judged
/// ends as that judgement says; if it would continue, there is no driver to do so.
pub fn ending(
    id: &RunId,
    run: &RunState,
    limits: &Limits,
    catalog: &Catalog,
    now: Timestamp,
) -> Option<(Vec<RunEvent>, RunState)> {
    if run.is_finished() || run.route.is_none() {
        return None;
    }
    let mut ended = Ending { id, state: run.clone(), events: vec![], now };
    if run.phase == Phase::Running {
        ended.push(Fact::AttemptEnded(Box::new(lost(run, now))))?;
    }
    let end = match next::next_step(&ended.state, limits, catalog, now, 0.0) {
        Step::Finish(end) => end,
        Step::Invoke(_) | Step::Wait { .. } => next::abandoned(),
    };
    let hint = hint::hint(&end, &Denials::default());
    let Finish { verdict, code, exit_code, reason, resets_at } = end;
    ended.push(Fact::Finished { verdict, code, exit_code, reason, hint, resets_at, changes: None })?;
    Some((ended.events, ended.state))
}

struct Ending<'a> {
    id: &'a RunId,
    state: RunState,
    events: Vec<RunEvent>,
    now: Timestamp,
}

impl Ending<'_> {
    fn push(&mut self, fact: Fact) -> Option<()> {
        let event = RunEvent { run_id: self.id.clone(), seq: self.state.seq + 1, at: self.now, fact };
        self.state.apply(&event).ok()?;
        self.events.push(event);
        Some(())
    }
}

fn lost(run: &RunState, now: Timestamp) -> AttemptEnded {
    let attempt = run.attempts.last().expect("a running run has an attempt");
    let duration = now.duration_since(attempt.started_at);
    AttemptEnded {
        verification: None,
        context_tokens: 0,
        attempt: attempt.started.attempt,
        outcome: Outcome::WorkerLost,
        flags: vec![],
        detail: "the process that watched the agent went away".to_owned(),
        exit_code: None,
        signal: None,
        stopped: None,
        models_served: vec![],
        tokens: Tokens::default(),
        cost_reported_usd: None,
        cost_estimated_usd: None,
        agent_session_id: attempt.started.agent_session_id.clone(),
        duration_ms: u64::try_from(duration.as_millis()).unwrap_or(0),
        answer: None,
        resets_at: None,
        passes_soon: false,
        denied: vec![],
        servers_failed: vec![],
        payer: None,
        unreadable_lines: 0,
        progressed: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::Tier;
    use crate::fixture::{self, Driven};
    use crate::run::outcome::Verdict;

    #[test]
    fn an_orphan_ends_once_and_its_log_can_be_read_again() {
        let (catalog, limits) = (fixture::catalog(vec![]), fixture::limits());
        let id: RunId = "run".parse().unwrap();
        let mut run = Driven::routed(Tier::Sonnet);
        let Step::Invoke(plan) = next::next_step(&run.state, &limits, &catalog, Timestamp::UNIX_EPOCH, 0.0)
        else {
            panic!("a routed run begins")
        };
        for outcome in [Outcome::Completed, Outcome::EmptyAnswer] {
            run.attempt(&plan, outcome);
            let now = Timestamp::UNIX_EPOCH;
            let (events, after) = ending(&id, &run.state, &limits, &catalog, now).unwrap();
            assert_eq!(events.last().unwrap().seq, run.state.seq + 1, "it was judged already");
            let expected = if outcome == Outcome::Completed { Verdict::Succeeded } else { Verdict::Failed };
            assert_eq!(after.verdict(), Some(expected), "{outcome}");
            assert_eq!(ending(&id, &after, &limits, &catalog, now), None, "it is over");
            if outcome == Outcome::Completed {
                run = Driven::routed(Tier::Sonnet);
            }
        }
        assert_eq!(ending(&id, &RunState::default(), &limits, &catalog, Timestamp::UNIX_EPOCH), None);
    }
}
