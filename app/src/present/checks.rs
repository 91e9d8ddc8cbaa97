//! What `doctor` checked, and the results.

use anstyle::AnsiColor;
use pointsman_core::error_code::ErrorCode;
use pointsman_core::report::run::SCHEMA_VERSION;
use serde::Serialize;

use super::fit::{self, Line, Span};
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

/// Returns the checks, each with its hint below it, in lines that fit the terminal.
pub fn lines(checks: &[Check], width: Option<usize>) -> Vec<Line> {
    checks.iter().flat_map(|check| of_check(check, width)).collect()
}

fn of_check(check: &Check, width: Option<usize>) -> Vec<Line> {
    /// How many columns stand before what was found.
    const TAKEN: usize = 9;
    let (word, colour) = match check.severity {
        Severity::Ok => ("ok", AnsiColor::Green),
        Severity::Warning => ("warning", AnsiColor::Yellow),
        Severity::Broken => ("BROKEN", AnsiColor::Red),
    };
    let found = format!("{} {}", output::coded(&check.name, check.code), check.detail);
    let text = fit::hung(&found, TAKEN, TAKEN - 2, width);
    let mut lines: Vec<Line> = text.lines().map(|line| vec![Span::plain(line)]).collect();
    if let Some(first) = lines.first_mut() {
        let gap = " ".repeat(TAKEN - word.len());
        first.splice(0..0, [Span::new(word, colour.on_default().bold()), Span::plain(gap)]);
    }
    if let Some(hint) = &check.hint {
        let text = fit::hung(&format!("hint: {hint}"), TAKEN, TAKEN, width);
        let indent = " ".repeat(TAKEN);
        lines.extend(format!("{indent}{text}").lines().map(|line| vec![Span::plain(line)]));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_fit_terminals_of_all_widths() {
        let checks = [
            Check::new("policy", Severity::Ok, "the built-in rules alone"),
            Check::new("login", Severity::Warning, "no subscription login was found; all agents: the agent's own settings decide who pays")
                .hint("log in (`claude`, then `/login`) or set ANTHROPIC_API_KEY, unless the agent has its own settings"),
            Check {
                code: Some(ErrorCode::NotToml),
                ..Check::new("configuration", Severity::Broken, "~/.config/pointsman/config.toml:1:8: not valid TOML: unclosed table, expected `]`")
            },
        ];
        for width in [50, 80, 120] {
            let text = fit::unstyled(&lines(&checks, Some(width)));
            insta::assert_snapshot!(format!("checks_{width}"), text);
        }
        let styled = fit::styled(&lines(&checks, None));
        assert!(styled.contains("\u{1b}[31m") && styled.contains("BROKEN"), "{styled:?}");
    }
}
