//! The text of a request, wherever it comes from.

use std::fs;
use std::io::{IsTerminal as _, Read as _};
use std::path::Path;

use pointsman_core::error_code::ErrorCode;
use pointsman_core::request::{Origin, Overrides, QuotaPressure, Request};

use super::exit::Failure;
use super::piped::{self, TEXT_BYTES_MAX, too_long};
use super::request_args::{OverrideArgs, PromptArgs};
use crate::present::output::Verbosity;

/// Reads the request. What is piped in is the request, or context for one that is given otherwise.
pub fn request(
    words: &PromptArgs,
    overrides: &OverrideArgs,
    verbosity: Verbosity,
) -> Result<Request, Failure> {
    let text = match (&words.prompt, &words.file) {
        (Some(prompt), _) if prompt != "-" => piped::with_context(prompt.clone(), verbosity)?,
        (_, Some(path)) if path.as_os_str() != "-" => piped::with_context(file(path)?, verbosity)?,
        (None, None) if std::io::stdin().is_terminal() => {
            return Err(Failure::new(
                ErrorCode::NoRequest,
                "there is no request",
                "give it as an argument, with `--file PATH`, or pipe it in",
            ));
        }
        (Some(_) | None, Some(_) | None) => stdin()?,
    };
    parse(text, overrides)
}

/// Makes a request of a given text.
pub fn parse(text: String, overrides: &OverrideArgs) -> Result<Request, Failure> {
    let chosen = Overrides { tier: overrides.tier, agent: overrides.agent.clone() };
    let mut request = Request::new(text, Origin::Cli, chosen)?;
    request.pressure = QuotaPressure::new(overrides.quota_pressure);
    Ok(request)
}

fn file(path: &Path) -> Result<String, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::new(
            ErrorCode::UnreadableInput,
            format!("`{}` cannot be read: {error}", path.display()),
            "check the path",
        )
    };
    // Whatever size it says it has: a device says none.
    let mut bytes = vec![];
    let file = fs::File::open(path).map_err(unreadable)?;
    file.take(TEXT_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > TEXT_BYTES_MAX {
        return Err(too_long(&path.display().to_string()));
    }
    utf8(bytes, &path.display().to_string())
}

fn stdin() -> Result<String, Failure> {
    let mut bytes = vec![];
    let mut reader = std::io::stdin().lock().take(TEXT_BYTES_MAX + 1);
    reader.read_to_end(&mut bytes).map_err(|error| {
        Failure::bare(ErrorCode::UnreadableInput, format!("standard input cannot be read: {error}"))
    })?;
    if bytes.len() as u64 > TEXT_BYTES_MAX {
        return Err(too_long("standard input"));
    }
    utf8(bytes, "standard input")
}

fn utf8(bytes: Vec<u8>, from: &str) -> Result<String, Failure> {
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Failure::new(
            ErrorCode::RequestNotUtf8,
            format!("the request in {from} is not UTF-8 (byte {at})"),
            "convert it, for example with `iconv -f latin1 -t utf-8`",
        )
    })
}
