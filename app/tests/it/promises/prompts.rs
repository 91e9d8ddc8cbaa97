//! S3: no word of a prompt is an argument. S4: no id leaves its directory.

use std::fs;

use crate::fake::Fake;
use crate::sandbox::{Sandbox, wait_for_file, walk};

/// A word that stands in every prompt here and nowhere else.
const MARK: &str = "quinquireme";

/// Openings that some program may take for something else than text.
const OPENINGS: [&str; 26] = [
    "-",
    "--",
    "-p ",
    "--help ",
    "--version ",
    "--settings=",
    "--settings={\"hooks\":{}} ",
    "--mcp-config=x ",
    "--dangerously-skip-permissions ",
    "--model opus ",
    "@file ",
    "@/etc/passwd ",
    "!",
    "!ls ",
    "/",
    "/compact ",
    "/foo/bar ",
    "#",
    "$(touch x) ",
    "`touch x` ",
    "; touch x; ",
    "\"quoted\" ",
    "'",
    "\\",
    "\u{feff}",
    "\n\t ",
];

/// What an agent was given, by way of its own dumps.
fn given(sandbox: &Sandbox, number: usize) -> (String, String) {
    let name = |base: &str| if number == 1 { base.to_owned() } else { format!("{base}.{number}") };
    let read = |base: &str| fs::read_to_string(sandbox.path(&name(base))).unwrap();
    (read("argv"), read("stdin"))
}

fn looking() -> Sandbox {
    let sandbox = Sandbox::new();
    let look = Fake::dumps("argv", &sandbox.path("argv")).then(Fake::dumps("stdin", &sandbox.path("stdin")));
    sandbox.agents(look.then(Fake::completes("seen")))
}

/// Seen to fail with the prompt appended to the arguments in `core/src/adapter/claude/argv.rs`.
#[test]
fn s03_no_word_of_the_prompt_is_an_argument_and_all_of_it_arrives() {
    let sandbox = looking();
    for (at, opening) in OPENINGS.iter().enumerate() {
        let prompt = format!("{opening}{MARK} é 完 \u{1f980}\r\nsecond line\n\n");
        let call = sandbox.call(["run", "--tier", "haiku", "--approve"]);
        // Every way in, in turn.
        match at % 3 {
            0 => call.args(["--", &prompt]).wait().success(),
            1 => call.stdin(prompt.clone()).wait().success(),
            _ => {
                let file = sandbox.path("request.txt");
                fs::write(&file, &prompt).unwrap();
                call.args(["--file", file.to_str().unwrap()]).wait().success()
            }
        };
        let (argv, stdin) = given(&sandbox, at + 1);
        assert!(!argv.contains(MARK), "{prompt:?} is an argument: {argv}");
        // A leading slash would be a command of the CLI: one line break keeps it text.
        let expected = if prompt.starts_with('/') { format!("\n{prompt}") } else { prompt.clone() };
        assert_eq!(stdin, expected);
    }
    assert!(!sandbox.project().join("x").exists(), "a shell read the prompt");
}

#[test]
fn s03_no_process_shows_the_prompt_while_it_runs() {
    let sandbox = Sandbox::new();
    let (sign, go) = (sandbox.path("at-work"), sandbox.path("go"));
    let sandbox = sandbox.agents(Fake::touches(&sign).then(Fake::awaits(&go)).then(Fake::completes("seen")));
    let started =
        sandbox.call(["run", "--tier", "haiku"]).stdin(format!("rename {MARK} to bar in lib.rs")).start();
    wait_for_file(&sign);
    let shown: Vec<_> = sandbox.processes().into_iter().filter(|(_, words)| words.contains(MARK)).collect();
    assert!(sandbox.processes().len() >= 3, "pointsman, its shim and the agent are there");
    assert!(shown.is_empty(), "{shown:?}");
    fs::write(&go, "").unwrap();
    started.wait().success();
}

#[test]
fn s03_a_prompt_of_ten_megabytes_reaches_a_plain_agent_whole() {
    let sandbox = Sandbox::new();
    let dump = Fake::dumps("stdin", &sandbox.path("stdin"));
    let sandbox = sandbox.agents(dump.then(Fake::completes("read it")).plain());
    let prompt = "all work and no play makes a long prompt\n".repeat(10 * 1024 * 1024 / 41);
    sandbox.call(["run", "--tier", "haiku"]).stdin(prompt.clone()).wait().stdout("read it\n").success();
    let read = fs::read_to_string(sandbox.path("stdin")).unwrap();
    assert!(read.starts_with(&prompt), "the prompt was changed on its way");
}

/// Seen to fail with the check for NUL left out of `core/src/request.rs`.
#[test]
fn s03_a_prompt_with_nul_is_refused_and_nothing_is_spawned() {
    let sandbox = looking();
    sandbox.call(["run"]).stdin(b"a\0b".to_vec()).wait().stdout("").stderr_has("NUL").exits(65);
    sandbox.call(["run"]).stdin(b"caf\xe9".to_vec()).wait().stdout("").stderr_has("UTF-8").exits(65);
    sandbox.call(["run"]).stdin(b" \n".to_vec()).wait().stdout("").stderr_has("empty").exits(65);
    assert!(!sandbox.path("argv").exists(), "an agent was spawned");
}

/// A hundred ids that would leave their directory, hide, or end an argument early.
fn traversals() -> Vec<String> {
    let shapes = ["{}", "{}/x", "x/{}", "../{}", "{}/../x", "/{}", "./{}", "{}\\x", " {}", "{}\n"];
    let kernels = ["..", "../..", "/etc", "~", ".", "..%2f", "con:", "\u{1b}[2J", "日本", "A"];
    shapes.iter().flat_map(|shape| kernels.map(|kernel| shape.replace("{}", kernel))).collect()
}

/// Seen to fail with every text taken for an id in `core/src/ids.rs`.
#[test]
fn s04_ids_that_would_leave_their_directory_are_refused() {
    let sandbox = looking();
    sandbox.run_on("haiku", "list the files in src/").success();
    let before = walk(&sandbox.path(""));
    let verbs: [&[&str]; 5] = [
        &["run", "hello", "--session"],
        &["run", "hello", "--agent"],
        &["runs", "show"],
        &["runs", "logs"],
        &["runs", "cancel"],
    ];
    for (at, id) in traversals().iter().enumerate() {
        let mut words: Vec<&str> = verbs[at % verbs.len()].to_vec();
        words.push(id);
        let call = words.iter().fold(sandbox.call([]), |call, word| call.args([word]));
        let ran = call.wait();
        assert!(matches!(ran.code, Some(2 | 65)), "{id:?} with {words:?}\n{ran}");
        assert!(!ran.stdout.contains('\u{1b}') && !ran.stderr.contains("\u{1b}[2J"), "{ran}");
    }
    assert_eq!(walk(&sandbox.path("")), before);
}
