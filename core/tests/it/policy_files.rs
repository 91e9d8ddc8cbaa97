//! Policy files against the whole router: what rules may do, what they may not, and that without a file nothing changes.

use std::collections::BTreeSet;

use pointsman_core::agent::{Access, AdapterKind, Agent, Catalog, PermissionMode, Tier};
use pointsman_core::eval::examples::try_example;
use pointsman_core::eval::{Answer, Labelled, Scored, Scores, rows, scores};
use pointsman_core::mode::Mode;
use pointsman_core::policy::Policy;
use pointsman_core::policy::file::PolicySource;
use pointsman_core::policy::file_rule::Author;
use pointsman_core::policy::layer::Layer;
use pointsman_core::policy::preset::Preset;
use pointsman_core::request::{Origin, Overrides, Request};
use pointsman_core::route::{Decision, Route, TraceOutcome, explain, route};
use pointsman_core::routing_context::RoutingContext;
use pointsman_core::toml_text::problem::Problem;
use proptest::prelude::*;

const SAMPLE: &str = include_str!("../data/routing-dev.jsonl");

/// The general agents, one of each tier that only reads, and one with a free hand.
pub fn catalog() -> Catalog {
    let agent = |name: &str, tier: Tier| {
        Agent::new(name.parse().unwrap(), AdapterKind::Claude, vec!["claude".to_owned()], tier)
    };
    let reader = Agent { access: Access::ReadOnly, ..agent("reader", Tier::Opus) };
    let bypass = Some(PermissionMode::BypassPermissions);
    let free = Agent { permission_mode: bypass, ..agent("free", Tier::Haiku) };
    Catalog::of_generals(vec![reader, free]).unwrap()
}

fn source(author: Author, text: &str) -> PolicySource<'_> {
    PolicySource { author, name: if author.is_project() { "project" } else { "user" }, text }
}

fn with(sources: &[PolicySource]) -> Result<Policy, Vec<Problem>> {
    Policy::builtin().with_files(sources, &BTreeSet::new(), &catalog())
}

fn user(text: &str) -> Policy {
    with(&[source(Author::User, text)]).unwrap_or_else(|problems| panic!("{text}\n{problems:#?}"))
}

fn request(text: &str) -> Request {
    Request::new(text.to_owned(), Origin::Cli, Overrides::default()).unwrap()
}

fn routed(text: &str, policy: &Policy) -> Route {
    route(&request(text), &catalog(), policy).unwrap()
}

/// A policy of one rule, which names the opus tier under a condition.
fn rule(condition: &str) -> String {
    format!("[[rule]]\nid = \"x\"\nbecause = \"it is so\"\ntier = \"opus\"\n{condition}\n")
}

/// Whether the one rule fires for a request in its surroundings.
fn fires_in(condition: &str, text: &str, context: RoutingContext) -> bool {
    let policy = user(&rule(condition));
    let mut request = request(text);
    request.routing_context = context;
    route(&request, &catalog(), &policy).unwrap().rules.contains(&"policy.x".to_owned())
}

fn fires(condition: &str, text: &str) -> bool {
    fires_in(condition, text, RoutingContext::default())
}

fn labelled() -> Vec<Labelled> {
    rows::read(SAMPLE).unwrap()
}

fn score(rows: &[Labelled], policy: &Policy) -> Scores {
    let routes: Vec<Route> = rows.iter().map(|row| routed(&row.request, policy)).collect();
    let judge = |(row, route)| Scored { row, answer: Answer::of(route), confidence: route.confidence };
    scores(&rows.iter().zip(&routes).map(judge).collect::<Vec<_>>())
}

#[test]
fn without_a_policy_file_nothing_changes() {
    let (builtin, none) = (Policy::builtin(), Policy::builtin());
    let hash = builtin.hash(&catalog());
    for row in labelled() {
        let mut around = request(&row.request);
        around.routing_context = RoutingContext::of_files(vec!["Cargo.toml".to_owned(), "a.tex".to_owned()]);
        around.routing_context.mode = Some(Mode::Directive);
        around.routing_context.local_time = Some(jiff::civil::date(2026, 1, 1).at(3, 0, 0, 0));
        let plain = serde_json::to_string(&routed(&row.request, &none)).unwrap();
        assert_eq!(serde_json::to_string(&route(&around, &catalog(), &builtin).unwrap()).unwrap(), plain);
        assert!(plain.contains(&hash));
    }
}

/// A policy whose rules hold for nothing: its words and lists are in the lexicon and must disturb nobody.
#[test]
fn words_of_a_policy_file_are_no_features_of_the_classifier() {
    let silent = "[words]\nmine = \"the, a, delete, fix*, production database, test\"\n\
                  [[rule]]\nid = \"x\"\nbecause = \"y\"\nask = true\n\
                  words = [\"mine ..2 'the'|'of'|'to' ..3 'qqqq'\", \"'fix*'|'delete' ..1 'zzzz'\"]\n";
    let (plain, filed) = (Policy::builtin(), user(silent));
    let without_hash =
        |policy: &Policy, text: &str| Route { policy_hash: String::new(), ..routed(text, policy) };
    for row in labelled() {
        assert_eq!(without_hash(&filed, &row.request), without_hash(&plain, &row.request), "{}", row.request);
    }
    assert_ne!(plain.hash(&catalog()), filed.hash(&catalog()));
}

#[test]
fn words_hold_where_they_stand_and_are_not_negated() {
    let pattern = "words = [\"'kubernetes' ..3 'upgrade'\"]";
    assert!(fires(pattern, "plan the kubernetes cluster upgrade"));
    assert!(!fires(pattern, "plan the cluster upgrade"));
    assert!(!fires(pattern, "fix the build without the kubernetes upgrade"));
    assert!(!fires(pattern, "what does this mean?\n> kubernetes upgrade failed"));
    assert!(!fires("words = \"'deploy'\"\nunless = \"'dry run'\"", "deploy the docs site as a dry run"));
}

#[test]
fn a_list_of_ones_own_is_as_good_as_a_built_in_one() {
    let policy =
        format!("[words]\nours = \"frobnicator, flux capacit*\"\n{}", rule("words = \"fix ..3 ours\""));
    let fires = |text: &str| routed(text, &user(&policy)).layer == Layer::Policy;
    assert!(fires("repair the flux capacitors in lib.rs") && fires("fix the Frobnicator in lib.rs"));
    assert!(!fires("fix the parser in lib.rs"));
}

#[test]
fn a_regex_is_held_against_own_words_only() {
    let regex = r"regex = '(?i)\bPROJ-\d+\b'";
    assert!(fires(regex, "implement proj-123 in the parser"));
    assert!(!fires(regex, "implement the parser as in project 123"));
    assert!(!fires(regex, "explain this log\n```\nPROJ-123 failed\n```"));
}

#[test]
fn paths_are_those_that_the_request_names() {
    let paths = "paths = [\"migrations/**\", \"*.sql\"]";
    assert!(fires(paths, "add a column in migrations/0042_users.py"));
    assert!(fires(paths, "format `db/schema.sql`"));
    assert!(!fires(paths, "add a column in models/users.py"));
}

#[test]
fn files_and_kinds_are_those_of_the_project() {
    let with_files = |condition: &str, files: &[&str]| {
        let files = files.iter().map(|name| (*name).to_owned()).collect();
        fires_in(condition, "fix the parser", RoutingContext::of_files(files))
    };
    assert!(
        with_files("files = [\"*.tf\"]", &["main.tf"]) && !with_files("files = [\"*.tf\"]", &["main.rs"])
    );
    assert!(with_files("project = [\"rust\", \"go\"]", &["Cargo.toml"]));
    assert!(!with_files("project = [\"rust\", \"go\"]", &["package.json"]));
    assert!(!with_files("project = [\"rust\"]", &[]));
}

#[test]
fn lengths_and_questions_are_conditions() {
    assert!(fires("chars = { max = 20 }", "fix the parser"));
    assert!(!fires("chars = { max = 5 }", "fix the parser"));
    assert!(fires("own_words = { min = 3, max = 3 }", "fix the parser"));
    assert!(!fires("own_words = { min = 4 }", "fix the parser\n```\nmany more words stand here\n```"));
    assert!(fires("question = true", "why is the parser slow?"));
    assert!(!fires("question = true", "make the parser fast"));
}

#[test]
fn the_language_is_that_of_the_own_words() {
    assert!(fires("language = [\"de\", \"fr\"]", "Behebe den Fehler in parser.rs und schreib einen Test"));
    assert!(fires("language = \"ja\"", "このバグを直して"));
    assert!(!fires("language = [\"de\", \"fr\"]", "fix the bug in parser.rs and write a test for it"));
    assert!(!fires("language = \"de\"", "cargo test"));
}

#[test]
fn the_time_and_the_mode_are_handed_in() {
    let at = |condition: &str, day: i8, hour: i8| {
        let local_time = Some(jiff::civil::date(2026, 11, day).at(hour, 30, 0, 0));
        fires_in(condition, "fix the parser", RoutingContext { local_time, ..RoutingContext::default() })
    };
    // The 21st is a Saturday.
    assert!(at("hours = \"22:00-06:00\"", 21, 23) && !at("hours = \"22:00-06:00\"", 21, 12));
    assert!(at("days = [\"sat\", \"sun\"]", 21, 12) && !at("days = \"mon-fri\"", 21, 12));
    assert!(!fires("hours = \"00:00-23:59\"", "fix the parser"), "without a time it does not hold");
    let mode = |mode: Option<Mode>| {
        let context = RoutingContext { mode, ..RoutingContext::default() };
        fires_in("mode = [\"directive\"]", "fix the parser", context)
    };
    assert!(mode(Some(Mode::Directive)) && !mode(Some(Mode::Orchestration)) && !mode(None));
}

#[test]
fn all_conditions_of_a_rule_must_hold() {
    let both = "words = \"'parser'\"\nown_words = { max = 3 }";
    assert!(fires(both, "fix the parser"));
    assert!(!fires(both, "fix the slow parser in lib.rs") && !fires(both, "fix the lexer"));
}

#[test]
fn the_projects_rules_come_first_and_both_may_ask() {
    let project = "[[rule]]\nid = \"a\"\nbecause = \"p\"\ntier = \"opus\"\nwords = \"'parser'\"\n";
    let own = "[[rule]]\nid = \"b\"\nbecause = \"u\"\nask = true\ntier = \"haiku\"\nwords = \"'parser'\"\n";
    let policy = with(&[source(Author::TrustedProject, project), source(Author::User, own)]).unwrap();
    let route = routed("fix the parser in lib.rs", &policy);
    assert_eq!((route.decision, route.tier, route.layer), (Decision::Escalate, Tier::Opus, Layer::Policy));
    assert_eq!(route.reason, "u");
    assert_eq!(route.rules[..2], ["policy.a", "policy.b"]);
}

/// Seen to fail with the first rule that fires deciding, whoever wrote it.
#[test]
fn a_repositorys_rule_raises_no_tier_until_it_is_trusted() {
    let plain = routed("rename foo to bar in lib.rs", &Policy::builtin());
    assert_eq!(plain.tier, Tier::Haiku);
    for effect in ["tier = \"opus\"", "agent = \"opus-general\"", "ask = true\ntier = \"opus\""] {
        let text = format!("[[rule]]\nid = \"x\"\nbecause = \"y\"\n{effect}\nwords = \"'rename'\"\n");
        let by = |author| routed("rename foo to bar in lib.rs", &with(&[source(author, &text)]).unwrap());
        let asks = effect.starts_with("ask");
        let untrusted = by(Author::Project);
        assert_eq!(
            (untrusted.tier, untrusted.decision == Decision::Escalate),
            (Tier::Haiku, asks),
            "{effect}"
        );
        assert_eq!(by(Author::TrustedProject).tier, Tier::Opus, "{effect}");
    }
    let lower = "[[rule]]\nid = \"x\"\nbecause = \"y\"\ntier = \"haiku\"\nwords = \"'design'\"\n";
    let own = "[[rule]]\nid = \"u\"\nbecause = \"y\"\ntier = \"sonnet\"\nwords = \"'rename'\"\n";
    let opus = rule("words = \"'rename'\"");
    assert_eq!(
        routed("design the storage layer", &with(&[source(Author::Project, lower)]).unwrap()).tier,
        Tier::Haiku
    );
    let both = with(&[source(Author::Project, &opus), source(Author::User, own)]).unwrap();
    assert_eq!(routed("rename foo to bar in lib.rs", &both).tier, Tier::Sonnet, "the user's rule stands");
}

#[test]
fn a_rule_names_an_agent_and_a_flag_still_wins() {
    let policy = user(
        "[[rule]]\nid = \"r\"\nbecause = \"reviews are read-only\"\nagent = \"reader\"\nwords = \"'review'\"\n",
    );
    let chosen = routed("review the parser in src/lib.rs", &policy);
    assert_eq!((chosen.agent.as_str(), chosen.tier, chosen.layer), ("reader", Tier::Opus, Layer::Policy));
    let mut flagged = request("review the parser in src/lib.rs");
    flagged.overrides.tier = Some(Tier::Haiku);
    let flagged = route(&flagged, &catalog(), &policy).unwrap();
    assert_eq!((flagged.agent.as_str(), flagged.layer), ("haiku-general", Layer::Override));
}

#[test]
fn an_explanation_says_where_a_rule_is_written_and_what_it_saw() {
    let policy = user(&rule("words = \"'parser'\"\nhours = \"22:00-06:00\""));
    let mut request = request("fix the parser");
    request.routing_context.local_time = Some(jiff::civil::date(2026, 11, 21).at(23, 10, 0, 0));
    let explained = explain(&request, &catalog(), &policy).unwrap();
    let entry = explained.trace.iter().find(|entry| entry.rule == "policy.x").unwrap();
    assert_eq!(entry.origin.as_deref(), Some("user:1"));
    assert_eq!(entry.matched.as_deref(), Some("parser, sat 23:10"));
    request.routing_context.local_time = None;
    let explained = explain(&request, &catalog(), &policy).unwrap();
    let entry = explained.trace.iter().find(|entry| entry.rule == "policy.x").unwrap();
    assert_eq!(entry.outcome, TraceOutcome::Skipped("at another time"));
}

#[test]
fn every_problem_of_a_file_is_shown_with_its_place_and_a_hint() {
    let text = "preset = \"autom\"\n[words]\nfix = \"repair\"\n[[rule]]\nid = \"Bad Id\"\nbecuase = \"x\"\n\
                tier = \"gpt\"\nwords = [\"deploi\"]\nregex = \"(\"\npaths = [\"[\"]\ndays = \"someday\"\n\
                confidence = 1\nchars = { min = 9, max = 1 }\n[[rule]]\nid = \"b\"\nbecause = \"y\"\nask = false\n";
    let problems = with(&[source(Author::User, text)]).unwrap_err();
    let shown: Vec<String> = problems.iter().map(|problem| format!("{problem} ({})", problem.hint)).collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn text_that_is_not_toml_names_every_broken_line() {
    let problems = with(&[source(Author::User, "a = = 1\n[rule\n")]).unwrap_err();
    assert!(problems.len() >= 2, "{problems:#?}");
    assert_eq!((problems[0].at.line, problems[1].at.line), (1, 2));
}

#[test]
fn a_preset_holds_its_own_examples_and_harms_no_ordinary_request() {
    let rows = labelled();
    let before = score(&rows, &Policy::builtin());
    let mut harm = vec![];
    for preset in Preset::ALL {
        let policy = user(&format!("preset = \"{}\"", preset.as_str()));
        let files = policy.files();
        assert!((8..=15).contains(&files.rules.len()), "{preset:?} has {} rules", files.rules.len());
        let tried = files.examples.iter().map(|example| try_example(example, &policy, &catalog()));
        harm.extend(tried.filter(|tried| !tried.holds).map(|tried| format!("{tried:#?}")));
        for rule in &files.rules {
            let shown = files.examples.iter().any(|example| example.rule.as_ref() == Some(&rule.id));
            assert!(shown, "{} has no example", rule.id);
        }
        let after = score(&rows, &policy);
        let is_worse = after.lenient_accuracy < before.lenient_accuracy
            || after.needless_escalations > before.needless_escalations
            || after.under_routing > before.under_routing;
        if is_worse {
            let fired = rows.iter().map(|row| (row, routed(&row.request, &policy)));
            let by_policy =
                fired.filter(|(_, route)| route.rules.iter().any(|rule| rule.starts_with("policy.")));
            harm.extend(
                by_policy.map(|(row, route)| format!("{:?} {:?} {}", row.label, route.rules, row.request)),
            );
        }
    }
    assert!(harm.is_empty(), "{}", harm.join("\n"));
}

#[test]
fn auto_means_the_presets_that_the_project_calls_for() {
    let on = |files: &[&str]| -> Vec<Preset> {
        let kinds = RoutingContext::of_files(files.iter().map(|name| (*name).to_owned()).collect()).kinds;
        let policy =
            Policy::builtin().with_files(&[source(Author::User, "preset = \"auto\"")], &kinds, &catalog());
        policy.unwrap().files().presets.keys().copied().collect()
    };
    assert_eq!(on(&["Cargo.toml"]), [Preset::SoftwareDev]);
    assert_eq!(on(&["a.tex", "Cargo.toml"]), [Preset::SoftwareDev, Preset::LatexResearch]);
    assert_eq!(on(&[".obsidian"]), [Preset::KnowledgeMgmt]);
    assert!(on(&["README.md"]).is_empty());
}

#[test]
fn a_repository_cannot_switch_a_preset_off() {
    let sources =
        [source(Author::Project, "preset = \"none\""), source(Author::User, "preset = \"latex-research\"")];
    assert_eq!(
        routed("submit the paper to the journal", &with(&sources).unwrap()).decision,
        Decision::Escalate
    );
}

#[test]
fn an_agent_that_is_not_there_is_the_users_error_and_a_repositorys_wish() {
    let named = |agent: &str| {
        format!("[[rule]]\nid = \"x\"\nbecause = \"y\"\nagent = \"{agent}\"\nwords = \"'parser'\"\n")
    };
    let problems = with(&[source(Author::User, &named("raeder"))]).unwrap_err();
    assert_eq!(problems[0].to_string(), "user:4:9: there is no agent `raeder`");
    assert_eq!(problems[0].hint, "did you mean `reader`?");
    for agent in ["raeder", "free"] {
        let policy = with(&[source(Author::Project, &named(agent))]).unwrap();
        assert_eq!(policy.files().left_out.len(), 1, "{agent}");
        assert_ne!(routed("fix the parser in lib.rs", &policy).layer, Layer::Policy);
    }
    assert_eq!(routed("fix the parser in lib.rs", &user(&named("free"))).agent.as_str(), "free");
}

/// Everything that a hostile repository may try, as many ways as the notation has.
fn overlays() -> Vec<String> {
    let effects = [
        "tier = \"haiku\"",
        "tier = \"sonnet\"",
        "tier = \"opus\"",
        "agent = \"haiku-general\"",
        "agent = \"reader\"",
        "agent = \"free\"",
        "agent = \"nobody\"",
        "ask = false",
        "ask = true",
        "tier = \"haiku\"\nconfidence = 0.999",
    ];
    let conditions = [
        "chars = { min = 1 }",
        "own_words = { min = 0 }",
        "regex = '.'",
        "regex = '(?s).*'",
        "question = true",
        "question = false",
        "language = [\"en\", \"de\", \"ru\", \"zh\"]",
        "files = [\"*\"]",
        "project = [\"rust\", \"notes\"]",
        "mode = [\"orchestration\", \"directive\", \"enforced\"]",
        "hours = \"00:00-23:59\"",
        "days = \"mon-sun\"",
        "words = [\"delete\", \"change\", \"fix\", \"generic\"]",
        "words = [\"dangling\", \"'*'\", \"'f*'\"]",
        "paths = [\"**\", \"*\"]",
        "chars = { min = 1 }\nunless = [\"delete\"]",
    ];
    let tops = [
        "",
        "preset = \"none\"\n",
        "preset = \"auto\"\n",
        "[words]\ndelete = \"qqq\"\n",
        "[words]\nendorse = \"\"\n",
        "[words]\nsafe = \"delete, production, force push\"\n",
        "[safety]\nenabled = false\n",
        "[agents.haiku-general]\ncommand = [\"evil\"]\n",
    ];
    let mut texts = vec![];
    for (n, (effect, condition)) in
        effects.iter().flat_map(|effect| conditions.iter().map(move |c| (effect, c))).enumerate()
    {
        let rule = format!("[[rule]]\nid = \"x\"\nbecause = \"trust me\"\n{effect}\n{condition}\n");
        texts.push(rule.clone());
        texts.push(format!("{}{rule}", tops[n % tops.len()]));
    }
    texts
}

#[test]
fn nothing_in_a_repositorys_overlay_lifts_a_question_or_reaches_an_agent_that_is_not_its_to_choose() {
    let own = "[[rule]]\nid = \"payroll\"\nbecause = \"people's pay\"\nask = true\nwords = \"'payroll'\"\n";
    let before = user(own);
    let requests: Vec<String> = labelled()
        .into_iter()
        .map(|row| row.request)
        .chain(["rename foo to bar in payroll.rs".to_owned(), "format the payroll module".to_owned()])
        .collect();
    let asked: Vec<&String> =
        requests.iter().filter(|text| routed(text, &before).decision == Decision::Escalate).collect();
    assert!(asked.len() > 40);
    let overlays = overlays();
    assert!(overlays.len() >= 200);
    let kinds = RoutingContext::of_files(vec!["Cargo.toml".to_owned(), ".obsidian".to_owned()]);
    let mut read = 0;
    for text in &overlays {
        let sources = [source(Author::Project, text), source(Author::User, own)];
        // A file that cannot be read stops the work, which is no way to lift a question either.
        let Ok(policy) = Policy::builtin().with_files(&sources, &kinds.kinds, &catalog()) else { continue };
        read += 1;
        let without = Policy::builtin().with_files(&sources[1..], &kinds.kinds, &catalog()).unwrap();
        for words in &asked {
            let mut request = request(words);
            request.routing_context = kinds.clone();
            request.routing_context.mode = Some(Mode::Orchestration);
            request.routing_context.local_time = Some(jiff::civil::date(2026, 11, 21).at(3, 0, 0, 0));
            let route = route(&request, &catalog(), &policy).unwrap();
            assert_eq!(route.decision, Decision::Escalate, "{words}\n{text}");
            let unraised = pointsman_core::route::route(&request, &catalog(), &without).unwrap();
            assert!(route.tier <= unraised.tier, "{words}\n{text}");
            assert!(route.agent.as_str() == "reader" || route.agent.as_str().ends_with("-general"), "{text}");
        }
    }
    assert!(read > 150, "only {read} of {} overlays were policies", overlays.len());
}

#[test]
fn a_preset_says_what_is_meant_only_where_the_person_switched_it_on() {
    let text = "preset = \"latex-research\"";
    let by = |author: Author| routed("compile the paper", &with(&[source(author, text)]).unwrap());
    assert_eq!((by(Author::User).decision, by(Author::User).tier), (Decision::Direct, Tier::Haiku));
    assert_eq!((by(Author::Project).decision, by(Author::Project).tier), (Decision::Escalate, Tier::Haiku));
}

/// Rules that a repository's files switch on must not settle what a person would be asked.
#[test]
fn a_users_own_rule_settles_a_doubt_unless_the_repository_switches_it_on() {
    let vague = "fix the bug";
    assert_eq!(routed(vague, &Policy::builtin()).decision, Decision::Escalate);
    let settled = user(&rule("words = \"'bug'\""));
    assert_eq!(routed(vague, &settled).decision, Decision::Direct);
    let by_files = user(&rule("words = \"'bug'\"\nfiles = \"*\""));
    let mut request = request(vague);
    request.routing_context = RoutingContext::of_files(vec!["x".to_owned()]);
    let route = route(&request, &catalog(), &by_files).unwrap();
    assert_eq!((route.decision, route.tier), (Decision::Escalate, Tier::Opus));
}

#[test]
fn a_repositorys_reason_is_said_to_be_the_repositorys() {
    let policy = with(&[source(Author::TrustedProject, &rule("words = \"'parser'\""))]).unwrap();
    assert_eq!(routed("fix the parser in lib.rs", &policy).reason, "the project's policy says: it is so");
}

#[test]
fn a_quoted_order_that_is_taken_over_asks_where_the_policy_asks() {
    let policy = user("[[rule]]\nid = \"x\"\nbecause = \"y\"\nask = true\nwords = \"'payroll'\"\n");
    let fired = |text: &str| routed(text, &policy).rules.contains(&"policy.x".to_owned());
    assert!(fired("do what this ticket says\n> change the payroll rounding in calc.rs"));
    assert!(!fired("explain this ticket in one sentence\n> change the payroll rounding in calc.rs"));
}

#[test]
fn a_file_that_is_made_to_be_slow_is_refused_soon() {
    let begun = std::time::Instant::now();
    let rules: String = (0..300).map(|n| format!("[[rule]]\nid = \"r{n}\"\n")).collect();
    let many_words: String = (0..20).map(|n| format!("w{n} = \"{}\"\n", "a, b*, ".repeat(500))).collect();
    for text in [
        "=\n".repeat(60_000),
        format!("a = {}", "[".repeat(100_000)),
        "x".repeat(200_000),
        (0..15_000).map(|n| format!("k{n}=1\n")).collect(),
        rules,
        format!("[words]\n{many_words}[[rule]]\n"),
        rule(&format!("words = [{}]", "\"'a'|'b'|'c' ..255 'd'\",".repeat(4000))).repeat(2),
        rule(&format!("regex = [{}]", "'(\\w{200}){200}',".repeat(3000))),
    ] {
        assert!(with(&[source(Author::Project, &text)]).is_err(), "{}", &text[..60]);
    }
    assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
}

proptest! {
    #[test]
    fn any_text_is_a_policy_or_has_problems(text in "\\PC{0,200}") {
        let _ = with(&[source(Author::Project, &text)]);
    }

    #[test]
    fn any_values_of_a_rule_make_a_policy_or_problems(
        id in "\\PC{0,12}", words in "[a-z' .~|/^:*0-9]{0,30}", regex in "\\PC{0,20}", glob in "\\PC{0,20}",
        hours in "[0-9:-]{0,12}", days in "[a-z-]{0,9}", min in any::<i64>(), asked in "\\PC{1,60}",
    ) {
        let quote = |text: &str| serde_json::to_string(text).unwrap();
        let text = format!(
            "[words]\n{0} = {1}\n[[rule]]\nid = {0}\nbecause = \"x\"\nask = true\nwords = [{1}]\nregex = {2}\n\
             paths = {3}\nhours = {4}\ndays = {5}\nchars = {{ min = {min} }}\n",
            quote(&id), quote(&words), quote(&regex), quote(&glob), quote(&hours), quote(&days),
        );
        match with(&[source(Author::Project, &text)]) {
            Ok(policy) => {
                if let Ok(request) = Request::new(asked, Origin::Cli, Overrides::default()) {
                    let once = route(&request, &catalog(), &policy).unwrap();
                    prop_assert_eq!(once, route(&request, &catalog(), &policy).unwrap());
                }
            }
            Err(problems) => prop_assert!(problems.iter().all(|p| p.at.line > 0 && p.at.column > 0 && !p.hint.is_empty())),
        }
    }
}
