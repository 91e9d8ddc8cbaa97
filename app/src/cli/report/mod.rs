//! `pointsman report`: what was recorded, put together. `routing` (which rule was wrong), `compliance` (which directives
//! were followed), `tables` (how both are printed for spreadsheets and documents).

mod compliance;
mod routing;

use super::exit::Failure;
use super::routing_args::{ReportArgs, ReportVerb};

/// Runs the verb.
pub fn main(args: ReportArgs) -> Result<u8, Failure> {
    match args.verb {
        ReportVerb::Routing { span, output } => routing::main(span.span(), output),
        ReportVerb::Compliance { since, output } => compliance::main(since, output),
    }
}
