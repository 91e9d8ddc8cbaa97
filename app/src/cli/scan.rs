//! `pointsman scan`: what the person's own transcripts of Claude Code show. Reads them and nothing else; writes nothing.

use std::path::PathBuf;

use jiff::Timestamp;
use pointsman_core::error_code::ErrorCode;

use super::exit::Failure;
use super::routing_args::ScanArgs;
use crate::assemble::Environment;
use crate::clock;
use crate::engine::scan::{ScanError, scan};
use crate::present::output::{self, PlainFormat, Tone};
use crate::present::scan_report;

/// Runs the verb.
pub fn main(args: &ScanArgs) -> Result<u8, Failure> {
    // Transcripts of all projects are read, so it does not matter where we are.
    let environment = Environment::new(PathBuf::from("."))?;
    let since = clock::now().saturating_sub(args.since).unwrap_or(Timestamp::MIN);
    let scanned = scan(&environment.transcripts(), since, &Environment::builtin_decider()?)?;
    match args.output {
        PlainFormat::Text => output::text(&scan_report::text(&scanned, args.since, &environment.dirs.home)),
        PlainFormat::Json => output::json(&scan_report::Printed::new(&scanned)),
    }
    if let Some(left_out) = scan_report::left_out(&scanned) {
        output::say(Tone::Warning, "left out:", &left_out);
    }
    Ok(0)
}

impl From<ScanError> for Failure {
    fn from(error: ScanError) -> Failure {
        let hint = "check the path and its rights; CLAUDE_CONFIG_DIR says where Claude Code keeps its files";
        Failure::new(ErrorCode::UnreadableInput, error.to_string(), hint)
    }
}
