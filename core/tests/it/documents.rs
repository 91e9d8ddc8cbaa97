//! Holds documents against the code that they describe, so that they cannot rot.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use pointsman_core::adapter::event::ApiErrorKind;
use pointsman_core::error_code::ErrorCode;
use pointsman_core::report::live::{Body, Line, LiveDetail};
use pointsman_core::run::event::Fact;
use serde::de::DeserializeOwned;

const ARCHITECTURE: &str = include_str!("../../../docs/architecture.md");
const EXAMPLES: &str = include_str!("../data/event-examples.jsonl");

/// The names that a type of tagged records knows, as its own reader lists them.
fn kinds<T: DeserializeOwned>() -> BTreeSet<String> {
    let error = serde_json::from_str::<T>(r#"{"type":"none of them"}"#).err().unwrap().to_string();
    let listed = error.split_once("expected one of").expect("the reader lists what it knows").1;
    listed.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_kind_of_api_error_is_told_where_the_event_is_described() {
    let text = include_str!("../../src/report/live.rs");
    let listed = text.split_once("/// How it failed: ").unwrap().1.split_once('.').unwrap().0;
    let documented: Vec<&str> = listed.split('`').skip(1).step_by(2).collect();
    assert_eq!(documented, ApiErrorKind::ALL.map(ApiErrorKind::as_str));
}

/// The examples are lines of real runs: each kind has one, and each is read and written back unchanged.
#[test]
fn every_example_line_is_one_that_this_version_writes() {
    let mut shown = BTreeSet::new();
    for text in EXAMPLES.lines() {
        let line: Line = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let value: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_value(&line).unwrap(), value);
        let is_fact = matches!(line.body, Body::Fact(_));
        let kind = value["type"].as_str().unwrap().to_owned();
        assert_eq!(is_fact, kinds::<Fact>().contains(&kind), "{kind}");
        shown.insert(kind);
    }
    let built: BTreeSet<String> = kinds::<Fact>().into_iter().chain(kinds::<LiveDetail>()).collect();
    assert_eq!(shown, built, "core/tests/data/event-examples.jsonl: an example line per kind");
}

#[test]
fn every_error_code_has_its_page_and_no_other_page_is_there() {
    let pages = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/errors")).unwrap();
    let pages: BTreeSet<String> =
        pages.map(|page| page.unwrap().file_name().to_string_lossy().into_owned()).collect();
    let wanted = ErrorCode::ALL.iter().map(|code| format!("{code}.md")).collect();
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
