//! One run with everything that is known about it.

use jiff::Timestamp;
use pointsman_core::report::run::RunReport;
use pointsman_core::run::state::Phase;
use pointsman_core::run::verify::Verification;

use super::human::{ago, duration, indented, usd};
use super::{attempt, changes, route};
use crate::engine::query::{Driver, FoundRun};

/// Returns everything that is known about a run; `driver` is the process that drives it, if there is one.
pub fn text(found: &FoundRun, report: &RunReport, driver: Option<Driver>, now: Timestamp) -> String {
    let rehearsal = if report.rehearsal { ", a rehearsal" } else { "" };
    let mut lines = vec![
        format!("run        {} ({}){rehearsal}", report.short_id, report.run_id),
        format!(
            "state      {}{}{}",
            found.state.word(),
            report.code.map(|code| format!(" [{code}]")).unwrap_or_default(),
            report.reason.as_deref().map(|r| format!(": {r}")).unwrap_or_default()
        ),
        waiting(found),
        driver.map(|driver| driven_by(driver, now)).unwrap_or_default(),
        format!("session    {}", report.session_id),
        format!("project    {}", report.project_root),
    ];
    lines.retain(|line| !line.is_empty());
    if let Some(at) = report.created_at {
        lines.push(format!("asked      {at} ({})", ago(at, now)));
    }
    if let Some(decided) = &report.route {
        lines.push(format!("route      {}", route::text(&decided.route)));
    }
    for (number, attempt) in report.attempts.iter().enumerate() {
        let outcome = attempt.outcome.map_or("running", |outcome| outcome.as_str());
        let detail = attempt.detail.as_deref().unwrap_or_default();
        lines.push(format!(
            "attempt {}  {} ({}), asked for {}, served by {}{}: {outcome}, {detail} ({})",
            number + 1,
            attempt.agent,
            attempt.tier,
            attempt.model_requested,
            if attempt.models_served.is_empty() {
                "nobody".to_owned()
            } else {
                attempt.models_served.join(", ")
            },
            attempt::marks(attempt),
            duration(attempt.duration_ms),
        ));
        lines.extend(attempt.verification.as_ref().map(check));
    }
    if let Some(changed) = report.changes.as_ref().filter(|changed| !changed.is_empty()) {
        lines.push(format!("changed    {}", changes::summary(changed)));
        lines.extend(changed.files.iter().map(|file| format!("           {}", changes::file(file))));
    }
    lines.extend(report.cost_usd().map(|cost| format!("cost       {}", usd(cost))));
    if let Some(prompt) = found.state.requested.as_ref().and_then(|requested| requested.prompt.as_ref()) {
        lines.push(format!("\nrequest\n{}", indented(prompt)));
    }
    if let Some(answer) = &report.answer {
        lines.push(format!("\nanswer\n{}", indented(answer)));
    }
    lines.join("\n")
}

/// Returns what the user's own check of an attempt's work said.
fn check(check: &Verification) -> String {
    let came_to = match (check.passed, check.exit_code) {
        (true, _) => "passed".to_owned(),
        (false, Some(code)) => format!("failed with exit code {code}"),
        (false, None) => "did not end by itself".to_owned(),
    };
    let output = if check.passed || check.output.is_empty() {
        String::new()
    } else {
        format!("\n{}", indented(check.output.trim_end()))
    };
    format!("  verify   `{}` {came_to} ({}){output}", check.command, duration(check.duration_ms))
}

/// Returns what a run waits for and until when, if it does.
fn waiting(found: &FoundRun) -> String {
    match &found.state.phase {
        Phase::Waiting { until, why } => format!("waits      until {until} ({})", why.as_str()),
        Phase::New | Phase::Requested | Phase::Ready | Phase::Running | Phase::Finished { .. } => {
            String::new()
        }
    }
}

/// Returns the process that drives a run, and when it last recorded that it is alive.
fn driven_by(driver: Driver, now: Timestamp) -> String {
    let heard = driver.heartbeat_at.map(|at| format!(", heard of {}", ago(at, now)));
    let place = if driver.is_elsewhere { " on another machine, or in another container" } else { "" };
    format!("driver     process {}{place}{}", driver.pid, heard.unwrap_or_default())
}
