use proptest::prelude::*;

use super::*;
use crate::repo_settings::mcp_file::servers;
use crate::repo_settings::settings_file::SettingsFile;

fn settings(text: &str) -> RepoFile {
    let asks = match SettingsFile::read(text) {
        Ok(file) => Asks::Settings(file),
        Err(error) => Asks::UnreadableSettings(error.to_string()),
    };
    RepoFile { name: ".claude/settings.json".to_owned(), asks }
}

fn mcp(text: &str) -> RepoFile {
    RepoFile { name: ".mcp.json".to_owned(), asks: Asks::Servers(servers(text).unwrap()) }
}

fn untrusted(files: &[RepoFile]) -> Containment {
    Containment::of(files, SaidYes::Nobody, Around::default())
}

fn environment() -> BTreeMap<String, String> {
    BTreeMap::from([("PATH".to_owned(), "/bin".to_owned())])
}

#[test]
fn a_repository_that_asks_for_nothing_changes_nothing() {
    let text = r#"{"permissions":{"deny":["Bash(rm:*)"]},"model":"opus"}"#;
    for files in [&[][..], &[settings(text)], &[mcp("{}")]] {
        assert!(untrusted(files).is_nothing());
    }
}

#[test]
fn variables_and_commands_are_overridden_key_by_key() {
    let file = settings(
        r#"{"env":{"PATH":"/evil","BASE":"x"},"apiKeyHelper":"steal","permissions":{"deny":["A"]}}"#,
    );
    let containment = untrusted(&[file]);
    assert_eq!(containment.sources, SettingSources::All, "the rest of the file is kept");
    let text = serde_json::to_string(&containment.settings(&environment())).unwrap();
    assert_eq!(text, r#"{"env":{"BASE":"","PATH":"/bin"},"apiKeyHelper":""}"#);
}

/// A gateway or a helper that the user has in their own settings is theirs, whatever the repository names as well.
#[test]
fn what_the_users_own_settings_say_keeps_its_value() {
    let file = settings(r#"{"env":{"BASE":"x","PATH":"/evil"},"apiKeyHelper":"steal","agent":"a"}"#);
    let own = json!({"env": {"BASE": "mine"}, "apiKeyHelper": "my-helper", "agent": 3});
    let around = Around { user_settings: vec![own.as_object().unwrap().clone()], ..Around::default() };
    let containment = Containment::of(&[file], SaidYes::Nobody, around);
    let text = serde_json::to_string(&containment.settings(&environment())).unwrap();
    assert_eq!(text, r#"{"env":{"BASE":"mine","PATH":"/bin"},"agent":"","apiKeyHelper":"my-helper"}"#);
}

#[test]
fn a_file_with_hooks_is_left_out_and_its_stricter_rules_are_handed_over() {
    let hooks = r#""hooks":{"Stop":[{"hooks":[{"command":"x"}]}]}"#;
    let file = settings(&format!(
        r#"{{{hooks},"env":{{"A":"1"}},"permissions":{{"deny":["D"],"ask":["Q"],"allow":["W"]}}}}"#
    ));
    let of_user = Around { local: LocalSettings::OfUser, ..Around::default() };
    let files = [file];
    assert_eq!(untrusted(&files).sources, SettingSources::User);
    assert_eq!(Containment::of(&files, SaidYes::Nobody, of_user).sources, SettingSources::UserAndLocal);
    let text = serde_json::to_string(&untrusted(&files).settings(&environment())).unwrap();
    assert_eq!(text, r#"{"permissions":{"ask":["Q"],"deny":["D"]}}"#);
}

#[test]
fn settings_that_cannot_be_read_are_left_out() {
    assert_eq!(untrusted(&[settings("{")]).sources, SettingSources::User);
}

#[test]
fn a_repositorys_servers_are_replaced_by_the_users() {
    let mine = Map::from_iter([("mine".to_owned(), json!({"command": "m"}))]);
    let around = Around { servers: mine.clone(), ..Around::default() };
    let files = [mcp(r#"{"mcpServers":{"evil":{"command":"x"}}}"#)];
    assert_eq!(Containment::of(&files, SaidYes::Nobody, around).servers, Servers::OnlyUsers(mine));
    let unreadable =
        RepoFile { name: ".mcp.json".to_owned(), asks: Asks::UnreadableServers("too large".to_owned()) };
    assert_eq!(untrusted(&[unreadable]).servers, Servers::OnlyUsers(Map::new()));
}

#[test]
fn agents_that_may_not_be_used_cannot_be_delegated_to() {
    let around = || Around { left_out_agents: ["evil".parse().unwrap()].into(), ..Around::default() };
    assert_eq!(Containment::of(&[], SaidYes::Nobody, around()).rules.deny, ["Agent(evil)"]);
    let hooks = settings(r#"{"hooks":{"Stop":[{}]}}"#);
    let left_out = Containment::of(&[hooks], SaidYes::Nobody, around());
    assert_eq!(left_out.rules.deny, Vec::<String>::new(), "their files are not read");
}

/// The CLI prefers a repository's agent to one of the same name that the user has.
#[test]
fn agent_files_are_not_read_where_one_claims_the_users_agent() {
    let around = Around { agent_files: AgentFiles::LeftOut, ..Around::default() };
    assert_eq!(Containment::of(&[], SaidYes::Nobody, around).sources, SettingSources::User);
}

#[test]
fn where_somebody_said_yes_all_takes_effect() {
    let files = [settings(r#"{"env":{"A":"1"},"permissions":{"allow":["W"],"deny":["D"]}}"#), mcp("{}")];
    for yes in [SaidYes::ByHash, SaidYes::ByDirectory] {
        let containment = Containment::of(&files, yes, Around::default());
        let text = serde_json::to_string(&containment.settings(&environment())).unwrap();
        assert_eq!(text, r#"{"permissions":{"allow":["W"]}}"#, "the CLI would ignore it");
    }
    assert!(Containment::of(&files, SaidYes::InClaudeCode, Around::default()).is_nothing());
}

/// Fragments of settings: each with what it asks, in the order of their keys.
fn any_settings() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        r#""env":{"A":"1","PATH":"/evil"}"#,
        r#""env":{"B=C":"1"}"#,
        r#""apiKeyHelper":"x""#,
        r#""hooks":{"Stop":[{}]}"#,
        r#""hooks":true"#,
        r#""permissions":{"deny":["D1","D2"],"allow":["W"]}"#,
        r#""permissions":{"ask":["Q"],"defaultMode":"plan"}"#,
        r#""model":"opus""#,
        "nonsense",
    ]);
    prop::collection::vec(part, 0..5).prop_map(|parts| format!("{{{}}}", parts.join(",")))
}

proptest! {
    /// Nothing that is left out raises rights, and nothing that needs trust is left in.
    #[test]
    fn without_a_yes_nothing_runs_and_every_deny_still_denies(texts in prop::collection::vec(any_settings(), 1..3)) {
        let files: Vec<RepoFile> = texts.iter().map(|text| settings(text)).collect();
        let containment = untrusted(&files);
        let overridden = containment.settings(&environment());
        prop_assert!(containment.rules.allow.is_empty());
        for file in &files {
            let Asks::Settings(asked) = &file.asks else {
                prop_assert_ne!(containment.sources, SettingSources::All);
                continue;
            };
            if containment.sources == SettingSources::All {
                prop_assert!(!asked.must_be_left_out());
                let own = environment();
                for name in &asked.variables {
                    prop_assert_eq!(&overridden["env"][name], own.get(name).map_or("", String::as_str));
                }
                for held in &asked.commands {
                    prop_assert_eq!(&overridden[&held.key], "");
                }
            } else {
                prop_assert!(asked.rules.deny.iter().all(|rule| containment.rules.deny.contains(rule)));
                prop_assert!(asked.rules.ask.iter().all(|rule| containment.rules.ask.contains(rule)));
            }
        }
    }
}
