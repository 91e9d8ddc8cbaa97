//! `pointsman plugin`: install, status, update, uninstall.

use pointsman_core::error_code::ErrorCode;
use pointsman_core::hook::mode::RoutingMode;

use super::consent::{self, Consent};
use super::context::environment;
use super::exit::Failure;
use super::setup_args::{PluginArgs, PluginPlace, PluginVerb, ScopeArg};
use crate::assemble::Environment;
use crate::config::load::Loaded;
use crate::plugin::{Change, InstallScope, Plugin};
use crate::present::human::short_path;
use crate::present::output::{self, PlainFormat, Tone};
use crate::present::plugin_status::PluginStatus;

/// Runs the verb.
pub fn main(args: PluginArgs) -> Result<u8, Failure> {
    match args.verb {
        PluginVerb::Install { place, consent } => install(&place, consent.consent()),
        PluginVerb::Status { place, output } => status(&place, output),
        PluginVerb::Update => update(),
        PluginVerb::Uninstall { place, consent } => uninstall(&place, consent.consent()),
    }
}

fn scope(place: &PluginPlace) -> InstallScope {
    match place.scope {
        ScopeArg::User => InstallScope::User,
        ScopeArg::Project => InstallScope::Project,
    }
}

fn of(place: &PluginPlace) -> Result<(Environment, Plugin), Failure> {
    let (environment, _, plugin) = with_settings(place)?;
    Ok((environment, plugin))
}

fn with_settings(place: &PluginPlace) -> Result<(Environment, Loaded, Plugin), Failure> {
    let environment = environment(place.project.as_deref())?;
    let (loaded, _) = environment.settings_or_defaults();
    let plugin = environment.plugin(&loaded)?;
    Ok((environment, loaded, plugin))
}

/// Fails if the CLI is missing: it does the work, so nothing can be installed without it. Uninstalling is still
/// possible, because the settings are files.
fn needs_cli(plugin: &Plugin) -> Result<(), Failure> {
    if plugin.claude.is_absolute() {
        return Ok(());
    }
    Err(Failure::new(
        ErrorCode::AgentMissing,
        format!("`{}` is not installed", plugin.claude.display()),
        "install Claude Code, or name it as `command` of the sonnet tier's agent",
    ))
}

fn install(place: &PluginPlace, consent: Consent) -> Result<u8, Failure> {
    let (environment, loaded, plugin) = with_settings(place)?;
    needs_cli(&plugin)?;
    let scope = scope(place);
    plugin.render()?;
    let changes = plugin.rehearse(scope)?;
    if changes.iter().any(Change::is_any) {
        show(&environment, &changes);
        consent::obtain(consent, "Put the plugin into these settings?", "not installed: you said no")?;
    }
    plugin.install(scope)?;
    output::say(Tone::Good, "installed:", &format!("the plugin, scope {}", scope.as_str()));
    output::detail("it takes effect in the next session of Claude Code");
    if loaded.settings.routing_mode == RoutingMode::Orchestration {
        output::detail("prompts of `claude -p` are delegated to runs of pointsman");
    }
    output::hint("`routing_mode` says how far it goes; `pointsman plugin uninstall` takes it out again");
    Ok(0)
}

fn show(environment: &Environment, changes: &[Change]) {
    for change in changes.iter().filter(|change| change.is_any()) {
        let path = short_path(&change.path, &environment.dirs.home);
        output::say(Tone::Plain, "would change:", &path);
        change.as_text().lines().for_each(output::detail);
    }
}

fn status(place: &PluginPlace, format: PlainFormat) -> Result<u8, Failure> {
    let (environment, loaded, plugin) = with_settings(place)?;
    let scope = scope(place);
    let set_by =
        loaded.origin("routing_mode").map_or_else(|| "its default".to_owned(), |origin| origin.to_string());
    let status = PluginStatus::of(&plugin, scope, loaded.settings.routing_mode, set_by)?;
    match format {
        PlainFormat::Json => output::json(&status),
        PlainFormat::Text => output::text(&status.text(&environment.dirs.home)),
    }
    Ok(u8::from(!status.is_installed()))
}

fn update() -> Result<u8, Failure> {
    let (environment, plugin) = of(&PluginPlace { scope: ScopeArg::User, project: None })?;
    let word = if plugin.render()? { "updated:" } else { "up to date:" };
    output::say(Tone::Good, word, &short_path(&plugin.folder(), &environment.dirs.home));
    Ok(0)
}

fn uninstall(place: &PluginPlace, consent: Consent) -> Result<u8, Failure> {
    let (environment, plugin) = of(place)?;
    let scope = scope(place);
    if !plugin.is_anything_there(scope)? {
        output::say(
            Tone::Plain,
            "nothing to do:",
            &format!("the plugin is not installed, scope {}", scope.as_str()),
        );
        return Ok(0);
    }
    consent::obtain(consent, "Take the plugin out?", "left as it is: you said no")?;
    let done = plugin.uninstall(scope)?;
    for trouble in &done.trouble {
        output::say(Tone::Warning, "notice:", &trouble.to_string());
    }
    for path in done.restored {
        output::say(Tone::Good, "as before:", &short_path(&path, &environment.dirs.home));
    }
    for path in done.edited {
        output::say(Tone::Good, "without our keys:", &short_path(&path, &environment.dirs.home));
    }
    Ok(0)
}
