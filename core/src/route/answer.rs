//! Answers: what a person's words are in a session that goes on, and what a yes stands for.
//!
//! "ok do it" orders what the agent proposed, and is as dangerous as that. Words that say nothing by themselves are answers
//! by their form, in every language; only words of consent and refusal need lists.

use serde::{Deserialize, Serialize};

use crate::agent::Tier;
use crate::conversation::{self, Context, Proposal, Session};
use crate::model::{Class, PerClass};
use crate::policy::Policy;
use crate::policy::layer::Layer;
use crate::text::segment;

use super::classifier;
use super::rules::{self, Found};
use super::safety::{self, Clarity};
use super::signals::Signals;
use super::stream::Reading;
use super::trace::Trace;

/// Up to this many words are an answer, whatever they are: "both", "src/lexer.rs".
const WORDS_ALWAYS: usize = 2;

/// Up to this many words are an answer if they say nothing by themselves, or begin with a yes or a no.
const WORDS_MAX: usize = 6;

/// From this share on the classifier holds that words say nothing by themselves.
const UNCLEAR_FROM: f64 = 0.3;

/// From this share on a few words are dangerous in themselves, and not by what they agree to.
const OWN_DANGER_FROM: f64 = 0.5;

/// How many words at the beginning are searched for a yes or a no: "well, great, yes".
const BEGINNING: usize = 3;

/// What words are in a session that goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// A yes to what the agent proposed.
    Yes,
    /// A yes that goes on with words of its own: "yes, and then add tests for it".
    YesAnd,
    /// Any other answer: a no, a question back, thanks, words that say nothing by themselves.
    Other,
}

/// An answer, and what follows from it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answered<'c> {
    /// What the words are.
    pub answer: Answer,
    /// What was agreed to, if its words are known.
    pub agreed: Option<&'c str>,
    /// Whether the words have any content of their own.
    pub clarity: Clarity,
    /// The tier that had the session.
    pub last_tier: Option<Tier>,
}

/// Reads the words of a session as an answer; `None` if they are a request of their own.
pub(super) fn read<'c>(
    context: &'c Context,
    signals: &Signals,
    policy: &Policy,
    p: &PerClass,
) -> Option<Answered<'c>> {
    let session = context.session()?;
    let last_tier = session.last_tier;
    let own = &signals.instruction;
    let s = policy.grammar();
    let words: Vec<usize> = (0..own.places().len()).filter(|at| own.places()[*at].kind.is_word()).collect();
    let begins_with = |list| words.iter().take(BEGINNING).position(|at| own.has(list, *at));
    let (yes, no) = (begins_with(s.assent), begins_with(s.refusal));
    let clarity = safety::clarity(signals);
    let says_nothing = clarity == Clarity::Unclear || p[Class::Underspecified as usize] >= UNCLEAR_FROM;
    let few = signals.word_count <= WORDS_MAX;
    let picked = if few && !signals.is_question { pick(session, signals) } else { None };
    let is_short = signals.word_count <= WORDS_ALWAYS
        || (few && (says_nothing || yes.is_some() || no.is_some() || picked.is_some()));
    let asks_back = signals.is_question && is_short;
    let says_yes = !asks_back && yes.is_some_and(|yes| no.is_none_or(|no| yes < no));
    if picked.is_some() || says_yes {
        let agreed = picked.or_else(|| proposed(session));
        let answer = if is_short { Answer::Yes } else { Answer::YesAnd };
        return Some(Answered { answer, agreed, clarity, last_tier });
    }
    is_short.then_some(Answered { answer: Answer::Other, agreed: None, clarity, last_tier })
}

fn proposed(session: &Session) -> Option<&str> {
    match &session.proposal {
        Proposal::Words(words) => Some(words),
        Proposal::None | Proposal::Open => None,
    }
}

/// Words for the first, second and third option, folded.
const ORDINALS: [&[&str]; 3] = [
    &[
        "first",
        "erste",
        "ersten",
        "erstes",
        "premier",
        "premiere",
        "primero",
        "primera",
        "primeiro",
        "primeira",
        "primo",
        "prima",
        "первый",
        "первое",
        "первая",
        "pierwszy",
        "pierwsza",
        "ilk",
        "birinci",
        "eerste",
        "一",
        "첫번째",
    ],
    &[
        "second",
        "zweite",
        "zweiten",
        "zweites",
        "deuxieme",
        "segundo",
        "segunda",
        "secondo",
        "seconda",
        "второй",
        "второе",
        "вторая",
        "drugi",
        "druga",
        "ikinci",
        "tweede",
        "二",
        "두번째",
    ],
    &[
        "third",
        "dritte",
        "dritten",
        "drittes",
        "troisieme",
        "tercero",
        "tercera",
        "terceiro",
        "terceira",
        "terzo",
        "terza",
        "третий",
        "третье",
        "третья",
        "trzeci",
        "ucuncu",
        "derde",
        "三",
        "세번째",
    ],
];

/// Returns the option that the words name: "option 2", "the second one", "b".
fn pick<'c>(session: &'c Session, signals: &Signals) -> Option<&'c str> {
    let words = proposed(session)?;
    let own = &signals.instruction;
    let number = |at: usize| {
        let word = own.word(at);
        let digits = word.trim_end_matches(|c: char| !c.is_ascii_digit());
        let letter = word.bytes().next().filter(|_| word.len() == 1 && signals.word_count <= WORDS_ALWAYS);
        let ordinal = || ORDINALS.iter().position(|words| words.contains(&word)).map(|at| at + 1);
        let lettered = || letter.map(|letter| usize::from(letter.wrapping_sub(b'a')) + 1);
        digits.parse().ok().or_else(ordinal).or_else(lettered)
    };
    (0..own.places().len()).filter_map(number).find_map(|number| Proposal::option(words, number))
}

/// How the reason begins of a question about a proposal.
pub(super) const AGREES: &str = "it agrees to what the agent proposed, and ";

/// What a yes orders.
pub(super) struct Agreed {
    answer: Answer,
    /// What is dangerous about it, by a safety rule.
    pub danger: Option<Found>,
    /// The classifier's probability of each class.
    pub p: PerClass,
}

/// Judges what a yes orders, if that is known, and records the safety rules that fire for it.
pub(super) fn agreed(answered: Answered<'_>, policy: &Policy, trace: &mut Trace) -> Option<Agreed> {
    let order = conversation::as_order(answered.agreed?);
    let segments = segment::segment(&order);
    let signals = Signals::read(&segments, policy);
    let mut danger: Option<Found> = None;
    let mut signs = vec![];
    for rule in policy.rules() {
        // What an agent offers has seldom the form of an order: "I'd then push it".
        let Some(words) = rules::matches(rule, &signals, Reading::NotNegated) else { continue };
        signs.push(rule.id.as_ref());
        if rule.layer == Layer::Safety {
            let because = format!("{AGREES}{}", rule.because);
            trace.fired(&rule.id, Layer::Safety, &because, words);
            danger.get_or_insert_with(|| Found { because, ..Found::of(rule, words) });
        }
    }
    let p = classifier::probabilities(&signals, policy, &signs);
    Some(Agreed { answer: answered.answer, danger, p })
}

impl Answered<'_> {
    /// Returns whether the words do nothing but answer.
    pub fn is_whole(&self) -> bool {
        self.answer != Answer::YesAnd
    }
}

impl Agreed {
    /// Returns the probabilities that count for words that say yes: the proposal's, unless the words go on or are dangerous
    /// themselves.
    pub fn p_beside(&self, own: &PerClass) -> PerClass {
        let danger = Class::Danger as usize;
        let own_counts = self.answer == Answer::YesAnd || own[danger] >= OWN_DANGER_FROM;
        if own_counts && own[danger] > self.p[danger] { *own } else { self.p }
    }
}
