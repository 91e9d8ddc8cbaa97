//! Fitting: multinomial logistic regression by AdaGrad; the same data gives the same bytes.

use pointsman_core::model::{Class, Model, Sureness, Weights};
use pointsman_core::route::training::Feature;

/// One example as numbers.
pub struct Point {
    /// Its features.
    pub features: Vec<Feature>,
    /// The share of each class in it.
    pub target: [f32; Class::COUNT],
    /// How much it counts.
    pub weight: f32,
}

/// The parameters of the fit.
#[derive(Clone, Copy)]
pub struct Settings {
    /// How often every example is seen.
    pub epochs: usize,
    /// The size of the first step.
    pub rate: f32,
    /// How strongly weights are pulled to zero, per example seen.
    pub decay: f32,
    /// How much of each target is spread over all classes: no labels are certain.
    pub smoothing: f32,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { epochs: 16, rate: 0.05, decay: 2e-5, smoothing: 0.06 }
    }
}

/// Fits weights to points. The only randomness is a fixed shuffle, so that a model can be reproduced.
pub fn fit(points: &[&Point], settings: Settings) -> Weights {
    let mut table = vec![[0.0_f32; Class::COUNT]; Model::BUCKET_COUNT];
    let mut seen = vec![[1e-2_f32; Class::COUNT]; Model::BUCKET_COUNT];
    let mut bias = [0.0_f32; Class::COUNT];
    let mut order: Vec<usize> = (0..points.len()).collect();
    let mut random = 0x853c_49e6_748f_ea9b_u64;
    for _ in 0..settings.epochs {
        shuffle(&mut order, &mut random);
        for point in order.iter().map(|n| points[*n]) {
            let p = softmax(scores(&table, &bias, &point.features));
            let spread = settings.smoothing / Class::COUNT as f32;
            let error: [f32; Class::COUNT] = std::array::from_fn(|c| {
                point.weight * (p[c] - (point.target[c] * (1.0 - settings.smoothing) + spread))
            });
            for feature in &point.features {
                let bucket = feature.bucket as usize;
                for c in 0..Class::COUNT {
                    let slope = error[c] * feature.value + settings.decay * table[bucket][c];
                    seen[bucket][c] += slope * slope;
                    table[bucket][c] -= settings.rate * slope / seen[bucket][c].sqrt();
                }
            }
            bias.iter_mut().zip(error).for_each(|(bias, error)| *bias -= 0.01 * error);
        }
    }
    Weights {
        table,
        bias,
        temperature: 1.0,
        sure_of_tier: Sureness::AS_IT_IS,
        sure_of_question: Sureness::AS_IT_IS,
        data_hash: [0; 32],
        rules_hash: [0; 32],
    }
}

/// Returns the scores of a point.
pub fn scores(
    table: &[[f32; Class::COUNT]],
    bias: &[f32; Class::COUNT],
    features: &[Feature],
) -> [f32; Class::COUNT] {
    let mut scores = *bias;
    for feature in features {
        let weights = &table[feature.bucket as usize];
        scores.iter_mut().zip(weights).for_each(|(score, weight)| *score += feature.value * weight);
    }
    scores
}

fn softmax(scores: [f32; Class::COUNT]) -> [f32; Class::COUNT] {
    let most = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers = scores.map(|score| (score - most).exp());
    let sum: f32 = powers.iter().sum();
    powers.map(|power| power / sum)
}

fn shuffle(order: &mut [usize], random: &mut u64) {
    for n in (1..order.len()).rev() {
        // splitmix64: good enough to mix, and the same everywhere.
        *random = random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        order.swap(n, ((z ^ (z >> 31)) % (n as u64 + 1)) as usize);
    }
}
