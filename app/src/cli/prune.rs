//! `runs prune`: shows what would go, asks, removes.

use super::consent::{self, Consent};
use super::exit::Failure;
use super::look_args::PruneArgs;
use crate::assemble::Environment;
use crate::engine::error::EngineError;
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
    let keep = args.keep.map(|keep| keep.0);
    let reading = environment.engine_to_read()?;
    let (past, gone) = reading.prunable(project, keep).await.map_err(EngineError::from)?;
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
    // What a pass in the background removes at the same moment is not there any more, which is no error.
    let engine = environment.engine()?;
    let pruned = engine.remove(&gone).await.map_err(EngineError::from)?;
    match args.output {
        PlainFormat::Json => output::json(&report(Some(pruned))),
        PlainFormat::Text => output::say(Tone::Good, "removed:", &prune::removed(&pruned)),
    }
    Ok(0)
}
