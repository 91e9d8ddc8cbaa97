//! The plugin put in and taken out beside settings as people have them, and what keeps it from working, with a stand-in for
//! the CLI; `real_claude_plugin` has the same on the real one.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::sandbox::{Ran, Sandbox, pointsman};

/// Adds keys to settings as the CLI does: anew in its own form, without the mark. It takes nothing out: that is our part.
pub const CLI: &str = r#"#!/bin/sh
config=${CLAUDE_CONFIG_DIR:-$HOME/.claude}
add() {
  mkdir -p "$(dirname "$1")"
  text=$(tr -d '\357\273\277\r\n' < "$1" 2>/dev/null)
  text=${text%\}}
  case $text in ''|'{') printf '{%s}\n' "$2" > "$1" ;; *) printf '%s,%s}\n' "$text" "$2" > "$1" ;; esac
}
case "$*" in
  --version) echo "${FAKE_VERSION:-2.1.330} (Claude Code)" ;;
  "plugin marketplace add "*)
    grep -q extraKnownMarketplaces "$config/settings.json" 2>/dev/null ||
      add "$config/settings.json" "\"extraKnownMarketplaces\":{\"pointsman\":{\"source\":{\"source\":\"directory\",\"path\":\"$4\"}}}" ;;
  "plugin install "*)
    [ -z "${CLAUDE_CONFIG_DIR-}" ] && at=work || at=rehearsal
    [ "$at" = "${FAKE_FAILS_AT-}" ] && { echo "no room in $config/settings.json"; exit 1; }
    [ "$5" = project ] && file=.claude/settings.json || file=$config/settings.json
    add "$file" '"enabledPlugins":{"pointsman@pointsman":true}' ;;
esac
"#;

pub fn write(path: &Path, bytes: impl AsRef<[u8]>, mode: u32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A sandbox whose agents are the stand-in.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    let cli = sandbox.path("cli/claude");
    write(&cli, CLI, 0o755);
    fs::create_dir_all(sandbox.project().join(".claude")).unwrap();
    fs::create_dir_all(sandbox.path("home/.claude")).unwrap();
    let (command, managed) =
        (format!("[{:?}]", cli.to_str().unwrap()), sandbox.path("managed-settings.json"));
    let sandbox = ["haiku", "sonnet", "opus"]
        .iter()
        .fold(sandbox, |sandbox, tier| sandbox.agent_key(tier, "command", &command));
    sandbox.env("POINTSMAN_MANAGED_SETTINGS", managed.to_str().unwrap())
}

/// The questions of these tests.
trait Installing {
    fn user(&self) -> PathBuf;
    fn of_project(&self) -> PathBuf;
    fn folder(&self) -> PathBuf;
    fn receipts(&self) -> usize;
    fn change(&self, verb: &str, scope: &str) -> Ran;
    fn status(&self) -> Value;
}

impl Installing for Sandbox {
    fn user(&self) -> PathBuf {
        self.path("home/.claude/settings.json")
    }

    fn of_project(&self) -> PathBuf {
        self.project().join(".claude/settings.json")
    }

    fn folder(&self) -> PathBuf {
        self.path("home/.local/share/pointsman/plugin")
    }

    fn receipts(&self) -> usize {
        fs::read_dir(self.folder().parent().unwrap())
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| !entry.path().is_dir())
            .count()
    }

    fn change(&self, verb: &str, scope: &str) -> Ran {
        self.call(["plugin", verb, "--yes", "--scope", scope]).wait()
    }

    fn status(&self) -> Value {
        self.call(["plugin", "status", "-o", "json"]).wait().json()
    }
}

fn bytes(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap()
}

/// Seen to fail: the CLI failed half-way, a receipt stayed, and no uninstalling could get rid of it.
#[test]
fn settings_that_are_read_only_are_known_before_anything_is_changed() {
    let sandbox = sandbox();
    let store = sandbox.path("store/settings.json");
    write(&store, "{\"model\": \"opus\"}\n", 0o444);
    symlink(&store, sandbox.user()).unwrap();
    for scope in ["user", "project"] {
        let ran = sandbox.change("install", scope).exits(73).stderr_has("is read-only: it is a link to");
        ran.stderr_has("nothing was changed").stderr_has("\"enabledPlugins\":{\"pointsman@pointsman\":true}");
        assert!(!sandbox.folder().exists() && sandbox.receipts() == 0 && sandbox.user().is_symlink());
        sandbox.change("uninstall", scope).success().stderr_has("nothing to do");
    }
    assert_eq!(bytes(&store), b"{\"model\": \"opus\"}\n");
    // What is said to help does.
    let keys = json!({"extraKnownMarketplaces": {"pointsman": {"source": {"source": "directory", "path": sandbox.folder()}}},
        "enabledPlugins": {"pointsman@pointsman": true}});
    fs::set_permissions(&store, fs::Permissions::from_mode(0o644)).unwrap();
    write(&store, keys.to_string(), 0o444);
    sandbox.call(["plugin", "update"]).wait().success();
    assert_eq!((&sandbox.status()["works_here"], sandbox.receipts()), (&json!(true), 0));
    sandbox.change("install", "user").success().stderr_has("already installed").stderr_has("made elsewhere");
    sandbox.change("uninstall", "user").exits(73).stderr_has("is read-only");
    assert_eq!(bytes(&store), keys.to_string().as_bytes());
}

/// Seen to fail with the link removed in place of what it leads to.
#[test]
fn a_link_to_settings_that_may_be_written_is_followed_and_stays() {
    for before in [Some("{\"model\": \"opus\"}\n"), None] {
        let sandbox = sandbox();
        let target = sandbox.path("dotfiles/settings.json");
        fs::create_dir(sandbox.path("dotfiles")).unwrap();
        before.iter().for_each(|text| write(&target, text, 0o600));
        symlink("../../dotfiles/settings.json", sandbox.user()).unwrap();
        sandbox.change("install", "user").success();
        assert!(fs::read_to_string(&target).unwrap().contains("pointsman@pointsman"));
        sandbox.change("uninstall", "user").success().stderr_has("as before:");
        assert!(sandbox.user().is_symlink());
        assert_eq!(fs::read_to_string(&target).ok().as_deref(), before);
    }
}

/// Seen to fail with the receipt left, with the settings left half-way, and with the folder left.
#[test]
fn an_installation_that_fails_half_way_leaves_all_as_it_was() {
    for at in ["work", "rehearsal"] {
        let sandbox = sandbox().env("FAKE_FAILS_AT", at);
        write(&sandbox.user(), b"\xef\xbb\xbf{ \"model\":\"opus\" }", 0o600);
        let ran = sandbox.change("install", "user").exits(69);
        // Never by the path of a copy that is gone.
        ran.stderr_has(&format!("no room in {}", sandbox.user().display()));
        assert_eq!(bytes(&sandbox.user()), b"\xef\xbb\xbf{ \"model\":\"opus\" }");
        assert!(!sandbox.folder().exists() && sandbox.receipts() == 0);
        sandbox.change("uninstall", "user").success().stderr_has("nothing to do");
    }
}

/// Seen to fail: "not JSON", and all else that stands in such a file overlooked.
#[test]
fn settings_with_a_byte_order_mark_are_read_and_come_back_with_it() {
    let sandbox = sandbox();
    let (user, project) = (b"\xef\xbb\xbf{ \"model\":\"opus\" }\r\n", b"\xef\xbb\xbf{\"x\":1}");
    write(&sandbox.user(), user, 0o600);
    write(&sandbox.of_project(), project, 0o600);
    sandbox.change("install", "project").success();
    sandbox.change("uninstall", "project").success();
    assert_eq!((bytes(&sandbox.user()), bytes(&sandbox.of_project())), (user.to_vec(), project.to_vec()));
    let marked = "\u{feff}{\"model\":\"opus\",\"enabledPlugins\":{\"pointsman@pointsman\":true}}";
    write(&sandbox.user(), marked, 0o600);
    assert_eq!(sandbox.status()["installed"], true);
    write(&sandbox.of_project(), "\u{feff}{\"disableAllHooks\":true}", 0o600);
    sandbox.call(["doctor"]).wait().stdout_has("`disableAllHooks` in");
    sandbox.change("uninstall", "user").success().stderr_has("without our keys:");
    assert_eq!(bytes(&sandbox.user()), "\u{feff}{\"model\":\"opus\"}".as_bytes());
    let utf16: Vec<u8> = marked.encode_utf16().flat_map(u16::to_le_bytes).collect();
    write(&sandbox.user(), &utf16, 0o600);
    assert_eq!(sandbox.status()["installed"], true, "the CLI reads it");
    sandbox.change("uninstall", "user").exits(78).stderr_has("it is not UTF-8 text");
    assert_eq!(bytes(&sandbox.user()), utf16);
}

/// Seen to fail: the message named a scratch copy that was gone.
#[test]
fn settings_with_comments_are_named_by_their_path_and_left_as_they_are() {
    let sandbox = sandbox();
    let text = "{\n  // mine\n  \"model\": \"opus\",\n}\n";
    write(&sandbox.user(), text, 0o600);
    let ran = sandbox.change("install", "user").exits(78).stderr_has("has comments or trailing commas");
    ran.stderr_has("home/.claude/settings.json");
    assert_eq!((bytes(&sandbox.user()), sandbox.receipts()), (text.as_bytes().to_vec(), 0));
    let with_ours =
        text.replace("\"opus\",", "\"opus\", \"enabledPlugins\": {\"pointsman@pointsman\": true},");
    write(&sandbox.user(), with_ours, 0o600);
    sandbox.call(["plugin", "status"]).wait().exits(1).stdout_has("takes nothing from it");
    sandbox.change("uninstall", "user").success();
    assert!(fs::read_to_string(sandbox.user()).unwrap().contains("// mine"));
}

/// Seen to fail with the person's settings in the form of our own edit, once the installation for the person went first.
#[test]
fn two_installations_leave_every_byte_in_either_order() {
    let (user, project) = ("{ \"model\":\"opus\",  \"x\": [1] }\n\n", "{\"permissions\" : {}}");
    for (first, second, goes_first) in [
        ("user", "project", "user"),
        ("user", "project", "project"),
        ("project", "user", "user"),
        ("project", "user", "project"),
    ] {
        let sandbox = sandbox();
        write(&sandbox.user(), user, 0o600);
        write(&sandbox.of_project(), project, 0o600);
        sandbox.change("install", first).success();
        sandbox.change("install", second).success();
        let last = if goes_first == "user" { "project" } else { "user" };
        sandbox.change("uninstall", goes_first).success();
        assert!(sandbox.folder().exists(), "the other installation needs it");
        let status =
            sandbox.call(["plugin", "status", "--scope", last, "-o", "json"]).wait().success().json();
        assert_eq!(status["installed"], true);
        sandbox.change("uninstall", last).success();
        let found = [sandbox.user(), sandbox.of_project()].map(|path| fs::read_to_string(path).unwrap());
        assert_eq!(found, [user, project], "{first}, {second}, out {goes_first} first");
        assert!(!sandbox.folder().exists() && sandbox.receipts() == 0);
    }
}

#[test]
fn installing_again_changes_nothing_and_says_what_it_renewed() {
    let sandbox = sandbox();
    sandbox.change("install", "user").success().stderr_has("installed: the plugin");
    let (settings, readme) = (bytes(&sandbox.user()), sandbox.folder().join("pointsman/README.md"));
    sandbox.change("install", "user").success().stderr_has("already installed").says_nowhere("renewed");
    fs::write(&readme, "of yesterday").unwrap();
    // Nobody is asked: no settings are changed.
    let ran = sandbox.call(["plugin", "install"]).wait().success().stderr_has("already installed");
    assert_eq!(ran.stderr.matches("renewed:").count(), 1, "{ran}");
    ran.stderr_has("plugin/pointsman/README.md");
    assert_ne!(bytes(&readme), b"of yesterday");
    assert_eq!(bytes(&sandbox.user()), settings);
}

/// Seen to fail: hooks that nothing obeys were put in without a word.
#[test]
fn a_cli_that_is_too_old_is_refused_unless_the_settings_allow_it() {
    let sandbox = sandbox().env("FAKE_VERSION", "2.0.77");
    sandbox
        .change("install", "user")
        .exits(78)
        .stderr_has("is version 2.0.77, and 2.1.197 or newer is needed");
    assert!(!sandbox.user().exists() && !sandbox.folder().exists());
    let sandbox = sandbox.set("allow_old_cli", "true");
    sandbox.change("install", "user").success().stderr_has("nothing that hooks rewrite is obeyed");
    sandbox.call(["plugin", "status"]).wait().exits(1).stdout_has("enforcement needs 2.1.197 or newer");
}

/// Seen to fail: the hooks called `Cellar/1.0`, which was gone.
#[test]
fn hooks_call_the_link_by_which_the_program_was_found() {
    let sandbox = sandbox();
    let (cellar, link) = (sandbox.path("Cellar"), sandbox.path("bin/pointsman"));
    fs::create_dir_all(cellar.join("1.0")).unwrap();
    fs::create_dir(sandbox.path("bin")).unwrap();
    fs::copy(pointsman(), cellar.join("1.0/pointsman")).unwrap();
    symlink("../Cellar/1.0/pointsman", &link).unwrap();
    sandbox.call(["plugin", "install", "--yes"]).of_program(&link).wait().success();
    let hooks = fs::read_to_string(sandbox.folder().join("pointsman/hooks/hooks.json")).unwrap();
    assert!(hooks.contains(&format!("{} hook", link.display())) && !hooks.contains("Cellar"), "{hooks}");
    let status = sandbox.call(["plugin", "status", "-o", "json"]).of_program(&link).wait().success().json();
    assert_eq!(status["up_to_date"], true);
}

/// A state in which our hooks do nothing: where it stands, what is written there, and what is said of it.
type OffState = (&'static str, Value, &'static str);

/// Each seen to fail with its own check left out of `core::gate`.
#[test]
fn every_state_in_which_hooks_do_nothing_is_named_with_a_remedy() {
    let sandbox = sandbox();
    sandbox.change("install", "user").success();
    sandbox.call(["plugin", "status"]).wait().success().stdout_has("installed, scope user");
    let off = json!({"enabledPlugins": {"pointsman@pointsman": false}});
    let forced =
        json!({"env": {"CLAUDE_CODE_SUBAGENT_MODEL": "haiku", "CLAUDE_CODE_SUBAGENT_MODEL_FORCE": "1"}});
    let no_hooks = json!({"disableAllHooks": true});
    let (local, project, managed) =
        ("project/.claude/settings.local.json", "project/.claude/settings.json", "managed-settings.json");
    let states: [OffState; 8] = [
        (local, off.clone(), "switches the plugin off here"),
        (project, off, "switches the plugin off here"),
        (project, forced.clone(), "gives all subagents one model"),
        (local, forced, "gives all subagents one model"),
        (local, no_hooks.clone(), "`disableAllHooks`"),
        (managed, no_hooks, "they do not run here"),
        (managed, json!({"allowManagedHooksOnly": true}), "ours do not run here"),
        ("managed-settings.d/10.json", json!({"allowManagedHooksOnly": true}), "ours do not run here"),
    ];
    for (file, text, said) in states {
        let path = sandbox.path(file);
        write(&path, text.to_string(), 0o600);
        sandbox.call(["doctor"]).wait().stdout_has(said).stdout_has("hint: ");
        let ran = sandbox.call(["plugin", "status"]).wait().exits(1).stdout_has(said).stdout_has("hint: ");
        assert!(ran.stdout.starts_with("its hooks do nothing here, though it is installed"), "{ran}");
        let status = sandbox.status();
        assert_eq!((&status["installed"], &status["works_here"]), (&json!(true), &json!(false)));
        fs::remove_file(path).unwrap();
    }
    sandbox.call(["plugin", "status"]).wait().success();
}

#[test]
fn a_folder_that_is_gone_a_model_in_the_environment_and_a_second_hook_are_named() {
    let sandbox = sandbox();
    sandbox.change("install", "user").success();
    let by_hand = json!({"hooks": {"Stop": [{"hooks": [{"type": "command", "command": "pointsman hook"}]}]}});
    write(&sandbox.of_project(), by_hand.to_string(), 0o600);
    sandbox.call(["doctor"]).wait().stdout_has("our hook on Stop is registered a second time");
    sandbox.call(["plugin", "status"]).wait().success().stdout_has("registered a second time");
    let sandbox =
        sandbox.env("CLAUDE_CODE_SUBAGENT_MODEL", "haiku").env("CLAUDE_CODE_SUBAGENT_MODEL_FORCE", "1");
    sandbox.call(["doctor"]).wait().stdout_has("`CLAUDE_CODE_SUBAGENT_MODEL_FORCE` in your environment");
    fs::remove_dir_all(sandbox.folder()).unwrap();
    sandbox.call(["doctor"]).wait().exits(1).stdout_has("its folder is gone");
    sandbox.call(["plugin", "status"]).wait().exits(1).stdout_has("`pointsman plugin update` makes it again");
}

#[test]
fn our_own_settings_that_are_broken_are_named_by_the_status() {
    let sandbox = sandbox();
    sandbox.change("install", "user").success();
    let sandbox = sandbox.set("nonsense", "1");
    sandbox.call(["plugin", "status"]).wait().exits(1).stdout_has("our own settings are broken");
}

/// Seen to fail with sessions that began before, and with those that a hook heard of.
#[test]
fn sessions_with_subagents_that_no_hook_heard_of_are_named() {
    let sandbox = sandbox();
    sandbox.change("install", "user").success();
    let slug: String = sandbox
        .project()
        .canonicalize()
        .unwrap()
        .to_str()
        .unwrap()
        .replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let transcripts = sandbox.path(&format!("home/.claude/projects/{slug}"));
    let session = |id: &str| {
        write(&transcripts.join(format!("{id}/subagents/agent-1.jsonl")), "", 0o600);
        write(&transcripts.join(format!("{id}.jsonl")), "", 0o600);
    };
    let says = "no hook of ours heard of it; the newest is ";
    let (heard, unheard) = ("11111111-2222-4333-8444-555555555555", "11111111-2222-4333-8444-666666666666");
    session(heard);
    sandbox.call(["doctor"]).wait().stdout_has(&format!(
        "1 session of this project used subagents since the plugin was installed, and {says}{heard}"
    ));
    let event = json!({"session_id": heard, "hook_event_name": "SessionStart", "source": "startup", "cwd": sandbox.project(), "transcript_path": "/none"});
    sandbox.call(["hook"]).stdin(event.to_string()).wait().success();
    sandbox.call(["doctor"]).wait().says_nowhere(says);
    sandbox
        .call(["plugin", "status"])
        .wait()
        .success()
        .stdout_has("a hook was last heard of in this project ");
    session(unheard);
    sandbox.call(["plugin", "status"]).wait().success().stdout_has(&format!("{says}{unheard}"));
}

/// One line of what `claude` is, typed at a shell: the CLI says its words, and so does pointsman.
fn place_with_programs() -> Sandbox {
    let sandbox = Sandbox::new();
    for (file, name) in [("local/claude", "claude"), ("bin/pointsman", "pointsman")] {
        let says = format!("#!/bin/sh\nprintf '{name}'; for word; do printf ' <%s>' \"$word\"; done; echo\n");
        write(&sandbox.path(file), says, 0o755);
    }
    sandbox
}

/// The shells that are installed here, with the words that make them read a script as a person's start file. bash always is.
fn shells() -> Vec<(&'static str, PathBuf, &'static [&'static str])> {
    let known: [(&str, &[&str]); 3] =
        [("bash", &["--norc", "-O", "expand_aliases"]), ("zsh", &["-f", "-i"]), ("fish", &[])];
    let dirs = std::env::var_os("PATH").unwrap_or_default();
    let find =
        |name: &str| std::env::split_paths(&dirs).map(|dir| dir.join(name)).find(|path| path.is_file());
    known.into_iter().filter_map(|(name, words)| Some((name, find(name)?, words))).collect()
}

/// Seen to fail: zsh did not read the function beside an alias, and in bash an alias that was the only way to the CLI was
/// removed.
#[test]
fn the_shells_function_keeps_what_claude_was_before() {
    let script = r#"
alias claude='LOCAL --flag "a b"'
INIT
claude hello 'x  y'
claude --orchestrated "do  it" -o json
claude -p --orchestrated
alias claude='claude --late'
PROMPT
claude hi
claude --orchestrated two
INIT
claude --orchestrated three
"#;
    let expected = "claude <--flag> <a b> <hello> <x  y>\npointsman <run> <do  it> <-o> <json>\n\
        claude <--flag> <a b> <-p> <--orchestrated>\nclaude <--late> <hi>\npointsman <run> <two>\npointsman <run> <three>\n";
    let sandbox = place_with_programs();
    for (name, shell, words) in shells() {
        let init = sandbox.path(&format!("init.{name}"));
        fs::write(&init, sandbox.call(["shell-init", name]).wait().success().stdout).unwrap();
        let init = init.display();
        let (init, prompt) = match name {
            "fish" => (format!("source {init}"), "emit fish_prompt"),
            _ => (format!("eval \"$(cat {init})\""), "_pointsman_claude_take"),
        };
        let local = sandbox.path("local/claude");
        let text =
            script.replace("LOCAL", local.to_str().unwrap()).replace("INIT", &init).replace("PROMPT", prompt);
        let path = sandbox.path(&format!("start.{name}"));
        fs::write(&path, text).unwrap();
        let dirs =
            format!("{}:{}:/usr/bin:/bin", sandbox.path("bin").display(), sandbox.path("local").display());
        let here = Sandbox::new().env("PATH", &dirs);
        let call = words.iter().fold(here.call([]), |call, word| call.args([word]));
        call.args([path.to_str().unwrap()]).of_program(&shell).wait().success().stdout(expected);
    }
}

#[test]
fn an_own_function_is_called_as_before_and_the_status_of_a_command_is_kept() {
    let sandbox = place_with_programs();
    let init = sandbox.call(["shell-init", "bash"]).wait().success().stdout;
    let script = format!(
        "claude() {{ {}/claude --own \"$@\"; }}\n{init}\nclaude hi\nclaude --orchestrated two\nfalse\n_pointsman_claude_take\necho $?\necho \"$PROMPT_COMMAND\"",
        sandbox.path("local").display()
    );
    let path = format!("{}:/usr/bin:/bin", sandbox.path("bin").display());
    let here = Sandbox::new().env("PATH", &path).env("PROMPT_COMMAND", "mine");
    let ran = here.call(["-c", &script]).of_program(Path::new("/bin/bash")).wait().success();
    let expected = "claude <--own> <hi>\npointsman <run> <two>\n1\n_pointsman_claude_take; mine\n";
    ran.stdout(expected);
}
