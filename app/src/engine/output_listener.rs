//! Listening to an agent: its lines are decoded, accumulated, and published to the watcher.

use pointsman_core::adapter::Decoder;
use pointsman_core::adapter::event::{AgentEvent, ApiErrorKind, RateLimit, Started};
use pointsman_core::agent::Agent;
use pointsman_core::agent_env::Payer;
use pointsman_core::redact::{Redactor, redact};
use pointsman_core::report::live::LiveDetail;
use pointsman_core::run::end::StopCause;
use pointsman_core::run::evidence::Evidence;

use super::record::RunLog;
use crate::process::launch::LineMeaning;

/// After this many refused logins in a row, the CLI no longer renews its login.
const REFUSALS_MAX: u32 = 3;

/// The most denied calls that are shown as they happen. All are recorded.
const DENIALS_SHOWN: usize = 10;

/// The most servers named in one message.
const SERVERS_SHOWN: usize = 5;

/// The limits of listening.
#[derive(Debug, Clone, Copy)]
pub struct ListenerLimits {
    /// The most text that is kept, in bytes.
    pub text_bytes_max: usize,
    /// The most that the attempt may cost, in US dollars.
    pub usd_max: Option<f64>,
}

/// Listens to an agent: decodes its lines, accumulates them as evidence, and publishes them to the watcher.
pub struct OutputListener<'a> {
    agent: &'a Agent,
    decoder: Decoder,
    /// The evidence that the lines add up to so far.
    pub seen: Evidence,
    limits: ListenerLimits,
    /// The payer, as reported before the attempt.
    payer: Payer,
    refusals_in_row: u32,
    /// How many denied calls were shown.
    denials_shown: usize,
    /// Redacts the pieces of the stream, which are cut anywhere.
    deltas: Redactor,
    /// Redacts the complete texts: the lines of a plain agent, and the messages of others. A private key can go on from
    /// one to the next.
    texts: Redactor,
    /// Whether pieces of the message came already.
    came_in_pieces: bool,
}

impl<'a> OutputListener<'a> {
    /// Creates a listener for what a decoder reads.
    pub fn new(
        agent: &'a Agent,
        decoder: Decoder,
        limits: ListenerLimits,
        payer: Payer,
    ) -> OutputListener<'a> {
        OutputListener {
            agent,
            decoder,
            seen: Evidence::default(),
            limits,
            payer,
            refusals_in_row: 0,
            denials_shown: 0,
            deltas: Redactor::default(),
            texts: Redactor::default(),
            came_in_pieces: false,
        }
    }

    /// Takes in one line and returns what it means for the deadlines. After we have stopped the process, lines change
    /// nothing but the cost; after the result, they only show how things ended.
    pub fn on_line(&mut self, line: &str, stopped: Option<StopCause>, log: &mut RunLog) -> LineMeaning {
        let mut stop = None;
        let is_late = stopped.is_some_and(|cause| cause != StopCause::PostResult);
        for event in self.decoder.decode(line) {
            if is_late {
                self.seen.add_after_stop(&event);
                continue;
            }
            let served_before = self.seen.models_served.len();
            self.seen.add(&event, self.limits.text_bytes_max);
            if self.is_refused_for_good(&event) {
                stop = Some(StopCause::AuthFailed);
            }
            if let AgentEvent::Started(started) = &event {
                self.notices(started).into_iter().for_each(|text| log.emit(LiveDetail::Notice { text }));
            }
            self.show_text(&event, log);
            if let Some(seen) = self.shown(event, served_before) {
                log.emit(seen);
            }
        }
        LineMeaning { settled: self.seen.is_settled(), usd: self.usd(), stop }
    }

    /// Shows the agent's words as they come. A message ends with a line, however it came.
    fn show_text(&mut self, event: &AgentEvent, log: &mut RunLog) {
        match event {
            AgentEvent::TextDelta { text } => {
                self.came_in_pieces = true;
                log.show_text(text);
            }
            AgentEvent::Text { .. } if std::mem::take(&mut self.came_in_pieces) => log.show_text("\n"),
            AgentEvent::Text { text } => {
                log.show_text(text);
                log.show_text(if text.ends_with('\n') { "" } else { "\n" });
            }
            _ => {}
        }
    }

    /// Returns whether the login is refused for good: the CLI would retry for minutes with a refused key, although once
    /// or twice it renews its login meanwhile.
    fn is_refused_for_good(&mut self, event: &AgentEvent) -> bool {
        match event {
            AgentEvent::ApiError { failure, will_retry: true } if failure.kind == ApiErrorKind::Login => {
                self.refusals_in_row += 1;
            }
            AgentEvent::ModelAnswered { .. } => self.refusals_in_row = 0,
            _ => {}
        }
        self.refusals_in_row >= REFUSALS_MAX
    }

    /// Publishes what was still held back.
    pub fn finish(&mut self, log: &mut RunLog) {
        let deltas = std::mem::take(&mut self.deltas).finish();
        let texts = std::mem::take(&mut self.texts).finish();
        let rest = [LiveDetail::TextDelta { text: deltas }, LiveDetail::Text { text: texts }];
        rest.into_iter().filter(has_text).for_each(|rest| log.emit(rest));
    }

    fn usd(&self) -> Option<f64> {
        let price = self.agent.price.filter(|_| self.limits.usd_max.is_some())?;
        Some(price.of(self.seen.usage_so_far()))
    }

    /// Returns notices for the user about the beginning of the stream.
    fn notices(&self, started: &Started) -> Vec<String> {
        let said_before = self.payer != Payer::Unknown;
        let contradicts = |payer: &Payer| said_before && payer.contradicts(self.payer);
        let other_payer = started.payer.filter(contradicts).map(|payer| {
            let source = redact(started.key_source.as_deref().unwrap_or_default()).into_owned();
            format!(
                "who pays is not as was said before: by the agent's own account it is `{}` ({source})",
                payer.as_str()
            )
        });
        let names: Vec<String> = started
            .servers_failed
            .iter()
            .take(SERVERS_SHOWN)
            .map(|server| format!("`{}`", redact(server)))
            .collect();
        let more = started.servers_failed.len().saturating_sub(SERVERS_SHOWN);
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        let failed = format!("the agent's MCP server {}{rest} did not start", names.join(", "));
        other_payer.into_iter().chain(Some(failed).filter(|_| !names.is_empty())).collect()
    }

    /// Returns what the watcher is shown of an event.
    fn shown(&mut self, event: AgentEvent, served_before: usize) -> Option<LiveDetail> {
        let clean = |text: &str| redact(text).into_owned();
        Some(match event {
            AgentEvent::Started(started) => LiveDetail::AgentStarted {
                agent_session_id: started.session_id,
                cli_version: started.cli_version.as_deref().map(clean),
                api_key_source: started.key_source.as_deref().map(clean),
            },
            AgentEvent::Text { text } => {
                return Some(LiveDetail::Text { text: self.texts.push_whole(&text) }).filter(has_text);
            }
            AgentEvent::TextDelta { text } => {
                return Some(LiveDetail::TextDelta { text: self.deltas.push(&text) }).filter(has_text);
            }
            AgentEvent::ToolCalled(call) => LiveDetail::ToolUse {
                tool: clean(&call.tool),
                what: clean(&call.what),
                subagent: call.subagent,
            },
            AgentEvent::PermissionDenied(_) => {
                let denied = self.seen.tools.denied();
                let newest = denied.get(self.denials_shown).filter(|_| self.denials_shown < DENIALS_SHOWN)?;
                self.denials_shown += 1;
                LiveDetail::PermissionDenied { tool: clean(&newest.tool), what: clean(&newest.what) }
            }
            AgentEvent::ModelAnswered { model } if self.seen.models_served.len() > served_before => {
                LiveDetail::ModelServed { model: clean(&model) }
            }
            AgentEvent::ModelFallback { from, to } => {
                LiveDetail::ModelFallback { from: clean(&from), to: clean(&to) }
            }
            AgentEvent::RateLimit(limit) => LiveDetail::RateLimit(RateLimit {
                status: clean(&limit.status),
                window: limit.window.as_deref().map(clean),
                ..limit
            }),
            AgentEvent::ApiError { failure, will_retry: _ } => {
                LiveDetail::ApiError { kind: failure.kind.as_str().to_owned(), status: failure.status }
            }
            AgentEvent::Unknown { kind, raw } | AgentEvent::Unreadable { kind, raw } => {
                LiveDetail::UnknownAgentEvent { kind: clean(&kind), raw: clean(&raw) }
            }
            AgentEvent::PlainText { text } => {
                LiveDetail::UnknownAgentEvent { kind: "not-json".to_owned(), raw: clean(&text) }
            }
            AgentEvent::ModelAnswered { .. }
            | AgentEvent::CliText { .. }
            | AgentEvent::TextWithdrawn
            | AgentEvent::ToolEnded { .. }
            | AgentEvent::TaskOpened { .. }
            | AgentEvent::TaskClosed { .. }
            | AgentEvent::TasksListed { .. }
            | AgentEvent::Usage { .. }
            | AgentEvent::TurnEnded
            | AgentEvent::Result(_)
            | AgentEvent::Alive => return None,
        })
    }
}

/// Returns whether a text has something to show: what is held back, or part of a private key, has not.
fn has_text(seen: &LiveDetail) -> bool {
    !matches!(seen, LiveDetail::Text { text } | LiveDetail::TextDelta { text } if text.is_empty())
}
