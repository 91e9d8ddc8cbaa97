//! What `doctor` and `plugin status` look at to say whether our hooks run here.

use std::time::Duration;

use jiff::Timestamp;
use pointsman_core::gate::{self, FolderState, Obstacle, Place};
use pointsman_core::hook::mode::RoutingMode;

use super::context::runtime;
use super::exit::Failure;
use crate::assemble::Environment;
use crate::clock;
use crate::config::load::Loaded;
use crate::plugin::{Folder, ID, Plugin, sessions};

/// How far back sessions are looked at.
const SESSIONS_SINCE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Finds what is in the way of our hooks in a project. `own_trouble` says what is wrong with our own settings.
pub fn obstacles(
    environment: &Environment,
    loaded: &Loaded,
    plugin: &Plugin,
    own_trouble: Option<String>,
) -> Result<Vec<Obstacle>, Failure> {
    let files = environment.claude_settings(&loaded.project.root);
    if !gate::is_used(&files, ID) {
        return Ok(vec![]);
    }
    let folder = match plugin.folder_state() {
        Folder::Missing => FolderState::Missing,
        Folder::OutOfDate | Folder::UpToDate => FolderState::There,
    };
    let env = |name: &str| environment.env.text(name).map(str::to_owned);
    let cli = runtime()?.block_on(environment.plugin_cli(plugin));
    let place = Place { files: &files, env: &env, plugin_id: ID, folder, cli, own_trouble };
    let mut found = gate::obstacles(&place);
    // Where something is known to be in the way, nothing else is to be learnt from silence.
    if !found.iter().any(Obstacle::is_off) && loaded.settings.routing_mode != RoutingMode::Off {
        found.extend(silence(environment, loaded, plugin)?);
    }
    Ok(found)
}

/// Returns when a hook of ours was last heard of in the project, within the last days.
pub fn last_heard(environment: &Environment, loaded: &Loaded) -> Result<Option<Timestamp>, Failure> {
    let engine = environment.engine_to_read()?;
    Ok(runtime()?.block_on(engine.last_heard(&loaded.project.root, clock::now() - SESSIONS_SINCE)))
}

/// Looks for sessions that used subagents without a hook of ours hearing of it.
fn silence(environment: &Environment, loaded: &Loaded, plugin: &Plugin) -> Result<Option<Obstacle>, Failure> {
    let installed_at = plugin.installed_at().and_then(|at| Timestamp::try_from(at).ok());
    let Some(since) = installed_at.map(|at| at.max(clock::now() - SESSIONS_SINCE)) else { return Ok(None) };
    let began = sessions::with_subagents(&plugin.config_dir, &loaded.project.root, since.into());
    if began.is_empty() {
        return Ok(None);
    }
    let unheard = runtime()?.block_on(environment.engine_to_read()?.unheard(began, since));
    Ok(unheard.first().cloned().map(|newest| Obstacle::Unheard { newest, count: unheard.len() }))
}
