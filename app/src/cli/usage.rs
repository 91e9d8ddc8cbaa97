//! A command line that was not understood: clap's error in our format.

use std::process::ExitCode;

use clap::error::{Error, ErrorKind};
use pointsman_core::error_code::ErrorCode;

use super::exit::Failure;
use super::habits;

/// Prints help or version if that was asked for, otherwise the error; returns the exit code.
pub fn answer(error: &Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => error.exit(),
        // Its text is the help itself, which says more than any sentence.
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            let hint = "begin with one of the verbs above";
            let failure = Failure::new(ErrorCode::MissingWord, "the command line lacks a verb", hint);
            ExitCode::from(super::fail(&failure))
        }
        kind => {
            let words: Vec<String> =
                std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
            let mut failure = failure(kind, &error.render().to_string());
            failure.hint = habits::hint(error, &words).or(failure.hint);
            let fail = if asks_for_json(words.into_iter()) { super::fail_as_data } else { super::fail };
            ExitCode::from(fail(&failure))
        }
    }
}

fn failure(kind: ErrorKind, text: &str) -> Failure {
    let code = match kind {
        ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand => ErrorCode::UnknownWord,
        ErrorKind::MissingRequiredArgument | ErrorKind::MissingSubcommand => ErrorCode::MissingWord,
        ErrorKind::ArgumentConflict => ErrorCode::FlagConflict,
        // The rest are values of the wrong kind or number; clap may add more kinds.
        _ => ErrorCode::WrongFlagValue,
    };
    let ClapMessage { message, tips, usage } = ClapMessage::of(text);
    // The tip fits this mistake; the usage is general.
    let hint = match (tips.is_empty(), usage) {
        (false, _) => tips.join("; "),
        (true, Some(usage)) => format!("write `{usage}`; `--help` has the details"),
        (true, None) => "`--help` has the verbs and flags".to_owned(),
    };
    Failure::new(code, message, hint)
}

/// The parts of clap's message: `error: …`, perhaps `tip: …`, perhaps `Usage: …`, each a paragraph.
#[derive(Debug, Default, PartialEq)]
struct ClapMessage {
    message: String,
    tips: Vec<String>,
    usage: Option<String>,
}

impl ClapMessage {
    fn of(text: &str) -> ClapMessage {
        let mut said = ClapMessage::default();
        for (at, paragraph) in text.split("\n\n").map(str::trim).enumerate() {
            let line = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
            if at == 0 {
                said.message = line.strip_prefix("error: ").unwrap_or(&line).to_owned();
            } else if let Some(usage) = line.strip_prefix("Usage: ") {
                said.usage = Some(usage.to_owned());
            } else {
                let tips = paragraph.lines().filter_map(|line| line.trim().strip_prefix("tip: "));
                said.tips.extend(tips.map(str::to_owned));
            }
        }
        said
    }
}

/// Returns whether the arguments ask for JSON. They could not be parsed, so this is a guess.
fn asks_for_json(words: impl Iterator<Item = String>) -> bool {
    let words: Vec<String> = words.take_while(|word| word != "--").collect();
    let names_json = |format: &str| matches!(format, "json" | "jsonl");
    let apart = words.windows(2).any(|two| matches!(&*two[0], "-o" | "--output") && names_json(&two[1]));
    let joined = |word: &String| {
        let format = word.strip_prefix("--output=").or_else(|| word.strip_prefix("-o"));
        format.is_some_and(|format| names_json(format.trim_start_matches('=')))
    };
    apart || words.iter().any(joined)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::args::Cli;

    fn failure_of(words: &[&str]) -> Failure {
        let error = Cli::try_parse_from(words).unwrap_err();
        failure(error.kind(), &error.render().to_string())
    }

    #[test]
    fn claps_message_is_one_line_and_its_tip_is_the_hint() {
        let unknown = failure_of(&["pointsman", "runs", "lst"]);
        assert_eq!(
            unknown,
            Failure::new(
                ErrorCode::UnknownWord,
                "unrecognized subcommand 'lst'",
                "a similar subcommand exists: 'list'"
            )
        );
        let missing = failure_of(&["pointsman", "runs", "show"]);
        assert_eq!(
            missing,
            Failure::new(
                ErrorCode::MissingWord,
                "the following required arguments were not provided: <RUN>",
                "write `pointsman runs show <RUN>`; `--help` has the details"
            )
        );
        let wrong = failure_of(&["pointsman", "runs", "list", "-o", "xml"]);
        assert_eq!(
            wrong.message,
            "invalid value 'xml' for '--output <FORMAT>' [possible values: text, json]"
        );
        assert_eq!(wrong.code, ErrorCode::WrongFlagValue);
        assert_eq!(failure_of(&["pointsman", "run", "--detach", "--dry-run"]).code, ErrorCode::FlagConflict);
    }

    #[test]
    fn json_is_seen_in_words_that_cannot_be_parsed() {
        let asks = |words: &str| asks_for_json(words.split(' ').map(str::to_owned));
        for words in ["run -o json --x", "run --output jsonl", "run -ojson", "run --output=json", "-o=json"] {
            assert!(asks(words), "{words}");
        }
        for words in ["run --x", "run -o text", "run json", "run -- -o json"] {
            assert!(!asks(words), "{words}");
        }
    }
}
