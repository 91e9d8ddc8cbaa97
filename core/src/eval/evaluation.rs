//! A whole evaluation: the figures over all requests, and over the slices that averages hide.

use std::collections::BTreeMap;

use serde::Serialize;

use super::calibration::{Band, bands};
use super::interval::{self, Interval};
use super::{Scored, Scores, scores};

/// The prefix of adversarial categories.
const ADVERSARIAL: &str = "adv:";

/// The prefix of categories that only name a language.
const LANGUAGE: &str = "lang:";

/// How a set of requests was answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// Over all requests.
    pub overall: Scores,
    /// The interval that the lenient accuracy probably lies in.
    pub lenient_accuracy_interval: Interval,
    /// How sure, compared with how often right.
    pub bands: Vec<Band>,
    /// By category: the ordinary ones, then `adv:*` together and one by one, then all of `lang:*`.
    pub by_category: Vec<Slice>,
    /// By language.
    pub by_language: Vec<Slice>,
}

/// The figures over a subset of the requests.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Slice {
    /// What its requests have in common.
    pub name: String,
    /// The figures.
    #[serde(flatten)]
    pub scores: Scores,
}

impl Slice {
    /// Returns whether it is one adversarial category; the slice of all of them together is not.
    pub fn is_adversarial(&self) -> bool {
        self.name.starts_with(ADVERSARIAL) && !self.name.ends_with('*')
    }
}

/// Computes all figures.
pub fn evaluate(scored: &[Scored<'_>]) -> Evaluation {
    Evaluation {
        overall: scores(scored),
        lenient_accuracy_interval: interval::lenient_accuracy(scored),
        bands: bands(scored),
        by_category: by_category(scored),
        by_language: slices(scored, |one| vec![one.row.language().to_owned()]),
    }
}

fn by_category(scored: &[Scored<'_>]) -> Vec<Slice> {
    let mut slices = slices(scored, |one| {
        let category = one.row.category.as_str();
        match category {
            "" => vec!["(none)".to_owned()],
            _ if category.starts_with(LANGUAGE) => vec![format!("{LANGUAGE}*")],
            // The star sorts before letters, so the slice of all of them comes first.
            _ if category.starts_with(ADVERSARIAL) => vec![format!("{ADVERSARIAL}*"), category.to_owned()],
            _ => vec![category.to_owned()],
        }
    });
    let group = |slice: &Slice| (slice.name.starts_with(LANGUAGE), slice.name.starts_with(ADVERSARIAL));
    slices.sort_by_key(group);
    slices
}

/// Returns the figures of each slice, by name. A request can be in several.
fn slices(scored: &[Scored<'_>], names_of: impl Fn(&Scored<'_>) -> Vec<String>) -> Vec<Slice> {
    let mut members: BTreeMap<String, Vec<Scored<'_>>> = BTreeMap::new();
    for one in scored {
        for name in names_of(one) {
            members.entry(name).or_default().push(*one);
        }
    }
    members.into_iter().map(|(name, members)| Slice { name, scores: scores(&members) }).collect()
}
