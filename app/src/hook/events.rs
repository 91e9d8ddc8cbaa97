//! What is done for each event. Decisions are `core::hook`'s; this reads, records and hands over.

use std::path::Path;

use pointsman_core::agent::{PermissionMode, Tier};
use pointsman_core::hook::answer::{Answer, HookEffect};
use pointsman_core::hook::delegation::{self, PersonSaid, Target, Terms};
use pointsman_core::hook::fact::{Delegation, HookEvent, Recommendation};
use pointsman_core::hook::input::{Event, HookInput, ToolCall, as_tag};
use pointsman_core::hook::note::{Note, NoteUpdate};
use pointsman_core::hook::prompt::{self, Action, LeftBecause, Prompt, Wanted};
use pointsman_core::hook::takeover::{self, Stage, Takeover};
use pointsman_core::ids::RunId;
use pointsman_core::mode::Mode;
use pointsman_core::policy::layer::Layer;
use pointsman_core::request::{Context, Origin};
use pointsman_core::route::Route;
use pointsman_core::run::spec::{RunSpec, SpecRights};

use super::briefing;
use super::context::{HookContext, routed};
use crate::assemble;
use crate::clock;
use crate::engine::background;
use crate::engine::hooks::{Claim, Marker};
use crate::entropy::Entropy;
use crate::present::route;

/// Answers an event. `handing_over` is told which run takes a prompt over before it is there: then the answer is worth waiting
/// for.
pub fn answer(
    context: &HookContext,
    input: &HookInput,
    handing_over: &dyn Fn(&RunId),
) -> Result<Answer, String> {
    let Some(mode) = context.choice.mode else { return Ok(Answer::default()) };
    match &input.event {
        Event::UserPromptSubmit { prompt } => on_prompt(context, input, mode, prompt, handing_over),
        Event::PreToolUse(call) if call.is_for_later() => Ok(delegation::for_later(call).unwrap_or_default()),
        Event::PreToolUse(call) if call.is_delegation() => on_delegation(context, input, mode, call),
        Event::PostToolUse { call, response, duration_ms } if call.is_delegation() => {
            let Some(tool_use_id) = call.id.clone() else { return Ok(Answer::default()) };
            let text = |key: &str| response.get(key).and_then(|value| value.as_str());
            recorded(
                context,
                input,
                HookEvent::DelegationReturned {
                    tool_use_id,
                    agent_id: text("agentId").and_then(as_tag),
                    is_background: text("status") == Some("async_launched"),
                    duration_ms: *duration_ms,
                },
            )
        }
        Event::SubagentStart { agent_type } => match input.agent_id.clone() {
            Some(agent_id) => recorded(
                context,
                input,
                HookEvent::SubagentStarted { agent_id, agent_type: agent_type.clone() },
            ),
            None => Ok(Answer::default()),
        },
        Event::SubagentStop { agent_type, transcript, .. } => match input.agent_id.clone() {
            // The CLI's own helpers have no kind, and nobody handed them anything.
            Some(agent_id) if !agent_type.is_empty() => recorded(
                context,
                input,
                HookEvent::SubagentEnded {
                    agent_id,
                    agent_type: agent_type.clone(),
                    tool_use_id: transcript.as_deref().and_then(delegation_of),
                    ran: None,
                    transcript: transcript.clone(),
                    is_whole: false,
                },
            ),
            Some(_) | None => Ok(Answer::default()),
        },
        Event::Stop { .. } => recorded(
            context,
            input,
            HookEvent::TurnEnded { ran: None, transcript: input.transcript.clone(), is_whole: false },
        ),
        Event::SessionStart { source } => {
            recorded(context, input, HookEvent::SessionStarted { source: source.clone() })?;
            let is_news = source != "compact" && context.choice.has_reader();
            Ok(if is_news { briefing::answer(context) } else { Answer::default() })
        }
        Event::SessionEnd { reason } => {
            context.store.remove_note(&input.session);
            let told = summary(context, input, "end", reason);
            // Nobody waits for it, and the next run does the same.
            let _ = assemble::own_program().map(|program| background::start_tidying(&program));
            told
        }
        Event::PreCompact { trigger } => summary(context, input, "compact", trigger),
        Event::PreToolUse(_) | Event::PostToolUse { .. } | Event::Other => Ok(Answer::default()),
    }
}

fn recorded(context: &HookContext, input: &HookInput, what: HookEvent) -> Result<Answer, String> {
    context.record(input, what).map(|()| Answer::default())
}

fn summary(context: &HookContext, input: &HookInput, moment: &str, reason: &str) -> Result<Answer, String> {
    recorded(
        context,
        input,
        HookEvent::SessionSummary {
            moment: moment.to_owned(),
            reason: reason.to_owned(),
            ran: None,
            transcript: input.transcript.clone(),
        },
    )
}

fn on_prompt(
    context: &HookContext,
    input: &HookInput,
    mode: Mode,
    text: &str,
    handing_over: &dyn Fn(&RunId),
) -> Result<Answer, String> {
    let earlier = context.store.read_note(&input.session);
    let (words, is_approved, wanted) = match prompt::read(text, earlier.is_none()) {
        Prompt::Left(because) => return left_alone(context, input, earlier.as_ref(), because, text),
        Prompt::Words { words, is_approved, wanted } => (words, is_approved, wanted),
    };
    let (decider, left_out) = context.decider()?;
    let session = if earlier.is_some() { Context::Session } else { Context::Fresh };
    let Some((request, route)) = routed(&decider, mode, words, session)? else {
        return left_alone(context, input, earlier.as_ref(), LeftBecause::Empty, text);
    };
    let said = match marked(&route) {
        Some(tier) => PersonSaid::Tier(tier),
        None if is_approved => PersonSaid::Approved,
        None => PersonSaid::Nothing,
    };
    let action = match prompt::action(context.choice.for_prompts(mode), wanted, &route, is_approved) {
        // Nobody would do it: the session itself goes on, advised.
        Action::Delegate if !context.can_run(&decider, &route) => Action::Advised,
        action => action,
    };
    let hash = context.hash(&request);
    let (answer, run_id) = match action {
        Action::Delegate => {
            let taken = Taken { name: takeover::name(input, &hash), words, is_approved, wanted };
            match delegate(context, input, &taken, handing_over)? {
                Delegated::ByUs(run, answer) => (answer, Some(run)),
                // The first hook has recorded all of it.
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
    let heard = NoteUpdate::Routed { said, asked: action == Action::AskFirst };
    let noted = context.note_down(input, earlier.as_ref(), heard);
    let recommendation = Recommendation { request_hash: hash, route, said, action, directive_tokens, run_id };
    let kept = context.record(input, HookEvent::RoutingRecommendation(Box::new(recommendation)));
    Ok(with_notice(answer, left_out.map_or(Ok(()), Err).and(noted).and(kept)))
}

/// The tier of a mark at the start of the prompt.
fn marked(route: &Route) -> Option<Tier> {
    let is_marked = route.layer == Layer::Override && route.rules.iter().any(|rule| rule == "override.mark");
    is_marked.then_some(route.tier)
}

fn left_alone(
    context: &HookContext,
    input: &HookInput,
    earlier: Option<&Note>,
    because: LeftBecause,
    text: &str,
) -> Result<Answer, String> {
    let noted = context.note_down(input, earlier, NoteUpdate::Left { because, text });
    let kept = context.record(input, HookEvent::PromptLeft { because });
    Ok(with_notice(Answer::default(), noted.and(kept)))
}

/// An answer stands even where something is broken or nothing can be recorded; the person hears of it.
fn with_notice(answer: Answer, done: Result<(), String>) -> Answer {
    match done {
        Ok(()) => answer,
        Err(what) => Answer { notice: Some(super::notice("goes on without a part of it", &what)), ..answer },
    }
}

/// The rights that a run may not exceed. A person who asks for a run by name means one with its own rights, but for a session that only plans.
fn permissions(input: &HookInput, wanted: Wanted) -> Option<&str> {
    let of_session = input.permission_mode.as_deref();
    of_session.filter(|mode| wanted != Wanted::Run || *mode == "plan")
}

/// A prompt for a run.
struct Taken<'a> {
    /// Its name among the prompts that were taken over.
    name: String,
    words: &'a str,
    is_approved: bool,
    wanted: Wanted,
}

/// Which hook delegated a prompt to a run, and what is said of it.
enum Delegated {
    ByUs(RunId, Answer),
    ByAnother(Answer),
}

/// Has a run do it, one for each prompt. The hook does not wait for the run, only until it is there.
fn delegate(
    context: &HookContext,
    input: &HookInput,
    taken: &Taken<'_>,
    handing_over: &dyn Fn(&RunId),
) -> Result<Delegated, String> {
    let ours =
        Takeover { run_id: Entropy::System.run_id(clock::now()), at: clock::now(), stage: Stage::Starting };
    handing_over(&ours.run_id);
    let is_over = |earlier: &Takeover| takeover::is_over(earlier, input, ours.at);
    let waits_for = |other: &Takeover| handing_over(&other.run_id);
    // Without a marker the run of another hook would not be seen: then the session does it itself.
    let claim = context.store.claim(&taken.name, &ours, &is_over, &waits_for);
    match claim.map_err(|error| format!("no run can take the prompt over: {error}"))? {
        Claim::Ours(marker) => {
            let who = start(context, input, taken, &ours.run_id, marker)?;
            let reason = takeover::told(&ours.run_id, Some(&who));
            Ok(Delegated::ByUs(ours.run_id, Answer::of(HookEffect::Block { reason })))
        }
        Claim::Others(other) => {
            let reason = match other.stage {
                Stage::Begun => takeover::told(&other.run_id, None),
                Stage::Starting => takeover::not_heard_of(&other.run_id),
            };
            Ok(Delegated::ByAnother(Answer::of(HookEffect::Block { reason })))
        }
    }
}

/// Starts the run; where it does not start, the prompt is nobody's again.
fn start(
    context: &HookContext,
    input: &HookInput,
    taken: &Taken<'_>,
    run_id: &RunId,
    marker: Marker,
) -> Result<String, String> {
    let spec = RunSpec {
        run_id: Some(run_id.clone()),
        approval: taken.is_approved.then(|| "the prompt".to_owned()),
        rights: SpecRights {
            ceiling: permissions(input, taken.wanted).map(PermissionMode::ceiling_of_session),
            ..SpecRights::default()
        },
        ..RunSpec::new(
            taken.words.to_owned(),
            Origin::Hook,
            Mode::Orchestration,
            context.environment.cwd.clone(),
        )
    };
    let own_program = assemble::own_program().map_err(|error| error.to_string())?;
    let started = background::start(&own_program, &spec);
    match started.map(|submitted| route::text(&submitted.route)) {
        Ok(who) => {
            marker.begun();
            Ok(who)
        }
        Err(failure) => {
            marker.give_back();
            Err(failure.message)
        }
    }
}

fn on_delegation(
    context: &HookContext,
    input: &HookInput,
    mode: Mode,
    call: &ToolCall,
) -> Result<Answer, String> {
    // The CLI itself says what is missing.
    let Some(words) = call.text("prompt") else { return Ok(Answer::default()) };
    let (decider, _) = context.decider()?;
    let Some((_, route)) = routed(&decider, mode, words, Context::Fresh)? else {
        return Ok(Answer::default());
    };
    let said = context.note(input).map(|note| note.said).unwrap_or_default();
    let terms =
        Terms { mode: Some(mode), said, route: &route, catalog: decider.catalog(), known: context.known };
    let (done, answer) = delegation::decide(call, &terms);
    let asked = Target::of(&call.input);
    let from_agent_id = input.agent_id.clone();
    // One that cannot be paired with anything is decided all the same.
    let tool_use_id = call.id.clone().unwrap_or_default();
    let delegation = Delegation { tool_use_id, from_agent_id, asked, route, done };
    let kept = context.record(input, HookEvent::Delegation(Box::new(delegation)));
    Ok(with_notice(answer, kept))
}

/// Returns the delegation that a subagent came from: the CLI's note beside the transcript has it.
fn delegation_of(transcript: &Path) -> Option<String> {
    let text = std::fs::read(transcript.with_extension("meta.json")).ok()?;
    let meta: serde_json::Value = serde_json::from_slice(&text).ok()?;
    as_tag(meta.get("toolUseId")?.as_str()?)
}
