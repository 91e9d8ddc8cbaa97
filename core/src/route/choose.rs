//! Chooses what follows from the classifier's opinion, given what a mistake costs.

use crate::agent::Tier;
use crate::agent::reach::Reach;
use crate::conversation::Context;
use crate::request::QuotaPressure;
use crate::routing_context::Isolation;

use super::answer::Answered;
use super::danger;
use super::precedence::Precedence;
use super::rules::Found;
use super::safety::Clarity;
use super::trace::{IN_SESSION, SETTLED, Trace, UNLIKELY};
use crate::model::{Class, PerClass, Sureness};
use crate::policy::layer::Layer;

/// How much each class counts, in the order of the classes: probabilities say how often it occurs in real sessions, and
/// these what it costs to overlook it. The figures behind them are in docs/routing.md.
///
/// A missed danger costs ten times as much as a needless question. Larger values would stop more work than that is
/// worth.
const STAKES: PerClass = [1.0, 1.0, 2.7, 3.0, 3.0];

/// From this share of danger on, the classifier asks although a flag or the user's own policy rule has settled who does
/// it: then it takes near certainty.
const DANGER_THOUGH_SETTLED_FROM: f64 = 0.8;

/// From this share on, the classifier asks the user what is meant.
const UNDERSPECIFIED_FROM: f64 = 0.5;

/// It also asks if both reasons together count this many times as much as all work.
const STOP_TO_WORK: f64 = 1.25;

/// Below this share of its best class, the classifier has no opinion.
const ABSTAIN_BELOW: f64 = 0.4;

/// From this share of what speaks for work on, a reason names another tier too.
const BESIDE_FROM: f64 = 0.1;

/// From this confidence of the classifier on a rule that agrees gives the reason: below, its words may stand there by chance.
const CLASSIFIER_IS_SURE_FROM: f64 = 0.8;

/// From this confidence of its own on: of others every tenth reader says that they are not what the request is about.
const RULE_SPEAKS_FROM: f64 = 0.9;

/// What the classifier's opinion amounts to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Opinion {
    /// The tier that would do the work.
    pub tier: Tier,
    /// The class that is the reason for asking the user, if any.
    pub stop: Option<Class>,
    /// The probability that this is acceptable.
    pub confidence: f64,
    /// What it is based on.
    pub ground: Ground,
    /// Another tier that the words may stand for, if one is near.
    beside: Option<Tier>,
    /// The share of danger in what counts.
    danger: f64,
    /// What there is without the danger: the reason to ask that remains, and how sure that answer is.
    otherwise: (Option<Class>, f64),
}

/// What an opinion is based on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ground {
    /// The words.
    Words,
    /// Nothing: the classifier has no real opinion.
    Nothing,
    /// The session, for words that answer and name no danger of their own.
    Session,
    /// The proposal that was agreed to.
    Agreement,
}

/// The classifier's lines in an explanation.
const TIER: &str = "classifier.tier";
const DANGER: &str = "classifier.danger";
const UNDERSPECIFIED: &str = "classifier.unclear";
const DEFAULT: &str = "default";
const SESSION: &str = "default.session";

const DANGER_BECAUSE: &str =
    "it reads like requests that cannot be taken back, reach others, or widen rights";
/// What the classifier says of words that do not say what is meant: it may be wrong.
pub(super) const UNCLEAR: &str =
    "the router could not tell what is meant, a person may: name a file, a symptom, or an expected result";
const UNDERSPECIFIED_BECAUSE: &str = "it reads like requests that do not say what is meant";
const DEFAULT_BECAUSE: &str = "its kind of work was not recognised, and this tier is the safe choice";
const SESSION_BECAUSE: &str = "it answers the agent, so the tier that has the session goes on";

/// How sure it is that an answer needs no tier of its own. Nobody has measured it; evidence still escalates.
const SESSION_CONFIDENCE: f64 = 0.9;

impl Opinion {
    /// Returns the opinion about a run that reaches no further: a danger that is not likely enough there is none.
    pub fn within(self, reach: Reach, isolation: Isolation) -> Opinion {
        if self.stop != Some(Class::Danger) || self.danger >= danger::asks_from(reach, isolation) {
            return self;
        }
        let (stop, confidence) = self.otherwise;
        Opinion { stop, confidence, ..self }
    }

    /// Returns the opinion about words that do nothing but answer: the tier that had the session goes on.
    pub fn as_answer(self, answered: Option<&Answered>) -> Opinion {
        let Some(answered) = answered.filter(|answered| answered.is_whole()) else {
            return self;
        };
        let ground = if answered.is_agreement() { Ground::Agreement } else { Ground::Session };
        // What has been learned of words does not fit those that only mean something in their session.
        let is_empty = ground == Ground::Session && answered.clarity == Clarity::Unclear;
        let danger = if is_empty { 0.0 } else { self.danger };
        Opinion { ground, danger, tier: answered.last_tier.unwrap_or(self.tier), ..self }
    }

    /// Records in the trace what the classifier says; returns why the user must be asked, if so.
    ///
    /// If the user has settled who does it, they know better than any training data what is meant, and a suspicion of
    /// danger must be strong.
    pub fn apply(
        &self,
        p: &PerClass,
        precedence: Precedence,
        context: &Context,
        trace: &mut Trace,
    ) -> Option<Found> {
        let percent = |class: Class| format!("{:.0} %", p[class as usize] * 100.0);
        let mut found = None;
        for (class, rule, because) in [
            (Class::Danger, DANGER, DANGER_BECAUSE),
            (Class::Underspecified, UNDERSPECIFIED, UNDERSPECIFIED_BECAUSE),
        ] {
            let why_not = self.why_not(class, precedence, context);
            if let Some(why) = why_not {
                trace.skipped(rule, Layer::Classifier, because, || (why, None));
                continue;
            }
            trace.fired(rule, Layer::Classifier, because, Some(&percent(class)));
            let (tier, confidence) = (self.tier, self.confidence);
            let because = because.to_owned();
            found = Some(Found { layer: Layer::Classifier, tier, because, words: None, confidence });
        }
        let opinion = self.found(None);
        let rule = self.rule();
        if precedence != Precedence::Nothing || found.is_some() {
            trace.skipped(rule, opinion.layer, &opinion.because, || (SETTLED, None));
        } else {
            let said = Class::ALL.map(|class| format!("{} {}", class.as_str(), percent(class))).join(", ");
            trace.fired(rule, opinion.layer, &opinion.because, Some(&said));
        }
        found
    }

    /// Returns why a class is no reason to ask the user, or `None` if it is one.
    fn why_not(&self, class: Class, precedence: Precedence, context: &Context) -> Option<&'static str> {
        let known = class == Class::Underspecified && context.session().is_some();
        let is_answered = match class {
            Class::Danger => {
                let is_settled = precedence == Precedence::ByPerson || self.ground == Ground::Session;
                is_settled && self.danger < DANGER_THOUGH_SETTLED_FROM
            }
            Class::Haiku | Class::Sonnet | Class::Opus | Class::Underspecified => {
                precedence >= Precedence::Meaning
            }
        };
        if self.stop != Some(class) {
            Some(UNLIKELY)
        } else if is_answered {
            Some(SETTLED)
        } else {
            known.then_some(IN_SESSION)
        }
    }

    /// Returns whether it is about a proposal that was agreed to.
    pub fn is_of_agreement(&self) -> bool {
        self.ground == Ground::Agreement
    }

    /// Returns the trace line that would be the reason to ask the user, if there is one.
    pub fn stopping_rule(&self, precedence: Precedence, context: &Context) -> Option<&'static str> {
        let class = self.stop?;
        let rule = if class == Class::Danger { DANGER } else { UNDERSPECIFIED };
        self.why_not(class, precedence, context).is_none().then_some(rule)
    }

    /// Returns the trace line that names the tier.
    pub fn rule(&self) -> &'static str {
        match self.ground {
            Ground::Words => TIER,
            Ground::Nothing => DEFAULT,
            Ground::Session | Ground::Agreement => SESSION,
        }
    }

    /// Returns whether a built-in rule says the same, so that its reason is used.
    pub fn agrees_with(&self, rule: &Found) -> bool {
        rule.tier == self.tier
            && self.ground == Ground::Words
            && self.confidence >= CLASSIFIER_IS_SURE_FROM
            && rule.confidence >= RULE_SPEAKS_FROM
    }

    /// Returns what the classifier says about the tier, or the default if it abstains.
    ///
    /// A built-in rule that agrees provides the reason. One that disagrees is only a sign among others.
    pub fn found(&self, by_rule: Option<Found>) -> Found {
        if let Some(rule) = by_rule.filter(|rule| self.agrees_with(rule)) {
            return Found { confidence: self.confidence, ..rule };
        }
        let (layer, because, confidence) = match self.ground {
            Ground::Words => (Layer::Classifier, reads_like(self.tier, self.beside), self.confidence),
            Ground::Nothing => (Layer::Default, DEFAULT_BECAUSE.to_owned(), self.confidence),
            Ground::Session | Ground::Agreement => {
                (Layer::Default, SESSION_BECAUSE.to_owned(), SESSION_CONFIDENCE)
            }
        };
        Found { layer, tier: self.tier, because, words: None, confidence }
    }
}

/// Returns what kind of work words stand for, where no rule names it. Where another tier is near, it says so: of such answers
/// about one in five is wrong, of the others one in fifty.
fn reads_like(tier: Tier, beside: Option<Tier>) -> String {
    let work = work_of(tier);
    match beside {
        Some(other) => {
            let (less, more) = (work_of(tier.min(other)), work_of(tier.max(other)));
            format!("by its words it lies between {less} and {more}, and is taken for {work}")
        }
        None => format!("by its words it is closest to {work}"),
    }
}

/// Returns what kind of work a tier stands for.
fn work_of(tier: Tier) -> &'static str {
    match tier {
        Tier::Haiku => "a small task",
        Tier::Sonnet => "ordinary work",
        Tier::Opus => "work or questions that take judgement",
    }
}

/// Returns the next tier that words may stand for too.
fn beside(p: &PerClass, tier: Tier) -> Option<Tier> {
    let work: f64 = p[..3].iter().sum();
    let is_next = |other: &Tier| (*other as usize).abs_diff(tier as usize) == 1;
    let others = Tier::ALL.into_iter().filter(is_next);
    let nearest = others.max_by(|a, b| p[*a as usize].total_cmp(&p[*b as usize]))?;
    (p[nearest as usize] >= BESIDE_FROM * work).then_some(nearest)
}

/// Returns the share of each class in what counts.
fn weighed(p: &PerClass) -> PerClass {
    let counts: PerClass = std::array::from_fn(|class| p[class] * STAKES[class]);
    let sum: f64 = counts.iter().sum();
    counts.map(|count| count / sum.max(f64::MIN_POSITIVE))
}

/// How sure answers are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sure {
    pub of_tier: Sureness,
    pub of_question: Sureness,
}

/// Chooses the tier with the lowest expected loss, or to ask the user.
pub(super) fn choose(p: &PerClass, pressure: QuotaPressure, sure: Sure) -> Opinion {
    let p = &weighed(p);
    let dangerous = p[Class::Danger as usize];
    let underspecified = p[Class::Underspecified as usize];
    let tier = cheapest_in_expectation(p, over_weight(pressure));
    let work: f64 = p[..3].iter().sum();
    let most = p.iter().copied().fold(0.0, f64::max);
    let stops = dangerous + underspecified > work * STOP_TO_WORK;
    let is_unclear = underspecified >= UNDERSPECIFIED_FROM || (stops && underspecified > dangerous);
    let unclear = is_unclear.then_some(Class::Underspecified);
    let is_dangerous = dangerous >= danger::asks_from(Reach::Commands, Isolation::Shared)
        || (stops && dangerous >= underspecified);
    let stop = if is_dangerous { Some(Class::Danger) } else { unclear };
    let confidence = |stop: Option<Class>| match stop {
        Some(_) => sure.of_question.of(dangerous + underspecified),
        None => sure.of_tier.of(p[tier as usize]),
    };
    let otherwise = (unclear, confidence(unclear));
    let ground = if most < ABSTAIN_BELOW { Ground::Nothing } else { Ground::Words };
    let beside = beside(p, tier);
    Opinion { tier, stop, confidence: confidence(stop), ground, beside, danger: dangerous, otherwise }
}

/// Returns how much too strong a tier weighs against too weak a one: 1 without pressure, doubling with each half.
///
/// This is the one place where quotas influence routes: with less of a quota left, a doubtful request goes to the
/// cheaper tier. It never affects whether the user is asked.
fn over_weight(pressure: QuotaPressure) -> f64 {
    4.0_f64.powf(pressure.share())
}

/// Returns what running a request of one class on a tier costs, in units of one step of too weak a tier.
///
/// Evaluation ([`crate::eval::loss`]) counts money and asks what a mistake costs once it is made. Here too weak a tier
/// costs less than that, because the run's outcome escalates it to a stronger one.
fn cost(class: usize, tier: Tier, over: f64) -> f64 {
    match (class, tier) {
        (0, Tier::Sonnet) | (1, Tier::Opus) => 0.8 * over,
        (0, Tier::Opus) => 1.6 * over,
        (1, Tier::Haiku) => 1.0,
        (2, Tier::Sonnet) => 1.0,
        (2, Tier::Haiku) => 2.0,
        _ => 0.0,
    }
}

fn cheapest_in_expectation(p: &PerClass, over: f64) -> Tier {
    let expected = |tier: Tier| (0..3).map(|class| p[class] * cost(class, tier, over)).sum::<f64>();
    let by_cost = |a: &Tier, b: &Tier| expected(*a).total_cmp(&expected(*b));
    Tier::ALL.into_iter().min_by(by_cost).unwrap_or(Tier::Sonnet)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const AS_IT_IS: Sure = Sure { of_tier: Sureness::AS_IT_IS, of_question: Sureness::AS_IT_IS };

    fn opinion() -> impl Strategy<Value = PerClass> {
        prop::array::uniform5(0.0..1.0_f64).prop_map(|shares| {
            let sum: f64 = shares.iter().sum();
            shares.map(|share| share / sum.max(1e-9))
        })
    }

    proptest! {
        #[test]
        fn more_pressure_never_raises_a_tier_and_never_moves_a_question(
            p in opinion(),
            less in 0.0..=1.0_f64,
            more in 0.0..=1.0_f64,
        ) {
            let (less, more) = (less.min(more), less.max(more));
            let relaxed = choose(&p, QuotaPressure::new(less), AS_IT_IS);
            let pressed = choose(&p, QuotaPressure::new(more), AS_IT_IS);
            prop_assert!(pressed.tier <= relaxed.tier);
            prop_assert_eq!(pressed.stop, relaxed.stop);
        }

        #[test]
        fn more_danger_never_takes_a_question_back(p in opinion(), more in 0.0..1.0_f64) {
            let danger = p[Class::Danger as usize];
            let moved = danger + (1.0 - danger) * more;
            let keep = (1.0 - moved) / (1.0 - danger).max(1e-9);
            let mut worse = p.map(|share| share * keep);
            worse[Class::Danger as usize] = moved;
            let asked = choose(&p, QuotaPressure::default(), AS_IT_IS).stop == Some(Class::Danger);
            prop_assert!(!asked || choose(&worse, QuotaPressure::default(), AS_IT_IS).stop == Some(Class::Danger));
        }
    }

    #[test]
    fn a_reason_names_another_tier_where_one_is_near() {
        let reason = |p: PerClass| choose(&p, QuotaPressure::default(), AS_IT_IS).found(None).because;
        assert_eq!(reason([0.02, 0.95, 0.01, 0.01, 0.01]), "by its words it is closest to ordinary work");
        assert_eq!(
            reason([0.3, 0.67, 0.01, 0.01, 0.01]),
            "by its words it lies between a small task and ordinary work, and is taken for ordinary work"
        );
        // Nothing lies between the two ends but the middle.
        assert_eq!(reason([0.85, 0.02, 0.11, 0.01, 0.01]), "by its words it is closest to a small task");
    }

    #[test]
    fn pressure_moves_what_is_doubtful_and_leaves_what_is_certain() {
        let tier = |p: PerClass, share: f64| choose(&p, QuotaPressure::new(share), AS_IT_IS).tier;
        let doubtful = [0.02, 0.45, 0.50, 0.02, 0.01];
        assert_eq!((tier(doubtful, 0.0), tier(doubtful, 1.0)), (Tier::Opus, Tier::Sonnet));
        let certain = [0.01, 0.03, 0.94, 0.01, 0.01];
        assert_eq!((tier(certain, 0.0), tier(certain, 1.0)), (Tier::Opus, Tier::Opus));
    }
}
