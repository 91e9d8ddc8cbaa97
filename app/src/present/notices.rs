//! What the user should be told before a run begins.

use super::human::short_path;
use super::output::{self, Tone};
use super::repository;
use crate::assemble::Assembled;
use crate::config::error::Warning;
use crate::config::load::Loaded;
use crate::config::login::StrayKey;
use crate::config::project::trust_hint;
use pointsman_core::text::counted;

/// Returns what the user should be told of a project when a request is explained.
pub fn of_project(loaded: &Loaded) -> Vec<String> {
    let mut notices = repository::lines(&loaded.repository, &trust_hint(&loaded.project.root));
    notices.extend(repository::set_by_project(&loaded.set_by_project()));
    notices
}

/// Returns what the user should be told before a run begins.
pub fn of(assembled: &Assembled) -> Vec<String> {
    let of_warning = |warning: &Warning| match &warning.hint {
        Some(hint) => format!("{warning}; {hint}"),
        None => warning.to_string(),
    };
    let of_key = |key: &StrayKey| {
        let file = short_path(&key.file, &assembled.home);
        format!("`{}` in {file} could change who pays, or where your login is sent", key.name)
    };
    let mut notices: Vec<String> = assembled.warnings.iter().map(of_warning).collect();
    notices.extend(repository::lines(&assembled.repository, &trust_hint(&assembled.root)));
    notices.extend(repository::set_by_project(&assembled.set_by_project));
    notices.extend(assembled.stray_keys.iter().map(of_key));
    notices
}

/// Returns a notice about events that were kept in the spool until now.
pub fn imported(event_count: usize) -> Option<String> {
    (event_count > 0)
        .then(|| format!("{} imported from the spool", counted(event_count, "event was", "events were")))
}

/// Prints notices.
pub fn say(notices: &[String]) {
    for notice in notices {
        output::say(Tone::Warning, "notice:", notice);
    }
}
