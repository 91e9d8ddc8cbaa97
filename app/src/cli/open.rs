//! `runs open`: goes on with a run's conversation in the agent's own CLI.

use std::path::Path;

use pointsman_core::error_code::ErrorCode;

use super::exit::Failure;
use crate::assemble::Environment;
use crate::engine::project::ProjectContext;
use crate::engine::query::FoundRun;
use crate::present::human::shell_word;
use crate::present::output;

/// Replaces this process by the agent's CLI at a terminal; prints the command otherwise.
pub fn main(
    environment: &Environment,
    project: &ProjectContext,
    found: &FoundRun,
    print: bool,
) -> Result<u8, Failure> {
    if !found.state.is_finished() {
        let message = format!("run `{}` is not over: two processes would write one conversation", found.id);
        return Err(Failure::new(ErrorCode::StillRunning, message, "`pointsman runs cancel` stops it"));
    }
    let (dir, words) = command(project, found).ok_or_else(|| {
        let message = format!("run `{}` left no conversation that could go on", found.id);
        Failure::new(
            ErrorCode::NoConversation,
            message,
            "only runs of Claude Code in which a model answered leave one",
        )
    })?;
    if !Path::new(&dir).is_dir() {
        let message =
            format!("the project `{dir}` is gone, and the CLI finds conversations by their directory");
        return Err(Failure::bare(ErrorCode::NoConversation, message));
    }
    if print || !output::is_interactive() {
        let words: Vec<String> = words.iter().map(|word| shell_word(word)).collect();
        output::text(&format!("cd {} && {}", shell_word(&dir), words.join(" ")));
        return Ok(0);
    }
    let error = environment.replace_by(&words, Path::new(&dir));
    let message = format!("`{}` could not be started: {error}", words[0]);
    Err(Failure::new(ErrorCode::AgentMissing, message, "`pointsman doctor` checks the CLI"))
}

/// Returns the directory and the command that go on with a run's conversation.
fn command(project: &ProjectContext, found: &FoundRun) -> Option<(String, Vec<String>)> {
    let dir = found.state.requested.as_ref()?.project_root.clone();
    let answered = found.state.attempts.iter().rev().find_map(|attempt| {
        let ended = attempt.ended.as_ref().filter(|ended| ended.progressed)?;
        Some((&attempt.started.agent, ended.agent_session_id.as_ref()?))
    });
    let (agent, session) = answered?;
    let agent = project.catalog().get(agent)?;
    Some((dir, agent.adapter.interactive(agent, session)?))
}
