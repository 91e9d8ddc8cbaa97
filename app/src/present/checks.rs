//! What `doctor` checked, and the results.

use pointsman_core::error_code::ErrorCode;
use pointsman_core::report::run::SCHEMA_VERSION;
use serde::Serialize;

use super::output;

/// How serious the result of a check is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing is wrong.
    Ok,
    /// Something may be wrong.
    Warning,
    /// Something is wrong.
    Broken,
}

/// One check.
#[derive(Debug, Serialize)]
pub struct Check {
    /// What was checked.
    pub name: String,
    /// The result.
    #[serde(rename = "status")]
    pub severity: Severity,
    /// What was found.
    pub detail: String,
    /// The error code of the failure that was found, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<ErrorCode>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Check {
    /// Returns a check with what was found.
    pub fn new(name: &str, severity: Severity, detail: impl Into<String>) -> Check {
        Check { name: name.to_owned(), severity, detail: detail.into(), code: None, hint: None }
    }

    /// Returns the check with a hint on what to do.
    pub fn hint(self, hint: impl Into<String>) -> Check {
        Check { hint: Some(hint.into()), ..self }
    }
}

/// The output of `doctor -o json`.
#[derive(Serialize)]
pub struct Checks<'a> {
    schema_version: u32,
    healthy: bool,
    checks: &'a [Check],
}

impl Checks<'_> {
    /// Returns the checks as data.
    pub fn new(checks: &[Check]) -> Checks<'_> {
        Checks { schema_version: SCHEMA_VERSION, healthy: are_healthy(checks), checks }
    }
}

/// Returns whether nothing is broken.
pub fn are_healthy(checks: &[Check]) -> bool {
    checks.iter().all(|check| check.severity != Severity::Broken)
}

/// Returns the checks, each with its hint below it.
pub fn text(checks: &[Check]) -> String {
    checks.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn line(check: &Check) -> String {
    let word = match check.severity {
        Severity::Ok => "ok     ",
        Severity::Warning => "warning",
        Severity::Broken => "BROKEN ",
    };
    let hint = check.hint.as_ref().map(|hint| format!("\n         hint: {hint}")).unwrap_or_default();
    format!("{word}  {} {}{hint}", output::coded(&check.name, check.code), check.detail)
}
