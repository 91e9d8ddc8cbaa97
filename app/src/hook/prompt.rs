//! Handles a prompt of the user.

use pointsman_core::agent::Tier;
use pointsman_core::conversation::{Context, Proposal, Session};
use pointsman_core::hook::answer::{HookAnswer, HookEffect};
use pointsman_core::hook::delegation::{self, PersonSaid};
use pointsman_core::hook::fact::{HookEvent, Recommendation};
use pointsman_core::hook::input::HookInput;
use pointsman_core::hook::note::{self, Note, NoteUpdate};
use pointsman_core::hook::prompt::{self, Action, Approval, LeftBecause, Prompt};
use pointsman_core::hook::takeover;
use pointsman_core::ids::RunId;
use pointsman_core::mode::Mode;
use pointsman_core::policy::layer::Layer;
use pointsman_core::request::Speaker;
use pointsman_core::route::{Answer, Route};

use super::context::{HookContext, routed};
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
    let session = conversation(earlier.as_ref());
    let Some((request, route)) = routed(&decider, mode, words, Speaker::Person, session)? else {
        return left_alone(context, input, earlier.as_ref(), LeftBecause::Empty, None);
    };
    if prompt::only_answers(&route, wanted) && beforehand == Approval::Missing {
        return left_alone(context, input, earlier.as_ref(), LeftBecause::Reply, route.answer);
    }
    let approval = note::approval(beforehand, earlier.as_ref(), &route);
    let said = match marked(&route) {
        Some(tier) => PersonSaid::Tier(tier),
        None if approval == Approval::Given => PersonSaid::Approved,
        None => PersonSaid::Nothing,
    };
    let action = match prompt::action(context.choice.for_prompts(mode), wanted, &route, approval) {
        // Nothing could run it: the session itself goes on, with advice.
        Action::Delegate if !context.can_run(&decider, &route) => Action::Advised,
        action => action,
    };
    let hash = context.hash(&request);
    let (answer, run_id) = match action {
        Action::Delegate => {
            let taken = Taken { name: takeover::name(input, &hash), words, approval, wanted };
            match delegate(context, input, &taken, delegating)? {
                Delegated::ByUs(run, answer) => (answer, Some(run)),
                // The first hook has recorded everything.
                Delegated::ByAnother(answer) => return Ok(answer),
            }
        }
        Action::Advised | Action::AskFirst | Action::Blocked | Action::Told => {
            let agent = delegation::name_for_directive(&route, decider.catalog(), context.known);
            (prompt::answer(action, mode, &route, &agent), None)
        }
    };
    let directive_tokens = match &answer.effect {
        HookEffect::Context { text, .. } => prompt::token_estimate(text),
        _ => 0,
    };
    let update = NoteUpdate::Routed { said, asked: action == Action::AskFirst };
    let noted = context.note_down(input, earlier.as_ref(), update);
    let route = context.kept(route);
    let recommendation = Recommendation { request_hash: hash, route, said, action, directive_tokens, run_id };
    let kept = context.record(input, HookEvent::RoutingRecommendation(Box::new(recommendation)));
    Ok(with_notice(answer, left_out.map_or(Ok(()), Err).and(noted).and(kept)))
}

/// Returns what is known of the conversation: a session that has a note goes on, and if we had the model ask something it
/// waits for an answer.
fn conversation(earlier: Option<&Note>) -> Context {
    let Some(note) = earlier else { return Context::Fresh };
    let proposal = if note.asked { Proposal::Open } else { Proposal::None };
    Context::Session(Session { last_tier: None, proposal })
}

/// Returns the tier of a mark at the start of the prompt.
fn marked(route: &Route) -> Option<Tier> {
    let is_marked = route.layer == Layer::Override && route.rules.iter().any(|rule| rule == "override.mark");
    is_marked.then_some(route.tier)
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
