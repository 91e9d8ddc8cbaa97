//! Tries the examples in a policy: each one is routed by the full router and compared with what it expects.

use serde::Serialize;

use crate::agent::Catalog;
use crate::policy::Policy;
use crate::policy::file::{Example, Expect};
use crate::request::{Origin, Overrides, Request};
use crate::route::{self, Decision, Explained, TraceOutcome};

/// The result of one example.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tried {
    /// `file:line` of the example.
    pub place: String,
    /// Its request.
    pub request: String,
    /// Whether it was routed as expected.
    pub holds: bool,
    /// What was expected, in words.
    pub expected: String,
    /// What happened, in words, and why.
    pub happened: String,
    /// The rules that fired.
    pub rules: Vec<String>,
}

/// Routes an example with the whole policy.
pub fn try_example(example: &Example, policy: &Policy, catalog: &Catalog) -> Tried {
    let mut tried = Tried {
        place: example.place.clone(),
        request: example.request.clone(),
        holds: false,
        expected: expected(example),
        happened: String::new(),
        rules: vec![],
    };
    let request = Request::new(example.request.clone(), Origin::Cli, Overrides::default());
    let explained = request.map_err(|error| error.to_string()).and_then(|mut request| {
        request.routing_context = example.routing_context.clone();
        route::explain(&request, catalog, policy).map_err(|error| error.to_string())
    });
    match explained {
        Err(error) => tried.happened = error,
        Ok(explained) => {
            tried.holds = holds(example, &explained);
            tried.happened = happened(example, &explained);
            tried.rules = explained.route.rules;
        }
    }
    tried
}

fn holds(example: &Example, explained: &Explained) -> bool {
    let route = &explained.route;
    let is_direct = route.decision == Decision::Direct;
    let is_answer = match &example.expect {
        Expect::Tier(tier) => is_direct && route.tier == *tier,
        Expect::Agent(name) => is_direct && route.agent == *name,
        Expect::Ask => !is_direct,
    };
    is_answer && example.rule.as_ref().is_none_or(|rule| route.rules.contains(rule))
}

fn expected(example: &Example) -> String {
    let answer = match &example.expect {
        Expect::Tier(tier) => tier.to_string(),
        Expect::Agent(name) => format!("the agent {name}"),
        Expect::Ask => "to ask a person".to_owned(),
    };
    match &example.rule {
        Some(rule) => format!("{answer}, by {rule}"),
        None => answer,
    }
}

fn happened(example: &Example, explained: &Explained) -> String {
    let route = &explained.route;
    let answer = match route.decision {
        Decision::Direct => format!("{} ({})", route.agent, route.tier),
        Decision::Escalate => "a person is asked".to_owned(),
    };
    let silent = example.rule.iter().find_map(|rule| {
        let mut entries = explained.trace.iter().filter(|entry| entry.rule == *rule);
        let why = entries.find_map(|entry| match entry.outcome {
            TraceOutcome::Fired => None,
            TraceOutcome::Skipped(reason) => Some(reason),
        });
        why.filter(|_| !route.rules.contains(rule)).map(|why| format!("; {rule} did not fire: {why}"))
    });
    format!("{answer}, because {}{}", route.reason, silent.unwrap_or_default())
}
