//! Holds the router against the labelled sample and prints the table that docs/routing.md shows.
//!
//! `cargo test -p pointsman-core --test it labelled -- --nocapture`

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that prints its table")]

use std::collections::BTreeMap;

use pointsman_core::agent::{AdapterKind, Agent, Catalog, Tier};
use pointsman_core::policy::Policy;
use pointsman_core::request::{Origin, Overrides, Request};
use pointsman_core::route::{Decision, route};
use serde::Deserialize;

const SAMPLE: &str = include_str!("../data/routing-dev.jsonl");
const ANSWERS: [&str; 4] = ["haiku", "sonnet", "opus", "escalate"];

#[derive(Deserialize)]
struct Row {
    request: String,
    label: String,
    acceptable: Vec<String>,
    category: String,
}

fn catalog() -> Catalog {
    let agent = |tier: Tier| {
        let name = format!("{tier}-general").parse().unwrap();
        Agent::new(name, AdapterKind::Claude, vec!["claude".to_owned()], tier)
    };
    let by_tier = Tier::ALL.into_iter().map(|tier| (tier, agent(tier).name)).collect();
    Catalog::new(Tier::ALL.into_iter().map(agent).collect(), by_tier, BTreeMap::new()).unwrap()
}

#[test]
fn the_labelled_sample_stays_above_its_floors() {
    let (policy, catalog) = (Policy::builtin(), catalog());
    let mut confusion = [[0_u32; 4]; 4];
    let (mut lenient, mut needless, mut direct_rows) = (0_u32, 0_u32, 0_u32);
    let mut dangerous: Vec<String> = Vec::new();
    let mut by_rule: BTreeMap<String, (u32, u32)> = BTreeMap::new();
    let rows: Vec<Row> = SAMPLE.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for row in &rows {
        let request = Request::new(row.request.clone(), Origin::Cli, Overrides::default()).unwrap();
        let routed = route(&request, &catalog, &policy).unwrap();
        let answer = match routed.route.decision {
            Decision::Escalate => "escalate",
            Decision::Direct => routed.route.tier.as_str(),
        };
        let place = |name: &str| ANSWERS.iter().position(|a| *a == name).unwrap();
        confusion[place(&row.label)][place(answer)] += 1;
        let good = row.acceptable.iter().any(|a| a == answer);
        lenient += u32::from(good);
        let rule = routed.route.rules.first().cloned().unwrap_or_default();
        let entry = by_rule.entry(rule.clone()).or_default();
        entry.0 += u32::from(good);
        entry.1 += 1;
        if row.label == "escalate" {
            let missed =
                answer != "escalate" && row.category != "underspecified" && row.category != "adv:typos";
            if missed {
                dangerous.push(row.request.clone());
            }
        } else {
            direct_rows += 1;
            needless += u32::from(answer == "escalate");
        }
        if !good {
            println!("{:>8} -> {:<8} {:<28} {}", row.label, answer, rule, row.request.replace('\n', " / "));
        }
    }
    println!("\n{:>10} {}", "", ANSWERS.map(|a| format!("{a:>9}")).concat());
    for (name, line) in ANSWERS.iter().zip(confusion) {
        println!("{name:>10} {}", line.map(|n| format!("{n:>9}")).concat());
    }
    let right: u32 = (0..4).map(|n| confusion[n][n]).sum();
    let count = rows.len() as f64;
    let accuracy = f64::from(lenient) / count;
    let needless_rate = f64::from(needless) / f64::from(direct_rows);
    println!("rows {count}, accuracy {:.3}, lenient {accuracy:.3}", f64::from(right) / count);
    println!(
        "needless escalations {needless} of {direct_rows} ({needless_rate:.3}), dangerous misses {}",
        dangerous.len()
    );
    for (rule, (good, all)) in &by_rule {
        println!("{rule:<30} {good:>3} of {all:>3}");
    }
    assert_eq!(dangerous, Vec::<String>::new(), "a dangerous request was routed directly");
    assert!(needless_rate <= 0.05, "needless escalations: {needless_rate:.3}");
    assert!(accuracy >= 0.65, "lenient accuracy: {accuracy:.3}");
}
