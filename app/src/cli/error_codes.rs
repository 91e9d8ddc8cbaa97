//! `pointsman explain E0123` and `explain --codes`: what error codes mean.

use pointsman_core::error_code::ErrorCode;
use pointsman_core::report::run::SCHEMA_VERSION;
use serde::Serialize;

use super::args::ExplainArgs;
use super::exit::Failure;
use crate::present::output::{self, PlainFormat};
use crate::present::tables;

/// The output of `explain E0123 -o json`.
#[derive(Debug, Serialize)]
struct Page {
    schema_version: u32,
    #[serde(flatten)]
    entry: CodeEntry,
    /// The page, in Markdown.
    text: &'static str,
}

/// The output of `explain --codes -o json`.
#[derive(Debug, Serialize)]
struct List {
    schema_version: u32,
    codes: Vec<CodeEntry>,
}

#[derive(Debug, Serialize)]
struct CodeEntry {
    code: ErrorCode,
    title: &'static str,
    exit_code: u8,
}

impl CodeEntry {
    fn new(code: ErrorCode) -> CodeEntry {
        CodeEntry { code, title: code.title(), exit_code: code.exit_code() }
    }
}

/// Explains a code, or lists all, if that is what was asked for.
pub fn explain(args: &ExplainArgs) -> Option<Result<u8, Failure>> {
    if args.codes {
        list(args.output);
        return Some(Ok(0));
    }
    let wanted = args.what.as_deref().filter(|what| looks_like_a_code(what))?;
    let Ok(code) = wanted.parse::<ErrorCode>() else { return Some(Err(unknown(wanted))) };
    match args.output {
        PlainFormat::Text => output::text(&for_people(code.page())),
        PlainFormat::Json => output::json(&Page {
            schema_version: SCHEMA_VERSION,
            entry: CodeEntry::new(code),
            text: code.page(),
        }),
    }
    Some(Ok(0))
}

/// Returns whether a text is an `E` and four digits. Ids of runs are only recognised with six characters or more.
fn looks_like_a_code(text: &str) -> bool {
    matches!(text.as_bytes(), [b'E' | b'e', digits @ ..]
        if digits.len() == 4 && digits.iter().all(u8::is_ascii_digit))
}

fn list(format: PlainFormat) {
    let codes: Vec<CodeEntry> = ErrorCode::ALL.iter().copied().map(CodeEntry::new).collect();
    match format {
        PlainFormat::Text => {
            let row = |entry: &CodeEntry| {
                vec![entry.code.to_string(), entry.exit_code.to_string(), entry.title.to_owned()]
            };
            let rows: Vec<Vec<String>> = codes.iter().map(row).collect();
            output::text(&tables::columns(&["CODE", "EXIT", "MEANS"], &rows));
        }
        PlainFormat::Json => output::json(&List { schema_version: SCHEMA_VERSION, codes }),
    }
}

fn unknown(wanted: &str) -> Failure {
    let wanted = wanted.to_uppercase();
    let number = |code: &str| code[1..].parse::<i32>().expect("a code is a letter and digits");
    let mut near: Vec<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    near.sort_by_key(|code| (number(code) - number(&wanted)).abs());
    near.truncate(3);
    near.sort_unstable();
    Failure::new(
        ErrorCode::UnknownCode,
        format!("there is no error code `{wanted}`; the nearest are {}", near.join(", ")),
        "`pointsman explain --codes` lists all",
    )
}

/// Returns a page as plain text: without Markdown markup, and with its example indented.
fn for_people(page: &str) -> String {
    let mut lines = vec![];
    let mut is_example = false;
    for line in page.lines() {
        match line.strip_prefix("```") {
            Some(_) => is_example = !is_example,
            None if is_example => lines.push(format!("  {line}")),
            None => lines.push(line.trim_start_matches('#').trim_start_matches(' ').to_owned()),
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_letter_and_four_digits_look_like_a_code() {
        for text in ["E0101", "e0315", "E9999"] {
            assert!(looks_like_a_code(text), "{text}");
        }
        for text in ["E101", "E01011", "F0101", "E010a", "latest", "", "e0101f", "E0101 x"] {
            assert!(!looks_like_a_code(text), "{text}");
        }
    }

    #[test]
    fn every_page_is_shown_without_marks_of_markdown() {
        for code in ErrorCode::ALL {
            let text = for_people(code.page());
            assert!(text.starts_with(&format!("{code}: {}", code.title())), "{text}");
            assert!(!text.contains("```") && !text.contains("\n#"), "{text}");
        }
    }

    #[test]
    fn an_unknown_code_names_its_neighbours() {
        assert!(unknown("e0100").message.contains("`E0100`; the nearest are E0101, E0102, E0103"));
    }
}
