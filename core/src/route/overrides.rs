//! Overrides: what the user chose, by flags or by words. They never lift safety.

use crate::agent::{Catalog, Tier};
use crate::ids::AgentName;
use crate::policy::Policy;
use crate::request::{Request, Speaker};

use super::RouteError;
use super::rules::Found;
use super::signals::Signals;
use super::stream::Stream;
use super::trace::{NO_MATCH, OF_A_MODEL, SETTLED, Trace};
use crate::policy::layer::Layer;
use crate::text::segment;
use crate::text::tokens::Kind;

/// The user said so; the remaining doubt is that they may have chosen too weak a tier.
const CHOSEN_CONFIDENCE: f64 = 0.95;
/// Free words are interpreted by the router, so they are a little less certain than a flag.
const WORDS_CONFIDENCE: f64 = 0.9;

const AGENT: &str = "override.agent";
const TIER: &str = "override.tier";
const MARK: &str = "override.mark";
const WORDS: &str = "override.words";

/// How many words may stand between "use" and the tier.
const CHOOSE_REACH: usize = 3;

/// What the user chose.
pub(super) struct Choice {
    /// The tier.
    pub tier: Tier,
    /// The agent, if one was named.
    pub agent: Option<AgentName>,
    /// Why, for display.
    pub because: String,
    /// The confidence.
    pub confidence: f64,
}

impl Choice {
    /// Converts it to a finding of its layer.
    pub fn found(self) -> Found {
        let Choice { tier, because, confidence, agent: _ } = self;
        Found { layer: Layer::Override, tier, because, words: None, confidence }
    }
}

/// Checks flags, a mark at the start, and words, in this order; the first that is present wins.
pub(super) fn apply(
    request: &Request,
    catalog: &Catalog,
    policy: &Policy,
    signals: &Signals,
    judged: Tier,
    trace: &mut Trace,
) -> Result<Option<Choice>, RouteError> {
    let mut chosen: Option<Choice> = None;
    if let Some(name) = &request.overrides.agent {
        let agent = catalog
            .get(name)
            .ok_or_else(|| RouteError::UnknownAgent { agent: name.clone(), known: catalog.known_names() })?;
        let because = format!("you chose the agent `{name}`");
        trace.fired(AGENT, Layer::Override, &because, None);
        let agent_name = Some(name.clone());
        chosen = Some(Choice { tier: agent.tier, agent: agent_name, because, confidence: CHOSEN_CONFIDENCE });
    } else {
        trace.skipped(AGENT, Layer::Override, "the flag names an agent", || (NO_MATCH, None));
    }
    let found = [
        (TIER, request.overrides.tier, "the flag names a tier", CHOSEN_CONFIDENCE),
        (MARK, marked_tier(request.text()), "the text begins with a tier's mark", CHOSEN_CONFIDENCE),
        (WORDS, raised_tier(policy, signals, judged), "the words ask for a stronger tier", WORDS_CONFIDENCE),
    ];
    for (rule, tier, because, confidence) in found {
        if rule != TIER && request.speaker == Speaker::Model {
            trace.skipped(rule, Layer::Override, because, || (OF_A_MODEL, None));
            continue;
        }
        let Some(tier) = tier else {
            trace.skipped(rule, Layer::Override, because, || (NO_MATCH, None));
            continue;
        };
        if chosen.is_some() {
            trace.skipped(rule, Layer::Override, because, || (SETTLED, Some(tier.as_str())));
            continue;
        }
        trace.fired(rule, Layer::Override, because, Some(tier.as_str()));
        let because = format!("{because}: {tier}");
        chosen = Some(Choice { tier, agent: None, because, confidence });
    }
    Ok(chosen)
}

/// Returns the text after a mark: who does it says nothing about what is asked.
pub(super) fn without_mark(text: &str) -> &str {
    let trimmed = text.trim_start();
    match marked_tier(text) {
        Some(_) => trimmed.split_once(char::is_whitespace).map_or(text, |(_, rest)| rest),
        None => text,
    }
}

/// Returns the tier of a mark at the very start of a text: `@opus …`, `/opus …` or `[opus] …`.
pub fn marked_tier(text: &str) -> Option<Tier> {
    let text = text.trim_start();
    let word = text.split(char::is_whitespace).next()?;
    let word = word.strip_suffix([':', ',']).unwrap_or(word);
    let name = match word.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']')?,
        None => word.strip_prefix(['@', '/'])?,
    };
    Tier::parse(name)
}

/// Words that may follow the name of a tier. Before any other word it is part of another name: "the opus codec".
const AFTER_A_NAME: [&str; 28] = [
    "bitte",
    "agents",
    "subagent",
    "subagents",
    "not",
    "do",
    "for",
    "on",
    "to",
    "and",
    "please",
    "here",
    "this",
    "model",
    "agent",
    "tier",
    "instead",
    "because",
    "since",
    "with",
    "fur",
    "pour",
    "para",
    "per",
    "voor",
    "для",
    "dla",
    "icin",
];

/// Returns whether a tier's word is used as its name, and not as part of another one.
fn is_name(own: &Stream, at: usize) -> bool {
    let comes_from = at > 0 && own.word(at - 1) == "from";
    let follows = own
        .places()
        .get(at + 1)
        .is_none_or(|next| next.kind != Kind::Word || AFTER_A_NAME.contains(&own.word(at + 1)));
    !comes_from && follows
}

/// Returns the tier that a person names for a prompt, by a mark at its start or by their words ("use opus"): the strongest,
/// whether or not the router would take it.
pub fn named_tier(text: &str, policy: &Policy) -> Option<Tier> {
    /// Nobody names a tier further down: what is so long was pasted.
    const BYTES_MAX: usize = 16 << 10;
    let end = (0..=text.len().min(BYTES_MAX)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let segments = segment::segment(&text[..end]);
    marked_tier(text).or_else(|| tier_in_words(policy, &Signals::read(&segments, policy).instruction))
}

/// Finds the strongest tier that the user's words ask for, if it is above the one that would be taken without them.
fn raised_tier(policy: &Policy, signals: &Signals, judged: Tier) -> Option<Tier> {
    tier_in_words(policy, &signals.instruction).filter(|tier| *tier > judged)
}

fn tier_in_words(policy: &Policy, own: &Stream) -> Option<Tier> {
    let s = policy.grammar();
    // "Opus, please: …", "opus: …".
    let is_addressed = |at: usize| {
        let next = own.places().get(at + 1);
        let is_polite = |at: usize| ["please", "bitte"].contains(&own.word(at));
        at == 0 && next.is_some_and(|next| next.kind == Kind::Colon || is_polite(at + 1))
    };
    // "Let opus do it", "have opus look".
    let is_let = |at: usize| {
        let is_verb = |at: usize| ["let", "have"].contains(&own.word(at)) && own.is_order_start(at);
        at > 0 && is_verb(at - 1)
    };
    let asked = |tier: &Tier| {
        let list = s.tiers[*tier as usize];
        let chosen_near = |at: usize| {
            (at.saturating_sub(CHOOSE_REACH)..=at + CHOOSE_REACH)
                .any(|n| n < own.places().len() && own.has(s.choose, n) && !own.is_mention(n))
        };
        let is_chosen = |at: usize| is_addressed(at) || is_let(at) || (is_name(own, at) && chosen_near(at));
        let names_it = |at: usize| own.has(list, at) && !own.is_negated(at) && is_chosen(at);
        own.contains(list) && (0..own.places().len()).any(names_it)
    };
    Tier::ALL.into_iter().rev().find(asked)
}
