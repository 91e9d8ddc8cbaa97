//! S9: agent output is text. S10: the environment of agents is an allow-list. S11: secrets are redacted before
//! anything is written or shown.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::fake::Fake;
use crate::sandbox::{Ran, Sandbox};

const REQUEST: &str = "rename foo to bar in lib.rs";

/// What a terminal would obey.
fn payloads() -> Vec<String> {
    let bodies = [
        "\u{1b}[2J",
        "\u{1b}[31m",
        "\u{1b}[?1049h",
        "\u{1b}]0;title\u{7}",
        "\u{1b}]8;;http://evil\u{1b}\\link",
        "\u{1b}]52;c;ZXZpbA==\u{7}",
        "\u{1b}P+q544e\u{1b}\\",
        "\u{1b}_apc\u{1b}\\",
        "\u{1b}^pm\u{1b}\\",
        "\u{1b}c",
        "\u{1b}(0",
        "\u{1b}[6n",
        "\u{1b}[>c",
        "\u{9b}31m",
        "\u{9d}0;t\u{9c}",
        "\u{90}q\u{9c}",
        "\u{7}\u{8}\u{8}\u{8}",
        "\r overwritten",
        "\u{7f}\u{7f}",
        "\u{b}\u{c}\u{e}\u{f}",
        "\u{1b}",
        "\u{1b}[",
        "\u{1b}]",
        "\u{1b}]unfinished",
        "\u{202e}txt.exe",
    ];
    bodies.iter().flat_map(|body| [format!("before {body} after"), format!("{body}{body}")]).collect()
}

/// No stream has a character that a terminal obeys, nor one that turns the reading direction.
#[track_caller]
fn is_harmless(ran: &Ran) {
    let obeyed =
        |c: &char| (c.is_control() && !matches!(c, '\n' | '\t')) || matches!(c, '\u{202a}'..='\u{202e}');
    for (name, stream) in [("stdout", &ran.stdout), ("stderr", &ran.stderr)] {
        let found: Vec<char> = stream.chars().filter(obeyed).collect();
        assert!(found.is_empty(), "{found:?} on {name}\n{ran}");
    }
}

/// This one and the next were seen to fail with `plain_text` returning its text as it is.
#[test]
fn s09_escape_sequences_in_agent_text_never_reach_the_terminal() {
    for (at, payload) in payloads().iter().enumerate() {
        let answer = format!("the answer: {payload}");
        let fake = match at % 5 {
            0 => Fake::says(payload).then(Fake::completes(&answer)),
            1 => Fake::wrong_model(&format!("claude-opus-{payload}"), &answer),
            2 => Fake::step([&"calls-tool", payload]).then(Fake::completes(&answer)),
            3 => Fake::api_error(400, payload),
            _ => Fake::step([&"complains", payload]).then(Fake::step([&"exits", &3])),
        };
        let sandbox = Sandbox::new().agents(fake);
        is_harmless(&sandbox.run_on("haiku", REQUEST));
        for look in [&["runs", "logs", "latest"][..], &["runs", "show", "latest"], &["explain", "latest"]] {
            let call = look.iter().fold(sandbox.call([]), |call, word| call.args([word]));
            let ran = call.wait().success();
            is_harmless(&ran);
            assert!(ran.stdout.len() + ran.stderr.len() > 100, "{look:?} shows nothing: {ran}");
        }
    }
}

#[test]
fn s09_a_plain_agents_escape_sequences_never_reach_the_terminal() {
    let text = payloads().join("\n");
    let ran =
        Sandbox::new().agent("haiku", Fake::completes(&text).plain()).run_on("haiku", REQUEST).success();
    is_harmless(&ran);
    assert!(ran.stdout.contains("before") && ran.stdout.contains("after"), "{ran}");
}

/// Variables that people have set and agents have no business with.
const CANARIES: [&str; 44] = [
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_MODEL",
    "ANTHROPIC_CUSTOM_HEADERS",
    "ANTHROPIC_BEDROCK_BASE_URL",
    "CLAUDECODE",
    "CLAUDE_CODE_ENTRYPOINT",
    "CLAUDE_CODE_SSE_PORT",
    "CLAUDE_CODE_CHILD_SESSION",
    "CLAUDE_CODE_MAX_RETRIES",
    "CLAUDE_CODE_SUBAGENT_MODEL",
    "OPENAI_API_KEY",
    "GEMINI_API_KEY",
    "GOOGLE_API_KEY",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AZURE_CLIENT_SECRET",
    "GITHUB_TOKEN",
    "GH_TOKEN",
    "GITLAB_TOKEN",
    "NPM_TOKEN",
    "CARGO_REGISTRY_TOKEN",
    "PYPI_TOKEN",
    "TWINE_PASSWORD",
    "DOCKER_PASSWORD",
    "DATABASE_URL",
    "PGPASSWORD",
    "MYSQL_PWD",
    "REDIS_URL",
    "STRIPE_SECRET_KEY",
    "SLACK_TOKEN",
    "SENTRY_AUTH_TOKEN",
    "VAULT_TOKEN",
    "KUBECONFIG",
    "HEROKU_API_KEY",
    "SECRET_KEY_BASE",
    "LD_PRELOAD_CANARY",
    "BASH_ENV",
    "NODE_OPTIONS",
    "MY_COMPANY_PASSWORD",
];

fn environment(sandbox: Sandbox) -> BTreeMap<String, String> {
    let dump = sandbox.path("env");
    let sandbox = sandbox.agent("haiku", Fake::dumps("env", &dump).then(Fake::completes("seen")));
    let with_canaries =
        CANARIES.iter().fold(sandbox, |sandbox, name| sandbox.env(name, &format!("canary-{name}")));
    let sandbox = with_canaries.env("LC_ALL", "C.UTF-8");
    sandbox.run_on("haiku", REQUEST).success();
    let text = fs::read_to_string(dump).unwrap();
    text.lines().filter_map(|line| line.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
}

/// Seen to fail with `passes` returning true for every name in `core/src/agent_env.rs`.
#[test]
fn s10_an_agent_on_a_subscription_login_gets_none_of_forty_four_canaries() {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.path("home/.claude")).unwrap();
    fs::write(sandbox.path("home/.claude/.credentials.json"), r#"{"claudeAiOauth":{"accessToken":"x"}}"#)
        .unwrap();
    let sandbox = sandbox.agent_key("haiku", "env", r#"{ FROM_THE_OPERATOR = "yes" }"#);
    let seen = environment(sandbox);
    let leaked: Vec<_> = seen.iter().filter(|(_, value)| value.contains("canary-")).collect();
    assert!(leaked.is_empty(), "{leaked:?}");
    for name in ["PATH", "HOME", "LC_ALL", "TMPDIR", "POINTSMAN_RUN", "POINTSMAN_SESSION"] {
        assert!(seen.contains_key(name), "{name} is missing: {seen:?}");
    }
    let value = |name: &str| seen.get(name).map(String::as_str);
    assert_eq!(value("FROM_THE_OPERATOR"), Some("yes"));
    assert_eq!(value("POINTSMAN_DEPTH"), Some("1"));
    assert_eq!(value("CLAUDE_CODE_MAX_RETRIES"), Some("0"));
}

#[test]
fn s10_without_a_login_the_key_passes_and_nothing_else_does() {
    // What a gateway calls the models is of use to nobody but the agent.
    let of_gateway = ["ANTHROPIC_DEFAULT_HAIKU_MODEL", "ANTHROPIC_SMALL_FAST_MODEL"];
    let sandbox = of_gateway.iter().fold(Sandbox::new(), |sandbox, name| sandbox.env(name, "canary-model"));
    let seen = environment(sandbox);
    let passed: Vec<&str> =
        seen.iter().filter(|(_, value)| value.contains("canary-")).map(|(name, _)| name.as_str()).collect();
    let of_api =
        ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL", "ANTHROPIC_CUSTOM_HEADERS"];
    assert_eq!(passed, [&of_api[..], &of_gateway].concat());
}

/// Secrets by their known beginnings; the rest is made here, so that no whole secret stands in the source.
fn secrets() -> Vec<(String, String)> {
    let filler = |count: usize, letters: &str| -> String {
        let letters: Vec<char> = letters.chars().collect();
        (0..count).map(|at| letters[(at * 11 + at / 5 + 3) % letters.len()]).collect()
    };
    let mixed = |count| filler(count, "qW4eR7tY2uI9oP3aS6dF8gH5jK");
    let hex = |count| filler(count, "13579bdf02468ace");
    let upper = |count| filler(count, "QWERTZUIOP234567");
    let rows: [(&str, String); 40] = [
        ("sk-ant-", format!("api03-{}", mixed(60))),
        ("sk-ant-", format!("oat01-{}", mixed(60))),
        ("sk-", format!("proj-{}", mixed(48))),
        ("AKIA", upper(16)),
        ("aws_secret_access_key = ", mixed(40)),
        ("ghp_", mixed(36)),
        ("gho_", mixed(36)),
        ("ghs_", mixed(36)),
        ("github_pat_", mixed(80)),
        ("glpat-", mixed(20)),
        ("xoxb-", format!("123456789012-{}", mixed(24))),
        ("https://hooks.slack.com/services/", format!("T00/B00/{}", mixed(24))),
        ("sk_live_", mixed(24)),
        ("rk_live_", mixed(24)),
        ("AIza", mixed(35)),
        ("ya29.", mixed(60)),
        ("npm_", mixed(36)),
        ("//registry.npmjs.org/:_authToken=", mixed(36)),
        ("pypi-", mixed(80)),
        ("dckr_pat_", mixed(27)),
        ("hf_", mixed(34)),
        ("Authorization: Bearer ", mixed(40)),
        ("Authorization: Basic ", mixed(40)),
        ("postgres://app:", mixed(18)),
        ("mysql://root:", mixed(18)),
        ("password=", mixed(16)),
        ("DB_PASSWORD: ", mixed(16)),
        ("api_key: ", mixed(24)),
        ("SECRET_KEY=", mixed(32)),
        ("token = ", mixed(24)),
        ("SG.", format!("{}.{}", mixed(22), mixed(43))),
        ("key-", hex(32)),
        ("hvs.", mixed(60)),
        ("dop_v1_", hex(64)),
        ("lin_api_", mixed(40)),
        ("dapi", hex(32)),
        ("rubygems_", hex(48)),
        ("eyJ", format!("{}.eyJ{}.{}", mixed(20), mixed(40), mixed(43))),
        ("AccountKey=", format!("{}==", mixed(86))),
        ("ATATT3", mixed(180)),
    ];
    let ends =
        |prefix: &str| if prefix.contains("://") && prefix.ends_with(':') { "@db.local/app" } else { "" };
    rows.into_iter().map(|(prefix, rest)| (format!("{prefix}{rest}{}", ends(prefix)), rest)).collect()
}

/// Seen to fail with `redact` left out where the answer, where the prompt, and where the detail is kept.
#[test]
fn s11_secrets_in_prompt_and_output_are_in_no_file_and_on_no_stream() {
    for (at, (text, secret)) in secrets().iter().enumerate() {
        let said = format!("I found this:\n{text}\nin your files");
        let in_pieces = Fake::step([&"deltas", &(1 + at % 9), &said]);
        let everywhere = match at % 5 {
            0 => Fake::says(&said).then(Fake::completes(&said)),
            1 => in_pieces.then(Fake::completes(&said)),
            2 => Fake::step([&"complains", text]).then(Fake::step([&"denied-but-answers", &said])),
            3 => Fake::api_error(400, text),
            _ => Fake::step([&"complains", text]).then(Fake::step([&"exits", &3])),
        };
        let sandbox = Sandbox::new().agents(everywhere);
        let format = ["text", "json", "jsonl"][at % 3];
        let prompt = format!("check this for me\n{text}\nplease");
        let ran = sandbox.call(["run", "--tier", "haiku", "--approve", "-o", format]).stdin(prompt).wait();
        let logs = sandbox.call(["runs", "logs", "latest"]).wait().success();
        let data = sandbox.call(["runs", "show", "latest", "-o", "json"]).wait().success();
        // The request was kept, and what was taken out of it is marked: it did not just go missing.
        let show = sandbox.call(["runs", "show", "latest"]).wait().success();
        let show = show.stdout_has("check this for me\n").stdout_has("[redacted:").stdout_has("please\n");
        for ran in [ran, logs, data, show] {
            ran.says_nowhere(secret);
        }
        assert_eq!(sandbox.files_with(secret), Vec::<std::path::PathBuf>::new(), "{text}");
    }
}

#[test]
fn s11_a_plain_agents_secrets_are_redacted_too() {
    for (text, secret) in secrets() {
        let sandbox =
            Sandbox::new().agent("haiku", Fake::completes(&format!("found\n{text}\nthere")).plain());
        let ran = sandbox.run_on("haiku", REQUEST).success().says_nowhere(&secret);
        ran.stdout_has("found\n").stdout_has("[redacted:").stdout_has("\nthere\n");
        assert_eq!(sandbox.files_with(&secret), Vec::<std::path::PathBuf>::new(), "{text}");
    }
}

/// A secret that comes in pieces stands in no line as a whole: what the pieces add up to is looked at.
/// Seen to fail with the redactor of streams passed by in `app/src/engine/output_listener.rs`.
#[test]
fn s11_a_secret_that_comes_in_pieces_of_any_size_is_redacted() {
    for (text, secret) in &secrets() {
        let said = format!("I found this:\n{text}\nin your files\n");
        let pieces = |size: usize| Fake::step([&"deltas", &size, &said]);
        let fake = (2..=16).fold(pieces(1), |fake, size| fake.then(pieces(size)));
        let fake = fake.then(Fake::completes("look above"));
        let sandbox = Sandbox::new().agents(fake);
        let ran = sandbox.call(["run", "--tier", "haiku", "-o", "jsonl", REQUEST]).wait().success();
        let deltas = |lines: Vec<Value>| -> String {
            let deltas = lines.iter().filter(|line| line["type"] == "text_delta");
            deltas.filter_map(|line| line["text"].as_str()).collect()
        };
        let shown = deltas(ran.json_lines());
        let kept = deltas(sandbox.call(["runs", "logs", "latest", "-o", "jsonl"]).wait().json_lines());
        assert!(shown.contains("in your files"), "{ran}");
        assert!(!shown.contains(secret) && !kept.contains(secret), "{text} in {shown:?}");
    }
}

#[test]
fn s11_without_stored_prompts_no_word_of_prompt_or_answer_is_in_any_file() {
    let sandbox = Sandbox::new().set("store_prompts", "false");
    let sandbox = sandbox.agents(Fake::says("salmagundi").then(Fake::completes("salmagundi it is")));
    sandbox.run_on("haiku", "what is quinquireme").stdout("salmagundi it is\n").success();
    // A question's reason quotes the prompt.
    sandbox
        .run("drop the quinquireme table in production")
        .stderr_has("(“drop the quinquireme table”)")
        .exits(77);
    for word in ["quinquireme", "salmagundi"] {
        assert_eq!(sandbox.files_with(word), Vec::<std::path::PathBuf>::new(), "{word}");
    }
}
