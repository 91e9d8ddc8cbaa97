//! Handles each event. `core::hook` decides; this module reads, records and delegates.

use std::path::Path;

use pointsman_core::conversation::Context;
use pointsman_core::hook::answer::HookAnswer;
use pointsman_core::hook::delegation::{self, Target, Terms};
use pointsman_core::hook::fact::{Delegation, HookEvent};
use pointsman_core::hook::input::{Event, HookInput, ToolUse, as_tag};
use pointsman_core::ids::RunId;
use pointsman_core::mode::Mode;
use pointsman_core::request::Speaker;

use super::briefing;
use super::context::{HookContext, routed};
use super::error::HookError;
use super::notice::with_notice;
use super::prompt;
use crate::assemble;
use crate::engine::background;
use crate::regular_file;

/// Answers an event. `delegating` is called with the run that takes a prompt over before the run exists: from then on
/// the answer is worth waiting for.
pub fn answer(
    context: &HookContext,
    input: &HookInput,
    delegating: &dyn Fn(&RunId),
) -> Result<HookAnswer, HookError> {
    let Some(mode) = context.choice.mode else { return Ok(HookAnswer::default()) };
    match &input.event {
        Event::UserPromptSubmit { prompt } => prompt::answer(context, input, mode, prompt, delegating),
        Event::PreToolUse(call) if call.is_for_later() => Ok(delegation::for_later(call).unwrap_or_default()),
        Event::PreToolUse(call) if call.is_delegation() => on_delegation(context, input, mode, call),
        Event::PostToolUse { call, response, duration_ms } if call.is_delegation() => {
            let Some(tool_use_id) = call.id.clone() else { return Ok(HookAnswer::default()) };
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
            None => Ok(HookAnswer::default()),
        },
        Event::SubagentStop { agent_type, transcript, .. } => match input.agent_id.clone() {
            // The CLI's own helpers have no type, and nothing was delegated to them.
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
            Some(_) | None => Ok(HookAnswer::default()),
        },
        Event::Stop { .. } => recorded(
            context,
            input,
            HookEvent::TurnEnded { ran: None, transcript: input.transcript.clone(), is_whole: false },
        ),
        Event::SessionStart { source } => {
            context.note_start(input, source)?;
            recorded(context, input, HookEvent::SessionStarted { source: source.clone() })?;
            let is_news = source != "compact" && context.choice.has_reader();
            Ok(if is_news { briefing::answer(context) } else { HookAnswer::default() })
        }
        Event::SessionEnd { reason } => {
            let told = summary(context, input, "end", reason);
            // Nobody waits for it, and the next run does the same.
            let _ = assemble::own_program().map(|program| background::start_tidying(&program));
            told
        }
        Event::PreCompact { trigger } => summary(context, input, "compact", trigger),
        Event::PreToolUse(_) | Event::PostToolUse { .. } | Event::Other => Ok(HookAnswer::default()),
    }
}

fn recorded(context: &HookContext, input: &HookInput, what: HookEvent) -> Result<HookAnswer, HookError> {
    context.record(input, what).map(|()| HookAnswer::default())
}

fn summary(
    context: &HookContext,
    input: &HookInput,
    moment: &str,
    reason: &str,
) -> Result<HookAnswer, HookError> {
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

fn on_delegation(
    context: &HookContext,
    input: &HookInput,
    mode: Mode,
    call: &ToolUse,
) -> Result<HookAnswer, HookError> {
    // The CLI itself reports what is missing.
    let Some(words) = call.text("prompt") else { return Ok(HookAnswer::default()) };
    let (decider, _) = context.decider()?;
    // Whoever delegates knows what the words are about.
    let Some((_, route)) = routed(&decider, mode, words, Speaker::Model, Context::of_session())? else {
        return Ok(HookAnswer::default());
    };
    let note = context.note(input).unwrap_or_default();
    let kind = call.text("subagent_type").unwrap_or(delegation::GENERAL_PURPOSE);
    // Files are searched only where what they say can matter: the session waits.
    let definition = (mode == Mode::Enforced).then(|| context.definition(kind)).flatten();
    let aliases = context.aliases();
    let terms = Terms {
        mode: Some(mode),
        said: &note.said,
        approved: note.is_approved(),
        route: &route,
        catalog: decider.catalog(),
        definition: definition.as_ref(),
        aliases: &aliases,
        enforcing: context.enforcing(),
    };
    let (done, answer) = delegation::decide(call, &terms);
    let asked = Target::of(&call.input);
    let from_agent_id = input.agent_id.clone();
    // A delegation that cannot be paired with anything is decided all the same.
    let tool_use_id = call.id.clone().unwrap_or_default();
    let delegation = Delegation { tool_use_id, from_agent_id, asked, route: context.kept(route), done };
    let kept = context.record(input, HookEvent::Delegation(Box::new(delegation)));
    Ok(with_notice(answer, kept))
}

/// The largest note beside a transcript that is read. Real ones have a few hundred bytes.
const META_BYTES_MAX: u64 = 64 << 10;

/// Returns the delegation that a subagent came from, which the CLI records beside the transcript.
fn delegation_of(transcript: &Path) -> Option<String> {
    let text = regular_file::read(&transcript.with_extension("meta.json"), META_BYTES_MAX).ok()?;
    let meta: serde_json::Value = serde_json::from_slice(&text).ok()?;
    as_tag(meta.get("toolUseId")?.as_str()?)
}
