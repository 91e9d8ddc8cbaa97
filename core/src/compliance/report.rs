//! The report: shares with their intervals, how much sessions were slowed down and lengthened, and the experiment.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Directive, DirectiveKind, DirectiveStatus};
use crate::feedback::row::Share;
use crate::hook::fact::{HookEvent, HookFact};
use crate::mode::Mode;

/// The whole report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ComplianceReport {
    /// How many facts were read.
    pub facts: usize,
    /// All directives, by scope.
    pub by_scope: Vec<Group>,
    /// Directives about prompts and about delegations, by mode.
    pub by_mode: Vec<Group>,
    /// By the agent that was named.
    pub by_agent: Vec<Group>,
    /// By project.
    pub by_project: Vec<Group>,
    /// By day, in the time zone.
    pub by_day: Vec<Group>,
    /// The time zone of the days: the machine's, as for the hours of a policy.
    pub time_zone: String,
    /// The sessions whose mode was assigned by the hash of their id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub experiment: Option<Experiment>,
    /// How long hooks worked, by event.
    pub latency: Vec<Latency>,
    /// How many hooks gave up at their deadline or were killed: they recorded nothing, and their time is not in `latency`.
    pub gave_up: usize,
    /// What directives added to the conversation.
    pub directive_tokens: DirectiveTokens,
    /// How often the user chose who does it, among all prompts that were routed.
    pub override_rate: Share,
}

/// A subset of the directives.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// What its directives are about.
    pub scope: DirectiveKind,
    /// What became of them.
    #[serde(flatten)]
    pub rates: Rates,
}

/// Counts and shares of a subset.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rates {
    /// How many directives.
    pub directives: usize,
    /// How many were followed.
    pub followed: usize,
    /// How many were ignored.
    pub ignored: usize,
    /// How many the user overrode.
    pub overridden: usize,
    /// How many were not applicable.
    pub not_applicable: usize,
    /// How many have an unknown status.
    pub unknown: usize,
    /// Followed, as a share of those that were followed or ignored.
    pub rate: Option<f64>,
    /// The interval that the rate probably lies in.
    pub range: Share,
    /// Unknown, as a share of those that were followed, ignored or unknown.
    pub unknown_share: Option<f64>,
}

/// The two arms of the experiment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Experiment {
    /// Sessions in directive mode, which were advised.
    pub directive: Arm,
    /// Sessions in enforced mode, whose subagents were held to the route.
    pub enforced: Arm,
    /// The enforced rate minus the directive rate.
    pub difference: Option<f64>,
    /// The interval that the difference probably lies in.
    pub difference_range: Option<[f64; 2]>,
}

/// One arm.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Arm {
    /// How many sessions.
    pub sessions: usize,
    /// What became of the directives about prompts.
    #[serde(flatten)]
    pub rates: Rates,
    /// The variance of the rate between sessions, which differ more than their prompts do.
    #[serde(skip)]
    variance: f64,
}

/// How long hooks took, by what they recorded, in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Latency {
    /// What they recorded.
    pub event: &'static str,
    /// How many.
    pub count: usize,
    /// The median time.
    pub p50_ms: f64,
    /// The 99th percentile.
    pub p99_ms: f64,
}

/// What directives added to the conversation, in estimated tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct DirectiveTokens {
    /// How many directives were given.
    pub told: usize,
    /// Their mean length.
    pub mean: f64,
    /// The length of the longest.
    pub max: u32,
}

/// How many standard deviations around the mean contain 95 % of a normal distribution.
const Z_95: f64 = 1.96;

impl Rates {
    fn of<'d>(directives: impl Iterator<Item = &'d Directive>) -> Rates {
        let mut counts = [0usize; DirectiveStatus::ALL.len()];
        directives.for_each(|directive| counts[directive.status as usize] += 1);
        let [followed, ignored, overridden, not_applicable, unknown] = counts;
        let share = |count: usize, of: usize| (of > 0).then(|| rounded(count as f64 / of as f64));
        Rates {
            directives: counts.iter().sum(),
            followed,
            ignored,
            overridden,
            not_applicable,
            unknown,
            rate: share(followed, followed + ignored),
            range: Share::new(followed, followed + ignored),
            unknown_share: share(unknown, followed + ignored + unknown),
        }
    }

    /// Returns the rate and its variance for Wald's formula, smoothed so that all-or-nothing has a width (Agresti and
    /// Caffo, 2000).
    fn smoothed(&self) -> (f64, f64) {
        let of = (self.followed + self.ignored + 2) as f64;
        let p = (self.followed + 1) as f64 / of;
        (p, p * (1.0 - p) / of)
    }
}

fn rounded(share: f64) -> f64 {
    (share * 1000.0).round() / 1000.0
}

/// What a report needs besides directives and facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surroundings {
    /// The name of the zone that the days are of.
    pub time_zone: String,
    /// How many hooks gave up.
    pub gave_up: usize,
}

/// Builds the report.
pub fn report(directives: &[Directive], facts: &[HookFact], around: Surroundings) -> ComplianceReport {
    let groups = |name: &dyn Fn(&Directive) -> Option<String>| groups(directives, name);
    let mode_name = |mode: Option<Mode>| mode.map_or("off", Mode::as_str).to_owned();
    let recommended =
        |directive: &&Directive| directive.scope == DirectiveKind::Prompt && directive.tier.is_some();
    let overridden = directives
        .iter()
        .filter(|one| one.scope == DirectiveKind::Prompt && one.status == DirectiveStatus::Overridden)
        .count();
    let left_out = directives
        .iter()
        .filter(|one| one.tier.is_none() && one.status == DirectiveStatus::Overridden)
        .count();
    let routed = directives.iter().filter(recommended).count() + left_out;
    ComplianceReport {
        facts: facts.len(),
        by_scope: groups(&|_| Some("all".to_owned())),
        by_mode: groups(&|one| Some(mode_name(one.mode))),
        by_agent: groups(&|one| one.agent.clone()),
        by_project: groups(&|one| Some(one.project_root.clone())),
        by_day: groups(&|one| Some(one.day.clone())),
        time_zone: around.time_zone,
        experiment: experiment(directives),
        latency: latency(facts),
        gave_up: around.gave_up,
        directive_tokens: directive_tokens(facts),
        override_rate: Share::new(overridden, routed),
    }
}

fn groups(directives: &[Directive], name: &dyn Fn(&Directive) -> Option<String>) -> Vec<Group> {
    let mut parts: BTreeMap<(DirectiveKind, String), Vec<&Directive>> = BTreeMap::new();
    for one in directives {
        if let Some(name) = name(one) {
            parts.entry((one.scope, name)).or_default().push(one);
        }
    }
    let group = |((scope, name), part): ((DirectiveKind, String), Vec<&Directive>)| Group {
        name,
        scope,
        rates: Rates::of(part.into_iter()),
    };
    parts.into_iter().map(group).collect()
}

fn experiment(directives: &[Directive]) -> Option<Experiment> {
    let arm = |mode: Mode| {
        // A directive that asks the user is given in one arm and withheld in the other: it cannot be compared.
        let is_of = |one: &&Directive| {
            one.is_experiment && one.mode == Some(mode) && one.scope == DirectiveKind::Prompt && !one.asks
        };
        let part: Vec<&Directive> = directives.iter().filter(is_of).collect();
        let mut sessions: Vec<&str> = part.iter().map(|one| one.session.as_str()).collect();
        sessions.sort_unstable();
        sessions.dedup();
        let variance = variance_by_session(&part);
        Arm { sessions: sessions.len(), rates: Rates::of(part.into_iter()), variance }
    };
    let (directive, enforced) = (arm(Mode::Directive), arm(Mode::Enforced));
    if directive.sessions + enforced.sessions == 0 {
        return None;
    }
    let difference = enforced.rates.rate.zip(directive.rates.rate).map(|(one, other)| rounded(one - other));
    let difference_range = difference.map(|_| {
        let ((one, one_var), (other, other_var)) = (enforced.rates.smoothed(), directive.rates.smoothed());
        let half = Z_95 * (one_var.max(enforced.variance) + other_var.max(directive.variance)).sqrt();
        [rounded((one - other - half).max(-1.0)), rounded((one - other + half).min(1.0))]
    });
    Some(Experiment { directive, enforced, difference, difference_range })
}

/// Returns the variance of a rate whose prompts are clustered in sessions: that of a ratio of sums over clusters
/// (Cochran, Sampling Techniques, 6.3).
fn variance_by_session(part: &[&Directive]) -> f64 {
    let mut sessions: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for one in part {
        let (followed, of) = sessions.entry(&one.session).or_default();
        *followed += f64::from(u8::from(one.status == DirectiveStatus::Followed));
        *of +=
            f64::from(u8::from(matches!(one.status, DirectiveStatus::Followed | DirectiveStatus::Ignored)));
    }
    let (followed, of) = sessions.values().fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    let count = sessions.values().filter(|(_, of)| *of > 0.0).count() as f64;
    if count < 2.0 {
        return 0.0;
    }
    let rate = followed / of;
    let squares: f64 = sessions.values().map(|(followed, of)| (followed - rate * of).powi(2)).sum();
    squares / (of * of) * count / (count - 1.0)
}

fn latency(facts: &[HookFact]) -> Vec<Latency> {
    let mut by_event: BTreeMap<&'static str, Vec<u64>> = BTreeMap::new();
    facts.iter().for_each(|fact| by_event.entry(fact.what.kind()).or_default().push(fact.hook_us));
    let of_event = |(event, mut times): (&'static str, Vec<u64>)| {
        times.sort_unstable();
        let at = |share: f64| times[((times.len() as f64 * share).ceil() as usize).clamp(1, times.len()) - 1];
        let ms = |micros: u64| micros as f64 / 1000.0;
        Latency { event, count: times.len(), p50_ms: ms(at(0.5)), p99_ms: ms(at(0.99)) }
    };
    by_event.into_iter().map(of_event).collect()
}

fn directive_tokens(facts: &[HookFact]) -> DirectiveTokens {
    let told: Vec<u32> = facts
        .iter()
        .filter_map(|fact| match &fact.what {
            HookEvent::RoutingRecommendation(one) if one.directive_tokens > 0 => Some(one.directive_tokens),
            _ => None,
        })
        .collect();
    let mean = f64::from(told.iter().sum::<u32>()) / told.len().max(1) as f64;
    DirectiveTokens { told: told.len(), mean: rounded(mean), max: told.iter().copied().max().unwrap_or(0) }
}
