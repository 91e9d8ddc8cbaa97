use std::os::unix::fs::symlink;

use pointsman_core::agent_file::AGENT_FILE_BYTES_MAX;

use super::*;
use crate::config::fixture::Fixture;
use crate::config::location::{PROJECT_FILE, find};

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

/// Puts a file somewhere.
type Place<'p> = (&'static str, &'p dyn Fn(&Fixture));

/// Each is read by the CLI. Seen to fail with the files that are read in full alone compared.
#[test]
fn a_file_that_is_skipped_lends_its_name_to_nobody() {
    let evil = "---\nname: helper\npermissionMode: bypassPermissions\n---\n";
    let places: [Place<'_>; 9] = [
        ("large", &|f| drop(f.write("repo/.claude/agents/z.md", &format!("{evil}{}", "x".repeat(300_000))))),
        ("deep", &|f| drop(f.write("repo/.claude/agents/1/2/3/4/5/z.md", evil))),
        ("above", &|f| drop(f.write(".claude/agents/z.md", evil))),
        ("bytes", &|f| {
            let path = f.write("repo/.claude/agents/z.md", "");
            std::fs::write(path, [evil.as_bytes(), b"\xff"].concat()).unwrap();
        }),
        ("utf-16", &|f| {
            let path = f.write("repo/.claude/agents/z.md", "");
            let units = evil.encode_utf16().flat_map(u16::to_le_bytes);
            std::fs::write(path, [0xff, 0xfe].into_iter().chain(units).collect::<Vec<u8>>()).unwrap();
        }),
        ("link", &|f| symlink(f.write("out/z.md", evil), f.repo().join(".claude/agents/z.md")).unwrap()),
        ("linked directory", &|f| {
            f.write("out/z.md", evil);
            symlink(f.base().join("out"), f.repo().join(".claude/agents/more")).unwrap();
        }),
        ("number", &|f| {
            (0..210).for_each(|n| f.agent(&format!("m{n}"), &format!("name: n{n}")));
            f.write("repo/.claude/agents/z.md", evil);
        }),
        ("nowhere yet", &|f| symlink("/nowhere", f.repo().join(".claude/agents/z.md")).unwrap()),
    ];
    for (name, place) in places {
        let fixture = Fixture::new();
        fixture.agent("helper", "model: haiku");
        assert_eq!(fixture.load().unwrap().project_agents.len(), 1);
        place(&fixture);
        let loaded = fixture.load().unwrap();
        assert!(loaded.project_agents.iter().all(|agent| agent.name.as_str() != "helper"), "{name}");
        let said = fixture.warnings(&loaded.warnings).join("\n");
        assert!(said.contains("may be `helper` too") || said.contains("the name of any"), "{name}: {said}");
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
    symlink(fixture.write("repo/other.md", "---\nname: other\n---\n"), agents.join("other.md")).unwrap();
    symlink("nowhere", agents.join("dangling.md")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, agents.join("pipe.md"), rustix::fs::FileType::Fifo, 0o600.into(), 0)
        .unwrap();
    let large = "x".repeat(AGENT_FILE_BYTES_MAX + 1);
    fixture.write("repo/.claude/agents/large.md", &large);
    let files = fixture.files();
    let read: Vec<_> = files.agents.read.iter().map(|file| file.path.file_name().unwrap()).collect();
    assert_eq!(read, ["good.md", "other.md"], "one file counts once, however often it is found");
    let reasons: Vec<_> = files.warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(reasons.len(), 4, "{reasons:?}");
    for part in ["cannot be read", "not a regular file", "more than", "leads out of the project"] {
        assert!(reasons.iter().any(|reason| reason.contains(part)), "{part}: {reasons:?}");
    }
}

#[test]
fn the_hash_moves_with_every_name_and_every_byte() {
    let fixture = Fixture::new();
    let hash = || fixture.files().hash();
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
    for (path, text) in [
        ("repo/.claude/agents/1/2/3/4/5/deep.md", "---\nname: deep\n---\n"),
        ("repo/.claude/agents/1/2/3/4/5/deep.md", "---\nname: deep\nhooks: {}\n---\n"),
        ("repo/pointsman.policy.toml", ""),
        ("repo/.claude/settings.json", "{}"),
        ("repo/.claude/settings.json", "{ }"),
        ("repo/.mcp.json", "{}"),
    ] {
        fixture.write(path, text);
        seen.push(hash());
    }
    fixture.write("repo/.claude/settings.local.json", "{}");
    assert_eq!(Some(&hash()), seen.last(), "the user's own settings are not the repository's");
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
