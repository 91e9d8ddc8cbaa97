//! How far a share can be trusted: intervals around what was counted.

use std::ops::RangeInclusive;

use serde::Serialize;

use super::Scored;

/// How many resamples are drawn.
const DRAW_COUNT: usize = 2000;

/// The share of resamples, or of belief, that lies outside an interval at each end.
const TAIL: f64 = 0.025;

/// A 95 % interval of a share.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// Returns the interval that the lenient accuracy would lie in if the set were drawn again from the same source
/// (bootstrap).
///
/// The draws are the same every time: equal input gives equal figures.
pub fn lenient_accuracy(scored: &[Scored<'_>]) -> Interval {
    if scored.is_empty() {
        return Interval { low: 0.0, high: 0.0 };
    }
    let right: Vec<bool> = scored.iter().map(Scored::is_right).collect();
    let mut random = Random(0x853c_49e6_748f_ea9b);
    let mut draw = || (0..right.len()).filter(|_| right[random.below(right.len())]).count();
    let mut counts: Vec<usize> = (0..DRAW_COUNT).map(|_| draw()).collect();
    counts.sort_unstable();
    let at = |share: f64| counts[((share * DRAW_COUNT as f64) as usize).min(DRAW_COUNT - 1)];
    let share = |count: usize| count as f64 / right.len() as f64;
    Interval { low: share(at(TAIL)), high: share(at(1.0 - TAIL)) }
}

/// Splitmix64: good enough to draw rows, and the same on every platform.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }
}

/// Returns the posterior of a share after `hits` of `of` cases with a uniform prior: the mean of Beta(1 + hits, 1 +
/// misses), and its interval. Few cases give a wide interval instead of a bold claim.
pub fn believed(hits: usize, of: usize) -> (f64, Interval) {
    let mean = (hits + 1) as f64 / (of + 2) as f64;
    let ways = ln_ways(of + 1);
    (mean, Interval { low: quantile(&ways, hits, TAIL), high: quantile(&ways, hits, 1.0 - TAIL) })
}

/// Finds the share below which `belief` of the distribution lies, by bisection.
fn quantile(ln_ways: &[f64], hits: usize, belief: f64) -> f64 {
    /// About seven digits, which is more than is ever shown.
    const HALVINGS: usize = 24;
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if belief_below(ln_ways, hits, middle) < belief { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

/// Returns how much of Beta(1 + hits, 1 + misses) lies below `share`: for integers, the chance of more than `hits`
/// successes in as many throws as there are ways, less one.
fn belief_below(ln_ways: &[f64], hits: usize, share: f64) -> f64 {
    let throws = ln_ways.len() - 1;
    let (ln_yes, ln_no) = (share.ln(), (1.0 - share).ln());
    let chance = |yes: usize| (ln_ways[yes] + yes as f64 * ln_yes + (throws - yes) as f64 * ln_no).exp();
    let near = near_mean(throws, share);
    if hits < *near.start() { 1.0 } else { (hits + 1..=*near.end()).map(chance).sum() }
}

/// Returns the numbers of successes that have a chance: beyond twelve standard deviations there is less than 10⁻²⁰ of it.
fn near_mean(throws: usize, share: f64) -> RangeInclusive<usize> {
    let (mean, spread) = (throws as f64 * share, (throws as f64 * share * (1.0 - share)).sqrt());
    let reach = 12.0 * spread + 50.0;
    (mean - reach).max(0.0) as usize..=((mean + reach) as usize).min(throws)
}

/// Returns the logarithms of the number of ways to have so many successes, for each number of them.
fn ln_ways(throws: usize) -> Vec<f64> {
    let mut ways = vec![0.0];
    for yes in 0..throws {
        ways.push(ways[yes] + ((throws - yes) as f64 / (yes + 1) as f64).ln());
    }
    ways
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn belief_after_nothing_is_anything_and_narrows_with_every_case() {
        let (mean, nothing) = believed(0, 0);
        assert!((mean - 0.5).abs() < 1e-9 && (nothing.low - 0.025).abs() < 1e-3, "{nothing:?}");
        let (_, few) = believed(4, 5);
        let (_, many) = believed(80, 100);
        assert!(few.high - few.low > 3.0 * (many.high - many.low) - 0.2, "{few:?} {many:?}");
        assert!(many.low > 0.7 && many.high < 0.88, "{many:?}");
    }

    /// Compared with a table of the beta distribution: Beta(5, 2) has its 2.5 % and 97.5 % points at 0.359 and 0.957.
    #[test]
    fn the_interval_is_that_of_the_beta_distribution() {
        let (mean, interval) = believed(4, 5);
        assert!((mean - 5.0 / 7.0).abs() < 1e-9);
        assert!(
            (interval.low - 0.3588).abs() < 1e-3 && (interval.high - 0.9567).abs() < 1e-3,
            "{interval:?}"
        );
    }

    #[test]
    fn many_cases_do_not_overflow() {
        let (_, interval) = believed(5_000, 10_000);
        assert!(interval.low > 0.48 && interval.high < 0.52, "{interval:?}");
        // Compared with the normal distribution, which it comes close to: 1.96 standard deviations.
        let (mean, interval) = believed(30_000, 100_000);
        let reach = 1.96 * (0.3_f64 * 0.7 / 100_000.0).sqrt();
        assert!(
            (interval.low - (mean - reach)).abs() < 2e-5 && (interval.high - (mean + reach)).abs() < 2e-5
        );
    }
}
