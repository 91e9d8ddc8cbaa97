//! Proposals of what would be better, in words: only if enough runs support them, and never applied.

use serde::Serialize;

use super::row::{Row, Share};
use crate::agent::Tier;
use crate::eval::Answer;

/// Fewer runs than this say nothing about a rule.
const RUNS_MIN: usize = 5;

/// The share of routes that may be wrong before anything needs fixing: what `eval` requires of the router in this
/// repository.
const WRONG_ACCEPTED: f64 = 0.15;

/// The share of questions that may be answered with yes: a yes to a dangerous request does not make the question
/// needless.
const APPROVED_ACCEPTED: f64 = 0.5;

/// A change to the rules that the record supports.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Proposal {
    /// The rule.
    pub rule: String,
    /// What it decides now.
    pub answer: Answer,
    /// The tier that it should decide for; absent if no tier is the answer.
    pub tier: Option<Tier>,
    /// The evidence for it.
    pub evidence: Share,
    /// What was seen and what to do, in words.
    pub text: String,
    /// Lines for a policy file, if such lines would achieve it.
    pub policy: Option<String>,
}

/// Returns the change that the record of one rule supports, if any.
pub(super) fn propose(row: &Row) -> Option<Proposal> {
    let rule = row.rule.as_ref()?;
    match row.possibly_needless {
        Some(approved) => speaks(approved, APPROVED_ACCEPTED).then(|| ask_less(rule, row, approved)),
        None => another_tier(rule, row),
    }
}

fn speaks(share: Share, accepted: f64) -> bool {
    share.of >= RUNS_MIN && share.interval.low > accepted
}

fn ask_less(rule: &str, row: &Row, approved: Share) -> Proposal {
    let remedy = if rule.starts_with("classifier.") {
        "`pointsman policy learn` looks for words that tell which, and proposes a rule of your own"
    } else {
        "no policy lifts it: say so where pointsman is developed if these requests are harmless"
    };
    let text = format!(
        "{rule}: {} of {} questions were answered with yes at once; {}",
        approved.count, approved.of, remedy
    );
    Proposal { rule: rule.to_owned(), answer: row.answer, tier: None, evidence: approved, text, policy: None }
}

fn another_tier(rule: &str, row: &Row) -> Option<Proposal> {
    let tally = &row.tally;
    let weak = Share::new(tally.too_weak(), tally.tried());
    let strong = Share::new(tally.too_strong(), tally.tried());
    let (evidence, what, direction) = match (speaks(weak, WRONG_ACCEPTED), speaks(strong, WRONG_ACCEPTED)) {
        // Both at once mean that no single tier suits everything that the rule decides.
        (true, true) | (false, false) => return None,
        (true, false) => (weak, "ended on a stronger tier or were given to one", Direction::Up),
        (false, true) => (strong, "were given to a weaker tier by a person", Direction::Down),
    };
    let tier = where_it_went(row, direction)?;
    let (count, of) = (evidence.count, evidence.of);
    let seen = format!("{rule}: {count} of {of} that went to {} {what}, mostly {tier}", row.answer.as_str());
    let (text, policy) = if rule.starts_with("policy.") {
        (format!("{seen}; propose tier = {tier} for `{rule}` in your policy file"), None)
    } else if let Some(name) = rule.strip_prefix("rules.") {
        let because = format!("{count} of {of} that went to {} {what}", row.answer.as_str());
        let lines = [
            "[[rule]]".to_owned(),
            format!("id = \"{name}\""),
            format!("because = \"{because}\""),
            format!("words = [\"'put the words here'\"]  # those that `{rule}` looks for"),
            format!("tier = \"{tier}\""),
        ];
        (format!("{seen}; propose tier = {tier}: put this into your policy file"), Some(lines.join("\n")))
    } else {
        let text = format!(
            "{seen}; no single rule says so: `pointsman policy learn` looks for words that these requests have in common, \
             and proposes a rule of your own"
        );
        (text, None)
    };
    Some(Proposal { rule: rule.to_owned(), answer: row.answer, tier: Some(tier), evidence, text, policy })
}

/// Which way a rule's tier should move.
#[derive(Debug, Clone, Copy)]
enum Direction {
    Up,
    Down,
}

/// Returns the tier beyond the rule's own that received most of the work; on a tie, the nearer one.
fn where_it_went(row: &Row, direction: Direction) -> Option<Tier> {
    let own = Tier::parse(row.answer.as_str())?;
    let beyond = |tier: &Tier| match direction {
        Direction::Up => *tier > own,
        Direction::Down => *tier < own,
    };
    let distance = |tier: Tier| (tier as usize).abs_diff(own as usize);
    let by_count = |tier: &Tier| (row.tally.went_to[*tier as usize], std::cmp::Reverse(distance(*tier)));
    Tier::ALL.into_iter().filter(beyond).max_by_key(by_count)
}
