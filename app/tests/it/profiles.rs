//! What agents may do besides editing: profiles, rules of the settings, and what a repository may wish for.

use std::fs;

use crate::changes::git;
use crate::fake::Fake;
use crate::sandbox::Sandbox;

const REQUEST: &str = "rename foo to bar in lib.rs";

/// A Rust project, and an agent that leaves its arguments.
fn rust_project() -> Sandbox {
    let sandbox = Sandbox::new();
    fs::write(sandbox.project().join("Cargo.toml"), "[package]\nname = \"x\"\n").unwrap();
    let argv = sandbox.path("argv");
    sandbox.agents(Fake::dumps("argv", &argv).then(Fake::completes("all is done as asked")))
}

/// Returns the rules that the agent was given.
fn rules(sandbox: &Sandbox) -> Vec<String> {
    let argv = fs::read_to_string(sandbox.path("argv")).unwrap();
    fs::remove_file(sandbox.path("argv")).unwrap();
    argv.lines().filter_map(|line| line.strip_prefix("--allowedTools=")).map(str::to_owned).collect()
}

#[test]
fn the_profile_test_allows_the_projects_own_commands_and_the_route_says_which() {
    let sandbox = rust_project();
    let ran = sandbox.call(["run", "--permission-profile", "test", REQUEST]).wait().success();
    let rules = rules(&sandbox);
    assert!(rules.contains(&"Bash(cargo test:*)".to_owned()), "{rules:?}");
    assert!(rules.iter().all(|rule| rule.starts_with("Bash(cargo ")), "{rules:?}");
    assert!(ran.stderr.contains("acceptEdits + cargo test + "), "{ran}");
}

#[test]
fn by_default_no_command_is_allowed() {
    let sandbox = rust_project();
    sandbox.run(REQUEST).success();
    assert_eq!(rules(&sandbox), Vec::<String>::new());
}

#[test]
fn settings_give_a_profile_to_all_agents_and_rules_to_one() {
    let sandbox = rust_project()
        .set("permission_profile", "\"test\"")
        .agent_key("haiku", "permission_profile", "\"edit\"")
        .agent_key("haiku", "allow_tools", "[\"Bash(make lint:*)\"]");
    sandbox.run_on("haiku", REQUEST).success();
    assert_eq!(rules(&sandbox), ["Bash(make lint:*)"]);
    sandbox.run_on("opus", REQUEST).success();
    assert!(rules(&sandbox).contains(&"Bash(cargo test:*)".to_owned()));
}

/// Seen to fail when the tools of the stronger tier were its own: nobody had allowed them to the run.
#[test]
fn an_escalation_has_no_tool_that_the_first_agent_had_not() {
    let sandbox = rust_project();
    let argv = sandbox.path("argv");
    let sandbox = sandbox
        .agent("haiku", Fake::escalates())
        .agent("sonnet", Fake::dumps("argv", &argv).then(Fake::completes("all is done as asked")))
        .agent_key("sonnet", "allow_tools", "[\"Bash\"]");
    sandbox.run_on("haiku", REQUEST).success();
    assert_eq!(rules(&sandbox), Vec::<String>::new());
    sandbox.run_on("sonnet", REQUEST).success();
    assert_eq!(rules(&sandbox), ["Bash"]);
}

#[test]
fn all_commands_are_allowed_in_a_further_working_tree_only() {
    let sandbox = rust_project();
    git(&sandbox, &["init", "-q"]);
    git(&sandbox, &["add", "-A"]);
    git(&sandbox, &["commit", "-qm", "first"]);
    let ran = sandbox.call(["run", "--permission-profile", "full-in-worktree", REQUEST]).wait().success();
    assert!(ran.stderr.contains("this is no further working tree of git"), "{ran}");
    assert!(!rules(&sandbox).contains(&"Bash".to_owned()));
    let tree = sandbox.path("tree").display().to_string();
    git(&sandbox, &["worktree", "add", "-q", &tree]);
    let full = ["run", "--permission-profile", "full-in-worktree", "--project", &tree, REQUEST];
    sandbox.call(full).wait().success();
    assert!(rules(&sandbox).contains(&"Bash".to_owned()));
}

/// In plan mode nothing is run, whatever else is allowed.
#[test]
fn a_plan_runs_no_tests() {
    let sandbox = rust_project().set("permission_profile", "\"test\"");
    sandbox.call(["run", "--permission-mode", "plan", REQUEST]).wait().success();
    assert_eq!(rules(&sandbox), Vec::<String>::new());
}

#[test]
fn a_repository_wishes_for_tools_within_trust_and_never_for_all() {
    let sandbox = rust_project();
    let settings = "[agents.haiku-general]\nallow_tools = [\"Bash(make:*)\"]\n[agents.sonnet-general]\nallow_tools = [\"Bash(*)\"]\n";
    fs::write(sandbox.project().join(".pointsman.toml"), settings).unwrap();
    let ran = sandbox.run_on("haiku", REQUEST).success();
    assert!(ran.stderr.contains("`agents.haiku-general.allow_tools` is ignored"), "{ran}");
    assert_eq!(rules(&sandbox), Vec::<String>::new());
    sandbox.call(["trust", ".", "--yes"]).wait().success();
    sandbox.run_on("haiku", REQUEST).success();
    assert_eq!(rules(&sandbox), ["Bash(make:*)"]);
    let ran = sandbox.run_on("sonnet", REQUEST).success();
    assert!(ran.stderr.contains("a repository never gives an agent a free hand"), "{ran}");
    assert_eq!(rules(&sandbox), Vec::<String>::new());
}
