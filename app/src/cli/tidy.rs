//! The hidden verb of a bounded pass in the background: imports what hooks have left, ends runs whose driver died, and
//! removes what is too old to be kept, when a session is over and nobody waits.

use std::process::ExitCode;
use std::time::Duration;

use super::context::{environment, runtime};
use super::exit::Failure;
use crate::engine::background;

/// The longest that a pass may take. What is left is for the next one.
const LIMIT: Duration = Duration::from_secs(20);

/// Runs the verb. Failures are not reported: `doctor` shows what is wrong.
pub fn main() -> ExitCode {
    let _ = background::leave_session();
    let _ = tidied();
    ExitCode::SUCCESS
}

fn tidied() -> Result<(), Failure> {
    let environment = environment(None)?;
    let (loaded, _) = environment.settings_or_defaults();
    let (engine, project) = (environment.engine()?, environment.project(&loaded)?);
    // One at a time: several would wait for each other's files.
    let Ok(Some(_only)) = engine.try_lock_tidying() else { return Ok(()) };
    let pass = async {
        engine.tidy_up(&project).await;
        if engine.is_pruning_due() {
            // `doctor --fix` does the same, and tells what is wrong.
            let _ = engine.prune(&project).await;
        }
    };
    let _ = runtime()?.block_on(async { tokio::time::timeout(LIMIT, pass).await });
    Ok(())
}
