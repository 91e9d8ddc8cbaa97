//! Every request that is one is routed, and twice the same.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use pointsman_core::agent::{AdapterKind, Agent, Catalog, Tier};
use pointsman_core::policy::Policy;
use pointsman_core::request::{Origin, Overrides, Request};
use pointsman_core::route::route;

fn catalog() -> Catalog {
    let agents = Tier::ALL.map(|tier| {
        let name = format!("{tier}-general").parse().expect("a plain name");
        Agent::new(name, AdapterKind::Claude, vec!["claude".to_owned()], tier)
    });
    let by_tier = agents.iter().map(|agent| (agent.tier, agent.name.clone())).collect();
    Catalog::new(agents.into(), by_tier, BTreeMap::new()).expect("every tier has its agent")
}

std::thread_local! {
    static WORLD: (Catalog, Policy) = (catalog(), Policy::builtin());
}

fuzz_target!(|text: &str| {
    let Ok(request) = Request::new(text.to_owned(), Origin::Cli, Overrides::default()) else { return };
    WORLD.with(|(catalog, policy)| {
        let once = route(&request, catalog, policy).expect("without an override there is no error");
        let twice = route(&request, catalog, policy).expect("without an override there is no error");
        assert_eq!(once, twice);
        assert!((0.0..=1.0).contains(&once.confidence));
    });
});
