//! `runs list` and `runs sessions`.

use std::path::{Path, PathBuf};

use pointsman_core::run::filter::RunFilter;
use pointsman_core::text::counted;

use super::exit::Failure;
use super::look_args::{FilterArgs, ListArgs};
use crate::assemble::Environment;
use crate::clock;
use crate::engine::Engine;
use crate::engine::project::ProjectContext;
use crate::present::output::{self, PlainFormat, Tone};
use crate::present::pager;
use crate::present::run_list::{self, RunList, SessionList};

/// Lists runs.
pub async fn runs(
    environment: &Environment,
    engine: &Engine,
    project: &ProjectContext,
    args: ListArgs,
) -> Result<u8, Failure> {
    let ListArgs { filter: args, limit, output: format } = args;
    let (filter, now) = (filter(args), clock::now());
    let runs = engine.list(project, &filter, limit).await?;
    say_what_is_odd(engine, limit).await;
    match format {
        PlainFormat::Json => output::json(&RunList::new(&runs, &run_list::short_ids(&runs), now)),
        PlainFormat::Text if runs.is_empty() && limit > 0 => say_none(&filter, "runs"),
        PlainFormat::Text => pager::styled(environment, &run_list::runs(&runs, now, output::width())),
    }
    Ok(0)
}

/// Lists sessions.
pub async fn sessions(
    environment: &Environment,
    engine: &Engine,
    project: &ProjectContext,
    args: ListArgs,
) -> Result<u8, Failure> {
    let ListArgs { filter: args, limit, output: format } = args;
    let filter = filter(args);
    let sessions = engine.sessions(project, &filter, limit).await?;
    say_what_is_odd(engine, usize::MAX).await;
    match format {
        PlainFormat::Json => output::json(&SessionList::new(&sessions)),
        PlainFormat::Text if sessions.is_empty() && limit > 0 => say_none(&filter, "sessions"),
        PlainFormat::Text => {
            pager::styled(environment, &run_list::sessions(&sessions, clock::now(), output::width()))
        }
    }
    Ok(0)
}

fn say_none(filter: &RunFilter, what: &str) {
    if filter.admits_all() {
        output::say(Tone::Plain, &format!("no {what} yet:"), "`pointsman run` makes one");
    } else {
        output::say(
            Tone::Plain,
            &format!("no {what}:"),
            "none fits the filters; without them all are listed",
        );
    }
}

async fn say_what_is_odd(engine: &Engine, limit: usize) {
    if let count @ 1.. = engine.odd_line_count() {
        let lines = counted(count, "line of the spool is", "lines of the spool are");
        let text = format!("{lines} not understood, and kept; `pointsman doctor` says more");
        output::say(Tone::Warning, "notice:", &text);
    }
    if let count @ 1.. = engine.odd_row_count(limit).await {
        let rows = counted(count, "row of the ledger is", "rows of the ledger are");
        let text = format!("{rows} not understood and not shown; `pointsman doctor` says which");
        output::say(Tone::Warning, "notice:", &text);
    }
}

fn filter(args: FilterArgs) -> RunFilter {
    let FilterArgs { project, session, mut state, failed, since } = args;
    state.extend(failed.then(|| "failed".to_owned()));
    RunFilter {
        project: project.map(|dir| real(&dir)),
        session,
        states: state,
        since: since.map(|since| since.instant(clock::now(), &clock::local_zone())),
    }
}

/// Returns the path by which runs of a directory are recorded. The directory itself may be gone, and its runs are not.
fn real(dir: &Path) -> PathBuf {
    dir.canonicalize().or_else(|_| std::path::absolute(dir)).unwrap_or_else(|_| dir.to_owned())
}
