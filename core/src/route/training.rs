//! The features of a text, as the trainer sees them: the same that the classifier sees when it decides.

use super::classifier::{Block, buckets};
use super::decide;
use super::signals::Signals;
use super::trace::Trace;
use crate::policy::Policy;
use crate::text::segment;

/// One feature of a request, as the trainer sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Feature {
    /// Its bucket, below [`crate::model::Model::BUCKET_COUNT`].
    pub bucket: u32,
    /// Its weight in this request.
    pub value: f32,
}

/// Returns the features of a text, for training.
pub fn features_of(text: &str, policy: &Policy) -> Vec<Feature> {
    let segments = segment::segment(text);
    let signals = Signals::read(&segments, policy);
    let rules = decide::apply_builtin_rules(policy, &signals, Trace::fired_only());
    let fired: Vec<&str> = rules.safety_trace.fired_ids().chain(rules.rule_trace.fired_ids()).collect();
    let buckets = buckets(&signals, policy, &fired);
    let of_block = |block: Block| {
        let found = &buckets.of[block as usize];
        let value = block.scale(found.len());
        found.iter().map(move |bucket| Feature { bucket: *bucket, value })
    };
    Block::ALL.into_iter().flat_map(of_block).collect()
}
