//! Tasks of this repository that are no part of the program.
//!
//! `cargo xtask train` fits the router's classifier to `training/` and writes `core/src/route/classifier/model.bin`.
//! It prints how well the whole router does on requests that the model was not fitted to: held out by chance, by
//! category, and by writer.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints tables")]

mod data;
mod fit;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use pointsman_core::agent::{AdapterKind, Agent, Catalog, Tier};
use pointsman_core::eval::{Answer, Judged, Scores, scores};
use pointsman_core::policy::Policy;
use pointsman_core::request::{Origin, Overrides, Request};
use pointsman_core::route::classifier::{Class, Model, Weights, features_of};
use pointsman_core::route::route;

use data::{Example, Training};
use fit::{Point, Settings, fit};

/// How many parts the data is cut into when some is held out.
const FOLD_COUNT: usize = 8;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["train"] => done(train(true)),
        ["study"] => done(train(false)),
        _ => {
            eprintln!(
                "usage: cargo xtask train   fit, measure, and write the model\n       cargo xtask study   fit and measure only"
            );
            ExitCode::from(2)
        }
    }
}

fn done(result: std::io::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn train(write: bool) -> std::io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default();
    let dir = std::env::var_os("TRAINING").map_or(root.join("training"), PathBuf::from);
    let Training { examples, hash } = data::read(&dir)?;
    let policy = Policy::builtin();
    let points: Vec<Point> = examples
        .iter()
        .map(|example| Point { features: features_of(&example.row.request, &policy), target: example.target })
        .collect();
    println!("{} examples", examples.len());
    let by_chance = |n: usize| {
        u64::from_le_bytes(first8(blake3::hash(examples[n].row.request.as_bytes()))) as usize % FOLD_COUNT
    };
    let by_category = |n: usize| {
        u64::from_le_bytes(first8(blake3::hash(category(&examples[n]).as_bytes()))) as usize % FOLD_COUNT
    };
    let writers: Vec<&str> = {
        let mut names: Vec<&str> = examples.iter().map(|example| example.writer.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    };
    let by_writer = |n: usize| writers.iter().position(|writer| *writer == examples[n].writer).unwrap_or(0);
    let temperature = held_out("by chance", &examples, &points, &policy, FOLD_COUNT, &by_chance, true);
    held_out("by category", &examples, &points, &policy, FOLD_COUNT, &by_category, false);
    if writers.len() > 1 {
        held_out("by writer", &examples, &points, &policy, writers.len(), &by_writer, false);
    }
    let mut weights = fit(&points.iter().collect::<Vec<_>>(), Settings::default());
    weights.temperature = temperature;
    weights.data_hash = hash;
    weights.rules_hash = policy.rules_hash();
    let bytes = weights.pack();
    if write {
        std::fs::write(root.join("core/src/route/classifier/model.bin"), &bytes)?;
    }
    let model = Model::read(Cow::Owned(bytes)).map_err(std::io::Error::other)?;
    println!("\ntemperature {temperature}, data {}", &model.data_hash()[..16]);
    for file in std::env::args().skip(2) {
        let _ = file;
    }
    if let Some(file) = std::env::var_os("SAMPLE") {
        let rows = std::fs::read_to_string(file)?;
        let rows: Vec<pointsman_core::eval::Labelled> = rows
            .lines()
            .map(|line| serde_json::from_str(line).map_err(std::io::Error::other))
            .collect::<Result<_, _>>()?;
        let policy = policy.with_model(model);
        let answers: Vec<(Answer, f64, String)> =
            rows.iter().map(|row| answer(&row.request, &policy)).collect();
        let judged: Vec<Judged> = rows
            .iter()
            .zip(&answers)
            .map(|(row, (answer, confidence, _))| Judged { row, answer: *answer, confidence: *confidence })
            .collect();
        show("sample", &scores(&judged));
        for (one, (_, _, rule)) in judged.iter().zip(&answers).filter(|(one, _)| !one.is_right()) {
            println!(
                "  {:>8} -> {:<8} {:.2} {:<24} [{}] {}",
                one.row.label.as_str(),
                one.answer.as_str(),
                one.confidence,
                rule,
                one.row.category,
                one.row.request.replace('\n', " / ")
            );
        }
    }
    Ok(())
}

fn category(example: &Example) -> String {
    format!("{}/{}", example.row.label.as_str(), example.row.category)
}

fn first8(hash: blake3::Hash) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hash.as_bytes()[..8]);
    bytes
}

/// Routes every example with a model that was not fitted to it; returns the temperature that suits those models.
fn held_out(
    how: &str,
    examples: &[Example],
    points: &[Point],
    policy: &Policy,
    fold_count: usize,
    fold_of: &dyn Fn(usize) -> usize,
    details: bool,
) -> f32 {
    let mut models: Vec<Weights> = vec![];
    let mut scored = vec![];
    for fold in 0..fold_count {
        let rest: Vec<&Point> =
            (0..points.len()).filter(|n| fold_of(*n) != fold).map(|n| &points[n]).collect();
        let weights = fit(&rest, Settings::default());
        for n in (0..points.len()).filter(|n| fold_of(*n) == fold) {
            scored.push((fit::scores(&weights.table, &weights.bias, &points[n].features), points[n].target));
        }
        models.push(weights);
    }
    let temperature = fit::temperature(&scored);
    let policies: Vec<Policy> = models
        .into_iter()
        .map(|weights| {
            let weights = Weights { temperature, ..weights };
            let model = Model::read(Cow::Owned(weights.pack())).expect("packed just now");
            policy.clone().with_model(model)
        })
        .collect();
    let answers: Vec<(Answer, f64, String)> = examples
        .iter()
        .enumerate()
        .map(|(n, example)| answer(&example.row.request, &policies[fold_of(n)]))
        .collect();
    let judged: Vec<Judged> = examples
        .iter()
        .zip(&answers)
        .map(|(example, (answer, confidence, _))| Judged {
            row: &example.row,
            answer: *answer,
            confidence: *confidence,
        })
        .collect();
    show(how, &scores(&judged));
    if details {
        by_rule(&judged, &answers);
        if let Some(path) = std::env::var_os("WRONG") {
            let lines: String = judged
                .iter()
                .zip(&answers)
                .filter(|(one, _)| !one.is_right())
                .map(|(one, (_, _, rule))| {
                    format!(
                        "{}\t{}\t{:.2}\t{}\t{}\t{}\n",
                        one.row.label.as_str(),
                        one.answer.as_str(),
                        one.confidence,
                        rule,
                        one.row.id,
                        one.row.request.replace('\n', " / ")
                    )
                })
                .collect();
            std::fs::write(path, lines).expect("the list can be written");
        }
    }
    temperature
}

fn by_rule(judged: &[Judged], answers: &[(Answer, f64, String)]) {
    let mut rules: BTreeMap<&str, (usize, usize, f64)> = BTreeMap::new();
    for (one, (_, confidence, rule)) in judged.iter().zip(answers) {
        let entry = rules.entry(rule).or_default();
        entry.0 += 1;
        entry.1 += usize::from(one.is_right());
        entry.2 += confidence;
    }
    println!("  {:<30} {:>6} {:>6} {:>6}", "decided by", "rows", "right", "sure");
    for (rule, (rows, right, sure)) in rules {
        println!("  {rule:<30} {rows:>6} {:>6.3} {:>6.3}", right as f64 / rows as f64, sure / rows as f64);
    }
}

fn answer(text: &str, policy: &Policy) -> (Answer, f64, String) {
    let request =
        Request::new(text.to_owned(), Origin::Cli, Overrides::default()).expect("training data has words");
    let route = route(&request, &catalog(), policy).expect("nothing is overridden");
    let rule = route.rules.first().cloned().unwrap_or_default();
    (Answer::of(&route), route.confidence, rule)
}

fn show(how: &str, scores: &Scores) {
    println!(
        "\n{how}: accuracy {:.3} lenient {:.3} macro-F1 {:.3} under {:.3} over {:.3} needless {:.3} missed {:.3} dangerous missed {} loss {:.3} ece {:.3}",
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

fn catalog() -> Catalog {
    let agent = |tier: Tier| {
        let name = format!("{tier}-general").parse().expect("a tier's name is a name");
        Agent::new(name, AdapterKind::Claude, vec!["claude".to_owned()], tier)
    };
    let by_tier = Tier::ALL.into_iter().map(|tier| (tier, agent(tier).name)).collect();
    Catalog::new(Tier::ALL.into_iter().map(agent).collect(), by_tier, BTreeMap::new())
        .expect("three agents fit together")
}

const _: usize = Class::COUNT;
