//! `pointsman plugin`: install, status, update, uninstall.

use pointsman_core::error_code::ErrorCode;
use pointsman_core::hook::mode::RoutingMode;

use super::consent::{self, Consent};
use super::context::{environment, runtime};
use super::exit::Failure;
use super::gate;
use super::setup_args::{PluginArgs, PluginPlace, PluginVerb, ScopeArg};
use crate::assemble::Environment;
use crate::clock;
use crate::config::load::Loaded;
use crate::plugin::{Change, Folder, InstallScope, Installed, Plugin, PluginError};
use crate::present::human::short_path;
use crate::present::output::{self, PlainFormat, Tone};
use crate::present::plugin_status::{Here, PluginStatus};

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
pub fn needs_cli(plugin: &Plugin) -> Result<(), Failure> {
    if plugin.claude.is_absolute() {
        return Ok(());
    }
    Err(Failure::new(
        ErrorCode::AgentMissing,
        format!("`{}` is not installed", plugin.claude.display()),
        "install Claude Code, or name it as `command` of the sonnet tier's agent",
    ))
}

/// Fails if the CLI is too old for what hooks ask, unless the settings allow that.
fn needs_new_cli(environment: &Environment, loaded: &Loaded, plugin: &Plugin) -> Result<(), Failure> {
    let known = runtime()?.block_on(environment.plugin_cli(plugin));
    let Some((version, oldest)) = known.filter(|(version, oldest)| version < oldest) else { return Ok(()) };
    let claude = plugin.claude.display();
    let what = format!("`{claude}` is version {version}, and {oldest} or newer is needed");
    if loaded.settings.allow_old_cli {
        output::say(Tone::Warning, "notice:", &format!("{what}: nothing that hooks rewrite is obeyed"));
        return Ok(());
    }
    Err(Failure::new(
        ErrorCode::AgentConfiguration,
        what,
        "update it (`allow_old_cli = true` installs all the same: prompts are advised about, and nothing is enforced)",
    ))
}

/// Shows the change, asks where nobody has agreed yet, and puts the plugin in.
pub fn install(place: &PluginPlace, consent: Consent) -> Result<u8, Failure> {
    let (environment, loaded, plugin) = with_settings(place)?;
    let scope = scope(place);
    let there = plugin.installed(scope)?;
    if there != Installed::No {
        return already_installed(&environment, &plugin, scope, there);
    }
    plugin.check(scope).map_err(|error| not_changed(error, &plugin))?;
    needs_cli(&plugin)?;
    needs_new_cli(&environment, &loaded, &plugin)?;
    let folder = plugin.folder_state();
    let done = put_in(&environment, &plugin, scope, consent);
    if done.is_err() && folder == Folder::Missing {
        // It was made for this installation alone, and a failure is what is to be told.
        let _ = plugin.remove_folder();
    }
    done?;
    output::say(Tone::Good, "installed:", &format!("the plugin, scope {}", scope.as_str()));
    output::detail("it takes effect in the next session of Claude Code");
    if loaded.settings.routing_mode == RoutingMode::Orchestration {
        output::detail("prompts of `claude -p` are delegated to runs of pointsman");
    }
    output::hint("`routing_mode` says how far it goes; `pointsman plugin uninstall` takes it out again");
    Ok(0)
}

/// Says why nothing was changed, and for settings that are not to be written how the plugin comes in all the same.
fn not_changed(error: PluginError, plugin: &Plugin) -> Failure {
    let is_read_only = matches!(error, PluginError::ReadOnly { .. });
    let failure = Failure::from(error);
    if !is_read_only {
        return failure;
    }
    let keys = plugin.keys();
    let hint = format!(
        "nothing was changed; make it writable, or add {keys} where it is made and run `pointsman plugin update`"
    );
    Failure { hint: Some(hint), ..failure }
}

fn put_in(
    environment: &Environment,
    plugin: &Plugin,
    scope: InstallScope,
    consent: Consent,
) -> Result<(), Failure> {
    plugin.render()?;
    let changes = plugin.rehearse(scope)?;
    if changes.iter().any(Change::is_any) {
        show(environment, &changes);
        consent::obtain(consent, "Put the plugin into these settings?", "not installed: you said no")?;
    }
    Ok(plugin.install(scope)?)
}

/// Renders the folder where it is not that of this program, and changes nothing else.
fn already_installed(
    environment: &Environment,
    plugin: &Plugin,
    scope: InstallScope,
    there: Installed,
) -> Result<u8, Failure> {
    let renewed = plugin.render()?;
    let by = match there {
        Installed::ByOthers => ", by settings that are made elsewhere",
        Installed::ByUs | Installed::No => "",
    };
    output::say(Tone::Good, "already installed:", &format!("the plugin, scope {}{by}", scope.as_str()));
    let folder = short_path(&plugin.folder(), &environment.dirs.home);
    renewed.iter().for_each(|name| output::detail(&format!("renewed: {folder}/{name}")));
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
    let environment = environment(place.project.as_deref())?;
    let (loaded, trouble) = environment.settings_or_defaults();
    let plugin = environment.plugin(&loaded)?;
    let scope = scope(place);
    let trouble = trouble.map(|error| Failure::from(error).message);
    let in_the_way = gate::obstacles(&environment, &loaded, &plugin, trouble)?;
    let set_by =
        loaded.origin("routing_mode").map_or_else(|| "its default".to_owned(), |origin| origin.to_string());
    let here = Here {
        routing_mode: loaded.settings.routing_mode,
        set_by,
        in_the_way: &in_the_way,
        last_heard: gate::last_heard(&environment, &loaded)?,
    };
    let status = PluginStatus::of(&plugin, scope, here, &environment.dirs.home)?;
    match format {
        PlainFormat::Json => output::json(&status),
        PlainFormat::Text => output::text(&status.text(&environment.dirs.home, clock::now())),
    }
    Ok(u8::from(!status.works_here()))
}

fn update() -> Result<u8, Failure> {
    let (environment, plugin) = of(&PluginPlace { scope: ScopeArg::User, project: None })?;
    let word = if plugin.render()?.is_empty() { "up to date:" } else { "updated:" };
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
    if done.restored.is_empty() && done.edited.is_empty() {
        output::say(Tone::Good, "as before:", "nothing of ours was in the settings");
    }
    for path in done.restored {
        output::say(Tone::Good, "as before:", &short_path(&path, &environment.dirs.home));
    }
    for path in done.edited {
        output::say(Tone::Good, "without our keys:", &short_path(&path, &environment.dirs.home));
    }
    Ok(0)
}
