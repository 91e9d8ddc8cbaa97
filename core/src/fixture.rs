//! Values that many tests start from.

use std::collections::BTreeMap;

use crate::agent::{AdapterKind, Agent, Catalog, Tier};

/// An agent named as given, of the tier, with nothing special about it.
pub fn agent(name: &str, tier: Tier) -> Agent {
    Agent::new(name.parse().unwrap(), AdapterKind::Claude, vec!["claude".to_owned()], tier)
}

/// The general agent of a tier.
pub fn general(tier: Tier) -> Agent {
    agent(&format!("{tier}-general"), tier)
}

/// The three general agents, and others.
pub fn catalog(others: Vec<Agent>) -> Catalog {
    let mut agents: Vec<Agent> = Tier::ALL.map(general).into();
    let by_tier = agents.iter().map(|agent| (agent.tier, agent.name.clone())).collect();
    agents.extend(others);
    Catalog::new(agents, by_tier, BTreeMap::new()).unwrap()
}
