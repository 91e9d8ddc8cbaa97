//! The arbiter: asked only where the router is unsure and somebody allowed it; heard only when it says one word.

use std::fs;

use crate::fake::Fake;
use crate::sandbox::Sandbox;

/// Ordinary work: nothing stops it, so with `below = 1` the arbiter is asked.
const REQUEST: &str = "add pagination to the orders table in src/orders.ts";

/// A sandbox whose haiku agent answers the arbiter's question so, and leaves its arguments behind.
fn with_vote(answer: Fake) -> Sandbox {
    let sandbox = Sandbox::new();
    let argv = sandbox.path("argv");
    let asked = Fake::dumps("argv", &argv).then(answer);
    sandbox
        .agent("haiku", asked)
        .set("judge.enabled", "true")
        .set("judge.below", "1.0")
        .set("judge.timeout", "\"3s\"")
}

/// The route is the one that the request has where the arbiter has no say.
#[track_caller]
fn is_the_routers_own(route: &serde_json::Value) {
    assert_eq!((&route["layer"], &route["tier"]), (&"classifier".into(), &"sonnet".into()), "{route}");
}

fn route(sandbox: &Sandbox, request: &str) -> serde_json::Value {
    let ran = sandbox.call(["run", "-o", "json", "--approve", request]).wait();
    ran.json()["route"].clone()
}

#[test]
fn the_judges_word_chooses_the_tier_and_is_remembered() {
    let sandbox = with_vote(Fake::completes("opus"));
    for _ in 0..2 {
        let route = route(&sandbox, REQUEST);
        assert_eq!((&route["layer"], &route["tier"]), (&"judge".into(), &"opus".into()), "{route}");
    }
    assert!(sandbox.path("argv").exists() && !sandbox.path("argv.2").exists(), "asked once");
    let argv = fs::read_to_string(sandbox.path("argv")).unwrap();
    assert!(!argv.contains("pagination"), "the words travel on standard input: {argv}");
}

#[test]
fn the_judge_can_have_a_person_asked() {
    let sandbox = with_vote(Fake::completes("ask"));
    let ran = sandbox.call(["run", "-o", "json", REQUEST]).wait().exits(77);
    assert_eq!(ran.json()["route"]["layer"], "judge");
    assert_eq!(ran.json()["verdict"], "refused");
}

#[test]
fn a_judge_that_explains_fails_or_hangs_is_not_heard() {
    for answer in [Fake::completes("I think opus would be best"), Fake::hangs(), Fake::just("overloaded")] {
        let sandbox = with_vote(answer);
        let route = route(&sandbox, REQUEST);
        is_the_routers_own(&route);
        assert!(sandbox.path("argv").exists(), "it was not even asked");
    }
}

/// Seen to fail with `is_wanted` looking at the confidence alone.
#[test]
fn the_judge_is_never_asked_about_what_a_person_must_decide_or_has_decided() {
    let sandbox = with_vote(Fake::completes("haiku"));
    let dangerous = route(&sandbox, "rewrite the billing job and deploy it to production");
    assert_eq!((&dangerous["decision"], &dangerous["layer"]), (&"escalate".into(), &"safety".into()));
    sandbox.call(["run", "--tier", "sonnet", REQUEST]).wait().success();
    assert!(!sandbox.path("argv").exists());
}

#[test]
fn without_the_setting_nobody_is_asked() {
    let sandbox = with_vote(Fake::completes("opus")).set("judge.enabled", "false");
    let route = route(&sandbox, REQUEST);
    is_the_routers_own(&route);
    assert!(!sandbox.path("argv").exists());
}
