//! The first hour: `init` sets the place up, `demo` shows what pointsman does.

use std::fs;
use std::path::PathBuf;

use crate::installing::{CLI, write};
use crate::sandbox::{PATIENCE, Ran, Sandbox, walk};
use crate::terminal::CTRL_C;

/// A home in which nothing was set up yet, with a stand-in for Claude Code on the search path.
fn newcomer() -> Sandbox {
    let sandbox = without_claude();
    write(&sandbox.path("bin/claude"), CLI, 0o755);
    fs::create_dir_all(sandbox.path("home/.claude")).unwrap();
    write(&sandbox.project().join("Cargo.toml"), "", 0o644);
    let path = format!("{}:/usr/bin:/bin", sandbox.path("bin").display());
    sandbox.env("PATH", &path)
}

/// The same without Claude Code.
fn without_claude() -> Sandbox {
    let sandbox = Sandbox::new();
    let (config, path) = (sandbox.path("home/.config"), sandbox.path("nothing"));
    sandbox
        .env("XDG_CONFIG_HOME", config.to_str().unwrap())
        .env("PATH", path.to_str().unwrap())
        .env("SHELL", "/bin/fish")
}

/// Every file of the home and the project.
fn files(sandbox: &Sandbox) -> Vec<PathBuf> {
    let mut files = [walk(&sandbox.path("home")), walk(&sandbox.project())].concat();
    files.retain(|path| path.is_file());
    files.sort();
    files
}

fn init<const N: usize>(sandbox: &Sandbox, args: [&str; N]) -> Ran {
    sandbox.call(["init"]).args(args).wait()
}

#[test]
fn init_finds_what_is_there_and_sets_up_all_of_it_when_told_to() {
    let sandbox = newcomer();
    let ran =
        init(&sandbox, ["--yes"]).success().stdout_has("test: `cargo test`").stdout_has("version 2.1.330");
    ran.stderr_has("installed: the plugin, scope user");
    for file in ["pointsman/config.toml", "pointsman/policy.toml", "fish/completions/pointsman.fish"] {
        assert!(sandbox.path("home/.config").join(file).is_file(), "{file}");
    }
    sandbox.call(["policy", "check"]).wait().success();
    assert_eq!(walk(&sandbox.project()), [sandbox.project().join("Cargo.toml")]);
    let before = files(&sandbox);
    let again = init(&sandbox, ["--yes"]).success();
    again.stderr_has("already there: the plugin in Claude Code").stderr_has("nothing to do");
    assert_eq!(files(&sandbox), before);
}

#[test]
fn init_without_a_yes_says_what_it_would_do_and_does_nothing() {
    let sandbox = newcomer();
    let before = files(&sandbox);
    for (args, exit_code) in [(vec![], 2), (vec!["--dry-run"], 0)] {
        let call = args.iter().fold(sandbox.call(["init"]), |call, arg| call.args([*arg]));
        let ran = call.wait().exits(exit_code).stderr_has("would do: write ~/.config/pointsman/config.toml");
        ran.stderr_has("would do: put the plugin").stderr_has("completions for fish");
        assert_eq!(files(&sandbox), before);
    }
    init(&sandbox, []).exits(2).stderr_has("error[E0114]").stderr_has("`--yes` says it beforehand");
}

#[test]
fn init_asks_for_each_step_and_a_no_leaves_only_that_one_out() {
    let sandbox = newcomer().env("TERM", "xterm");
    let window = sandbox.call(["init"]).start_at_terminal();
    let ran = window
        .answers("commented out? [y/N]", "n\n")
        .answers("examples in comments? [y/N]", "y\n")
        .answers("Put the plugin into these settings? [y/N]", "n\n")
        .answers("completions for fish? [y/N]", "y\n")
        .wait();
    let ran = ran.success();
    let config = sandbox.path("home/.config");
    assert!(!config.join("pointsman/config.toml").exists(), "{}", ran.stdout);
    assert!(
        config.join("pointsman/policy.toml").exists()
            && config.join("fish/completions/pointsman.fish").exists()
    );
    assert!(!sandbox.path("home/.claude/settings.json").exists());
}

#[test]
fn init_without_the_cli_leaves_the_plugin_out_and_does_the_rest() {
    let sandbox = without_claude();
    let ran = init(&sandbox, ["--yes"]).success();
    ran.stderr_has("left out: the plugin: `claude` is not installed")
        .stderr_has("written: ~/.config/pointsman/config.toml");
}

/// Where a demonstration has its place.
fn places(sandbox: &Sandbox) -> Vec<PathBuf> {
    let mut found = walk(&sandbox.path("tmp"));
    found.retain(|path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("pointsman-demo-"))
    });
    found
}

#[test]
fn the_demonstration_shows_every_scene_and_leaves_nothing_behind() {
    let sandbox = Sandbox::new();
    let ran = sandbox.call(["demo"]).wait().success();
    for (shown, times) in [
        ("$ pointsman route", 6),
        ("error[E0323]: refused: a person must approve this first", 1),
        ("[MODEL MISMATCH]", 1),
        ("escalate: attempt 2 with sonnet-general (sonnet), in the same agent session", 1),
        ("quota: the agent says: [rehearsal] You've hit your 5-hour limit", 1),
        ("retry: attempt 2 with haiku-general (haiku)", 1),
        ("running", 1),
        ("\n$ kill -9 ", 1),
        ("served by nobody: worker_lost", 1),
        ("failed [E0314]: the process that drove the run died", 1),
        ("$ pointsman report routing --rehearsals\n6 runs\n", 1),
    ] {
        assert_eq!(ran.stdout.matches(shown).count(), times, "{shown}\n{}", ran.stdout);
    }
    sandbox.no_process_is_left(PATIENCE);
    assert_eq!((places(&sandbox), sandbox.state_files()), (vec![], vec![]));
}

/// Seen to fail without the removal.
#[test]
fn a_demonstration_that_is_interrupted_removes_its_place_and_its_processes() {
    let sandbox = Sandbox::new().env("TERM", "xterm");
    let window = sandbox.call(["demo"]).start_at_terminal();
    // It waits for seconds there.
    window.answers("pointsman run --rehearse=quota", CTRL_C).wait().exits(130);
    sandbox.no_process_is_left(PATIENCE);
    assert_eq!(places(&sandbox), Vec::<PathBuf>::new());
}
