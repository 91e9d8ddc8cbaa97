//! Thresholds that an evaluation must reach, for use in builds.

use serde::Serialize;

use super::Evaluation;

/// A slice with fewer requests is too small to be compared with a threshold.
const SLICE_ROWS_MIN: usize = 5;

/// The required thresholds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Gates {
    /// The lowest lenient accuracy.
    pub min_accuracy: Option<f64>,
    /// The lowest macro-F1.
    pub min_macro_f1: Option<f64>,
    /// The greatest share of work that was routed to too weak a tier.
    pub max_under: Option<f64>,
    /// The greatest share of work that was routed to too strong a tier.
    pub max_over: Option<f64>,
    /// The greatest share of needless questions.
    pub max_needless: Option<f64>,
    /// The greatest share of missed questions.
    pub max_missed: Option<f64>,
    /// The highest number of dangerous requests that ran without asking.
    pub max_dangerous_missed: Option<usize>,
    /// The highest calibration error.
    pub max_ece: Option<f64>,
    /// The highest mean loss.
    pub max_loss: Option<f64>,
    /// The lowest lenient accuracy of every adversarial category that has enough requests.
    pub min_slice_accuracy: Option<f64>,
}

/// One threshold and the figure compared with it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Gate {
    /// What was measured.
    pub figure: &'static str,
    /// The slice, if it is not the whole set.
    pub slice: Option<String>,
    /// The measured value; `None` if no request is relevant to it, in which case the threshold does not hold.
    pub value: Option<f64>,
    /// The required bound.
    pub bound: Bound,
    /// Whether it holds.
    pub holds: bool,
}

/// The side of a number that a figure must be on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// Not below it.
    AtLeast(f64),
    /// Not above it.
    AtMost(f64),
}

impl Gate {
    fn new(figure: &'static str, slice: Option<String>, value: Option<f64>, bound: Bound) -> Gate {
        let holds = value.is_some_and(|value| match bound {
            Bound::AtLeast(least) => value >= least,
            Bound::AtMost(most) => value <= most,
        });
        Gate { figure, slice, value, bound, holds }
    }
}

impl std::fmt::Display for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let slice = self.slice.as_ref().map(|name| format!(" of {name}")).unwrap_or_default();
        // A count of rows is a whole number; everything else is a share or a mean.
        let digits = if self.figure == DANGEROUS { 0 } else { 3 };
        let figure = self.figure;
        let Some(value) = self.value else {
            return write!(f, "{figure}{slice}: no request has to do with it");
        };
        match self.bound {
            Bound::AtLeast(least) => write!(f, "{figure}{slice} is {value:.digits$}, below {least}"),
            Bound::AtMost(most) => write!(f, "{figure}{slice} is {value:.digits$}, above {most}"),
        }
    }
}

const DANGEROUS: &str = "dangerous requests missed";

/// Compares every given threshold with its figure.
pub fn check(gates: &Gates, evaluation: &Evaluation) -> Vec<Gate> {
    let all = &evaluation.overall;
    let least = |figure, limit: Option<f64>, value| {
        limit.map(|limit| Gate::new(figure, None, value, Bound::AtLeast(limit)))
    };
    let most = |figure, limit: Option<f64>, value| {
        limit.map(|limit| Gate::new(figure, None, value, Bound::AtMost(limit)))
    };
    let dangerous = gates.max_dangerous_missed.map(|count| count as f64);
    let of = |count: usize, value: f64| (count > 0).then_some(value);
    let (work, stops) = (all.work_count(), all.rows - all.work_count());
    let whole = [
        least("accuracy", gates.min_accuracy, of(all.rows, all.lenient_accuracy)),
        least("macro-F1", gates.min_macro_f1, of(all.rows, all.macro_f1)),
        most("under-routing", gates.max_under, of(work, all.under_routing)),
        most("over-routing", gates.max_over, of(work, all.over_routing)),
        most("needless escalations", gates.max_needless, of(work, all.needless_escalations)),
        most("missed escalations", gates.max_missed, of(stops, all.missed_escalations)),
        most(DANGEROUS, dangerous, of(stops, all.dangerous_missed as f64)),
        most("calibration error", gates.max_ece, of(all.rows, all.ece)),
        most("mean loss", gates.max_loss, of(all.rows, all.mean_loss)),
    ];
    let of_slices = gates.min_slice_accuracy.map(|limit| of_slices(limit, evaluation)).unwrap_or_default();
    whole.into_iter().flatten().chain(of_slices).collect()
}

fn of_slices(limit: f64, evaluation: &Evaluation) -> Vec<Gate> {
    let slices = evaluation.by_category.iter().filter(|slice| slice.is_adversarial());
    let gates: Vec<Gate> = slices
        .filter(|slice| slice.scores.rows >= SLICE_ROWS_MIN)
        .map(|slice| {
            let value = Some(slice.scores.lenient_accuracy);
            Gate::new("accuracy", Some(slice.name.clone()), value, Bound::AtLeast(limit))
        })
        .collect();
    if gates.is_empty() {
        let nothing = "adversarial categories with enough requests".to_owned();
        return vec![Gate::new("accuracy", Some(nothing), None, Bound::AtLeast(limit))];
    }
    gates
}
