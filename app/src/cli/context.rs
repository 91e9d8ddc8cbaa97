//! What verbs share: the surroundings of the selected project, and a runtime.

use std::path::{Path, PathBuf};

use pointsman_core::error_code::ErrorCode;

use super::exit::Failure;
use crate::assemble::{self, Environment};
use crate::engine::{Engine, background};

/// Returns the environment for a project directory, by default the current directory.
pub fn environment(project: Option<&Path>) -> Result<Environment, Failure> {
    let given = project.map_or_else(|| PathBuf::from("."), Path::to_path_buf);
    // A current directory that was removed is still a directory, and has no path any more.
    let real = std::fs::canonicalize(&given).ok().filter(|dir| dir.is_dir());
    let is_there = real.is_some();
    let cwd = real.filter(|dir| dir.to_str().is_some()).ok_or_else(|| {
        let what = if is_there { "has no name in UTF-8" } else { "is gone, or no directory" };
        let message = format!("the project directory `{}` {what}", given.display());
        Failure::new(ErrorCode::BadProject, message, "give another directory with `--project`")
    })?;
    Ok(Environment::new(cwd)?)
}

/// Returns the environment for verbs that look back. They need no project, and so they work where the current directory
/// is gone or has no name in UTF-8: then only the user's own settings count.
pub fn environment_to_look() -> Result<Environment, Failure> {
    match environment(None) {
        Err(failure) if failure.code == ErrorCode::BadProject => Ok(Environment::new(PathBuf::from("/"))?),
        found => found,
    }
}

/// Returns a single-threaded runtime: a run waits for one process, not for thousands of sockets.
pub fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.map_err(|error| Failure::of_system(&error))
}

/// Imports what hooks have left, and removes what is old, in the background, once nobody waits for an agent any more.
pub fn tidy_after(engine: &Engine) {
    if engine.hooks_have_left_something() || engine.is_pruning_due() {
        // The next run does the same.
        let _ = assemble::own_program().map(|program| background::start_tidying(&program));
    }
}
