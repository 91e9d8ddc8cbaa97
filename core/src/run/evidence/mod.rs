//! The sum of an attempt's events: a fold with bounded memory, in which evidence has a beginning and an end.
//!
//! Of several results the best usable one counts; an error that was followed by an answer is over; a limit that a model
//! got past is over; a task that the stream no longer lists is gone; cost and usage never decrease.
//!
//! Reading order: this file (the fold), `results` (which result counts), `spending` (what was used).

mod results;
mod spending;

use std::collections::BTreeMap;

use results::Results;
use spending::Spending;

use super::tools::ToolLog;
use crate::adapter::event::{
    AgentEvent, AgentResult, ApiFailure, EndKind, LimitReached, RateLimit, Reset, Started, TaskKind,
    ToolPurpose,
};
use crate::agent::PermissionMode;
use crate::agent_env::Payer;
use crate::ids::{AgentSessionId, StreamId};
use crate::usage::{Price, Tokens};

/// The most distinct names (models, unknown kinds, tasks, servers) that are remembered for one attempt.
const NAMES_MAX: usize = 64;

/// The longest name that is remembered, in characters.
const NAME_CHARS_MAX: usize = 200;

/// Everything that judging an attempt needs to know about its output.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evidence {
    /// The agent's own session id.
    pub session_id: Option<AgentSessionId>,
    /// The version that the CLI itself reported.
    pub cli_version: Option<String>,
    /// The payer, if the agent itself reports it.
    pub payer: Option<Payer>,
    /// The permission mode, by the agent's own account.
    pub permission_mode: Option<PermissionMode>,
    /// The model that the agent intends to use, if it says so.
    pub model_named: Option<String>,
    /// The tools that the agent has, if it lists them.
    pub tools_listed: Option<Vec<String>>,
    /// MCP servers that failed to start.
    pub servers_failed: Vec<String>,
    /// The models that answered in the main thread, in the order of their first answers.
    pub models_served: Vec<String>,
    /// A switch to the configured fallback model, as (from, to).
    pub model_fallback: Option<(String, String)>,
    /// The text of the main thread, latest last, cut at the front to the bound.
    pub text: String,
    /// Whether `text` lost its beginning.
    pub text_was_cut: bool,
    /// The last failure of an API call since a model answered.
    pub failure: Option<ApiFailure>,
    /// The account limit that was reached since a model answered.
    pub limit: Option<LimitReached>,
    /// Whether requests were served beyond the limit, for money.
    pub used_overage: bool,
    /// The tool calls.
    pub tools: ToolLog,
    /// Kinds of records that are not known here, with how often each came.
    pub unknown_kinds: BTreeMap<String, u64>,
    /// How many lines could not be read.
    pub unreadable_count: u64,
    /// The last line of text where a record should have been.
    pub plain_line: Option<String>,
    /// Whether the stream has begun, that is, a record came.
    pub has_begun: bool,
    /// Whether the main thread started to speak again after the last result.
    turn_is_open: bool,
    /// Background tasks that have not ended.
    open_tasks: BTreeMap<StreamId, TaskKind>,
    /// Whether the model has said all that it wanted to say.
    model_ended_turn: bool,
    /// The index in `text` of what follows the last tool call or result.
    closing_at: usize,
    /// The last text that the CLI itself made in place of an answer.
    cli_text: Option<String>,
    results: Results,
    /// The most tokens of one call: about what the conversation holds.
    pub context_tokens: u64,
    spending: Spending,
}

impl Evidence {
    /// Adds one event. `text_bytes_max` bounds the kept text.
    pub fn add(&mut self, event: &AgentEvent, text_bytes_max: usize) {
        self.has_begun |= !matches!(event, AgentEvent::PlainText { .. });
        match event {
            AgentEvent::Started(started) => self.start(started),
            AgentEvent::Text { text } => self.add_text(text, text_bytes_max),
            AgentEvent::CliText { text } => self.cli_text = Some(text.clone()),
            AgentEvent::ToolCalled(call) => {
                self.tools.call(call);
                if !call.subagent && call.purpose != ToolPurpose::Note {
                    self.closing_at = self.text.len();
                    self.model_ended_turn = false;
                }
            }
            AgentEvent::TurnEnded => self.model_ended_turn = true,
            AgentEvent::TextWithdrawn => {
                self.closing_at = self.text.len();
                self.model_ended_turn = false;
            }
            AgentEvent::ToolEnded { id, failed: true } => self.tools.failed(id),
            AgentEvent::ModelAnswered { model } => self.answered(model),
            AgentEvent::ModelFallback { from, to } => self.model_fallback = Some((name(from), name(to))),
            AgentEvent::ApiError { failure, will_retry: _ } => self.fail(failure),
            AgentEvent::RateLimit(limit) => self.add_rate_limit(limit),
            AgentEvent::TaskOpened { id, kind } => self.open_task(id, *kind),
            AgentEvent::TaskClosed { id } => {
                self.open_tasks.remove(id);
            }
            AgentEvent::TasksListed { open } => {
                self.open_tasks.clear();
                open.iter().for_each(|(id, kind)| self.open_task(id, *kind));
            }
            AgentEvent::PermissionDenied(denied) => self.tools.deny(denied),
            AgentEvent::Usage { message_id, tokens } => {
                self.spending.call(message_id.as_ref(), *tokens);
                self.context_tokens = self.context_tokens.max(tokens.total());
            }
            AgentEvent::Result(result) => self.add_result(result),
            AgentEvent::PlainText { text } => {
                self.unreadable_count += 1;
                self.plain_line =
                    Some(text.clone()).filter(|text| !text.trim().is_empty()).or(self.plain_line.take());
            }
            AgentEvent::Unreadable { kind: _, raw: _ } => self.unreadable_count += 1,
            AgentEvent::Unknown { kind, raw: _ } => {
                if self.unknown_kinds.len() < NAMES_MAX || self.unknown_kinds.contains_key(kind) {
                    *self.unknown_kinds.entry(name(kind)).or_default() += 1;
                }
            }
            AgentEvent::ToolEnded { failed: false, .. }
            | AgentEvent::TextDelta { .. }
            | AgentEvent::Alive => {}
        }
    }

    /// Adds an event that came after we stopped the process ourselves: it affects nothing but what was used.
    pub fn add_after_stop(&mut self, event: &AgentEvent) {
        match event {
            AgentEvent::Usage { message_id, tokens } => self.spending.call(message_id.as_ref(), *tokens),
            AgentEvent::Result(result) => self.spending.result(result),
            _ => {}
        }
    }

    /// Returns whether nothing more is waited for: a result is there, no agent works in the background, and no new turn
    /// began after the result (a finished task wakes the main thread once more).
    ///
    /// A background shell is not waited for: a server never ends.
    pub fn is_settled(&self) -> bool {
        self.results.counting().is_some() && !self.turn_is_open && !self.has_helpers()
    }

    /// Returns whether agents are working in the background.
    fn has_helpers(&self) -> bool {
        self.open_tasks.values().any(|kind| *kind == TaskKind::Agent)
    }

    /// Returns whether background tasks are open.
    pub fn has_open_tasks(&self) -> bool {
        !self.open_tasks.is_empty()
    }

    /// Returns the result that counts: the best usable one, and the last among equals.
    pub fn result(&self) -> Option<&AgentResult> {
        self.results.counting()
    }

    /// Returns whether there is an answer: in the result that counts, or in the stream if there is no result.
    pub fn has_answer(&self) -> bool {
        match self.result() {
            Some(result) => result.end == EndKind::Answered && !self.answer().trim().is_empty(),
            None => self.was_answered_without_result(),
        }
    }

    /// Returns whether a model said all that it wanted to say, but no result came: the CLI holds results back while
    /// agents work in the background, and it can die before it prints one. A main thread that spoke after starting
    /// helpers that are still at work has ended its turn as well.
    pub fn was_answered_without_result(&self) -> bool {
        let is_final = self.model_ended_turn || self.has_helpers();
        let said = is_final && self.failure.is_none() && !self.models_served.is_empty();
        said && self.result().is_none() && !self.closing_words().is_empty()
    }

    /// Returns the text of the main thread after its last tool call or result.
    fn closing_words(&self) -> &str {
        self.text.get(self.closing_at..).unwrap_or_default().trim()
    }

    /// Returns whether a turn after the one that counts failed.
    pub fn failed_later(&self) -> bool {
        self.results.failed_later()
    }

    /// Returns the answer: that of the result that counts, or all text if the stream has no results.
    pub fn answer(&self) -> &str {
        match self.results.counting() {
            Some(result) => result.text.as_deref().unwrap_or(""),
            None if self.was_answered_without_result() => self.closing_words(),
            None => self.text.trim_end(),
        }
    }

    /// Returns the text that the CLI itself made in place of an answer, if there is no answer.
    pub fn words_of_cli(&self) -> Option<&str> {
        self.cli_text.as_deref().filter(|_| !self.has_answer())
    }

    /// Returns whether any model is known to have answered: a model was named, or tokens were counted.
    pub fn a_model_answered(&self) -> bool {
        // Helpers use tokens, too: if the CLI speaks in place of an answer, tokens prove nothing.
        !self.models_served.is_empty() || (self.tokens().output > 0 && self.cli_text.is_none())
    }

    /// Returns the tokens that were used: as reported, or as streamed if that is more.
    pub fn tokens(&self) -> Tokens {
        self.spending.tokens()
    }

    /// Returns what the API calls used so far, before a result gives the final figures.
    pub fn usage_so_far(&self) -> Tokens {
        self.spending.streamed()
    }

    /// Returns the reported cost of this process in US dollars.
    pub fn cost_usd(&self) -> Option<f64> {
        self.spending.reported_usd()
    }

    /// Returns whether an impossible cost was reported.
    pub fn has_odd_cost(&self) -> bool {
        self.spending.is_odd()
    }

    /// Returns what the attempt costs at a price, if no final cost was reported: none came, or the process was ended in
    /// the middle of a turn. A model that answered was never free.
    pub fn estimated_usd(&self, price: &Price) -> Option<f64> {
        // A model that answered was not free, even if the result of a failure says so.
        let is_told = self.has_answer() || self.models_served.is_empty();
        let is_final =
            self.spending.reported_usd().is_some_and(|usd| usd > 0.0 || is_told) && !self.turn_is_open;
        if is_final {
            return None;
        }
        let used = self.spending.at_least(self.models_served.len(), self.text.len());
        Some(price.of(used).max(self.cost_usd().unwrap_or(0.0))).filter(|usd| *usd > 0.0)
    }

    fn start(&mut self, started: &Started) {
        self.turn_is_open = true;
        self.session_id = started.session_id.clone().or(self.session_id.take());
        self.cli_version = started.cli_version.clone().or(self.cli_version.take());
        self.payer = started.payer.or(self.payer);
        self.permission_mode = started.permission_mode.or(self.permission_mode);
        self.model_named = started.model.as_deref().map(name).or(self.model_named.take());
        self.tools_listed = started
            .tools
            .as_ref()
            .map(|tools| tools.iter().map(|tool| name(tool)).collect())
            .or(self.tools_listed.take());
        started.servers_failed.iter().for_each(|server| remember(&mut self.servers_failed, server));
    }

    fn answered(&mut self, model: &str) {
        self.turn_is_open = true;
        self.model_ended_turn = false;
        self.failure = None;
        self.limit = None;
        self.cli_text = None;
        remember(&mut self.models_served, model);
    }

    fn fail(&mut self, failure: &ApiFailure) {
        if failure.limit.is_some() {
            self.limit.clone_from(&failure.limit);
        }
        self.failure = Some(failure.clone());
    }

    fn add_rate_limit(&mut self, limit: &RateLimit) {
        self.used_overage |= limit.is_overage;
        if limit.is_reached {
            let reset = limit.resets_at.map(Reset::At);
            self.limit = Some(LimitReached { window: limit.window.clone(), reset });
        }
    }

    fn open_task(&mut self, id: &StreamId, kind: TaskKind) {
        if self.open_tasks.len() < NAMES_MAX {
            self.open_tasks.insert(id.clone(), kind);
        }
    }

    fn add_text(&mut self, text: &str, bytes_max: usize) {
        let needed = self.text.len() + text.len();
        if needed > self.text.capacity() {
            // Doubled as usual, but never beyond the bound: a text of megabytes would take twice that.
            let room = needed.max((2 * self.text.len()).min(bytes_max));
            self.text.reserve_exact(room - self.text.len());
        }
        self.text.push_str(text);
        if self.text.len() <= bytes_max {
            return;
        }
        // Cutting down to half keeps the cost linear, however small the pieces are.
        let from = self.text.len() - bytes_max / 2;
        let from = (from..self.text.len()).find(|at| self.text.is_char_boundary(*at)).unwrap_or(0);
        self.text.drain(..from);
        self.closing_at = self.closing_at.saturating_sub(from);
        self.text_was_cut = true;
    }

    fn add_result(&mut self, result: &AgentResult) {
        if result.session_id.is_some() {
            self.session_id.clone_from(&result.session_id);
        }
        self.payer = result.payer.or(self.payer);
        result.denied.iter().for_each(|denied| self.tools.deny(denied));
        self.spending.result(result);
        let closing = self.closing_words().to_owned();
        // After an error, the text before it is only half an answer.
        let witness = Some(closing.as_str()).filter(|text| !text.is_empty() && self.failure.is_none());
        self.results.add(result, self.cli_text.as_deref(), witness);
        self.closing_at = self.text.len();
        self.turn_is_open = false;
    }
}

/// Cuts a name to a bound: names are untrusted.
fn name(text: &str) -> String {
    text.chars().take(NAME_CHARS_MAX).collect()
}

fn remember(names: &mut Vec<String>, new: &str) {
    let new = name(new);
    if names.len() < NAMES_MAX && !names.contains(&new) {
        names.push(new);
    }
}
