//! Measures the whole router on requests that its model was not fitted to.

use std::borrow::Cow;
use std::collections::BTreeMap;

use pointsman_core::agent::{Catalog, PermissionMode};
use pointsman_core::eval::{Answer, Labelled, Scored, scores};
use pointsman_core::model::{Model, Sureness, Weights};
use pointsman_core::policy::Policy;
use pointsman_core::route::route;
use serde::Serialize;

use crate::calibrate::{self, Calibration, Given};
use crate::data::{Example, Style};
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

/// Returns the general agents with full rights: the labels ask what must not happen, not what cannot.
pub fn with_full_rights() -> Catalog {
    let mut catalog = Catalog::of_generals(vec![]).expect("the general agents fit together");
    catalog.set_permission_mode(PermissionMode::BypassPermissions);
    catalog
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
        let route = route(&request, &with_full_rights(), policy).expect("nothing is overridden");
        let rule = route.deciding_rule().to_owned();
        Answered { scored: Scored { row, answer: Answer::of(&route), confidence: route.confidence }, rule }
    }
}

/// Every example, answered by a router whose model was not fitted to it.
pub struct HeldOut<'a> {
    /// The answers, in the order of the examples.
    pub answered: Vec<Answered<'a>>,
    /// What suits models like these on requests that are new to them.
    pub fitted: Fitted,
}

/// What is fitted to requests in the style of real sessions, beside the weights.
#[derive(Debug, Clone, Copy)]
pub struct Fitted {
    /// How scores become probabilities.
    pub calibration: Calibration,
    /// How sure the name of a tier is.
    pub sure_of_tier: Sureness,
    /// How sure a question is.
    pub sure_of_question: Sureness,
}

impl Fitted {
    /// Returns a model's weights with it.
    pub fn applied_to(self, weights: Weights) -> Weights {
        let Calibration { temperature, shift } = self.calibration;
        let bias = std::array::from_fn(|c| weights.bias[c] + shift[c]);
        let (sure_of_tier, sure_of_question) = (self.sure_of_tier, self.sure_of_question);
        Weights { bias, temperature, sure_of_tier, sure_of_question, ..weights }
    }
}

/// For each part, fits a model to all other parts and asks it about the part that it has not seen. `points` are those of
/// each example: its own, and its twin's.
pub fn held_out<'a>(
    folds: &Folds,
    examples: &'a [Example],
    points: &[Vec<Point>],
    policy: &Policy,
) -> HeldOut<'a> {
    let mut models: Vec<Weights> = vec![];
    let mut scored = vec![];
    for fold in 0..folds.count {
        let rest: Vec<&Point> =
            (0..points.len()).filter(|n| folds.of[*n] != fold).flat_map(|n| &points[n]).collect();
        let weights = fit(&rest, Settings::default());
        let is_new = |n: &usize| folds.of[*n] == fold && examples[*n].style == Style::Real;
        for own in (0..points.len()).filter(is_new).map(|n| &points[n][0]) {
            scored.push((fit::scores(&weights.table, &weights.bias, &own.features), own.target));
        }
        models.push(weights);
    }
    let calibration = calibrate::calibrate(&scored);
    let as_it_is = Sureness::AS_IT_IS;
    let fitted = Fitted { calibration, sure_of_tier: as_it_is, sure_of_question: as_it_is };
    let first = answers(folds, examples, &models, fitted, policy);
    let fitted = Fitted {
        sure_of_tier: sureness_of(&first, examples, Kind::Tier),
        sure_of_question: sureness_of(&first, examples, Kind::Question),
        ..fitted
    };
    HeldOut { answered: answers(folds, examples, &models, fitted, policy), fitted }
}

/// Asks the router about each example, with the model that has not seen it.
fn answers<'a>(
    folds: &Folds,
    examples: &'a [Example],
    models: &[Weights],
    fitted: Fitted,
    policy: &Policy,
) -> Vec<Answered<'a>> {
    let with_model = |weights: &Weights| {
        let bytes = fitted.applied_to(weights.clone()).pack();
        policy.clone().with_model(Model::read(Cow::Owned(bytes)).expect("packed just now"))
    };
    let policies: Vec<Policy> = models.iter().map(with_model).collect();
    let ask = |(n, example): (usize, &'a Example)| Answered::new(&example.row, &policies[folds.of[n]]);
    examples.iter().enumerate().map(ask).collect()
}

/// A kind of answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Tier,
    Question,
}

/// Fits how sure the classifier's answers of a kind are, to the rows in the style of real sessions.
fn sureness_of(answered: &[Answered], examples: &[Example], kind: Kind) -> Sureness {
    let is_of_kind = |one: &Answered| (one.scored.answer == Answer::Escalate) == (kind == Kind::Question);
    let given = answered
        .iter()
        .zip(examples)
        .filter(|(one, example)| {
            example.style == Style::Real && is_of_kind(one) && !one.rule.starts_with("safety.")
        })
        .map(|(one, _)| Given {
            label: one.scored.row.label,
            share: one.scored.confidence,
            is_right: one.scored.is_right(),
        });
    let real = examples.iter().filter(|example| example.style == Style::Real);
    calibrate::sureness(
        &given.collect::<Vec<_>>(),
        &real.map(|example| example.row.label).collect::<Vec<_>>(),
    )
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
