//! What it cost, who paid, and what it began with.

use pointsman_core::agent::{AdapterKind, Tier};
use pointsman_core::run::evidence::Evidence;
use pointsman_core::run::outcome::{Flag, Outcome};
use pointsman_core::usage::Price;
use serde_json::{Value, json};

use super::*;

#[test]
fn an_attempt_that_was_killed_is_never_free_and_odd_figures_do_not_count() {
    let price = Price::list(Tier::Haiku);
    let usage = |id: &str, kind: &str, usage: Value| match kind {
        "message_start" => {
            json!({"type": "stream_event", "event": {"type": kind, "message": {"id": id, "usage": usage}}})
        }
        _ => json!({"type": "stream_event", "event": {"type": kind, "usage": usage}}),
    };
    let killed = read(&lines(&[init(), say("work")]));
    assert!(killed.estimated_usd(&price).is_some_and(|usd| usd > 0.01));
    // Usage that comes in pieces adds up by field.
    let pieces = [
        init(),
        usage("m1", "message_start", json!({"input_tokens": 1_000_000, "output_tokens": 1})),
        usage("m1", "message_delta", json!({"input_tokens": 0, "output_tokens": 100_000})),
        say("work"),
    ];
    assert_eq!(read(&lines(&pieces)).estimated_usd(&price), Some(1.0 + 0.5));
    // After a result and a new turn, the larger of both figures.
    let reported =
        [&pieces[..], &[result(json!(GOOD), json!({"total_cost_usd": 9.0})), say("and on")]].concat();
    let seen = read(&lines(&reported));
    assert_eq!((seen.cost_usd(), seen.estimated_usd(&price)), (Some(9.0), Some(9.0)));
    // A run that ended by itself has its report alone.
    assert_eq!(read(&lines(&reported[..reported.len() - 1])).estimated_usd(&price), None);
    assert_eq!(read(&lines(&[init()])).estimated_usd(&price), None, "nobody answered");
    // A failure that reports nothing, after a model answered, was not free either.
    let failed = error_result("", json!({"subtype": "error_during_execution", "errors": ["x"]}));
    assert!(read(&lines(&[init(), say("work"), failed])).estimated_usd(&price).is_some());
    // Counts that no attempt reaches do not count either.
    let absurd = json!({MODEL: {"inputTokens": 999_999_999_999_u64, "outputTokens": 9}});
    let (seen, judgement) = comes_to(
        &[init(), say(GOOD), result(json!(GOOD), json!({"total_cost_usd": null, "modelUsage": absurd}))],
        &by_code(0),
        Outcome::Completed,
    );
    assert_eq!((seen.tokens().input, seen.tokens().output, judgement.flags), (0, 9, vec![Flag::OddCost]));
    let infinite = result(json!(GOOD), json!({}))
        .to_string()
        .replace("\"total_cost_usd\":0.5", "\"total_cost_usd\":1e999");
    let seen = read(&[lines(&[init(), say(GOOD)]), vec![infinite]].concat());
    assert!(seen.has_odd_cost() && seen.answer() == GOOD);
    for odd in [json!(-0.1), json!(1e12), json!(-1e-9)] {
        let (seen, judgement) = comes_to(
            &[init(), say(GOOD), result(json!(GOOD), json!({"total_cost_usd": odd}))],
            &by_code(0),
            Outcome::Completed,
        );
        assert_eq!((seen.cost_usd(), judgement.flags), (None, vec![Flag::OddCost]));
    }
}

#[test]
fn the_cost_of_a_resumed_session_is_this_processs_share() {
    let turn = result(
        json!(GOOD),
        json!({"total_cost_usd": 7.5, "usage": {"input_tokens": 1000, "output_tokens": 50},
        "modelUsage": {MODEL: {"inputTokens": 3000, "outputTokens": 150, "costUSD": 7.5}}}),
    );
    let of_others = with(
        turn.clone(),
        json!({"modelUsage": {"claude-other": {"inputTokens": 3000, "outputTokens": 150, "costUSD": 7.5}}}),
    );
    let share = json!({"model_usage_since_last_result": {MODEL: {"inputTokens": 1000, "outputTokens": 50, "costUSD": 2.5}}});
    let spent = |version: &str, session: SessionStart, turn: &Value| {
        let mut decoder = AdapterKind::Claude.decoder(None, session);
        let mut seen = Evidence::default();
        let begin = with(init(), json!({"claude_code_version": version}));
        for line in lines(&[begin, say(GOOD), turn.clone()]) {
            decoder.decode(&line).iter().for_each(|event| seen.add(event, TEXT_BYTES_MAX));
        }
        (seen.cost_usd(), seen.tokens().input)
    };
    for version in ["2.1.284", "2.1.300"] {
        assert_eq!(
            spent(version, SessionStart::Resumed, &turn),
            (Some(2.5), 1000),
            "this turn's tokens by the session's price"
        );
        assert_eq!(
            spent(version, SessionStart::Resumed, &of_others),
            (None, 1000),
            "no price of the model that answered"
        );
        assert_eq!(spent(version, SessionStart::New, &turn), (Some(7.5), 3000));
    }
    for version in ["2.1.197", "2.1.272", "2.1.316"] {
        assert_eq!(spent(version, SessionStart::Resumed, &turn), (Some(7.5), 3000));
    }
    assert_eq!(spent("2.1.332", SessionStart::Resumed, &with(turn.clone(), share)), (Some(2.5), 1000));
    let nothing = with(turn, json!({"model_usage_since_last_result": {}}));
    assert_eq!(
        spent("2.1.332", SessionStart::Resumed, &nothing),
        (Some(0.0), 0),
        "an empty share is a share"
    );
}

#[test]
fn a_model_of_another_tier_at_the_beginning_is_flagged_whoever_answers() {
    for (named, is_flagged) in [
        (json!(MODEL), false),
        (json!("claude-opus-5-5[1m]"), true),
        (json!("sonnet"), true),
        (json!("a model of nobody"), false),
        (json!(null), false),
    ] {
        let begin = with(init(), json!({"model": named}));
        let answers = [begin, say(GOOD), result(json!(GOOD), json!({}))];
        let (_, judgement) = comes_to(&answers, &by_code(0), Outcome::Completed);
        assert_eq!(judgement.flags.contains(&Flag::OtherModel), is_flagged, "{named}");
    }
}

/// Rights and tools that the agent names at its beginning; a field that it leaves out is no difference.
#[test]
fn tools_that_were_allowed_and_are_not_there_are_flagged() {
    for (allowed, listed, is_flagged) in [
        ("Bash(cargo test:*)", Some(json!(["Read", "Bash"])), false),
        ("Bash(cargo test:*)", Some(json!(["Read"])), true),
        ("Task", Some(json!(["Agent"])), false),
        ("mcp__db__query", Some(json!(["Read"])), false),
        ("Bash", Some(json!([])), true),
        ("Bash", None, false),
    ] {
        let begin = listed.map_or(init(), |tools| with(init(), json!({"tools": tools})));
        let seen = read(&lines(&[begin, say(GOOD), result(json!(GOOD), json!({}))]));
        let agent = Agent { allow_tools: vec![allowed.to_owned()], ..agent() };
        let judged = judge(
            &agent,
            &Catalog::of_generals(vec![]).unwrap(),
            &Nonce::from_bytes([7; 16]),
            &seen,
            &by_code(0),
        );
        assert_eq!(judged.flags.contains(&Flag::ToolsMissing), is_flagged, "{allowed}: {:?}", judged.flags);
    }
}

#[test]
fn the_payer_and_which_servers_failed_are_read_from_the_beginning() {
    for (source, want) in [
        ("none", None),
        ("", None),
        ("apiKeyHelper", Some("api_key")),
        ("ANTHROPIC_API_KEY", Some("api_key")),
        ("/login managed key", Some("api_key")),
        ("oauth", Some("subscription")),
    ] {
        let seen = read(&lines(&[with(init(), json!({"apiKeySource": source}))]));
        assert_eq!(seen.payer.map(|payer| payer.as_str()), want, "{source}");
    }
    let servers = json!({"mcp_servers": [{"name": "db", "status": "failed"}, {"name": "ok", "status": "connected"}, {"name": "later", "status": "pending"}]});
    let (seen, judgement) = comes_to(
        &[with(init(), servers), say(GOOD), result(json!(GOOD), json!({}))],
        &by_code(0),
        Outcome::Completed,
    );
    assert_eq!((seen.servers_failed, judgement.flags), (vec!["db".to_owned()], vec![Flag::ServersFailed]));
    let cloud = json!({"modelUsage": {MODEL: {"outputTokens": 9, "provider": "bedrock"}}});
    let seen = read(&lines(&[init(), say(GOOD), result(json!(GOOD), cloud)]));
    assert_eq!(seen.payer.map(|payer| payer.as_str()), Some("bedrock"));
}
