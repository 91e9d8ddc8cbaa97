use serde_json::json;

use super::*;

const ID: &str = "pointsman@pointsman";

/// A place with the plugin switched on by the user, and what else stands in files.
struct Given {
    files: Vec<SettingsSeen>,
    env: Vec<(&'static str, &'static str)>,
    folder: FolderState,
    version: CliVersion,
}

fn given(files: &[(SettingsScope, Value)]) -> Given {
    let seen = |(scope, value): &(SettingsScope, Value)| SettingsSeen {
        path: PathBuf::from(format!("/{scope:?}")),
        scope: *scope,
        value: value.clone(),
        is_taken: true,
    };
    let user = (SettingsScope::User, json!({"enabledPlugins": {ID: true}}));
    Given {
        files: files.iter().chain([&user]).map(seen).collect(),
        env: vec![],
        folder: FolderState::There,
        version: CliVersion(2, 1, 330),
    }
}

impl Given {
    fn env(self, env: &[(&'static str, &'static str)]) -> Given {
        Given { env: env.to_vec(), ..self }
    }

    fn version(self, version: CliVersion) -> Given {
        Given { version, ..self }
    }

    fn found(&self) -> Vec<Obstacle> {
        let env = |name: &str| {
            self.env.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        obstacles(&Place {
            files: &self.files,
            env: &env,
            plugin_id: ID,
            folder: self.folder,
            cli: Some((self.version, CliVersion(2, 1, 197))),
            own_trouble: None,
        })
    }
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(format!("/{name}"))
}

use SettingsScope::{Local, Managed, Project};

#[test]
fn nothing_is_in_the_way_of_a_plugin_that_is_just_on() {
    assert_eq!(given(&[]).found(), []);
    assert_eq!(given(&[(Local, json!({"env": {"X": "1"}, "disableAllHooks": false}))]).found(), []);
}

/// Seen to fail with the first file taken whatever it says, and with all files taken alike.
#[test]
fn the_first_file_that_speaks_of_the_plugin_counts() {
    let off = json!({"enabledPlugins": {ID: false}});
    let on = json!({"enabledPlugins": {ID: true}});
    let by = |name: &str| vec![Obstacle::PluginOff { file: path(name) }];
    assert_eq!(given(&[(Local, off.clone())]).found(), by("Local"));
    assert_eq!(given(&[(Local, json!({})), (Project, off.clone())]).found(), by("Project"));
    assert_eq!(given(&[(Local, on.clone()), (Project, off.clone())]).found(), []);
    assert_eq!(given(&[(Managed, off), (Local, on)]).found(), by("Managed"));
}

#[test]
fn hooks_that_are_switched_off_are_named_by_every_file_that_does_it() {
    let off = json!({"disableAllHooks": true});
    let found = given(&[(Managed, off.clone()), (Project, off)]).found();
    let by = |scope| Obstacle::HooksOff { file: path(&format!("{scope:?}")), scope };
    assert_eq!(found, [by(Managed), by(Project)]);
}

/// Seen to fail with the key obeyed in a project's file, where the CLI does not.
#[test]
fn only_an_administrator_leaves_the_hooks_to_administrators() {
    let only = json!({"allowManagedHooksOnly": true});
    assert_eq!(
        given(&[(Managed, only.clone())]).found(),
        [Obstacle::OnlyManagedHooks { file: path("Managed") }]
    );
    assert_eq!(given(&[(Project, only)]).found(), []);
    let excepted = json!({"allowManagedHooksOnly": true, "enabledPlugins": {ID: true}});
    assert_eq!(given(&[(Managed, excepted)]).found(), []);
}

/// Seen to fail with the force not asked for on new versions, and asked for on old ones.
#[test]
fn a_model_for_all_subagents_is_in_the_way_where_it_wins() {
    let forced = |variable, set_in| vec![Obstacle::ModelForced { variable, set_in }];
    let both = [(SUBAGENT_MODEL, "haiku"), (SUBAGENT_MODEL_FORCE, "1")];
    assert_eq!(given(&[]).env(&both).found(), forced(SUBAGENT_MODEL_FORCE, SetIn::Environment));
    assert_eq!(given(&[]).env(&both[1..]).found(), [], "no model is forced");
    assert_eq!(given(&[]).env(&both[..1]).found(), [], "a default");
    let old = CliVersion(2, 1, 197);
    assert_eq!(given(&[]).env(&both[..1]).version(old).found(), forced(SUBAGENT_MODEL, SetIn::Environment));
    let in_file = json!({"env": {SUBAGENT_MODEL: "haiku", SUBAGENT_MODEL_FORCE: "true"}});
    let by_file = forced(SUBAGENT_MODEL_FORCE, SetIn::File(path("Project")));
    assert_eq!(given(&[(Project, in_file)]).found(), by_file);
    let not_here = json!({"env": {SUBAGENT_MODEL_FORCE: "0"}});
    assert_eq!(given(&[(Local, not_here)]).env(&both).found(), [], "settings count before the environment");
}

#[test]
fn what_the_cli_does_not_take_is_in_the_way_and_says_nothing() {
    let mut one = given(&[(Local, json!({"disableAllHooks": true, "hooks": {}}))]);
    one.files[0].is_taken = false;
    assert_eq!(one.found(), [], "it is ignored, and has nothing of ours");
    one.files[1].is_taken = false;
    assert_eq!(one.found(), [Obstacle::FileNotTaken { file: path("User") }]);
}

#[test]
fn an_old_cli_a_missing_folder_and_broken_settings_are_in_the_way() {
    let mut one = given(&[]).version(CliVersion(2, 0, 77));
    one.folder = FolderState::Missing;
    let old = Obstacle::OldCli { version: CliVersion(2, 0, 77), oldest: CliVersion(2, 1, 197) };
    assert_eq!(one.found(), [Obstacle::FolderMissing, old]);
    assert!(one.found().iter().all(Obstacle::is_off));
}

#[test]
fn a_second_registration_is_named_by_file_and_event() {
    let hook = |command: &str| json!([{"hooks": [{"type": "command", "command": command}]}]);
    let by_hand = json!({"hooks": {"Stop": hook("pointsman hook"), "PreToolUse": hook("audit.sh")}});
    let twice = Obstacle::RegisteredTwice { file: path("Project"), event: "Stop".to_owned() };
    assert_eq!(given(&[(Project, by_hand.clone())]).found(), vec![twice.clone()]);
    assert!(!twice.is_off());
    let mut alone = given(&[(Local, by_hand.clone())]);
    alone.files[1].value = Value::Null;
    assert_eq!(alone.found(), [], "a hook that was set up by hand is a way to use it");
    let mut two = given(&[(Local, by_hand.clone()), (Project, by_hand)]);
    two.files[2].value = Value::Null;
    assert_eq!(two.found(), [twice]);
}

#[test]
fn our_hook_is_known_in_every_way_to_call_it() {
    for command in [
        "pointsman hook",
        "/usr/bin/pointsman hook",
        "'/opt/my tools/pointsman' hook",
        "test -x /p/pointsman || exit 0; /p/pointsman hook || exit 0",
        "\"/p/pointsman\" hook; true",
    ] {
        assert!(calls_us(command), "{command}");
    }
    for command in ["pointsman run", "hook pointsman", "my-pointsman hook", "pointsman", ""] {
        assert!(!calls_us(command), "{command}");
    }
}

#[test]
fn where_nothing_of_ours_is_to_run_nothing_is_in_the_way() {
    let mut one = given(&[(Local, json!({"disableAllHooks": true}))]);
    one.files[1].value = Value::Null;
    assert_eq!(one.found(), []);
}
