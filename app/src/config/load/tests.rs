use std::fs;

use super::*;
use crate::config::fixture::Fixture;
use jiff::Timestamp;
use pointsman_core::hook::mode::RoutingMode;
use pointsman_core::retention::{EndedRun, Past, Prunable, RetentionLimits, prunable};

fn duration(text: &str) -> HumanDuration {
    HumanDuration::parse(text).unwrap()
}

#[test]
fn without_any_file_the_defaults_hold() {
    let loaded = Fixture::new().load().unwrap();
    assert_eq!(loaded.settings.routing_mode, RoutingMode::Hybrid);
    assert_eq!(loaded.settings.limits.timeout, duration("1h"));
    assert_eq!((loaded.settings.limits.max_turns, loaded.settings.limits.max_usd), (None, None));
    assert!(loaded.entries().iter().all(|entry| entry.origin.source_kind == SourceKind::Default));
    assert_eq!(loaded.warnings, []);
    assert_eq!(loaded.catalog().unwrap().known_names(), "haiku-general, opus-general, sonnet-general");
}

/// Seen to fail with the defaults: a slip of the pen in the settings, and `doctor --fix` removed an archive.
#[test]
fn where_the_settings_cannot_be_read_nothing_is_ever_too_old_or_too_much() {
    let fixture = Fixture::new();
    let store = defaults(&fixture.repo(), &fixture.dirs()).settings.store;
    let limits = RetentionLimits { keep: store.keep.0, bytes_max: store.bytes_max };
    let runs = (0..500).map(|n| EndedRun {
        run_id: format!("run-{n}").parse().unwrap(),
        ended_at: Timestamp::UNIX_EPOCH,
        fact_bytes: 1 << 40,
        log_bytes: 1 << 40,
    });
    let past = Past { runs: runs.collect(), ..Past::default() };
    let today = "2026-11-28T00:00:00Z".parse().unwrap();
    assert_eq!(prunable(&past, &limits, today), Prunable::default());
}

#[test]
fn a_flag_wins_over_a_variable_over_the_project_over_the_user_over_the_default() {
    let mut fixture = Fixture::new();
    let expect = |fixture: &Fixture, timeout: &str, origin: &str| {
        let loaded = fixture.load().unwrap();
        assert_eq!(loaded.settings.limits.timeout, duration(timeout));
        assert_eq!(fixture.shown(loaded.origin("limits.timeout").unwrap()), origin);
    };
    expect(&fixture, "1h", "default");
    fixture = fixture.user("# mine\n[limits]\ntimeout = \"50m\"");
    expect(&fixture, "50m", "home/.config/pointsman/config.toml:3:11");
    fixture.project("limits = { timeout = \"40m\" }");
    expect(&fixture, "40m", "repo/.pointsman.toml:1:22");
    fixture = fixture.variable("POINTSMAN_LIMITS_TIMEOUT", "30m");
    // Compared with what holds without it, the project now raises the limit; the variable wins anyway.
    expect(&fixture, "30m", "environment variable `POINTSMAN_LIMITS_TIMEOUT`");
    fixture = fixture.flag("limits.timeout", "20m");
    expect(&fixture, "20m", "flag `limits.timeout`");
}

#[test]
fn variables_are_read_as_the_type_of_their_setting() {
    let loaded = Fixture::new()
        .variable("POINTSMAN_MODE", "off")
        .variable("POINTSMAN_ROUTING_MODE", "enforced")
        .variable("POINTSMAN_STORE_PROMPTS", "no")
        .variable("POINTSMAN_LIMITS_MAX_TURNS", "7")
        .variable("POINTSMAN_LIMITS_MAX_USD", "2")
        .variable("POINTSMAN_ENVIRONMENT_ALLOW", "A, B_*,")
        .load()
        .unwrap();
    let settings = loaded.settings;
    assert_eq!(settings.routing_mode, RoutingMode::Enforced);
    assert!(!settings.store_prompts);
    assert_eq!((settings.limits.max_turns, settings.limits.max_usd), (Some(7), Some(2.0)));
    assert_eq!(settings.environment.allow, ["A", "B_*"]);
}

#[test]
fn the_short_form_of_the_mode_holds_alone() {
    let loaded = Fixture::new().variable("POINTSMAN_MODE", "directive").load().unwrap();
    assert_eq!(loaded.settings.routing_mode, RoutingMode::Directive);
}

#[test]
fn a_mistake_names_its_variable_flag_or_file() {
    for (fixture, message) in [
        (
            Fixture::new().variable("POINTSMAN_LIMITS_ATTEMPTS", "many"),
            "environment variable `POINTSMAN_LIMITS_ATTEMPTS`: `limits.attempts` must be a whole number, \
             not negative, but is a string",
        ),
        (Fixture::new().flag("limits.timout", "1h"), "flag `limits.timout`: unknown key `limits.timout`"),
        (
            Fixture::new().user("[limits]\nattempts = 0"),
            "home/.config/pointsman/config.toml:2:12: `limits.attempts` must be greater than zero",
        ),
        (
            Fixture::new().user("retry.base = \"2m\""),
            "home/.config/pointsman/config.toml:1:14: `retry.base` must not be longer than `retry.cap`",
        ),
        (
            Fixture::new().user("\n\ntiers.opus.agent = \"nobody\""),
            "home/.config/pointsman/config.toml:3:20: `tiers.opus.agent` names agent `nobody`, which does not \
             exist; known agents: haiku-general, opus-general, sonnet-general",
        ),
        (
            Fixture::new().user("agents.opus-general.command = []"),
            "home/.config/pointsman/config.toml:1:31: `agents.opus-general.command` must name a program",
        ),
        (
            Fixture::new().user("tiers.opus.model = \"--yes\""),
            "home/.config/pointsman/config.toml:1:20: `tiers.opus.model` is not the name of a model",
        ),
        (
            Fixture::new().user("environment.allow = [\"*_KEY\"]"),
            "home/.config/pointsman/config.toml:1:21: `environment.allow` has `\"*_KEY\"`, which is neither a \
             name nor a name with a trailing `*`",
        ),
    ] {
        assert_eq!(fixture.shown(fixture.load().unwrap_err()), message);
    }
}

#[test]
fn a_broken_file_of_the_project_is_left_out_and_said_whether_it_is_trusted_or_not() {
    for (text, at) in [
        ("[limits]\n\ntimout = \"1h\"", "repo/.pointsman.toml:3:1: unknown key `limits.timout`"),
        ("limits.max_usd = -1", "repo/.pointsman.toml:1:18: `limits.max_usd`"),
        ("limits = ", "repo/.pointsman.toml:1:"),
    ] {
        for is_trusted in [false, true] {
            let fixture = Fixture::new();
            fixture.project(text);
            if is_trusted {
                fixture.trust();
            }
            let loaded = fixture.load().unwrap();
            assert_eq!(loaded.set_by_project(), []);
            let said = fixture.warnings(&loaded.warnings).join("\n");
            assert!(said.starts_with(&format!("the project's settings are left out: {at}")), "{said}");
        }
    }
}

#[test]
fn a_message_never_carries_control_characters_of_a_file() {
    let fixture = Fixture::new();
    fixture.project("\"\\u001b[31m\" = 1");
    let warning = fixture.load().unwrap().warnings.remove(0);
    assert!(!format!("{warning}{:?}", warning.hint).chars().any(char::is_control), "{warning:?}");
}

#[test]
fn values_of_an_agents_environment_are_never_shown() {
    let loaded = Fixture::new().user("agents.opus-general.env = { KEY = \"s3cret\" }").load().unwrap();
    assert_eq!(loaded.settings.agents[&"opus-general".parse().unwrap()].env["KEY"], "s3cret");
    assert!(!format!("{loaded:?} {:?}", loaded.entries()).contains("s3cret"));
    assert!(loaded.entries().iter().any(|e| e.key == "agents.opus-general.env.KEY" && e.value == "(hidden)"));
}

#[test]
fn damaged_approvals_mean_that_nothing_is_trusted() {
    let fixture = Fixture::new();
    fixture.project("store_prompts = false");
    fixture.trust();
    fixture.write("home/.config/pointsman/trust.json", "{");
    let loaded = fixture.load().unwrap();
    assert!(loaded.settings.store_prompts);
    assert!(loaded.warnings[0].message.starts_with("no project is trusted: "));
}

#[test]
fn an_agent_counts_as_its_last_writers() {
    let fixture = Fixture::new().user("agents.opus-general.model = \"opus\"");
    fixture.project("agents.haiku-general.model = \"haiku\"");
    fixture.trust();
    let agents = fixture.load().unwrap().settings.agents;
    let source = |name: &str| agents[&name.parse().unwrap()].source;
    assert_eq!(source("opus-general"), AgentSource::Config);
    assert_eq!(source("haiku-general"), AgentSource::Project);
    assert_eq!(source("sonnet-general"), AgentSource::Builtin);
}

/// Deterministic noise: the n-th number of a simple generator.
fn noise(n: u64) -> usize {
    let mixed = (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    usize::try_from((mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 33).unwrap()
}

/// Five hundred damaged settings files: cut, overwritten, spliced. Each is either read or rejected with its place.
#[test]
fn p15_a_damaged_settings_file_is_read_or_refused_with_its_place() {
    let whole = crate::config::init::with_optional_settings();
    let scraps =
        ["[", "]]", "\"", "'''", "=", "\0", "\u{202e}", "#", "\n", "{", "1e999", "[a.b]\n", "\\u12", "\r"];
    let mut refused = 0;
    for n in 0..500u64 {
        let mut bytes = whole.clone().into_bytes();
        let at = noise(n) % bytes.len();
        match n % 4 {
            0 => bytes.truncate(at),
            1 => bytes[at] ^= 1 << (noise(n + 7) % 7),
            2 => drop(bytes.splice(at..at, scraps[noise(n + 9) % scraps.len()].bytes())),
            _ => drop(bytes.splice(at..(at + noise(n + 3) % 40).min(whole.len()), [])),
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Err(error) = Fixture::new().user(&text).load() {
            refused += 1;
            let said = error.to_string();
            assert!(said.contains("config.toml:"), "case {n}: {said}");
            assert!(!said.chars().any(|c| c.is_control() && c != '\n'), "case {n}: {said:?}");
            assert!(!error.hint().is_empty());
        }
    }
    assert!(refused > 75, "{refused}: the damage must be damage");
}

fn decoded(text: &str) -> Result<Settings, Error> {
    let layer = |layer, name, text| Node::parse(&Source::new(layer, name, text)).unwrap();
    let defaults = layer(SourceKind::Default, "", DEFAULTS);
    decode(&defaults.under(&layer(SourceKind::User, "c.toml", text)))
}

#[test]
fn an_unknown_key_is_refused_with_its_place_and_the_nearest_known_one() {
    for (text, message, hint) in [
        (
            "[limits]\ntimout = \"1h\"",
            "c.toml:2:1: unknown key `limits.timout`",
            "did you mean `limits.timeout`?",
        ),
        ("[limts]\nidle = \"1h\"", "c.toml:1:2: unknown key `limts`", "did you mean `limits`?"),
        ("  timeout = \"1h\"", "c.toml:1:3: unknown key `timeout`", "did you mean `limits.timeout`?"),
        (
            "[agents.haiku-general]\npermision_mode = \"plan\"",
            "c.toml:2:1: unknown key `agents.haiku-general.permision_mode`",
            "did you mean `agents.haiku-general.permission_mode`?",
        ),
        ("retry.xyz = 1", "c.toml:1:7: unknown key `retry.xyz`", "expected one of: base, cap, max_elapsed"),
    ] {
        let error = decoded(text).unwrap_err();
        assert_eq!((error.to_string().as_str(), error.hint()), (message, hint));
    }
}

#[test]
fn a_wrong_type_is_refused_with_what_was_expected_and_found() {
    let duration = "a duration such as \"90s\", \"10m\", \"1h30m\" or \"90d\"";
    for (text, message) in [
        ("store_prompts = 1", "c.toml:1:17: `store_prompts` must be true or false, but is a whole number"),
        (
            "limits.attempts = -1",
            "c.toml:1:19: `limits.attempts` must be a whole number, not negative, but is -1",
        ),
        (
            "limits.timeout = 5",
            &format!("c.toml:1:18: `limits.timeout` must be {duration}, but is a whole number"),
        ),
        ("limits.idle = \"x\"", &format!("c.toml:1:15: `limits.idle` must be {duration}, but is `x`")),
        ("limits = 3", "c.toml:1:10: `limits` must be a table, but is a whole number"),
        ("[[limits]]\nattempts = 1", "c.toml:1:1: `limits` must be a table, but is a list"),
        ("on_model_mismatch = \"flog\"", "c.toml:1:21: `on_model_mismatch` cannot be `flog`"),
        (
            "agents.haiku-general.command = \"claude\"",
            "c.toml:1:32: `agents.haiku-general.command` must be a list of strings such as [\"a\", \"b\"], but is a string",
        ),
        (
            "[environment]\nallow = [1]",
            "c.toml:2:10: `environment.allow` must be a string, but is a whole number",
        ),
        ("[agents.mine]\nadapter = \"plain\"", "c.toml:1:1: `agents.mine.command` is missing"),
    ] {
        assert_eq!(decoded(text).unwrap_err().to_string(), message);
    }
}

#[test]
fn a_bad_agent_name_is_refused_where_it_stands() {
    let error = decoded("[agents.\"../x\"]\nadapter = \"plain\"").unwrap_err().to_string();
    assert!(error.starts_with("c.toml:1:9: `agents.../x` is not valid: agent name `../x`"), "{error}");
}

#[test]
fn a_secret_of_the_wrong_type_is_not_repeated() {
    let error = decoded("agents.haiku-general.env.KEY = 123456789").unwrap_err().to_string();
    assert!(!error.contains("123456789"), "{error}");
}

/// Seen to fail with the older name as an alias of serde's: two layers, each with another name, were a key given twice.
#[test]
fn the_older_name_of_a_key_is_read_in_every_layer_and_suggested_to_nobody() {
    let fixture = Fixture::new().user("[agents.haiku-general]\nfall_back = \"sonnet-general\"");
    let fallback = |fixture: &Fixture| {
        let settings = fixture.load().unwrap().settings;
        settings.agents[&"haiku-general".parse().unwrap()].fallback_agent.clone().unwrap().to_string()
    };
    assert_eq!(fallback(&fixture), "sonnet-general");
    fixture.project("[agents.haiku-general]\nfallback_agent = \"opus-general\"");
    fixture.trust();
    assert_eq!(fallback(&fixture), "opus-general");

    let fixture = Fixture::new().user("[agents.haiku-general]\nfallback = \"opus-general\"");
    let error = fixture.load().unwrap_err();
    assert!(error.hint().ends_with("cli_agent, fallback_agent"), "{}", error.hint());
}

/// Seen to hang with the pipe opened.
#[test]
fn a_settings_file_that_is_a_pipe_is_refused_and_no_file_is_no_settings() {
    let fixture = Fixture::new();
    let path = fixture.write("home/.config/pointsman/config.toml", "");
    fs::remove_file(&path).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    assert!(fixture.load().unwrap_err().to_string().ends_with("it is not a regular file"));
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/dev/null", &path).unwrap();
    assert!(fixture.load().is_ok());
}

#[test]
fn a_price_that_is_no_amount_of_money_is_refused() {
    for number in ["nan", "inf", "-1"] {
        let price = format!("{{ input = {number}, output = 1, cache_read = 1, cache_write = 1 }}");
        let error = Fixture::new().user(&format!("tiers.haiku.price = {price}")).load().unwrap_err();
        assert!(error.to_string().ends_with("must have finite numbers that are not negative"), "{error}");
    }
}

/// Seen to fail with the value as it is: a key in the wrong line was printed in full.
#[test]
fn a_secret_in_the_wrong_place_is_not_repeated() {
    let secret = format!("sk-ant-api03-{}", "aB3".repeat(30));
    let text = format!("[agents.haiku-general]\nbilling = \"{secret}\"");
    let error = Fixture::new().user(&text).load().unwrap_err().to_string();
    assert!(!error.contains(&secret) && error.contains("[redacted:"), "{error}");
}
