//! Judges what became of a directive. `DirectiveStatus` describes in words what is decided here.

use jiff::tz::TimeZone;

use super::turns::{Subagent, Treatment, Turn, turns};
use super::{Directive, DirectiveKind, DirectiveStatus, RunServed};
use crate::agent::Tier;
use crate::hook::delegation::{Disposition, PLUGIN_PREFIX, PersonSaid, Target};
use crate::hook::fact::{Delegation, HookFact, Recommendation};
use crate::hook::prompt::{Action, LeftBecause};
use crate::hook::transcript::TranscriptSummary;
use crate::mode::Mode;
use crate::route::Decision;

/// The reason given if no end of a turn was seen.
const NO_END: &str = "the end was not seen";

/// Judges every directive in the facts. `tier_of` maps a model to its tier; `runs` are those that took over prompts; days are
/// those of the zone.
pub fn directives(
    facts: &[HookFact],
    runs: &[RunServed],
    tier_of: &dyn Fn(&str) -> Option<Tier>,
    zone: &TimeZone,
) -> Vec<Directive> {
    let assessor = Assessor { runs, tier_of, zone };
    let mut all = vec![];
    for (_, turn) in turns(facts) {
        if let Some((fact, said)) = turn.said {
            all.push(assessor.of_prompt(&turn, fact, said));
        }
        let held = turn.delegations.iter().filter(|(fact, _)| fact.mode == Some(Mode::Enforced));
        all.extend(held.map(|(fact, delegation)| assessor.of_delegation(&turn, fact, delegation)));
    }
    all
}

struct Assessor<'w> {
    runs: &'w [RunServed],
    tier_of: &'w dyn Fn(&str) -> Option<Tier>,
    zone: &'w TimeZone,
}

/// A status and the reason for it.
type Assessment = (DirectiveStatus, &'static str);

impl Assessor<'_> {
    fn of_prompt(&self, turn: &Turn<'_>, fact: &HookFact, said: Treatment<'_>) -> Directive {
        let (status, because) = match said {
            Treatment::Left(LeftBecause::Asked) => {
                (DirectiveStatus::Overridden, "the person left pointsman out")
            }
            Treatment::Left(_) => (DirectiveStatus::NotApplicable, "nothing was directed"),
            Treatment::Recommended(recommendation) => self.of_recommendation(turn, recommendation),
        };
        let route = match said {
            Treatment::Recommended(recommendation) => Some(&recommendation.route),
            Treatment::Left(_) => None,
        };
        Directive {
            agent: route.map(|route| route.agent.to_string()),
            tier: route.map(|route| route.tier),
            asks: route.is_some_and(|route| route.decision == Decision::Escalate),
            models_served: self.served(turn, said),
            ..self.directive(DirectiveKind::Prompt, fact, status, because)
        }
    }

    fn directive(
        &self,
        scope: DirectiveKind,
        fact: &HookFact,
        status: DirectiveStatus,
        because: &'static str,
    ) -> Directive {
        Directive {
            scope,
            session: fact.session.to_string(),
            prompt_id: fact.prompt_id.clone(),
            day: fact.at.to_zoned(self.zone.clone()).strftime("%Y-%m-%d").to_string(),
            project_root: fact.project_root.clone(),
            mode: fact.mode,
            is_experiment: fact.is_experiment,
            agent: None,
            tier: None,
            models_served: vec![],
            asks: false,
            status,
            because,
        }
    }

    fn served(&self, turn: &Turn<'_>, said: Treatment<'_>) -> Vec<String> {
        let mut served: Vec<String> = vec![];
        let ends = turn.subagents.values().filter_map(|subagent| subagent.end).chain(turn.end);
        let mut models: Vec<&String> = ends.flatten().flat_map(|ran| &ran.models_served).collect();
        if let Treatment::Recommended(Recommendation { run_id: Some(run_id), .. }) = said {
            models.extend(
                self.runs.iter().filter(|run| run.run_id == *run_id).flat_map(|run| &run.models_served),
            );
        }
        for model in models {
            if !served.contains(model) {
                served.push(model.clone());
            }
        }
        served
    }

    fn of_recommendation(&self, turn: &Turn<'_>, recommendation: &Recommendation) -> Assessment {
        if let PersonSaid::Tier(_) | PersonSaid::Agent(_) = recommendation.said {
            return (DirectiveStatus::Overridden, "the person said who does it");
        }
        match recommendation.action {
            Action::Blocked => (DirectiveStatus::NotApplicable, "the prompt was held back"),
            Action::Told => (DirectiveStatus::NotApplicable, "the person only wanted to know"),
            Action::Delegate => self.of_run(recommendation),
            Action::AskFirst => asked_first(turn),
            Action::Advised => self.advised(turn, recommendation.route.tier),
        }
    }

    fn of_run(&self, recommendation: &Recommendation) -> Assessment {
        let run =
            recommendation.run_id.as_ref().and_then(|id| self.runs.iter().find(|run| run.run_id == *id));
        match run {
            None => (DirectiveStatus::Unknown, "the run is not in the ledger"),
            Some(run) if !run.is_over => (DirectiveStatus::Unknown, "the run is not over"),
            Some(run) => match self.is_served(&run.models_served, recommendation.route.tier) {
                Some(true) => (DirectiveStatus::Followed, "the run was served by the tier"),
                Some(false) => (DirectiveStatus::Ignored, "the run was served by another tier"),
                None => (DirectiveStatus::Unknown, "no model of a known tier answered"),
            },
        }
    }

    fn advised(&self, turn: &Turn<'_>, tier: Tier) -> Assessment {
        let served =
            |ran: Option<&TranscriptSummary>| ran.and_then(|ran| self.is_served(&ran.models_served, tier));
        let of_subagents: Vec<Option<bool>> =
            turn.subagents.values().map(|subagent| served(subagent.end.flatten())).collect();
        let main = served(turn.end.flatten());
        let mut of_tier = turn
            .subagents
            .values()
            .filter_map(|one| one.end.flatten())
            .filter(|ran| served(Some(ran)) == Some(true));
        let only_inspected = !of_tier.any(TranscriptSummary::acted);
        let main_did_it =
            main == Some(false) && turn.end.flatten().is_some_and(TranscriptSummary::acted_itself);
        if of_subagents.contains(&Some(true)) && only_inspected && main_did_it {
            (DirectiveStatus::Ignored, "the session itself did it, and the tier only looked")
        } else if of_subagents.contains(&Some(true)) {
            (DirectiveStatus::Followed, "a subagent of the tier did it")
        } else if main == Some(true) {
            (DirectiveStatus::Followed, "the session itself is of the tier")
        } else if turn.end.is_none() {
            (DirectiveStatus::Unknown, NO_END)
        } else if main.is_none() || of_subagents.contains(&None) {
            (DirectiveStatus::Unknown, "it is not known which models answered")
        } else if of_subagents.is_empty() {
            (DirectiveStatus::Ignored, "nothing was handed over")
        } else {
            (DirectiveStatus::Ignored, "it was handed to another tier")
        }
    }

    fn of_delegation(&self, turn: &Turn<'_>, fact: &HookFact, delegation: &Delegation) -> Directive {
        let (status, because) = match &delegation.done {
            Disposition::LeftAlone => (DirectiveStatus::Overridden, "the person left pointsman out"),
            Disposition::Observed => (DirectiveStatus::NotApplicable, "nothing was directed"),
            Disposition::Kept { .. } => (DirectiveStatus::NotApplicable, "its model was settled elsewhere"),
            Disposition::Rewritten { set } if is_left_to_its_definition(set) => {
                (DirectiveStatus::NotApplicable, "the agent's own definition says which model")
            }
            Disposition::Denied => (DirectiveStatus::NotApplicable, "it was refused, and nothing ran"),
            Disposition::AsRouted { set } | Disposition::Rewritten { set } => {
                let tier = set_tier(set).unwrap_or(delegation.route.tier);
                self.held(turn.subagent_of(delegation), tier)
            }
        };
        let ran = turn.subagent_of(delegation).and_then(|subagent| subagent.end.flatten());
        Directive {
            agent: Some(delegation.route.agent.to_string()),
            tier: Some(delegation.route.tier),
            models_served: ran.map(|ran| ran.models_served.clone()).unwrap_or_default(),
            ..self.directive(DirectiveKind::Delegation, fact, status, because)
        }
    }

    fn held(&self, subagent: Option<&Subagent<'_>>, tier: Tier) -> Assessment {
        let Some(ran) = subagent.and_then(|subagent| subagent.end) else {
            return (DirectiveStatus::Unknown, NO_END);
        };
        match ran.and_then(|ran| self.is_served(&ran.models_served, tier)) {
            Some(true) => (DirectiveStatus::Followed, "the tier answered"),
            Some(false) => (DirectiveStatus::Ignored, "another tier answered"),
            None => (DirectiveStatus::Unknown, "it is not known which models answered"),
        }
    }

    /// Returns whether a model of the tier answered; `None` if that is not known.
    fn is_served(&self, models: &[String], tier: Tier) -> Option<bool> {
        let tiers: Vec<Option<Tier>> = models.iter().map(|model| (self.tier_of)(model)).collect();
        match tiers {
            tiers if tiers.contains(&Some(tier)) => Some(true),
            tiers if tiers.is_empty() || tiers.contains(&None) => None,
            _ => Some(false),
        }
    }
}

/// Returns whether a call was left without a model, so that its kind's own definition decides. A kind of our plugin with a
/// custom model was called like that too.
fn is_left_to_its_definition(set: &Target) -> bool {
    set.model.is_none() && !set.subagent_type.as_deref().is_some_and(|kind| kind.starts_with(PLUGIN_PREFIX))
}

/// Returns the tier of the alias that was set: the user may have named another one than the route.
fn set_tier(set: &Target) -> Option<Tier> {
    set.model.as_deref().and_then(Tier::parse)
}

fn asked_first(turn: &Turn<'_>) -> Assessment {
    if turn.end.flatten().is_some_and(|ran| ran.asked_first) {
        return (DirectiveStatus::Followed, "the person was asked first");
    }
    let subagent_acted =
        turn.subagents.values().any(|one| one.end.flatten().is_some_and(TranscriptSummary::acted));
    if subagent_acted || turn.end.flatten().is_some_and(TranscriptSummary::acted_itself) {
        return (DirectiveStatus::Ignored, "something ran although a question was to come first");
    }
    match turn.end {
        None => (DirectiveStatus::Unknown, NO_END),
        Some(None) => (DirectiveStatus::Unknown, "the transcript could not be read"),
        Some(Some(_)) => (DirectiveStatus::Followed, "nothing was changed before the question"),
    }
}
