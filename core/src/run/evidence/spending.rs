//! What an attempt used and cost, from several reports of which none need be final.

use crate::adapter::event::{AgentResult, ReportedCost};
use crate::ids::StreamId;
use crate::usage::Tokens;

/// The most API calls that are remembered individually.
const CALLS_MAX: usize = 64;

/// The most tokens of a kind that an attempt can use: at a hundred a second, three years of one model.
const TOKENS_MAX: u64 = 10_000_000_000;

/// The least that a call to a coding agent's model takes, in tokens: the CLI's own system prompt and tools are 50 to
/// 115 KB before the first word of the request (measured on 2.1.197 and 2.1.330), at about four bytes a token.
const CALL_INPUT_MIN: u64 = 13_000;

/// The approximate number of bytes of text per token.
const BYTES_PER_TOKEN: u64 = 4;

/// Usage and cost of one process. Nothing here ever decreases.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Spending {
    /// What API calls used so far, latest last; the oldest are merged into the first entry.
    calls: Vec<(Option<StreamId>, Tokens)>,
    reported_usd: Option<f64>,
    reported: Tokens,
    is_odd: bool,
}

impl Spending {
    /// Adds what one API call used so far. It is reported in several parts, each with some of the fields.
    pub(super) fn call(&mut self, id: Option<&StreamId>, tokens: Tokens) {
        let tokens = self.possible(tokens);
        let known = match id {
            Some(id) => self.calls.iter_mut().rev().find(|(known, _)| known.as_ref() == Some(id)),
            None => self.calls.last_mut(),
        };
        match known {
            Some((_, sum)) => *sum = sum.max(tokens),
            None => self.calls.push((id.cloned(), tokens)),
        }
        if self.calls.len() > CALLS_MAX {
            let (_, oldest) = self.calls.remove(0);
            self.calls[0].1 = self.calls[0].1 + oldest;
        }
    }

    /// Adds what a result reports.
    pub(super) fn result(&mut self, result: &AgentResult) {
        let before = self.reported_usd;
        let tokens = self.possible(result.tokens);
        match result.cost {
            ReportedCost::None => self.reported = self.reported.max(tokens),
            ReportedCost::SinceLastResult(usd) => {
                self.reported_usd = Some(before.unwrap_or(0.0) + usd);
                self.reported = self.reported + tokens;
            }
            ReportedCost::Invocation(usd) => {
                self.reported_usd = Some(before.unwrap_or(0.0).max(usd));
                self.reported = self.reported.max(tokens);
            }
            ReportedCost::Odd => {
                self.is_odd = true;
                self.reported = self.reported.max(tokens);
            }
        }
    }

    /// Filters out impossible figures: those that no attempt reaches are errors, or lies, and do not count.
    fn possible(&mut self, tokens: Tokens) -> Tokens {
        let fields = [tokens.input, tokens.output, tokens.cache_read, tokens.cache_write];
        if fields.iter().all(|count| *count <= TOKENS_MAX) {
            return tokens;
        }
        self.is_odd = true;
        let or_none = |count: u64| if count <= TOKENS_MAX { count } else { 0 };
        Tokens {
            input: or_none(tokens.input),
            output: or_none(tokens.output),
            cache_read: or_none(tokens.cache_read),
            cache_write: or_none(tokens.cache_write),
        }
    }

    /// Returns what API calls used so far.
    pub(super) fn streamed(&self) -> Tokens {
        self.calls.iter().fold(Tokens::default(), |sum, (_, tokens)| sum + *tokens)
    }

    /// Returns what was used: as reported, or as streamed if the reports amount to less.
    pub(super) fn tokens(&self) -> Tokens {
        let streamed = self.streamed();
        if self.reported.total() >= streamed.total() { self.reported } else { streamed }
    }

    /// Returns the least that was used, given that models are known to have answered with this much text.
    pub(super) fn at_least(&self, model_count: usize, text_bytes: usize) -> Tokens {
        let used = self.tokens();
        if used.total() > 0 || model_count == 0 {
            return used;
        }
        let output = (text_bytes as u64 / BYTES_PER_TOKEN).max(1);
        Tokens { input: CALL_INPUT_MIN, output, ..Tokens::default() }
    }

    /// Returns the reported cost.
    pub(super) fn reported_usd(&self) -> Option<f64> {
        self.reported_usd
    }

    /// Returns whether an impossible figure was reported.
    pub(super) fn is_odd(&self) -> bool {
        self.is_odd
    }
}
