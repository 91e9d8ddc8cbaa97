//! What the router would have decided if the user had not chosen: without it, nothing could be learned from the choice.

use serde::{Deserialize, Serialize};

use crate::agent::Tier;
use crate::conversation::Context;

use super::choose::Opinion;
use super::file_rules::ByFiles;
use super::rules::Found;
use super::{Decision, Route};
use crate::policy::layer::Layer;

/// The decision that the user's choice replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnDecision {
    /// Whether to run it, or to ask first.
    pub decision: Decision,
    /// The tier.
    pub tier: Tier,
    /// The rule that would have decided.
    pub rule: String,
}

/// What the layers said, ignoring the user's choice.
pub(super) struct Input<'a> {
    /// The first rule that asks the user.
    pub asks: Option<String>,
    /// What the policy files said.
    pub by_files: &'a ByFiles,
    /// The first built-in rule that fired.
    pub by_rule: Option<&'a Found>,
    /// The ids of the other rules that fired, in order.
    pub fired: Vec<&'a str>,
    /// The opinion that follows from the classifier's probabilities.
    pub opinion: &'a Opinion,
    /// Whether a session continues.
    pub context: &'a Context,
}

impl Input<'_> {
    /// Returns what would have been decided.
    pub fn decision(self) -> OwnDecision {
        let named = self.by_files.named.as_ref().map(|named| &named.found);
        let tier = named.map_or(self.opinion.tier, |found| found.tier);
        let doubt = || self.opinion.stopping_rule(self.by_files.precedence, self.context);
        if let Some(rule) = self.asks.clone().or_else(|| doubt().map(str::to_owned)) {
            return OwnDecision { decision: Decision::Escalate, tier, rule };
        }
        let agreeing = self.by_rule.filter(|found| self.opinion.agrees_with(found));
        let layer = named.or(agreeing).map(|found| found.layer);
        let fired = layer.and_then(|layer| first_of(layer, self.fired.iter().copied()));
        let rule = fired.unwrap_or_else(|| self.opinion.rule()).to_owned();
        OwnDecision { decision: Decision::Direct, tier, rule }
    }
}

impl Route {
    /// Returns the rule that decided: the first one that fired in the layer that decided.
    pub fn deciding_rule(&self) -> &str {
        let fired = || self.rules.iter().map(String::as_str);
        first_of(self.layer, fired()).or_else(|| fired().next()).unwrap_or("unknown")
    }
}

/// Returns the first rule of a layer; ids begin with their layer's name.
fn first_of<'a>(layer: Layer, mut ids: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let prefix = match layer {
        Layer::Safety => "safety.",
        Layer::Override => "override.",
        Layer::Policy => "policy.",
        Layer::Rules => "rules.",
        Layer::Classifier => "classifier.",
        Layer::Arbiter => "judge",
        Layer::Default => "default",
    };
    ids.find(|id| id.starts_with(prefix))
}
