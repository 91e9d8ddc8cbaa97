//! Calibration: how far "how sure" is from "how often right".

use serde::Serialize;

use super::Scored;

/// How many confidence bands there are.
const BAND_COUNT: usize = 10;

/// The answers in one confidence band.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Band {
    /// Its lower bound.
    pub from: f64,
    /// Where the next band begins.
    pub to: f64,
    /// How many answers it has.
    pub rows: usize,
    /// Their mean confidence.
    pub mean_confidence: f64,
    /// The share of them that is acceptable.
    pub lenient_accuracy: f64,
}

/// Returns the bands that have answers, lowest confidence first.
pub fn bands(scored: &[Scored<'_>]) -> Vec<Band> {
    let mut sums = [(0_usize, 0.0, 0_usize); BAND_COUNT];
    for one in scored {
        let band = &mut sums[((one.confidence * BAND_COUNT as f64) as usize).min(BAND_COUNT - 1)];
        *band = (band.0 + 1, band.1 + one.confidence, band.2 + usize::from(one.is_right()));
    }
    let edge = |at: usize| at as f64 / BAND_COUNT as f64;
    let full = sums.into_iter().enumerate().filter(|(_, (rows, _, _))| *rows > 0);
    full.map(|(at, (rows, sure, right))| Band {
        from: edge(at),
        to: edge(at + 1),
        rows,
        mean_confidence: sure / rows as f64,
        lenient_accuracy: right as f64 / rows as f64,
    })
    .collect()
}

/// Returns the expected calibration error: the bands' distances between sure and right, weighted by their size.
pub(super) fn calibration_error(scored: &[Scored<'_>]) -> f64 {
    let distance = |band: &Band| band.rows as f64 * (band.mean_confidence - band.lenient_accuracy).abs();
    bands(scored).iter().map(distance).sum::<f64>() / scored.len().max(1) as f64
}

/// Returns the Brier score: the mean square of that distance, answer by answer. It also penalizes being sure of
/// nothing.
pub(super) fn brier(scored: &[Scored<'_>]) -> f64 {
    let square = |one: &Scored<'_>| (one.confidence - f64::from(u8::from(one.is_right()))).powi(2);
    scored.iter().map(square).sum::<f64>() / scored.len().max(1) as f64
}
