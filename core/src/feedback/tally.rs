//! The counts over the runs that one rule decided.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::agent::Tier;

/// The runs that a rule decided, by what became of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// How many it decided.
    pub decided: usize,
    /// A usable answer from the routed tier.
    pub succeeded: usize,
    /// A stronger tier had to take over.
    pub escalated: usize,
    /// Why it had to, by outcome.
    pub escalated_because: BTreeMap<&'static str, usize>,
    /// The user chose a stronger tier.
    pub overridden_up: usize,
    /// The user chose a weaker tier.
    pub overridden_down: usize,
    /// An attempt was repeated on the same tier.
    pub retried: usize,
    /// A model answered that was not asked for.
    pub mismatched: usize,
    /// Another agent took over because the routed one was unavailable.
    pub fell_back: usize,
    /// It asked, and the user said yes.
    pub approved: usize,
    /// Of these, how many were answered with yes at once: the question was needless.
    pub approved_at_once: usize,
    /// It asked, nobody said yes, and the same request was approved later.
    pub approved_later: usize,
    /// It asked, and nobody said yes.
    pub refused: usize,
    /// It was stopped.
    pub cancelled: usize,
    /// No usable answer, and no stronger tier was tried.
    pub failed: usize,
    /// It ended early, at a limit that resets later.
    pub waiting: usize,
    /// The tiers that took over the work of a weaker or stronger one: haiku, sonnet, opus.
    pub went_to: [usize; Tier::ALL.len()],
}

impl Tally {
    /// Records that the user chose another tier.
    pub(super) fn overridden(&mut self, to: Tier, from: Tier) {
        if to > from {
            self.overridden_up += 1;
        } else {
            self.overridden_down += 1;
        }
        self.went_to[to as usize] += 1;
    }

    /// Records that a stronger tier took over.
    pub(super) fn escalated(&mut self, to: Tier, because: &'static str) {
        self.escalated += 1;
        *self.escalated_because.entry(because).or_default() += 1;
        self.went_to[to as usize] += 1;
    }

    /// Returns how often the tier was too weak.
    pub fn too_weak(&self) -> usize {
        self.escalated + self.overridden_up
    }

    /// Returns how often it was stronger than the user wanted.
    pub fn too_strong(&self) -> usize {
        self.overridden_down
    }

    /// Returns how many runs show whether the tier was right. Trouble with the service or the account shows nothing.
    pub fn tried(&self) -> usize {
        self.succeeded + self.too_weak() + self.too_strong()
    }

    /// Returns how many questions have an answer. A question that was asked twice counts once.
    pub fn asked(&self) -> usize {
        self.approved + self.refused
    }

    /// Adds the counts of another rule's runs.
    pub(super) fn add(&mut self, other: &Tally) {
        let Tally {
            decided,
            succeeded,
            escalated,
            escalated_because,
            overridden_up,
            overridden_down,
            retried,
            mismatched,
            fell_back,
            approved,
            approved_at_once,
            approved_later,
            refused,
            cancelled,
            failed,
            waiting,
            went_to,
        } = other;
        for (sum, more) in [
            (&mut self.decided, decided),
            (&mut self.succeeded, succeeded),
            (&mut self.escalated, escalated),
            (&mut self.overridden_up, overridden_up),
            (&mut self.overridden_down, overridden_down),
            (&mut self.retried, retried),
            (&mut self.mismatched, mismatched),
            (&mut self.fell_back, fell_back),
            (&mut self.approved, approved),
            (&mut self.approved_at_once, approved_at_once),
            (&mut self.approved_later, approved_later),
            (&mut self.refused, refused),
            (&mut self.cancelled, cancelled),
            (&mut self.failed, failed),
            (&mut self.waiting, waiting),
        ] {
            *sum += more;
        }
        for (outcome, more) in escalated_because {
            *self.escalated_because.entry(outcome).or_default() += more;
        }
        self.went_to.iter_mut().zip(went_to).for_each(|(sum, more)| *sum += more);
    }
}
