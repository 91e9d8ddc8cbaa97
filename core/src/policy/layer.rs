//! The layers in which a route is decided: each rule belongs to one, and a route names the one that decided.

use serde::{Deserialize, Serialize};

/// The layer of the router that decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layer {
    /// Hard safety: destructive, outward-facing, secrets, own configuration.
    Safety,
    /// The user's own structured choice.
    Override,
    /// A rule of a policy file.
    Policy,
    /// A built-in rule.
    Rules,
    /// The learned classifier.
    Classifier,
    /// The arbiter: a small model that was asked. Records call it `judge`.
    #[serde(rename = "judge")]
    Arbiter,
    /// Nothing else had an opinion.
    Default,
}
