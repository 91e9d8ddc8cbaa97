//! `pointsman runs`: shows runs, follows them, stops them. `runs_list` lists them, `prune` removes old ones.

use std::time::{Duration, Instant};

use pointsman_core::error_code::ErrorCode;
use pointsman_core::ids::short;
use pointsman_core::report::live::{Body, Line};
use pointsman_core::report::run::RunReport;
use pointsman_core::run::event::Fact;
use pointsman_core::run::outcome::Verdict;
use serde::de::IgnoredAny;

use super::consent::Consent;
use super::context::{environment_to_look, runtime};
use super::exit::Failure;
use super::look_args::{RunsArgs, RunsVerb};
use super::{open, prune, run_changes, runs_list};
use crate::assemble::Environment;
use crate::clock;
use crate::engine::Engine;
use crate::engine::project::ProjectContext;
use crate::engine::query::{FoundRun, LiveLog};
use crate::present::output::{self, Format, PlainFormat, Tone};
use crate::present::{live_line, pager, run_detail};

/// How often a growing log is polled: often enough for eyes, rarely enough for a battery.
const CHECK_INTERVAL: Duration = Duration::from_millis(100);

/// How long `cancel` waits for the run to end.
const CANCEL_LIMIT: Duration = Duration::from_secs(30);

/// Runs the verb.
pub fn main(args: RunsArgs) -> Result<u8, Failure> {
    let environment = environment_to_look()?;
    let (loaded, trouble) = environment.settings_or_defaults();
    if let Some(trouble) = trouble {
        output::say(Tone::Warning, "notice:", &format!("{trouble}; the defaults hold for this look back"));
    }
    let project = environment.project(&loaded)?;
    let look = RunViewer { engine: environment.engine_to_read()?, project };
    runtime()?.block_on(async {
        match args.verb {
            RunsVerb::List(args) => runs_list::runs(&environment, &look.engine, &look.project, args).await,
            RunsVerb::Sessions(args) => {
                runs_list::sessions(&environment, &look.engine, &look.project, args).await
            }
            RunsVerb::Show { run, output } => look.show(&environment, &run, output).await,
            RunsVerb::Logs { run, follow: false, output } => look.logs(&run, output).await,
            RunsVerb::Logs { run, follow: true, output } => look.follow(&run, output).await,
            RunsVerb::Open { run, print } => {
                open::main(&environment, &look.project, &look.find(&run).await?, print)
            }
            RunsVerb::Diff { run, stat } => {
                run_changes::diff(&environment, &look.engine, &look.find_here(&run).await?, stat)
            }
            RunsVerb::Undo { run, yes } => {
                let consent = if yes { Consent::Given } else { Consent::Asked };
                run_changes::undo(&look.engine, &look.project, &look.find_here(&run).await?, consent).await
            }
            RunsVerb::Cancel { run } => look.cancel(&run, &environment.engine()?).await,
            RunsVerb::Prune(args) => prune::main(&environment, &look.project, args).await,
        }
    })
}

/// Shows runs.
struct RunViewer {
    engine: Engine,
    project: ProjectContext,
}

impl RunViewer {
    /// Finds a run whose changes are meant: `latest` is that of this directory, because others are not at hand here.
    async fn find_here(&self, wanted: &str) -> Result<FoundRun, Failure> {
        if wanted != "latest" {
            return self.find(wanted).await;
        }
        let last = self.engine.last_run(&self.project, false).await?;
        let last = last.ok_or_else(|| {
            let message = format!("no run was made in `{}` yet", self.project.dir().display());
            Failure::new(
                ErrorCode::UnknownRun,
                message,
                "`pointsman runs list` shows the runs of all directories",
            )
        })?;
        self.find(last.run_id.as_str()).await
    }

    async fn find(&self, wanted: &str) -> Result<FoundRun, Failure> {
        Ok(self.engine.find(&self.project, wanted).await?)
    }

    async fn again(&self, found: &FoundRun) -> Result<FoundRun, Failure> {
        Ok(self.engine.load(&self.project, found.id.clone()).await?)
    }

    async fn show(
        &self,
        environment: &Environment,
        wanted: &str,
        format: PlainFormat,
    ) -> Result<u8, Failure> {
        let found = self.find(wanted).await?;
        let report = report(&found)?;
        match format {
            PlainFormat::Json => output::json(&report),
            PlainFormat::Text => {
                let driver = self.engine.driver(&found);
                pager::text(environment, &run_detail::text(&found, &report, driver, clock::now()));
            }
        }
        Ok(0)
    }

    /// Prints what is in the log.
    async fn logs(&self, wanted: &str, format: Format) -> Result<u8, Failure> {
        let (found, mut log) = self.live_log(wanted, format).await?;
        print_new(&found, &mut log, format)?;
        Ok(0)
    }

    /// Prints what is in the log and what is added, until the end of the run, whose exit code is returned.
    async fn follow(&self, wanted: &str, format: Format) -> Result<u8, Failure> {
        let (found, mut log) = self.live_log(wanted, format).await?;
        match print_new(&found, &mut log, format)? {
            Some(exit_code) => Ok(exit_code),
            None => self.follow_to_the_end(&found, &mut log, format).await,
        }
    }

    async fn live_log(&self, wanted: &str, format: Format) -> Result<(FoundRun, LiveLog), Failure> {
        if format == Format::Json {
            return Err(Failure::new(
                ErrorCode::WrongFlagValue,
                "a log is a stream",
                "use `-o text` or `-o jsonl`",
            ));
        }
        let found = self.find(wanted).await?;
        let log = self.engine.live_log(&found.id).map_err(|error| unreadable(&found, &error))?;
        Ok((found, log))
    }

    async fn follow_to_the_end(
        &self,
        found: &FoundRun,
        log: &mut LiveLog,
        format: Format,
    ) -> Result<u8, Failure> {
        loop {
            tokio::time::sleep(CHECK_INTERVAL).await;
            if let Some(exit_code) = print_new(found, log, format)? {
                return Ok(exit_code);
            }
            if !self.engine.is_driven(&self.again(found).await?) {
                // Its last lines may have come between reading the log and checking the driver.
                return match print_new(found, log, format)? {
                    Some(exit_code) => Ok(exit_code),
                    None => Err(Failure::new(
                        ErrorCode::DriverGone,
                        format!("the process that drove run `{}` is gone", found.id),
                        "`pointsman runs show` has how it ended",
                    )),
                };
            }
        }
    }

    /// Finds the run read-only, which works even if nothing can be written; `writing` is the engine that writes the
    /// request.
    async fn cancel(&self, wanted: &str, writing: &Engine) -> Result<u8, Failure> {
        let found = self.find(wanted).await?;
        if found.state.verdict() == Some(Verdict::Cancelled) {
            output::say(Tone::Good, "cancelled:", &format!("run {} already was", short(&found)));
            return Ok(0);
        }
        writing.cancel(&self.project, &found).await?;
        let begun = Instant::now();
        while begun.elapsed() < CANCEL_LIMIT {
            // A ledger that cannot be read for a moment does not mean that the run continues.
            if let Ok(now) = self.again(&found).await
                && now.state.is_finished()
            {
                output::say(Tone::Good, &format!("{}:", now.state.word()), &format!("run {}", short(&found)));
                return Ok(0);
            }
            tokio::time::sleep(CHECK_INTERVAL).await;
        }
        Err(Failure::new(
            ErrorCode::StillRunning,
            format!("run `{}` was asked to stop, and that it has ended is not seen yet", found.id),
            "`pointsman runs show` tells who drives it, and when it has ended",
        ))
    }
}

fn short(found: &FoundRun) -> String {
    short::short(found.id.as_str())
}

fn report(found: &FoundRun) -> Result<RunReport, Failure> {
    found.report().ok_or_else(|| {
        Failure::bare(ErrorCode::UnfinishedLog, format!("run `{}` has an empty log", found.id))
    })
}

fn unreadable(found: &FoundRun, error: &std::io::Error) -> Failure {
    let why = match error.kind() {
        std::io::ErrorKind::NotFound => "is not there: never written, or no longer kept".to_owned(),
        _ => format!("cannot be read: {error}"),
    };
    Failure::new(
        ErrorCode::UnreadableLiveLog,
        format!("the live log of run `{}` {why}", found.id),
        "`pointsman runs show` has what the ledger knows",
    )
}

/// Prints what is new; returns the run's exit code once its end was printed.
fn print_new(found: &FoundRun, log: &mut LiveLog, format: Format) -> Result<Option<u8>, Failure> {
    while let Some(text) = log.next_line().map_err(|error| unreadable(found, &error))? {
        let line: Option<Line> = serde_json::from_str(&text).ok();
        // A full disk leaves half a line, or an empty one; a newer version leaves lines of a kind that is not known here.
        if line.is_none() && serde_json::from_str::<IgnoredAny>(&text).is_err() {
            continue;
        }
        match (format, &line) {
            (Format::Jsonl, _) => {
                output::line(&text);
            }
            (Format::Text | Format::Json, Some(line)) => live_line::print(line),
            (Format::Text | Format::Json, None) => {}
        }
        if let Some(Line { body: Body::Fact(event), .. }) = line
            && let Fact::Finished { exit_code, .. } = event.fact
        {
            return Ok(Some(exit_code));
        }
    }
    Ok(None)
}
