//! What `run` does where a file of the person's own is broken: their settings or their policy.
//!
//! Such a file may have lowered limits, taken rights away or asked for questions, and none of that can be known any more. So
//! nobody but a person may say to go on without it: at a terminal they are asked once, elsewhere `--ignore-config` is the yes.
//! Without a yes nothing is started. Broken files of a repository, of the store and of caches never stop a run.

use pointsman_core::error_code::ErrorCode;

use super::exit::Failure;
use super::request_args::RunArgs;
use crate::assemble::{AssembleError, Environment};
use crate::present::output::{self, Tone, Verbosity};

/// A file of the person's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OwnFile {
    Settings,
    Policy,
}

impl OwnFile {
    /// Returns the file that a failure is about, if it is about one.
    fn of(code: ErrorCode) -> Option<OwnFile> {
        match code {
            ErrorCode::NotToml
            | ErrorCode::UnknownSetting
            | ErrorCode::WrongSettingValue
            | ErrorCode::MissingSetting
            | ErrorCode::BrokenSettingRule
            | ErrorCode::UnreadableSettings => Some(OwnFile::Settings),
            ErrorCode::PolicyNotToml
            | ErrorCode::UnknownPolicyKey
            | ErrorCode::WrongPolicyValue
            | ErrorCode::MissingPolicyKey
            | ErrorCode::BadPolicyPattern
            | ErrorCode::BrokenPolicyRule
            | ErrorCode::UnreadablePolicy => Some(OwnFile::Policy),
            _ => None,
        }
    }

    /// Returns what holds without the file.
    fn instead(self) -> &'static str {
        match self {
            OwnFile::Settings => {
                "the built-in settings (edits in the project are accepted, there is no limit of cost)"
            }
            OwnFile::Policy => "the built-in rules alone",
        }
    }
}

/// Does something that reads the person's own files, again without each that is broken if they say so.
pub fn settled<T>(
    environment: &mut Environment,
    args: &RunArgs,
    attempt: impl Fn(&Environment) -> Result<T, Failure>,
) -> Result<T, Failure> {
    loop {
        let failure = match attempt(environment) {
            Ok(done) => return Ok(done),
            Err(failure) => failure,
        };
        let Some(file) = at_fault(environment, &failure) else { return Err(failure) };
        agree(file, failure, args)?;
        ignore(environment, file);
    }
}

fn ignore(environment: &mut Environment, file: OwnFile) {
    match file {
        OwnFile::Settings => environment.ignored.settings = true,
        OwnFile::Policy => environment.ignored.policy = true,
    }
}

/// Returns the file without which it would go on: a flag or a variable may be wrong instead, and needs to be mended.
fn at_fault(environment: &mut Environment, failure: &Failure) -> Option<OwnFile> {
    let file = OwnFile::of(failure.code)?;
    let before = environment.ignored;
    ignore(environment, file);
    let is_new = environment.ignored != before;
    let is_read = is_new && reads(environment, file).is_ok();
    environment.ignored = before;
    is_read.then_some(file)
}

fn reads(environment: &Environment, file: OwnFile) -> Result<(), AssembleError> {
    let loaded = environment.settings(&[])?;
    let catalog = loaded.catalog()?;
    if file == OwnFile::Policy {
        environment.policy(&loaded, &catalog)?;
    }
    Ok(())
}

/// Has the person say yes, beforehand or now; without one it returns the failure.
fn agree(file: OwnFile, failure: Failure, args: &RunArgs) -> Result<(), Failure> {
    let instead = file.instead();
    if args.ignore_config {
        if args.verbosity() == Verbosity::Normal {
            let line = format!("{}; {instead} hold, and `pointsman doctor` says more", failure.message);
            output::say(Tone::Warning, &output::coded("notice", Some(failure.code)), &line);
        }
        return Ok(());
    }
    if !output::is_interactive() {
        let mend = failure.hint.unwrap_or_default();
        let stop = if mend.ends_with('?') { "" } else { ";" };
        let hint = format!("{mend}{stop} `--ignore-config` goes on without the file");
        return Err(Failure { hint: Some(hint), ..failure });
    }
    output::say(Tone::Warning, &output::coded("notice", Some(failure.code)), &failure.message);
    if output::ask(&format!("Go on without this file, with {instead}?")) {
        return Ok(());
    }
    Err(Failure::bare(ErrorCode::Declined, "not run: you said no"))
}
