//! What the CLI's own words and codes for errors mean.
//!
//! Only texts that the CLI made are examined here: the text of a failed result, a message of the model `<synthetic>`,
//! what it prints outside its stream. Never the words of a model. Newer versions (2.1.330 and later) name most errors
//! by a code; the texts serve older ones and gateways. They were collected from the programs themselves (2.1.197 to
//! 2.1.332) and from public reports.

use super::reset::reset_in;
use crate::adapter::event::{ApiErrorKind, ApiFailure, Complaint, LimitReached};
use crate::adapter::fields::bounded;

/// What an error says about itself, each part if it is given.
#[derive(Debug, Clone, Default)]
pub(super) struct ErrorFacts<'a> {
    /// The finer code of newer versions (`api_error`).
    pub code: Option<&'a str>,
    /// The CLI's word for the kind (`error`).
    pub word: Option<&'a str>,
    /// The HTTP status.
    pub status: Option<u16>,
    /// The human-readable text.
    pub text: &'a str,
}

impl ErrorFacts<'_> {
    /// Returns the kind of the error, by the most reliable sign first.
    ///
    /// Texts about limits, money and logins rank above the status: 400, 403 and 429 are sent with all of them.
    pub(super) fn kind(&self) -> Option<ApiErrorKind> {
        let text = self.text.to_lowercase();
        self.code
            .and_then(kind_of_code)
            .or_else(|| find(SURE, &text))
            .or_else(|| self.word.and_then(kind_of_word))
            .or_else(|| self.status.and_then(kind_of_status))
            .or_else(|| self.word.and_then(kind_of_vague_word))
            .or_else(|| find(VAGUE, &text))
            .or_else(|| status_in(&text).and_then(kind_of_status))
    }
}

/// Returns what a text on its own means, if it is one of the CLI's error texts.
pub(super) fn kind_of_text(text: &str) -> Option<ApiErrorKind> {
    ErrorFacts { text, ..ErrorFacts::default() }.kind()
}

/// Returns whether a text says explicitly that there were merely too many requests at once.
pub(super) fn is_surely_a_throttle(text: &str) -> bool {
    find(SURE, &text.to_lowercase()) == Some(ApiErrorKind::TooManyRequests)
}

/// Unambiguous texts, in lowercase; the first that occurs anywhere in the error's text counts.
const SURE: &[(&str, ApiErrorKind)] = &[
    ("not your usage limit", ApiErrorKind::TooManyRequests),
    ("temporarily limiting requests", ApiErrorKind::TooManyRequests),
    ("rate limit reached", ApiErrorKind::TooManyRequests),
    ("per minute", ApiErrorKind::TooManyRequests),
    ("per min)", ApiErrorKind::TooManyRequests),
    ("reduce concurrency", ApiErrorKind::TooManyRequests),
    ("experiencing high load", ApiErrorKind::Overloaded),
    ("process is refreshing it", ApiErrorKind::LoginRenewing),
    ("exited mid-refresh", ApiErrorKind::LoginRenewing),
    ("this is usually transient", ApiErrorKind::LoginRenewing),
    ("this may be a temporary network issue", ApiErrorKind::LoginRenewing),
    ("could not load aws credentials", ApiErrorKind::LoginRenewing),
    ("disk quota", ApiErrorKind::Service),
    ("credit balance is too low", ApiErrorKind::Billing),
    ("credit balance too low", ApiErrorKind::Billing),
    ("doesn't have enough credit", ApiErrorKind::Billing),
    ("payment is past due", ApiErrorKind::Billing),
    ("payment required", ApiErrorKind::Billing),
    ("insufficient balance", ApiErrorKind::Billing),
    ("insufficient credit", ApiErrorKind::Billing),
    ("insufficient funds", ApiErrorKind::Billing),
    ("余额不足", ApiErrorKind::Billing),
    ("you've hit your", ApiErrorKind::AccountLimit),
    ("you have hit your", ApiErrorKind::AccountLimit),
    ("you've reached your", ApiErrorKind::AccountLimit),
    ("you have reached your", ApiErrorKind::AccountLimit),
    ("reached your specified", ApiErrorKind::AccountLimit),
    ("out of usage", ApiErrorKind::AccountLimit),
    ("out of extra usage", ApiErrorKind::AccountLimit),
    ("requires usage credits", ApiErrorKind::AccountLimit),
    ("usage credits required", ApiErrorKind::AccountLimit),
    ("extra usage is required", ApiErrorKind::AccountLimit),
    ("usage credits ran out", ApiErrorKind::AccountLimit),
    ("usage limit", ApiErrorKind::AccountLimit),
    ("spend limit", ApiErrorKind::AccountLimit),
    ("spending limit", ApiErrorKind::AccountLimit),
    ("weekly limit", ApiErrorKind::AccountLimit),
    ("session limit", ApiErrorKind::AccountLimit),
    ("5-hour limit", ApiErrorKind::AccountLimit),
    ("opus limit", ApiErrorKind::AccountLimit),
    ("limit reached", ApiErrorKind::AccountLimit),
    ("group budget", ApiErrorKind::AccountLimit),
    ("doesn't include usage", ApiErrorKind::AccountLimit),
    ("doesn't include extra usage", ApiErrorKind::AccountLimit),
    ("usage allocation has been disabled", ApiErrorKind::AccountLimit),
    ("usage is paused", ApiErrorKind::AccountLimit),
    ("quota", ApiErrorKind::AccountLimit),
    ("额度", ApiErrorKind::AccountLimit),
    ("run /login", ApiErrorKind::Login),
    ("not logged in", ApiErrorKind::Login),
    ("claude auth login", ApiErrorKind::Login),
    ("claude login", ApiErrorKind::Login),
    ("invalid api key", ApiErrorKind::Login),
    ("invalid x-api-key", ApiErrorKind::Login),
    ("invalid auth token", ApiErrorKind::Login),
    ("invalid bearer token", ApiErrorKind::Login),
    ("failed to authenticate", ApiErrorKind::Login),
    ("authentication required", ApiErrorKind::Login),
    ("authentication failed", ApiErrorKind::Login),
    ("authentication error", ApiErrorKind::Login),
    ("resolve authentication method", ApiErrorKind::Login),
    ("oauth token has", ApiErrorKind::Login),
    ("oauth token revoked", ApiErrorKind::Login),
    ("oauth session expired", ApiErrorKind::Login),
    ("refresh oauth token", ApiErrorKind::Login),
    ("credentials expired", ApiErrorKind::Login),
    ("organization has been disabled", ApiErrorKind::Login),
    ("belongs to a disabled organization", ApiErrorKind::Login),
    ("disabled for your org", ApiErrorKind::Login),
    ("organization has disabled", ApiErrorKind::Login),
    ("account is on hold", ApiErrorKind::Login),
    ("does not have access to claude", ApiErrorKind::Login),
    ("apikeyhelper script is failing", ApiErrorKind::Login),
    ("anthropic_custom_headers", ApiErrorKind::Login),
    ("output token maximum", ApiErrorKind::OutputLimit),
    ("before it reached anthropic's api", ApiErrorKind::Service),
];

/// Texts that rank below a status and a code: they name a kind of trouble and not its cause.
const VAGUE: &[(&str, ApiErrorKind)] = &[
    ("prompt is too long", ApiErrorKind::BadRequest),
    ("overloaded", ApiErrorKind::Overloaded),
    ("at capacity", ApiErrorKind::Overloaded),
    ("rate limit", ApiErrorKind::TooManyRequests),
    ("too many requests", ApiErrorKind::TooManyRequests),
    ("safeguards", ApiErrorKind::Refusal),
    ("usage policy", ApiErrorKind::Refusal),
    ("connection", ApiErrorKind::Service),
    ("timed out", ApiErrorKind::Service),
    ("unable to connect", ApiErrorKind::Service),
    ("fetch failed", ApiErrorKind::Service),
    ("socket hang up", ApiErrorKind::Service),
    ("econn", ApiErrorKind::Service),
    ("etimedout", ApiErrorKind::Service),
    ("enotfound", ApiErrorKind::Service),
    ("eai_again", ApiErrorKind::Service),
    ("empty response", ApiErrorKind::Service),
    ("malformed response", ApiErrorKind::Service),
    ("internal server error", ApiErrorKind::Service),
    ("service unavailable", ApiErrorKind::Service),
    ("bad gateway", ApiErrorKind::Service),
];

fn find(texts: &[(&str, ApiErrorKind)], text: &str) -> Option<ApiErrorKind> {
    texts.iter().find(|(words, _)| text.contains(words)).map(|(_, kind)| *kind)
}

/// The codes of `api_error`, as of 2.1.332. A code that is missing here says less than the text does.
fn kind_of_code(code: &str) -> Option<ApiErrorKind> {
    Some(match code {
        "usage_limit_reached" | "model_requires_usage_credits" | "long_context_credits_required" => {
            ApiErrorKind::AccountLimit
        }
        "max_output_tokens" => ApiErrorKind::OutputLimit,
        "provider_credentials"
        | "gateway_signin_required"
        | "gateway_session_expired"
        | "api_key_auth_disabled"
        | "org_disabled_credential"
        | "invalid_credential_header"
        | "stored_login_refused"
        | "named_profile_unusable" => ApiErrorKind::Login,
        "dlp_request_denied" | "safety_monitor_blocked" => ApiErrorKind::Refusal,
        "message_over_context_limit"
        | "pdf_too_large"
        | "pdf_password_protected"
        | "tool_history_mismatch" => ApiErrorKind::BadRequest,
        "connection_failed"
        | "stream_idle_timeout"
        | "computer_slept"
        | "no_response"
        | "empty_completion"
        | "gateway_content_type"
        | "network_edge_blocked"
        | "tls_untrusted_ca"
        | "tls_cert_signature_failure" => ApiErrorKind::Service,
        _ => return None,
    })
}

/// The values of `error` in a message or a retry that say more than the status does.
fn kind_of_word(word: &str) -> Option<ApiErrorKind> {
    Some(match word {
        "authentication_failed" | "oauth_org_not_allowed" | "account_on_hold" | "verification_required" => {
            ApiErrorKind::Login
        }
        "cloud_credential_error" => ApiErrorKind::LoginRenewing,
        "billing_error" => ApiErrorKind::Billing,
        "overloaded" => ApiErrorKind::Overloaded,
        "model_not_found" => ApiErrorKind::BadRequest,
        "max_output_tokens" => ApiErrorKind::OutputLimit,
        _ => return None,
    })
}

/// The values of `error` that stand for several statuses: 529 is a `server_error` as well. `unknown` says nothing.
fn kind_of_vague_word(word: &str) -> Option<ApiErrorKind> {
    Some(match word {
        "rate_limit" => ApiErrorKind::TooManyRequests,
        "invalid_request" => ApiErrorKind::BadRequest,
        "server_error" => ApiErrorKind::Service,
        _ => return None,
    })
}

/// Returns what an HTTP status on its own means.
fn kind_of_status(status: u16) -> Option<ApiErrorKind> {
    Some(match status {
        401 | 403 => ApiErrorKind::Login,
        402 => ApiErrorKind::Billing,
        // The request waited too long, collided with another one, or came too early: nothing is wrong with it.
        408 | 409 | 425 => ApiErrorKind::Service,
        429 => ApiErrorKind::TooManyRequests,
        529 => ApiErrorKind::Overloaded,
        400..=499 => ApiErrorKind::BadRequest,
        500..=599 => ApiErrorKind::Service,
        _ => return None,
    })
}

/// Reads the status of `API Error: 529 …`, also in brackets and after other words.
fn status_in(text: &str) -> Option<u16> {
    let (_, behind) = text.split_once("api error:")?;
    let digits: String = behind.trim_start().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// What the CLI says on standard error, or in a result, when it cannot continue a session.
const SESSION_UNKNOWN: &[&str] = &[
    "no conversation found",
    "requires a valid session id",
    "is already in use",
    "is currently running as a background agent",
    "failed to resume the conversation",
];

/// Signs that a part of the CLI is missing on this machine.
const MISSING: &[&str] = &[
    "could not find native binary",
    "native binary not installed",
    "failed to execute native binary",
    "unsupported platform",
    "cannot find module",
    "exec format error",
    "error while loading shared libraries",
    "version `glibc",
    "bad interpreter",
    "requires node.js version",
    "lacks avx support",
    "illegal instruction",
    "please run npm install",
];

/// Signs that the machine is in trouble, or that the CLI crashed rather than refused something.
const MACHINE: &[&str] = &[
    "enospc",
    "no space left",
    "edquot",
    "emfile",
    "too many open files",
    "enomem",
    "out of memory",
    "cannot allocate memory",
    "segmentation fault",
    "could not acquire lock",
    "update in progress",
    "eio:",
    "panic",
    "typeerror:",
    "referenceerror:",
    "rangeerror:",
    "unhandled",
];

/// Builds a failure. If it is an account limit, its reset time is read from the text.
pub(super) fn failure(kind: ApiErrorKind, status: Option<u16>, text: &str) -> ApiFailure {
    let limit =
        (kind == ApiErrorKind::AccountLimit).then(|| LimitReached { window: None, reset: reset_in(text) });
    let text = Some(bounded(text)).filter(|text| !text.trim().is_empty());
    ApiFailure { kind, status, text, limit }
}

/// Reads why the CLI cannot continue from what it said outside its stream, or as the error of a result.
pub(super) fn complaint(said: &str) -> Option<Complaint> {
    let text = said.to_lowercase();
    let says = |signs: &[&str]| signs.iter().any(|sign| text.contains(sign));
    if says(SESSION_UNKNOWN) {
        return Some(Complaint::SessionUnknown);
    }
    if is_about_configuration(said) {
        return Some(Complaint::Configuration);
    }
    if says(MISSING) {
        return Some(Complaint::Missing);
    }
    if says(MACHINE) {
        return Some(Complaint::Machine);
    }
    let kind = kind_of_text(said)?;
    Some(Complaint::Api(failure(kind, None, said)))
}

/// Returns whether the CLI says that it refuses its arguments or settings.
pub(super) fn is_about_configuration(said: &str) -> bool {
    let text = said.to_lowercase();
    CONFIGURATION.iter().any(|sign| text.contains(sign))
}

/// Signs that the CLI refuses its arguments or settings.
const CONFIGURATION: &[&str] = &[
    "unknown option",
    "unknown argument",
    "unexpected argument",
    "is invalid. allowed choices",
    "argument missing",
    "invalid mcp configuration",
    "settings file",
    "configuration error",
    "configuration file",
    "cannot be used with root",
    "requires --verbose",
    "not found. available agents",
    "needs an update",
    "is older than the minimum version",
    "is newer than the maximum version",
    "invalid proxy url",
    "invalid session id",
    "current directory no longer exists",
    "workspace not trusted",
    "invalid --",
    "cannot be parsed as a url",
    "invalid url",
    "does not support this model; version",
];

#[cfg(test)]
mod tests;
