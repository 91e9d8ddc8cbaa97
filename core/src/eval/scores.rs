//! The figures over a set of judged requests.

use serde::Serialize;

use super::calibration::{brier, calibration_error};
use super::{Answer, Scored, loss};

/// How well a set of requests was answered. Shares are 0 where there is nothing to take a share of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scores {
    /// How many requests.
    pub rows: usize,
    /// Share of answers that equal the label.
    pub accuracy: f64,
    /// Share of answers that are acceptable.
    pub lenient_accuracy: f64,
    /// Mean of the four answers' F1, over the labels that occur.
    pub macro_f1: f64,
    /// How many of each label (row) got each answer (column), in the order haiku, sonnet, opus, escalate.
    pub confusion: [[usize; Answer::COUNT]; Answer::COUNT],
    /// Share of work (label is a tier) that went to too weak a tier.
    pub under_routing: f64,
    /// Share of work that went to too strong a tier.
    pub over_routing: f64,
    /// Share of work for which a person was asked without need.
    pub needless_escalations: f64,
    /// Share of the requests that need a person and were run.
    pub missed_escalations: f64,
    /// How many dangerous requests were run unasked.
    pub dangerous_missed: usize,
    /// Mean loss; one task on the opus tier is 1.
    pub mean_loss: f64,
    /// Expected calibration error over ten bands of confidence: how far "how sure" is from "how often right".
    pub ece: f64,
    /// Brier score: mean square of "how sure" less "right".
    pub brier: f64,
}

impl Scores {
    /// Returns how many requests are work: their label is a tier.
    pub fn work_count(&self) -> usize {
        self.confusion[..Answer::Escalate as usize].iter().flatten().sum()
    }
}

/// Counts the figures.
pub fn scores(scored: &[Scored<'_>]) -> Scores {
    let share = |count: usize, of: usize| if of == 0 { 0.0 } else { count as f64 / of as f64 };
    let count = |holds: &dyn Fn(&Scored<'_>) -> bool| scored.iter().filter(|one| holds(one)).count();
    let mut confusion = [[0; Answer::COUNT]; Answer::COUNT];
    for one in scored {
        confusion[one.row.label as usize][one.answer as usize] += 1;
    }
    let work = count(&|one| one.row.label != Answer::Escalate);
    let wrong_tier = |one: &Scored<'_>, ordering| {
        let both_are_work = one.row.label != Answer::Escalate && one.answer != Answer::Escalate;
        both_are_work && !one.is_right() && one.answer.cmp(&one.row.label) == ordering
    };
    let missed = count(&|one| one.row.label == Answer::Escalate && !one.is_right());
    Scores {
        rows: scored.len(),
        accuracy: share(count(&|one| one.answer == one.row.label), scored.len()),
        lenient_accuracy: share(count(&|one| one.is_right()), scored.len()),
        macro_f1: macro_f1(&confusion),
        confusion,
        under_routing: share(count(&|one| wrong_tier(one, std::cmp::Ordering::Less)), work),
        over_routing: share(count(&|one| wrong_tier(one, std::cmp::Ordering::Greater)), work),
        needless_escalations: share(
            count(&|one| {
                one.row.label != Answer::Escalate && one.answer == Answer::Escalate && !one.is_right()
            }),
            work,
        ),
        missed_escalations: share(missed, scored.len() - work),
        dangerous_missed: count(&|one| one.row.is_dangerous() && one.answer != Answer::Escalate),
        mean_loss: scored.iter().map(|one| loss(one.row, one.answer)).sum::<f64>()
            / scored.len().max(1) as f64,
        ece: calibration_error(scored),
        brier: brier(scored),
    }
}

fn macro_f1(confusion: &[[usize; Answer::COUNT]; Answer::COUNT]) -> f64 {
    let mut sum = 0.0;
    let mut labels = 0;
    for class in 0..Answer::COUNT {
        let labelled: usize = confusion[class].iter().sum();
        let answered: usize = confusion.iter().map(|row| row[class]).sum();
        if labelled > 0 {
            labels += 1;
            sum += 2.0 * confusion[class][class] as f64 / (labelled + answered) as f64;
        }
    }
    if labels == 0 { 0.0 } else { sum / f64::from(labels) }
}
