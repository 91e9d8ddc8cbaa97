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
    output::bytes(&script(shell));
    Ok(0)
}

/// Returns the completion script of a shell.
pub fn script(shell: Shell) -> Vec<u8> {
    let mut script = vec![];
    clap_complete::generate(shell, &mut Cli::command(), "pointsman", &mut script);
    script
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

/// The functions for bash and zsh; the first words of the condition differ. Only the very first word of a command is checked:
/// everything else belongs to the CLI, by whatever way a person had `claude` before. An alias would be used in place of our
/// function, and stands in its way while that is read; so its text is taken over and the alias removed.
const POSIX: &str = r#"# What `claude` meant before (an alias, a function, the program) is kept, and looked at again before each prompt.
_pointsman_claude_take() {
  _pointsman_code=$?
  if ALIASES alias claude >/dev/null 2>&1; then
    _pointsman_alias=$(alias claude)
    _pointsman_alias=${_pointsman_alias#alias }
    eval "_pointsman_alias=${_pointsman_alias#claude=}"
    unalias claude
  fi
  _pointsman_text=$(typeset -f claude || true)
  case $_pointsman_text in
    *_pointsman_claude_*) ;;
    "") _pointsman_claude_before() { command claude "$@"; } ;;
    *) eval "_pointsman_claude_before${_pointsman_text#claude}" ;;
  esac
  # A text of its own: it is read when there is no alias any more.
  eval 'claude() {
    if [ "${1-}" = "--orchestrated" ]; then
      shift
      pointsman run "$@"
    elif [ -n "${_pointsman_alias-}" ] && [ -z "${_pointsman_within-}" ]; then
      local _pointsman_within=1
      eval "$_pointsman_alias \"\$@\""
    else
      _pointsman_claude_before "$@"
    fi
  }'
  return $_pointsman_code
}
_pointsman_claude_take
"#;

/// What stands in [`POSIX`] for the condition of a shell.
const ALIASES: &str = "ALIASES ";

/// How bash has the functions called before each prompt.
const BASH_PROMPT: &str = r#"case ${PROMPT_COMMAND-} in
  *_pointsman_claude_take*) ;;
  *) PROMPT_COMMAND="_pointsman_claude_take${PROMPT_COMMAND:+; $PROMPT_COMMAND}" ;;
esac"#;

/// How zsh has them called.
const ZSH_PROMPT: &str = r#"case " ${precmd_functions-} " in
  *" _pointsman_claude_take "*) ;;
  *) precmd_functions+=(_pointsman_claude_take) ;;
esac"#;

/// The functions for fish, where an alias is a function.
const FISH: &str = r#"# What `claude` meant before (a function, which an alias is too, or the program) is kept, and looked at again before each prompt.
function _pointsman_claude_take --on-event fish_prompt
  if functions -q claude; and not functions claude | string match -q "*_pointsman_claude_before*"
    functions -e _pointsman_claude_before
    functions -c claude _pointsman_claude_before
  else if not functions -q _pointsman_claude_before
    function _pointsman_claude_before
      command claude $argv
    end
  end
  function claude --wraps claude
    if test "$argv[1]" = "--orchestrated"
      pointsman run $argv[2..-1]
    else
      _pointsman_claude_before $argv
    end
  end
end
_pointsman_claude_take"#;

/// Prints the shell function.
pub fn init(shell: InitShell) -> u8 {
    let function = match shell {
        // A shell that is not interactive reads aliases and does not use them.
        InitShell::Bash => POSIX.replace(ALIASES, "shopt -q expand_aliases && ") + BASH_PROMPT,
        InitShell::Zsh => POSIX.replace(ALIASES, "") + ZSH_PROMPT,
        InitShell::Fish => FISH.to_owned(),
    };
    output::text(&format!(
        "# `claude --orchestrated \"...\"` is a run of pointsman; all else goes to claude untouched.\n{function}"
    ));
    0
}
