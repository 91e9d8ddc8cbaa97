//! The words of a request that count most for a class, so that a question can name them.

use super::features::{self, Block, Sink};
use crate::model::{Class, Model};
use crate::route::stream::Stream;
use crate::text::tokens::Kind;

/// The most tokens that are named.
const TOKENS_MAX: usize = 12;

/// Returns the words within one sentence that count most for a class; `None` if no word counts for it.
pub(in crate::route) fn words_for<'a>(own: &Stream<'a>, model: &Model, class: Class) -> Option<&'a str> {
    let weights: Vec<Option<f64>> = (0..own.places().len())
        .map(|at| {
            let kind = own.places()[at].kind;
            let ends = matches!(kind, Kind::End | Kind::Question);
            // Names and paths may be quoted along with words, but they are not what a person would point at.
            let speaks = matches!(kind, Kind::Word | Kind::Ideograph | Kind::Flag);
            (!ends).then(|| if speaks { weight(own, at, model, class) } else { 0.0 })
        })
        .collect();
    let (mut from, mut to) = heaviest(&weights)?;
    // Single characters of a script without spaces are no words: there the whole sentence is named.
    if own.has_ideographs() {
        while from > 0 && weights[from - 1].is_some() {
            from -= 1;
        }
        while weights.get(to + 1).is_some_and(Option::is_some) {
            to += 1;
        }
    }
    let text = own.text();
    let range = own.places()[from].start()..own.places()[to].end();
    text.get(range).map(str::trim)
}

/// Returns the first and the last position of the run of numbers with the greatest sum above zero.
fn heaviest(weights: &[Option<f64>]) -> Option<(usize, usize)> {
    let mut best = (0.0, None);
    for from in 0..weights.len() {
        let mut sum = 0.0;
        for (to, weight) in weights.iter().enumerate().skip(from).take(TOKENS_MAX) {
            let Some(weight) = weight else { break };
            sum += weight;
            if sum > best.0 {
                best = (sum, Some((from, to)));
            }
        }
    }
    best.1
}

/// Returns how much one word counts for a class, compared with the other classes.
fn weight(own: &Stream, at: usize, model: &Model, class: Class) -> f64 {
    let mut sum = Sum { model, class, total: 0.0 };
    features::word(own, at, &mut sum);
    sum.total
}

struct Sum<'m> {
    model: &'m Model,
    class: Class,
    total: f64,
}

impl Sink for Sum<'_> {
    fn take(&mut self, _block: Block, bucket: u32, _name: impl FnOnce() -> String) {
        let sum = self.model.sum(&[bucket]);
        let others = (sum.iter().sum::<f64>() - sum[self.class as usize]) / (Class::COUNT - 1) as f64;
        self.total += sum[self.class as usize] - others;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heaviest_run_stays_within_a_sentence() {
        let weights = [Some(0.1), Some(-1.0), Some(2.0), Some(-0.5), Some(1.0), None, Some(2.0)];
        assert_eq!(heaviest(&weights), Some((2, 4)));
        assert_eq!(heaviest(&[Some(-1.0), None]), None);
    }
}
