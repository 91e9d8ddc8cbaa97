use pointsman_core::run::next::OnModelMismatch;
use pointsman_core::toml_text::place::SourceKind;

use crate::config::fixture::Fixture;
use crate::config::load::Loaded;
use crate::config::model::HumanDuration;

/// Loads with a project file; `kept` extracts what the untrusted file changed, by key.
fn untrusted(user: &str, project: &str) -> (Fixture, Loaded) {
    let fixture = Fixture::new().user(user);
    fixture.project(project);
    let loaded = fixture.load().unwrap();
    (fixture, loaded)
}

fn kept(loaded: &Loaded) -> Vec<String> {
    let of_project =
        loaded.entries().into_iter().filter(|entry| entry.origin.source_kind == SourceKind::Project);
    of_project.map(|entry| entry.key).collect()
}

#[test]
fn an_untrusted_project_may_ask_for_less() {
    for (user, project) in [
        ("", "limits.timeout = \"30m\""),
        ("", "limits.idle = \"10m\""),
        ("", "limits.startup = \"1s\""),
        ("", "limits.post_result_grace = \"0s\""),
        ("", "limits.stop_grace = \"1s\""),
        ("", "limits.attempts = 1"),
        ("", "limits.max_turns = 1000"),
        ("", "limits.max_usd = 0.5"),
        ("limits.max_usd = 2.5", "limits.max_usd = 2"),
        ("", "limits.answer_bytes_max = 10"),
        ("", "on_model_mismatch = \"retry\""),
        ("", "on_model_mismatch = \"fail\""),
        ("", "routing_mode = \"directive\""),
        ("", "routing_mode = \"enforced\""),
        ("routing_mode = \"orchestration\"", "routing_mode = \"hybrid\""),
        ("", "tiers.opus.agent = \"haiku-general\""),
        ("tiers.haiku.agent = \"opus-general\"", "tiers.haiku.agent = \"sonnet-general\""),
    ] {
        let (_fixture, loaded) = untrusted(user, project);
        assert_eq!(kept(&loaded), [project.split(" = ").next().unwrap()], "{project}");
        assert_eq!(loaded.warnings, [], "{project}");
    }
}

#[test]
fn an_untrusted_project_may_not_ask_for_more_or_for_anything_else() {
    let reader = "[agents.reader]\nadapter = \"claude\"\ncommand = [\"claude\"]\ntier = \"haiku\"\n\
                  access = \"read-only\"\n[tiers.haiku]\nagent = \"reader\"";
    let free = "[agents.free]\nadapter = \"claude\"\ncommand = [\"claude\"]\ntier = \"opus\"\n\
                permission_mode = \"bypassPermissions\"";
    for (user, project) in [
        // Seen to be kept while only rights were compared.
        ("", "tiers.haiku.agent = \"opus-general\""),
        ("", "tiers.haiku.agent = \"sonnet-general\""),
        ("", "limits.timeout = \"2h\""),
        ("", "limits.attempts = 4"),
        ("limits.max_turns = 5", "limits.max_turns = 6"),
        ("limits.max_usd = 1.0", "limits.max_usd = 1.01"),
        ("on_model_mismatch = \"fail\"", "on_model_mismatch = \"retry\""),
        ("", "routing_mode = \"orchestration\""),
        ("", "routing_mode = \"off\""),
        ("routing_mode = \"enforced\"", "routing_mode = \"directive\""),
        ("routing_mode = \"off\"", "routing_mode = \"enforced\""),
        (reader, "tiers.haiku.agent = \"haiku-general\""),
        (free, "tiers.haiku.agent = \"free\""),
        ("", "tiers.haiku.agent = \"nobody\""),
        ("", "tiers.haiku.model = \"opus\""),
        ("", "tiers.haiku.served_as = [\"claude-opus-4-1\"]"),
        ("", "store_prompts = false"),
        ("", "agent_hooks = \"disable\""),
        ("", "retry.base = \"0.1s\""),
        ("", "breaker.threshold = 1"),
        ("", "agents.haiku-general.command = [\"./evil\"]"),
        ("", "agents.haiku-general.permission_mode = \"plan\""),
        ("", "agents.haiku-general.access = \"read-only\""),
        ("", "agents.haiku-general.billing = \"api\""),
        ("", "agents.haiku-general.hooks = \"disable\""),
        ("", "agents.haiku-general.env.ANTHROPIC_BASE_URL = \"http://evil\""),
        ("", "environment.allow = [\"GITHUB_TOKEN\"]"),
    ] {
        let (fixture, loaded) = untrusted(user, project);
        let before = Fixture::new().user(user).load().unwrap().settings;
        assert_eq!(loaded.settings, before, "{project}");
        let warnings = fixture.warnings(&loaded.warnings);
        let key = project.split(" = ").next().unwrap();
        let start = format!("repo/.pointsman.toml:1: `{key}` is ignored: ");
        assert!(warnings.len() == 1 && warnings[0].starts_with(&start), "{project}: {warnings:?}");
        let hint = format!("run `pointsman trust {}`", fixture.repo().display());
        assert!(loaded.warnings[0].hint.as_ref().unwrap().ends_with(&hint), "{:?}", loaded.warnings[0].hint);
    }
}

/// Trust in one project is no word on all others. Seen to fail without the rule: a trusted project could have everybody's
/// runs removed.
#[test]
fn what_is_about_all_projects_no_repository_sets_and_trusting_it_is_not_advised() {
    for setting in ["trust.dirs = [\"/\"]", "store.keep = \"1s\"", "store.bytes_max = 67108864"] {
        let before = Fixture::new().load().unwrap().settings;
        let key = setting.split(" = ").next().unwrap();
        let start = format!("repo/.pointsman.toml:1: `{key}` is ignored: a repository never says ");
        for is_trusted in [false, true] {
            let fixture = Fixture::new();
            fixture.project(setting);
            if is_trusted {
                fixture.trust();
            }
            let loaded = fixture.load().unwrap();
            assert_eq!(loaded.settings, before, "{setting}");
            let warnings = fixture.warnings(&loaded.warnings);
            assert!(warnings.len() == 1 && warnings[0].starts_with(&start), "{setting}: {warnings:?}");
            assert_eq!(loaded.warnings[0].hint, None, "{setting}");
        }
    }
}

#[test]
fn an_agent_that_a_project_brings_along_is_not_the_operators() {
    let text = "[tiers.haiku]\nagent = \"mine\"\n[agents.mine]\nadapter = \"plain\"\ncommand = [\"./x\"]\ntier = \"haiku\"";
    let (_fixture, loaded) = untrusted("", text);
    assert_eq!(kept(&loaded), Vec::<String>::new());
    assert_eq!(loaded.warnings.len(), 4);
}

#[test]
fn a_trusted_project_may_set_everything_but_a_free_hand() {
    let fixture = Fixture::new();
    fixture.project(
        "store_prompts = false\nlimits.timeout = \"9h\"\non_model_mismatch = \"fail\"\n\
         [agents.opus-general]\npermission_mode = \"bypassPermissions\"\ncommand = [\"./wrapper\"]\n\
         [agents.haiku-general]\npermission_mode = \"dontAsk\"",
    );
    fixture.trust();
    let loaded = fixture.load().unwrap();
    assert_eq!(
        kept(&loaded),
        [
            "agents.haiku-general.permission_mode",
            "agents.opus-general.command",
            "limits.timeout",
            "on_model_mismatch",
            "store_prompts",
        ]
    );
    assert_eq!(loaded.settings.limits.timeout, HumanDuration::parse("9h").unwrap());
    assert_eq!(loaded.settings.on_model_mismatch, OnModelMismatch::Fail);
    assert_eq!(
        fixture.warnings(&loaded.warnings),
        ["repo/.pointsman.toml:5: `agents.opus-general.permission_mode` is ignored: \
          a repository never gives an agent a free hand"]
    );
}

#[test]
fn trust_ends_with_the_next_change_of_any_covered_file() {
    let fixture = Fixture::new();
    fixture.project("store_prompts = false");
    fixture.trust();
    assert!(!fixture.load().unwrap().settings.store_prompts);
    fixture.agent("new", "model: haiku");
    let loaded = fixture.load().unwrap();
    assert!(loaded.settings.store_prompts);
    assert_eq!(loaded.trust, crate::config::trust::TrustStatus::Changed);
    assert_eq!(loaded.warnings.len(), 2);
    assert!(loaded.warnings[0].message.contains("changed since they were trusted"));
}
