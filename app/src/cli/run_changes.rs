//! `runs diff` and `runs undo`: what a run changed, and taking it back.

use pointsman_core::error_code::ErrorCode;
use pointsman_core::ids::short;

use super::consent::{self, Consent};
use super::exit::Failure;
use crate::assemble::Environment;
use crate::engine::Engine;
use crate::engine::project::ProjectContext;
use crate::engine::query::FoundRun;
use crate::present::output::{self, Tone};
use crate::present::{changes, human, pager};

/// Prints the changes as a patch, or their sums.
pub fn diff(environment: &Environment, engine: &Engine, found: &FoundRun, stat: bool) -> Result<u8, Failure> {
    let Some(recorded) = &found.state.changes else { return Err(not_kept(found)) };
    if recorded.is_empty() {
        output::say(Tone::Plain, "no changes:", &format!("run {} changed no file", short(found)));
        return Ok(0);
    }
    if stat {
        let lines = recorded.files.iter().map(changes::file).collect::<Vec<_>>().join("\n");
        pager::text(environment, &format!("{lines}\n{}", changes::summary(recorded)));
        return Ok(0);
    }
    let (patch, missing) = engine.patch(&found.id).ok_or_else(|| not_kept(found))?;
    // A file or a program gets every byte.
    if output::answer_is_seen() {
        pager::styled(environment, &changes::patch(&patch));
    } else {
        output::text(&patch);
    }
    for file in missing {
        let why = file.not_kept.map(|why| why.as_str()).unwrap_or_default();
        output::say(Tone::Warning, "left out:", &format!("`{}`: {why}", file.path));
    }
    Ok(0)
}

/// Takes the changes back, all or none, if nothing else touched these files since.
pub async fn undo(
    engine: &Engine,
    project: &ProjectContext,
    found: &FoundRun,
    consent: Consent,
) -> Result<u8, Failure> {
    let Some(recorded) = found.state.changes.as_ref().filter(|_| found.state.is_finished()) else {
        return Err(not_kept(found));
    };
    if recorded.is_empty() {
        output::say(Tone::Good, "nothing to undo:", &format!("run {} changed no file", short(found)));
        return Ok(0);
    }
    let undo = engine.undo(&found.id).ok_or_else(|| not_kept(found))?;
    let beside = engine.beside(project, found, undo.top()).await?;
    if let Some(other) = beside.first() {
        let message = format!(
            "run `{other}` worked in the same place at the same time: whose change is whose is not known"
        );
        return Err(cannot(message));
    }
    let obstacles = undo.obstacles();
    if !obstacles.is_empty() {
        return Err(cannot(changes::obstacles(&obstacles)));
    }
    let summary = changes::summary(recorded);
    changes::files(recorded).iter().for_each(|line| output::detail(line));
    let place = human::shell_word(&undo.top().to_string_lossy());
    let question =
        format!("Undo what changed in {place} while run {} was at work ({summary})?", short(found));
    consent::obtain(consent, &question, "nothing was undone: you said no")?;
    match undo.carry_out() {
        Ok(()) => {}
        Err(error) if error.is_half_way() => {
            return Err(Failure::bare(ErrorCode::CannotUndo, error.to_string()));
        }
        Err(error) => return Err(cannot(error.to_string())),
    }
    output::say(Tone::Good, "undone:", &format!("{summary} in {place}"));
    output::hint(&format!("`pointsman runs diff {} | git apply` there brings it back", short(found)));
    Ok(0)
}

fn cannot(message: String) -> Failure {
    Failure::new(
        ErrorCode::CannotUndo,
        format!("nothing was undone: {message}"),
        "`pointsman runs diff RUN` shows the changes; `git apply -R` takes a part of them back by hand",
    )
}

fn not_kept(found: &FoundRun) -> Failure {
    let message = match (&found.state.changes, found.state.is_finished()) {
        (_, false) => format!("run `{}` is not over", short(found)),
        (None, true) => format!("what run `{}` changed was not looked at", short(found)),
        (Some(_), true) => format!("the content of what run `{}` changed is not kept", short(found)),
    };
    Failure::new(
        ErrorCode::ChangesNotKept,
        message,
        "content is kept of files in git repositories, with `record_changes` and `store_prompts` on, for as long as runs are",
    )
}

/// Returns the id as people type it.
fn short(found: &FoundRun) -> String {
    short::short(found.id.as_str())
}
