//! How a policy decides labelled requests, as a value that both output formats share.

use std::time::{Duration, Instant};

use pointsman_core::eval::compare::Change;
use pointsman_core::eval::{Answer, Evaluation, Labelled, Scored, evaluate};
use pointsman_core::redact::redact;
use pointsman_core::route::Route;
use serde::Serialize;

use super::error::EngineError;
use super::project::Decider;
use crate::plain_text::one_line;

/// How many characters of a request are shown.
const REQUEST_CHARS_MAX: usize = 80;

/// A set of requests, with the decisions about them.
#[derive(Debug, Serialize)]
pub struct Measured<'a> {
    /// The policy that decided.
    pub policy_hash: String,
    /// The figures.
    #[serde(flatten)]
    pub evaluation: Evaluation,
    #[serde(skip)]
    rows: &'a [Labelled],
    #[serde(skip)]
    routes: Vec<Route>,
    /// How long deciding took: it differs from run to run, and so is not part of the value.
    #[serde(skip)]
    pub latency: Latency,
}

/// How long one decision takes, in microseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Latency {
    /// The median.
    pub p50: u64,
    /// The 99th percentile.
    pub p99: u64,
}

/// A wrong answer.
#[derive(Debug, Serialize)]
pub struct WrongRow {
    pub id: String,
    pub category: String,
    pub label: Answer,
    #[serde(flatten)]
    pub said: Answered,
    pub request: String,
}

/// How a policy answered a request.
#[derive(Debug, Serialize)]
pub struct Answered {
    pub answer: Answer,
    pub confidence: f64,
    pub rule: String,
}

/// Another policy's results on the same requests.
#[derive(Debug, Serialize)]
pub struct Against<'a> {
    #[serde(flatten)]
    pub measured: Measured<'a>,
    /// How many answers changed for the better, for the worse, and neither.
    pub better: usize,
    pub worse: usize,
    pub neither: usize,
    /// Every answer that changed, worst first.
    pub changed: Vec<ChangedRow>,
}

/// An answer that differs under another policy.
#[derive(Debug, Serialize)]
pub struct ChangedRow {
    pub effect: Change,
    pub id: String,
    pub label: Answer,
    pub now: Answered,
    pub against: Answered,
    pub request: String,
}

impl<'a> Measured<'a> {
    /// Decides about every row.
    pub fn new(decider: &Decider, rows: &'a [Labelled]) -> Result<Measured<'a>, EngineError> {
        let mut routes = Vec::with_capacity(rows.len());
        let mut times = Vec::with_capacity(rows.len());
        for row in rows {
            let mut request = row.asked()?;
            let begun = Instant::now();
            routes.push(decider.decide(&mut request)?);
            times.push(begun.elapsed());
        }
        let evaluation = evaluate(&scored(rows, &routes));
        let policy_hash = decider.policy_hash();
        Ok(Measured { policy_hash, evaluation, rows, routes, latency: Latency::of(times) })
    }

    /// Returns every row with its answer.
    pub fn scored(&self) -> Vec<Scored<'a>> {
        scored(self.rows, &self.routes)
    }

    /// Returns the wrong answers.
    pub fn wrong(&self) -> impl Iterator<Item = WrongRow> {
        let wrong = self.rows.iter().zip(&self.routes).filter(|(row, route)| !row.accepts(Answer::of(route)));
        wrong.map(|(row, route)| WrongRow {
            id: row.id.clone(),
            category: row.category.clone(),
            label: row.label,
            said: Answered::of(route),
            request: one_line(&redact(&row.request), REQUEST_CHARS_MAX),
        })
    }
}

fn scored<'a>(rows: &'a [Labelled], routes: &[Route]) -> Vec<Scored<'a>> {
    let judge = |(row, route)| Scored { row, answer: Answer::of(route), confidence: route.confidence };
    rows.iter().zip(routes).map(judge).collect()
}

impl Answered {
    fn of(route: &Route) -> Answered {
        let rule = route.deciding_rule().to_owned();
        Answered { answer: Answer::of(route), confidence: route.confidence, rule }
    }
}

impl Latency {
    fn of(mut times: Vec<Duration>) -> Latency {
        times.sort_unstable();
        let at = |share: f64| times.get((share * times.len().saturating_sub(1) as f64).round() as usize);
        let us =
            |time: Option<&Duration>| time.map_or(0, |t| u64::try_from(t.as_micros()).unwrap_or(u64::MAX));
        Latency { p50: us(at(0.5)), p99: us(at(0.99)) }
    }
}

impl<'a> Against<'a> {
    /// Compares another policy's answers with those of the policy in force.
    pub fn new(now: &Measured<'a>, other: Measured<'a>, changes: &[(usize, Change)]) -> Against<'a> {
        let count = |wanted: Change| changes.iter().filter(|(_, effect)| *effect == wanted).count();
        let changed = |(at, effect): &(usize, Change)| ChangedRow {
            effect: *effect,
            id: now.rows[*at].id.clone(),
            label: now.rows[*at].label,
            now: Answered::of(&now.routes[*at]),
            against: Answered::of(&other.routes[*at]),
            request: one_line(&redact(&now.rows[*at].request), REQUEST_CHARS_MAX),
        };
        Against {
            better: count(Change::Better),
            worse: count(Change::Worse),
            neither: count(Change::Neither),
            changed: changes.iter().map(changed).collect(),
            measured: other,
        }
    }
}
