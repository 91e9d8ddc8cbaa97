//! Signals: the facts about a request that the layers decide on.

use std::cell::OnceCell;

use crate::agent::Tier;
use crate::policy::Policy;
use crate::policy::lexicon::Grammar;

use super::stream::{Bits, Stream, get};
use super::{Complexity, Decision, Timing};
use crate::text::client::Artefact;
use crate::text::segment::{self, Segments};
use crate::text::tokens::Kind;

/// Shorter words carry no content of their own.
const CONTENT_CHARS_MIN: usize = 3;

/// From this many orders on, a request has several phases and needs a plan.
const ORDERS_COMPLEX: usize = 4;
/// Above this many of the user's own words, a request is a specification and needs a plan.
const WORDS_COMPLEX: usize = 120;
/// Up to this many of the user's own words, a request with one or two orders is one step.
const WORDS_SIMPLE: usize = 12;

/// What templates leave behind if somebody forgot to fill them in.
const PLACEHOLDERS: [&str; 8] =
    ["<TODO", "<todo", "[TODO", "[todo", "<INSERT", "<insert ", "<your ", "<placeholder"];

/// The facts about a request.
pub(crate) struct Signals<'a> {
    /// The user's own words.
    pub instruction: Stream<'a>,
    /// The middle of very long own words, in pieces that nothing but danger is looked for in.
    pub middle: &'a [String],
    /// What was quoted or pasted.
    pub quoted: Material<'a>,
    /// The number of the user's own words (ideographs count as half).
    pub word_count: usize,
    /// How many words carry content: neither generic nor a reference to something that was not mentioned.
    pub content_count: usize,
    /// Whether the words name something: a path, an identifier, a number, a quotation.
    pub has_referent: bool,
    /// Whether the request refers to something that was not mentioned.
    pub is_dangling: bool,
    /// Whether a placeholder (`<TODO>`) was left in the words.
    pub has_placeholder: bool,
    /// Whether the request is a question.
    pub is_question: bool,
    /// How many bytes of whole lines were pasted.
    pub pasted_bytes: usize,
    /// How many orders the request gives.
    pub order_count: usize,
    /// Whether the words begin with a yes or a no, and say nothing else.
    pub is_answer_alone: bool,
    /// Whether the words are a quotation or pasted, because there are no others.
    pub is_quotation: bool,
    /// What there is instead of words.
    pub artefact: Option<Artefact>,
    is_planning: bool,
    is_together: bool,
}

/// What was quoted or pasted. Most decisions do not need to look at it.
pub(crate) struct Material<'a> {
    text: &'a str,
    policy: &'a Policy,
    stream: OnceCell<Stream<'a>>,
}

impl<'a> Material<'a> {
    /// Returns it as a stream, which is made when it is first asked for.
    pub fn stream(&self) -> &Stream<'a> {
        self.stream.get_or_init(|| Stream::new(self.text, self.policy.lexicon(), self.policy.grammar()))
    }
}

impl<'a> Signals<'a> {
    /// Extracts the facts.
    pub fn read(segments: &'a Segments, policy: &'a Policy) -> Signals<'a> {
        let s = policy.grammar();
        let own = Stream::new(&segments.instruction, policy.lexicon(), s);
        let mut word_count = 0;
        let mut ideograph_count = 0;
        let mut content_count = 0;
        let mut has_referent = false;
        let mut order_count = 0;
        let empty = empty_words(&own, s);
        for (at, place) in own.places().iter().enumerate() {
            match place.kind {
                Kind::Path | Kind::Ident | Kind::Number | Kind::Flag | Kind::Quote => has_referent = true,
                Kind::Word | Kind::Ideograph => {}
                Kind::End | Kind::Question | Kind::Comma | Kind::Colon => continue,
            }
            if place.kind == Kind::Ideograph {
                ideograph_count += 1;
            } else {
                word_count += 1;
            }
            if !get(&empty, at) {
                content_count += 1;
            }
            if at == 0 || (own.is_order_start(at) && !own.has(s.lead_in, at)) {
                order_count += 1;
            }
        }
        word_count += usize::div_ceil(ideograph_count, 2);
        let is_question = asks(&own, s);
        Signals {
            word_count,
            content_count,
            has_referent,
            is_dangling: own.contains(s.dangling),
            has_placeholder: has_placeholder(&segments.instruction),
            is_question,
            pasted_bytes: segments.pasted_bytes,
            order_count,
            is_answer_alone: content_count == 0 && (own.contains(s.assent) || own.contains(s.refusal)),
            artefact: segments.artefact,
            is_quotation: segments.is_quotation,
            is_planning: own.contains(s.planning),
            is_together: own.contains(s.together),
            instruction: own,
            middle: &segments.middle,
            quoted: Material { text: &segments.quoted, policy, stream: OnceCell::new() },
        }
    }

    /// Returns how much planning the request needs if this tier does it.
    ///
    /// Complex: the strongest tier, four orders or more, a word such as "plan" or "in phases", or more than 120 words
    /// of the user's own. Simple: the weakest tier, or one or two orders in at most 12 words of the user's own.
    /// Moderate: the rest.
    pub fn complexity(&self, tier: Tier) -> Complexity {
        let complex = tier == Tier::Opus
            || self.is_planning
            || self.order_count >= ORDERS_COMPLEX
            || self.word_count > WORDS_COMPLEX;
        let simple = tier == Tier::Haiku || (self.order_count <= 2 && self.word_count <= WORDS_SIMPLE);
        match (tier, complex, simple) {
            (Tier::Haiku, _, _) => Complexity::Simple,
            (Tier::Sonnet | Tier::Opus, true, _) => Complexity::Complex,
            (Tier::Sonnet | Tier::Opus, false, true) => Complexity::Simple,
            (Tier::Sonnet | Tier::Opus, false, false) => Complexity::Moderate,
        }
    }

    /// Returns whether the user should be present: because they must approve, or asked to be involved.
    pub fn timing(&self, decision: Decision) -> Timing {
        match decision {
            Decision::Escalate => Timing::NeedsPerson,
            Decision::Direct if self.is_together => Timing::NeedsPerson,
            Decision::Direct => Timing::Unattended,
        }
    }
}

/// Returns the words of a text that carry content, folded, in order: those that stand side by side together.
pub fn content_words(text: &str, policy: &Policy) -> Vec<Vec<String>> {
    let segments = segment::segment(text);
    let own = Signals::read(&segments, policy).instruction;
    let empty = empty_words(&own, policy.grammar());
    let carries = |at: usize| {
        let word = own.word(at);
        own.places()[at].kind == Kind::Word
            && word.chars().count() >= CONTENT_CHARS_MIN
            && word.chars().all(char::is_alphanumeric)
            && !get(&empty, at)
    };
    let places: Vec<usize> = (0..own.places().len()).collect();
    let groups =
        places.chunk_by(|one, next| carries(*one) == carries(*next)).filter(|group| carries(group[0]));
    groups.map(|group| group.iter().map(|at| own.word(*at).to_owned()).collect()).collect()
}

/// Returns the positions of words without content of their own.
fn empty_words(own: &Stream, s: &Grammar) -> Bits {
    let [haiku, sonnet, opus] = s.tiers;
    own.any_of(&[
        s.generic, s.dangling, s.assent, s.refusal, s.thanks, s.lead_in, s.article, s.contrast, s.negation,
        s.spec, s.together, s.choose, haiku, sonnet, opus,
    ])
}

fn has_placeholder(words: &str) -> bool {
    words.contains(['<', '[']) && PLACEHOLDERS.iter().any(|mark| words.contains(mark))
}

/// Returns whether the request is a question: by the beginning of its first sentence, its end, or a word that always
/// asks.
fn asks(own: &Stream, s: &Grammar) -> bool {
    let mut first_words = own.places().iter().enumerate().filter(|(_, p)| p.kind.is_word()).map(|(n, _)| n);
    let begins = first_words.next().is_some_and(|at| own.has(s.ask, at) && !own.is_mention(at));
    let ends = own.places().iter().rfind(|p| p.kind != Kind::End).is_some_and(|p| p.kind == Kind::Question);
    begins || ends || own.contains(s.ask_anywhere)
}
