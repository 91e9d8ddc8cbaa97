//! `pointsman route`: decides, and does nothing else.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use pointsman_core::error_code::ErrorCode;
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
use crate::present::output::{self, Format};

/// The output of `route -o json`.
#[derive(Debug, Serialize)]
pub struct RouteLine<'a> {
    schema_version: u32,
    id: Option<&'a RawValue>,
    #[serde(flatten)]
    route: &'a Route,
}

/// One line of a batch.
#[derive(Debug, Deserialize)]
struct BatchLine {
    /// As it was written: a number must be returned digit by digit.
    #[serde(default)]
    id: Option<Box<RawValue>>,
    request: String,
}

/// Runs the verb.
pub fn main(args: RouteArgs) -> Result<u8, Failure> {
    let environment = environment(args.project.as_deref())?;
    let loaded = environment.settings(&[])?;
    let decider = environment.decider(&loaded)?;
    if let Some(batch) = &args.batch {
        return decide_batch(&decider, batch, &args.overrides);
    }
    let mut request = prompt_input::request(&args.words, &args.overrides)?;
    let route = decider.decide(&mut request)?;
    match args.output {
        Format::Text => output::text(&present::route::text(&route)),
        Format::Json => output::json(&line(None, &route)),
        Format::Jsonl => {
            output::line(&serde_json::to_string(&line(None, &route)).expect("plain data has a JSON form"));
        }
    }
    Ok(0)
}

fn line<'a>(id: Option<&'a RawValue>, route: &'a Route) -> RouteLine<'a> {
    RouteLine { schema_version: SCHEMA_VERSION, id, route }
}

/// Decides line by line. A line that cannot be read ends the batch: a script must not mistake a gap for a route.
fn decide_batch(decider: &Decider, batch: &Path, overrides: &OverrideArgs) -> Result<u8, Failure> {
    let reader: Box<dyn BufRead> = if batch.as_os_str() == "-" {
        Box::new(BufReader::new(std::io::stdin()))
    } else {
        let file = File::open(batch).map_err(|error| {
            Failure::new(
                ErrorCode::UnreadableInput,
                format!("`{}` cannot be read: {error}", batch.display()),
                "check the path",
            )
        })?;
        Box::new(BufReader::new(file))
    };
    for (number, text) in reader.lines().enumerate() {
        let bad = |what: String| {
            let at = format!("`{}` line {}: {what}", batch.display(), number + 1);
            Failure::new(ErrorCode::BadBatchLine, at, "each line is one JSON object with `id` and `request`")
        };
        let text = text.map_err(|error| bad(error.to_string()))?;
        let text = text.trim_start_matches('\u{feff}');
        if text.trim().is_empty() {
            continue;
        }
        let entry: BatchLine = serde_json::from_str(text).map_err(|error| bad(error.to_string()))?;
        let mut request =
            prompt_input::parse(entry.request, overrides).map_err(|failure| bad(failure.message))?;
        let route = decider.decide(&mut request)?;
        let printed = serde_json::to_string(&line(entry.id.as_deref(), &route));
        if !output::line(&printed.expect("plain data has a JSON form")) {
            break;
        }
    }
    Ok(0)
}
