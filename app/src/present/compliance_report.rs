//! Which directives were followed, at what price.

use jiff::Timestamp;
use pointsman_core::compliance::{
    Arm, ComplianceReport, DirectiveKind, DirectiveStatus, Experiment, Group, Rates,
};
use pointsman_core::report::run::SCHEMA_VERSION;
use serde::Serialize;

use super::tables;
use crate::plain_text::one_line;

/// The output of `report compliance -o json`.
#[derive(Debug, Serialize)]
pub struct Printed<'a> {
    schema_version: u32,
    since: Option<Timestamp>,
    #[serde(flatten)]
    report: &'a ComplianceReport,
    definitions: Vec<Definition>,
}

impl Printed<'_> {
    /// Returns the report as data, with the definitions of its terms.
    pub fn new(report: &ComplianceReport, since: Option<Timestamp>) -> Printed<'_> {
        let definition = |(status, _, means)| Definition { status, means };
        let definitions = DirectiveStatus::ALL.into_iter().map(definition).collect();
        Printed { schema_version: SCHEMA_VERSION, since, report, definitions }
    }
}

#[derive(Debug, Serialize)]
struct Definition {
    status: DirectiveStatus,
    means: &'static str,
}

/// The longest name that is shown, in characters: a project's path may contain any text.
const NAME_CHARS_MAX: usize = 200;

const HEAD: [&str; 10] =
    ["", "ABOUT", "FOLLOWED", "IGNORED", "RATE", "BETWEEN", "UNKNOWN", "OVERRIDDEN", "N/A", "ALL"];

/// Returns the parts of the report, each with the heading of its name column.
fn parts(report: &ComplianceReport) -> [(&'static str, &[Group]); 5] {
    [
        ("ALL", &report.by_scope),
        ("MODE", &report.by_mode),
        ("AGENT", &report.by_agent),
        ("PROJECT", &report.by_project),
        ("DAY", &report.by_day),
    ]
}

/// Returns the report for a terminal.
pub fn text(report: &ComplianceReport, since: Option<Timestamp>) -> String {
    if report.facts == 0 && since.is_some() {
        return "no hook has recorded anything in this time; without `--since` all that was recorded counts"
            .to_owned();
    }
    if report.facts == 0 {
        return "no hook has recorded anything yet; `pointsman plugin install` sets them up".to_owned();
    }
    let mut said: Vec<String> = parts(report)
        .into_iter()
        .map(|(word, groups)| {
            let mut head = HEAD;
            head[0] = word;
            tables::columns(&head, &groups.iter().map(cells).collect::<Vec<_>>())
        })
        .collect();
    said.extend(report.experiment.as_ref().map(experiment));
    said.push(price(report));
    said.push(format!("days are those of {}", one_line(&report.time_zone, NAME_CHARS_MAX)));
    said.push(definitions(|word, means| format!("{word}: {means}")));
    said.join("\n\n")
}

fn scope(scope: DirectiveKind) -> &'static str {
    match scope {
        DirectiveKind::Prompt => "prompts",
        DirectiveKind::Delegation => "delegations",
    }
}

fn cells(group: &Group) -> Vec<String> {
    let Rates { directives, followed, ignored, overridden, not_applicable, .. } = group.rates;
    let [rate, between, unknown] = shares(&group.rates);
    vec![
        one_line(&group.name, NAME_CHARS_MAX),
        scope(group.scope).to_owned(),
        followed.to_string(),
        ignored.to_string(),
        rate,
        between,
        unknown,
        overridden.to_string(),
        not_applicable.to_string(),
        directives.to_string(),
    ]
}

/// Returns the rate, its range, and the number of unknowns with their share.
fn shares(rates: &Rates) -> [String; 3] {
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    let rate = rates.rate.map_or("-".to_owned(), percent);
    let range = rates.range.interval;
    let between = match rates.rate {
        Some(_) => format!("{:.0} to {:.0} %", range.low * 100.0, range.high * 100.0),
        None => "-".to_owned(),
    };
    let unknown = match rates.unknown_share {
        Some(share) if rates.unknown > 0 => format!("{} ({})", rates.unknown, percent(share)),
        Some(_) | None => rates.unknown.to_string(),
    };
    [rate, between, unknown]
}

fn experiment(experiment: &Experiment) -> String {
    let arm = |word: &str, arm: &Arm| {
        let [rate, between, unknown] = shares(&arm.rates);
        vec![word.to_owned(), arm.sessions.to_string(), rate, between, unknown]
    };
    let rows = [arm("directive", &experiment.directive), arm("enforced", &experiment.enforced)];
    let table = tables::columns(&["EXPERIMENT", "SESSIONS", "RATE", "BETWEEN", "UNKNOWN"], &rows);
    let difference = match (experiment.difference, experiment.difference_range) {
        (Some(points), Some([low, high])) => format!(
            "enforced less directive: {:+.1} points, probably between {:+.1} and {:+.1}",
            points * 100.0,
            low * 100.0,
            high * 100.0
        ),
        _ => "the arms cannot be compared yet".to_owned(),
    };
    format!("{table}\n{difference}")
}

fn price(report: &ComplianceReport) -> String {
    let rows: Vec<Vec<String>> = report
        .latency
        .iter()
        .map(|one| {
            let ms = |value: f64| format!("{value:.1} ms");
            vec![one.event.replace('_', " "), one.count.to_string(), ms(one.p50_ms), ms(one.p99_ms)]
        })
        .collect();
    let tokens = report.directive_tokens;
    let overrides = report.override_rate;
    format!(
        "{}\ngave up: {} hooks, which recorded nothing\n\ndirectives: {} told, {:.0} tokens each, {} at most (estimated)\noverrides: {} of {} prompts",
        tables::columns(&["HOOK", "COUNT", "MEDIAN", "P99"], &rows),
        report.gave_up,
        tokens.told,
        tokens.mean,
        tokens.max,
        overrides.count,
        overrides.of
    )
}

fn definitions(line: impl Fn(&str, &str) -> String) -> String {
    let lines: Vec<String> = DirectiveStatus::ALL.iter().map(|(_, word, means)| line(word, means)).collect();
    lines.join("\n")
}

/// Returns the report for a spreadsheet.
pub fn csv(report: &ComplianceReport) -> String {
    let head = "part,name,about,followed,ignored,rate,low,high,unknown,unknown_share,overridden,not_applicable,directives";
    let number = |share: Option<f64>| share.map(|share| share.to_string()).unwrap_or_default();
    let row = |part: &str, group: &Group| {
        let rates = &group.rates;
        let range = rates.rate.map(|_| rates.range.interval);
        vec![
            part.to_lowercase(),
            one_line(&group.name, NAME_CHARS_MAX),
            scope(group.scope).to_owned(),
            rates.followed.to_string(),
            rates.ignored.to_string(),
            number(rates.rate),
            number(range.map(|range| range.low)),
            number(range.map(|range| range.high)),
            rates.unknown.to_string(),
            number(rates.unknown_share),
            rates.overridden.to_string(),
            rates.not_applicable.to_string(),
            rates.directives.to_string(),
        ]
    };
    let rows =
        parts(report).into_iter().flat_map(|(part, groups)| groups.iter().map(move |group| row(part, group)));
    tables::csv(head, rows)
}

/// Returns the report for a document.
pub fn markdown(report: &ComplianceReport) -> String {
    let mut said = vec!["# Compliance".to_owned()];
    for (word, groups) in parts(report) {
        let mut head = HEAD;
        head[0] = word;
        said.push(tables::markdown(&head, &groups.iter().map(cells).collect::<Vec<_>>()));
    }
    said.extend(report.experiment.as_ref().map(|one| format!("```\n{}\n```", experiment(one))));
    said.push(format!("```\n{}\n```", price(report)));
    said.push(format!("Days are those of {}.", one_line(&report.time_zone, NAME_CHARS_MAX)));
    said.push(definitions(|word, means| format!("- *{word}*: {means}")));
    said.join("\n\n")
}
