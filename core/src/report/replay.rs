//! Decides a past run again: what would be different, and whether that would have been better.

use jiff::Timestamp;
use serde::Serialize;

use crate::agent::Tier;
use crate::conversation::Context;
use crate::eval::Answer;
use crate::ids::RunId;
use crate::request::{Origin, Request};
use crate::route::Route;
use crate::run::event::AttemptReason;
use crate::run::outcome::{Outcome, Verdict};
use crate::run::state::{Phase, RunState};

/// A run that would be routed differently today.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The run.
    pub run_id: RunId,
    /// When it was requested.
    pub at: Option<Timestamp>,
    /// Whether the scripted agent played it, in which case what became of it says nothing.
    pub rehearsal: bool,
    /// The request, shortened and on one line.
    pub request: String,
    /// What was decided then.
    pub was: Decided,
    /// What would be decided now.
    pub is: Decided,
    /// What became of the run.
    pub became: Became,
    /// What that says about the new answer.
    pub hindsight: Hindsight,
}

/// A short form of a decision.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Decided {
    /// What it amounts to.
    pub answer: Answer,
    /// The tier that does it, once approved.
    pub tier: Tier,
    /// Its confidence.
    pub confidence: f64,
    /// The rule that decided.
    pub rule: String,
}

impl Decided {
    fn of(route: &Route) -> Decided {
        Decided {
            answer: Answer::of(route),
            tier: route.tier,
            confidence: route.confidence,
            rule: route.deciding_rule().to_owned(),
        }
    }
}

/// What became of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Became {
    /// Its state: the verdict, once there is one.
    pub state: &'static str,
    /// The outcomes of its attempts.
    pub outcomes: Vec<Outcome>,
    /// The tier of its last attempt.
    pub last_tier: Option<Tier>,
    /// Whether a stronger tier took over.
    pub escalated: bool,
    /// Whether the user approved it.
    pub approved: bool,
}

/// What the end of a run says about another answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Hindsight {
    /// That tier gave the usable answer in the end: it would have been right from the start.
    Right,
    /// That tier, or a stronger one, was tried and was not good enough.
    TooWeak,
    /// A weaker tier was good enough.
    Dearer,
    /// It would ask first about something that was run without asking.
    WouldAsk,
    /// It would run something that was asked about.
    WouldNotAsk,
    /// The run does not tell.
    Unknown,
}

impl Hindsight {
    /// Returns it in words.
    pub fn as_text(self) -> &'static str {
        match self {
            Hindsight::Right => "would have been right at once",
            Hindsight::TooWeak => "would have been too weak",
            Hindsight::Dearer => "a weaker tier was enough",
            Hindsight::WouldAsk => "would ask a person first",
            Hindsight::WouldNotAsk => "would not ask a person",
            Hindsight::Unknown => "the run does not tell whether that is better",
        }
    }
}

/// Returns the request of a run as it was submitted, or `None` if its words were not kept.
pub fn request_of(run: &RunState) -> Option<Request> {
    let requested = run.requested.as_ref()?;
    let words = requested.prompt.clone()?;
    let mut request = Request::new(words, Origin::Cli, requested.overrides.clone()).ok()?;
    request.context = requested.context.clone();
    // Older records do not say it; but if the first attempt resumed a session of the agent, the words were an answer in it.
    if request.context.is_fresh() && run.attempts.first().is_some_and(|attempt| attempt.started.resumed) {
        request.context = Context::of_session();
    }
    request.pressure = requested.quota_pressure;
    request.llm_vote = requested.llm_vote;
    Some(request)
}

/// Returns how a run differs from what would be decided now; `None` if it does not.
pub fn difference(run_id: &RunId, run: &RunState, now: &Route) -> Option<Difference> {
    let (requested, then) = (run.requested.as_ref()?, run.route.as_ref()?);
    if (then.decision, then.tier) == (now.decision, now.tier) {
        return None;
    }
    let (was, is) = (Decided::of(then), Decided::of(now));
    Some(Difference {
        run_id: run_id.clone(),
        at: run.requested_at,
        rehearsal: requested.rehearsal,
        request: requested.prompt.clone().unwrap_or_default(),
        hindsight: hindsight(run, &was, &is),
        was,
        is,
        became: Became {
            state: run.recorded_word(),
            outcomes: run.attempts.iter().filter_map(|a| a.ended.as_ref().map(|end| end.outcome)).collect(),
            last_tier: run.attempts.last().map(|attempt| attempt.started.tier),
            escalated: escalated(run),
            approved: run.approved,
        },
    })
}

fn escalated(run: &RunState) -> bool {
    run.attempts.iter().any(|attempt| attempt.started.why == AttemptReason::Escalate)
}

fn hindsight(run: &RunState, was: &Decided, is: &Decided) -> Hindsight {
    match (was.answer, is.answer) {
        (Answer::Escalate, Answer::Escalate) => return Hindsight::Unknown,
        (Answer::Escalate, _) => return Hindsight::WouldNotAsk,
        (_, Answer::Escalate) => return Hindsight::WouldAsk,
        (_, _) => {}
    }
    let succeeded = matches!(run.phase, Phase::Finished { verdict: Verdict::Succeeded, .. });
    let Some(last) = run.attempts.last().filter(|_| succeeded).map(|attempt| attempt.started.tier) else {
        return Hindsight::Unknown;
    };
    match is.tier.cmp(&last) {
        std::cmp::Ordering::Equal => Hindsight::Right,
        std::cmp::Ordering::Greater => Hindsight::Dearer,
        // Only an escalation shows that a weaker tier was not good enough; otherwise none was tried.
        std::cmp::Ordering::Less if escalated(run) && is.tier <= was.tier => Hindsight::TooWeak,
        std::cmp::Ordering::Less => Hindsight::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Driven, catalog, general};
    use crate::route::{Decision, fallback};
    use crate::run::event::Fact;
    use crate::run::next::{Carry, Plan};

    fn ran(attempts: &[(Tier, AttemptReason, Outcome)]) -> RunState {
        let mut run = Driven::routed(attempts[0].0);
        for (tier, why, outcome) in attempts {
            let plan = Plan { agent: general(*tier).name, why: *why, carry: Carry::Nothing, usd_left: None };
            run.attempt(&plan, *outcome);
        }
        let (verdict, reason) = (Verdict::Succeeded, String::new());
        run.record(Fact::Finished {
            verdict,
            code: None,
            exit_code: 0,
            reason,
            hint: None,
            resets_at: None,
            changes: None,
        });
        run.state
    }

    fn now(tier: Tier, decision: Decision) -> Route {
        Route { tier, decision, ..fallback(&catalog(vec![])) }
    }

    fn said(run: &RunState, now: &Route) -> Option<Hindsight> {
        difference(&"r".parse().unwrap(), run, now).map(|difference| difference.hindsight)
    }

    #[test]
    fn the_end_of_a_run_says_whether_the_new_answer_would_have_been_right() {
        use Decision::{Direct, Escalate};
        use Tier::{Haiku, Opus, Sonnet};
        let done = |tier| ran(&[(tier, AttemptReason::Start, Outcome::Completed)]);
        let climbed = ran(&[
            (Sonnet, AttemptReason::Start, Outcome::MaxTurns),
            (Opus, AttemptReason::Escalate, Outcome::Completed),
        ]);
        for (run, now, want) in [
            (&done(Haiku), now(Haiku, Direct), None),
            (&done(Haiku), now(Opus, Direct), Some(Hindsight::Dearer)),
            (&done(Opus), now(Haiku, Direct), Some(Hindsight::Unknown)),
            (&done(Opus), now(Opus, Escalate), Some(Hindsight::WouldAsk)),
            (&climbed, now(Opus, Direct), Some(Hindsight::Right)),
            (&climbed, now(Haiku, Direct), Some(Hindsight::TooWeak)),
        ] {
            assert_eq!(said(run, &now), want, "{now:?}");
        }
    }

    #[test]
    fn what_was_asked_about_and_would_be_run_now_is_said() {
        let mut run = Driven::routed(Tier::Sonnet);
        run.state.route.as_mut().unwrap().decision = Decision::Escalate;
        assert_eq!(said(&run.state, &now(Tier::Sonnet, Decision::Direct)), Some(Hindsight::WouldNotAsk));
    }
}
