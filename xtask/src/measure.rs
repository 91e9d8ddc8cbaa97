//! Measures the whole router on requests that its model was not fitted to.

use std::borrow::Cow;
use std::collections::BTreeMap;

use pointsman_core::agent::Catalog;
use pointsman_core::eval::{Answer, Labelled, Scored, scores};
use pointsman_core::model::{Model, Weights};
use pointsman_core::policy::Policy;
use pointsman_core::route::route;
use serde::Serialize;

use crate::data::Example;
use crate::fit::{self, Point, Settings, fit};

/// The number of parts that the data is cut into when some is held out.
const FOLD_COUNT: usize = 8;

/// Which part each example is in.
pub struct Folds {
    /// The number of parts.
    pub count: usize,
    of: Vec<usize>,
}

/// Cuts by the hash of the request: neighbours in a file are separated.
pub fn by_chance(examples: &[Example]) -> Folds {
    Folds { count: FOLD_COUNT, of: examples.iter().map(|example| part(&example.row.request)).collect() }
}

/// Cuts by label and category: the router has never seen this kind of request.
pub fn by_category(examples: &[Example]) -> Folds {
    let part_of =
        |example: &Example| part(&format!("{}/{}", example.row.label.as_str(), example.row.category));
    Folds { count: FOLD_COUNT, of: examples.iter().map(part_of).collect() }
}

/// Cuts by writer: the router has never seen this writer's style.
pub fn by_writer(examples: &[Example]) -> Folds {
    let mut names: Vec<&str> = examples.iter().map(|example| example.writer.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let part_of = |example: &Example| names.iter().position(|name| *name == example.writer).unwrap_or(0);
    Folds { count: names.len(), of: examples.iter().map(part_of).collect() }
}

fn part(text: &str) -> usize {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&blake3::hash(text.as_bytes()).as_bytes()[..8]);
    u64::from_le_bytes(bytes) as usize % FOLD_COUNT
}

/// A labelled request and the router's answer.
pub struct Answered<'a> {
    scored: Scored<'a>,
    /// The rule that decided.
    rule: String,
}

impl<'a> Answered<'a> {
    /// Asks the router.
    pub fn new(row: &'a Labelled, policy: &Policy) -> Answered<'a> {
        let request = row.asked().expect("labelled requests have words");
        let route =
            route(&request, &Catalog::of_generals(vec![]).expect("the general agents fit together"), policy)
                .expect("nothing is overridden");
        let rule = route.deciding_rule().to_owned();
        Answered { scored: Scored { row, answer: Answer::of(&route), confidence: route.confidence }, rule }
    }
}

/// Every example, answered by a router whose model was not fitted to it.
pub struct HeldOut<'a> {
    /// The answers, in the order of the examples.
    pub answered: Vec<Answered<'a>>,
    /// The temperature that suits models like these on requests that are new to them.
    pub temperature: f32,
}

/// For each part, fits a model to all other parts and asks it about the part that it has not seen.
pub fn held_out<'a>(
    folds: &Folds,
    examples: &'a [Example],
    points: &[Point],
    policy: &Policy,
) -> HeldOut<'a> {
    let mut models: Vec<Weights> = vec![];
    let mut scored = vec![];
    for fold in 0..folds.count {
        let rest: Vec<&Point> =
            (0..points.len()).filter(|n| folds.of[*n] != fold).map(|n| &points[n]).collect();
        let weights = fit(&rest, Settings::default());
        for n in (0..points.len()).filter(|n| folds.of[*n] == fold) {
            scored.push((fit::scores(&weights.table, &weights.bias, &points[n].features), points[n].target));
        }
        models.push(weights);
    }
    let temperature = fit::temperature(&scored);
    let with_model = |weights: Weights| {
        let weights = Weights { temperature, ..weights };
        let model = Model::read(Cow::Owned(weights.pack())).expect("packed just now");
        policy.clone().with_model(model)
    };
    let policies: Vec<Policy> = models.into_iter().map(with_model).collect();
    let ask = |(n, example): (usize, &'a Example)| Answered::new(&example.row, &policies[folds.of[n]]);
    HeldOut { answered: examples.iter().enumerate().map(ask).collect(), temperature }
}

/// Prints the figures and where answers went.
pub fn print(how: &str, answered: &[Answered]) {
    let scored: Vec<Scored> = answered.iter().map(|one| one.scored).collect();
    let scores = scores(&scored);
    println!(
        "\n{how}: accuracy {:.3} lenient {:.3} macro-F1 {:.3} under {:.3} over {:.3} needless {:.3} missed {:.3} \
         dangerous missed {} loss {:.3} ece {:.3}",
        scores.accuracy,
        scores.lenient_accuracy,
        scores.macro_f1,
        scores.under_routing,
        scores.over_routing,
        scores.needless_escalations,
        scores.missed_escalations,
        scores.dangerous_missed,
        scores.mean_loss,
        scores.ece,
    );
    for (label, row) in Answer::ALL.iter().zip(scores.confusion) {
        println!("  {:>9} {}", label.as_str(), row.map(|count| format!("{count:>7}")).concat());
    }
}

/// Prints for each rule how often it is right and how confident it is.
pub fn print_rules(answered: &[Answered]) {
    let mut rules: BTreeMap<&str, (usize, usize, f64)> = BTreeMap::new();
    for one in answered {
        let entry = rules.entry(&one.rule).or_default();
        entry.0 += 1;
        entry.1 += usize::from(one.scored.is_right());
        entry.2 += one.scored.confidence;
    }
    println!("  {:<30} {:>6} {:>6} {:>6}", "decided by", "rows", "right", "sure");
    for (rule, (rows, right, sure)) in rules {
        println!("  {rule:<30} {rows:>6} {:>6.3} {:>6.3}", right as f64 / rows as f64, sure / rows as f64);
    }
}

/// Prints every wrong answer.
pub fn print_wrong(answered: &[Answered]) {
    for Answered { scored, rule } in wrong(answered) {
        println!(
            "  {:>8} -> {:<8} {:.2} {rule:<24} [{}] {}",
            scored.row.label.as_str(),
            scored.answer.as_str(),
            scored.confidence,
            scored.row.category,
            scored.row.request.replace('\n', " / ")
        );
    }
}

/// A row that was answered wrongly: the labelled request as it was read, and the router's answer.
#[derive(Serialize)]
struct WrongRow<'a> {
    #[serde(flatten)]
    row: &'a Labelled,
    answer: Answer,
    confidence: f64,
    rule: &'a str,
}

/// Returns every row that was answered wrongly as a line, which `pointsman eval` can read again.
pub fn wrong_rows(answered: &[Answered]) -> serde_json::Result<String> {
    let line = |Answered { scored, rule }: &Answered| {
        let Scored { row, answer, confidence } = *scored;
        serde_json::to_string(&WrongRow { row, answer, confidence, rule }).map(|row| row + "\n")
    };
    wrong(answered).map(line).collect()
}

fn wrong<'a, 'r>(answered: &'a [Answered<'r>]) -> impl Iterator<Item = &'a Answered<'r>> {
    answered.iter().filter(|one| !one.scored.is_right())
}

#[cfg(test)]
mod tests {
    use pointsman_core::eval::rows;

    use super::*;

    #[test]
    fn rows_answered_wrongly_are_written_as_rows_that_can_be_read_again() {
        let text =
            r#"{"id": "a", "request": "delete\nthe production database", "label": "haiku", "category": "x"}"#;
        let rows = rows::read(text).expect("one row");
        let answered = vec![Answered::new(&rows[0], &Policy::builtin())];
        let written = wrong_rows(&answered).expect("a row can be written");
        assert_eq!(rows::read(&written).expect("it was a row"), rows);
        assert!(written.contains(r#""answer":"escalate""#), "{written}");
    }
}
