//! Policy files with the real binary: the verbs, what holds where, and what goes on when a file is broken.

use std::fs;

use serde_json::json;

use crate::sandbox::Sandbox;

const REQUEST: &str = "rename foo to bar in lib.rs";
const POLICY_PAGE: &str = include_str!("../../../docs/policy.md");

fn with_project(text: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    fs::write(sandbox.project().join("pointsman.policy.toml"), text).unwrap();
    sandbox
}

fn with_user(text: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    fs::write(sandbox.path("config/pointsman/policy.toml"), text).unwrap();
    sandbox
}

/// A rule about the word "rename", with this effect.
fn rule(effect: &str) -> String {
    format!("[[rule]]\nid = \"names\"\nbecause = \"names matter\"\n{effect}\nwords = \"'rename'\"\n")
}

#[test]
fn a_rule_of_the_users_file_decides_and_is_explained_with_its_place() {
    let sandbox = with_user(&rule("tier = \"opus\""));
    let route = sandbox.call(["route", "-o", "json", REQUEST]).wait().success().json();
    assert_eq!(
        (&route["layer"], &route["tier"], &route["reason"]),
        (&json!("policy"), &json!("opus"), &json!("names matter"))
    );
    let explained = sandbox.call(["explain", REQUEST]).wait().success().stdout;
    assert!(explained.contains("names matter (“rename”, policy.names, "), "{explained}");
    assert!(explained.contains("pointsman/policy.toml:1)"), "{explained}");
    let all = sandbox.call(["explain", "--all", REQUEST]).wait().success().stdout;
    assert!(all.contains("FIRED   policy.names [rename]: names matter ("), "{all}");
    let ran = sandbox.call(["run", REQUEST]).wait().success();
    assert_eq!(ran.stdout.trim(), "the answer of opus");
}

#[test]
fn a_rule_of_the_project_asks_and_an_approval_answers_it() {
    let sandbox = with_project(&rule("ask = true\ntier = \"haiku\""));
    let refused = sandbox.call(["run", REQUEST]).wait().exits(77);
    assert!(refused.stderr.contains("the project's policy says: names matter"), "{refused}");
    let ran = sandbox.call(["run", "--approve", REQUEST]).wait().success();
    assert_eq!(ran.stdout.trim(), "the answer of haiku");
}

#[test]
fn the_mode_of_a_run_is_what_its_rules_see() {
    let sandbox = with_user(&rule("mode = \"orchestration\"\ntier = \"opus\""));
    let mode = |mode: &str| {
        sandbox.call(["run", "--dry-run", "-o", "json", "--mode", mode, REQUEST]).wait().success().stdout
    };
    assert!(mode("orchestration").contains("policy.names") && !mode("directive").contains("policy.names"));
}

#[test]
fn a_repositorys_wish_for_an_agent_that_is_not_there_is_left_out_with_a_warning() {
    let sandbox = with_project(&rule("agent = \"nobody\""));
    sandbox
        .call(["run", REQUEST])
        .wait()
        .success()
        .stderr_has("the rule is left out: there is no agent `nobody`");
    let shown = sandbox.call(["policy", "show", "-o", "json"]).wait().success().json();
    assert_eq!((shown["rules"].as_array().unwrap().len(), &shown["left_out"][0]["line"]), (0, &json!(4)));
    let ran = sandbox.call(["policy", "check"]).wait().exits(1);
    assert_eq!(ran.stdout, "0 rules, 0 examples: 1 rule left out, as said above\n");
}

#[test]
fn a_file_can_be_checked_as_a_repositorys() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.project().join("new.toml"), rule("agent = \"nobody\"")).unwrap();
    let check = || sandbox.call(["policy", "check", "new.toml"]);
    check().wait().exits(78).stderr_has("there is no agent `nobody`");
    check()
        .args(["--of-project"])
        .wait()
        .exits(1)
        .stderr_has("the rule is left out: there is no agent `nobody`");
    sandbox.call(["policy", "check", "--of-project"]).wait().exits(2);
    sandbox.call(["policy", "check", "no-such.toml"]).wait().exits(65);
}

#[test]
fn problems_are_data_for_who_asks_for_json() {
    let sandbox = with_user("a = 1\nb = 2\n");
    let report = sandbox.call(["policy", "check", "-o", "json"]).wait().exits(78).json();
    let problems = report["error"]["problems"].as_array().unwrap();
    let seen: Vec<_> = problems.iter().map(|one| (&one["line"], &one["kind"])).collect();
    assert_eq!(seen, [(&json!(1), &json!("unknown-key")), (&json!(2), &json!("unknown-key"))], "{report}");
}

#[test]
fn a_misspelt_key_is_one_problem() {
    let text = "[[rule]]\nid = \"x\"\nbecuase = \"it is hard\"\nteir = \"opus\"\nwrods = \"'parser'\"\n";
    let report = with_user(text).call(["policy", "check", "-o", "json"]).wait().exits(78).json();
    let problems = report["error"]["problems"].as_array().unwrap();
    let seen: Vec<_> = problems.iter().map(|one| (&one["line"], one["hint"].as_str().unwrap())).collect();
    assert_eq!(
        seen,
        [
            (&json!(3), "did you mean `because`?"),
            (&json!(4), "did you mean `tier`?"),
            (&json!(5), "did you mean `words`?"),
        ],
        "{report}"
    );
}

#[test]
fn that_there_are_more_problems_than_are_shown_is_said() {
    let many: String = (0..30).map(|n| format!("key-{n} = 1\n")).collect();
    let ran = with_user(&many).call(["policy", "check"]).wait().exits(78);
    assert!(ran.stderr.contains("there may be more: these are the first"), "{ran}");
}

#[test]
fn a_broken_policy_file_stops_deciding_and_nothing_else() {
    let sandbox = with_user("nonsense = 1\n");
    for verb in ["run", "route", "explain"] {
        sandbox.call([verb, REQUEST]).wait().exits(78).stderr_has("nonsense");
    }
    sandbox.call(["policy", "check"]).wait().exits(78);
    sandbox.call(["policy", "test"]).wait().exits(78);
    sandbox.call(["runs", "list"]).wait().success();
    let doctor = sandbox.call(["doctor"]).wait().exits(1);
    assert!(doctor.stdout.contains("[E0212]") && doctor.stdout.contains("store"), "{doctor}");
}

/// A stranger's mistake is no reason to refuse to work; whoever checks the file hears of it as an error.
#[test]
fn a_broken_policy_file_of_a_repository_is_left_out_and_said() {
    let sandbox = with_project("nonsense = 1\n");
    sandbox.call(["route", REQUEST]).wait().success();
    sandbox.call(["run", REQUEST]).wait().success().stderr_has("policy is left out").stderr_has("nonsense");
    sandbox.call(["explain", REQUEST]).wait().success();
    sandbox.call(["policy", "check"]).wait().exits(78);
    sandbox.call(["policy", "test"]).wait().exits(78);
    sandbox.call(["doctor"]).wait().stdout_has("nonsense");
}

#[test]
fn several_problems_are_shown_at_once() {
    let ran = with_user("a = 1\nb = 2\n[[rule]]\n").call(["route", REQUEST]).wait().exits(78);
    for place in [":1:1: unknown key `a`", ":2:1: unknown key `b`", ":3:1: `id` is missing"] {
        assert!(ran.stderr.contains(place), "{ran}");
    }
}

#[test]
fn examples_are_tests_that_say_what_happened_and_why() {
    let example = |expect: &str| {
        format!("[[example]]\nrequest = \"{REQUEST}\"\nexpect = \"{expect}\"\nrule = \"names\"\n")
    };
    let good = with_user(&format!("{}{}", rule("tier = \"opus\""), example("opus")));
    assert_eq!(good.call(["policy", "test"]).wait().success().stdout, "1 example holds\n");
    let bad = with_user(&format!("{}{}", rule("tier = \"opus\"\nmode = \"directive\""), example("opus")));
    let ran = bad.call(["policy", "test"]).wait().exits(1);
    assert!(ran.stdout.contains("expected: opus, by policy.names"), "{ran}");
    assert!(ran.stdout.contains("policy.names did not fire: in another mode"), "{ran}");
    let data = bad.call(["policy", "test", "-o", "json"]).wait().exits(1).json();
    assert_eq!((&data["failed_count"], &data["examples"][0]["holds"]), (&json!(1), &json!(false)));
}

#[test]
fn a_file_is_tested_alone_when_it_is_named() {
    let sandbox = with_user("nonsense = 1\n");
    fs::write(sandbox.project().join("new.toml"), rule("tier = \"opus\"")).unwrap();
    let ran = sandbox.call(["policy", "check", "new.toml"]).wait().success();
    assert_eq!(ran.stdout, "1 rule, 0 examples: nothing is wrong\n");
    sandbox.call(["policy", "test", "new.toml"]).wait().success();
}

#[test]
fn a_first_file_is_right_and_is_never_written_twice() {
    let sandbox = Sandbox::new();
    for (args, file) in [
        (vec![], sandbox.path("config/pointsman/policy.toml")),
        (vec!["--project"], sandbox.project().join("pointsman.policy.toml")),
    ] {
        let init = || args.iter().fold(sandbox.call(["policy", "init"]), |call, arg| call.args([*arg]));
        init().wait().success();
        sandbox.call(["policy", "check"]).wait().success();
        // Taking the marks away gives a file that is right, and whose examples hold.
        let text = fs::read_to_string(&file).unwrap();
        let is_setting = |line: &&str| line.contains(" = ") || line.contains("# [");
        let on: String =
            text.lines().filter(is_setting).map(|l| format!("{}\n", l.trim_start_matches("# "))).collect();
        let on: String = on.lines().filter(|l| !l.starts_with("  ")).map(|l| format!("{l}\n")).collect();
        fs::write(sandbox.project().join("on.toml"), on).unwrap();
        assert_eq!(sandbox.call(["policy", "test", "on.toml"]).wait().success().stdout, "1 example holds\n");
        init().wait().exits(73);
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
}

#[test]
fn the_rules_that_hold_are_shown_in_their_order() {
    let sandbox = with_project(&rule("ask = true"));
    fs::write(sandbox.project().join("paper.tex"), "").unwrap();
    fs::write(
        sandbox.path("config/pointsman/policy.toml"),
        format!("preset = \"auto\"\n{}", rule("tier = \"opus\"")),
    )
    .unwrap();
    let shown = sandbox.call(["policy", "show", "-o", "json"]).wait().success().json();
    let from: Vec<&str> =
        shown["rules"].as_array().unwrap().iter().map(|r| r["from"].as_str().unwrap()).collect();
    assert_eq!(from[..3], ["project", "user", "preset"]);
    assert_eq!(shown["presets"], json!(["latex-research"]));
    let text = sandbox.call(["policy", "show"]).wait().success().stdout;
    assert!(text.contains("pointsman.policy.toml:1") && text.contains("preset latex-research:"), "{text}");
}

#[test]
fn the_schema_is_json() {
    assert_eq!(
        Sandbox::new().call(["policy", "schema"]).wait().success().json()["title"],
        "pointsman policy file"
    );
}

/// Every block of the page is a policy that is right, and whose examples hold.
#[test]
fn every_policy_of_the_page_about_policies_holds() {
    let blocks: Vec<&str> =
        POLICY_PAGE.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 5);
    let sandbox = Sandbox::new();
    for block in blocks {
        fs::write(sandbox.project().join("page.toml"), block).unwrap();
        let ran = sandbox.call(["policy", "test", "page.toml"]).wait();
        assert_eq!(ran.code, Some(0), "{block}\n{ran}");
    }
}
