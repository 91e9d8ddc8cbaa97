//! `pointsman policy learn`: proposes rules for the person's own policy file, from what became of past runs.

use pointsman_core::agent::Catalog;
use pointsman_core::error_code::ErrorCode;
use pointsman_core::feedback::lessons::{self, LearnedRule, Lessons};
use pointsman_core::policy::Policy;
use pointsman_core::report::run::SCHEMA_VERSION;
use pointsman_core::text::counted;
use serde::Serialize;

use super::consent::{Consent, obtain};
use super::context::{environment, runtime};
use super::exit::Failure;
use crate::assemble::{AssembleError, Environment};
use crate::config::load::Loaded;
use crate::config::policy::{self, PolicyText};
use crate::engine::history::Span;
use crate::present::human::short_path;
use crate::present::output::{self, PlainFormat, Tone};

/// Whether the proposal is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    /// It is only shown.
    No,
    /// It is written if the person agrees.
    IfAgreed(Consent),
}

/// The output of `policy learn -o json`.
#[derive(Debug, Serialize)]
struct Learned {
    schema_version: u32,
    /// The person's policy file.
    file: String,
    /// The rules that are proposed.
    rules: Vec<LearnedRule>,
    /// The difference to the file, as a unified diff; empty if there is none.
    diff: String,
    /// Whether it was written.
    written: bool,
    /// Runs that could not be learned from because their prompts are not stored.
    without_words: usize,
    /// Questions of safety rules that were answered with yes: no policy lifts those.
    safety_approved: usize,
}

/// Runs the verb.
pub fn main(span: Span, writing: Writing, format: PlainFormat) -> Result<u8, Failure> {
    let environment = environment(None)?;
    let builtin = Policy::builtin();
    let mut lessons = Lessons::default();
    runtime()?.block_on(environment.history().each(span, |past| {
        if let Some(run) = &past.state {
            lessons.add(run, &builtin);
        }
    }))?;
    let now = policy::of_user(&environment.dirs.config).map_err(|error| {
        Failure::new(ErrorCode::UnreadableInput, error.to_string(), "mend or move the file")
    })?;
    let (loaded, catalog) = readable(&environment, &now)?;
    let (without_words, safety_approved) = (lessons.without_words, lessons.safety_approved);
    let rules = lessons.rules();
    let proposed = PolicyText { text: lessons::written(&now.text, &rules), ..now.clone() };
    let file = short_path(&now.path, &environment.dirs.home);
    let mut learned = Learned {
        schema_version: SCHEMA_VERSION,
        diff: diff(&file, &now.text, &proposed.text),
        file,
        rules,
        written: false,
        without_words,
        safety_approved,
    };
    if format == PlainFormat::Text {
        show(&learned);
    }
    if let (Writing::IfAgreed(consent), false) = (writing, learned.diff.is_empty()) {
        environment.policy_of(&loaded, &catalog, std::slice::from_ref(&proposed))?;
        write(&proposed, consent, &learned.file)?;
        learned.written = true;
    }
    if format == PlainFormat::Json {
        output::json(&learned);
    }
    Ok(0)
}

fn diff(file: &str, before: &str, after: &str) -> String {
    let diff = similar::TextDiff::from_lines(before, after);
    diff.unified_diff().context_radius(2).header(file, file).to_string()
}

/// Returns the settings and agents here, if the person's policy file can be read with them.
fn readable(environment: &Environment, file: &PolicyText) -> Result<(Loaded, Catalog), Failure> {
    let loaded = environment.settings(&[])?;
    let catalog = loaded.catalog().map_err(AssembleError::from)?;
    environment.policy_of(&loaded, &catalog, std::slice::from_ref(file))?;
    Ok((loaded, catalog))
}

/// Writes the proposal, if the person agrees.
fn write(proposed: &PolicyText, consent: Consent, file: &str) -> Result<(), Failure> {
    obtain(consent, &format!("Write this into {file}?"), "nothing was written")?;
    policy::replace(&proposed.path, &proposed.text)?;
    output::say(Tone::Good, "written:", file);
    Ok(())
}

fn show(learned: &Learned) {
    for rule in &learned.rules {
        output::text(&format!("{}: {}", rule.tier, rule.because));
    }
    if learned.diff.is_empty() {
        output::text("no words tell often enough that another answer would have been better");
    } else {
        output::text("");
        output::text(learned.diff.trim_end());
        output::hint(
            "`--write` writes it; `pointsman replay --against FILE` shows what a policy file would change",
        );
    }
    if learned.without_words > 0 {
        let runs = counted(learned.without_words, "run", "runs");
        output::hint(&format!("{runs} could not be learned from: their prompts are not stored"));
    }
    if learned.safety_approved > 0 {
        let questions = counted(learned.safety_approved, "question", "questions");
        output::hint(&format!("{questions} of safety rules were answered with yes: no policy lifts those"));
    }
}
