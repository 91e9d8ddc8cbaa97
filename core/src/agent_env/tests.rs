use super::*;
use crate::agent::Tier;
use crate::fixture;

/// What a real shell may hold, and none of which an agent should get by default.
const CANARIES: [&str; 40] = [
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_MODEL",
    "ANTHROPIC_SMALL_FAST_MODEL",
    "ANTHROPIC_DEFAULT_HAIKU_MODEL",
    "ANTHROPIC_DEFAULT_SONNET_MODEL",
    "ANTHROPIC_DEFAULT_OPUS_MODEL",
    "ANTHROPIC_CUSTOM_HEADERS",
    "ANTHROPIC_BEDROCK_BASE_URL",
    "ANTHROPIC_VERTEX_PROJECT_ID",
    "CLAUDECODE",
    "CLAUDE_CODE_ENTRYPOINT",
    "CLAUDE_CODE_SESSION_ID",
    "CLAUDE_CODE_CHILD_SESSION",
    "CLAUDE_CODE_SUBAGENT_MODEL",
    "CLAUDE_CODE_EXECPATH",
    "CLAUDE_CODE_MESSAGING_SOCKET",
    "CLAUDE_PROJECT_DIR",
    "CLAUDE_ENV_FILE",
    "CLAUDE_PLUGIN_ROOT",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_BEARER_TOKEN_BEDROCK",
    "AWS_PROFILE",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_API_KEY",
    "CLOUD_ML_REGION",
    "OPENAI_API_KEY",
    "GEMINI_API_KEY",
    "GITHUB_TOKEN",
    "GH_TOKEN",
    "NPM_TOKEN",
    "CARGO_REGISTRY_TOKEN",
    "DATABASE_URL",
    "STRIPE_SECRET_KEY",
    "POINTSMAN_RUN",
    "POINTSMAN_DEPTH",
    "LD_PRELOAD",
];

const WORKING: [&str; 12] = [
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "XDG_RUNTIME_DIR",
    "HTTPS_PROXY",
    "https_proxy",
    "SSL_CERT_FILE",
    "SSH_AUTH_SOCK",
    "CARGO_HOME",
    "VIRTUAL_ENV",
];

fn vars(names: &[&str]) -> BTreeMap<String, String> {
    names.iter().map(|name| ((*name).to_owned(), format!("ambient {name}"))).collect()
}

fn agent(adapter: AdapterKind) -> Agent {
    Agent { adapter, ..fixture::agent("a", Tier::Haiku) }
}

fn names(env: &AgentEnv) -> Vec<&str> {
    env.vars.keys().map(String::as_str).collect()
}

fn sorted(names: &[&'static str]) -> Vec<&'static str> {
    let mut names = names.to_vec();
    names.sort_unstable();
    names
}

#[test]
fn s10_of_forty_canaries_none_reaches_an_agent_of_a_subscriber() {
    let ambient = vars(&[&CANARIES[..], &WORKING[..]].concat());
    for adapter in [AdapterKind::Claude, AdapterKind::Plain] {
        let paying = payer(&ambient, Billing::Auto, LoginState::LoggedIn);
        assert_eq!(paying, Payer::Subscription);
        let own = [("POINTSMAN_RUN".to_owned(), "this one".to_owned())];
        let env = agent_env(&ambient, &agent(adapter), paying, &[], &own);
        assert_eq!(names(&env), sorted(&[&WORKING[..], &["POINTSMAN_RUN"]].concat()));
        assert_eq!(env.vars["POINTSMAN_RUN"], "this one");
        assert_eq!(env.withheld.len(), 39);
        assert_eq!(env.withheld_api().count(), 4);
    }
}

#[test]
fn s10_without_a_login_only_the_variables_of_the_api_and_its_gateway_pass_and_only_to_claude() {
    let ambient = vars(&CANARIES);
    let paying = payer(&ambient, Billing::Auto, LoginState::LoggedOut);
    assert_eq!(paying, Payer::ApiKey);
    let claude = agent_env(&ambient, &agent(AdapterKind::Claude), paying, &[], &[]);
    let of_gateway = [
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_AUTH_TOKEN",
        "ANTHROPIC_BASE_URL",
        "ANTHROPIC_CUSTOM_HEADERS",
        "ANTHROPIC_DEFAULT_HAIKU_MODEL",
        "ANTHROPIC_DEFAULT_OPUS_MODEL",
        "ANTHROPIC_DEFAULT_SONNET_MODEL",
        "ANTHROPIC_SMALL_FAST_MODEL",
    ];
    assert_eq!(names(&claude), of_gateway);
    let plain = agent_env(&ambient, &agent(AdapterKind::Plain), paying, &[], &[]);
    assert_eq!(names(&plain), Vec::<&str>::new());
}

#[test]
fn s10_a_pattern_of_the_operator_cannot_let_through_what_pays_or_steers() {
    let ambient = vars(&CANARIES);
    let all = ["*".to_owned(), "ANTHROPIC_API_KEY".to_owned()];
    let env = agent_env(&ambient, &agent(AdapterKind::Claude), Payer::Subscription, &all, &[]);
    // Said here once more and not taken from the list: seen to fail with any of its four entries taken out.
    let begins = ["ANTHROPIC_", "CLAUDECODE", "CLAUDE_", "POINTSMAN_"];
    let is_ruled = |name: &&str| begins.iter().any(|begin| name.starts_with(begin));
    assert_eq!(CANARIES.iter().filter(|name| is_ruled(name)).count(), 23);
    assert_eq!(names(&env).into_iter().filter(is_ruled).collect::<Vec<_>>(), Vec::<&str>::new());
    assert!(env.vars.contains_key("GITHUB_TOKEN"), "a bare `*` is the operator's word for the rest");
}

#[test]
fn the_payer_is_decided_by_billing_then_cloud_then_login_then_key() {
    let (auto, subscription, api) = (Billing::Auto, Billing::Subscription, Billing::Api);
    let (bedrock, vertex) = (Payer::Cloud(Cloud::Bedrock), Payer::Cloud(Cloud::Vertex));
    let (key, token) = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN");
    let (logged_in, logged_out) = (LoginState::LoggedIn, LoginState::LoggedOut);
    for (ambient, billing, login, expected) in [
        (&[][..], auto, logged_out, Payer::Unknown),
        (&[], auto, logged_in, Payer::Subscription),
        (&[key], auto, logged_out, Payer::ApiKey),
        (&[token], auto, logged_out, Payer::ApiKey),
        (&["ANTHROPIC_BASE_URL"], auto, logged_out, Payer::Unknown),
        (&[key], auto, logged_in, Payer::Subscription),
        (&[key, OAUTH_TOKEN], auto, logged_out, Payer::Subscription),
        (&[key], subscription, logged_out, Payer::Subscription),
        (&[key, OAUTH_TOKEN], api, logged_in, Payer::ApiKey),
        (&["CLAUDE_CODE_USE_BEDROCK", key], auto, logged_in, bedrock),
        (&["CLAUDE_CODE_USE_VERTEX", key], auto, logged_in, vertex),
        (&["CLAUDE_CODE_USE_BEDROCK"], subscription, logged_in, Payer::Subscription),
    ] {
        assert_eq!(payer(&vars(ambient), billing, login), expected, "{ambient:?} {billing:?}");
    }
    for off in ["", "0", "false", "No"] {
        let ambient = BTreeMap::from([("CLAUDE_CODE_USE_BEDROCK".to_owned(), off.to_owned())]);
        assert_eq!(payer(&ambient, auto, LoginState::LoggedIn), Payer::Subscription, "{off:?}");
    }
}

#[test]
fn cloud_variables_pass_only_with_their_own_switch() {
    let mut ambient = vars(&["AWS_PROFILE", "GOOGLE_CLOUD_PROJECT", "CLOUD_ML_REGION", "ANTHROPIC_API_KEY"]);
    ambient.insert("CLAUDE_CODE_USE_BEDROCK".to_owned(), "1".to_owned());
    let claude = agent(AdapterKind::Claude);
    let env = |payer| agent_env(&ambient, &claude, payer, &[], &[]);
    assert_eq!(names(&env(Payer::Cloud(Cloud::Bedrock))), ["AWS_PROFILE", "CLAUDE_CODE_USE_BEDROCK"]);
    assert_eq!(names(&env(Payer::Cloud(Cloud::Vertex))), ["CLOUD_ML_REGION", "GOOGLE_CLOUD_PROJECT"]);
    assert_eq!(names(&env(Payer::Subscription)), Vec::<&str>::new());
}

#[test]
fn the_login_of_the_cli_passes_to_claude_and_to_nobody_else() {
    let ambient = vars(&["CLAUDE_CONFIG_DIR", OAUTH_TOKEN]);
    let paying = Payer::Subscription;
    assert_eq!(agent_env(&ambient, &agent(AdapterKind::Claude), paying, &[], &[]).vars, ambient);
    assert_eq!(agent_env(&ambient, &agent(AdapterKind::Plain), paying, &[], &[]).vars.len(), 0);
}

#[test]
fn what_the_operator_sets_for_an_agent_passes_and_wins_and_what_pointsman_sets_is_last() {
    let ambient = vars(&["ANTHROPIC_BASE_URL", "LANG", "POINTSMAN_RUN"]);
    let mut claude = agent(AdapterKind::Claude);
    for name in ["ANTHROPIC_BASE_URL", "ANTHROPIC_AUTH_TOKEN", "LANG", "CLAUDE_CODE_X", "POINTSMAN_RUN"] {
        claude.env.insert(name.to_owned(), "config".to_owned());
    }
    let own = [("POINTSMAN_RUN".to_owned(), "own".to_owned())];
    let env = agent_env(&ambient, &claude, Payer::Subscription, &[], &own);
    let expected = [
        ("ANTHROPIC_AUTH_TOKEN", "config"),
        ("ANTHROPIC_BASE_URL", "config"),
        ("CLAUDE_CODE_X", "config"),
        ("LANG", "config"),
        ("POINTSMAN_RUN", "own"),
    ];
    assert_eq!(env.vars, expected.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
    assert_eq!(env.withheld, Vec::<String>::new());
    assert_eq!(env.effective_payer(LoginState::LoggedIn), Payer::ApiKey);
}

#[test]
fn a_debug_print_shows_no_value() {
    let env = agent_env(&vars(&["PATH"]), &agent(AdapterKind::Plain), Payer::Unknown, &[], &[]);
    assert_eq!(format!("{env:?}"), r#"AgentEnv { vars: ["PATH"], withheld: [] }"#);
}

#[test]
fn every_cloud_gets_its_switch_and_what_it_needs_and_is_named_as_the_payer() {
    for (switch, needs, name) in [
        ("CLAUDE_CODE_USE_BEDROCK", "AWS_BEARER_TOKEN_BEDROCK", "bedrock"),
        ("CLAUDE_CODE_USE_FOUNDRY", "ANTHROPIC_FOUNDRY_API_KEY", "foundry"),
        ("CLAUDE_CODE_USE_FOUNDRY", "AZURE_CLIENT_SECRET", "foundry"),
        ("CLAUDE_CODE_USE_VERTEX", "ANTHROPIC_VERTEX_PROJECT_ID", "vertex"),
        ("CLAUDE_CODE_USE_ANTHROPIC_AWS", "ANTHROPIC_AWS_API_KEY", "anthropic_aws"),
        (
            "CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD",
            "ANTHROPIC_GOOGLE_CLOUD_PROJECT",
            "anthropic_google_cloud",
        ),
        ("CLAUDE_CODE_USE_MANTLE", "AWS_PROFILE", "mantle"),
    ] {
        let mut ambient = vars(&[needs, "ANTHROPIC_API_KEY", "ANTHROPIC_DEFAULT_SONNET_MODEL"]);
        ambient.insert(switch.to_owned(), "1".to_owned());
        let paying = payer(&ambient, Billing::Auto, LoginState::LoggedIn);
        assert_eq!((paying.as_str(), Payer::from(name.to_owned())), (name, paying));
        let env = agent_env(&ambient, &agent(AdapterKind::Claude), paying, &[], &[]);
        assert_eq!(names(&env), sorted(&["ANTHROPIC_DEFAULT_SONNET_MODEL", switch, needs]));
        assert_eq!(env.effective_payer(LoginState::LoggedIn), paying);
    }
}

#[test]
fn a_cloud_is_shown_by_the_name_that_people_know() {
    assert_eq!(
        CLOUDS.map(|cloud| cloud.cloud.title()),
        [
            "Amazon Bedrock",
            "Microsoft Foundry",
            "Claude on AWS",
            "Claude on Google Cloud",
            "Amazon Bedrock (Mantle)",
            "Google Vertex AI",
        ]
    );
}

#[test]
fn another_payer_contradicts_the_expected_one_but_a_key_may_pay_for_a_cloud() {
    let cloud = Payer::Cloud(Cloud::Bedrock);
    for (told, expected, contradicts) in [
        (Payer::ApiKey, Payer::Subscription, true),
        (Payer::Subscription, Payer::ApiKey, true),
        (Payer::ApiKey, cloud, false),
        (Payer::Subscription, cloud, true),
        (cloud, Payer::ApiKey, true),
        (Payer::Cloud(Cloud::Vertex), cloud, true),
        (cloud, cloud, false),
    ] {
        assert_eq!(told.contradicts(expected), contradicts, "{told:?} {expected:?}");
    }
}

#[test]
fn what_would_have_let_somebody_else_pay_is_named_when_it_is_withheld() {
    let ambient = vars(&["ANTHROPIC_API_KEY", "AWS_PROFILE", "CLAUDE_CODE_USE_GATEWAY", "LANG"]);
    let env = agent_env(&ambient, &agent(AdapterKind::Claude), Payer::Subscription, &[], &[]);
    assert_eq!(env.withheld_api().collect::<Vec<_>>(), ["ANTHROPIC_API_KEY", "CLAUDE_CODE_USE_GATEWAY"]);
}

#[test]
fn a_gateway_is_named_by_its_host_and_never_with_a_password() {
    for (url, want) in [
        ("http://127.0.0.1:4000", Some("127.0.0.1:4000")),
        ("https://user:secret@llm.corp.example/v1?key=x", Some("llm.corp.example")),
        ("https://api.anthropic.com", None),
        ("https://api.anthropic.com.evil.example/", Some("api.anthropic.com.evil.example")),
        ("", None),
    ] {
        let ambient = BTreeMap::from([("ANTHROPIC_BASE_URL".to_owned(), url.to_owned())]);
        assert_eq!(gateway(&ambient).as_deref(), want, "{url}");
    }
}
