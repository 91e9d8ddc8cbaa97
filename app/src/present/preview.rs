//! What a run would do, for `run --dry-run`.

use super::human::{duration, shell_word, usd};
use serde::Serialize;

use super::repository::RepositoryReport;
use super::{payer, route};
use crate::engine::preview::Preview;

/// What a run would do, for scripts.
#[derive(Debug, Serialize)]
pub struct PreviewReport<'a> {
    /// The first attempt.
    #[serde(flatten)]
    pub preview: &'a Preview,
    /// What the repository asks of Claude Code; missing if it asks for nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<RepositoryReport>,
}

/// Returns what a run would do, line by line.
pub fn text(preview: &Preview) -> String {
    let argv: Vec<String> = preview.argv.iter().map(|arg| shell_word(arg)).collect();
    let program = match &preview.program {
        Some(_) => String::new(),
        None => "\n           (not found: this run would end with exit 69)".to_owned(),
    };
    let or_none = |count: Option<String>| count.unwrap_or_else(|| "no limit".to_owned());
    let limits = &preview.limits;
    [
        format!("route      {}", route::text(&preview.route)),
        format!("rules      {}", preview.route.rules.join(", ")),
        format!("directory  {}", preview.cwd.display()),
        format!("command    {}{program}", argv.join(" ")),
        format!("stdin      {} bytes: the request", preview.stdin_bytes),
        format!("rights     {}", preview.permission_mode),
        format!("pays       {}", payer::text(preview.payer)),
        format!("env        {}", preview.environment.join(" ")),
        format!("withheld   {} variables of yours", preview.withheld.len()),
        format!(
            "limits     {} attempts, each {} at most, {} of silence; turns: {}; cost: {}",
            limits.attempts,
            duration(limits.wall_seconds * 1000),
            duration(limits.idle_seconds * 1000),
            or_none(limits.max_turns.map(|turns| turns.to_string())),
            or_none(limits.max_usd.map(usd)),
        ),
    ]
    .join("\n")
}
