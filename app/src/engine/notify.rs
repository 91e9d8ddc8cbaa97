//! Telling the desktop and the operator's command that a run is over. The terminal is the faces' matter.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use pointsman_core::report::run::RunReport;
use pointsman_core::run::notify::{self, NotifyTerms};
use pointsman_core::run::outcome::Verdict;

use super::Engine;
use super::run::Run;
use crate::process::{call, probe};

/// The longest that a notification may take: a run is over, and its process should end.
const LIMIT: Duration = Duration::from_secs(10);

/// A run that is over, as far as somebody is told of it.
#[derive(Debug, Clone)]
pub struct EndedRun {
    /// What the settings want.
    pub terms: NotifyTerms,
    /// How long it took.
    pub took: Duration,
    /// The notification.
    pub line: String,
    variables: BTreeMap<String, String>,
    dir: std::path::PathBuf,
}

impl EndedRun {
    /// Describes a run that is over.
    pub fn new(run: &Run, report: &RunReport) -> EndedRun {
        let words = run.log.state.requested.as_ref().and_then(|requested| requested.prompt.as_deref());
        let span = report.finished_at.zip(report.created_at).map(|(end, begun)| end.duration_since(begun));
        let verdict = report.verdict.map_or("", Verdict::as_str);
        let variables = [
            ("POINTSMAN_NOTIFY_RUN", report.run_id.to_string()),
            ("POINTSMAN_NOTIFY_VERDICT", verdict.to_owned()),
            ("POINTSMAN_NOTIFY_WORDS", words.map(notify::words).unwrap_or_default()),
        ];
        EndedRun {
            terms: run.project.terms().notify.clone(),
            took: span.and_then(|span| Duration::try_from(span).ok()).unwrap_or_default(),
            line: notify::line(&report.short_id, report.verdict, report.rehearsal),
            variables: variables.map(|(name, value)| (name.to_owned(), value)).into(),
            dir: run.project.dir().to_owned(),
        }
    }
}

impl Engine {
    /// Returns whether the terminal is known to show a notification that a program writes to it (OSC 9). Others may print it.
    pub fn terminal_notifies(&self) -> bool {
        let program = self.surroundings.ambient.get("TERM_PROGRAM");
        program.is_some_and(|program| notify::TERMINALS.contains(&program.as_str()))
    }

    /// Tells the desktop and the command, whichever the settings want; returns what failed. Blocks until they ended.
    pub fn notify(&self, ended: &EndedRun) -> Vec<String> {
        let mut failed = vec![];
        if ended.terms.desktop {
            failed.extend(self.call(&desktop(&ended.line), ended).err());
        }
        if !ended.terms.command.is_empty() {
            failed.extend(self.call(&ended.terms.command, ended).err());
        }
        failed
    }

    fn call(&self, command: &[String], ended: &EndedRun) -> Result<(), String> {
        let Some((name, args)) = command.split_first() else { return Ok(()) };
        let said = |why: &str| format!("the notification by `{name}` failed: {why}");
        let mut env = self.surroundings.ambient.clone();
        let program = probe::find_program(name, &env, &[]).ok_or_else(|| said("it is not found"))?;
        env.extend(ended.variables.clone());
        // The project may be gone by now.
        let dir = if ended.dir.is_dir() { ended.dir.as_path() } else { Path::new("/") };
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        match call::run(&program, &args, &env, dir, LIMIT) {
            Ok(output) if output.is_success => Ok(()),
            Ok(output) => Err(said(&format!("it says `{}`", notify::words(&output.text)))),
            Err(call::CallError::Io(error)) => Err(said(&error.to_string())),
            Err(call::CallError::TooLong) => {
                Err(said(&format!("it took longer than {} seconds", LIMIT.as_secs())))
            }
        }
    }
}

/// Returns the command that shows a notification on the desktop. The line has nothing that a person or an agent wrote.
fn desktop(line: &str) -> Vec<String> {
    let command: &[&str] = if cfg!(target_os = "macos") {
        &["/usr/bin/osascript", "-e", &format!("display notification \"{line}\" with title \"pointsman\"")]
    } else {
        &["notify-send", "--app-name=pointsman", "--", "pointsman", line]
    };
    command.iter().map(|word| (*word).to_owned()).collect()
}
