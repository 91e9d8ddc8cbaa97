//! Permission profiles: what an agent may do besides what its permission mode allows, in one word.

use crate::agent::{Access, Agent, PermissionMode, PermissionProfile};
use crate::project_commands::command::ProjectCommand;
use crate::routing_context::Isolation;

/// The tools of `full-in-worktree`: commands, and the web.
const FULL: [&str; 3] = ["Bash", "WebFetch", "WebSearch"];

/// Returns an agent with what its profile grants; `asked` is the profile that a spec asks for, which wins. A read-only
/// agent is granted nothing.
pub fn granted(
    agent: &Agent,
    asked: Option<PermissionProfile>,
    commands: &[ProjectCommand],
    isolation: Isolation,
) -> Agent {
    let mut agent = agent.clone();
    let only_looks =
        agent.access == Access::ReadOnly || agent.effective_permission_mode() == PermissionMode::Plan;
    if only_looks || !agent.adapter.capabilities(None).has_permissions {
        return agent;
    }
    match held(asked.or(agent.permission_profile).unwrap_or_default(), isolation) {
        PermissionProfile::Edit => {}
        PermissionProfile::Test => {
            agent.project_commands = commands.iter().map(|command| command.command.clone()).collect();
        }
        PermissionProfile::FullInWorktree => agent.allow_tools.extend(FULL.map(str::to_owned)),
    }
    agent
}

/// Returns a profile as it holds in a place: everything is allowed only where it is apart from the user's own work.
pub fn held(profile: PermissionProfile, isolation: Isolation) -> PermissionProfile {
    match (profile, isolation) {
        (PermissionProfile::FullInWorktree, Isolation::Shared) => PermissionProfile::Test,
        (profile, _) => profile,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::Tier;
    use crate::agent::reach::Reach;
    use crate::fixture::general;
    use crate::project_commands::command::CommandKind;

    fn with(profile: PermissionProfile, access: Access, isolation: Isolation) -> Agent {
        let agent = Agent { permission_profile: Some(profile), access, ..general(Tier::Sonnet) };
        granted(&agent, None, &[ProjectCommand::new(CommandKind::Test, "cargo test")], isolation)
    }

    #[test]
    fn a_profile_grants_what_its_name_says() {
        use PermissionProfile::{Edit, FullInWorktree, Test};
        let (shared, apart) = (Isolation::Shared, Isolation::Worktree);
        for (profile, access, isolation, commands, tools) in [
            (Edit, Access::Write, shared, 0, 0),
            (Test, Access::Write, shared, 1, 0),
            (Test, Access::ReadOnly, apart, 0, 0),
            (FullInWorktree, Access::Write, apart, 0, 3),
            // Beside the user's own work it is no more than tests.
            (FullInWorktree, Access::Write, shared, 1, 0),
            (FullInWorktree, Access::ReadOnly, apart, 0, 0),
        ] {
            let agent = with(profile, access, isolation);
            let granted = (agent.project_commands.len(), agent.allow_tools.len());
            assert_eq!(granted, (commands, tools), "{profile:?} {access:?} {isolation:?}");
        }
    }

    #[test]
    fn a_spec_chooses_less_than_the_agents_own_profile_as_well_as_more() {
        let agent = Agent { permission_profile: Some(PermissionProfile::Test), ..general(Tier::Sonnet) };
        let commands = [ProjectCommand::new(CommandKind::Test, "cargo test")];
        let less = granted(&agent, Some(PermissionProfile::Edit), &commands, Isolation::Shared);
        assert!(less.project_commands.is_empty());
    }

    /// The project's own checks are what editing its files may do anyway, as soon as somebody runs them.
    #[test]
    fn the_projects_own_checks_reach_no_further_than_its_files() {
        let agent = with(PermissionProfile::Test, Access::Write, Isolation::Shared);
        assert_eq!(Reach::of(&agent), Reach::Files);
        let full = with(PermissionProfile::FullInWorktree, Access::Write, Isolation::Worktree);
        assert_eq!(Reach::of(&full), Reach::Commands);
    }
}
