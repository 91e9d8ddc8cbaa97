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
use crate::text::segment::Segments;
use crate::text::tokens::Kind;

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
#[derive(Debug, Clone)]
pub(super) struct Answered {
    /// What the words are.
    pub answer: Answer,
    /// What was agreed to, or may have been, if its words are known.
    pub agreed: Option<String>,
    /// Whether the words have any content of their own.
    pub clarity: Clarity,
    /// The tier that had the session.
    pub last_tier: Option<Tier>,
}

/// What the words of a session say about the proposal in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stance {
    /// They agree.
    Agrees,
    /// They refuse, ask back, or only thank.
    Declines,
    /// They say neither in words that are known.
    Open,
}

/// Reads the words of a session as an answer; `None` if they are a request of their own.
pub(super) fn read(context: &Context, signals: &Signals, policy: &Policy, p: &PerClass) -> Option<Answered> {
    // What is quoted or pasted answers nobody.
    let session = context.session().filter(|_| !signals.is_quotation)?;
    let last_tier = session.last_tier;
    let clarity = safety::clarity(signals);
    let says_nothing = clarity == Clarity::Unclear || p[Class::Underspecified as usize] >= UNCLEAR_FROM;
    let few = signals.word_count <= WORDS_MAX;
    let begins = Beginning::read(signals, policy);
    let proposal = proposed(session);
    let picked = proposal.filter(|_| few && !signals.is_question).and_then(|words| pick(words, signals));
    let is_short =
        signals.word_count <= WORDS_ALWAYS || (few && (says_nothing || begins.is_any() || picked.is_some()));
    let stance = match begins.stance() {
        _ if picked.is_some() => Stance::Agrees,
        _ if is_short && signals.is_question => Stance::Declines,
        // A thing that is named is looked at, not agreed to.
        Stance::Open if names_a_thing(signals) => Stance::Declines,
        stance => stance,
    };
    let (answer, agreed) = match (stance, is_short) {
        // It agrees to something, and takes some of it back: "yes but not the users table".
        (Stance::Agrees, true) if takes_back(signals, policy) => {
            (Answer::YesAnd, proposal.map(str::to_owned))
        }
        (Stance::Agrees, true) => (Answer::Yes, picked.or_else(|| proposal.map(str::to_owned))),
        (Stance::Agrees, false) => (Answer::YesAnd, proposal.map(str::to_owned)),
        (Stance::Declines, true) => (Answer::Other, None),
        // Nobody knows the word for yes in every language: what was proposed may be meant.
        (Stance::Open, true) => (Answer::Other, proposal.map(str::to_owned)),
        (Stance::Declines | Stance::Open, false) => return None,
    };
    Some(Answered { answer, agreed, clarity, last_tier })
}

/// Returns whether a no, a condition or a question stands beside a yes: it is no approval of all that was proposed.
fn takes_back(signals: &Signals, policy: &Policy) -> bool {
    let (own, s) = (&signals.instruction, policy.grammar());
    let lists =
        [s.refusal, s.negation, s.negation_short, s.negation_after, s.negation_cancel, s.ask, s.ask_anywhere];
    // "Just do it" takes nothing back.
    let limits = |at: usize| own.has(s.contrast, at) && own.word(at) != "just";
    signals.is_question || lists.iter().any(|list| own.contains(*list)) || (0..own.places().len()).any(limits)
}

fn names_a_thing(signals: &Signals) -> bool {
    signals.instruction.places().iter().any(|place| matches!(place.kind, Kind::Path | Kind::Ident))
}

fn proposed(session: &Session) -> Option<&str> {
    match &session.proposal {
        Proposal::Words(words) => Some(words),
        Proposal::None | Proposal::Open => None,
    }
}

/// Which words of consent, refusal and thanks stand at the beginning.
struct Beginning {
    yes: bool,
    no: bool,
    thanks: bool,
}

impl Beginning {
    fn read(signals: &Signals, policy: &Policy) -> Beginning {
        let (own, s) = (&signals.instruction, policy.grammar());
        let words = (0..own.places().len()).filter(|at| own.places()[*at].kind.is_word());
        // Of few words all are the beginning: "don't ask, just do it".
        let count = if signals.word_count <= WORDS_MAX { usize::MAX } else { BEGINNING };
        let words: Vec<usize> = words.take(count).collect();
        let has = |list| words.iter().any(|at| own.has(list, *at));
        let yes = words.iter().any(|at| own.has(s.assent, *at) && !own.is_negated(*at));
        Beginning { yes, no: has(s.refusal), thanks: has(s.thanks) }
    }

    fn is_any(&self) -> bool {
        self.yes || self.no
    }

    /// Returns what the words say. Beside a no, a yes counts: "no wait, yes", "don't ask, just do it".
    fn stance(&self) -> Stance {
        match self {
            Beginning { yes: true, .. } => Stance::Agrees,
            Beginning { no: true, .. } | Beginning { thanks: true, .. } => Stance::Declines,
            Beginning { .. } => Stance::Open,
        }
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

/// Returns the option that the words name: "option 2", "the second one", "b"; all that was proposed if they name several, or
/// one by the others.
fn pick(words: &str, signals: &Signals) -> Option<String> {
    let own = &signals.instruction;
    let number = |at: usize| {
        let word = own.word(at);
        let digits = word.trim_end_matches(|c: char| !c.is_ascii_digit());
        let letter = word.bytes().next().filter(|_| word.len() == 1 && signals.word_count <= WORDS_ALWAYS);
        let ordinal = || ORDINALS.iter().position(|words| words.contains(&word)).map(|at| at + 1);
        let lettered = || letter.map(|letter| usize::from(letter.wrapping_sub(b'a')) + 1);
        digits.parse().ok().or_else(ordinal).or_else(lettered)
    };
    let named: Vec<String> = (0..own.places().len())
        .filter_map(number)
        .filter_map(|number| Proposal::option(words, number))
        .collect();
    let is_refused = (0..own.places().len()).any(|at| own.is_negated(at));
    match named.as_slice() {
        [] => None,
        [option] if !is_refused => Some(option.clone()),
        _ => Some(words.to_owned()),
    }
}

const AGREES: &str = "it agrees to what the agent proposed, and ";
const MAY_AGREE: &str = "it may agree to what the agent proposed, and ";

/// What a yes orders.
pub(super) struct Agreed {
    answer: Answer,
    clarity: Clarity,
    /// What is dangerous about it, by a safety rule.
    pub danger: Option<Found>,
    /// The classifier's probability of each class.
    pub p: PerClass,
}

/// Judges what a yes orders, if that is known, and records the safety rules that fire for it.
pub(super) fn agreed(answered: &Answered, policy: &Policy, trace: &mut Trace) -> Option<Agreed> {
    // What looks like code or a quotation is what the agent would do.
    let order = Segments::of_words(conversation::as_order(answered.agreed.as_deref()?));
    let mut signals = Signals::read(&order, policy);
    signals.is_question = false;
    let mut danger: Option<Found> = None;
    let mut signs = vec![];
    for rule in policy.rules() {
        // What an agent offers has seldom the form of an order: "I'd then push it".
        let Some(words) = rules::matches(rule, &signals, Reading::NotNegated) else { continue };
        signs.push(rule.id.as_ref());
        if rule.layer == Layer::Safety {
            let because = format!("{}{}", answered.agrees(), rule.because);
            trace.fired(&rule.id, Layer::Safety, &because, words);
            danger.get_or_insert_with(|| Found { because, ..Found::of(rule, words) });
        }
    }
    let p = classifier::probabilities(&signals, policy, &signs);
    Some(Agreed { answer: answered.answer, clarity: answered.clarity, danger, p })
}

impl Answered {
    /// Returns whether the words do nothing but answer.
    pub fn is_whole(&self) -> bool {
        self.answer != Answer::YesAnd
    }

    /// Returns whether they agree to something that is known.
    pub fn is_agreement(&self) -> bool {
        self.agreed.is_some() && self.answer != Answer::Other
    }

    /// Returns how the reason of a question about the proposal begins.
    pub fn agrees(&self) -> &'static str {
        match self.answer {
            Answer::Yes => AGREES,
            // It goes on with words of its own, which may take the yes back.
            Answer::YesAnd | Answer::Other => MAY_AGREE,
        }
    }
}

impl Agreed {
    /// Returns the probabilities that count for words that say yes: the proposal's, unless the words go on or are dangerous
    /// themselves. Of words that may be a yes, only what a safety rule knows of the proposal counts.
    pub fn p_beside(&self, own: &PerClass) -> PerClass {
        let danger = Class::Danger as usize;
        let is_dangerous = self.answer == Answer::YesAnd || own[danger] >= OWN_DANGER_FROM;
        let own_counts = self.clarity == Clarity::Clear && is_dangerous;
        let is_own = self.answer == Answer::Other || (own_counts && own[danger] > self.p[danger]);
        if is_own { *own } else { self.p }
    }
}
