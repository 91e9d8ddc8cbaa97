//! The training data is what its README says, and `pointsman eval` reads every file of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use pointsman_core::eval::{Answer, Labelled, rows};

const README: &str = include_str!("../../../training/README.md");

/// Returns the rows of every writer.
fn writers() -> BTreeMap<String, Vec<Labelled>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../training");
    let files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let rows_of = |path: &Path| {
        let rows = rows::read(&fs::read_to_string(path).unwrap());
        rows.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let named = files.filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    named.map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), rows_of(&path))).collect()
}

/// Returns the figures that the README gives of a writer: rows, each label, other languages.
fn counted(rows: &[Labelled]) -> Vec<String> {
    let labels = Answer::ALL.map(|label| rows.iter().filter(|row| row.label == label).count());
    let foreign = rows.iter().filter(|row| row.language() != "en").count();
    let figures = [rows.len()].into_iter().chain(labels).chain([foreign]);
    figures.map(|count| count.to_string()).collect()
}

/// Returns the table's first column and its figures.
fn table() -> BTreeMap<String, Vec<String>> {
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect()
    };
    let lines = README.lines().skip_while(|line| !line.starts_with("| writer |")).skip(2);
    let rows = lines.take_while(|line| line.starts_with('|')).map(cells);
    rows.map(|row| (row[0].clone(), row[1..row.len() - 1].to_vec())).collect()
}

#[test]
fn every_file_is_read_and_has_what_the_readme_says() {
    let writers = writers();
    let mut built: BTreeMap<String, Vec<String>> =
        writers.iter().map(|(writer, rows)| (writer.clone(), counted(rows))).collect();
    let all: Vec<Labelled> = writers.into_values().flatten().collect();
    built.insert("all".to_owned(), counted(&all));
    assert_eq!(table(), built, "training/README.md: a row for each writer, and their sum");
}

#[test]
fn ids_are_unique_and_a_label_is_among_the_acceptable_answers() {
    let mut ids = BTreeSet::new();
    for (writer, rows) in writers() {
        for row in rows {
            assert!(row.acceptable.is_empty() || row.acceptable.contains(&row.label), "{writer}: {}", row.id);
            assert!(ids.insert(row.id.clone()), "{writer}: {} names two rows", row.id);
        }
    }
    assert!(!ids.is_empty());
}
