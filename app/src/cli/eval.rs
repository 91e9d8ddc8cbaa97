//! `pointsman eval`: measures the router on labelled requests.

use std::io::Read as _;
use std::path::Path;

use pointsman_core::error_code::ErrorCode;
use pointsman_core::eval::gates::{self, Gate};
use pointsman_core::eval::rows::{self, RowsError};
use pointsman_core::eval::{Labelled, compare};
use pointsman_core::report::run::SCHEMA_VERSION;

use super::context::environment;
use super::exit::Failure;
use super::routing_args::EvalArgs;
use crate::engine::measured::{Against, Measured};
use crate::present::evaluation::{self, EvalReport};
use crate::present::output::{self, PlainFormat, Tone};

/// Runs the verb.
pub fn main(args: &EvalArgs) -> Result<u8, Failure> {
    let environment = environment(args.project.as_deref())?;
    let loaded = environment.settings(&[])?;
    let mode = args.permission_mode;
    let decider = environment.decider(&loaded)?.supposing(mode);
    let rows = read(&args.file)?;
    let measured = Measured::new(&decider, &rows)?;
    let other = match &args.against {
        None => None,
        Some(path) => {
            let against = environment.decider_against(&loaded, path)?.supposing(mode);
            Some(Measured::new(&against, &rows)?)
        }
    };
    let against = other.map(|other| {
        let changes = compare::changes(&measured.scored(), &other.scored());
        Against::new(&measured, other, &changes)
    });
    let gates = gates::check(&args.thresholds.gates(), &measured.evaluation);
    let missed: Vec<&Gate> = gates.iter().filter(|gate| !gate.holds).collect();
    match args.output {
        PlainFormat::Text => {
            output::text(&evaluation::text(&measured, against.as_ref()));
            if args.wrong {
                output::text(&format!("\n{}", evaluation::wrong(&measured)));
            }
        }
        PlainFormat::Json => output::json(&EvalReport {
            schema_version: SCHEMA_VERSION,
            measured: &measured,
            gates: &gates,
            passed: missed.is_empty(),
            wrong: args.wrong.then(|| measured.wrong().collect()),
            latency_us: args.latency.then_some(measured.latency),
            against: against.as_ref(),
        }),
    }
    if missed.is_empty() {
        if !gates.is_empty() {
            output::say(Tone::Good, "passed:", &format!("{} thresholds", gates.len()));
        }
        return Ok(0);
    }
    Ok(say_missed(&missed, gates.len()))
}

/// Prints every threshold that is missed. The JSON already contains them, so the failure is only printed as text.
fn say_missed(missed: &[&Gate], asked: usize) -> u8 {
    for gate in missed {
        output::say(Tone::Bad, "missed:", &gate.to_string());
    }
    let failure = Failure::new(
        ErrorCode::ThresholdMissed,
        format!("{} of {asked} thresholds are missed", missed.len()),
        "`--wrong` lists the wrong answers, each with the rule behind it",
    );
    output::failure(&failure);
    failure.exit_code()
}

fn read(path: &Path) -> Result<Vec<Labelled>, Failure> {
    let shown = path.display();
    let text = if path.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().lock().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    let text = text.map_err(|error| {
        Failure::new(
            ErrorCode::UnreadableInput,
            format!("`{shown}` cannot be read: {error}"),
            "check the path",
        )
    })?;
    rows::read(&text).map_err(|error| {
        let (code, hint) = match error {
            RowsError::BadRow { .. } => (
                ErrorCode::BadLabelledRow,
                "each line is one JSON object with `id`, `request` and `label` (haiku, sonnet, opus or escalate)",
            ),
            RowsError::Empty => (ErrorCode::NoLabelledRow, "give one labelled request a line"),
        };
        let at = if code == ErrorCode::BadLabelledRow { " " } else { ": " };
        Failure::new(code, format!("`{shown}`{at}{error}"), hint)
    })
}
