//! The rights of a run: no attempt has more than the agent that the run began with.

use super::state::RunState;
use crate::agent::{Access, Agent, Catalog, PermissionMode};

/// Returns an agent as it works in a run's next attempt: with its own permission mode, or the run's if that allows
/// less, and with those of its tools and commands that the first agent was allowed as well.
pub fn held(run: &RunState, agent: &Agent, catalog: &Catalog) -> Agent {
    let own = agent.effective_permission_mode();
    let mode = of_run(run, catalog).map_or(own, |ceiling| own.at_most(ceiling));
    let mut held = Agent { permission_mode: Some(mode), ..agent.clone() };
    if let Some(first) = run.attempts.first() {
        let first = catalog.get(&first.started.agent);
        held.allow_tools.retain(|rule| first.is_some_and(|first| first.allow_tools.contains(rule)));
        let was_allowed =
            |command: &String| first.is_some_and(|first| first.project_commands.contains(command));
        held.project_commands.retain(was_allowed);
    }
    held
}

/// Returns whether an agent may take over a run. One whose CLI restricts it is held to the run's rights; for a plain
/// command there is only the operator's statement of what it does.
pub fn may_take_over(run: &RunState, agent: &Agent, catalog: &Catalog) -> bool {
    let needed = match agent.access {
        Access::ReadOnly => PermissionMode::Plan,
        Access::Write => PermissionMode::AcceptEdits,
    };
    agent.adapter.capabilities(None).has_permissions
        || of_run(run, catalog).is_none_or(|ceiling| needed.at_most(ceiling) == needed)
}

/// Returns the mode that the run began with; `None` before its first attempt.
fn of_run(run: &RunState, catalog: &Catalog) -> Option<PermissionMode> {
    let first = &run.attempts.first()?.started;
    // If an older version of pointsman began the run, or its agent is a plain command, the log has no mode: the agent's
    // own is used.
    first.permission_mode.or_else(|| catalog.get(&first.agent).map(Agent::effective_permission_mode))
}
