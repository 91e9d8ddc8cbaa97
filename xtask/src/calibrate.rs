//! Calibration: what a model says is made to fit the requests of real sessions.
//!
//! A model is fitted to more hard and dangerous requests than anybody types in a week. So its scores are moved: one
//! temperature, and one shift for each class, such that rows in the style of real sessions, new to the model and
//! weighed to the shares of real traffic, are as probable as can be. How sure an answer is gets a line of its own.

use pointsman_core::eval::Answer;
use pointsman_core::model::{Class, Sureness, log_odds, softmax};

/// The share of each class in real sessions: counted in requests of public repositories.
const TRAFFIC: [f64; Class::COUNT] = [0.36, 0.45, 0.04, 0.06, 0.09];

/// Enough steps for the fourth digit to stay.
const STEPS: usize = 3000;

/// The scores of a row that was new to the model, and the share of each class in it.
pub type Scored = ([f32; Class::COUNT], [f32; Class::COUNT]);

/// How scores become probabilities.
#[derive(Debug, Clone, Copy)]
pub struct Calibration {
    /// What scores are divided by.
    pub temperature: f32,
    /// What is added to the scores.
    pub shift: [f32; Class::COUNT],
}

/// Fits temperature and shifts by steps down the slope of the mean surprise.
pub fn calibrate(scored: &[Scored]) -> Calibration {
    let wanted = wanted(scored);
    let total: f64 = wanted.iter().flatten().sum();
    let (mut scale, mut shift) = (1.0_f64, [0.0_f64; Class::COUNT]);
    for step in 0..STEPS {
        let rate = if step < STEPS * 2 / 3 { 0.5 } else { 0.1 };
        let (mut of_scale, mut of_shift) = (0.0, [0.0; Class::COUNT]);
        for ((scores, _), wanted) in scored.iter().zip(&wanted) {
            let weight: f64 = wanted.iter().sum();
            let p = softmax(std::array::from_fn(|c| scale * f64::from(scores[c]) + shift[c]), 1.0);
            for c in 0..Class::COUNT {
                let slope = weight * p[c] - wanted[c];
                of_shift[c] += slope;
                of_scale += slope * f64::from(scores[c]);
            }
        }
        scale -= rate * 0.2 * of_scale / total;
        shift.iter_mut().zip(of_shift).for_each(|(shift, slope)| *shift -= rate * slope / total);
    }
    Calibration { temperature: (1.0 / scale) as f32, shift: shift.map(|shift| (shift / scale) as f32) }
}

/// Returns how much of each class is wanted in each row, such that the classes have the shares of real traffic.
fn wanted(scored: &[Scored]) -> Vec<[f64; Class::COUNT]> {
    let mut share = [0.0; Class::COUNT];
    for (_, target) in scored {
        share.iter_mut().zip(target).for_each(|(share, part)| *share += f64::from(*part));
    }
    let total: f64 = share.iter().sum();
    let weight: [f64; Class::COUNT] =
        std::array::from_fn(|c| if share[c] > 0.0 { TRAFFIC[c] * total / share[c] } else { 0.0 });
    scored.iter().map(|(_, target)| std::array::from_fn(|c| f64::from(target[c]) * weight[c])).collect()
}

/// An answer to a row that was new to the model.
#[derive(Debug, Clone, Copy)]
pub struct Given {
    /// The label of the row.
    pub label: Answer,
    /// The share of the probability that spoke for the answer.
    pub share: f64,
    /// Whether the answer was acceptable.
    pub is_right: bool,
}

/// Fits how often answers are acceptable for which a share speaks. Too few answers say nothing. `labels` are those of all
/// rows that were asked about, whatever the answer: answers are weighed so that the labels have the shares of real traffic.
pub fn sureness(given: &[Given], labels: &[Answer]) -> Sureness {
    const LEAST: usize = 50;
    if given.len() < LEAST {
        return Sureness::AS_IT_IS;
    }
    let count = |wanted: Answer| labels.iter().filter(|label| **label == wanted).count().max(1);
    let share = |label: Answer| match label {
        Answer::Haiku => TRAFFIC[0],
        Answer::Sonnet => TRAFFIC[1],
        Answer::Opus => TRAFFIC[2],
        Answer::Escalate => TRAFFIC[3] + TRAFFIC[4],
    };
    let points: Vec<(f64, f64, f64)> = given
        .iter()
        .map(|one| {
            let weight = share(one.label) / count(one.label) as f64;
            (log_odds(one.share), f64::from(u8::from(one.is_right)), weight)
        })
        .collect();
    let total: f64 = points.iter().map(|(.., weight)| weight).sum();
    let (mut at_half, mut slope) = (0.0_f64, 1.0_f64);
    for _ in 0..STEPS {
        let (mut of_half, mut of_slope) = (0.0, 0.0);
        for (odds, right, weight) in &points {
            let error = weight * (1.0 / (1.0 + (-(at_half + slope * odds)).exp()) - right);
            of_half += error;
            of_slope += error * odds;
        }
        at_half -= of_half / total;
        slope = (slope - 0.3 * of_slope / total).max(0.0);
    }
    Sureness { at_half: at_half as f32, slope: slope as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scores that are far too sure, and always of the wrong class by a shift.
    #[test]
    fn scores_are_moved_to_where_the_rows_are() {
        let one_of = |class: usize| std::array::from_fn(|c| if c == class { 1.0 } else { 0.0 });
        let scored: Vec<Scored> = (0..500)
            .map(|n| {
                let class = n % Class::COUNT;
                let seen = if n % 7 == 0 { (class + 1) % Class::COUNT } else { class };
                (
                    std::array::from_fn(
                        |c| if c == seen { 9.0 } else { 0.0 } + if c == 3 { 4.0 } else { 0.0 },
                    ),
                    one_of(class),
                )
            })
            .collect();
        let Calibration { temperature, shift } = calibrate(&scored);
        assert!(temperature > 1.5, "{temperature}");
        assert!(shift[3] < shift[1] - 2.0, "what is rare and scored too high is lowered: {shift:?}");
    }

    #[test]
    fn who_is_right_in_six_of_ten_is_sixty_percent_sure() {
        let given = |n: usize| Given { label: Answer::Haiku, share: 0.9, is_right: n % 10 < 6 };
        let sure = sureness(&(0..500).map(given).collect::<Vec<_>>(), &[Answer::Haiku; 500]);
        assert!((sure.of(0.9) - 0.6).abs() < 0.02, "{}", sure.of(0.9));
        assert_eq!(sureness(&[given(1)], &[Answer::Haiku]), Sureness::AS_IT_IS);
    }
}
