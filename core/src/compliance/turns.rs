//! Joins facts: which of them belong to a prompt, and which subagent came from which delegation. By ids, never by time.

use std::collections::BTreeMap;

use crate::hook::fact::{Delegation, HookEvent, HookFact, Recommendation};
use crate::hook::prompt::LeftBecause;
use crate::hook::transcript::TranscriptSummary;

/// What is known about one prompt.
#[derive(Debug, Default)]
pub(super) struct Turn<'f> {
    /// How the prompt was treated, with the fact that reports it.
    pub said: Option<(&'f HookFact, Treatment<'f>)>,
    /// How it ended. A turn that continues after a hook ends again; the last end knows most.
    pub end: Option<Option<&'f TranscriptSummary>>,
    /// The delegations, with the facts that report them.
    pub delegations: Vec<(&'f HookFact, &'f Delegation)>,
    /// The subagents by their ids.
    pub subagents: BTreeMap<&'f str, Subagent<'f>>,
}

/// How a prompt was treated.
#[derive(Debug, Clone, Copy)]
pub(super) enum Treatment<'f> {
    /// A recommendation was made.
    Recommended(&'f Recommendation),
    /// It was left alone.
    Left(LeftBecause),
}

/// What is known about one subagent.
#[derive(Debug, Default)]
pub(super) struct Subagent<'f> {
    /// The delegation that it came from.
    pub tool_use_id: Option<&'f str>,
    /// How it ended. A subagent that is sent another message ends again.
    pub end: Option<Option<&'f TranscriptSummary>>,
}

/// Session and prompt.
pub(super) type Key<'f> = (&'f str, Option<&'f str>);

/// Groups facts by prompt, in the order of their first facts.
pub(super) fn turns(facts: &[HookFact]) -> Vec<(Key<'_>, Turn<'_>)> {
    let mut places: BTreeMap<Key, usize> = BTreeMap::new();
    let mut turns: Vec<(Key, Turn)> = vec![];
    for fact in facts {
        let key = (fact.session.as_str(), fact.prompt_id.as_deref());
        let at = *places.entry(key).or_insert_with(|| {
            turns.push((key, Turn::default()));
            turns.len() - 1
        });
        turns[at].1.add(fact);
    }
    turns
}

impl<'f> Turn<'f> {
    fn add(&mut self, fact: &'f HookFact) {
        match &fact.what {
            HookEvent::RoutingRecommendation(recommendation) => {
                // A message in the middle of a turn has the same id; the directive is that of the turn's beginning.
                self.said.get_or_insert((fact, Treatment::Recommended(recommendation)));
            }
            HookEvent::PromptLeft { because } => {
                self.said.get_or_insert((fact, Treatment::Left(*because)));
            }
            HookEvent::Delegation(delegation) => self.delegations.push((fact, delegation)),
            HookEvent::DelegationReturned { tool_use_id, agent_id: Some(agent_id), .. } => {
                self.subagents.entry(agent_id).or_default().tool_use_id = Some(tool_use_id);
            }
            HookEvent::SubagentStarted { agent_id, .. } => {
                self.subagents.entry(agent_id).or_default();
            }
            HookEvent::SubagentEnded { agent_id, tool_use_id, ran, .. } => {
                let subagent = self.subagents.entry(agent_id).or_default();
                subagent.end = Some(ran.as_ref());
                subagent.tool_use_id = tool_use_id.as_deref().or(subagent.tool_use_id);
            }
            HookEvent::TurnEnded { ran, .. } => self.end = Some(ran.as_ref()),
            HookEvent::DelegationReturned { agent_id: None, .. }
            | HookEvent::SessionStarted { .. }
            | HookEvent::SessionSummary { .. } => {}
        }
    }

    /// Returns the subagent of a delegation.
    pub fn subagent_of(&self, delegation: &Delegation) -> Option<&Subagent<'f>> {
        let id = delegation.tool_use_id.as_str();
        self.subagents.values().find(|subagent| subagent.tool_use_id == Some(id))
    }
}
