//! What runs cost, and what the same tokens would have cost on one tier.

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;
use pointsman_core::ids::short;
use pointsman_core::report::cost::{CostBy, CostGroup, CostReport};
use pointsman_core::report::run::SCHEMA_VERSION;
use pointsman_core::text::counted;
use serde::Serialize;

use super::fit::{self, Column, Line, Span};
use super::human::{count, name, usd};
use super::tables;
use crate::plain_text::one_line;

/// The longest name that is shown, in characters: a project's path may have any text.
const NAME_CHARS_MAX: usize = 200;

/// The longest bar, in terminal columns.
const BAR_COLUMNS: f64 = 12.0;

/// The output of `report cost -o json`.
#[derive(Debug, Serialize)]
pub struct Printed<'a> {
    schema_version: u32,
    since: Option<Timestamp>,
    #[serde(flatten)]
    report: &'a CostReport,
}

impl Printed<'_> {
    /// Returns the report as data.
    pub fn new(report: &CostReport, since: Option<Timestamp>) -> Printed<'_> {
        Printed { schema_version: SCHEMA_VERSION, since, report }
    }
}

fn columns(report: &CostReport) -> [Column; 11] {
    let first = match report.by {
        CostBy::Day => Column::left("DAY", 0),
        CostBy::Week => Column::left("WEEK", 0),
        CostBy::Tier => Column::left("TIER", 0),
        CostBy::Agent => Column::rest("AGENT", 14),
        CostBy::Project => Column::rest("PROJECT", 14),
        CostBy::Session => Column::rest("SESSION", 14),
    };
    [
        first,
        Column::right("RUNS", 4),
        Column::right("REPORTED", 0),
        Column::right("ESTIMATED", 1),
        Column::left("", 2),
        Column::right("INPUT", 6),
        Column::right("OUTPUT", 6),
        Column::right("CACHE READ", 6),
        Column::right("CACHE WRITE", 6),
        Column::right("ALL SONNET", 5),
        Column::right("ALL OPUS", 5),
    ]
}

/// Returns the report for a terminal of this width; `None` where nothing has to fit, and no bars are drawn.
pub fn text(report: &CostReport, since: Option<Timestamp>, width: Option<usize>) -> Vec<Line> {
    if report.groups.is_empty() {
        return fit::wrapped(&nothing(report, since), width)
            .into_iter()
            .map(|line| vec![Span::plain(line)])
            .collect();
    }
    let dearest = report.groups.iter().filter_map(|group| group.usd).fold(0.0, f64::max);
    let mut rows: Vec<Vec<Span>> = vec![];
    for group in &report.groups {
        let mut row: Vec<Span> = cells(&label(report.by, &group.name), group).map(Span::plain).into();
        let bar = width.map(|_| bar(group.usd.unwrap_or(0.0), dearest)).unwrap_or_default();
        row.insert(4, Span::new(bar, AnsiColor::Cyan.on_default()));
        rows.push(row);
    }
    let bold = Style::new().bold();
    let mut total: Vec<Span> = cells("total", &report.total).map(|cell| Span::new(cell, bold)).into();
    total.insert(4, Span::plain(""));
    rows.push(total);
    let mut lines = fit::table(&columns(report), &rows, width);
    lines.push(vec![]);
    let notes = notes(report).into_iter().flat_map(|note| fit::wrapped(&note, width));
    lines.extend(notes.map(|line| vec![Span::plain(line)]));
    lines
}

fn nothing(report: &CostReport, since: Option<Timestamp>) -> String {
    let what = match since {
        Some(since) => {
            format!(
                "no run that cost anything since {}; `--since all` looks further back",
                since.strftime("%F")
            )
        }
        None => "no run that cost anything yet; `pointsman run` makes one".to_owned(),
    };
    let rehearsals = match report.rehearsals {
        0 => String::new(),
        count => format!("; {} left out", counted(count, "rehearsal is", "rehearsals are")),
    };
    what + &rehearsals
}

/// Returns the name of a line: that of a session without a name is the short form of its id.
fn label(by: CostBy, name: &str) -> String {
    match by {
        CostBy::Session => short::short(name),
        _ => one_line(name, NAME_CHARS_MAX),
    }
}

fn cells(name: &str, group: &CostGroup) -> [String; 10] {
    let CostGroup { runs, spent, tokens, at_list_prices: list, .. } = group;
    let money = |figure: Option<f64>| figure.map_or("-".to_owned(), usd);
    [
        name.to_owned(),
        runs.to_string(),
        money(spent.reported_usd),
        money(spent.estimated_usd),
        count(tokens.input),
        count(tokens.output),
        count(tokens.cache_read),
        count(tokens.cache_write),
        usd(list.on_sonnet_usd),
        usd(list.on_opus_usd),
    ]
}

/// Returns a bar as long as a figure is beside the highest one.
fn bar(figure: f64, highest: f64) -> String {
    if figure <= 0.0 || highest <= 0.0 {
        return String::new();
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 1 to a dozen")]
    let length = (figure / highest * BAR_COLUMNS).round().max(1.0) as usize;
    "\u{2588}".repeat(length)
}

/// Returns what is to be known about the figures, a paragraph each.
fn notes(report: &CostReport) -> Vec<String> {
    let (total, list) = (&report.total, &report.total.at_list_prices);
    let changed = if report.prices.has_builtin_prices() { "" } else { ", with prices of your own" };
    let mut notes = vec![
        format!(
            "tokens: {} input, {} output, {} cache read, {} cache write",
            count(total.tokens.input),
            count(total.tokens.output),
            count(total.tokens.cache_read),
            count(total.tokens.cache_write)
        ),
        format!(
            "estimate, the same tokens at list prices: {} as routed, {} with everything on sonnet, {} with everything on opus \
             (prices of {}{changed}; another model would have used other tokens)",
            usd(list.as_routed_usd),
            usd(list.on_sonnet_usd),
            usd(list.on_opus_usd),
            one_line(&report.prices.version, NAME_CHARS_MAX)
        ),
    ];
    notes.extend(report.tier_changes.map(|changes| {
        format!(
            "changes of tier inside a session: {}, {} tokens written to a cold cache, {} at most (estimate)",
            changes.count,
            count(changes.cache_write_tokens),
            usd(changes.usd_at_most)
        )
    }));
    if matches!(report.by, CostBy::Day | CostBy::Week) {
        notes.push(format!(
            "{}s are those of {}",
            name(report.by),
            one_line(&report.time_zone, NAME_CHARS_MAX)
        ));
    }
    notes.extend(left_out(report));
    notes
}

fn left_out(report: &CostReport) -> Option<String> {
    let parts = [
        (
            report.total.attempts_without_cost,
            "attempt of which no cost is known",
            "attempts of which no cost is known",
        ),
        (report.rehearsals, "rehearsal", "rehearsals"),
        (report.unreadable, "run whose log cannot be read", "runs whose logs cannot be read"),
    ];
    let said: Vec<String> = parts
        .into_iter()
        .filter(|(number, ..)| *number > 0)
        .map(|(number, one, many)| counted(number, one, many))
        .collect();
    (!said.is_empty()).then(|| format!("not in the cost: {}", said.join(", ")))
}

/// Returns the report for a spreadsheet.
pub fn csv(report: &CostReport) -> String {
    let head = "by,name,runs,attempts,reported_usd,estimated_usd,input,output,cache_read,cache_write,\
                as_routed_usd,on_sonnet_usd,on_opus_usd,prices";
    let number = |figure: Option<f64>| figure.map(|usd| usd.to_string()).unwrap_or_default();
    let row = |group: &CostGroup| {
        let CostGroup { spent, tokens, at_list_prices: list, .. } = group;
        vec![
            name(report.by),
            one_line(&group.name, NAME_CHARS_MAX),
            group.runs.to_string(),
            group.attempts.to_string(),
            number(spent.reported_usd),
            number(spent.estimated_usd),
            tokens.input.to_string(),
            tokens.output.to_string(),
            tokens.cache_read.to_string(),
            tokens.cache_write.to_string(),
            list.as_routed_usd.to_string(),
            list.on_sonnet_usd.to_string(),
            list.on_opus_usd.to_string(),
            one_line(&report.prices.version, NAME_CHARS_MAX),
        ]
    };
    tables::csv(head, report.groups.iter().map(row))
}

/// Returns the report for a document.
pub fn markdown(report: &CostReport) -> String {
    let head: Vec<&str> =
        columns(report).iter().map(|column| column.head).filter(|head| !head.is_empty()).collect();
    let lines = report.groups.iter().map(|group| (label(report.by, &group.name), group));
    let rows: Vec<Vec<String>> = lines
        .chain([("total".to_owned(), &report.total)])
        .map(|(label, group)| cells(&label, group).into())
        .collect();
    let notes: Vec<String> = notes(report).iter().map(|note| format!("- {note}")).collect();
    format!("# Cost\n\n{}\n\n{}", tables::markdown(&head, &rows), notes.join("\n"))
}

#[cfg(test)]
mod tests;
