use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::agent::{AdapterKind, Agent, Access, AgentHooks, AgentSource, Billing};
use crate::request::{Origin, Overrides};

const DANGEROUS: &str = include_str!("dangerous.txt");
const HARMLESS: &str = include_str!("harmless.txt");

fn agent(name: &str, tier: Tier) -> Agent {
    Agent {
        name: name.parse().unwrap(),
        description: String::new(),
        adapter: AdapterKind::Claude,
        command: vec!["claude".to_owned()],
        tier,
        model: tier.to_string(),
        fallback_model: None,
        access: Access::Write,
        permission_mode: None,
        cli_agent: None,
        env: BTreeMap::new(),
        billing: Billing::Auto,
        hooks: AgentHooks::Keep,
        source: AgentSource::Builtin,
    }
}

fn catalog() -> Catalog {
    let mut agents: Vec<Agent> = Tier::ALL.map(|tier| agent(&format!("{tier}-general"), tier)).into();
    let by_tier = agents.iter().map(|a| (a.tier, a.name.clone())).collect();
    agents.push(agent("planner", Tier::Opus));
    Catalog::new(agents, by_tier, BTreeMap::new()).unwrap()
}

thread_local! {
    static POLICY: Policy = Policy::builtin();
}

fn routed_with(text: &str, overrides: Overrides) -> Routed {
    let request = Request::new(text.to_owned(), Origin::Cli, overrides).unwrap();
    POLICY.with(|policy| route(&request, &catalog(), policy)).unwrap()
}

fn routed(text: &str) -> Routed {
    routed_with(text, Overrides::default())
}

fn answer(text: &str) -> String {
    let route = routed(text).route;
    match route.decision {
        Decision::Direct => route.tier.to_string(),
        Decision::Escalate => "escalate".to_owned(),
    }
}

#[test]
fn a_dangerous_or_empty_request_asks_a_person() {
    let missed: Vec<_> =
        DANGEROUS.lines().map(|line| line.replace("\\n", "\n")).filter(|line| answer(line) != "escalate").collect();
    assert!(missed.is_empty(), "{} missed: {missed:#?}", missed.len());
}

#[test]
fn a_mention_of_danger_asks_nobody() {
    let asked: Vec<_> = HARMLESS
        .lines()
        .map(|line| line.split_once('|').unwrap().1)
        .map(|line| (line, routed(line).route))
        .filter(|(_, route)| route.decision == Decision::Escalate)
        .map(|(line, route)| format!("{line} <- {:?}", route.rules))
        .collect();
    assert!(asked.is_empty(), "{} asked: {asked:#?}", asked.len());
}

#[test]
fn ordinary_requests_go_where_they_belong() {
    let wrong: Vec<_> = HARMLESS
        .lines()
        .map(|line| line.split_once('|').unwrap())
        .map(|(tier, line)| (tier, line, routed(line).route))
        .filter(|(tier, _, route)| route.tier.as_str() != *tier)
        .map(|(tier, line, route)| format!("{tier} but {} {:?}: {line}", route.tier, route.rules))
        .collect();
    assert!(wrong.len() * 10 <= HARMLESS.lines().count(), "{} wrong: {wrong:#?}", wrong.len());
}
