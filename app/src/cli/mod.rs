//! The command line: one file per verb. Arguments come in, an exit code goes out.
//!
//! A verb turns arguments into a value, asks `engine`, and prints the answer through `output`. It decides nothing about
//! requests and knows neither the store nor processes.

mod args;
mod config;
mod consent;
mod context;
mod demo;
mod detach;
mod doctor;
pub mod driver;
mod error_codes;
mod eval;
pub mod exit;
mod explain;
mod gate;
mod habits;
mod init;
mod look_args;
mod notify;
mod open;
mod own_files;
mod panic;
mod passed_on;
mod piped;
mod plugin;
mod policy;
mod policy_learn;
mod prompt_input;
mod prune;
mod replay;
mod report;
mod request_args;
pub mod route;
mod routing_args;
pub mod run;
mod run_changes;
mod runs;
mod runs_list;
mod scan;
mod setup_args;
mod shell;
mod since;
pub mod tidy;
mod trust;
mod usage;

use std::process::ExitCode;

use clap::Parser as _;
use pointsman_core::error_code::ErrorCode;

use args::{Cli, Verb};
use exit::Failure;

use crate::present::{output, pager};

/// Parses the command line, carries it out, and returns the exit code.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage::answer(&error),
    };
    if cli.no_pager {
        pager::turn_off();
    }
    let fail = if cli.verb.prints_json() { fail_as_data } else { fail };
    let done = panic::caught(|| carry_out(cli.verb));
    let exit_code = done.unwrap_or_else(|failure| fail(&failure));
    match (exit_code, output::loss()) {
        (0, Some(why)) => {
            let message = format!("the output was not written: {why}");
            let failure = Failure::new(ErrorCode::OutputLost, message, "make room, or print elsewhere");
            output::failure(&failure);
            ExitCode::from(failure.exit_code())
        }
        (code, _) => ExitCode::from(code),
    }
}

fn carry_out(verb: Verb) -> Result<u8, Failure> {
    match verb {
        Verb::Run(args) => run::main(args),
        Verb::Route(args) => route::main(args),
        Verb::Explain(args) => explain::main(args),
        Verb::Runs(args) => runs::main(args),
        Verb::Eval(args) => eval::main(&args),
        Verb::Replay(args) => replay::main(&args),
        Verb::Report(args) => report::main(args),
        Verb::Scan(args) => scan::main(&args),
        Verb::Doctor(args) => doctor::main(&args),
        Verb::Demo => demo::main(),
        Verb::Init(args) => init::main(&args),
        Verb::Config(args) => config::main(args),
        Verb::Policy(args) => policy::main(args),
        Verb::Plugin(args) => plugin::main(args),
        Verb::Hook { .. } => unreachable!("the program's `main` answers events before anything is parsed"),
        Verb::ShellInit { shell } => Ok(shell::init(shell)),
        Verb::Trust(args) => trust::main(&args),
        Verb::Completions { shell } => shell::completions(shell),
        Verb::Man { dir } => shell::man(dir.as_deref()),
    }
}

/// Reports a failure to the user, and returns the exit code.
fn fail(failure: &Failure) -> u8 {
    output::failure(failure);
    failure.exit_code()
}

/// The same, preceded by the failure as data for a program that asked for JSON.
fn fail_as_data(failure: &Failure) -> u8 {
    output::json(&exit::FailureReport::new(failure));
    fail(failure)
}
