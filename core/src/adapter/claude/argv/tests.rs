use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;
use crate::adapter::claude::OLDEST;
use crate::adapter::invocation::{CliVersion, SettingsFiles};
use crate::adapter::passed::PassedFlags;
use crate::agent::{Agent, Tier};
use crate::fixture::general;
use crate::ids::AgentSessionId;
use crate::repo_settings::containment::AgentDefinition;

const CONTRACT: &str = "the contract with its secret nonce";

fn written(agent: &Agent, version: Option<CliVersion>, session: &AgentSession, prompt: &str) -> Invocation {
    contained_by(&Containment::default(), agent, version, session, prompt)
}

fn contained_by(
    containment: &Containment,
    agent: &Agent,
    version: Option<CliVersion>,
    session: &AgentSession,
    prompt: &str,
) -> Invocation {
    let settings = settings(agent, containment, &BTreeMap::new()).map(|settings| settings.text);
    let files = SettingsFiles { settings, servers: Some(PathBuf::from("/state/mcp.json")) };
    invocation(&Order {
        passed: &PassedFlags { args: vec!["--effort=high".to_owned()], ..PassedFlags::default() },
        containment,
        files: &files,
        agent,
        version,
        prompt,
        contract: CONTRACT,
        contract_file: Path::new("/state/contract.md"),
        session,
        permission_mode: agent.effective_permission_mode(),
        max_turns: Some(7),
        max_usd: Some(0.5),
        cwd: Path::new("/project"),
    })
}

fn new_session() -> AgentSession {
    AgentSession::New(AgentSessionId::nil())
}

#[test]
fn a_known_version_gets_every_flag() {
    let mut agent = general(Tier::Haiku);
    agent.fallback_model = Some("sonnet".to_owned());
    agent.cli_agent = Some("reviewer".to_owned());
    agent.hooks = AgentHooks::Disable;
    let command = written(&agent, Some(OLDEST), &new_session(), "do it");
    let want = "-p --output-format stream-json --verbose --model haiku --session-id 00000000-0000-0000-0000-000000000000 --permission-mode acceptEdits \
                --agent reviewer --settings {\"disableAllHooks\":true} --fallback-model sonnet --max-turns 7 \
                --max-budget-usd 0.5 --append-system-prompt-file /state/contract.md --effort=high --include-partial-messages";
    assert_eq!(command.args.join(" "), want);
    assert_eq!(command.stdin, "do it");
    assert_eq!(command.env[RETRIES], "3", "with a fallback model the CLI must be able to get to it");
}

#[test]
fn an_old_or_silent_cli_gets_what_every_version_has_and_the_contract_with_the_prompt() {
    for version in [Some(CliVersion(1, 0, 9)), None] {
        let command =
            written(&general(Tier::Opus), version, &AgentSession::Resume(AgentSessionId::nil()), "do it");
        let want = "-p --output-format stream-json --verbose --model opus --resume=00000000-0000-0000-0000-000000000000 --permission-mode acceptEdits --effort=high";
        assert_eq!(command.args.join(" "), want);
        assert_eq!(command.stdin, format!("do it\n\n{CONTRACT}"));
        assert_eq!(command.env[RETRIES], "0", "one retry layer, and it is ours");
    }
}

#[test]
fn what_nobody_approved_is_left_out_whatever_the_version() {
    let mut agent = general(Tier::Haiku);
    agent.cli_agent = Some("reviewer".to_owned());
    let mut containment = Containment { sources: SettingSources::User, ..Containment::default() };
    containment.servers = Servers::OnlyUsers(serde_json::Map::new());
    containment.rules.deny.push("Bash(rm:*)".to_owned());
    let definition =
        AgentDefinition { description: "d".into(), prompt: "p".into(), tools: Some(vec!["Read".into()]) };
    containment.agents.insert("reviewer".parse().unwrap(), definition);
    for version in [Some(OLDEST), None] {
        let command = contained_by(&containment, &agent, version, &new_session(), "do it");
        let want = "--agent reviewer --settings {\"permissions\":{\"deny\":[\"Bash(rm:*)\"]}} --setting-sources user \
                    --add-dir=/project --strict-mcp-config --mcp-config=/state/mcp.json \
                    --agents={\"reviewer\":{\"description\":\"d\",\"prompt\":\"p\",\"tools\":[\"Read\"]}}";
        assert!(command.args.join(" ").contains(want), "{:?}", command.args);
        assert_eq!(command.env[MEMORY_OF_ADDED_DIRS], "1");
    }
}

/// Arguments can be read by every user of the machine.
#[test]
fn settings_with_a_value_of_the_users_are_no_argument() {
    let variable = |value: Option<&str>| Containment {
        variables: [("KEY".to_owned(), value.map(str::to_owned))].into(),
        ..Containment::default()
    };
    let agent = general(Tier::Haiku);
    let secrecy = |containment: &Containment, environment: &[(&str, &str)]| {
        let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        settings(&agent, containment, &environment).map(|settings| settings.secrecy)
    };
    assert_eq!(secrecy(&Containment::default(), &[("KEY", "v")]), None);
    assert_eq!(secrecy(&variable(None), &[]), Some(Secrecy::Open));
    assert_eq!(secrecy(&variable(None), &[("KEY", "v")]), Some(Secrecy::Private));
    assert_eq!(secrecy(&variable(Some("v")), &[]), Some(Secrecy::Private));
    let long = Containment { keys: [("k".repeat(40_000), String::new())].into(), ..Containment::default() };
    assert_eq!(secrecy(&long, &[]), Some(Secrecy::Private));
}

#[test]
fn versions_are_read_as_clis_print_them() {
    for (printed, version) in [
        ("2.1.330 (Claude Code)", Some(CliVersion(2, 1, 330))),
        ("claude v10.0.1-beta", Some(CliVersion(10, 0, 1))),
        ("2.1", None),
        ("", None),
        ("99999999999.1.1", None),
    ] {
        assert_eq!(CliVersion::parse(printed), version, "{printed:?}");
    }
    let all_flags = |version| crate::adapter::claude::capabilities(Some(version)).holds_limits;
    assert!(!all_flags(CliVersion(2, 1, 196)) && all_flags(CliVersion(3, 0, 0)));
}

/// Prompts that resemble options, files, commands or shell words.
fn any_prompt() -> impl Strategy<Value = String> {
    let openings = ["-", "--", "--settings=", "@file ", "!", "/", "\n/", "$(", "`", "'", "--model=", ""];
    (prop::sample::select(openings.to_vec()), "\\PC{0,60}")
        .prop_map(|(opening, rest)| format!("{opening}{rest}"))
}

fn any_version() -> impl Strategy<Value = Option<CliVersion>> {
    prop::sample::select(vec![Some(OLDEST), None])
}

fn no_word_is_an_argument(prompt: &str, version: Option<CliVersion>) -> Result<(), TestCaseError> {
    let command = written(&general(Tier::Haiku), version, &new_session(), prompt);
    let same = written(&general(Tier::Haiku), version, &new_session(), "another prompt");
    prop_assert_eq!(&command.args, &same.args, "the arguments do not depend on the prompt");
    prop_assert!(!command.args.iter().any(|arg| arg.contains("nonce")));
    let said = command.stdin.strip_suffix(&format!("\n\n{CONTRACT}")).unwrap_or(&command.stdin);
    prop_assert!(said == prompt || said == format!("\n{prompt}"), "{said:?}");
    prop_assert!(!said.starts_with('/'), "it would be a command of the CLI");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn s03_no_word_of_a_prompt_is_ever_an_argument(prompt in any_prompt(), version in any_version()) {
        no_word_is_an_argument(&prompt, version)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    #[ignore = "seconds: ten times as many prompts"]
    fn deep_s03_no_word_of_a_prompt_is_ever_an_argument(prompt in any_prompt(), version in any_version()) {
        no_word_is_an_argument(&prompt, version)?;
    }
}
