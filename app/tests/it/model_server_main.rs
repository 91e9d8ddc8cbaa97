//! The model server by hand: `model-server [PORT]`, then start an agent CLI with the printed variables.
//!
//! The prompt scripts it: `[[error 529]]`, `[[hang]]`, `[[model NAME]]`, `[[bash COMMAND]]`; anything
//! else is answered with a sentence. Requests are told on standard error.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]
#![expect(dead_code, reason = "the tests use all of the server")]

mod model_server;

use model_server::{Asked, Fault, ModelServer, Reply};
use serde_json::json;

fn main() -> std::io::Result<()> {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(0);
    let server = ModelServer::start_on(port, reply)?;
    println!("ANTHROPIC_BASE_URL={}", server.url());
    println!("ANTHROPIC_API_KEY=sk-none");
    println!("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1");
    loop {
        std::thread::park();
    }
}

fn reply(asked: &Asked) -> Reply {
    let text = asked.last_text();
    eprintln!("{} {} bytes: {}", asked.model, asked.byte_count, text.chars().take(200).collect::<String>());
    let order = |word: &str| {
        let rest = text.split_once(&format!("[[{word}"))?.1;
        Some(rest.split_once("]]")?.0.trim().to_owned())
    };
    match (order("error"), order("model"), order("bash")) {
        (Some(status), _, _) => Reply::error(status.parse().unwrap_or(500)),
        (_, Some(model), _) => Reply::text("I am somebody else.").named(&model),
        (_, _, Some(command)) => Reply::tool("Bash", json!({"command": command})),
        _ if order("hang").is_some() => Reply::fault(Fault::HangBeforeHead),
        _ => Reply::text(format!("This is {}, or so it says.", asked.model)),
    }
}
