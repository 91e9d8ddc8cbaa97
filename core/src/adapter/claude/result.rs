//! The result line: how the turn ended, what it said, what it cost.

use super::decode::{Decoder, OUTPUT_LIMIT, api_tokens, is_placeholder, session_id};
use super::errors::{self, failure};
use super::tools;
use crate::adapter::capabilities::CostSpan;
use crate::adapter::event::{AgentResult, ApiErrorKind, Complaint, DeniedCall, EndKind, ReportedCost};
use crate::adapter::fields::{Fields, bounded};
use crate::adapter::invocation::SessionStart;
use crate::agent::Tier;
use crate::agent_env::{Cloud, Payer};
use crate::usage::{Price, Tokens};

/// The most error messages of a result that are read: the first ones say what went wrong.
const ERRORS_MAX: usize = 16;

/// The most denied calls of a result that are read. Each was reported before as it happened.
const DENIED_MAX: usize = 256;

impl Decoder {
    /// Reads a result.
    pub(super) fn result(&self, fields: &Fields<'_>) -> AgentResult {
        let (cost, tokens) = self.cost_and_tokens(fields);
        let said = |text: &String| !text.trim().is_empty() && !is_placeholder(text);
        let text = fields.any_text("result").filter(said);
        let structured = || fields.raw("structured_output").map(str::to_owned);
        // The CLI's notes to its own developers are not meant for the user.
        let is_for_people = |error: &String| !error.starts_with("[ede_diagnostic]");
        let errors = fields.texts("errors").into_iter().filter(is_for_people).take(ERRORS_MAX);
        let errors: Vec<String> = errors.map(|error| bounded(&error)).collect();
        let end = self.end(fields, text.as_deref().unwrap_or_default(), &errors);
        let denied = fields.objects("permission_denials");
        AgentResult {
            text: if end == EndKind::Answered { text.or_else(structured) } else { text },
            end,
            denied: denied.iter().take(DENIED_MAX).map(denied_call).collect(),
            errors,
            session_id: session_id(fields),
            payer: fields.object_values("modelUsage").and_then(|models| provider(&models)),
            cost,
            tokens,
        }
    }

    fn end(&self, fields: &Fields<'_>, text: &str, errors: &[String]) -> EndKind {
        let subtype = fields.text("subtype").unwrap_or_default();
        let calls_itself_error = fields.any_text("is_error").as_deref() == Some("true");
        let stop = fields.text("stop_reason").or_else(|| self.last_stop.clone()).unwrap_or_default();
        if let Some(ending) = ending_by_code(fields, &subtype, &stop, text) {
            // If it does not call itself an error, its text is what the model said, and not an error message.
            let message = if calls_itself_error { text } else { "" };
            return match ending {
                Ending::Kind(kind) => kind,
                Ending::Api(kind) => self.failed(kind, fields, message),
            };
        }
        match calls_itself_error || is_error_all_the_same(fields, &subtype, text) {
            true => self.error_end(fields, text, errors, &subtype),
            false => EndKind::Answered,
        }
    }

    /// Classifies an end that calls itself an error: by its own fields, its own text, the last retry, in this order.
    fn error_end(&self, fields: &Fields<'_>, text: &str, errors: &[String], subtype: &str) -> EndKind {
        let text = self.unless_of_model(text);
        let said = if text.is_empty() { errors.join("\n") } else { text.to_owned() };
        if errors::is_about_configuration(&said) {
            return EndKind::Failed(Complaint::Configuration);
        }
        // If nothing of the CLI's own went wrong, it is the API's failure.
        let is_of_api = subtype == "success";
        if let Some(failure) = self.failure_of(fields, &said).filter(|_| is_of_api) {
            return EndKind::Failed(Complaint::Api(failure));
        }
        if let Some(complaint) = errors::complaint(&said) {
            return EndKind::Failed(match complaint {
                Complaint::Api(failure) => Complaint::Api(self.with_limit(failure)),
                other => other,
            });
        }
        match (self.last_retry, &self.limit) {
            _ if !is_of_api => EndKind::Error,
            (_, Some(_)) => self.failed(ApiErrorKind::AccountLimit, fields, &said),
            (Some((kind, _)), None) => self.failed(kind, fields, &said),
            (None, None) => self.failed(ApiErrorKind::Service, fields, &said),
        }
    }

    fn failed(&self, kind: ApiErrorKind, fields: &Fields<'_>, text: &str) -> EndKind {
        let failure = failure(kind, fields.get("api_error_status"), text);
        EndKind::Failed(Complaint::Api(self.with_limit(failure)))
    }

    /// Returns this result's share if the CLI reports it, otherwise the sum that the CLI keeps.
    ///
    /// Uses `modelUsage` and not `usage`: the latter leaves out subagents. But if the sum of a resumed session goes
    /// back to its beginning and no share is reported, only `usage` belongs to this process: it is priced as the CLI
    /// itself priced the sum.
    fn cost_and_tokens(&self, fields: &Fields<'_>) -> (ReportedCost, Tokens) {
        let share = fields.object_values("model_usage_since_last_result");
        let is_share = share.is_some();
        if self.session == SessionStart::Resumed
            && !is_share
            && self.can.cost_when_resumed == CostSpan::Session
        {
            let tokens = fields.object("usage").map(|usage| api_tokens(&usage)).unwrap_or_default();
            let cost = self
                .own_price(fields)
                .map(|price| possible(to_billionths(price.of(tokens)), ReportedCost::Invocation));
            return (cost.unwrap_or(ReportedCost::None), tokens);
        }
        let models = share.or_else(|| fields.object_values("modelUsage")).unwrap_or_default();
        let mut tokens = models.iter().map(model_tokens).fold(Tokens::default(), |sum, used| sum + used);
        if models.is_empty() && !is_share {
            tokens = fields.object("usage").map(|usage| api_tokens(&usage)).unwrap_or_default();
        }
        let mut costs = models.iter().filter_map(|model| model.get::<f64>("costUSD")).peekable();
        let is_priced = costs.peek().is_some() || tokens.total() == 0;
        let total = fields.number("total_cost_usd");
        let cost = match (is_share, total) {
            (true, _) if !is_priced => ReportedCost::None,
            (true, _) => possible(costs.fold(0.0, |sum, usd| sum + usd), ReportedCost::SinceLastResult),
            (false, Some(usd)) => possible(usd, ReportedCost::Invocation),
            (false, None) => ReportedCost::None,
        };
        (cost, tokens)
    }

    /// Returns the price of the model that answered last, from what the CLI says its tokens cost in the whole session.
    ///
    /// The kinds of tokens of a model are priced in the same proportions on every price list of Claude models.
    fn own_price(&self, fields: &Fields<'_>) -> Option<Price> {
        let used = fields.object("modelUsage")?.object(self.last_model.as_ref()?)?;
        let unit = Price::list(Tier::Haiku);
        let units = unit.of(model_tokens(&used));
        let usd = used.number("costUSD").filter(|usd| usd.is_finite() && *usd >= 0.0)?;
        (units > 0.0).then(|| unit.times(usd / units))
    }
}

/// Reads the tokens that a model used, as `modelUsage` reports them.
fn model_tokens(model: &Fields<'_>) -> Tokens {
    Tokens {
        input: model.count("inputTokens"),
        output: model.count("outputTokens"),
        cache_read: model.count("cacheReadInputTokens"),
        cache_write: model.count("cacheCreationInputTokens"),
    }
}

/// Returns the payer, if the usage of a model names a cloud.
fn provider(models: &[Fields<'_>]) -> Option<Payer> {
    let name = models.iter().find_map(|model| model.text("provider"))?;
    let cloud = match name.as_str() {
        "bedrock" => Cloud::Bedrock,
        "vertex" => Cloud::Vertex,
        "foundry" => Cloud::Foundry,
        "anthropicAws" => Cloud::AnthropicAws,
        "anthropicGoogleCloud" => Cloud::AnthropicGoogleCloud,
        "mantle" => Cloud::Mantle,
        _ => return None,
    };
    Some(Payer::Cloud(cloud))
}

/// An end that is named by one of the CLI's codes.
enum Ending {
    Kind(EndKind),
    Api(ApiErrorKind),
}

/// Reads the codes of a result that say how it ended, whatever it calls itself.
fn ending_by_code(fields: &Fields<'_>, subtype: &str, stop: &str, text: &str) -> Option<Ending> {
    let reason = fields.text("terminal_reason").unwrap_or_default();
    let code = fields.text("api_error").or_else(|| fields.any_text("error")).unwrap_or_default();
    let has_no_turn = fields.get("num_turns") == Some(0u32);
    let is = |key: &str| fields.get(key) == Some(true);
    let kind = |kind| Some(Ending::Kind(kind));
    match (subtype, reason.as_str(), stop) {
        ("error_max_turns", _, _) | (_, "max_turns", _) => return kind(EndKind::MaxTurns),
        ("error_max_budget_usd", _, _) | (_, "budget_exhausted", _) => return kind(EndKind::Budget),
        ("error_max_structured_output_retries", _, _)
        | (_, "structured_output_retry_exhausted" | "malformed_tool_use_exhausted", _) => {
            return kind(EndKind::WrongForm);
        }
        (_, _, "aborted") => return kind(EndKind::Interrupted),
        (_, "tool_deferred" | "tool_deferred_unavailable", _) => return kind(EndKind::HookRefused),
        (_, reason, _) if reason.starts_with("aborted") => return kind(EndKind::Interrupted),
        (_, "prompt_too_long" | "blocking_limit", _) => return Some(Ending::Api(ApiErrorKind::BadRequest)),
        (_, _, "refusal" | "content_filter") => return Some(Ending::Api(ApiErrorKind::Refusal)),
        (_, _, "max_tokens" | OUTPUT_LIMIT | "model_context_window_exceeded" | "length" | "pause_turn") => {
            return Some(Ending::Api(ApiErrorKind::OutputLimit));
        }
        (_, "hook_stopped" | "stop_hook_prevented", _) if text.is_empty() => {
            return kind(EndKind::HookRefused);
        }
        (_, _, _) => {}
    }
    match code.as_str() {
        OUTPUT_LIMIT => Some(Ending::Api(ApiErrorKind::OutputLimit)),
        "hook_denied" => kind(EndKind::HookRefused),
        "claude_code_version_too_old" => kind(EndKind::Failed(Complaint::Configuration)),
        _ if has_no_turn
            && ["blocked by hook", "stopped by hook"].iter().any(|words| text.contains(words)) =>
        {
            kind(EndKind::HookRefused)
        }
        _ if is("interrupted_by_shutdown") => kind(EndKind::Interrupted),
        _ if is("stopped_by_permission_check") => kind(EndKind::HookRefused),
        _ if fields.has("startup_failure_reason") => kind(EndKind::Failed(Complaint::Configuration)),
        _ => None,
    }
}

/// Returns whether a result that does not call itself an error is one: by a reason, a code or a status that only errors
/// have, or by an error subtype without any text.
fn is_error_all_the_same(fields: &Fields<'_>, subtype: &str, text: &str) -> bool {
    const REASONS: [&str; 6] =
        ["api_error", "model_error", "image_error", "rapid_refill_breaker", "turn_setup_failed", "error"];
    let reason = fields.text("terminal_reason").unwrap_or_default();
    let has_code = fields.has("error") || fields.has("api_error") || fields.has("api_error_status");
    REASONS.contains(&reason.as_str()) || has_code || (subtype.starts_with("error") && text.is_empty())
}

/// The highest plausible cost of an attempt, in US dollars; a figure beyond it is an error.
const USD_MAX: f64 = 100_000.0;

/// Rounds a quotient, whose further digits mean nothing.
fn to_billionths(usd: f64) -> f64 {
    (usd * 1e9).round() / 1e9
}

fn possible(usd: f64, cost: impl Fn(f64) -> ReportedCost) -> ReportedCost {
    if (0.0..=USD_MAX).contains(&usd) { cost(usd) } else { ReportedCost::Odd }
}

fn denied_call(denial: &Fields<'_>) -> DeniedCall {
    let tool = denial.line("tool_name").unwrap_or_default();
    let input = denial.object("tool_input");
    let (purpose, what) = tools::describe(&tool, input.as_ref());
    DeniedCall {
        id: denial.id("tool_use_id"),
        tool,
        purpose: Some(purpose),
        what: Some(what).filter(|what| !what.is_empty()),
    }
}
