//! `pointsman completions`, `pointsman man` and `pointsman shell-init`.

use std::path::Path;

use clap::CommandFactory as _;
use clap_complete::Shell;
use pointsman_core::error_code::ErrorCode;

use super::args::Cli;
use super::exit::Failure;
use super::setup_args::InitShell;
use crate::present::output;

/// Prints the completion script of a shell.
pub fn completions(shell: Shell) -> Result<u8, Failure> {
    let mut script = vec![];
    clap_complete::generate(shell, &mut Cli::command(), "pointsman", &mut script);
    output::bytes(&script);
    Ok(0)
}

/// Prints the manual page, or writes one page per verb into a directory.
pub fn man(dir: Option<&Path>) -> Result<u8, Failure> {
    match dir {
        Some(dir) => {
            let written = std::fs::create_dir_all(dir);
            written.and_then(|()| clap_mangen::generate_to(Cli::command(), dir)).map_err(|error| {
                Failure::new(
                    ErrorCode::CannotWrite,
                    format!("`{}`: {error}", dir.display()),
                    "give a directory that you may write",
                )
            })?;
        }
        None => {
            let mut page = vec![];
            clap_mangen::Man::new(Cli::command()).render(&mut page).expect("memory takes every page");
            output::bytes(&page);
        }
    }
    Ok(0)
}

/// The function for bash and zsh. Only the very first word is checked: everything else belongs to the CLI.
const POSIX: &str = r#"unalias claude 2>/dev/null || true
claude() {
  if [ "${1-}" = "--orchestrated" ]; then
    shift
    pointsman run "$@"
  else
    command claude "$@"
  fi
}"#;

/// The function for fish.
const FISH: &str = r#"function claude --wraps claude
  if test "$argv[1]" = "--orchestrated"
    pointsman run $argv[2..-1]
  else
    command claude $argv
  end
end"#;

/// Prints the shell function.
pub fn init(shell: InitShell) -> u8 {
    let function = match shell {
        InitShell::Bash | InitShell::Zsh => POSIX,
        InitShell::Fish => FISH,
    };
    output::text(&format!(
        "# `claude --orchestrated \"...\"` is a run of pointsman; all else goes to claude untouched.\n{function}"
    ));
    0
}
