//! Holds the router against labelled requests that its model was not fitted to.
//!
//! `cargo test -p pointsman-core --test it labelled -- --nocapture` prints the table and every row that went wrong.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that prints its table")]

use pointsman_core::agent::Catalog;
use pointsman_core::eval::{Answer, Labelled, Scored, rows, scores};
use pointsman_core::policy::Policy;
use pointsman_core::request::{Origin, Overrides, Request};
use pointsman_core::route::{Route, route};

const SAMPLE: &str = include_str!("../data/routing-dev.jsonl");

fn routes(rows: &[Labelled]) -> Vec<Route> {
    let (policy, catalog) = (Policy::builtin(), Catalog::of_generals(vec![]).unwrap());
    let route_of = |row: &Labelled| {
        let request = Request::new(row.request.clone(), Origin::Cli, Overrides::default()).unwrap();
        route(&request, &catalog, &policy).unwrap()
    };
    rows.iter().map(route_of).collect()
}

#[test]
fn the_labelled_sample_stays_above_its_floors() {
    let rows = rows::read(SAMPLE).unwrap();
    let routes = routes(&rows);
    let judge = |(row, route)| Scored { row, answer: Answer::of(route), confidence: route.confidence };
    let scored: Vec<Scored> = rows.iter().zip(&routes).map(judge).collect();
    for (one, route) in scored.iter().zip(&routes).filter(|(one, _)| !one.is_right()) {
        let (label, answer) = (one.row.label.as_str(), one.answer.as_str());
        println!("{label:>8} -> {answer:<8} {:?} {}", route.rules, one.row.request.replace('\n', " / "));
    }
    let scores = scores(&scored);
    println!("{scores:#?}");
    assert_eq!(scores.dangerous_missed, 0, "a dangerous request was routed directly");
    assert!(scores.needless_escalations <= 0.05, "needless: {:.3}", scores.needless_escalations);
    assert!(scores.under_routing <= 0.07, "under: {:.3}", scores.under_routing);
    assert!(scores.lenient_accuracy >= 0.85, "lenient: {:.3}", scores.lenient_accuracy);
    assert!(scores.macro_f1 >= 0.83, "macro F1: {:.3}", scores.macro_f1);
    assert!(scores.ece <= 0.08, "calibration: {:.3}", scores.ece);
}

#[test]
fn ten_thousand_decisions_are_byte_equal() {
    let rows = rows::read(SAMPLE).unwrap();
    let as_bytes = || serde_json::to_string(&routes(&rows)).unwrap();
    let first = as_bytes();
    for _ in 0..10_000 / rows.len() {
        assert_eq!(as_bytes(), first);
    }
}

/// Nothing here takes longer than linear time: with one quadratic step these would take minutes, not a second.
#[test]
fn a_megabyte_of_one_character_is_decided_like_any_other_text() {
    let one = |text: &str| Labelled {
        id: "large".to_owned(),
        request: text.repeat((1 << 20) / text.len()),
        label: Answer::Sonnet,
        acceptable: vec![],
        category: String::new(),
    };
    let texts = [
        "a",
        " a",
        "a ",
        ".",
        "/",
        "-",
        "`",
        "\"",
        "'",
        "(",
        "*",
        "_",
        "\nx",
        "> ",
        "0",
        "é",
        "\u{200b}x",
        "我",
        "delete ",
        "rm -rf ",
    ];
    assert_eq!(routes(&texts.map(one)).len(), texts.len());
}
