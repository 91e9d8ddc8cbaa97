//! The command line: one file per verb. Words come in, a verb's exit code goes out.
//!
//! A verb turns words into a value, asks `engine`, and prints the answer through `output`. It decides
//! nothing about requests and knows neither the store nor processes.

mod args;
mod closing;
mod config;
pub mod detach;
mod doctor;
pub mod exit;
mod explain;
pub mod output;
mod route;
pub mod run;
mod runs;
mod shell;
mod trust;
mod watch;
mod words;

use std::process::ExitCode;

use clap::Parser as _;

use crate::assemble::AssembleError;
use args::{Cli, Verb};
use exit::Failure;

/// Reads the command line, does what it says, and returns the exit code.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let as_data = cli.verb.prints_json();
    let done = match cli.verb {
        Verb::Run(args) => run::main(args),
        Verb::Route(args) => route::main(args),
        Verb::Explain(args) => explain::main(args),
        Verb::Runs(args) => runs::main(args),
        Verb::Doctor(args) => doctor::main(&args),
        Verb::Config(args) => config::main(args),
        Verb::Trust(args) => trust::main(&args),
        Verb::Completions { shell } => shell::completions(shell),
        Verb::Man { dir } => shell::man(dir.as_deref()),
    };
    let exit_code = done.unwrap_or_else(|failure| {
        if as_data {
            output::json(&exit::FailureReport::new(&failure));
        }
        output::failure(&failure);
        failure.exit_code
    });
    match (exit_code, output::loss()) {
        (0, Some(why)) => {
            output::failure(&Failure::bare(
                exit::CANNOT_CREATE,
                format!("the output was not written: {why}"),
            ));
            ExitCode::from(exit::CANNOT_CREATE)
        }
        (code, _) => ExitCode::from(code),
    }
}

impl From<AssembleError> for Failure {
    fn from(error: AssembleError) -> Failure {
        match error {
            AssembleError::NoHome(error) => error.into(),
            AssembleError::Config(error) => (*error).into(),
            AssembleError::Catalog(error) => Failure::new(
                exit::CONFIG,
                error.to_string(),
                "`pointsman config show --origin` shows where each setting comes from",
            ),
            AssembleError::OwnProgram(_) => Failure::bare(exit::BUG, error.to_string()),
        }
    }
}
