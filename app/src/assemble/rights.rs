//! The rights of a run's agents: those of the settings, with what its spec says on top.

use pointsman_core::agent::{Agent, Catalog, PermissionProfile};
use pointsman_core::project_commands::detect::project_commands;
use pointsman_core::routing_context::Isolation;
use pointsman_core::run::profile;
use pointsman_core::run::spec::SpecRights;

use crate::config::error::Warning;
use crate::config::load::Loaded;
use crate::config::root_files;

/// Gives the agents their rights. The ceiling comes last: it is that of the session that asked.
pub fn grant(
    catalog: &mut Catalog,
    rights: &SpecRights,
    loaded: &Loaded,
    isolation: Isolation,
) -> Option<Warning> {
    rights.mode.into_iter().for_each(|mode| catalog.set_permission_mode(mode));
    let wished = |agent: &Agent| rights.profile.or(agent.permission_profile).unwrap_or_default();
    let profiles: Vec<PermissionProfile> = catalog.agents().map(wished).collect();
    let commands = match profiles.iter().all(|profile| *profile == PermissionProfile::Edit) {
        true => vec![],
        false => project_commands(&root_files::read(&loaded.project.root)),
    };
    catalog.change(|agent| profile::granted(agent, rights.profile, &commands, isolation));
    catalog.allow_tools(&rights.allow_tools);
    rights.ceiling.into_iter().for_each(|ceiling| catalog.cap_permission_mode(ceiling));
    let is_less = |profile: &PermissionProfile| profile::held(*profile, isolation) != *profile;
    profiles.iter().any(is_less).then(|| Warning {
        at: None,
        message: "`full-in-worktree` allows the project's own commands only: this is no further working tree of git"
            .to_owned(),
        hint: Some("`git worktree add ../NAME` makes one".to_owned()),
    })
}
