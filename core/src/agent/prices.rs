//! What tokens cost on each tier: a table with a version, which settings may change.

use serde::Serialize;

use super::Tier;
use crate::usage::Price;

/// List prices of all tiers, as they were at one time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PriceTable {
    /// The day that the prices are of, or any other name for them.
    pub version: String,
    /// Prices of the haiku tier.
    pub haiku: Price,
    /// Prices of the sonnet tier.
    pub sonnet: Price,
    /// Prices of the opus tier.
    pub opus: Price,
}

impl PriceTable {
    /// Returns the table that is compiled in.
    pub fn builtin() -> PriceTable {
        PriceTable {
            // The day from which the newest of these prices holds.
            version: "2025-11-24".to_owned(),
            haiku: Price::list(Tier::Haiku),
            sonnet: Price::list(Tier::Sonnet),
            opus: Price::list(Tier::Opus),
        }
    }

    /// Returns the prices of a tier.
    pub fn of(&self, tier: Tier) -> &Price {
        match tier {
            Tier::Haiku => &self.haiku,
            Tier::Sonnet => &self.sonnet,
            Tier::Opus => &self.opus,
        }
    }

    /// Returns whether these are the prices that are compiled in, whatever the version says.
    pub fn has_builtin_prices(&self) -> bool {
        let builtin = PriceTable::builtin();
        Tier::ALL.into_iter().all(|tier| self.of(tier) == builtin.of(tier))
    }
}
