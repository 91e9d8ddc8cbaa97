//! `pointsman route`: decides, and does nothing else.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use pointsman_core::agent::Tier;
use pointsman_core::conversation::Context;
use pointsman_core::error_code::ErrorCode;
use pointsman_core::report::failure::FailureReport;
use pointsman_core::report::run::SCHEMA_VERSION;
use pointsman_core::route::Route;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::context::environment;
use super::exit::Failure;
use super::prompt_input;
use super::request_args::{OverrideArgs, RouteArgs};
use crate::engine::project::Decider;
use crate::present;
use crate::present::output::{self, Format, Verbosity};

/// The output of `route -o json`.
#[derive(Debug, Serialize)]
pub struct RouteLine<'a> {
    schema_version: u32,
    id: Option<&'a RawValue>,
    #[serde(flatten)]
    route: &'a Route,
}

/// What some editors write at the beginning of a file.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// One line of a batch.
#[derive(Debug, Deserialize)]
#[serde(expecting = "an object with `id` and `request`")]
struct BatchLine {
    /// As it was written: a number must be returned digit by digit.
    #[serde(default)]
    id: Option<Box<RawValue>>,
    request: String,
    /// What the agent of the session said last.
    #[serde(default)]
    after: Option<String>,
    /// The tier that has the session.
    #[serde(default)]
    last_tier: Option<Tier>,
}

/// Runs the verb.
pub fn main(args: RouteArgs) -> Result<u8, Failure> {
    let environment = environment(args.project.as_deref())?;
    let loaded = environment.settings(&[])?;
    let decider = environment.decider(&loaded)?.supposing(args.permission_mode);
    if let Some(batch) = &args.batch {
        return decide_batch(&decider, batch, &args.overrides);
    }
    let mut request = prompt_input::request(&args.words, &args.overrides, Verbosity::Normal)?;
    request.context = context(args.last_tier, args.after.as_deref());
    let route = decider.decide(&mut request)?;
    match args.output {
        Format::Text => output::text(&present::route::text(&route)),
        Format::Json => output::json(&line(None, &route)),
        Format::Jsonl => {
            output::line(&json(&line(None, &route)));
        }
    }
    Ok(0)
}

/// Returns the context of words that answer what an agent said; without that, they stand alone.
fn context(last_tier: Option<Tier>, said: Option<&str>) -> Context {
    said.map_or(Context::Fresh, |said| Context::after(last_tier, said))
}

fn line<'a>(id: Option<&'a RawValue>, route: &'a Route) -> RouteLine<'a> {
    RouteLine { schema_version: SCHEMA_VERSION, id, route }
}

/// A line of a batch that cannot be decided, in the place of its route.
#[derive(Debug, Serialize)]
struct BadLine<'a> {
    id: Option<&'a RawValue>,
    line: usize,
    #[serde(flatten)]
    failure: FailureReport<'a>,
}

/// Decides line by line. One that cannot be read has its error printed in its place, and the others are decided; the exit
/// code says that not all was done.
fn decide_batch(decider: &Decider, batch: &Path, overrides: &OverrideArgs) -> Result<u8, Failure> {
    let unreadable = |error: io::Error| {
        let what = format!("`{}` cannot be read: {error}", batch.display());
        Failure::new(ErrorCode::UnreadableInput, what, "check the path")
    };
    let reader: Box<dyn BufRead> = if batch.as_os_str() == "-" {
        Box::new(BufReader::new(io::stdin()))
    } else {
        Box::new(BufReader::new(File::open(batch).map_err(unreadable)?))
    };
    let (mut line_count, mut bad) = (0, vec![]);
    for (at, text) in reader.split(b'\n').enumerate() {
        let text = text.map_err(unreadable)?;
        let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&text).trim_ascii();
        if text.is_empty() {
            continue;
        }
        line_count += 1;
        let line = at + 1;
        let printed = match decide_line(decider, text, overrides) {
            Ok(printed) => printed,
            Err((id, failure)) => {
                bad.push((line, failure.message.clone()));
                let failure = FailureReport::new(&failure);
                json(&BadLine { id: id.as_deref(), line, failure })
            }
        };
        if !output::line(&printed) {
            return Ok(0);
        }
    }
    let Some((line, what)) = bad.first() else { return Ok(0) };
    let (count, file) = (bad.len(), batch.display());
    let what = format!(
        "`{file}`: {count} of {line_count} lines cannot be decided; the first is line {line}: {what}"
    );
    let failure =
        Failure::new(ErrorCode::BadBatchLine, what, "each line is one JSON object with `id` and `request`");
    // On standard output each is data already.
    output::failure(&failure);
    Ok(failure.exit_code())
}

/// Decides one line; an error has the line's id, if that can be read.
fn decide_line(
    decider: &Decider,
    text: &[u8],
    overrides: &OverrideArgs,
) -> Result<String, (Option<Box<RawValue>>, Failure)> {
    let bad = |what: String| Failure::bare(ErrorCode::BadBatchLine, what);
    let text = str::from_utf8(text).map_err(|error| (None, bad(format!("it is not UTF-8: {error}"))))?;
    if !text.starts_with('{') {
        return Err((None, bad("it is not a JSON object".to_owned())));
    }
    let BatchLine { id, request, after, last_tier } =
        serde_json::from_str(text).map_err(|error| (id_of(text), bad(error.to_string())))?;
    let decided = prompt_input::parse(request, overrides).map_err(|failure| bad(failure.message)).and_then(
        |mut request| {
            request.context = context(last_tier, after.as_deref());
            Ok(decider.decide(&mut request)?)
        },
    );
    match decided {
        Ok(route) => Ok(json(&line(id.as_deref(), &route))),
        Err(failure) => Err((id, failure)),
    }
}

/// Returns the id of a line, whatever else is wrong with it.
fn id_of(text: &str) -> Option<Box<RawValue>> {
    #[derive(Deserialize)]
    struct Line {
        id: Option<Box<RawValue>>,
    }
    serde_json::from_str::<Line>(text).ok()?.id
}

fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("plain data has a JSON form")
}
