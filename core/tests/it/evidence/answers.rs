//! When there is an answer, and which.

use pointsman_core::agent::AdapterKind;
use pointsman_core::run::end::{Exit, ProcessEnd, StopCause};
use pointsman_core::run::evidence::Evidence;
use pointsman_core::run::outcome::{Flag, Outcome};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

#[test]
fn a_later_result_that_is_empty_or_failed_does_not_undo_the_good_one() {
    for later in [
        error_result(
            "",
            json!({"subtype": "error_during_execution", "num_turns": 0, "result": null, "errors": ["only prompt commands are supported"]}),
        ),
        result(json!(""), json!({"total_cost_usd": 0, "modelUsage": {}})),
        result(json!(null), json!({"num_turns": 0, "total_cost_usd": 0.1})),
        result(json!("Done."), json!({})),
        error_result("API Error: 500 oops", json!({"api_error_status": 500})),
        error_result(
            "",
            json!({"subtype": "error_max_turns", "errors": ["Reached maximum number of turns (2)"]}),
        ),
        json!({"type": "result", "subtype": "error_during_execution", "is_error": false, "num_turns": 0}),
    ] {
        let stream = [init(), say(GOOD), result(json!(GOOD), json!({})), later.clone()];
        let (seen, judgement) = comes_to(&stream, &by_code(1), Outcome::Completed);
        assert_eq!((seen.answer(), seen.cost_usd()), (GOOD, Some(0.5)), "{later}");
        assert_eq!(
            judgement.flags.contains(&Flag::LaterFailure),
            later["subtype"] != "success" || later["is_error"] == true
        );
    }
    // The neighbour: of two good ones the last counts.
    let stream = [
        init(),
        say("one"),
        result(json!("first"), json!({})),
        say("two"),
        result(json!("the second"), json!({})),
    ];
    answers(&stream, "the second");
}

#[test]
fn an_answer_without_words_in_its_result_is_read_from_the_stream() {
    let empty = |value: Value| {
        [
            init(),
            say("I look first."),
            call("t", "Read", json!({"file_path": "a"})),
            ended("t", false),
            say(GOOD),
            result(value, json!({})),
        ]
    };
    for value in [json!(""), json!(null), json!("  \n"), json!([])] {
        answers(&empty(value), GOOD);
    }
    // Words before the last tool call are no answer.
    let stream = [
        init(),
        say("I look first."),
        call("t", "Read", json!({})),
        ended("t", false),
        result(json!(""), json!({})),
    ];
    comes_to(&stream, &by_code(0), Outcome::EmptyAnswer);
    comes_to(
        &[init(), call("t", "Read", json!({})), result(json!(""), json!({}))],
        &by_code(0),
        Outcome::EmptyAnswer,
    );
}

#[test]
fn an_answer_of_another_type_is_read_as_what_it_says() {
    for (value, want) in [
        (json!([{"type": "text", "text": GOOD}]), GOOD),
        (json!({"content": [{"type": "text", "text": GOOD}]}), GOOD),
        (json!(42), "42"),
        (json!({"places": 3}), r#"{"places":3}"#),
    ] {
        answers(&[init(), call("t", "Read", json!({})), result(value, json!({}))], want);
    }
    let structured = result(json!(""), json!({"structured_output": {"places": 3}}));
    answers(&[init(), call("t", "Read", json!({})), structured], r#"{"places":3}"#);
}

#[test]
fn records_survive_noise_neighbours_and_half_characters() {
    let last = result(json!(GOOD), json!({})).to_string();
    let first = lines(&[init(), say("x")]);
    let two = format!("{}{last}", say("y"));
    let array = format!("[{},{last}]", say("y"));
    for line in [
        format!("\u{feff}{last}"),
        format!("\u{1b}[?25h(node:9) Warning: x {last}"),
        format!("{last}\u{1b}[?25l"),
        format!("warn {{a: 1 {last}"),
        format!("{{\"type\":\"assistant\",\"message\":{{\"content\":[{{\"text\":\"cut in the mid{last}"),
        two,
        array,
    ] {
        let seen = read(&[first.clone(), vec![line.clone()]].concat());
        assert_eq!(judged(&seen, &by_code(0)).outcome, Outcome::Completed, "{line}");
        assert_eq!(seen.answer(), GOOD, "{line}");
    }
    let half = last.replace("line two.", "line two. \\ud83d");
    assert_eq!(read(&[first, vec![half]].concat()).answer(), format!("{GOOD} \u{fffd}"));
}

/// What is not quite JSON, or was cut at its end, is read as far as it is whole. Seen to fail without mending.
#[test]
fn a_result_that_is_not_quite_json_is_an_answer_all_the_same() {
    let first = lines(&[init(), say("x")]);
    let last = result(json!(GOOD), json!({})).to_string();
    let colour = |text: &str| format!("\u{1b}[1;39m{}\u{1b}[0m", text.replace(':', "\u{1b}[0m:\u{1b}[34m"));
    let pretty = serde_json::to_string_pretty(&result(json!(GOOD), json!({}))).unwrap();
    for tail in [
        last.replace("0.5,", "NaN,"),
        last.replace("\"num_turns\":2", "\"num_turns\":-Infinity"),
        last.replace("}}}", "},},}"),
        last[..last.len() - 9].to_owned(),
        colour(&last),
        pretty,
    ] {
        let seen = read(&[first.clone(), tail.lines().map(str::to_owned).collect()].concat());
        assert_eq!(judged(&seen, &by_code(0)).outcome, Outcome::Completed, "{tail}");
        assert_eq!(seen.answer(), GOOD, "{tail}");
    }
    let raw_tab = last.replace("one word", "one\tword");
    assert_eq!(read(&[first, vec![raw_tab]].concat()).answer(), GOOD.replace("one word", "one\tword"));
    // Cut within the answer: the stream is the witness, and half an answer is none.
    let cut = last[..last.find("README").unwrap()].to_owned();
    assert_eq!(read(&[lines(&[init(), say(GOOD)]), vec![cut]].concat()).answer(), GOOD);
}

#[test]
fn notes_after_the_answer_do_not_take_it_away() {
    let stream = [
        init(),
        say(GOOD),
        call("t", "TodoWrite", json!({"todos": []})),
        ended("t", false),
        result(json!(""), json!({})),
    ];
    answers(&stream, GOOD);
    let stream = [
        init(),
        say("I ask a helper."),
        call("t", "Agent", json!({})),
        ended("t", false),
        result(json!(""), json!({})),
    ];
    comes_to(&stream, &by_code(0), Outcome::EmptyAnswer);
}

#[test]
fn what_the_cli_takes_back_is_no_answer() {
    let taken_back =
        json!({"type": "system", "subtype": "model_refusal_fallback", "retracted_message_uuids": ["u"]});
    comes_to(
        &[init(), say("withdrawn"), taken_back.clone(), result(json!(""), json!({}))],
        &by_code(0),
        Outcome::EmptyAnswer,
    );
    answers(&[init(), say("withdrawn"), taken_back, say(GOOD), result(json!(""), json!({}))], GOOD);
}

#[test]
fn placeholders_are_not_words_whoever_says_them() {
    for placeholder in ["(no content)", "No response requested.", "[Request interrupted by user]"] {
        answers(
            &[init(), say(GOOD), synthetic(placeholder, json!({})), result(json!(placeholder), json!({}))],
            GOOD,
        );
        answers(&[init(), say(GOOD), result(json!(placeholder), json!({}))], GOOD);
        comes_to(
            &[init(), say(placeholder), result(json!(placeholder), json!({}))],
            &by_code(0),
            Outcome::EmptyAnswer,
        );
    }
    comes_to(
        &[init(), say("\u{200b}"), result(json!("\u{200b}\u{feff}"), json!({}))],
        &by_code(0),
        Outcome::EmptyAnswer,
    );
}

#[test]
fn what_cannot_be_read_is_counted_and_said_where_it_matters() {
    let garbage = ["Loading…".to_owned(), r#"{"type":"assistant"}"#.to_owned(), "{\"type\":".to_owned()];
    let seen = read(&[lines(&[init()]), garbage.to_vec()].concat());
    assert_eq!(seen.unreadable_count, 3);
    assert!(judged(&seen, &by_code(1)).flags.contains(&Flag::UnreadableLines));
    let seen =
        read(&[garbage.to_vec(), lines(&[init(), say(GOOD), result(json!(GOOD), json!({}))])].concat());
    assert_eq!(judged(&seen, &by_code(0)).flags, []);
}

#[test]
fn words_that_the_cli_made_are_nobodys_answer() {
    for (text, more, want) in [
        (
            "API Error: Connection closed mid-response. The response above may be incomplete.",
            json!({"is_api_error_message": true}),
            Outcome::Infrastructure,
        ),
        ("No response requested.", json!({}), Outcome::NoResult),
        ("Prompt is too long", json!({}), Outcome::InvalidRequest),
        ("Invalid API key · Fix external API key", json!({"error": "authentication_failed"}), Outcome::Auth),
        ("You've hit your weekly limit · resets Jul 18, 12pm (UTC)", json!({}), Outcome::Quota),
    ] {
        let nothing = json!({"num_turns": 1, "total_cost_usd": 0, "modelUsage": {}});
        comes_to(&[init(), synthetic(text, more.clone()), result(json!(text), nothing)], &by_code(0), want);
        // The same after a model had begun: what it said before is no answer either.
        let stream = [
            init(),
            say("I begin."),
            call("t", "Read", json!({})),
            synthetic(text, more),
            result(json!(text), json!({})),
        ];
        let (seen, _) = comes_to(
            &stream,
            &by_code(0),
            if want == Outcome::NoResult { Outcome::EmptyAnswer } else { want },
        );
        assert!(!seen.has_answer());
    }
    // The neighbour: a model may say such words.
    let quoted = "The log says: You've hit your session limit · resets 3am (UTC)";
    answers(&[init(), say(quoted), result(json!(quoted), json!({}))], quoted);
}

#[test]
fn nobody_answered_is_no_success() {
    let unnamed =
        |text: &str| json!({"type": "assistant", "message": {"content": [{"type": "text", "text": text}]}});
    let silent =
        json!({"modelUsage": {}, "total_cost_usd": 0, "usage": {"input_tokens": 0, "output_tokens": 0}});
    let error = "[API Error: 401 status code (no body)]";
    let (_, judgement) =
        comes_to(&[init(), unnamed(error), result(json!(error), silent.clone())], &by_code(0), Outcome::Auth);
    assert!(judgement.detail.contains("401"), "{}", judgement.detail);
    comes_to(&[init(), unnamed("hm"), result(json!("hm"), silent.clone())], &by_code(0), Outcome::NoResult);
    // A helper's tokens prove nothing where the CLI speaks in the place of an answer.
    let words = "Something that the CLI made.";
    let (_, judgement) = comes_to(
        &[init(), synthetic(words, json!({})), result(json!(words), json!({}))],
        &by_code(0),
        Outcome::NoResult,
    );
    assert!(judgement.detail.contains(words), "{}", judgement.detail);
    // The neighbours: a token count, or a model that names itself, is proof enough.
    answers(
        &[
            init(),
            unnamed(GOOD),
            result(json!(GOOD), json!({"usage": {"output_tokens": 9}, "modelUsage": {}})),
        ],
        GOOD,
    );
    answers(&[init(), say(GOOD), result(json!(GOOD), silent)], GOOD);
}

#[test]
fn an_answer_that_was_cut_or_refused_is_none() {
    for (stop, want) in [
        ("max_tokens", Outcome::InvalidOutput),
        ("model_context_window_exceeded", Outcome::InvalidOutput),
        ("pause_turn", Outcome::InvalidOutput),
        ("refusal", Outcome::NoResult),
        ("content_filter", Outcome::NoResult),
        ("end_turn", Outcome::Completed),
        ("stop_sequence", Outcome::Completed),
        ("of_the_future", Outcome::Completed),
    ] {
        comes_to(
            &[init(), say("1. foo 2. ba"), result(json!("1. foo 2. ba"), json!({"stop_reason": stop}))],
            &by_code(0),
            want,
        );
    }
    // Told in the stream alone, or by a code that calls itself no error.
    let stopped = |reason: &str| json!({"type": "stream_event", "event": {"type": "message_delta", "delta": {"stop_reason": reason}}});
    let good = result(json!(GOOD), json!({}));
    comes_to(&[init(), say(GOOD), stopped("max_tokens"), good.clone()], &by_code(0), Outcome::InvalidOutput);
    let of_message = with(say(GOOD), json!({"error": "max_output_tokens"}));
    comes_to(&[init(), of_message, good.clone()], &by_code(0), Outcome::InvalidOutput);
    // The neighbour: the model went on, and ended its turn.
    let other = json!({"type": "assistant", "message": {"id": "m2", "model": MODEL, "content": [{"type": "text", "text": GOOD}]}});
    answers(&[init(), say("1."), stopped("max_tokens"), other, stopped("end_turn"), good], GOOD);
    for (told, want) in [
        (json!({"error": "max_output_tokens", "stop_reason": "stop_sequence"}), Outcome::InvalidOutput),
        (json!({"is_error": true, "error": {"type": "max_output_tokens"}}), Outcome::InvalidOutput),
        (json!({"terminal_reason": "model_error"}), Outcome::Infrastructure),
        (json!({"terminal_reason": "api_error"}), Outcome::Infrastructure),
        (json!({"api_error_status": 529}), Outcome::Overloaded),
        (json!({"error": "server_error"}), Outcome::Infrastructure),
        (json!({"is_error": "true"}), Outcome::Infrastructure),
        (json!({"interrupted_by_shutdown": true}), Outcome::Infrastructure),
        (json!({"stopped_by_permission_check": true}), Outcome::PermissionDenied),
        (json!({"terminal_reason": "completed", "error": null, "api_error": null}), Outcome::Completed),
    ] {
        comes_to(&[init(), say(GOOD), result(json!(GOOD), told)], &by_code(0), want);
    }
    for reason in ["aborted_streaming", "aborted_tools"] {
        comes_to(
            &[init(), say("half"), result(json!("half"), json!({"terminal_reason": reason}))],
            &by_code(0),
            Outcome::Infrastructure,
        );
    }
    // How the real CLI tells the limit of output.
    let text = "API Error: Claude's response exceeded the 64000 output token maximum.";
    for told in [json!({"error": "max_output_tokens"}), json!({"api_error": "max_output_tokens"}), json!({})]
    {
        let more = with(json!({"stop_reason": "stop_sequence"}), told.clone());
        let stream = [init(), say("1. foo"), synthetic(text, told), error_result(text, more)];
        comes_to(&stream, &by_code(1), Outcome::InvalidOutput);
    }
}

#[test]
fn a_shell_in_the_background_is_not_waited_for_and_an_agent_is() {
    let started = |kind: Value| {
        with(
            json!({"type": "system", "subtype": "task_started", "task_id": "b1", "is_backgrounded": true}),
            kind,
        )
    };
    let listed =
        |tasks: Value| json!({"type": "system", "subtype": "background_tasks_changed", "tasks": tasks});
    let good = result(json!(GOOD), json!({}));
    let settled = |stream: &[Value]| read(&lines(stream)).is_settled();
    assert!(settled(&[init(), started(json!({"task_type": "local_bash"})), say(GOOD), good.clone()]));
    for kind in [json!({"task_type": "local_agent"}), json!({"task_type": "of_the_future"}), json!({})] {
        let open = [init(), started(kind), say(GOOD), good.clone()];
        assert!(!settled(&open), "{open:?}");
        // The list of the stream says that it is gone, whether its end was told or not.
        assert!(settled(&[&open[..], &[listed(json!([]))]].concat()));
        // Nothing was heard of it for the idle limit: the answer counts.
        let end = ProcessEnd { stopped: Some(StopCause::IdleTimeout), ..by_code(143) };
        let (_, judgement) = comes_to(&open, &end, Outcome::Completed);
        assert_eq!(judgement.flags, [Flag::Leak, Flag::OpenTasks]);
    }
    assert!(settled(&[
        init(),
        started(json!({"task_type": "local_agent", "ambient": true})),
        say(GOOD),
        good.clone()
    ]));
    assert!(!settled(&[
        init(),
        listed(json!([{"task_id": "b1", "task_type": "local_agent"}])),
        say(GOOD),
        good
    ]));
}

#[test]
fn an_answer_that_was_held_back_for_a_background_agent_is_not_lost() {
    let ended_turn = json!({"type": "stream_event", "event": {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}});
    let started =
        json!({"type": "system", "subtype": "task_started", "task_id": "b1", "task_type": "local_agent"});
    let stream = [init(), call("t", "Agent", json!({})), started, say(GOOD), ended_turn];
    let end = ProcessEnd { stopped: Some(StopCause::IdleTimeout), ..by_code(143) };
    let (seen, judgement) = comes_to(&stream, &end, Outcome::Completed);
    assert_eq!(
        (seen.answer(), judgement.flags),
        (GOOD, vec![Flag::Leak, Flag::NoResultLine, Flag::OpenTasks])
    );
    // Without the end of the turn: it spoke after it called its helper, and the helper is at work.
    comes_to(&stream[..4], &end, Outcome::Completed);
    // Without a helper the end of the turn is the proof; it may be told before the message itself.
    let alone = [init(), call("t", "Read", json!({})), say(GOOD), stream[4].clone()];
    comes_to(&alone, &end, Outcome::Completed);
    comes_to(&[&alone[..2], &[alone[3].clone(), alone[2].clone()]].concat(), &end, Outcome::Completed);
    // The neighbours: a model that had not ended its turn, one that went on, or a person who stopped it.
    comes_to(&alone[..3], &end, Outcome::TimeoutIdle);
    let retry =
        json!({"type": "system", "subtype": "api_retry", "error": "server_error", "error_status": 500});
    comes_to(&[&alone[..], &[retry]].concat(), &end, Outcome::TimeoutIdle);
    let more = json!({"type": "assistant", "message": {"id": "m2", "model": MODEL, "content": [{"type": "text", "text": "But"}]}});
    comes_to(&[&alone[..], &[more]].concat(), &end, Outcome::TimeoutIdle);
    let stopped = ProcessEnd { stopped: Some(StopCause::Interrupt), ..by_code(0) };
    comes_to(&stream, &stopped, Outcome::Cancelled);
}

#[test]
fn what_was_answered_counts_although_the_watcher_was_lost() {
    let lost = ProcessEnd { exit: Exit::Lost, ..by_code(0) };
    let (_, judgement) =
        comes_to(&[init(), say(GOOD), result(json!(GOOD), json!({}))], &lost, Outcome::Completed);
    assert_eq!(judgement.flags, [Flag::Leak]);
    comes_to(&[init(), say(GOOD)], &lost, Outcome::WorkerLost);
}

/// What may stand around a good result without undoing it.
fn disturbance() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        init(),
        result(json!(""), json!({"total_cost_usd": 0.1})),
        result(json!(null), json!({"num_turns": 0, "total_cost_usd": 0})),
        error_result("API Error: 529 Overloaded", json!({"api_error_status": 529})),
        error_result("", json!({"subtype": "error_during_execution", "errors": ["odd"]})),
        synthetic("No response requested.", json!({})),
        synthetic("API Error: 500", json!({"error": "server_error"})),
        json!({"type": "system", "subtype": "api_retry", "error": "overloaded", "error_status": 529}),
        json!({"type": "system", "subtype": "task_started", "task_id": "b1", "task_type": "local_bash"}),
        json!({"type": "system", "subtype": "task_started", "task_id": "b2", "task_type": "local_agent"}),
        json!({"type": "system", "subtype": "background_tasks_changed", "tasks": []}),
        json!({"type": "rate_limit_event", "rate_limit_info": {"status": "rejected", "rateLimitType": "five_hour"}}),
        json!({"type": "hologram"}),
        json!("not a record"),
    ])
}

proptest! {
    /// The guard is the order of worth: with `true` in place of `worth >= *counting` this fails.
    #[test]
    fn any_interleaving_of_a_good_result_with_disturbances_yields_the_good_answer_and_a_cost_that_never_falls(
        before in prop::collection::vec(disturbance(), 0..6),
        after in prop::collection::vec(disturbance(), 0..6),
    ) {
        let good = [say(GOOD), result(json!(GOOD), json!({}))];
        let mut decoder = AdapterKind::Claude.decoder(None, SessionStart::New);
        let mut seen = Evidence::default();
        let (mut cost, mut tokens) = (0.0, 0);
        for line in lines(&[&before[..], &good[..], &after[..]].concat()) {
            decoder.decode(&line).iter().for_each(|event| seen.add(event, TEXT_BYTES_MAX));
            let now = (seen.cost_usd().unwrap_or(0.0), seen.tokens().total());
            prop_assert!(now.0 >= cost && now.1 >= tokens, "{now:?} after {:?}", (cost, tokens));
            (cost, tokens) = now;
        }
        prop_assert_eq!(seen.answer(), GOOD);
        prop_assert_eq!(seen.cost_usd(), Some(0.5));
        for stopped in [None, Some(StopCause::PostResult), Some(StopCause::IdleTimeout)] {
            let judgement = judged(&seen, &ProcessEnd { stopped, ..by_code(1) });
            prop_assert_eq!(judgement.outcome, Outcome::Completed, "{}", judgement.detail);
        }
    }
}
