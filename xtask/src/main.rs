//! Tasks of this repository that are not part of the program.
//!
//! `cargo xtask train` fits the router's classifier to `training/`, prints how well the whole router does on requests
//! that the model was not fitted to, and writes `core/src/model/model.bin`. `cargo xtask study` does the same without
//! writing the model, optionally on other data. `cargo xtask cli-matrix` tries versions of the Claude CLI.
//! `cargo xtask upgrade-check` tries this program beside an older version of itself. `cargo xtask picture` records the
//! README's picture. `cargo xtask docs` writes the reference pages from the code.
//!
//! Reading order: the tasks here · `data` (the training data) · `wrap` (the same as people say it) · `fit` (the model) ·
//! `calibrate` (what it says made to fit real sessions) · `measure` (how good it is) ·
//! `matrix` (versions of the CLI) · `upgrade` (versions of this program) · `picture` (the demonstration, recorded) ·
//! `docs` (the reference pages).

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints tables")]

mod calibrate;
mod data;
mod docs;
mod fit;
mod matrix;
mod measure;
mod picture;
mod upgrade;
mod wrap;

use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use pointsman_core::eval::{Labelled, rows};
use pointsman_core::model::Model;
use pointsman_core::policy::Policy;
use pointsman_core::route::training::features_of;

use data::Training;
use fit::{Point, Settings, fit};
use matrix::Matrix;
use measure::Answered;
use picture::Picture;
use upgrade::UpgradeCheck;

const USAGE: &str = "\
usage: cargo xtask train    fit, measure, and write the model
       cargo xtask study    fit and measure only
           --sample FILE.jsonl    measure the model on labelled requests as well
           --wrong FILE.jsonl     write the rows answered wrongly, held out by chance, to a file
           --training DIR         fit to this data
       cargo xtask cli-matrix VERSION…    install versions of the Claude CLI from npm, run the tests of the real
                              CLI on each, and print a table; exit code 1 where one fails
           --cases FILTER         tests whose names hold this (default: real_claude_resume)
       cargo xtask upgrade-check [REV]    build the program of an older revision (default: the last one before the
                              ledger's typed rows) below target/, use it and this tree's beside each other and in
                              each other's place, and print what holds; exit code 1 where something does not
           --bench                compare `run`, `hook` and `route` of both instead, built for release, in pairs
       cargo xtask picture [FILE]    record `pointsman demo` in a terminal window as an animated SVG (default: docs/demo.svg)
       cargo xtask docs     write docs/reference from the code, and the samples in other pages anew";

/// Options of a study.
#[derive(Debug, Default, PartialEq, Eq)]
struct Study {
    sample: Option<PathBuf>,
    wrong: Option<PathBuf>,
    training: Option<PathBuf>,
}

/// What to do with the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    Write,
    Forget,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (task, rest) = args.split_first().map_or(("", &[][..]), |(task, rest)| (task.as_str(), rest));
    match done(task, rest) {
        Some(Ok(true)) => ExitCode::SUCCESS,
        Some(Ok(false)) => ExitCode::FAILURE,
        Some(Err(error)) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
        None => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// Carries out a task and returns whether its result is good; `None` if the arguments name no task.
fn done(task: &str, args: &[String]) -> Option<io::Result<bool>> {
    let study = |after| Study::of_args(args).map(|study| run(&study, after).map(|()| true));
    match task {
        "train" if args.is_empty() => study(After::Write),
        "study" => study(After::Forget),
        "upgrade-check" => UpgradeCheck::of_args(args).map(|check| check.run(&root())),
        "cli-matrix" => Matrix::of_args(args).map(|matrix| matrix.run(&root())),
        "picture" => Picture::of_args(args).map(|picture| picture.run(&root())),
        "docs" if args.is_empty() => Some(docs::write(&root())),
        _ => None,
    }
}

impl Study {
    /// Reads flags, each with its value.
    fn of_args(args: &[String]) -> Option<Study> {
        let mut study = Study::default();
        for pair in args.chunks(2) {
            let [flag, value] = pair else { return None };
            let place = match flag.as_str() {
                "--sample" => &mut study.sample,
                "--wrong" => &mut study.wrong,
                "--training" => &mut study.training,
                _ => return None,
            };
            *place = Some(PathBuf::from(value));
        }
        Some(study)
    }
}

/// Returns the root of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// Returns the points of an example: its own, and its twin's.
fn points_of(example: &data::Example, policy: &Policy) -> Vec<Point> {
    let rows = std::iter::once(&example.row).chain(&example.twin);
    let point = |row: &Labelled| Point {
        features: features_of(&row.request, policy),
        target: data::target(row),
        weight: example.style.weight(),
    };
    rows.map(point).collect()
}

fn run(study: &Study, after: After) -> io::Result<()> {
    let Training { examples, hash } = data::read(&study.training.clone().unwrap_or(root().join("training")))?;
    let policy = Policy::builtin();
    let points: Vec<Vec<Point>> = examples.iter().map(|example| points_of(example, &policy)).collect();
    println!("{} examples", examples.len());
    let by_chance = measure::held_out(&measure::by_chance(&examples), &examples, &points, &policy);
    measure::print("by chance", &by_chance.answered);
    measure::print_rules(&by_chance.answered);
    if let Some(file) = &study.wrong {
        fs::write(file, measure::wrong_rows(&by_chance.answered)?)?;
    }
    for (how, folds) in
        [("by category", measure::by_category(&examples)), ("by writer", measure::by_writer(&examples))]
    {
        if folds.count > 1 {
            measure::print(how, &measure::held_out(&folds, &examples, &points, &policy).answered);
        }
    }
    let weights = fit(&points.iter().flatten().collect::<Vec<_>>(), Settings::default());
    let mut weights = by_chance.fitted.applied_to(weights);
    weights.data_hash = hash;
    weights.rules_hash = policy.rules_hash();
    let bytes = weights.pack();
    if after == After::Write {
        fs::write(root().join("core/src/model/model.bin"), &bytes)?;
    }
    let model = Model::read(Cow::Owned(bytes)).map_err(io::Error::other)?;
    println!("\n{:?}, data {}", by_chance.fitted, &model.data_hash()[..16]);
    if let Some(file) = &study.sample {
        let rows = rows::read(&fs::read_to_string(file)?).map_err(io::Error::other)?;
        let policy = policy.with_model(model);
        let answered: Vec<Answered> = rows.iter().map(|row| Answered::new(row, &policy)).collect();
        measure::print("sample", &answered);
        measure::print_wrong(&answered);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The model that is compiled in must be the one that results from `training/` and the rules.
    #[test]
    fn the_compiled_in_model_was_fitted_to_the_data_and_the_rules_of_this_repository() {
        let hex = |hash: [u8; 32]| blake3::Hash::from_bytes(hash).to_hex().to_string();
        let training = data::read(&root().join("training")).expect("the data can be read");
        let model = Model::builtin();
        let again = "run `cargo xtask train`, and commit the model with what it was fitted to";
        assert_eq!(
            model.data_hash(),
            hex(training.hash),
            "`training/` has changed since the model was made: {again}"
        );
        let rules = hex(Policy::builtin().rules_hash());
        assert_eq!(model.rules_hash(), rules, "the rule table has changed since the model was made: {again}");
        assert!(model.is_whole(), "`model.bin` is damaged: {again}");
    }

    #[test]
    fn flags_are_read_with_their_values_and_nothing_else_is() {
        let read = |args: &[&str]| Study::of_args(&args.iter().map(ToString::to_string).collect::<Vec<_>>());
        let all =
            read(&["--wrong", "w.jsonl", "--sample", "s.jsonl", "--training", "t"]).expect("three flags");
        assert_eq!((all.sample, all.wrong), (Some("s.jsonl".into()), Some("w.jsonl".into())));
        assert_eq!(all.training, Some("t".into()));
        assert_eq!(read(&[]), Some(Study::default()));
        for wrong in [&["--sample"][..], &["sample", "x"], &["--sample", "x", "--wrong"]] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }
}
