//! `pointsman trust`: approves what a repository's files ask for.

use super::consent;
use super::context::environment;
use super::exit::Failure;
use super::setup_args::TrustArgs;
use crate::clock;
use crate::config::project::{self, ProjectFiles};
use crate::config::trust::TrustStore;
use crate::present::output::{self, Tone};
use crate::present::tables;

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
    let project = project::find(&environment.cwd, &environment.dirs.home);
    if args.revoke {
        let was_there = approvals.revoke(&project.root)?;
        let word = if was_there { "revoked:" } else { "was not trusted:" };
        output::say(Tone::Good, word, &project.root.display().to_string());
        return Ok(0);
    }
    let files = ProjectFiles::read(&project);
    show(&files);
    let question = format!("Trust these files of {}?", project.root.display());
    consent::obtain(args.consent.consent(), &question, "not trusted: you said no")?;
    // What is approved is what was shown: the hash covers the bytes that were read above.
    approvals.approve(&project.root, &files.hash(), clock::now())?;
    output::say(Tone::Good, "trusted:", &project.root.display().to_string());
    Ok(0)
}

fn show(files: &ProjectFiles) {
    if files.settings.is_none() && files.agents.is_empty() {
        output::say(Tone::Plain, "no files", "of this repository are read by pointsman");
    }
    for file in files.settings.iter().chain(&files.agents) {
        output::say(Tone::Plain, "file", &file.path.display().to_string());
        for line in file.text.lines() {
            output::detail(line);
        }
    }
}
