use super::*;

/// One call as it happened: the tool, what it is for, and how it went.
type Row = (&'static str, ToolPurpose, CallState);

const WORK: ToolPurpose = ToolPurpose::Work;
const LOOK: ToolPurpose = ToolPurpose::Inspect;
const ARRANGE: ToolPurpose = ToolPurpose::Arrange;
const OK: CallState = CallState::Made;
const FAILED: CallState = CallState::Failed;
const DENIED: CallState = CallState::Denied;

fn log(rows: &[Row]) -> ToolLog {
    let mut log = ToolLog::default();
    for (number, (what, purpose, state)) in rows.iter().enumerate() {
        let id: StreamId = format!("toolu_{number}").parse().unwrap();
        log.call(&ToolCall {
            id: Some(id.clone()),
            tool: "Tool".to_owned(),
            what: (*what).to_owned(),
            purpose: *purpose,
            subagent: false,
        });
        // A denied call ends as a failure first; the denial is reported before or after that.
        if *state != OK {
            log.failed(&id);
        }
        if *state == DENIED {
            log.deny(&DeniedCall { id: Some(id), tool: "Tool".to_owned(), what: None, purpose: None });
        }
    }
    log
}

/// The cases that a person must agree with: what was called, and whether the denied calls were the work itself.
const CASES: &[(&str, &[Row], bool)] = &[
    ("run the tests: the test command was denied", &[("cargo test", WORK, DENIED)], true),
    (
        "run the tests: the agent looked for the command, and the command was denied",
        &[("package.json", LOOK, OK), ("npm test", WORK, DENIED)],
        true,
    ),
    (
        "run the tests: two ways of running them were denied",
        &[("npm test", WORK, DENIED), ("npx vitest", WORK, DENIED)],
        true,
    ),
    ("explain this: a listing was denied", &[("ls", LOOK, DENIED)], false),
    (
        "explain this: a listing was denied, reading was not",
        &[("ls", LOOK, DENIED), ("*.rs", LOOK, OK)],
        false,
    ),
    ("fix it: edited, and the check was denied", &[("a.rs", WORK, OK), ("cargo test", WORK, DENIED)], false),
    (
        "fix it: the check was denied, and then edited",
        &[("cargo test", WORK, DENIED), ("a.rs", WORK, OK)],
        false,
    ),
    ("run it: denied once, then allowed", &[("make", WORK, DENIED), ("make", WORK, OK)], false),
    ("write it: denied outside, written inside", &[("/etc/x", WORK, DENIED), ("x", WORK, OK)], false),
    ("edit it: the edit was denied", &[("a.rs", WORK, DENIED)], true),
    (
        "edit it: the edit was denied, done by a command",
        &[("a.rs", WORK, DENIED), ("sed -i", WORK, OK)],
        false,
    ),
    ("edit it: denied, and the other way failed", &[("a.rs", WORK, DENIED), ("sed -i", WORK, FAILED)], true),
    ("what is new: a page was denied", &[("https://x", LOOK, DENIED)], false),
    ("ask the database: a query was denied", &[("select 1", LOOK, DENIED)], false),
    ("open an issue: the server's tool was denied", &[("create", WORK, DENIED)], true),
    (
        "delegate: the subagent was denied, the work was read",
        &[("helper", ARRANGE, DENIED), ("a", LOOK, OK)],
        false,
    ),
    ("a question to nobody was denied", &[("which?", ARRANGE, DENIED)], false),
    (
        "commit it: edited, and the commit was denied",
        &[("a.rs", WORK, OK), ("git commit", WORK, DENIED)],
        false,
    ),
    ("commit it: the commit was denied", &[("git status", LOOK, OK), ("git commit", WORK, DENIED)], true),
    (
        "review it: much was read, a test run was denied, reading went on",
        &[("a", LOOK, OK), ("b", LOOK, OK), ("npm test", WORK, DENIED), ("c", LOOK, OK)],
        false,
    ),
    (
        "run the tests: denied, then a note in the agent's own plan",
        &[("npm test", WORK, DENIED), ("todo", ARRANGE, OK)],
        true,
    ),
    (
        "run the tests: denied, then another look failed",
        &[("npm test", WORK, DENIED), ("x", LOOK, FAILED)],
        true,
    ),
    (
        "clean up: looked, and the removal was denied",
        &[("ls", LOOK, OK), ("rm -rf build", WORK, DENIED)],
        true,
    ),
    ("nothing was denied", &[("cargo test", WORK, OK)], false),
    ("something failed, and nothing was denied", &[("cargo test", WORK, FAILED)], false),
    ("nothing was called", &[], false),
];

/// The guards are the three conditions of `was_denied_its_work`; each was taken out once, and rows here failed.
#[test]
fn whether_denied_calls_were_the_work_itself_is_decided_as_a_person_would() {
    for (case, rows, want) in CASES {
        assert_eq!(log(rows).was_denied_its_work(), *want, "{case}");
    }
}

#[test]
fn denied_calls_are_named_once_with_what_they_were_for() {
    let log = log(&[
        ("cargo test", WORK, DENIED),
        ("cargo test", WORK, DENIED),
        ("ls", LOOK, DENIED),
        ("", LOOK, DENIED),
    ]);
    let named: Vec<String> = log.denied().iter().map(ToString::to_string).collect();
    assert_eq!(named, ["Tool(cargo test)", "Tool(ls)", "Tool"]);
}

#[test]
fn a_denial_of_a_call_that_was_never_seen_is_known_by_its_own_words() {
    let denial =
        |purpose| DeniedCall { id: None, tool: "Bash".to_owned(), what: Some("make".to_owned()), purpose };
    for (purpose, want) in [(Some(WORK), true), (Some(LOOK), false), (None, false)] {
        let mut log = ToolLog::default();
        log.deny(&denial(purpose));
        assert_eq!((log.was_denied_its_work(), log.denied().len()), (want, 1));
    }
    let mut log = ToolLog::default();
    log.deny(&DeniedCall { tool: String::new(), ..denial(None) });
    assert_eq!(log.denied(), [], "a mark on a result that belongs to no known call says nothing");
}

#[test]
fn many_calls_are_forgotten_but_not_that_they_did_work() {
    let mut log = log(&[("a.rs", WORK, OK)]);
    for number in 0..2 * CALLS_MAX {
        log.call(&ToolCall {
            id: format!("later_{number}").parse().ok(),
            tool: "Read".to_owned(),
            what: String::new(),
            purpose: LOOK,
            subagent: false,
        });
    }
    let denied = DeniedCall { id: None, tool: "Bash".to_owned(), what: None, purpose: Some(WORK) };
    log.deny(&denied);
    assert!(log.calls.len() <= CALLS_MAX && !log.was_denied_its_work());
    assert_eq!(log.count, 1 + 2 * CALLS_MAX as u64);
}
