//! S11, measured: hundreds of spellings of secrets through every sink, also cut into pieces of any size.

#[path = "../../../../core/tests/it/redaction/spellings.rs"]
#[allow(dead_code, reason = "the tests of core cut the spellings too")]
mod spellings;

use serde_json::Value;

use crate::fake::Fake;
use crate::sandbox::{Ran, Sandbox};
use spellings::Spelling;

/// A seed with which no spelling happens to look like a word: `core` measures how often that is.
const SEED: u64 = 1;

/// How many spellings make one text: what an agent says is an argument of the scripted one.
const SPELLINGS_A_TEXT: usize = 200;

/// The sizes of the pieces of a stream.
const PIECES: [usize; 5] = [1, 3, 7, 16, 61];

/// How a text comes to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Answer,
    Pieces(usize),
    PlainAgent,
    Complaint,
    ApiError,
}

impl Way {
    fn agent(self, text: &str) -> Sandbox {
        let sandbox = Sandbox::new();
        match self {
            Way::Answer => sandbox.agents(Fake::says(text).then(Fake::completes(text))),
            Way::Pieces(size) => {
                sandbox.agents(Fake::step([&"deltas", &size, &text]).then(Fake::completes("see above")))
            }
            Way::PlainAgent => sandbox.agent("haiku", Fake::completes(text).plain()),
            Way::Complaint => {
                sandbox.agents(Fake::step([&"complains", &text]).then(Fake::step([&"exits", &3])))
            }
            Way::ApiError => sandbox.agents(Fake::api_error(400, text)),
        }
    }
}

/// Returns what was said: the output as it is, and the texts of its JSON lines as one, because a secret may be spread
/// over several.
fn said(ran: &Ran) -> String {
    let texts = ran.stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let texts: String = texts.filter_map(|line| line["text"].as_str().map(str::to_owned)).collect();
    format!("{}\n{}\n{texts}", ran.stdout, ran.stderr)
}

/// Returns whether the beginning, the middle or the end of the secret stands in a text. Every part is looked for in
/// `core`; here are many texts, and long ones.
fn leaks(spelling: &Spelling, text: &str) -> bool {
    let secret = spelling.secret.as_str();
    let part = secret.len().min(8);
    [0, (secret.len() - part) / 2, secret.len() - part]
        .iter()
        .any(|at| text.contains(&secret[*at..at + part]))
}

#[track_caller]
fn holds_none(place: &str, text: &str, spellings: &[Spelling]) {
    let left: Vec<&str> =
        spellings.iter().filter(|one| leaks(one, text)).map(|one| one.name.as_str()).collect();
    assert!(left.is_empty(), "{place}: {left:?}");
}

/// Seen to fail where the kept end of standard error began behind the name of a secret.
#[test]
fn s11_no_sink_holds_a_secret_in_any_spelling() {
    let all = spellings::all(SEED);
    for (at, some) in all.chunks(SPELLINGS_A_TEXT).enumerate() {
        let texts: Vec<&str> = some.iter().map(|spelling| spelling.text.as_str()).collect();
        let text = format!("I found this:\n{}\nin your files\n", texts.join("\n\nand this:\n"));
        let pieces = Way::Pieces(PIECES[at % PIECES.len()]);
        for way in [Way::Answer, pieces, Way::PlainAgent, Way::Complaint, Way::ApiError] {
            let sandbox = way.agent(&text);
            let format = ["text", "json", "jsonl"][at % 3];
            let prompt = format!("check this for me\n{text}");
            let ran =
                sandbox.call(["run", "--tier", "haiku", "--approve", "-o", format]).stdin(prompt).wait();
            holds_none(&format!("{way:?} -o {format}"), &said(&ran), some);
            for (look, format) in
                [("logs", "text"), ("logs", "jsonl"), ("show", "text"), ("show", "json"), ("list", "json")]
            {
                let looked = match look {
                    "list" => sandbox.call(["runs", look, "-o", format]),
                    _ => sandbox.call(["runs", look, "latest", "-o", format]),
                };
                let looked = looked.wait().success();
                holds_none(&format!("{way:?}, runs {look} -o {format}"), &said(&looked), some);
            }
            let shown = sandbox.call(["runs", "show", "latest"]).wait().success();
            shown.stdout_has("check this for me\n").stdout_has("[redacted:");
            for file in sandbox.state_files() {
                let bytes = std::fs::read(&file).unwrap_or_default();
                holds_none(&format!("{way:?}, {}", file.display()), &String::from_utf8_lossy(&bytes), some);
            }
        }
    }
}
