//! Every text is a policy file or has problems with places; a policy from it routes, and takes no question away.
#![no_main]

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use pointsman_core::agent::Catalog;
use pointsman_core::policy::Policy;
use pointsman_core::policy::file::PolicySource;
use pointsman_core::policy::file_rule::Author;
use pointsman_core::request::{Origin, Overrides, Request};
use pointsman_core::route::{Decision, route};

std::thread_local! {
    static CATALOG: Catalog = Catalog::of_generals(vec![]).expect("the general agents fit together");
}

fuzz_target!(|text: &str| {
    CATALOG.with(|catalog| {
        let source = PolicySource { author: Author::Project, name: "fuzz", text };
        match Policy::builtin().with_files(&[source], &BTreeSet::new(), catalog) {
            Err(problems) => assert!(problems.iter().all(|p| p.at.line > 0 && p.at.column > 0 && !p.hint.is_empty())),
            Ok(policy) => {
                let words = "delete the production database".to_owned();
                let request = Request::new(words, Origin::Cli, Overrides::default()).expect("it has words");
                let route = route(&request, catalog, &policy).expect("without an override there is no error");
                assert_eq!(route.decision, Decision::Escalate);
            }
        }
    });
});
