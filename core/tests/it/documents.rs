//! Holds documents against the code that they describe, so that they cannot rot.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use pointsman_core::adapter::event::ApiErrorKind;
use pointsman_core::error_code::ErrorCode;
use pointsman_core::report::live::{Body, Line, LiveDetail};
use pointsman_core::run::event::Fact;
use pointsman_core::run::outcome::Outcome;
use serde::de::DeserializeOwned;

const OUTCOMES: &str = include_str!("../../../docs/outcomes.md");
const ARCHITECTURE: &str = include_str!("../../../docs/architecture.md");
const ERRORS: &str = include_str!("../../../docs/errors/README.md");
const EVENTS: &str = include_str!("../../../docs/events.md");

/// Returns the cells of every table row whose first cell is one name in backticks.
fn rows(document: &'static str) -> Vec<Vec<&'static str>> {
    let cells = |line: &'static str| line.trim_matches('|').split('|').map(str::trim).collect();
    let is_named = |row: &Vec<&str>| row[0].starts_with('`') && row[0].matches('`').count() == 2;
    document.lines().filter(|line| line.starts_with("| `")).map(cells).filter(is_named).collect()
}

#[test]
fn the_table_of_outcomes_says_what_the_code_does() {
    let documented: Vec<[String; 4]> = rows(OUTCOMES)
        .iter()
        .filter(|row| row.len() == 6)
        .map(|row| [row[0].replace('`', ""), row[2].to_owned(), row[4].to_owned(), row[5].to_owned()])
        .collect();
    let built: Vec<[String; 4]> = Outcome::ALL
        .iter()
        .map(|outcome| {
            let class = format!("{:?}", outcome.class()).to_lowercase();
            let consumes = if outcome.consumes_attempt() { "yes" } else { "no" };
            [outcome.as_str().to_owned(), class, consumes.to_owned(), outcome.exit_code().to_string()]
        })
        .collect();
    assert_eq!(documented, built, "docs/outcomes.md: name, class, consumes an attempt, exit code");
}

/// The names that a type of tagged records knows, as its own reader lists them.
fn kinds<T: DeserializeOwned>() -> BTreeSet<String> {
    let error = serde_json::from_str::<T>(r#"{"type":"none of them"}"#).err().unwrap().to_string();
    let listed = error.split_once("expected one of").expect("the reader lists what it knows").1;
    listed.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_kind_of_fact_and_of_live_event_is_documented_and_no_other() {
    let documented: BTreeSet<String> =
        rows(EVENTS).iter().filter(|row| row.len() == 2).map(|row| row[0].replace('`', "")).collect();
    let built: BTreeSet<String> = kinds::<Fact>().into_iter().chain(kinds::<LiveDetail>()).collect();
    assert!(built.len() > 15, "{built:?}");
    assert_eq!(documented, built, "docs/events.md: one row per kind");
}

#[test]
fn every_kind_of_api_error_is_documented_and_no_other() {
    let row = EVENTS.lines().find(|line| line.starts_with("| `api_error` |")).unwrap();
    let (_, listed) = row.split_once("is one of").unwrap();
    let documented: Vec<&str> = listed.split('`').skip(1).step_by(2).collect();
    assert_eq!(documented, ApiErrorKind::ALL.map(ApiErrorKind::as_str), "docs/events.md");
}

/// The examples are lines of real runs: each kind has one, and each is read and written back unchanged.
#[test]
fn every_example_line_is_one_that_this_version_writes() {
    let mut shown = BTreeSet::new();
    for text in EVENTS.lines().filter(|line| line.starts_with(r#"{"schema_version""#)) {
        let line: Line = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let value: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_value(&line).unwrap(), value);
        let is_fact = matches!(line.body, Body::Fact(_));
        let kind = value["type"].as_str().unwrap().to_owned();
        assert_eq!(is_fact, kinds::<Fact>().contains(&kind), "{kind}");
        shown.insert(kind);
    }
    let built: BTreeSet<String> = kinds::<Fact>().into_iter().chain(kinds::<LiveDetail>()).collect();
    assert_eq!(shown, built, "docs/events.md: an example line per kind");
}

/// The index and every page against the table in `error_code.rs`.
#[test]
fn every_error_code_has_its_page_and_its_row() {
    let documented: Vec<[String; 3]> = ERRORS
        .lines()
        .filter_map(|line| line.strip_prefix("| [`"))
        .map(|row| {
            let cells: Vec<&str> = row.trim_end_matches(" |").split(" | ").collect();
            let code = cells[0].split('`').next().unwrap();
            assert_eq!(cells[0], format!("{code}`]({code}.md)"));
            [code.to_owned(), cells[1].to_owned(), cells[2].to_owned()]
        })
        .collect();
    let built: Vec<[String; 3]> = ErrorCode::ALL
        .iter()
        .map(|code| [code.to_string(), code.exit_code().to_string(), code.title().to_owned()])
        .collect();
    assert_eq!(documented, built, "docs/errors/README.md: code, exit code, title");

    let pages = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/errors")).unwrap();
    let pages: BTreeSet<String> =
        pages.map(|page| page.unwrap().file_name().to_string_lossy().into_owned()).collect();
    let index = std::iter::once("README.md".to_owned());
    let wanted = ErrorCode::ALL.iter().map(|code| format!("{code}.md")).chain(index).collect();
    assert_eq!(pages, wanted, "docs/errors: one page per code");
}

#[test]
fn every_page_of_an_error_code_has_the_same_four_sections() {
    const SECTIONS: [&str; 4] = ["What it means", "Why it happens", "What to do", "Example"];
    for code in ErrorCode::ALL {
        let page = code.page();
        let head = format!("# {code}: {}\n\nExit code {}.\n\n", code.title(), code.exit_code());
        assert!(page.starts_with(&head), "{code}: its page begins with {head:?}");
        let sections: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        assert_eq!(sections, SECTIONS, "{code}");
        let example = page.split("```").nth(1).unwrap_or_default();
        assert!(
            example.starts_with("\n$ ") && example.contains(&format!("[{code}]: ")),
            "{code}: its example"
        );
        assert!(page.lines().count() <= 30, "{code}: its page is long");
    }
}

/// All Rust files below a directory, without those that only test.
fn sources(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let below = |path: PathBuf| if path.is_dir() { sources(&path) } else { vec![path] };
    let is_source = |path: &PathBuf| {
        path.extension().is_some_and(|extension| extension == "rs")
            && !path.ends_with("tests.rs")
            && !path.ends_with("tests/mod.rs")
            && !path.ends_with("fixture.rs")
    };
    entries.flat_map(below).filter(is_source).collect()
}

#[test]
fn the_map_of_the_architecture_has_every_file_and_no_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let map = ARCHITECTURE.split_once("## The map").unwrap().1;
    let (core, app) = map.split_once("### `app/src`").unwrap();
    for (crate_dir, chapter) in [("core/src", core), ("app/src", app)] {
        let dir = root.join(crate_dir);
        let there: BTreeSet<String> =
            sources(&dir).iter().map(|path| path.strip_prefix(&dir).unwrap().display().to_string()).collect();
        let on_map: BTreeSet<String> = chapter
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
            .map(|(file, _)| file.to_owned())
            .collect();
        assert_eq!(on_map, there, "docs/architecture.md, the map of {crate_dir}");
    }
}

/// Returns the functions that the walks of a chapter begin their lines with, as `module::function` or `Type::function`.
fn walked(chapter: &str) -> Vec<(&str, &str)> {
    let blocks = chapter.split("```").skip(1).step_by(2);
    let first_words = blocks.flat_map(str::lines).filter_map(|line| line.split_whitespace().next());
    let functions = first_words.filter_map(|word| word.split('(').next()?.rsplit_once("::"));
    functions.map(|(path, function)| (path.rsplit("::").next().unwrap_or(path), function)).collect()
}

#[test]
fn every_function_that_the_architecture_walks_through_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let files = ["core/src", "app/src"].map(|dir| sources(&root.join(dir))).concat();
    let texts: Vec<(String, String)> =
        files.iter().map(|path| (path.display().to_string(), fs::read_to_string(path).unwrap())).collect();
    let is_there = |(place, function): &(&str, &str)| {
        texts.iter().any(|(path, text)| {
            let is_of_module =
                path.ends_with(&format!("/{place}.rs")) || path.ends_with(&format!("/{place}/mod.rs"));
            let is_of_type = text.lines().any(|line| line.starts_with("impl") && line.contains(place));
            (is_of_module || is_of_type) && text.contains(&format!("fn {function}("))
        })
    };
    let chapter =
        ARCHITECTURE.split_once("## The main job").unwrap().1.split_once("## The process room").unwrap().0;
    let walked: Vec<(&str, &str)> = walked(chapter)
        .into_iter()
        .filter(|(_, function)| function.starts_with(char::is_lowercase))
        .collect();
    assert!(walked.len() > 15, "the walks were not found: {walked:?}");
    let gone: Vec<_> = walked.iter().filter(|step| !is_there(step)).collect();
    assert!(gone.is_empty(), "docs/architecture.md walks through functions that are not there: {gone:?}");
}
