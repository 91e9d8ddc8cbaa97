//! Compares two policies on the same requests: which answers changed, and whether for the better.

use serde::Serialize;

use super::{Scored, loss};

/// What a changed answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It costs more.
    Worse,
    /// It costs less.
    Better,
    /// It costs as much as before.
    Neither,
}

impl Change {
    /// Returns the change's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Change::Worse => "worse",
            Change::Better => "better",
            Change::Neither => "neither",
        }
    }
}

/// Returns the indices of the answers that changed, worst first, with what each change means. Both sides must have
/// scored the same rows in the same order.
pub fn changes(before: &[Scored<'_>], after: &[Scored<'_>]) -> Vec<(usize, Change)> {
    assert_eq!(before.len(), after.len(), "two policies are compared on the same requests");
    let mut changes: Vec<(usize, Change)> = before
        .iter()
        .zip(after)
        .enumerate()
        .filter(|(_, (before, after))| before.answer != after.answer)
        .map(|(at, (before, after))| {
            let (cost_before, cost_after) = (loss(before.row, before.answer), loss(after.row, after.answer));
            let effect = match cost_after.total_cmp(&cost_before) {
                std::cmp::Ordering::Less => Change::Better,
                std::cmp::Ordering::Greater => Change::Worse,
                std::cmp::Ordering::Equal => Change::Neither,
            };
            (at, effect)
        })
        .collect();
    changes.sort_by_key(|(at, effect)| (*effect, *at));
    changes
}
