//! The pages of what the core knows: error codes, outcomes, and the events of a run.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use pointsman_core::error_code::ErrorCode;
use pointsman_core::run::outcome::{Outcome, Verdict};
use serde_json::Value;

use super::source::{Named, Source, Variant};

/// Where the example lines of events are; tests of the core hold them against the code.
const EXAMPLES: &str = "core/tests/data/event-examples.jsonl";

/// Returns the page of error codes.
pub fn errors() -> String {
    let mut page = "# Error codes\n\n\
        You have a code such as `E0202` and want to know what to do: `pointsman explain E0202` prints its page, which is\n\
        linked here. A code stands for one cause and never changes. It is `error[E0202]: …` for people and `code` in JSON,\n\
        also of a run that ended badly.\n\n\
        | code | exit code | means |\n|---|---|---|\n"
        .to_owned();
    for code in ErrorCode::ALL {
        let _ =
            writeln!(page, "| [`{code}`](../errors/{code}.md) | {} | {} |", code.exit_code(), code.title());
    }
    page
}

/// Returns the page of outcomes, flags and verdicts.
pub fn outcomes(root: &Path) -> io::Result<String> {
    let source = Source::read(&root.join("core/src/run/outcome.rs"))?;
    let mut page = "# Outcomes, flags and verdicts\n\n\
        You want to know what a word in `-o json`, `runs show` or a message means. How they are found is in\n\
        [outcomes.md](../outcomes.md).\n\n\
        ## Outcomes of an attempt\n\n\
        | outcome | means | class | consumes an attempt | exit code | error |\n|---|---|---|---|---|---|\n"
        .to_owned();
    for (outcome, Variant { named, .. }) in Outcome::ALL.iter().zip(source.variants("Outcome", &[])?) {
        same(outcome.as_str(), &named)?;
        let class = format!("{:?}", outcome.class()).to_lowercase();
        let consumes = if outcome.consumes_attempt() { "yes" } else { "no" };
        let error =
            outcome.error_code().map_or("–".to_owned(), |code| format!("[{code}](../errors/{code}.md)"));
        let exit_code = outcome.exit_code();
        let _ =
            writeln!(page, "| `{outcome}` | {} | {class} | {consumes} | {exit_code} | {error} |", named.text);
    }
    page += "\nA cancelled run exits with 130 after Ctrl-C, and with 143 after another signal or `runs cancel`.\n";
    list(&mut page, "What follows from a class", "class", &source.variants("OutcomeClass", &[])?);
    list(&mut page, "Flags of an attempt", "flag", &source.variants("Flag", &[])?);
    let verdicts = source.variants("Verdict", &[])?;
    for Variant { named, .. } in &verdicts {
        if Verdict::parse(&named.name).is_none() {
            return Err(io::Error::other(format!("`{}` is no verdict", named.name)));
        }
    }
    list(&mut page, "Verdicts of a run", "verdict", &verdicts);
    Ok(page)
}

/// Returns the page of facts and live events.
pub fn events(root: &Path) -> io::Result<String> {
    let facts = Source::read(&root.join("core/src/run/event.rs"))?;
    let live = Source::read(&root.join("core/src/report/live.rs"))?;
    let parts = Source::read(&root.join("core/src/adapter/event.rs"))?;
    let examples = examples(root)?;
    let mut page = "# Events\n\n\
        You read `run -o jsonl` or `runs logs -o jsonl` with a program. Every line has `schema_version`, `rehearsal`,\n\
        `run_id`, `at` and `type`; facts have `seq` as well. How to read them is in [events.md](../events.md). The examples are\n\
        lines of real runs, most of them rehearsals.\n"
        .to_owned();
    for (title, variants) in
        [("Facts", facts.variants("Fact", &[])?), ("Live events", live.variants("LiveDetail", &[&parts])?)]
    {
        let _ = write!(page, "\n## {title}\n");
        for Variant { named, fields } in variants {
            let _ = write!(page, "\n### `{}`\n\n{}\n\n", named.name, named.text);
            for Named { name, text } in fields {
                let _ = writeln!(page, "- `{name}`: {text}");
            }
            let example = examples
                .get(&named.name)
                .ok_or_else(|| io::Error::other(format!("{EXAMPLES} has no line of `{}`", named.name)))?;
            let _ = write!(page, "\n```json\n{example}\n```\n");
        }
    }
    Ok(page)
}

/// Returns the example line of each kind.
fn examples(root: &Path) -> io::Result<BTreeMap<String, String>> {
    let mut examples = BTreeMap::new();
    for line in fs::read_to_string(root.join(EXAMPLES))?.lines() {
        let value: Value = serde_json::from_str(line)?;
        let kind = value["type"].as_str().unwrap_or_default().to_owned();
        examples.insert(kind, line.to_owned());
    }
    Ok(examples)
}

fn list(page: &mut String, title: &str, what: &str, variants: &[Variant]) {
    let _ = write!(page, "\n## {title}\n\n| {what} | means |\n|---|---|\n");
    for Variant { named, .. } in variants {
        let _ = writeln!(page, "| `{}` | {} |", named.name, named.text);
    }
}

/// A variant must stand where its value stands, or the comment of another would be printed beside it.
fn same(name: &str, named: &Named) -> io::Result<()> {
    if name == named.name {
        return Ok(());
    }
    Err(io::Error::other(format!("`{name}` of `Outcome::ALL` is `{}` in the source", named.name)))
}
