//! The bounds of a run: those of the settings, with what its spec says on top.

use pointsman_core::breaker::BreakerLimits;
use pointsman_core::run::next::Limits;
use pointsman_core::run::scenario::Scenario;
use pointsman_core::run::spec::{RunSpec, SpecLimits};

use crate::config::model::{HumanDuration, Settings};
use crate::engine::project::VerificationTerms;

/// Returns what a spec overrides in the settings, by settings key.
pub fn flags(spec: &RunSpec) -> Vec<(String, String)> {
    let mut flags = vec![];
    let mut set = |key: &str, value: Option<String>| {
        flags.extend(value.map(|value| (key.to_owned(), value)));
    };
    if spec.rehearsal == Some(Scenario::Hang) {
        // A rehearsed silence is there to demonstrate the watchdog, not to wait ten minutes.
        set("limits.idle", Some("3s".to_owned()));
        set("limits.stop_grace", Some("1s".to_owned()));
    }
    if spec.rehearsal.is_some() {
        // It shows what is done, not for how long a real service may be away.
        set("retry.base", Some("200ms".to_owned()));
        set("retry.cap", Some("1s".to_owned()));
        set("retry.max_elapsed", Some("3s".to_owned()));
    }
    let SpecLimits { timeout_ms, max_usd, max_turns, .. } = spec.limits;
    let duration = |ms| HumanDuration(std::time::Duration::from_millis(ms)).to_string();
    set("limits.timeout", timeout_ms.map(duration));
    set("limits.max_usd", max_usd.map(|usd| usd.to_string()));
    set("limits.max_turns", max_turns.map(|turns| turns.to_string()));
    flags
}

/// Returns how the work of a spec's agents is verified.
pub fn verification(settings: &Settings, spec: &RunSpec) -> Option<VerificationTerms> {
    // The scripted agent changes nothing: only a check that was asked for is made of it.
    let configured = settings.verify.command.as_deref().filter(|_| spec.rehearsal.is_none());
    let command = spec.verification.command(configured)?;
    Some(VerificationTerms { command, timeout: settings.verify.timeout.0 })
}

/// Converts the limits of the settings.
pub fn limits(settings: &Settings, asked: &SpecLimits) -> Limits {
    Limits {
        attempt_count_max: settings.limits.attempts,
        wall: settings.limits.timeout.0,
        idle: settings.limits.idle.0,
        startup: settings.limits.startup.0,
        post_result_grace: settings.limits.post_result_grace.0,
        stop_grace: settings.limits.stop_grace.0,
        max_turns: settings.limits.max_turns,
        max_usd: settings.limits.max_usd,
        answer_bytes_max: usize::try_from(settings.limits.answer_bytes_max).unwrap_or(usize::MAX),
        backoff_base: settings.retry.base.0,
        backoff_cap: settings.retry.cap.0,
        backoff_max_elapsed: settings.retry.max_elapsed.0,
        on_model_mismatch: settings.on_model_mismatch,
        escalation: asked.escalation,
        on_limit: asked.on_limit,
    }
}

/// Converts the breaker's limits of the settings.
pub fn breaker_limits(settings: &Settings) -> BreakerLimits {
    BreakerLimits {
        threshold: settings.breaker.threshold,
        open_for: settings.breaker.open_for.0,
        probe_for: settings.limits.timeout.0,
    }
}
