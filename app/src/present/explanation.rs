//! Why a request is routed as it is: every rule that was considered, and routed against served.

use pointsman_core::report::run::{AttemptReport, RunReport};
use pointsman_core::route::classifier::{Contribution, Opinion};
use pointsman_core::route::{Explained, NO_MATCH, Route, TraceEntry, TraceOutcome};
use serde::Serialize;

use super::human::name;
use super::{route, tables};

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

/// Which rules are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// All of them.
    All,
    /// Those that had something to say.
    Matching,
}

impl Shown {
    fn has(self, look: &TraceEntry) -> bool {
        self == Shown::All || look.outcome != TraceOutcome::Skipped(NO_MATCH)
    }
}

/// Returns a route with the rules behind it; `shown` decides whether rules that had nothing to say are included.
pub fn text(decided: &Route, explained: Option<&Explained>, shown: Shown) -> String {
    let mut lines = vec![
        format!("route       {}", route::text(decided)),
        format!("layer       {}", name(decided.layer)),
        format!("complexity  {}", name(decided.complexity)),
        format!("timing      {}", name(decided.timing)),
        format!("policy      {}", decided.policy_hash),
    ];
    if let Some(Explained { trace, opinion, .. }) = explained {
        lines.push(String::new());
        lines.push("rules tried, in order:".to_owned());
        lines.extend(trace.iter().filter(|entry| shown.has(entry)).map(rule_line));
        if let hidden @ 1.. = trace.iter().filter(|entry| !shown.has(entry)).count() {
            lines.push(format!("  ({hidden} more had nothing to say; `--all` shows them)"));
        }
        lines.push(String::new());
        lines.extend(opinion_lines(opinion));
    }
    lines.join("\n")
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

/// Returns routed against served, attempt by attempt.
pub fn served(report: &RunReport) -> String {
    let head = format!("run {} ({})", report.run_id, report.state);
    if report.attempts.is_empty() {
        return format!("{head}: no attempt was made");
    }
    let rows: Vec<Vec<String>> =
        report.attempts.iter().enumerate().map(|(at, attempt)| row(at + 1, attempt)).collect();
    let columns = ["#", "ROUTED TO", "MODEL ASKED", "MODEL SERVED", "OUTCOME"];
    format!("{head}\n{}", tables::columns(&columns, &rows))
}

fn row(number: usize, attempt: &AttemptReport) -> Vec<String> {
    let served =
        if attempt.models_served.is_empty() { "-".to_owned() } else { attempt.models_served.join(", ") };
    vec![
        number.to_string(),
        format!("{} ({})", attempt.agent, attempt.tier),
        attempt.model_requested.clone(),
        served,
        attempt.outcome.map_or("running", |outcome| outcome.as_str()).to_owned(),
    ]
}
