//! Handles a prompt of the user.

use pointsman_core::hook::answer::{HookAnswer, HookEffect};
use pointsman_core::hook::delegation::{self, PersonSaid};
use pointsman_core::hook::fact::{HookEvent, Recommendation};
use pointsman_core::hook::input::HookInput;
use pointsman_core::hook::note::{self, Note, NoteUpdate};
use pointsman_core::hook::prompt::{self, Action, Advice, Approval, LeftBecause, Prompt};
use pointsman_core::hook::takeover;
use pointsman_core::ids::RunId;
use pointsman_core::mode::Mode;
use pointsman_core::request::Speaker;
use pointsman_core::route::{self, Answer};

use super::context::{HookContext, routed};
use super::conversation;
use super::delegate::{Delegated, Taken, delegate};
use super::error::HookError;
use super::notice::with_notice;

/// Answers a prompt: it goes to a run, is advised about, held back, or left alone.
pub fn answer(
    context: &HookContext,
    input: &HookInput,
    mode: Mode,
    text: &str,
    delegating: &dyn Fn(&RunId),
) -> Result<HookAnswer, HookError> {
    let earlier = context.store.read_note(&input.session);
    let (words, beforehand, wanted) = match prompt::read(text) {
        Prompt::Left(because) => return left_alone(context, input, earlier.as_ref(), because, None),
        Prompt::Words { words, approval, wanted } => (words, approval, wanted),
    };
    let (decider, left_out) = context.decider()?;
    let session = conversation::of(input, earlier.as_ref(), decider.catalog());
    let Some((request, route)) = routed(&decider, mode, &words, Speaker::Person, session)? else {
        return left_alone(context, input, earlier.as_ref(), LeftBecause::Empty, None);
    };
    if prompt::only_answers(&route, wanted) && beforehand == Approval::Missing {
        return left_alone(context, input, earlier.as_ref(), LeftBecause::Reply, route.answer);
    }
    let approval = note::approval(beforehand, earlier.as_ref(), &route);
    let named_agent = prompt::named_agent(&words);
    let named_tier = route::named_tier(&words, decider.policy());
    let said = PersonSaid::of_prompt(named_tier, named_agent, approval);
    let is_resumed = earlier.as_ref().is_some_and(|note| note.resumed);
    let may_take_over = prompt::may_take_over(wanted, is_resumed, named_agent);
    let action = match prompt::action(context.choice.for_prompts(mode), wanted, &route, approval) {
        // No run may do it, or none could: the session itself goes on, with advice.
        Action::Delegate if !may_take_over || !context.can_run(&decider, &route) => Action::Advised,
        action => action,
    };
    let hash = context.hash(&request);
    let (answer, run_id) = match action {
        Action::Delegate => {
            let taken = Taken { name: takeover::name(input, &hash), words: &words, approval, wanted };
            match delegate(context, input, &taken, delegating)? {
                Delegated::ByUs(run, answer) => (answer, Some(run)),
                // The first hook has recorded everything.
                Delegated::ByAnother(answer) => return Ok(answer),
            }
        }
        Action::Advised | Action::AskFirst | Action::Blocked | Action::Told => {
            let tier = named_tier.unwrap_or(route.tier);
            let ours = delegation::name_for_directive(&route, tier, decider.catalog(), context.known);
            let advice = Advice {
                tier,
                agent: named_agent.or(ours.as_deref()),
                is_named: named_agent.is_some(),
                is_tier_named: named_tier.is_some(),
                approval,
            };
            (prompt::answer(action, mode, &route, &advice), None)
        }
    };
    let directive_tokens = match &answer.effect {
        HookEffect::Context { text, .. } => prompt::token_estimate(text),
        _ => 0,
    };
    let update = NoteUpdate::Routed { said: said.clone(), approval, asked: action == Action::AskFirst };
    let noted = match action {
        // The person only wanted to know: what was said and asked before still holds.
        Action::Told => Ok(()),
        _ => context.note_down(input, earlier.as_ref(), update),
    };
    let route = context.kept(route);
    let recommendation = Recommendation { request_hash: hash, route, said, action, directive_tokens, run_id };
    let kept = context.record(input, HookEvent::RoutingRecommendation(Box::new(recommendation)));
    Ok(with_notice(answer, left_out.map_or(Ok(()), Err).and(noted).and(kept)))
}

fn left_alone(
    context: &HookContext,
    input: &HookInput,
    earlier: Option<&Note>,
    because: LeftBecause,
    answer: Option<Answer>,
) -> Result<HookAnswer, HookError> {
    let noted = context.note_down(input, earlier, NoteUpdate::Left { because, answer });
    let kept = context.record(input, HookEvent::PromptLeft { because });
    Ok(with_notice(HookAnswer::default(), noted.and(kept)))
}
