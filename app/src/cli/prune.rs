//! `runs prune`: shows what would go, asks, removes.

use pointsman_core::error_code::ErrorCode;

use super::consent::{self, Consent};
use super::exit::Failure;
use super::look_args::PruneArgs;
use crate::assemble::Environment;
use crate::engine::project::ProjectContext;
use crate::engine::retention::Pruned;
use crate::present::output::{self, PlainFormat, Tone};
use crate::present::prune::{self, PruneReport};

/// Runs the verb.
pub async fn main(
    environment: &Environment,
    project: &ProjectContext,
    args: PruneArgs,
) -> Result<u8, Failure> {
    let unusable = |error: crate::engine::error::EngineError| Failure::from(error);
    let keep = args.keep.map(|keep| keep.0);
    let reading = environment.engine_to_read()?;
    let (past, gone) = reading.prunable(project, keep).await.map_err(|error| unusable(error.into()))?;
    let report = |removed: Option<Pruned>| PruneReport::new(&past, &gone, removed);
    if args.output == PlainFormat::Text {
        output::text(&prune::text(&report(None)));
    }
    if gone.is_empty() || args.dry_run {
        if args.output == PlainFormat::Json {
            output::json(&report(None));
        }
        return Ok(0);
    }
    let consent = if args.yes { Consent::Given } else { Consent::Asked };
    consent::obtain(consent, "Remove that?", "nothing was removed: you said no")?;
    let engine = environment.engine()?;
    let Ok(Some(_only)) = engine.try_lock_tidying() else {
        let what = "another process is removing old things at this moment";
        return Err(Failure::new(ErrorCode::StillRunning, what, "try again in a moment"));
    };
    let pruned = engine.remove(&gone).await.map_err(|error| unusable(error.into()))?;
    match args.output {
        PlainFormat::Json => output::json(&report(Some(pruned))),
        PlainFormat::Text => output::say(Tone::Good, "removed:", &prune::removed(&pruned)),
    }
    Ok(0)
}
