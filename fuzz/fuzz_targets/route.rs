//! Every request that is one is routed, and twice the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pointsman_core::agent::Catalog;
use pointsman_core::policy::Policy;
use pointsman_core::request::{Origin, Overrides, Request};
use pointsman_core::route::route;

std::thread_local! {
    static WORLD: (Catalog, Policy) = (Catalog::of_generals(vec![]).expect("the general agents fit together"), Policy::builtin());
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
