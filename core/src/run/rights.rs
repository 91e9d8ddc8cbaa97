//! The rights of a run: no attempt has more than the agent that the run began with.

use super::state::RunState;
use crate::agent::{Access, Agent, Catalog, PermissionMode};

/// Returns an agent as it works in a run's next attempt: with its own permission mode, or the run's where that one allows less.
pub fn held(run: &RunState, agent: &Agent, catalog: &Catalog) -> Agent {
    let own = agent.effective_permission_mode();
    let mode = of_run(run, catalog).map_or(own, |ceiling| own.at_most(ceiling));
    Agent { permission_mode: Some(mode), ..agent.clone() }
}

/// Returns whether an agent may take a run over. One whose CLI limits it is held to the run's rights; of a plain command
/// there is only what the operator says that it does.
pub fn may_take_over(run: &RunState, agent: &Agent, catalog: &Catalog) -> bool {
    let needed = match agent.access {
        Access::ReadOnly => PermissionMode::Plan,
        Access::Write => PermissionMode::AcceptEdits,
    };
    agent.adapter.capabilities(None).has_permissions
        || of_run(run, catalog).is_none_or(|ceiling| needed.at_most(ceiling) == needed)
}

/// The mode that the run began with; nothing before its first attempt.
fn of_run(run: &RunState, catalog: &Catalog) -> Option<PermissionMode> {
    let first = &run.attempts.first()?.started;
    // A run that an older version of ours began says nothing of its rights, and neither does a plain command: its agent does.
    first.permission_mode.or_else(|| catalog.get(&first.agent).map(Agent::effective_permission_mode))
}
