//! What users of other CLIs type out of habit, and what it is called here.

use clap::error::{ContextKind, ContextValue, Error, ErrorKind};

/// Verbs that take one text in words.
const VERBS_WITH_WORDS: [&str; 3] = ["run", "route", "explain"];

/// Verbs that stand below `runs`.
const VERBS_OF_RUNS: [&str; 10] =
    ["list", "ls", "show", "logs", "diff", "undo", "open", "cancel", "sessions", "prune"];

/// Returns what to type instead, if the mistake is a habit; `words` is the command line behind the program's name.
pub fn hint(error: &Error, words: &[String]) -> Option<String> {
    let word = wrong_word(error)?;
    let verb = words.first().map(String::as_str).filter(|verb| VERBS_WITH_WORDS.contains(verb));
    match error.kind() {
        ErrorKind::UnknownArgument if word.starts_with('-') => {
            flag(word.split('=').next().unwrap_or(word)).map(str::to_owned)
        }
        ErrorKind::UnknownArgument => verb.map(|verb| quoted(verb, &words[1..])),
        ErrorKind::InvalidSubcommand if VERBS_OF_RUNS.contains(&word) => {
            Some(format!("`pointsman runs {}`", words.join(" ")))
        }
        ErrorKind::InvalidSubcommand if has_no_similar_verb(error) || word.contains(char::is_whitespace) => {
            Some(quoted("run", words))
        }
        _ => None,
    }
}

fn wrong_word(error: &Error) -> Option<&str> {
    let word = error.get(ContextKind::InvalidArg).or_else(|| error.get(ContextKind::InvalidSubcommand))?;
    match word {
        ContextValue::String(word) => Some(word),
        _ => None,
    }
}

fn has_no_similar_verb(error: &Error) -> bool {
    error.get(ContextKind::SuggestedSubcommand).is_none()
}

/// Returns the command with its words as one argument, those of flags left out.
fn quoted(verb: &str, words: &[String]) -> String {
    let plain: Vec<&str> =
        words.iter().map(String::as_str).take_while(|word| !word.starts_with('-')).collect();
    let text = plain.join(" ").replace('\'', r"'\''");
    format!("a request is one argument: `pointsman {verb} '{text}'`")
}

/// Returns what a flag of other CLIs is called here.
fn flag(name: &str) -> Option<&'static str> {
    Some(match name {
        "-p" | "--print" => "leave it out: `pointsman run \"...\"` prints the answer and ends",
        "-m" | "--model" => {
            "`--tier haiku`, `sonnet` or `opus` chooses; `tiers.opus.model` in the config names the model of a tier"
        }
        "-c" | "--continue" => {
            "`pointsman run --continue \"...\"` goes on in the last session of this directory"
        }
        "-r" | "--resume" | "--session-id" | "--fork-session" => {
            "`pointsman run --continue \"...\"` goes on in the last session here, `--session NAME` in a named one; \
             `pointsman runs sessions` lists them, `pointsman runs open RUN` goes on in `claude` itself"
        }
        "--output-format" | "--json" => "`-o text`, `-o json` or `-o jsonl`",
        "--allowedTools" | "--allowed-tools" => "`--allow-tool 'Bash(cargo test:*)'`, once for each rule",
        "--dangerously-skip-permissions" | "--allow-dangerously-skip-permissions" | "--yolo" => {
            "`--allow-tool RULE` allows one tool, `--permission-profile test` the project's own commands; no questions at \
             all is a setting of an agent: `agents.NAME.permission_mode = \"bypassPermissions\"`"
        }
        "--max-budget-usd" => "`--max-usd`",
        "--fallback-model" => "a setting of an agent: `agents.NAME.fallback_model`",
        "--verbose" | "--debug" => "`pointsman runs logs latest` shows all that the agent did",
        "-y" | "--yes" => "`--approve` says yes to a request that asks first",
        "--add-dir"
        | "--mcp-config"
        | "--append-system-prompt"
        | "--append-system-prompt-file"
        | "--disallowedTools"
        | "--disallowed-tools"
        | "--effort"
        | "--betas" => {
            "flags of the agent's CLI stand at the end, behind `--`: `pointsman run \"...\" -- --add-dir ../other`"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::args::Cli;

    fn hint_of(line: &[&str]) -> Option<String> {
        let error =
            Cli::try_parse_from(std::iter::once("pointsman").chain(line.iter().copied())).unwrap_err();
        hint(&error, &line.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn words_without_quotes_are_shown_as_one_argument() {
        for (line, want) in [
            (&["run", "fix", "the", "parser"][..], "`pointsman run 'fix the parser'`"),
            (&["run", "don't", "stop", "--tier", "opus"], r"`pointsman run 'don'\''t stop'`"),
            (&["route", "fix", "it"], "`pointsman route 'fix it'`"),
            (&["fix the parser"], "`pointsman run 'fix the parser'`"),
            (&["please", "fix", "it"], "`pointsman run 'please fix it'`"),
            (&["run it"], "`pointsman run 'run it'`"),
        ] {
            assert_eq!(hint_of(line), Some(format!("a request is one argument: {want}")), "{line:?}");
        }
        assert_eq!(hint_of(&["undo", "latest"]).as_deref(), Some("`pointsman runs undo latest`"));
        // A slip of the pen keeps clap's own tip.
        assert_eq!(hint_of(&["rout", "fix it"]), None);
        assert_eq!(hint_of(&["runs", "list", "everything"]), None);
    }

    #[test]
    fn flags_of_claude_are_known_by_their_names_here() {
        for (line, begins) in [
            (&["-p", "fix it"][..], "leave it out"),
            (&["run", "-p", "fix it"], "leave it out"),
            (&["run", "--model", "opus", "fix it"], "`--tier haiku`"),
            (&["run", "--model=opus", "fix it"], "`--tier haiku`"),
            (&["--continue"], "`pointsman run --continue"),
            (&["run", "--resume", "x"], "`pointsman run --continue"),
            (&["run", "fix", "--add-dir", ".."], "flags of the agent's CLI stand at the end"),
        ] {
            let hint = hint_of(line).unwrap_or_default();
            assert!(hint.starts_with(begins), "{line:?}: {hint}");
        }
        assert_eq!(hint_of(&["run", "--tire", "opus", "x"]), None);
    }
}
