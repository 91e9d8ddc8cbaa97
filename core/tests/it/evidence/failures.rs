//! Why there is none: errors, limits, logins, and CLIs that do not start.

use pointsman_core::agent::PermissionMode;
use pointsman_core::ids::AgentSessionId;
use pointsman_core::run::end::ProcessEnd;
use pointsman_core::run::outcome::{Flag, Outcome};
use serde_json::{Value, json};

use super::*;

#[test]
fn errors_and_limits_are_over_once_a_model_answered() {
    let rejected = |more: Value| {
        json!({"type": "rate_limit_event", "rate_limit_info":
        with(json!({"status": "rejected", "resetsAt": 1_795_337_983, "rateLimitType": "seven_day"}), more)})
    };
    let retry = json!({"type": "system", "subtype": "api_retry", "error": "overloaded", "error_status": 529});
    let good = result(json!(GOOD), json!({}));
    answers(&[init(), rejected(json!({})), say(GOOD), good.clone()], GOOD);
    answers(&[init(), retry.clone(), say(GOOD), good], GOOD);
    // Then the CLI broke down: neither the limit nor the error is the reason.
    let end = ProcessEnd { stderr_tail: "TypeError: x is not a function\n".to_owned(), ..by_code(1) };
    for passed in [rejected(json!({"isUsingOverage": true})), rejected(json!({})), retry.clone()] {
        let (_, judgement) = comes_to(&[init(), passed, say("work goes on")], &end, Outcome::NoResult);
        assert!(judgement.detail.contains("TypeError"), "{}", judgement.detail);
    }
    // The neighbours: nobody answered after them.
    let (_, judgement) = comes_to(&[init(), say("x"), rejected(json!({}))], &by_code(1), Outcome::Quota);
    assert!(judgement.reset.is_some());
    comes_to(&[init(), retry], &by_code(1), Outcome::Overloaded);
    // Paid overage goes on: it is no limit, even when nothing is heard after it.
    let (seen, judgement) = comes_to(
        &[init(), say("x"), rejected(json!({"isUsingOverage": true}))],
        &by_code(1),
        Outcome::NoResult,
    );
    assert!(seen.used_overage && judgement.flags.contains(&Flag::Overage));
}

#[test]
fn a_limit_of_the_account_is_known_by_every_wording_of_the_cli() {
    for text in [
        "You've hit your session limit · resets 8pm (UTC)",
        "You've hit your weekly limit · resets Jul 18, 12pm (UTC)",
        "You've hit your Opus limit · resets Dec 1, 12am (UTC)",
        "You've hit your limit · resets 2am (Europe/Berlin)",
        "You've reached your Fable 5 limit. /model to switch models.",
        "5-hour limit reached ∙ resets 2am",
        "Claude AI usage limit reached|1752033600",
        "Claude usage limit reached. Your limit will reset at 3pm (Europe/Berlin).",
        "You're out of extra usage · resets 1pm (America/Los_Angeles)",
        "You're out of usage credits. Switch to another model to continue.",
        "Your org is out of usage · contact your admin",
        "You've hit your org's monthly spend limit · ask your admin to raise it at claude.ai/settings/usage",
        "Opus 5 requires usage credits. Switch to another model to continue.",
        "Usage is paused for your organization. For help, please contact support.",
        "API Error: 400 You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.",
        "API Error: Usage credits ran out before the response was finished.",
        "Failed to authenticate. API Error: 403 user quota is not enough (request id: 1)",
        "Failed to authenticate. API Error: 403 用户额度不足, 剩余额度: ¥0.000000",
    ] {
        for (status, word) in [
            (Some(429), "rate_limit"),
            (Some(403), "authentication_failed"),
            (Some(400), "unknown"),
            (None, "unknown"),
        ] {
            let facts = json!({"api_error_status": status, "error": word});
            let stream = [
                init(),
                synthetic(text, facts.clone()),
                error_result(text, json!({"api_error_status": status})),
            ];
            comes_to(&stream, &by_code(1), Outcome::Quota);
            // Without a result, by the message alone.
            comes_to(&[init(), synthetic(text, facts)], &by_code(1), Outcome::Quota);
        }
    }
    for (text, want) in [
        (
            "API Error: Server is temporarily limiting requests (not your usage limit) · try later",
            Outcome::Throttled,
        ),
        ("API Error: Request rejected (429) · stub says 429", Outcome::Throttled),
        (
            "API Error: Request rejected (429) · High concurrency usage of this API, please reduce concurrency",
            Outcome::Throttled,
        ),
        ("Credit balance is too low", Outcome::Billing),
        ("API Error: 429 Insufficient balance or no resource package. Please recharge.", Outcome::Billing),
        ("Opus is experiencing high load, please use /model to switch to Sonnet", Outcome::Overloaded),
    ] {
        let stream = [
            init(),
            synthetic(text, json!({"error": "rate_limit"})),
            error_result(text, json!({"api_error_status": 429})),
        ];
        comes_to(&stream, &by_code(1), want);
    }
}

#[test]
fn a_rejection_is_the_accounts_limit_only_where_it_names_one() {
    let event = |info: Value| json!({"type": "rate_limit_event", "rate_limit_info": info});
    let text = "API Error: Server is temporarily limiting requests (not your usage limit)";
    let refused = |text: &str| error_result(text, json!({"api_error_status": 429}));
    let throttle = event(json!({"status": "rejected", "isUsingOverage": false}));
    comes_to(&[init(), throttle, refused(text)], &by_code(1), Outcome::Throttled);
    // The same where nothing is heard after it, and where it tells a time.
    let bare = event(json!({"status": "rejected"}));
    comes_to(&[init(), bare], &by_code(1), Outcome::NoResult);
    let timed = event(json!({"status": "rejected", "resetsAt": 1_795_337_983}));
    comes_to(&[init(), timed.clone(), refused(text)], &by_code(1), Outcome::Throttled);
    // A time alone, and words that do not deny it, are a limit.
    comes_to(&[init(), timed, refused("API Error: 429")], &by_code(1), Outcome::Quota);
    for status in ["rejected", "blocked", "exceeded"] {
        let named =
            event(json!({"status": status, "rateLimitType": "five_hour", "resetsAt": 1_795_337_983_000_i64}));
        let (_, judgement) =
            comes_to(&[init(), named, refused("API Error: 429")], &by_code(1), Outcome::Quota);
        let reset = judgement.reset.and_then(|reset| reset.instant(jiff::Timestamp::UNIX_EPOCH)).unwrap();
        assert_eq!(reset.as_second(), 1_795_337_983);
    }
    for status in ["allowed", "allowed_warning", ""] {
        let named =
            event(json!({"status": status, "rateLimitType": "five_hour", "overageStatus": "rejected"}));
        comes_to(&[init(), named, refused("API Error: 429")], &by_code(1), Outcome::Throttled);
    }
}

#[test]
fn a_results_own_error_beats_what_was_told_before_it() {
    let retry = json!({"type": "system", "subtype": "api_retry", "error": "authentication_failed", "error_status": 401});
    for (status, want) in [
        (400, Outcome::InvalidRequest),
        (402, Outcome::Billing),
        (408, Outcome::Infrastructure),
        (409, Outcome::Infrastructure),
        (413, Outcome::InvalidRequest),
        (429, Outcome::Throttled),
        (500, Outcome::Infrastructure),
        (529, Outcome::Overloaded),
    ] {
        let text = format!("API Error: {status} something");
        comes_to(
            &[init(), retry.clone(), error_result(&text, json!({"api_error_status": status}))],
            &by_code(1),
            want,
        );
    }
    // A message before it with the same words is about the same failure, and may say more of it.
    let words = "API Error: 400 payment";
    let message = synthetic(words, json!({"error": "billing_error"}));
    comes_to(
        &[init(), message.clone(), error_result(words, json!({"api_error_status": 400}))],
        &by_code(1),
        Outcome::Billing,
    );
    comes_to(
        &[init(), message, error_result("API Error: 413 other", json!({"api_error_status": 413}))],
        &by_code(1),
        Outcome::InvalidRequest,
    );
    // The neighbour: a result that says nothing leaves it to what was told before.
    comes_to(&[init(), retry, error_result("", json!({}))], &by_code(1), Outcome::Auth);
}

#[test]
fn a_login_that_is_being_renewed_passes_soon_and_a_refused_one_does_not() {
    let renewing = "Failed to refresh OAuth token: another Claude Code process is refreshing it. This is usually transient";
    for (text, word, soon) in [
        (renewing, "authentication_failed", true),
        (renewing, "server_error", true),
        ("Not logged in · Please run /login", "authentication_failed", false),
        ("OAuth token revoked. Please log in again", "authentication_failed", false),
    ] {
        let stream = [synthetic(text, json!({"error": word})), error_result(text, json!({}))];
        let (_, judgement) = comes_to(&stream, &by_code(1), Outcome::Auth);
        assert_eq!(judgement.passes_soon, soon, "{text}");
    }
}

/// No model was asked: nothing dearer is tried for any of these.
#[test]
fn a_cli_that_does_not_start_is_known_by_its_code_and_its_words() {
    for (code, stderr, want) in [
        (126, "", Outcome::AgentMissing),
        (127, "env: ‘node’: No such file or directory", Outcome::AgentMissing),
        (1, "Error: claude native binary not installed.", Outcome::AgentMissing),
        (
            1,
            "node:internal/modules/cjs/loader:1\nError: Cannot find module '/x/cli.js'\n    at x",
            Outcome::AgentMissing,
        ),
        (132, "CPU lacks AVX support. Please consider upgrading to a newer CPU.", Outcome::AgentMissing),
        (1, "error: unknown option '--include-partial-messages'", Outcome::Configuration),
        (
            1,
            "--dangerously-skip-permissions cannot be used with root/sudo privileges for security reasons",
            Outcome::Configuration,
        ),
        (1, "Error: Invalid MCP configuration:\nMCP config file not found: /x.json", Outcome::Configuration),
        (1, "Error: Settings file not found: /x.json", Outcome::Configuration),
        (1, "Something that nobody has seen yet", Outcome::Configuration),
        (1, "Not logged in · Please run /login", Outcome::Auth),
        (1, "Error: ENOSPC: no space left on device, write", Outcome::Infrastructure),
        (1, "x.js:1\n  a()\n  ^\n\nTypeError: a is not a function\n    at x.js:1", Outcome::Infrastructure),
        (129, "", Outcome::Infrastructure),
        (134, "panic(main thread): x", Outcome::Infrastructure),
        (137, "", Outcome::Infrastructure),
        (139, "", Outcome::Infrastructure),
        (143, "", Outcome::Infrastructure),
        (1, "", Outcome::NoResult),
        (0, "", Outcome::NoResult),
    ] {
        let end = ProcessEnd { stderr_tail: stderr.to_owned(), ..by_code(code) };
        let (seen, _) = comes_to(&[], &end, want);
        assert!(!seen.a_model_answered());
    }
    let on_stdout = read(&["Invalid API key · Please run /login".to_owned()]);
    let judgement = judged(&on_stdout, &by_code(1));
    assert_eq!(judgement.outcome, Outcome::Auth);
    assert!(judgement.detail.contains("Invalid API key"), "{}", judgement.detail);
    // The neighbours: the same codes and words of a process whose model had spoken mean something else.
    let spoke = read(&lines(&[init(), say("x")]));
    for (code, stderr, want) in [
        (127, "", Outcome::NoResult),
        (1, "error: unknown option '-x' (of a tool)", Outcome::NoResult),
        (143, "", Outcome::Infrastructure),
        (200, "", Outcome::NoResult),
    ] {
        let end = ProcessEnd { stderr_tail: stderr.to_owned(), ..by_code(code) };
        assert_eq!(judged(&spoke, &end).outcome, want, "{code} {stderr}");
    }
}

#[test]
fn a_start_that_failed_with_a_result_is_known_by_it() {
    let failed = |errors: Value, more: Value| {
        error_result(
            "",
            with(
                json!({"subtype": "error_during_execution", "result": null, "num_turns": 0, "errors": errors}),
                more,
            ),
        )
    };
    let (_, judgement) = comes_to(
        &[failed(json!(["No conversation found with session ID: x"]), json!({}))],
        &by_code(1),
        Outcome::Infrastructure,
    );
    assert!(judgement.detail.contains("No conversation found"), "{}", judgement.detail);
    comes_to(
        &[failed(json!(["the file is invalid"]), json!({"startup_failure_reason": "config_file_invalid"}))],
        &by_code(1),
        Outcome::Configuration,
    );
    let (_, judgement) = comes_to(
        &[init(), say("x"), failed(json!(["first", "second"]), json!({}))],
        &by_code(1),
        Outcome::Infrastructure,
    );
    assert_eq!(judgement.detail, "first; second");
}

/// The text beside such an end is what the model said: it must not stand where the reason stands.
#[test]
fn the_reason_of_an_end_is_not_the_models_words() {
    for (told, outcome, reason) in [
        (json!({"stop_reason": "refusal"}), Outcome::NoResult, "the model refused to answer"),
        (
            json!({"terminal_reason": "aborted_tools"}),
            Outcome::Infrastructure,
            "the agent was interrupted from outside",
        ),
        (json!({"subtype": "error_max_turns"}), Outcome::MaxTurns, "the limit of turns was reached"),
        (json!({"subtype": "error_max_budget_usd"}), Outcome::Budget, "the limit of cost was reached"),
    ] {
        let (_, judgement) = comes_to(&[init(), say(GOOD), result(json!(GOOD), told)], &by_code(0), outcome);
        assert_eq!(judgement.detail, reason);
    }
    let silent = json!({"type": "result", "subtype": "error_during_execution", "is_error": false, "total_cost_usd": 0.6});
    comes_to(&[init(), say("x"), silent], &by_code(1), Outcome::NoResult);
}

#[test]
fn a_hook_that_refuses_says_why() {
    let text = "UserPromptSubmit operation blocked by hook:\n[guard]: not on a Friday";
    let blocked = result(json!(text), json!({"num_turns": 0, "modelUsage": {}, "total_cost_usd": 0}));
    let (_, judgement) = comes_to(&[init(), blocked], &by_code(0), Outcome::PermissionDenied);
    assert!(judgement.detail.contains("not on a Friday"), "{}", judgement.detail);
    let stopped = result(json!(""), json!({"terminal_reason": "hook_stopped"}));
    comes_to(
        &[init(), call("t", "Bash", json!({"command": "ls"})), stopped],
        &by_code(0),
        Outcome::PermissionDenied,
    );
    // The neighbour: forks count turns differently.
    answers(&[init(), say(GOOD), result(json!(GOOD), json!({"num_turns": 0}))], GOOD);
}

#[test]
fn what_is_said_of_another_window_takes_no_limit_back() {
    let event = |info: Value| json!({"type": "rate_limit_event", "rate_limit_info": info});
    for resets_at in [json!(1_795_337_983), json!("1795337983"), json!("2026-11-22T08:59:43Z")] {
        let weekly =
            event(json!({"status": "rejected", "rateLimitType": "seven_day", "resetsAt": resets_at}));
        let other =
            event(json!({"status": "allowed", "rateLimitType": "five_hour", "resetsAt": 1_795_000_000}));
        let text = "You've hit your weekly limit";
        let stream = [init(), weekly, other, error_result(text, json!({"api_error_status": 429}))];
        let (_, judgement) = comes_to(&stream, &by_code(1), Outcome::Quota);
        let reset = judgement.reset.and_then(|reset| reset.instant(jiff::Timestamp::UNIX_EPOCH)).unwrap();
        assert_eq!(reset.as_second(), 1_795_337_983);
    }
}

#[test]
fn a_denial_that_only_the_tools_result_tells_is_one() {
    let told = |text: &str| json!({"type": "user", "message": {"content": [{"type": "tool_result", "tool_use_id": "t", "is_error": true, "content": text}]}});
    let claims = [say("All is done as asked."), result(json!("All is done as asked."), json!({}))];
    let ended_with = |text: &str| {
        [&[init(), call("t", "Bash", json!({"command": "make"})), told(text)][..], &claims].concat()
    };
    for text in [
        "This command requires approval",
        "Claude requested permissions to write to /x, but you haven't granted it yet.",
        "Permission to use Bash has been denied because Claude Code is running in don't ask mode.",
        "<tool_use_error>Error: No such tool available: Bash</tool_use_error>",
        "<tool_use_error>File is in a directory that is denied by your permission settings.</tool_use_error>",
    ] {
        let (seen, _) = comes_to(&ended_with(text), &by_code(0), Outcome::PermissionDenied);
        assert_eq!(seen.tools.denied()[0].to_string(), "Bash(make)");
    }
    // The neighbours: a command's own words, and a command that ran and failed.
    for text in ["Exit code 1\nThis command requires approval", "make: nothing to do"] {
        comes_to(&ended_with(text), &by_code(0), Outcome::Completed);
    }
    let edit_denied = [
        init(),
        call("e", "Edit", json!({"file_path": "a"})),
        json!({"type": "system", "subtype": "permission_denied", "tool_use_id": "e", "tool_name": "Edit"}),
    ];
    let failed = [call("t", "Bash", json!({"command": "make"})), told("Exit code 2\nerror")];
    comes_to(&[&edit_denied[..], &failed, &claims].concat(), &by_code(0), Outcome::Completed);
}

/// Where the person asked for a plan, changes are denied as asked.
#[test]
fn denied_changes_in_plan_mode_leave_the_plan_an_answer() {
    let denied = json!([{"tool_name": "Write", "tool_use_id": "t", "tool_input": {"file_path": "a"}}]);
    let stream = [
        init(),
        call("t", "Write", json!({"file_path": "a"})),
        say(GOOD),
        result(json!(GOOD), json!({"permission_denials": denied})),
    ];
    comes_to(&stream, &by_code(0), Outcome::PermissionDenied);
    let plans = Agent { permission_mode: Some(PermissionMode::Plan), ..agent() };
    let catalog = Catalog::of_generals(vec![]).unwrap();
    let judgement = judge(&plans, &catalog, &Nonce::from_bytes([7; 16]), &read(&lines(&stream)), &by_code(0));
    assert_eq!((judgement.outcome, judgement.flags), (Outcome::Completed, vec![Flag::ToolsDenied]));
}

#[test]
fn a_hook_that_stops_the_turn_is_no_answer() {
    let text = "Operation stopped by hook: stopped by ops";
    let helper = json!({"num_turns": 0, "modelUsage": {MODEL: {"inputTokens": 1000, "outputTokens": 50}}});
    let (_, judgement) =
        comes_to(&[init(), result(json!(text), helper)], &by_code(0), Outcome::PermissionDenied);
    assert!(judgement.detail.contains("stopped by ops"), "{}", judgement.detail);
}

/// What a model said is not read as the CLI's words, even where the CLI repeats it in an error.
#[test]
fn the_models_own_words_never_name_the_error() {
    let prose = "The file says: Credit balance is too low";
    comes_to(&[init(), say(prose), error_result(prose, json!({}))], &by_code(1), Outcome::Infrastructure);
    comes_to(&[init(), say("x"), error_result(prose, json!({}))], &by_code(1), Outcome::Billing);
}

#[test]
fn errors_that_sound_like_others_are_told_apart() {
    for (text, facts, want) in [
        (
            "Failed to refresh OAuth token: the disk that holds the config directory, or your disk quota on it, is full.",
            json!({"error": "invalid_request"}),
            Outcome::Infrastructure,
        ),
        (
            "Credit balance too low · Add funds: https://platform.claude.com/settings/billing",
            json!({"error": "rate_limit"}),
            Outcome::Billing,
        ),
        (
            "Claude Code 2.1.89 does not support this model; version 2.1.251 or newer is required.",
            json!({"error": "invalid_request"}),
            Outcome::Configuration,
        ),
        (
            "API Error: \"notaurl/v1/messages\" cannot be parsed as a URL.",
            json!({"error": "unknown"}),
            Outcome::Configuration,
        ),
    ] {
        let stream = [init(), synthetic(text, facts), error_result(text, json!({"api_error_status": 400}))];
        comes_to(&stream, &by_code(1), want);
    }
    let told = json!({"api_error": "claude_code_version_too_old", "api_error_status": 400});
    comes_to(&[init(), error_result("too old", told)], &by_code(1), Outcome::Configuration);
    let unparsable = json!({"terminal_reason": "malformed_tool_use_exhausted", "is_error": true});
    comes_to(
        &[init(), say("x"), error_result("The tool call could not be parsed.", unparsable)],
        &by_code(1),
        Outcome::InvalidOutput,
    );
}

/// Ids and names of strangers stand on command lines and in messages: an id is a UUID or nothing, a name is one line.
#[test]
fn ids_and_names_of_strangers_cannot_become_flags_or_lines() {
    let id = "69a79c7b-21fd-491a-b59e-73b7cb1dadbf";
    for (given, want) in [
        (id, Some(id)),
        ("--dangerously-skip-permissions", None),
        ("../../evil", None),
        ("", None),
        (&"a".repeat(36), None),
    ] {
        let seen = read(&lines(&[
            with(init(), json!({"session_id": given})),
            result(json!(GOOD), json!({"session_id": given})),
        ]));
        assert_eq!(seen.session_id.as_ref().map(AgentSessionId::as_str), want, "{given}");
    }
    let forged = "claude-haiku-5-5\ndone: forged";
    let answer = json!({"type": "assistant", "message": {"model": forged, "content": [{"type": "text", "text": GOOD}]}});
    let servers = json!({"mcp_servers": [{"name": "db\n[x] forged", "status": "failed"}]});
    let seen = read(&lines(&[with(init(), servers), answer]));
    assert_eq!(
        (seen.models_served, seen.servers_failed),
        (vec!["claude-haiku-5-5 done: forged".to_owned()], vec!["db [x] forged".to_owned()])
    );
}

/// A conversation that cannot be gone on in is tried anew, once; another refusal before the stream is a wrong setting.
#[test]
fn a_conversation_that_is_gone_held_or_broken_is_begun_anew() {
    for (stderr, outcome) in [
        ("No conversation found with session ID: x\n", Outcome::Infrastructure),
        (
            "Session x is currently running as a background agent (bg). Use `claude agents`.\n",
            Outcome::Infrastructure,
        ),
        ("Failed to resume the conversation\n", Outcome::Infrastructure),
        ("Error: Session ID x is already in use.\n", Outcome::Infrastructure),
        ("error: option '--permission-mode' argument 'bubble' is invalid.\n", Outcome::Configuration),
    ] {
        let end = ProcessEnd { stderr_tail: stderr.to_owned(), ..by_code(1) };
        let (_, judgement) = comes_to(&[], &end, outcome);
        assert!(judgement.detail.contains(stderr.trim()), "{}", judgement.detail);
    }
}
