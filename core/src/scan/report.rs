//! The figures of a scan, and the estimate of what following the routes would have cost.
//!
//! Costs are computed from sums of tokens and never added up one by one: sums of floating-point numbers depend on their
//! order.

use serde::Serialize;

use super::counts::{Answer, Counts, Sent, Spender, Subagent};
use super::model_name;
use crate::agent::Tier;
use crate::usage::{Price, Tokens};

/// What the estimate assumes, in one sentence.
pub const ASSUMPTION: &str = "the same tokens at the routed tier's price for what answers a prompt; subagents, and what \
                              was not routed, as they were; lost caches not counted";

/// Whose prices are used.
pub const PRICES: &str =
    "API list prices of Claude Haiku 4.5, Sonnet 4.5, Opus 4.5; not what a subscription pays";

/// What transcripts show.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScanReport {
    /// How many sessions were used.
    pub sessions: u64,
    /// Their subagents.
    pub subagents: Subagents,
    /// What models answered, by tier: haiku, sonnet, opus, other.
    pub served: [Served; 4],
    /// Where the person's prompts would have gone.
    pub prompts: Prompts,
    /// What following the routes would have cost.
    pub estimate: Estimate,
    /// Lines that are no record, such as torn ones.
    pub unreadable_lines: u64,
}

/// Subagents, by whether the model that answered is the one that was asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Subagents {
    /// All of them.
    pub total: u64,
    /// Those for which a model was named and that answered.
    pub named: u64,
    /// Of them, those that another model served, if only once.
    pub served_by_another: u64,
    /// Those whose call named none: what the definition of the agent says is not in a transcript.
    pub named_none: u64,
    /// Those whose call was not found, or that have no answer.
    pub unknown: u64,
}

/// What the models of one tier answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Served {
    /// The tier; none for models of other families.
    pub tier: Option<Tier>,
    /// How many answers.
    pub answers: u64,
    /// Their tokens.
    pub tokens: Tokens,
    /// Their share of all tokens, 0 to 1.
    pub token_share: Option<f64>,
    /// What they cost about, in US dollars; none without a price.
    pub usd: Option<f64>,
    /// Their share of all that has a price.
    pub usd_share: Option<f64>,
}

/// Where prompts would have gone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Prompts {
    /// To haiku.
    pub haiku: u64,
    /// To sonnet.
    pub sonnet: u64,
    /// To opus.
    pub opus: u64,
    /// To a person, who is asked first.
    pub asked: u64,
    /// Answers such as "yes", which go on with the route before them.
    pub answers: u64,
    /// Commands, and images without a word.
    pub commands: u64,
    /// Prompts that a program handed in.
    pub by_programs: u64,
}

impl Prompts {
    /// Returns how many were routed.
    pub fn routed(&self) -> u64 {
        self.haiku + self.sonnet + self.opus + self.asked
    }
}

/// An estimate at list prices, in US dollars.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Estimate {
    /// What everything with a price cost.
    pub usd_as_it_was: f64,
    /// What it would have cost with the routes followed.
    pub usd_by_routes: f64,
    /// The difference as a share of the first, negative if the routes cost less.
    pub change: Option<f64>,
    /// Tokens that would have gone to a weaker tier.
    pub tokens_to_weaker: u64,
    /// Tokens that would have gone to a stronger tier.
    pub tokens_to_stronger: u64,
    /// Tokens of models that have no price here; they are left out of both sums.
    pub tokens_without_price: u64,
    /// What is assumed.
    pub assumption: &'static str,
    /// Whose prices are used.
    pub prices: &'static str,
}

impl Counts {
    /// Returns the figures.
    pub fn report(&self) -> ScanReport {
        let spent = Spent::of(self.answers.values());
        ScanReport {
            sessions: self.sessions.len() as u64,
            subagents: self.of_subagents(),
            served: spent.served(),
            prompts: self.of_prompts(),
            estimate: spent.estimate(),
            unreadable_lines: self.unreadable_lines,
        }
    }

    fn of_prompts(&self) -> Prompts {
        let mut prompts = Prompts::default();
        for sent in self.prompts.values() {
            *match sent {
                Sent::ByProgram => &mut prompts.by_programs,
                Sent::Nowhere => &mut prompts.commands,
                Sent::AsAnswer => &mut prompts.answers,
                Sent::ToTier(Tier::Haiku) => &mut prompts.haiku,
                Sent::ToTier(Tier::Sonnet) => &mut prompts.sonnet,
                Sent::ToTier(Tier::Opus) => &mut prompts.opus,
                Sent::ToPerson => &mut prompts.asked,
            } += 1;
        }
        prompts
    }

    fn of_subagents(&self) -> Subagents {
        let mut all = Subagents::default();
        for subagent in self.subagents.values() {
            all.total += 1;
            match self.asked(subagent) {
                Some(Some(asked)) if !subagent.served.is_empty() => {
                    all.named += 1;
                    let is_another = |served: &String| !model_name::is_as_asked(served, asked);
                    all.served_by_another += u64::from(subagent.served.iter().any(is_another));
                }
                Some(None) => all.named_none += 1,
                Some(Some(_)) | None => all.unknown += 1,
            }
        }
        all
    }

    /// Returns the model that a subagent was asked for, if its call names one; `None` if the call is not known.
    fn asked(&self, subagent: &Subagent) -> Option<Option<&str>> {
        let call = |key: Option<_>| self.calls.get(&key?);
        let found = call(subagent.call).or_else(|| call(subagent.call_by_words))?;
        Some(found.as_deref())
    }
}

/// Tokens by the tier that served them, and by the tier that they would have gone to; the last place of each is for
/// none.
#[derive(Default)]
struct Spent {
    tokens: [[Tokens; 4]; 4],
    answers: [u64; 4],
}

/// The tiers in the order of the report.
const PLACES: [Option<Tier>; 4] = [Some(Tier::Haiku), Some(Tier::Sonnet), Some(Tier::Opus), None];

fn place(tier: Option<Tier>) -> usize {
    tier.map_or(3, |tier| tier as usize)
}

impl Spent {
    fn of<'a>(answers: impl Iterator<Item = &'a Answer>) -> Spent {
        let mut spent = Spent::default();
        for answer in answers {
            let routed = match answer.spender {
                Spender::Subagent => None,
                Spender::Main(tier) => tier,
            };
            let tokens = &mut spent.tokens[place(answer.tier)][place(routed)];
            *tokens = *tokens + answer.tokens;
            spent.answers[place(answer.tier)] += 1;
        }
        spent
    }

    fn of_tier(&self, tier: Option<Tier>) -> Tokens {
        self.tokens[place(tier)].iter().fold(Tokens::default(), |sum, tokens| sum + *tokens)
    }

    fn served(&self) -> [Served; 4] {
        let all = PLACES.map(|tier| self.of_tier(tier).total() as f64).iter().sum::<f64>();
        let usd = |tier: Tier| Price::list(tier).of(self.of_tier(Some(tier)));
        let all_usd: f64 = Tier::ALL.into_iter().map(usd).sum();
        PLACES.map(|tier| {
            let tokens = self.of_tier(tier);
            Served {
                tier,
                answers: self.answers[place(tier)],
                tokens,
                token_share: share(tokens.total() as f64, all),
                usd: tier.map(usd),
                usd_share: tier.and_then(|tier| share(usd(tier), all_usd)),
            }
        })
    }

    fn estimate(&self) -> Estimate {
        let (mut usd_as_it_was, mut usd_by_routes) = (0.0, 0.0);
        let (mut weaker, mut stronger) = (0_u64, 0_u64);
        for served in Tier::ALL {
            for routed in PLACES {
                let tokens = self.tokens[place(Some(served))][place(routed)];
                let goes_to = routed.unwrap_or(served);
                usd_as_it_was += Price::list(served).of(tokens);
                usd_by_routes += Price::list(goes_to).of(tokens);
                match goes_to.cmp(&served) {
                    std::cmp::Ordering::Less => weaker = weaker.saturating_add(tokens.total()),
                    std::cmp::Ordering::Equal => {}
                    std::cmp::Ordering::Greater => stronger = stronger.saturating_add(tokens.total()),
                }
            }
        }
        Estimate {
            usd_as_it_was,
            usd_by_routes,
            change: share(usd_by_routes - usd_as_it_was, usd_as_it_was),
            tokens_to_weaker: weaker,
            tokens_to_stronger: stronger,
            tokens_without_price: self.of_tier(None).total(),
            assumption: ASSUMPTION,
            prices: PRICES,
        }
    }
}

/// Returns a part as a share; `None` of nothing.
fn share(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}
