//! What runs cost: by day, week, tier, agent, project or session, beside what the same tokens would cost on one tier.
//!
//! Reported and estimated figures stay apart. Comparisons are estimates at list prices. Rehearsals cost nothing and are
//! left out.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::spent::Spent;
use crate::agent::Tier;
use crate::agent::prices::PriceTable;
use crate::ids::{AgentName, RunId, SessionId};
use crate::run::state::{Attempt, RunState};
use crate::usage::{Price, Tokens};

/// What one line of the report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CostBy {
    /// A day on which runs were requested, in the local time zone.
    Day,
    /// A week, from Monday, in the local time zone.
    Week,
    /// A tier.
    Tier,
    /// An agent.
    Agent,
    /// A project directory.
    Project,
    /// A session.
    Session,
}

/// The attempts of past runs, with what they used.
#[derive(Debug, Default)]
pub struct CostRecords {
    attempts: Vec<Used>,
    rehearsals: usize,
    unreadable: usize,
}

/// One attempt that ended.
#[derive(Debug)]
struct Used {
    run: RunId,
    requested_at: Timestamp,
    began_at: Timestamp,
    session: SessionId,
    project: String,
    agent: AgentName,
    tier: Tier,
    tokens: Tokens,
    spent: Spent,
}

/// What runs cost.
#[derive(Debug, PartialEq, Serialize)]
pub struct CostReport {
    /// What a line is about.
    pub by: CostBy,
    /// The lines: days and weeks in their order, everything else by cost, the highest first.
    pub groups: Vec<CostGroup>,
    /// All of them together.
    pub total: CostGroup,
    /// Changes of tier inside a session; `None` if there was none.
    pub tier_changes: Option<TierChanges>,
    /// The prices of the comparisons.
    pub prices: PriceTable,
    /// The time zone of days and weeks.
    pub time_zone: String,
    /// How many rehearsals were left out.
    pub rehearsals: usize,
    /// How many runs were left out because their log cannot be read.
    pub unreadable: usize,
}

/// One line.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CostGroup {
    /// The day, the tier, the agent and so on.
    pub name: String,
    /// How many runs.
    pub runs: usize,
    /// How many attempts that ended.
    pub attempts: usize,
    /// How many of them neither reported a cost nor used tokens that are known.
    pub attempts_without_cost: usize,
    /// What was spent, in US dollars.
    #[serde(flatten)]
    pub spent: Spent,
    /// Reported and estimated together; null if neither is known.
    pub usd: Option<f64>,
    /// The tokens.
    pub tokens: Tokens,
    /// An estimate: these tokens at list prices, in US dollars.
    pub at_list_prices: AtListPrices,
}

/// The same tokens at list prices, in US dollars. Estimates: another model would have used other tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct AtListPrices {
    /// On the tiers that did the work.
    pub as_routed_usd: f64,
    /// With everything on sonnet.
    pub on_sonnet_usd: f64,
    /// With everything on opus.
    pub on_opus_usd: f64,
}

/// What changing the tier inside a session cost: the prompt cache of one model is cold on another, so the context is
/// written anew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct TierChanges {
    /// How many attempts had another tier than the one before them in their session.
    pub count: usize,
    /// The tokens that they wrote to the cache.
    pub cache_write_tokens: u64,
    /// What writing them cost beyond reading them from a warm cache: an estimate at list prices, and the most it can
    /// be, for a part of them was new, and a cache that nobody uses for some minutes is cold anyway.
    pub usd_at_most: f64,
}

impl CostRecords {
    /// Adds a run.
    pub fn add(&mut self, id: &RunId, run: &RunState) {
        let (Some(requested), Some(requested_at)) = (&run.requested, run.requested_at) else { return };
        if requested.rehearsal {
            self.rehearsals += 1;
            return;
        }
        let used = |attempt: &Attempt| {
            let ended = attempt.ended.as_ref()?;
            Some(Used {
                run: id.clone(),
                requested_at,
                began_at: attempt.started_at,
                session: requested.session_id.clone(),
                project: requested.project_root.clone(),
                agent: attempt.started.agent.clone(),
                tier: attempt.started.tier,
                tokens: ended.tokens,
                spent: Spent::by_attempt(ended),
            })
        };
        self.attempts.extend(run.attempts.iter().filter_map(used));
    }

    /// Counts a run whose log cannot be read.
    pub fn add_unreadable(&mut self) {
        self.unreadable += 1;
    }

    /// Returns the report. `time_zone` is the name of the zone.
    pub fn report(&self, by: CostBy, zone: &TimeZone, time_zone: String, prices: &PriceTable) -> CostReport {
        let mut lines: BTreeMap<String, Tally> = BTreeMap::new();
        let mut total = Tally::default();
        for used in &self.attempts {
            lines.entry(used.name(by, zone)).or_default().add(used, prices);
            total.add(used, prices);
        }
        let mut groups: Vec<CostGroup> = lines.into_iter().map(|(name, tally)| tally.group(name)).collect();
        if !matches!(by, CostBy::Day | CostBy::Week) {
            groups.sort_by(|a, b| b.usd.unwrap_or(0.0).total_cmp(&a.usd.unwrap_or(0.0)));
        }
        CostReport {
            by,
            groups,
            total: total.group("total".to_owned()),
            tier_changes: self.tier_changes(prices),
            prices: prices.clone(),
            time_zone,
            rehearsals: self.rehearsals,
            unreadable: self.unreadable,
        }
    }

    fn tier_changes(&self, prices: &PriceTable) -> Option<TierChanges> {
        let mut in_order: Vec<&Used> = self.attempts.iter().collect();
        in_order.sort_by_key(|used| (&used.session, used.began_at));
        let mut changes = TierChanges::default();
        for pair in in_order.windows(2) {
            let (before, used) = (pair[0], pair[1]);
            if before.session == used.session && before.tier != used.tier {
                let written = used.tokens.cache_write;
                let price = prices.of(used.tier);
                let dearer = Price { cache_write: price.cache_write - price.cache_read, ..*price };
                changes.count += 1;
                changes.cache_write_tokens = changes.cache_write_tokens.saturating_add(written);
                changes.usd_at_most +=
                    dearer.of(Tokens { cache_write: written, ..Tokens::default() }).max(0.0);
            }
        }
        (changes.count > 0).then_some(changes)
    }
}

impl Used {
    /// Returns the name of the line that this belongs to.
    fn name(&self, by: CostBy, zone: &TimeZone) -> String {
        let day = || zone.to_datetime(self.requested_at).date();
        match by {
            CostBy::Day => day().to_string(),
            CostBy::Week => {
                let week = day().iso_week_date();
                format!("{}-W{:02}", week.year(), week.week())
            }
            CostBy::Tier => self.tier.to_string(),
            CostBy::Agent => self.agent.to_string(),
            CostBy::Project => self.project.clone(),
            CostBy::Session => self.session.to_string(),
        }
    }
}

/// What one line adds up to.
#[derive(Default)]
struct Tally<'a> {
    runs: BTreeSet<&'a RunId>,
    group: CostGroup,
}

impl<'a> Tally<'a> {
    fn add(&mut self, used: &'a Used, prices: &PriceTable) {
        self.runs.insert(&used.run);
        let group = &mut self.group;
        group.attempts += 1;
        group.attempts_without_cost += usize::from(used.spent.usd().is_none() && used.tokens.total() == 0);
        group.spent = group.spent + used.spent;
        group.tokens = group.tokens + used.tokens;
        let list = &mut group.at_list_prices;
        list.as_routed_usd += prices.of(used.tier).of(used.tokens);
        list.on_sonnet_usd += prices.sonnet.of(used.tokens);
        list.on_opus_usd += prices.opus.of(used.tokens);
    }

    fn group(self, name: String) -> CostGroup {
        CostGroup { name, runs: self.runs.len(), usd: self.group.spent.usd(), ..self.group }
    }
}

#[cfg(test)]
mod tests;
