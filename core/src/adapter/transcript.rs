//! What an attempt's events add up to: a fold with bounded memory.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::event::{AgentEvent, AgentResult, RateLimit, ReportedCost};
use crate::run::tokens::Tokens;

/// The most distinct names (models, tools, unknown kinds, tasks) that are remembered of one attempt.
const NAMES_MAX: usize = 64;

/// Everything that judging an attempt needs to know of its output.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Transcript {
    /// The agent's own session id.
    pub session_id: Option<String>,
    /// The version that the CLI itself named.
    pub cli_version: Option<String>,
    /// Where the CLI says it found its key.
    pub api_key_source: Option<String>,
    /// The models that answered in the main thread, first seen first.
    pub models_served: Vec<String>,
    /// A switch to the configured fallback model, as (from, to).
    pub model_fallback: Option<(String, String)>,
    /// The text of the main thread, newest last, cut from the front to the bound.
    pub text: String,
    /// Whether `text` lost its beginning.
    pub text_was_cut: bool,
    /// The last result.
    pub result: Option<AgentResult>,
    /// What all result lines of this process reported.
    pub cost: ReportedCost,
    /// What all result lines of this process used.
    pub tokens: Tokens,
    /// The last API error before or instead of a result.
    pub api_error: Option<(String, Option<u16>)>,
    /// The newest report about the account's limits.
    pub rate_limit: Option<RateLimit>,
    /// A rejection, kept even if a later report sounds better.
    pub rejection: Option<RateLimit>,
    /// The tools that were not allowed.
    pub denied_tools: Vec<String>,
    /// How many tool calls the main thread and its subagents made.
    pub tool_use_count: u64,
    /// Background tasks that have not ended.
    pub open_tasks: BTreeSet<String>,
    /// Kinds of lines that this version does not know, with how often they came.
    pub unknown_kinds: BTreeMap<String, u64>,
    /// What the API calls used so far, by call; for the budget watchdog.
    /// Whether the main thread began to speak again after the last result.
    pub turn_is_open: bool,
    /// What the API calls used so far, newest last.
    #[serde(skip)]
    usage: Vec<(String, Tokens)>,
}

impl Transcript {
    /// Adds one event. `text_bytes_max` bounds the kept text.
    pub fn add(&mut self, event: &AgentEvent, text_bytes_max: usize) {
        match event {
            AgentEvent::Started { session_id, cli_version, api_key_source, model: _ } => {
                self.turn_is_open = true;
                self.session_id.clone_from(session_id);
                self.cli_version.clone_from(cli_version);
                self.api_key_source.clone_from(api_key_source);
            }
            AgentEvent::Text { text } => self.add_text(text, text_bytes_max),
            AgentEvent::ToolUse { .. } => self.tool_use_count += 1,
            AgentEvent::Served { model } => {
                self.turn_is_open = true;
                remember(&mut self.models_served, model);
            }
            AgentEvent::ModelFallback { from, to } => self.model_fallback = Some((from.clone(), to.clone())),
            AgentEvent::ApiError { kind, status } => self.api_error = Some((kind.clone(), *status)),
            AgentEvent::RateLimit(limit) => self.add_rate_limit(limit),
            AgentEvent::TaskOpened { id } => {
                if self.open_tasks.len() < NAMES_MAX {
                    self.open_tasks.insert(id.clone());
                }
            }
            AgentEvent::TaskClosed { id } => {
                self.open_tasks.remove(id);
            }
            AgentEvent::PermissionDenied { tool } => remember(&mut self.denied_tools, tool),
            AgentEvent::Usage { message_id, model: _, tokens } => {
                self.add_usage(message_id.as_deref(), *tokens)
            }
            AgentEvent::Result(result) => self.add_result(result),
            AgentEvent::Unknown { kind, raw: _ } => {
                if self.unknown_kinds.len() < NAMES_MAX || self.unknown_kinds.contains_key(kind) {
                    *self.unknown_kinds.entry(kind.clone()).or_default() += 1;
                }
            }
            AgentEvent::TextDelta { .. } | AgentEvent::Alive => {}
        }
    }

    /// Tells whether nothing more is waited for: a result is there, no announced task is still open,
    /// and no new turn began after the result (a finished task wakes the main thread once more).
    pub fn is_settled(&self) -> bool {
        self.result.is_some() && !self.turn_is_open && self.open_tasks.is_empty()
    }

    /// Returns the answer: the last result's text, or all text where the stream has no results.
    pub fn answer(&self) -> &str {
        match &self.result {
            Some(result) => result.text.as_deref().unwrap_or(""),
            None => self.text.trim_end(),
        }
    }

    /// Returns what the API calls used so far, before any result says it for good.
    pub fn usage_so_far(&self) -> Tokens {
        self.usage.iter().fold(Tokens::default(), |sum, (_, tokens)| sum + *tokens)
    }

    /// Returns the reported cost of this process in US dollars.
    pub fn cost_usd(&self) -> Option<f64> {
        match self.cost {
            ReportedCost::None => None,
            ReportedCost::SinceLastResult(usd) | ReportedCost::Invocation(usd) => Some(usd),
        }
    }

    fn add_text(&mut self, text: &str, bytes_max: usize) {
        self.text.push_str(text);
        if self.text.len() <= bytes_max {
            return;
        }
        // Cutting half at a time keeps the cost linear however small the pieces are.
        let from = self.text.len() - bytes_max / 2;
        let from = (from..self.text.len()).find(|at| self.text.is_char_boundary(*at)).unwrap_or(0);
        self.text.drain(..from);
        self.text_was_cut = true;
    }

    fn add_rate_limit(&mut self, limit: &RateLimit) {
        if limit.is_rejected() {
            self.rejection = Some(limit.clone());
        }
        self.rate_limit = Some(limit.clone());
    }

    fn add_usage(&mut self, message_id: Option<&str>, tokens: Tokens) {
        let known = match message_id {
            Some(id) => self.usage.iter_mut().rev().find(|(known, _)| known == id),
            None => self.usage.last_mut(),
        };
        match known {
            Some((_, sum)) => *sum = tokens,
            None => self.usage.push((message_id.unwrap_or_default().to_owned(), tokens)),
        }
        if self.usage.len() > NAMES_MAX {
            let (_, oldest) = self.usage.remove(0);
            self.usage[0].1 = self.usage[0].1 + oldest;
        }
    }

    fn add_result(&mut self, result: &AgentResult) {
        if result.session_id.is_some() {
            self.session_id.clone_from(&result.session_id);
        }
        for tool in &result.denied_tools {
            remember(&mut self.denied_tools, tool);
        }
        (self.cost, self.tokens) = match (self.cost, result.cost) {
            (ReportedCost::SinceLastResult(before), ReportedCost::SinceLastResult(share)) => {
                (ReportedCost::SinceLastResult(before + share), self.tokens + result.tokens)
            }
            (before, ReportedCost::None) => (before, result.tokens),
            (_, now) => (now, result.tokens),
        };
        self.result = Some(result.clone());
        self.turn_is_open = false;
    }
}

fn remember(names: &mut Vec<String>, name: &str) {
    if names.len() < NAMES_MAX && !names.iter().any(|known| known == name) {
        names.push(name.to_owned());
    }
}
