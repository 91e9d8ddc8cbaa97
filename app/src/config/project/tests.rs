use std::os::unix::fs::symlink;

use super::*;
use crate::config::fixture::Fixture;

#[test]
fn the_nearest_marked_directory_is_the_root() {
    let fixture = Fixture::new();
    let base = fixture.dir("outer");
    let deep = fixture.dir("outer/repo/pkg/src");
    let (repo, pkg) = (base.join("repo"), base.join("repo/pkg"));
    let root = || find(&deep, &fixture.home()).root;
    assert_eq!(root(), deep, "without any mark it is where we are");
    fixture.write("outer/.pointsman.toml", "");
    assert_eq!(root(), base);
    fixture.dir("outer/repo/.git");
    assert_eq!(root(), repo);
    assert_eq!(find(&deep, &fixture.home()).settings_file, None, "the search ends at a repository's top");
    fixture.write("outer/repo/.pointsman.toml", "");
    fixture.dir("outer/repo/pkg/.claude");
    let expected = Project { root: pkg, settings_file: Some(repo.join(PROJECT_FILE)), boundary: repo };
    assert_eq!(find(&deep, &fixture.home()), expected);
}

#[test]
fn the_users_own_claude_directory_marks_no_project() {
    let fixture = Fixture::new();
    fixture.dir("home/.claude/agents");
    let notes = fixture.dir("home/notes");
    assert_eq!(find(&notes, &fixture.home()).root, notes);
}

#[test]
fn agents_are_read_in_name_order_and_malformed_ones_are_left_out_by_name_and_line() {
    let fixture = Fixture::new();
    fixture.agent("b-good", "model: haiku\ndescription: |\n  Does\n  things.");
    fixture.agent("a-broken", "description: [x");
    fixture.agent("c-privileged", "permissionMode: plan\nhooks: {}");
    fixture.agent("d-flag", "model: --dangerously-skip-permissions");
    fixture.write("repo/.claude/agents/notes.txt", "no agent");
    let loaded = fixture.load().unwrap();
    let names: Vec<_> = loaded.project_agents.iter().map(|agent| agent.name.as_str()).collect();
    assert_eq!(names, ["b-good"]);
    assert_eq!(loaded.project_agents[0].description, "Does things.");
    let warnings: Vec<_> = loaded.warnings.iter().map(|warning| fixture.shown(warning)).collect();
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    assert!(
        warnings[0].starts_with("repo/.claude/agents/a-broken.md:2: the agent is left out: "),
        "{warnings:?}"
    );
    assert_eq!(
        warnings[1],
        "repo/.claude/agents/c-privileged.md:1: the agent is left out: \
         `permissionMode`, `hooks` need a trusted project"
    );
    assert!(loaded.warnings[1].hint.as_ref().unwrap().contains("pointsman trust "));
    assert!(warnings[2].ends_with("`--dangerously-skip-permissions` is not the name of a model"));
}

#[test]
fn a_trusted_project_may_have_privileged_agents_but_none_without_any_question() {
    let fixture = Fixture::new();
    fixture.agent("planner", "permissionMode: plan\nmcpServers: {}");
    fixture.agent("reckless", "permissionMode: bypassPermissions");
    fixture.trust();
    let loaded = fixture.load().unwrap();
    let modes: Vec<_> =
        loaded.project_agents.iter().map(|agent| (agent.name.as_str(), agent.permission_mode)).collect();
    assert_eq!(modes, [("planner", Some(PermissionMode::Plan))]);
    assert!(loaded.warnings[0].message.contains("never taken from a repository"));
}

#[test]
fn a_projects_agent_never_shadows_another() {
    let fixture = Fixture::new();
    fixture.agent("one", "name: opus-general");
    fixture.agent("three", "name: twin");
    fixture.agent("two", "name: twin");
    let loaded = fixture.load().unwrap();
    assert_eq!(loaded.project_agents, []);
    assert_eq!(loaded.warnings.len(), 3);
}

#[test]
fn a_harmless_file_never_lends_its_name_to_one_that_is_left_out() {
    for (stem, other) in [
        ("deep/other", "name: helper\nhooks: {}"),
        ("other", "name: helper\npermissionMode: plan"),
        ("other", "name: Helper\nbroken: ["),
    ] {
        let fixture = Fixture::new();
        fixture.agent("helper", "model: haiku");
        fixture.agent("bystander", "model: haiku");
        fixture.agent(stem, other);
        fixture.write("repo/.claude/agents/README.md", "# helper, bystander\n");
        let agents = fixture.load().unwrap().project_agents;
        let names: Vec<_> = agents.iter().map(|agent| agent.name.as_str()).collect();
        assert_eq!(names, ["bystander"], "{other}");
    }
}

#[test]
fn links_out_of_the_project_large_files_and_pipes_are_skipped() {
    let fixture = Fixture::new();
    let outside = fixture.write("outside.md", "---\nname: spy\n---\n");
    let agents = fixture.dir("repo/.claude/agents");
    fixture.agent("good", "model: opus");
    symlink(outside, agents.join("out.md")).unwrap();
    symlink(agents.join("good.md"), agents.join("inside.md")).unwrap();
    symlink("nowhere", agents.join("dangling.md")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, agents.join("pipe.md"), rustix::fs::FileType::Fifo, 0o600.into(), 0)
        .unwrap();
    let large = "x".repeat(AGENT_FILE_BYTES_MAX + 1);
    fixture.write("repo/.claude/agents/large.md", &large);
    let files = ProjectFiles::read(&find(&fixture.repo(), &fixture.home()));
    let read: Vec<_> = files.agents.iter().map(|file| file.path.file_name().unwrap()).collect();
    assert_eq!(read, ["good.md", "inside.md"]);
    let reasons: Vec<_> = files.warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(reasons.len(), 4, "{reasons:?}");
    for part in ["cannot be read", "not a regular file", "more than", "leads out of the project"] {
        assert!(reasons.iter().any(|reason| reason.contains(part)), "{part}: {reasons:?}");
    }
}

#[test]
fn the_hash_moves_with_every_name_and_every_byte() {
    let fixture = Fixture::new();
    let hash = || ProjectFiles::read(&find(&fixture.repo(), &fixture.home())).hash();
    let mut seen = vec![hash()];
    fixture.project("");
    seen.push(hash());
    fixture.project("a = 1");
    seen.push(hash());
    fixture.agent("x", "model: opus");
    seen.push(hash());
    fixture.agent("y", "model: opus");
    seen.push(hash());
    std::fs::remove_file(fixture.repo().join(".claude/agents/x.md")).unwrap();
    seen.push(hash());
    assert_eq!(hash(), seen[5], "and only with them");
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), count);
}

#[test]
fn the_hint_can_be_pasted_into_a_shell() {
    assert!(trust_hint(Path::new("/a/b-c")).ends_with("`pointsman trust /a/b-c`"));
    assert!(trust_hint(Path::new("/a b/it's")).ends_with(r"`pointsman trust '/a b/it'\''s'`"));
}
