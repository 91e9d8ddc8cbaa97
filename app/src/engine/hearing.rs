//! Listening to an agent: its lines are translated, added up, and told to whoever watches.

use pointsman_core::adapter::event::AgentEvent;
use pointsman_core::adapter::transcript::Transcript;
use pointsman_core::agent::Agent;
use pointsman_core::redact::{Redactor, redact};
use pointsman_core::report::live::Seen;
use pointsman_core::run::end::StopCause;

use super::record::RunLog;
use crate::process::supervise::LineMeaning;

/// Listens to an agent: translates its lines, adds them up, and tells watchers.
pub struct Hearing<'a> {
    agent: &'a Agent,
    /// What the lines add up to so far.
    pub seen: Transcript,
    text_bytes_max: usize,
    usd_max: Option<f64>,
    redactor: Redactor,
}

impl<'a> Hearing<'a> {
    /// Begins to listen. `text_bytes_max` bounds the kept text, `usd_max` is the most that the attempt may cost.
    pub fn new(agent: &'a Agent, text_bytes_max: usize, usd_max: Option<f64>) -> Hearing<'a> {
        Hearing { agent, seen: Transcript::default(), text_bytes_max, usd_max, redactor: Redactor::default() }
    }

    /// Takes in one line and says what it means for the deadlines.
    pub fn hear(&mut self, line: &str, log: &mut RunLog) -> LineMeaning {
        let mut stop = None;
        for event in self.agent.adapter.decode(line) {
            let served_before = self.seen.models_served.len();
            self.seen.add(&event, self.text_bytes_max);
            if matches!(&event, AgentEvent::ApiError { kind, .. } if kind == "authentication_failed") {
                // The CLI would ask again for minutes with a key that is refused.
                stop = Some(StopCause::AuthFailed);
            }
            if let Some(seen) = self.shown(event, served_before) {
                log.see(seen);
            }
        }
        LineMeaning { settled: self.seen.is_settled(), usd: self.usd(), stop }
    }

    /// Hands on what the redactor still held back.
    pub fn finish(&mut self, log: &mut RunLog) {
        let rest = std::mem::take(&mut self.redactor).finish();
        if !rest.is_empty() {
            log.see(Seen::TextDelta { text: rest });
        }
    }

    fn usd(&self) -> Option<f64> {
        let price = self.agent.price.filter(|_| self.usd_max.is_some())?;
        Some(price.of(self.seen.usage_so_far()))
    }

    /// What people who watch are shown of an event.
    fn shown(&mut self, event: AgentEvent, served_before: usize) -> Option<Seen> {
        let clean = |text: &str| redact(text).into_owned();
        Some(match event {
            AgentEvent::Started { session_id, cli_version, api_key_source, model: _ } => {
                Seen::AgentStarted { agent_session_id: session_id, cli_version, api_key_source }
            }
            AgentEvent::Text { text } => Seen::Text { text: clean(&text) },
            AgentEvent::TextDelta { text } => match self.redactor.push(&text) {
                ready if ready.is_empty() => return None,
                ready => Seen::TextDelta { text: ready },
            },
            AgentEvent::ToolUse { name, subagent } => Seen::ToolUse { tool: clean(&name), subagent },
            AgentEvent::PermissionDenied { tool } => Seen::PermissionDenied { tool: clean(&tool) },
            AgentEvent::Served { model } if self.seen.models_served.len() > served_before => {
                Seen::ModelServed { model: clean(&model) }
            }
            AgentEvent::ModelFallback { from, to } => {
                Seen::ModelFallback { from: clean(&from), to: clean(&to) }
            }
            AgentEvent::RateLimit(limit) => Seen::RateLimit(limit),
            AgentEvent::ApiError { kind, status } => Seen::ApiError { kind: clean(&kind), status },
            AgentEvent::Unknown { kind, raw } => {
                Seen::UnknownAgentEvent { kind: clean(&kind), raw: clean(&raw) }
            }
            AgentEvent::Served { .. }
            | AgentEvent::TaskOpened { .. }
            | AgentEvent::TaskClosed { .. }
            | AgentEvent::Usage { .. }
            | AgentEvent::Result(_)
            | AgentEvent::Alive => return None,
        })
    }
}
