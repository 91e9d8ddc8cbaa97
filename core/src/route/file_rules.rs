//! The layer of policy files: how a rule is matched against a request and its context.
//!
//! The first rule that fires and names a tier or an agent decides that. Every rule that fires and asks the user counts,
//! wherever it stands and whatever other rules say. A rule of a repository that nobody approved may name a tier or an
//! agent no stronger than what would be taken without it.

use std::cell::OnceCell;

use crate::agent::{Catalog, Tier};
use crate::ids::AgentName;
use crate::policy::Policy;
use crate::policy::condition;
use crate::policy::file_rule::{Author, FileEffect, FileRule};
use crate::request::Request;
use crate::text::language::{self, Language};

use super::precedence::Precedence;
use super::rules::{Found, first_match};
use super::signals::Signals;
use super::stream::Reading;
use super::trace::{
    EXCEPTED, NEGATED, NO_MATCH, OTHER_FORM, OTHER_LANGUAGE, OTHER_MODE, OTHER_PROJECT, OTHER_TIME, QUOTED,
    RAISES, Trace, Why,
};
use crate::policy::layer::Layer;
use crate::text::tokens::Kind;

/// What the policy files say about a request.
#[derive(Default)]
pub(super) struct ByFiles {
    /// The tier or agent that does it.
    pub named: Option<Named>,
    /// Why the user is asked; the tier of this finding is meaningless.
    pub asked: Option<Found>,
    /// Which doubts are settled.
    pub precedence: Precedence,
}

/// A tier that a rule names, or an agent with its tier.
pub(super) struct Named {
    pub found: Found,
    pub agent: Option<AgentName>,
}

/// Applies every rule of the policy files. `routed` is the tier that would be taken without any.
pub(super) fn apply(
    request: &Request,
    signals: &Signals,
    catalog: &Catalog,
    policy: &Policy,
    routed: Tier,
    trace: &mut Trace,
) -> ByFiles {
    let mut by = ByFiles::default();
    let rules = &policy.files().rules;
    if rules.is_empty() {
        return by;
    }
    let asked =
        Asked { request, signals, language: OnceCell::new(), orders_quoted: orders_quoted(signals, policy) };
    let held: Vec<_> = rules.iter().map(|rule| (rule, asked.hold(rule))).collect();
    let by_user = held.iter().filter(|(rule, held)| held.is_ok() && !rule.is_untrusted());
    let ceiling =
        by_user.filter_map(|(rule, _)| named(rule, catalog)).next().map_or(routed, |(tier, _)| tier);
    for (rule, held) in held {
        let named = named(rule, catalog).filter(|(tier, _)| !rule.is_untrusted() || *tier <= ceiling);
        let asks = matches!(rule.effect, FileEffect::Ask(_));
        let held = if named.is_none() && !asks { held.and(Err((RAISES, None))) } else { held };
        trace.of_file(rule, &held);
        if held.is_err() {
            continue;
        }
        let found = |tier: Tier| Found {
            layer: Layer::Policy,
            tier,
            because: rule.because.clone(),
            words: None,
            confidence: rule.confidence,
        };
        if asks {
            by.asked.get_or_insert_with(|| found(Tier::Sonnet));
        }
        let Some((tier, agent)) = named else { continue };
        by.precedence = by.precedence.max(precedence(rule));
        by.named.get_or_insert_with(|| Named { found: found(tier), agent });
    }
    by
}

/// Returns the tier, and the agent if there is one, that a rule names.
fn named(rule: &FileRule, catalog: &Catalog) -> Option<(Tier, Option<AgentName>)> {
    match &rule.effect {
        FileEffect::Tier(tier) => Some((*tier, None)),
        FileEffect::Agent(name) => catalog.get(name).map(|agent| (agent.tier, Some(name.clone()))),
        FileEffect::Ask(tier) => tier.map(|tier| (tier, None)),
    }
}

/// Returns which doubts of the classifier a rule settles if it names who does the work.
///
/// The user's own rule says what is meant, and that they want it. A preset that they switched on says what is meant. A
/// rule that the repository wrote, or switches on by the files that it contains, settles nothing.
fn precedence(rule: &FileRule) -> Precedence {
    match (rule.author, rule.chosen_by) {
        (Author::User, _) if !rule.looks_at_files() => Precedence::ByPerson,
        (Author::Preset, Author::User) => Precedence::Meaning,
        (Author::User | Author::Preset | Author::Project | Author::TrustedProject, _) => Precedence::Tier,
    }
}

/// Returns whether the request orders to do what was quoted or pasted.
fn orders_quoted(signals: &Signals, policy: &Policy) -> bool {
    signals.instruction.is_asked(policy.grammar().endorse)
}

/// A request as the rules of policy files see it.
struct Asked<'r, 's> {
    request: &'r Request,
    signals: &'r Signals<'s>,
    language: OnceCell<Option<Language>>,
    orders_quoted: bool,
}

impl Asked<'_, '_> {
    /// Matches a rule against the request: returns what made it fire, for display, or why it does not.
    fn hold(&self, rule: &FileRule) -> Result<Vec<String>, Why> {
        let own = &self.signals.instruction;
        let mut because = vec![];
        if !rule.words.is_empty() {
            because.push(self.words(rule)?.to_owned());
        }
        let why = |reason: &'static str| (reason, because.first().cloned());
        if first_match(&rule.unless, own, Reading::NotNegated).is_some() {
            return Err(why(EXCEPTED));
        }
        self.surroundings(rule).map_err(why)?;
        let c = &rule.condition;
        let form_holds = c.chars.is_none_or(|span| span.holds(self.request.text().chars().count()))
            && c.own_words.is_none_or(|span| span.holds(self.signals.word_count))
            && c.question.is_none_or(|wanted| wanted == self.signals.is_question);
        if !form_holds {
            return Err(why(OTHER_FORM));
        }
        if !c.regex.is_empty() {
            let found = c.regex.iter().find_map(|regex| regex.find(own.text()));
            because.push(found.ok_or((NO_MATCH, None))?.as_str().to_owned());
        }
        if let Some(globs) = &c.paths {
            let path = self.paths().find(|path| globs.is_match(path));
            because.push(path.ok_or((NO_MATCH, None))?.to_owned());
        }
        if let Some(now) = self.request.routing_context.local_time.filter(|_| c.looks_at_time()) {
            because.push(condition::day_and_time(now));
        }
        Ok(because)
    }

    /// Checks what does not depend on the words, except for their language.
    fn surroundings(&self, rule: &FileRule) -> Result<(), &'static str> {
        let (c, around) = (&rule.condition, &self.request.routing_context);
        let ok_or = |holds: bool, reason: &'static str| if holds { Ok(()) } else { Err(reason) };
        ok_or(
            c.project.is_empty() || c.project.iter().any(|kind| around.kinds.contains(kind)),
            OTHER_PROJECT,
        )?;
        let files_hold = |globs: &condition::Globs| around.files.iter().any(|name| globs.is_match(name));
        ok_or(c.files.as_ref().is_none_or(files_hold), OTHER_PROJECT)?;
        ok_or(c.mode.is_empty() || around.mode.is_some_and(|mode| c.mode.contains(&mode)), OTHER_MODE)?;
        let at = |holds: &dyn Fn(jiff::civil::DateTime) -> bool| around.local_time.is_some_and(holds);
        ok_or(c.hours.is_none_or(|hours| at(&|now| hours.hold(now))), OTHER_TIME)?;
        ok_or(c.days.is_none_or(|days| at(&|now| days.hold(now))), OTHER_TIME)?;
        let speaks = || self.language().is_some_and(|language| c.language.contains(&language));
        ok_or(c.language.is_empty() || speaks(), OTHER_LANGUAGE)
    }

    /// Returns the words that a rule's patterns match, if they count.
    fn words(&self, rule: &FileRule) -> Result<&str, Why> {
        let own = &self.signals.instruction;
        if let Some(words) = first_match(&rule.words, own, Reading::NotNegated) {
            return Ok(words);
        }
        let asks = matches!(rule.effect, FileEffect::Ask(_));
        if let Some(words) = first_match(&rule.words, self.signals.quoted.stream(), Reading::NotNegated) {
            // "Do what the ticket says" makes the ticket's words the user's own if that adds a question.
            return if asks && self.orders_quoted {
                Ok(words)
            } else {
                Err((QUOTED, Some(words.to_owned())))
            };
        }
        Err(match first_match(&rule.words, own, Reading::Raw) {
            Some(words) => (NEGATED, Some(words.to_owned())),
            None => (NO_MATCH, None),
        })
    }

    /// Returns the paths and file names in the user's own words.
    fn paths(&self) -> impl Iterator<Item = &str> {
        let own = &self.signals.instruction;
        let is_path = |kind: Kind| matches!(kind, Kind::Path | Kind::Ident);
        own.places().iter().filter(move |place| is_path(place.kind)).map(|place| own.slice(place))
    }

    fn language(&self) -> Option<Language> {
        *self.language.get_or_init(|| {
            let own = &self.signals.instruction;
            let is_word = |at: &usize| matches!(own.places()[*at].kind, Kind::Word | Kind::Ideograph);
            language::detect((0..own.places().len()).filter(is_word).map(|at| own.word(at)))
        })
    }
}
