//! `pointsman trust`: approves what a repository's files ask for.

use std::path::Path;

use pointsman_core::error_code::ErrorCode;
use pointsman_core::repo_settings::{Asks, SaidYes};
use pointsman_core::toml_text::place::printable;

use super::consent::{self, Consent};
use super::context::environment;
use super::exit::Failure;
use super::setup_args::TrustArgs;
use crate::assemble::Environment;
use crate::clock;
use crate::config::project::{POLICY_FILE, ProjectFiles};
use crate::config::repository::Repository;
use crate::config::trust::TrustStore;
use crate::present::output::{self, Tone};
use crate::present::{repository, tables};

/// Runs the verb.
pub fn main(args: &TrustArgs) -> Result<u8, Failure> {
    let environment = environment(args.dir.as_deref())?;
    let approvals = TrustStore::in_dir(&environment.dirs.config);
    if args.list {
        let rows: Vec<Vec<String>> = approvals
            .list()?
            .into_iter()
            .map(|(dir, approval)| vec![dir, approval.approved_at.to_string()])
            .collect();
        output::text(&tables::columns(&["DIRECTORY", "APPROVED"], &rows));
        return Ok(0);
    }
    let files = environment.project_files();
    if args.revoke {
        let was_there = approvals.revoke(&files.trust_key)?;
        let word = if was_there { "revoked:" } else { "was not trusted:" };
        output::say(Tone::Good, word, &name(&files.trust_key));
        return Ok(0);
    }
    approve(&approvals, &files, args.consent.consent())
}

/// Shows the files, asks, and records the approval.
fn approve(approvals: &TrustStore, files: &ProjectFiles, given: Consent) -> Result<u8, Failure> {
    show(files);
    approve_shown(approvals, files, given)
}

/// Asks about files that the user has seen, and records the approval.
fn approve_shown(approvals: &TrustStore, files: &ProjectFiles, given: Consent) -> Result<u8, Failure> {
    let unreadable = unreadable(files);
    if !unreadable.is_empty() {
        let message = format!("what cannot be read cannot be approved: {}", unreadable.join("; "));
        return Err(Failure::new(ErrorCode::UnreadableInput, message, "repair the file, or take it away"));
    }
    let question = format!("Trust these files of {}?", name(&files.root));
    consent::obtain(given, &question, "not trusted: you said no")?;
    // What is approved is what was shown: the hash covers the bytes that were read above.
    approvals.approve(&files.trust_key, &files.hash(), clock::now())?;
    output::say(Tone::Good, "trusted:", &name(&files.trust_key));
    Ok(0)
}

/// Returns the files whose meaning nobody could have seen, with the reason.
fn unreadable(files: &ProjectFiles) -> Vec<String> {
    let of_claude = files.claude.files.iter().filter_map(|file| match &file.file.asks {
        Asks::UnreadableSettings(reason) | Asks::UnreadableServers(reason) => {
            Some(format!("`{}`: {reason}", printable(&file.file.name)))
        }
        Asks::Settings(_) | Asks::Servers(_) => None,
    });
    let of_policy = files.policy.iter().filter_map(|policy| policy.as_ref().err());
    of_claude.chain(of_policy.map(|reason| format!("`{POLICY_FILE}`: {reason}"))).collect()
}

/// Approves files that were shown to the user, who said yes.
pub fn approve_here(environment: &Environment, files: &ProjectFiles) -> Result<(), Failure> {
    approve_shown(&TrustStore::in_dir(&environment.dirs.config), files, Consent::Given).map(|_| ())
}

/// Shows the files with all that they say.
pub fn show(files: &ProjectFiles) {
    if !files.are_there() {
        output::say(Tone::Plain, "no files", "of this repository are read by pointsman");
    }
    let policy = files.policy.iter().filter_map(|policy| policy.as_ref().ok());
    for file in files.settings.iter().chain(policy).chain(&files.agents.read) {
        repository::show_file(&file.path, &file.text);
    }
    for file in &files.claude.files {
        repository::show_file(&file.path, &file.text);
    }
    for file in &files.agents.skipped {
        output::say(Tone::Warning, "skipped", &format!("{}: {}", name(&file.path), file.reason));
    }
    let asked = files.claude.files.iter().map(|file| file.file.clone()).collect();
    let asked = Repository { files: asked, yes: SaidYes::ByHash, ..Repository::default() };
    for file in repository::report(&asked).into_iter().flat_map(|report| report.files) {
        output::say(Tone::Warning, "asks", &format!("{}: {}", printable(&file.file), file.asks.join("; ")));
    }
}

/// Returns a name that a repository may have chosen, on one line: behind a line feed it could say what we never said.
fn name(path: &Path) -> String {
    printable(&path.display().to_string())
}
