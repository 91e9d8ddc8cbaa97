//! What a cheaper tier costs inside a session: the prompt cache of its model is cold.
//!
//! A model reads what was said before from its own cache, at a tenth of the price of input. Another model has none of it:
//! the whole context is written anew, at a quarter more than input. For little work that costs more than the cheaper
//! model saves.

use crate::agent::{Catalog, Tier};
use crate::conversation::Session;
use crate::usage::Price;

use super::Complexity;

/// Its line in an explanation.
pub(super) const WARM_CACHE: &str = "default.warm-cache";

/// About how many calls of a model a request takes, and how many tokens it writes. They are estimates: our own, of what
/// short and long requests to a coding agent take.
fn work(complexity: Complexity) -> (f64, f64) {
    match complexity {
        Complexity::Simple => (3.0, 1_000.0),
        Complexity::Moderate => (8.0, 4_000.0),
        Complexity::Complex => (20.0, 12_000.0),
    }
}

/// What staying saves, in US dollars, about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stay {
    /// The tier that has the session.
    pub tier: Tier,
    /// How many tokens the session holds.
    pub context_tokens: u64,
    /// What staying saves.
    pub saved_usd: f64,
}

/// Returns whether the tier that has a session should keep it, although `tier` would do: never for a stronger one, which
/// is asked for what it can.
pub(super) fn stay(session: &Session, tier: Tier, complexity: Complexity, catalog: &Catalog) -> Option<Stay> {
    let (last, context_tokens) = (session.last_tier?, session.warm_tokens?);
    if tier >= last {
        return None;
    }
    let price = |tier: Tier| catalog.for_tier(tier).price_to_count_by();
    let (calls, output) = work(complexity);
    let context = context_tokens as f64;
    let on_last = usd(&price(last), 0.0, context * calls, output);
    let on_other = usd(&price(tier), context, context * (calls - 1.0), output);
    let saved_usd = on_other - on_last;
    (saved_usd > 0.0).then_some(Stay { tier: last, context_tokens, saved_usd })
}

fn usd(price: &Price, written: f64, read: f64, output: f64) -> f64 {
    (price.cache_write * written + price.cache_read * read + price.output * output) / 1e6
}

impl Stay {
    /// Returns the reason in words.
    pub fn because(&self, tier: Tier) -> String {
        let thousands = self.context_tokens.div_ceil(1000);
        format!(
            "{tier} would do, but it would have to read the session's {thousands}k tokens anew: staying on {} is cheaper",
            self.tier
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::{Context, Proposal};
    use crate::fixture;
    use crate::policy::Policy;
    use crate::request::{Origin, Overrides, Request};
    use crate::route::{self, Route};

    fn stays(last: Tier, tier: Tier, warm_tokens: Option<u64>, complexity: Complexity) -> bool {
        let session = Session { last_tier: Some(last), warm_tokens, proposal: Proposal::None };
        stay(&session, tier, complexity, &fixture::catalog(vec![])).is_some()
    }

    fn routed(warm_tokens: Option<u64>, flag: Option<Tier>) -> Route {
        let words = "rename foo to bar in lib.rs".to_owned();
        let overrides = Overrides { tier: flag, agent: None };
        let mut request = Request::new(words, Origin::Cli, overrides).unwrap();
        request.context =
            Context::after(Some(Tier::Sonnet), "The parser is fixed.").with_warm_tokens(warm_tokens);
        route::route(&request, &fixture::catalog(vec![]), &Policy::builtin()).unwrap()
    }

    #[test]
    fn the_route_says_why_a_session_stays_and_a_flag_moves_it_all_the_same() {
        let stays = routed(Some(60_000), None);
        assert_eq!(stays.tier, Tier::Sonnet);
        let reason = "haiku would do, but it would have to read the session's 60k tokens anew";
        assert!(stays.reason.starts_with(reason), "{}", stays.reason);
        assert!(stays.rules.contains(&WARM_CACHE.to_owned()), "{:?}", stays.rules);
        assert_eq!(routed(None, None).tier, Tier::Haiku);
        assert_eq!(routed(Some(60_000), Some(Tier::Haiku)).tier, Tier::Haiku);
    }

    /// By the list prices: haiku 1 and 5 dollars a million tokens, sonnet 3 and 15, opus 5 and 25.
    #[test]
    fn a_large_session_stays_for_little_work_and_a_small_one_moves() {
        use Complexity::{Complex, Simple};
        use Tier::{Haiku, Opus, Sonnet};
        for (last, tier, tokens, complexity, want) in [
            (Sonnet, Haiku, Some(60_000), Simple, true),
            (Sonnet, Haiku, Some(5_000), Simple, false),
            (Opus, Sonnet, Some(60_000), Simple, true),
            // Much work: the cheaper model pays for its start.
            (Sonnet, Haiku, Some(60_000), Complex, false),
            // A cold cache is cold for both.
            (Sonnet, Haiku, None, Simple, false),
            (Haiku, Sonnet, Some(60_000), Simple, false),
            (Sonnet, Sonnet, Some(60_000), Simple, false),
        ] {
            assert_eq!(
                stays(last, tier, tokens, complexity),
                want,
                "{last} {tier} {tokens:?} {complexity:?}"
            );
        }
    }
}
