//! Which rule was wrong how often, and what would be better.

use pointsman_core::feedback::row::{Row, Share};
use pointsman_core::feedback::{LeftOut, RoutingReport};
use pointsman_core::report::run::SCHEMA_VERSION;
use pointsman_core::text::counted;
use serde::Serialize;

use super::tables;

/// The output of `report routing -o json`.
#[derive(Debug, Serialize)]
pub struct Printed<'a> {
    schema_version: u32,
    #[serde(flatten)]
    report: &'a RoutingReport,
}

impl Printed<'_> {
    /// Returns the report as data.
    pub fn new(report: &RoutingReport) -> Printed<'_> {
        Printed { schema_version: SCHEMA_VERSION, report }
    }
}

/// The columns of the table, and of the CSV.
const COLUMNS: [&str; 16] = [
    "RULE",
    "ANSWER",
    "RUNS",
    "OK",
    "ESCALATED",
    "UP",
    "DOWN",
    "RETRIED",
    "MISMATCH",
    "FELL BACK",
    "YES",
    "NO",
    "CANCELLED",
    "FAILED",
    "WRONG",
    "BETWEEN",
];

/// Returns the report for a terminal.
pub fn text(report: &RoutingReport) -> String {
    let mut parts = vec![head(report)];
    if !report.by_rule.is_empty() {
        parts.push(narrow_table(cells(&report.by_rule)));
        parts.push(narrow_table(cells(&report.by_class)));
        parts.push(LEGEND.to_owned());
    }
    parts.push(proposals(report, |policy| {
        policy.lines().map(|line| format!("\n    {line}")).collect::<String>()
    }));
    parts.join("\n\n")
}

/// Returns a table without the columns that contain only zeros.
fn narrow_table(rows: Vec<Vec<String>>) -> String {
    let says_something = |at: &usize| rows.iter().any(|row| row[*at] != "0");
    let kept: Vec<usize> = (0..COLUMNS.len()).filter(says_something).collect();
    let head: Vec<&str> = kept.iter().map(|at| COLUMNS[*at]).collect();
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| kept.iter().map(|at| row[*at].clone()).collect()).collect();
    tables::columns(&head, &rows)
}

const LEGEND: &str = "UP, DOWN: a person chose a stronger or weaker tier. YES, NO: a person was asked first. WRONG: work \
                      that another tier did in\nthe end; of questions, those answered with yes. BETWEEN: where that \
                      share lies in 95 of 100 cases.";

fn head(report: &RoutingReport) -> String {
    let LeftOut { rehearsals, unfinished, chosen_by_a_person, unreadable } = report.left_out;
    let left_out: Vec<String> = [
        (rehearsals, "rehearsals"),
        (unfinished, "not over"),
        (chosen_by_a_person, "chosen by a person before it was recorded against what"),
        (unreadable, "unreadable"),
    ]
    .iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{count} {what}"))
    .collect();
    let left_out =
        if left_out.is_empty() { String::new() } else { format!(" (left out: {})", left_out.join(", ")) };
    format!("{}{left_out}", counted(report.runs, "run", "runs"))
}

fn proposals(report: &RoutingReport, policy_lines: impl Fn(&str) -> String) -> String {
    if report.proposals.is_empty() {
        return "no rule was wrong often enough for a proposal".to_owned();
    }
    let one = |proposal: &pointsman_core::feedback::proposals::Proposal| {
        let lines = proposal.policy.as_deref().map(&policy_lines).unwrap_or_default();
        format!("- {}{lines}", proposal.text)
    };
    let all: Vec<String> = report.proposals.iter().map(one).collect();
    format!("Proposals (nothing of this is applied):\n{}", all.join("\n"))
}

fn cells(rows: &[Row]) -> Vec<Vec<String>> {
    rows.iter().map(row).collect()
}

fn row(row: &Row) -> Vec<String> {
    let tally = &row.tally;
    let share: Option<Share> = row.wrong.or(row.possibly_needless).filter(|share| share.of > 0);
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    let counts = [
        tally.decided,
        tally.succeeded,
        tally.escalated,
        tally.overridden_up,
        tally.overridden_down,
        tally.retried,
        tally.mismatched,
        tally.fell_back,
        tally.approved,
        tally.refused,
        tally.cancelled,
        tally.failed,
    ];
    let mut cells =
        vec![row.rule.clone().unwrap_or_else(|| "(all)".to_owned()), row.answer.as_str().to_owned()];
    cells.extend(counts.iter().map(ToString::to_string));
    cells.push(share.map_or("-".to_owned(), |share| format!("{} of {}", share.count, share.of)));
    cells.push(share.map_or("-".to_owned(), |share| {
        format!("{:.0} to {}", share.interval.low * 100.0, percent(share.interval.high))
    }));
    cells
}

/// Returns the table of rules for a spreadsheet: shares as numbers.
pub fn csv(report: &RoutingReport) -> String {
    let head = "rule,answer,runs,succeeded,escalated,overridden_up,overridden_down,retried,mismatched,fell_back,\
                approved,refused,cancelled,failed,waiting,approved_later,wrong,of,believed,low,high";
    let line = |one: &Row| {
        let mut cells = row(one);
        cells.truncate(COLUMNS.len() - 2);
        cells.extend([one.tally.waiting.to_string(), one.tally.approved_later.to_string()]);
        let share = one.wrong.or(one.possibly_needless).filter(|share| share.of > 0);
        let figures = share.map(|share| {
            [share.count as f64, share.of as f64, share.believed, share.interval.low, share.interval.high]
        });
        cells.extend((0..5).map(|at| figures.map(|figures| figures[at].to_string()).unwrap_or_default()));
        cells
    };
    tables::csv(head, report.by_rule.iter().map(line))
}

/// Returns the report for a document.
pub fn markdown(report: &RoutingReport) -> String {
    let table = |rows: &[Row]| tables::markdown(&COLUMNS, &cells(rows));
    let proposed = proposals(report, |policy| format!("\n\n```toml\n{policy}\n```\n"));
    [
        "# Routing".to_owned(),
        head(report),
        "## By rule".to_owned(),
        table(&report.by_rule),
        "## By answer".to_owned(),
        table(&report.by_class),
        "## Proposals".to_owned(),
        proposed,
    ]
    .join("\n\n")
}
