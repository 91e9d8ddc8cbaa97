//! Why a request is routed as it is: every rule that was considered, and routed against served.

use pointsman_core::model::Class;
use pointsman_core::policy::layer::Layer;
use pointsman_core::report::run::{AttemptReport, RunReport};
use pointsman_core::route::classifier::{Contribution, Opinion};
use pointsman_core::route::{Explained, Route, TraceEntry, TraceOutcome};
use serde::Serialize;

use super::fit::{self, Column, Span};
use super::human::name;
use super::route;

/// What is explained: a route, and the run that it led to.
#[derive(Debug, Serialize)]
pub struct Explanation<'a> {
    /// The version of this format.
    pub schema_version: u32,
    /// The route.
    pub route: &'a Route,
    /// Every rule that was considered.
    #[serde(rename = "looked")]
    pub trace: Option<&'a [TraceEntry]>,
    /// The classifier's opinion, and the reasons for it.
    pub opinion: Option<&'a Opinion>,
    /// Why the rules are not shown, if they are not.
    pub note: Option<&'a str>,
    /// The run that the route led to.
    pub run: Option<&'a RunReport>,
}

/// How much is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Every rule, and what each feature counted.
    All,
    /// What decided, in words.
    Reasons,
}

/// Returns a route and why it is that one, in lines that fit the terminal.
pub fn text(decided: &Route, explained: Option<&Explained>, shown: Shown, width: Option<usize>) -> String {
    let mut lines = vec![
        labelled("route", &route::text(decided), width),
        labelled("decided by", decider(decided.layer), width),
    ];
    match (shown, explained) {
        (Shown::Reasons, None) => {}
        (Shown::Reasons, Some(explained)) => lines.extend(reasons(explained, width)),
        (Shown::All, explained) => {
            lines.push(labelled("complexity", &name(decided.complexity), width));
            lines.push(labelled("timing", &name(decided.timing), width));
            lines.push(labelled("policy", &decided.policy_hash, width));
            lines.extend(explained.into_iter().flat_map(|explained| everything(explained, width)));
        }
    }
    lines.join("\n")
}

fn labelled(label: &str, words: &str, width: Option<usize>) -> String {
    /// How many columns stand before the words.
    const TAKEN: usize = 12;
    format!("{label:<TAKEN$}{}", fit::hung(words, TAKEN, TAKEN - 2, width))
}

/// Returns what a layer is, for somebody who does not know that there are any.
fn decider(layer: Layer) -> &'static str {
    match layer {
        Layer::Safety => "a safety rule",
        Layer::Override => "your own choice",
        Layer::Policy => "a rule of a policy file",
        Layer::Rules => "a built-in rule",
        Layer::Classifier => "the words as a whole, as learned from examples",
        Layer::Arbiter => "a small model that was asked",
        Layer::Default => "nothing: no rule and no word says more",
    }
}

/// Returns the rules that fired, in words, and what the words as a whole are like.
fn reasons(explained: &Explained, width: Option<usize>) -> Vec<String> {
    let fired = explained.trace.iter().filter(|entry| entry.outcome == TraceOutcome::Fired);
    let lines = fired.map(|entry| format!("  {}", fit::hung(&reason(entry), 2, 2, width)));
    let mut lines: Vec<String> = lines.collect();
    if !lines.is_empty() {
        lines.insert(0, "because".to_owned());
    }
    lines.push(labelled("its words", &likeness(&explained.opinion), width));
    lines.push(String::new());
    lines.push(fit::hung(
        "`--all` shows every rule that was tried, and what each word counted.",
        0,
        0,
        width,
    ));
    lines
}

/// Returns why a rule fired, what it saw, and its name.
fn reason(entry: &TraceEntry) -> String {
    let seen = entry.matched.as_ref().filter(|_| entry.layer != Layer::Classifier);
    let seen = seen.map(|words| format!("“{words}”, ")).unwrap_or_default();
    let origin = entry.origin.as_deref().map(|place| format!(", {place}")).unwrap_or_default();
    format!("{} ({seen}{}{origin})", entry.because, entry.rule)
}

/// Returns what a request is like by its words alone, in words.
fn likeness(opinion: &Opinion) -> String {
    /// Less than this is nothing that a person could act on.
    const SHARE_MIN: f64 = 0.01;
    let like = |class: Class| match class {
        Class::Haiku => "like a small task",
        Class::Sonnet => "like ordinary work",
        Class::Opus => "like work that takes judgement",
        Class::Danger => "like something to ask a person about",
        Class::Underspecified => "unclear",
    };
    let likely = opinion.classes.iter().filter(|(_, p)| *p >= SHARE_MIN);
    let said = likely.map(|(class, p)| format!("{:.0} % {}", p * 100.0, like(*class)));
    said.collect::<Vec<_>>().join(", ")
}

/// Returns every rule that was tried, and what counted most for or against the opinion.
fn everything(explained: &Explained, width: Option<usize>) -> Vec<String> {
    let mut lines = vec![String::new(), "rules tried, in order:".to_owned()];
    lines.extend(explained.trace.iter().map(rule_line).map(|line| fit::hung(&line, 0, 8, width)));
    lines.push(String::new());
    lines.extend(opinion_lines(&explained.opinion).iter().map(|line| fit::hung(line, 0, 0, width)));
    lines
}

/// Returns the classifier's opinion, and what counted most for or against it.
fn opinion_lines(opinion: &Opinion) -> Vec<String> {
    let classes = opinion.classes.iter().map(|(class, p)| format!("{} {:.0} %", class.as_str(), p * 100.0));
    let signed = |one: &Contribution| format!("  {:+.2}  {}", one.weight, one.feature);
    let head = format!("the classifier: {}; what spoke most:", classes.collect::<Vec<_>>().join(", "));
    std::iter::once(head).chain(opinion.because.iter().map(signed)).collect()
}

fn rule_line(look: &TraceEntry) -> String {
    let matched = look.matched.as_deref().map(|text| format!(" [{text}]")).unwrap_or_default();
    let origin = look.origin.as_deref().map(|place| format!(" ({place})")).unwrap_or_default();
    match &look.outcome {
        TraceOutcome::Fired => format!("  FIRED   {}{matched}: {}{origin}", look.rule, look.because),
        TraceOutcome::Skipped(reason) => format!("  skipped {}{matched}: {reason}{origin}", look.rule),
    }
}

/// Returns a note below it.
pub fn note(words: &str, width: Option<usize>) -> String {
    fit::wrapped(&format!("note: {words}"), width).join("\n")
}

/// Returns routed against served, attempt by attempt, as a table that fits the terminal.
pub fn served(report: &RunReport, width: Option<usize>) -> String {
    let head = format!("run {} ({})", report.run_id, report.state);
    if report.attempts.is_empty() {
        return format!("{head}: no attempt was made");
    }
    let columns = [
        Column::left("#", 0),
        Column::left("ROUTED TO", 1),
        Column::left("MODEL ASKED", 2),
        Column::rest("MODEL SERVED", 10),
        Column::left("OUTCOME", 0),
    ];
    let rows: Vec<Vec<Span>> =
        report.attempts.iter().enumerate().map(|(at, attempt)| row(at + 1, attempt)).collect();
    format!("{head}\n{}", fit::unstyled(&fit::table(&columns, &rows, width)))
}

fn row(number: usize, attempt: &AttemptReport) -> Vec<Span> {
    let served =
        if attempt.models_served.is_empty() { "-".to_owned() } else { attempt.models_served.join(", ") };
    [
        number.to_string(),
        format!("{} ({})", attempt.agent, attempt.tier),
        attempt.model_requested.clone(),
        served,
        attempt.outcome.map_or("running", |outcome| outcome.as_str()).to_owned(),
    ]
    .map(Span::plain)
    .to_vec()
}

#[cfg(test)]
mod tests {
    use pointsman_core::agent::Catalog;
    use pointsman_core::policy::Policy;
    use pointsman_core::request::{Origin, Overrides, Request};

    use super::*;

    #[test]
    fn an_explanation_is_in_words_and_fits_terminals_of_all_widths() {
        let words = "delete the production database".to_owned();
        let request = Request::new(words, Origin::Cli, Overrides::default()).unwrap();
        let catalog = Catalog::of_generals(vec![]).unwrap();
        let explained = pointsman_core::route::explain(&request, &catalog, &Policy::builtin()).unwrap();
        let said = |shown, width| text(&explained.route, Some(&explained), shown, width);
        for width in [50, 80, 120] {
            insta::assert_snapshot!(format!("explanation_{width}"), said(Shown::Reasons, Some(width)));
        }
        let all = said(Shown::All, None);
        assert!(all.contains("\n  FIRED   safety.delete-data") && all.contains("what spoke most"), "{all}");
    }
}
