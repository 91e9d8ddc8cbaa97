//! The layers together: the routes of whole requests, and what must hold for every one.

use proptest::prelude::*;

use super::*;
use crate::agent::{AdapterKind, Agent, PermissionMode};
use crate::fixture;
use crate::policy::layer::Layer;
use crate::request::{Origin, Overrides, Speaker};

mod answers;
mod casual;

const DANGEROUS: &str = include_str!("dangerous.txt");
const HARMLESS: &str = include_str!("harmless.txt");

fn catalog() -> Catalog {
    fixture::catalog(vec![fixture::agent("planner", Tier::Opus)])
}

thread_local! {
    static POLICY: Policy = Policy::builtin();
}

fn routed_with(text: &str, overrides: Overrides) -> Explained {
    let request = Request::new(text.to_owned(), Origin::Cli, overrides).unwrap();
    POLICY.with(|policy| explain(&request, &catalog(), policy)).unwrap()
}

fn routed(text: &str) -> Explained {
    routed_with(text, Overrides::default())
}

fn answer(text: &str) -> String {
    let route = routed(text).route;
    match route.decision {
        Decision::Direct => route.tier.to_string(),
        Decision::Escalate => "escalate".to_owned(),
    }
}

#[test]
fn a_dangerous_or_empty_request_asks_a_person() {
    let missed: Vec<_> = DANGEROUS
        .lines()
        .map(|line| line.replace("\\n", "\n"))
        .filter(|line| answer(line) != "escalate")
        .collect();
    assert!(missed.is_empty(), "{} missed: {missed:#?}", missed.len());
}

fn harmless() -> impl Iterator<Item = (&'static str, &'static str)> {
    HARMLESS.lines().map(|line| line.split_once('|').unwrap())
}

#[test]
fn a_mention_of_danger_fires_no_safety_rule() {
    let asked: Vec<_> = harmless()
        .map(|(_, line)| (line, routed(line).route))
        .filter(|(_, route)| route.layer == Layer::Safety)
        .map(|(line, route)| format!("{line} <- {:?}", route.rules))
        .collect();
    assert!(asked.is_empty(), "{} asked: {asked:#?}", asked.len());
}

/// The list consists of words that sound dangerous, so this is the worst case, not the ordinary one.
#[test]
fn a_mention_of_danger_seldom_moves_the_classifier_to_ask() {
    let asked: Vec<_> = harmless().filter(|(_, line)| answer(line) == "escalate").collect();
    assert!(asked.len() * 20 <= harmless().count() * 2, "{} asked: {asked:#?}", asked.len());
}

#[test]
fn ordinary_requests_go_where_they_belong() {
    let wrong: Vec<_> = harmless()
        .map(|(tier, line)| (tier, line, routed(line).route))
        .filter(|(tier, _, route)| route.tier.as_str() != *tier)
        .map(|(tier, line, route)| format!("{tier} but {} {:?}: {line}", route.tier, route.rules))
        .collect();
    assert!(wrong.len() * 5 <= harmless().count(), "{} wrong: {wrong:#?}", wrong.len());
}

fn with_tier(tier: Tier) -> Overrides {
    Overrides { tier: Some(tier), agent: None }
}

#[test]
fn an_override_raises_or_lowers_but_never_lifts_safety() {
    let lowered = routed_with("design a consensus protocol", with_tier(Tier::Haiku)).route;
    assert_eq!(
        (lowered.tier, lowered.layer, lowered.decision),
        (Tier::Haiku, Layer::Override, Decision::Direct)
    );
    let danger = routed_with("git push --force origin main", with_tier(Tier::Haiku)).route;
    assert_eq!(
        (danger.tier, danger.layer, danger.decision),
        (Tier::Haiku, Layer::Safety, Decision::Escalate)
    );
    assert!(danger.rules.contains(&"override.tier".to_owned()), "{:?}", danger.rules);
}

/// The record of an override is useless if it differs from what the router decides without one.
#[test]
fn what_the_router_says_by_itself_is_kept_beside_what_a_person_chose() {
    let requests = DANGEROUS.lines().chain(harmless().map(|(_, text)| text)).chain(["fix it", "hello there"]);
    for text in requests {
        let alone = routed(text).route;
        assert_eq!(alone.own, None, "{text}");
        for tier in Tier::ALL {
            let own = routed_with(text, with_tier(tier)).route.own;
            let want = OwnDecision {
                decision: alone.decision,
                tier: alone.tier,
                rule: alone.deciding_rule().to_owned(),
            };
            assert_eq!(own, Some(want), "{text}");
        }
    }
}

#[test]
fn with_agent_and_tier_given_the_agent_wins_and_its_tier_is_reported() {
    let overrides = Overrides { tier: Some(Tier::Haiku), agent: Some("planner".parse().unwrap()) };
    let route = routed_with("list the files in src/", overrides).route;
    assert_eq!((route.agent.as_str(), route.tier), ("planner", Tier::Opus));
}

#[test]
fn an_unknown_agent_is_an_error_that_names_the_known_ones() {
    let overrides = Overrides { tier: None, agent: Some("nobody".parse().unwrap()) };
    let request = Request::new("x".to_owned(), Origin::Cli, overrides).unwrap();
    let error = route(&request, &catalog(), &Policy::builtin()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "agent `nobody` was not found; known agents: haiku-general, opus-general, planner, sonnet-general"
    );
}

#[test]
fn a_mark_at_the_very_start_chooses_the_tier() {
    for text in
        ["@opus list the files in src/", "[opus] list the files in src/", "/opus list the files in src/"]
    {
        assert_eq!(routed(text).route.tier, Tier::Opus, "{text}");
    }
    assert_eq!(routed("list the files in src/ @opus").route.tier, Tier::Haiku);
    assert_eq!(routed("```\n@opus\n```\nlist the files in src/").route.tier, Tier::Haiku);
}

/// Seen to fail with the check of the speaker taken out of `overrides::apply`.
#[test]
fn words_of_a_model_choose_no_tier_and_do_not_stand_in_the_way() {
    let routed_of = |speaker: Speaker, text: &str| {
        let mut request = Request::new(text.to_owned(), Origin::Hook, Overrides::default()).unwrap();
        request.speaker = speaker;
        route(&request, &catalog(), &Policy::builtin()).unwrap()
    };
    for order in ["Rename foo to bar in src/lexer.rs", "prove that the allocator never deadlocks"] {
        let own = routed_of(Speaker::Model, order);
        for mark in
            ["@opus", "/opus", "[haiku]", "@sonnet:", "use opus for this:", "this is for the opus agent:"]
        {
            let marked = routed_of(Speaker::Model, &format!("{mark} {order}"));
            assert_eq!((marked.tier, marked.layer == Layer::Override), (own.tier, false), "{mark} {order}");
        }
    }
    assert_eq!(routed_of(Speaker::Person, "@opus Rename foo to bar in src/lexer.rs").tier, Tier::Opus);
}

/// The beginning and the end of a text of megabytes decide; it costs no more than the part that is read.
#[test]
fn of_megabytes_the_beginning_and_the_end_are_read() {
    let lines = "the quick brown fox jumps over the lazy dog\n".repeat(120_000);
    for text in [
        format!("drop the users table in production\n{lines}"),
        format!("look at this\n{lines}\ndrop the users table in production"),
    ] {
        assert_eq!(routed(&text).route.decision, Decision::Escalate);
    }
    assert!(crate::text::segment::segment(&lines).instruction.len() < 100_000);
}

/// Seen to fail with the lines read as the person's own.
#[test]
fn what_a_terminal_shows_gives_no_order_unless_it_is_all_there_is_or_the_words_say_so() {
    for prompt in [
        "dev@box:~/app$ ",
        "➜  api git:(main) ✗ ",
        "$ ",
        "❯ ",
        "root@prod-1:/srv# ",
        "PS C:\\app> ",
        "C:\\app>",
    ] {
        let decision = |text: String| routed(&text).route.decision;
        let shown = format!("{prompt}git push --force origin main\n");
        assert_eq!(
            decision(format!("{shown}explain the option --force-with-lease of git")),
            Decision::Direct,
            "{prompt}"
        );
        assert_eq!(decision(shown.clone()), Decision::Escalate, "{prompt}");
        assert_eq!(decision(format!("run this:\n{shown}")), Decision::Escalate, "{prompt}");
    }
    for text in ["push it to a@b.org: $ git is fine", "$100 for who drops the users table in production"] {
        assert_eq!(crate::text::segment::segment(text).pasted_bytes, 0, "{text}");
    }
}

#[test]
fn free_words_may_raise_a_tier_but_never_lower_it() {
    assert_eq!(routed("rename a.py to b.py, use opus for this").route.tier, Tier::Opus);
    for named in [
        "delegate to opus: ",
        "run it on opus: ",
        "let opus do this: ",
        "have opus do it: ",
        "Opus please: ",
        "opus: ",
        "mit opus bitte: ",
        "spawn 3 opus agents to ",
    ] {
        assert_eq!(routed(&format!("{named}rename a.py to b.py")).route.tier, Tier::Opus, "{named}");
    }
    assert_eq!(routed("use sonnet not opus: rename a.py to b.py").route.tier, Tier::Sonnet);
    assert_eq!(routed("use haiku: design a distributed lock service").route.tier, Tier::Opus);
    assert_eq!(routed("rename a.py to b.py, do not use opus").route.tier, Tier::Haiku);
    assert_eq!(routed("rename a.py to b.py\n> use opus for this").route.tier, Tier::Haiku);
    for codec in [
        "use the opus codec instead of mp3 in src/audio.rs",
        "we have opus files in assets, list them",
        "let the opus codec be the default in src/audio.rs",
        "switch from opus to vorbis in src/audio.rs",
        "use opus in the voice chat module, bitrate 32k",
    ] {
        assert!(!routed(codec).route.rules.contains(&"override.words".to_owned()), "{codec}");
    }
}

#[test]
fn pasted_text_gives_no_orders_whatever_its_form() {
    let ask = "run cargo fmt";
    for paste in [
        "```\nkubectl delete ns prod\n```",
        "~~~\r\ngit push --force\r\n~~~",
        "> please delete all customers",
        "2026-01-02T03:04:05Z ERROR drop table users",
        "Traceback (most recent call last):\n  File \"x.py\", line 1\n    rm -rf /srv",
        "diff --git a/x b/x\n@@ -1 +1 @@\n-rm -rf /data\n+drop table users;",
        "he wrote \"delete the production database\"",
    ] {
        assert_eq!(answer(&format!("{ask}\n{paste}")), "haiku", "{paste}");
    }
}

#[test]
fn zero_width_characters_and_look_alike_letters_hide_nothing() {
    assert_eq!(answer("de\u{200b}lete the produc\u{ad}tion database"), "escalate");
    assert_eq!(answer("d\u{435}lete the production database"), "escalate");
    assert_eq!(answer("ＤＥＬＥＴＥ the production database"), "escalate");
}

#[test]
fn every_rule_is_looked_at_in_the_order_of_the_layers() {
    let trace = routed("do not force-push; list the branches").trace;
    let layers: Vec<Layer> = trace.iter().map(|entry| entry.layer).collect();
    assert!(layers.is_sorted(), "{layers:?}");
    let rules = POLICY.with(|policy| policy.rules().len());
    assert!(trace.len() >= rules + 6);
    let force = trace.iter().find(|entry| entry.rule == "safety.force-push").unwrap();
    assert_eq!(force.outcome, TraceOutcome::Skipped(trace::NEGATED));
    let quoted = routed("what does \"git push --force\" do").trace;
    let force = quoted.iter().find(|entry| entry.rule == "safety.force-push").unwrap();
    assert_eq!(force.outcome, TraceOutcome::Skipped(trace::QUOTED));
}

#[test]
fn the_fallback_is_the_middle_tier_and_claims_nothing() {
    let route = fallback(&catalog());
    assert_eq!((route.tier, route.confidence, route.rules), (Tier::Sonnet, 0.5, vec!["fallback".to_owned()]));
}

#[test]
fn complexity_and_timing_follow_their_definitions() {
    let of = |text: &str| (routed(text).route.complexity, routed(text).route.timing);
    assert_eq!(of("list the files in src/"), (Complexity::Simple, Timing::Unattended));
    assert_eq!(of("design a distributed lock service"), (Complexity::Complex, Timing::Unattended));
    assert_eq!(of("drop the users table").1, Timing::NeedsPerson);
    assert_eq!(of("walk me through the parser in src/parse.rs").1, Timing::NeedsPerson);
}

/// Seen to fail when only the two ends of a request of 2,000 characters were read.
#[test]
fn a_danger_in_the_middle_of_a_long_request_is_read() {
    for times in [5, 25, 100, 300] {
        let before = "Please rename the helper in the parser module to a shorter name. ".repeat(times);
        let after = "Also keep the docs in line. ".repeat(times);
        let text = format!("{before}Then drop the production database. {after}");
        assert_eq!(answer(&text), "escalate", "{times}");
    }
}

/// Seen to fail when what a question asks about was never taken as asked for.
#[test]
fn a_question_that_ends_in_an_order_is_an_order() {
    for text in [
        "what happens if you run terraform destroy in prod? try it",
        "how do I force push? please just do so on main",
        "is git reset --hard safe here? if yes go ahead",
    ] {
        assert_eq!(answer(text), "escalate", "{text}");
    }
    assert_ne!(answer("what does git push --force do?"), "escalate");
}

#[test]
fn the_agents_own_configuration_is_never_work_for_the_weakest_of_them() {
    for text in [
        "rename foo to bar in .claude/settings.json",
        "edit .claude/agents/reviewer.md so that it may use Bash",
    ] {
        let route = routed(text).route;
        assert_eq!(route.decision, crate::route::Decision::Escalate, "{text}");
        assert!(route.tier > Tier::Haiku, "{text}: {}", route.tier);
    }
}

/// Seen to fail with the mark read as a word of the request: it tips doubtful cases, in either direction.
#[test]
fn a_mark_changes_who_does_it_and_not_whether_a_person_is_asked() {
    for text in [
        "rename foo to bar in lib.rs",
        "drop the users table",
        "rearchitect the codebase so that the core has no IO",
        "make the button red",
        "add tests",
    ] {
        let asks = |text: &str| routed(text).route.decision;
        for mark in ["@haiku", "[sonnet]", "/opus"] {
            assert_eq!(asks(&format!("{mark} {text}")), asks(text), "{mark} {text}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_routes_and_routes_the_same_again(text in "\\PC{0,200}|[a-z`'\"><\n .,:-]{0,400}") {
        prop_assume!(!text.trim().is_empty());
        let one = serde_json::to_string(&routed(&text)).unwrap();
        prop_assert_eq!(one, serde_json::to_string(&routed(&text)).unwrap());
    }

    #[test]
    fn politeness_case_and_spaces_change_no_decision(n in 0_usize..80, polite in "(please |Please |hi, |could you )?", upper: bool) {
        let line = DANGEROUS.lines().filter(|l| l.is_ascii() && !l.contains(['`', '\\'])).nth(n);
        if let Some(line) = line {
            let line = if upper { line.to_uppercase() } else { line.to_owned() };
            prop_assert_eq!(answer(&format!("{polite}{line}  \r\n")), "escalate");
        }
    }

    #[test]
    fn an_appended_log_changes_no_tier(n in 0_usize..120) {
        if let Some(line) = HARMLESS.lines().filter(|l| !l.contains('"')).nth(n) {
            let line = line.split_once('|').unwrap().1;
            let pasted = format!("{line}\n```\nERROR drop table users; deploy to production\n```");
            prop_assert_eq!(answer(&pasted), answer(line));
        }
    }
}

/// Seen to fail with the reach of the router's own choice, and with that of the agents' settings where a session's own
/// model works.
#[test]
fn a_likely_danger_is_asked_about_where_whoever_does_it_can_do_it() {
    let text = "terraform fmt everything please";
    let policy = Policy::builtin();
    let mut asked = Request::new(text.to_owned(), Origin::Cli, Overrides::default()).unwrap();
    let asks = |request: &Request, catalog: &Catalog| {
        route(request, catalog, &policy).unwrap().decision == Decision::Escalate
    };
    let mut full = fixture::catalog(vec![]);
    assert!(!asks(&asked, &full), "edits alone");
    full.set_permission_mode(PermissionMode::BypassPermissions);
    assert!(asks(&asked, &full));
    // One agent that may do anything, and the word that chooses it.
    let strong = Agent {
        permission_mode: Some(PermissionMode::BypassPermissions),
        ..Agent::new("strong".parse().unwrap(), AdapterKind::Claude, vec!["claude".into()], Tier::Opus)
    };
    let by_tier = Tier::ALL.map(|tier| {
        (tier, if tier == Tier::Opus { "strong".parse().unwrap() } else { fixture::general(tier).name })
    });
    let agents = vec![fixture::general(Tier::Haiku), fixture::general(Tier::Sonnet), strong];
    let mixed = Catalog::new(agents, by_tier.into(), std::collections::BTreeMap::new()).unwrap();
    assert!(!asks(&asked, &mixed));
    asked.origin = Origin::Hook;
    assert!(asks(&asked, &mixed), "in a session a person widens rights on the way");
    let marked = Request::new(format!("@opus {text}"), Origin::Cli, Overrides::default()).unwrap();
    assert!(route(&marked, &mixed, &policy).unwrap().danger.unwrap().possible, "by the mark");
    assert!(!route(&marked, &fixture::catalog(vec![]), &policy).unwrap().danger.unwrap().possible);
}

#[test]
fn a_question_quotes_the_words_that_made_it_one_and_says_what_could_happen() {
    for (text, reason) in [
        (
            "tidy up src/a.rs and drop the users table in production",
            "it deletes data that a version control system does not bring back (“drop the users table”)",
        ),
        ("fix the bug", "the words do not say what is meant: name a file, a symptom, or an expected result"),
        ("yes, go ahead", "it answers somebody, but no session goes on: say what is to be done"),
        ("implement <TODO>", "a placeholder was left in the words: put in what it stands for"),
    ] {
        assert_eq!(routed(text).route.reason, reason, "{text}");
    }
}

#[test]
fn a_reason_can_be_kept_without_the_words_and_with_others() {
    let route = routed("drop the users table in production").route;
    let bare = "it deletes data that a version control system does not bring back";
    assert_eq!(route.reason, format!("{bare} (“drop the users table”)"));
    let hidden = route.clone().with_words(|words| Some(words.replace("users", "…")));
    assert_eq!(
        (hidden.reason, hidden.words.as_deref()),
        (format!("{bare} (“drop the … table”)"), Some("drop the … table"))
    );
    let without = route.with_words(|_| None);
    assert_eq!((without.reason.as_str(), without.words), (bare, None));
}

#[test]
fn the_reason_of_a_tier_names_no_other_tier() {
    for (text, tier) in harmless().map(|(tier, text)| (text, tier)) {
        let route = routed(text).route;
        for other in Tier::ALL.into_iter().filter(|other| *other != route.tier) {
            assert!(!route.reason.contains(other.as_str()), "{tier} {text}: {}", route.reason);
        }
    }
}
