//! The classifier: a learned opinion where no rule is certain.
//!
//! A linear model over hashed features (see `features`), five classes, weights of one byte, calibrated on requests that
//! it was not trained on. It reads only the request; training is `cargo xtask train`, and `model.bin` is its output. In
//! reading order: [`crate::model`] (the file) · `features` · probabilities and reasons here · `route::choose` (what
//! follows from an opinion).

mod features;

use std::collections::BTreeMap;

use serde::Serialize;

use super::signals::Signals;
use crate::model::{Class, PerClass};
use crate::policy::Policy;

pub(super) use features::Block;
use features::{Buckets, Sink};

/// Returns the buckets of a request, by block.
pub(super) fn buckets(signals: &Signals, policy: &Policy, fired: &[&str]) -> Buckets {
    let mut buckets = Buckets::default();
    features::each(signals, policy.lexicon(), fired, &mut buckets);
    buckets
}

/// Returns the probability of each class.
pub(super) fn probabilities(signals: &Signals, policy: &Policy, fired: &[&str]) -> PerClass {
    let buckets = buckets(signals, policy, fired);
    let model = policy.model();
    let mut scores = model.bias();
    for block in Block::ALL {
        let found = &buckets.of[block as usize];
        let sum = model.sum(found);
        let scale = f64::from(block.scale(found.len()));
        scores.iter_mut().zip(sum).for_each(|(score, sum)| *score += scale * sum);
    }
    model.calibrated(scores)
}

/// A feature that counted for or against a class.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Contribution {
    /// What is in the request.
    pub feature: String,
    /// How much it counted for the class; negative if against it.
    pub weight: f64,
}

/// The classifier's opinion of a request.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Opinion {
    /// The probability of each class, most probable first.
    pub classes: Vec<(Class, f64)>,
    /// The features that counted most for or against the most probable class.
    pub because: Vec<Contribution>,
}

/// How many features an opinion lists.
const REASON_COUNT: usize = 12;

/// Returns the classifier's opinion with its reasons.
pub(super) fn opinion(signals: &Signals, policy: &Policy, fired: &[&str], p: &PerClass) -> Opinion {
    let rounded = |number: f64| (number * 1000.0).round() / 1000.0;
    let mut classes = Class::ALL.map(|class| (class, rounded(p[class as usize]))).to_vec();
    classes.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut because = contributions(signals, policy, fired, classes[0].0);
    because.sort_by(|a, b| b.weight.abs().total_cmp(&a.weight.abs()).then_with(|| a.feature.cmp(&b.feature)));
    because.truncate(REASON_COUNT);
    because.iter_mut().for_each(|one| one.weight = rounded(one.weight));
    Opinion { classes, because }
}

/// Returns how much each feature counted for a class, compared with the other classes.
fn contributions(signals: &Signals, policy: &Policy, fired: &[&str], class: Class) -> Vec<Contribution> {
    let mut named = Named::default();
    features::each(signals, policy.lexicon(), fired, &mut named);
    let sizes = Block::ALL.map(|block| named.buckets.of[block as usize].len());
    let mut by_feature: BTreeMap<String, f64> = BTreeMap::new();
    for (block, bucket, feature) in named.features {
        let sum = policy.model().sum(&[bucket]);
        let others = (sum.iter().sum::<f64>() - sum[class as usize]) / (Class::COUNT - 1) as f64;
        let weight = f64::from(block.scale(sizes[block as usize])) * (sum[class as usize] - others);
        *by_feature.entry(feature).or_default() += weight;
    }
    by_feature.into_iter().map(|(feature, weight)| Contribution { feature, weight }).collect()
}

/// Features with their names, for explanations.
#[derive(Default)]
struct Named {
    features: Vec<(Block, u32, String)>,
    buckets: Buckets,
}

impl Sink for Named {
    fn take(&mut self, block: Block, bucket: u32, name: impl FnOnce() -> String) {
        if self.buckets.add(block, bucket) {
            self.features.push((block, bucket, name()));
        }
    }
}
