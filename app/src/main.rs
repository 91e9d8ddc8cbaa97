//! Everything in pointsman that does IO, around the decisions of `pointsman-core`.
//!
//! `cli` reads the command line, `hook` answers the events of interactive sessions, `assemble` builds an `engine` from
//! the `config`, and the engine drives runs with the help of `process` and `store`. `docs/reference/map.md` has every file.

mod assemble;
mod changes;
mod cli;
mod cli_json;
mod clock;
mod config;
mod demo;
mod engine;
mod entropy;
mod hook;
mod plain_text;
mod plugin;
mod present;
mod process;
mod regular_file;
mod rehearsal;
mod store;

use std::process::ExitCode;

fn main() -> ExitCode {
    process::hardening::keep_descriptors_from_children();
    process::hardening::outlive_a_limit_on_files();
    // The hidden verbs come first: a shim must be small and must not depend on any setting. The same holds for the
    // hook: the user waits for it, and none of its arguments may be rejected.
    let args: Vec<String> =
        std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect();
    match args.first().map(String::as_str) {
        Some(process::shim::VERB) => process::shim::main(),
        Some(rehearsal::VERB) => rehearsal::main(&args[1..]),
        Some(engine::background::DRIVE) => cli::driver::main(),
        Some(engine::background::TIDY) => cli::tidy::main(),
        Some(hook::VERB) if !asks_for_help(&args[1..]) => hook::main(args.get(1).cloned()),
        Some(_) | None => cli::main(),
    }
}

/// Returns whether only a verb's help is wanted: the one thing that the command line answers for a hidden verb.
fn asks_for_help(words: &[String]) -> bool {
    matches!(words, [word] if word == "-h" || word == "--help")
}
