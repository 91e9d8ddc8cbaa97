//! The state of a run: the fold of its log, used while it lives and after a crash.

use jiff::Timestamp;

use super::event::{AttemptEnded, AttemptStarted, Fact, Requested, RunEvent, WaitReason};
use super::outcome::Verdict;
use crate::changes::Changes;
use crate::error_code::ErrorCode;
use crate::route::Route;

/// A run, as far as its log reaches.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunState {
    /// How many events were applied.
    pub seq: u32,
    /// What was requested.
    pub requested: Option<Requested>,
    /// When it was requested.
    pub requested_at: Option<Timestamp>,
    /// The decision.
    pub route: Option<Route>,
    /// Whether a route that asks first was approved.
    pub approved: bool,
    /// The attempts so far.
    pub attempts: Vec<Attempt>,
    /// The phase of the run.
    pub phase: Phase,
    /// What changed in the project meanwhile, once it is over and was looked at.
    pub changes: Option<Changes>,
}

/// One attempt; `ended` is present once it was judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// How it began.
    pub started: AttemptStarted,
    /// When it began.
    pub started_at: Timestamp,
    /// How it ended.
    pub ended: Option<AttemptEnded>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// The phase of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Phase {
    /// Nothing has been recorded.
    #[default]
    New,
    /// Requested, not yet routed.
    Requested,
    /// Ready for its next step.
    Ready,
    /// A process is running.
    Running,
    /// It waits until an instant.
    Waiting {
        /// Until when.
        until: Timestamp,
        /// What it waits for.
        why: WaitReason,
    },
    /// It is over.
    Finished {
        /// The verdict.
        verdict: Verdict,
        /// Why it ended badly; missing in older logs.
        code: Option<ErrorCode>,
        /// The exit code.
        exit_code: u8,
        /// One sentence that explains it to the user.
        reason: String,
        /// What to do next.
        hint: Option<String>,
        /// When it ended.
        at: Timestamp,
        /// When it makes sense to try again.
        resets_at: Option<Timestamp>,
    },
}

impl Phase {
    /// Returns the phase's name.
    pub fn name(&self) -> &'static str {
        match self {
            Phase::New => "new",
            Phase::Requested => "requested",
            Phase::Ready => "ready",
            Phase::Running => "running",
            Phase::Waiting { .. } => "waiting",
            Phase::Finished { .. } => "finished",
        }
    }
}

/// An event that cannot follow: the log is damaged, or the program has a bug.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event {seq} (`{kind}`) cannot follow in a run that is {phase}")]
pub struct IllegalEvent {
    seq: u32,
    kind: &'static str,
    phase: String,
}

impl RunState {
    /// Rebuilds the state from a log.
    pub fn replay<'a>(events: impl IntoIterator<Item = &'a RunEvent>) -> Result<RunState, IllegalEvent> {
        let mut state = RunState::default();
        for event in events {
            state.apply(event)?;
        }
        Ok(state)
    }

    /// Applies the next event, or rejects one that cannot follow.
    pub fn apply(&mut self, event: &RunEvent) -> Result<(), IllegalEvent> {
        let next = self.next_phase(event).ok_or_else(|| IllegalEvent {
            seq: event.seq,
            kind: event.fact.kind(),
            phase: self.word().to_owned(),
        })?;
        match &event.fact {
            Fact::Requested(requested) => {
                self.requested = Some(requested.clone());
                self.requested_at = Some(event.at);
            }
            Fact::Routed { route } => self.route = Some(route.clone()),
            Fact::Approved { .. } => self.approved = true,
            Fact::AttemptStarted(started) => self.attempts.push(Attempt {
                started: started.clone(),
                started_at: event.at,
                ended: None,
                ended_at: None,
            }),
            Fact::AttemptEnded(ended) => {
                let attempt = self.attempts.last_mut().expect("`next_phase` allows it only while one runs");
                attempt.ended = Some((**ended).clone());
                attempt.ended_at = Some(event.at);
            }
            Fact::Finished { changes, .. } => self.changes.clone_from(changes),
            Fact::Waiting { .. } => {}
        }
        self.seq = event.seq;
        self.phase = next;
        Ok(())
    }

    /// Returns the phase after the event, or `None` if the event cannot follow.
    fn next_phase(&self, event: &RunEvent) -> Option<Phase> {
        if event.seq != self.seq + 1 {
            return None;
        }
        let between = matches!(self.phase, Phase::Ready | Phase::Waiting { .. });
        match &event.fact {
            Fact::Requested(_) => (self.phase == Phase::New).then_some(Phase::Requested),
            Fact::Routed { .. } => (self.phase == Phase::Requested).then_some(Phase::Ready),
            Fact::Approved { .. } => (between && self.attempts.is_empty()).then_some(Phase::Ready),
            Fact::AttemptStarted(started) => {
                let is_next = started.attempt as usize == self.attempts.len() + 1;
                (between && is_next).then_some(Phase::Running)
            }
            Fact::AttemptEnded(ended) => {
                let is_running =
                    self.phase == Phase::Running && ended.attempt as usize == self.attempts.len();
                is_running.then_some(Phase::Ready)
            }
            Fact::Waiting { until, why } => between.then_some(Phase::Waiting { until: *until, why: *why }),
            Fact::Finished { verdict, code, exit_code, reason, hint, resets_at, changes: _ } => {
                between.then(|| Phase::Finished {
                    verdict: *verdict,
                    code: *code,
                    exit_code: *exit_code,
                    reason: reason.clone(),
                    hint: hint.clone(),
                    at: event.at,
                    resets_at: *resets_at,
                })
            }
        }
    }

    /// Returns the last attempt that was judged.
    pub fn last_ended(&self) -> Option<&AttemptEnded> {
        self.attempts.iter().rev().find_map(|attempt| attempt.ended.as_ref())
    }

    /// Returns one word for the state: the phase, or the verdict once there is one.
    pub fn word(&self) -> &'static str {
        match &self.phase {
            Phase::Finished { verdict, .. } => verdict.as_str(),
            phase => phase.name(),
        }
    }

    /// Returns the same in the terms of JSON of schema version 1.
    pub fn recorded_word(&self) -> &'static str {
        match &self.phase {
            Phase::Finished { verdict, .. } => verdict.recorded_name(),
            phase => phase.name(),
        }
    }

    /// Returns the verdict, once there is one.
    pub fn verdict(&self) -> Option<Verdict> {
        match &self.phase {
            Phase::Finished { verdict, .. } => Some(*verdict),
            _ => None,
        }
    }

    /// Returns whether the run is over.
    pub fn is_finished(&self) -> bool {
        matches!(self.phase, Phase::Finished { .. })
    }
}
