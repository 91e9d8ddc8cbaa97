//! `pointsman runs`: look at runs, follow them, stop them.

use std::time::{Duration, Instant};

use pointsman_core::error_code::ErrorCode;
use pointsman_core::ids::AgentName;
use pointsman_core::report::live::{Body, Line, Seen};
use pointsman_core::report::run::{RunReport, SCHEMA_VERSION};
use pointsman_core::report::run_line::RunLine;
use pointsman_core::run::event::Fact;
use pointsman_core::run::outcome::Verdict;
use pointsman_core::run::row::RunRow;
use pointsman_core::run::state::Phase;
use pointsman_core::run::tools::call_in_words;
use serde::Serialize;

use super::args::{RunsArgs, RunsVerb};
use super::exit::Failure;
use super::run::{runtime, world};
use crate::clock;
use crate::engine::Engine;
use crate::engine::project::ProjectContext;
use crate::engine::query::{Driver, FoundRun, LiveLog};
use crate::present::output::{self, Format, PlainFormat, Tone};
use crate::present::{route, run_summary};

/// How often a growing log is looked at: soon enough for eyes, rare enough for a battery.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How long `cancel` waits to see the run end.
const CANCEL_LIMIT: Duration = Duration::from_secs(30);

#[derive(Serialize)]
struct RunList<'a> {
    schema_version: u32,
    runs: Vec<RunLine<'a>>,
}

/// Runs the verb.
pub fn main(args: RunsArgs) -> Result<u8, Failure> {
    let world = world(None)?;
    let (loaded, trouble) = world.settings_or_defaults();
    if let Some(trouble) = trouble {
        output::say(Tone::Warning, "notice:", &format!("{trouble}; the defaults hold for this look back"));
    }
    let project = world.project(&loaded)?;
    let look = Look { engine: world.engine_to_read()?, project };
    runtime()?.block_on(async {
        match args.verb {
            RunsVerb::List { limit, output } => look.list(limit, output).await,
            RunsVerb::Show { run, output } => look.show(&run, output).await,
            RunsVerb::Logs { run, follow, output } => look.logs(&run, follow, output).await,
            RunsVerb::Cancel { run } => look.cancel(&run, &world.engine()?).await,
        }
    })
}

/// Where runs are looked at.
struct Look {
    engine: Engine,
    project: ProjectContext,
}

impl Look {
    async fn find(&self, wanted: &str) -> Result<FoundRun, Failure> {
        Ok(self.engine.find(&self.project, wanted).await?)
    }

    async fn again(&self, found: &FoundRun) -> Result<FoundRun, Failure> {
        Ok(self.engine.load(&self.project, found.id.clone()).await?)
    }

    async fn list(&self, limit: usize, format: PlainFormat) -> Result<u8, Failure> {
        let runs = self.engine.runs(&self.project, limit).await?;
        if let count @ 1.. = self.engine.odd_line_count() {
            let text = format!(
                "{count} lines of the spool are not understood, and are kept; `pointsman doctor` says more"
            );
            output::say(Tone::Warning, "notice:", &text);
        }
        match format {
            PlainFormat::Json => {
                let runs = runs.iter().map(RunLine::new).collect();
                output::json(&RunList { schema_version: SCHEMA_VERSION, runs });
            }
            PlainFormat::Text if runs.is_empty() && limit > 0 => {
                output::say(Tone::Plain, "no runs yet:", "`pointsman run` makes one")
            }
            PlainFormat::Text => {
                let now = clock::now();
                let rows: Vec<Vec<String>> = runs.iter().map(|run| row(run, now)).collect();
                output::text(&output::table(&["RUN", "STATE", "AGENT", "WHEN", "PROJECT", ""], &rows));
            }
        }
        Ok(0)
    }

    async fn show(&self, wanted: &str, format: PlainFormat) -> Result<u8, Failure> {
        let found = self.find(wanted).await?;
        let report = report(&found)?;
        match format {
            PlainFormat::Json => output::json(&report),
            PlainFormat::Text => {
                let driver = self.engine.driver(&found).map(driver);
                output::text(&in_words(&found, &report, driver));
            }
        }
        Ok(0)
    }

    async fn logs(&self, wanted: &str, follow: bool, format: Format) -> Result<u8, Failure> {
        if format == Format::Json {
            return Err(Failure::new(
                ErrorCode::WrongFlagValue,
                "a log is a stream",
                "use `-o text` or `-o jsonl`",
            ));
        }
        let found = self.find(wanted).await?;
        let mut log = self.engine.live_log(&found.id).map_err(|error| unreadable(&found, &error))?;
        match (print_new(&found, &mut log, format)?, follow) {
            (Some(exit_code), true) => Ok(exit_code),
            (Some(_), false) | (None, false) => Ok(0),
            (None, true) => self.follow_to_the_end(&found, &mut log, format).await,
        }
    }

    async fn follow_to_the_end(
        &self,
        found: &FoundRun,
        log: &mut LiveLog,
        format: Format,
    ) -> Result<u8, Failure> {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if let Some(exit_code) = print_new(found, log, format)? {
                return Ok(exit_code);
            }
            if !self.engine.is_driven(&self.again(found).await?) {
                // Its last lines may have come between our look at the log and at the driver.
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

    /// Finds the run by a look, which works where nothing can be written; the wish is written by an engine that can.
    async fn cancel(&self, wanted: &str, writing: &Engine) -> Result<u8, Failure> {
        let found = self.find(wanted).await?;
        if found.state.verdict() == Some(Verdict::Cancelled) {
            output::say(Tone::Good, "cancelled:", &format!("run {} already was", found.id));
            return Ok(0);
        }
        writing.cancel(&self.project, &found).await?;
        let begun = Instant::now();
        while begun.elapsed() < CANCEL_LIMIT {
            // A ledger that cannot be read for a moment does not say that the run goes on.
            if let Ok(now) = self.again(&found).await
                && now.state.is_finished()
            {
                output::say(Tone::Good, &format!("{}:", now.state.word()), &format!("run {}", found.id));
                return Ok(0);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Err(Failure::new(
            ErrorCode::StillRunning,
            format!("run `{}` was asked to stop, and that it has ended is not seen yet", found.id),
            "`pointsman runs show` tells who drives it, and when it has ended",
        ))
    }
}

fn row(run: &RunRow, now: jiff::Timestamp) -> Vec<String> {
    vec![
        run.run_id.to_string(),
        run.word().to_owned(),
        run.agent.as_ref().map_or("-", AgentName::as_str).to_owned(),
        run_summary::ago(run.created_at, now),
        run.project_root.clone(),
        if run.rehearsal { "rehearsal".to_owned() } else { String::new() },
    ]
}

fn report(found: &FoundRun) -> Result<RunReport, Failure> {
    found.report().ok_or_else(|| {
        Failure::bare(ErrorCode::UnfinishedLog, format!("run `{}` has an empty log", found.id))
    })
}

fn in_words(found: &FoundRun, report: &RunReport, driver: Option<String>) -> String {
    let rehearsal = if report.rehearsal { " (rehearsal)" } else { "" };
    let mut lines = vec![
        format!("run        {}{rehearsal}", report.run_id),
        format!(
            "state      {}{}{}",
            found.state.word(),
            report.code.map(|code| format!(" [{code}]")).unwrap_or_default(),
            report.reason.as_deref().map(|r| format!(": {r}")).unwrap_or_default()
        ),
        waiting(found),
        driver.unwrap_or_default(),
        format!("session    {}", report.session_id),
        format!("project    {}", report.project_root),
    ];
    lines.retain(|line| !line.is_empty());
    if let Some(at) = report.created_at {
        lines.push(format!("asked      {at} ({})", run_summary::ago(at, clock::now())));
    }
    if let Some(decided) = &report.route {
        lines.push(format!("route      {}", route::in_words(&decided.route)));
    }
    for (number, attempt) in report.attempts.iter().enumerate() {
        let outcome = attempt.outcome.map_or("running", |outcome| outcome.as_str());
        let detail = attempt.detail.as_deref().unwrap_or_default();
        lines.push(format!(
            "attempt {}  {} ({}), asked for {}, served by {}{}: {outcome}, {detail} ({})",
            number + 1,
            attempt.agent,
            attempt.tier,
            attempt.model_requested,
            if attempt.models_served.is_empty() {
                "nobody".to_owned()
            } else {
                attempt.models_served.join(", ")
            },
            run_summary::marks(attempt),
            run_summary::seconds(attempt.duration_ms),
        ));
    }
    if let Some(usd) = report.cost_usd() {
        lines.push(format!("cost       {}", run_summary::usd_text(usd)));
    }
    if let Some(prompt) = found.state.requested.as_ref().and_then(|requested| requested.prompt.as_ref()) {
        lines.push(format!("\nrequest\n{}", indented(prompt)));
    }
    if let Some(answer) = &report.answer {
        lines.push(format!("\nanswer\n{}", indented(answer)));
    }
    lines.join("\n")
}

/// Says for what and until when a run waits, if it does.
fn waiting(found: &FoundRun) -> String {
    match &found.state.phase {
        Phase::Waiting { until, why } => format!("waits      until {until} ({})", why.as_str()),
        Phase::New | Phase::Requested | Phase::Ready | Phase::Running | Phase::Finished { .. } => {
            String::new()
        }
    }
}

/// Says who drives a run, and when it was heard of last.
fn driver(driver: Driver) -> String {
    let heard = driver.heartbeat_at.map(|at| format!(", heard of {}", run_summary::ago(at, clock::now())));
    let place = if driver.is_elsewhere { " on another machine, or in another container" } else { "" };
    format!("driver     process {}{place}{}", driver.pid, heard.unwrap_or_default())
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

fn unreadable(found: &FoundRun, error: &std::io::Error) -> Failure {
    Failure::new(
        ErrorCode::UnreadableLiveLog,
        format!("the live log of run `{}` cannot be read: {error}", found.id),
        "`pointsman runs show` has what the ledger knows",
    )
}

/// Prints what is new; returns the run's exit code once its end was printed.
fn print_new(found: &FoundRun, log: &mut LiveLog, format: Format) -> Result<Option<u8>, Failure> {
    while let Some(text) = log.next_line().map_err(|error| unreadable(found, &error))? {
        let line: Option<Line> = serde_json::from_str(&text).ok();
        match (format, &line) {
            (Format::Jsonl, _) => {
                output::line(&text);
            }
            (Format::Text | Format::Json, Some(line)) => print_line(line),
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

fn print_line(line: &Line) {
    let live = match &line.body {
        Body::Fact(event) => return print_fact(&event.fact, line.rehearsal),
        Body::Live(live) => live,
    };
    let say =
        |tone: Tone, word: &str, sentence: &str| output::say(tone, &marked(word, line.rehearsal), sentence);
    match &live.seen {
        Seen::Text { text } => output::text(text),
        Seen::ToolUse { tool, what, subagent } => {
            let call = call_in_words(tool, what);
            say(Tone::Plain, if *subagent { "subagent uses" } else { "uses" }, &call);
        }
        Seen::Notice { text } => say(Tone::Warning, "notice:", text),
        Seen::PermissionDenied { tool, what } => {
            let call = call_in_words(tool, what);
            say(Tone::Warning, "denied:", &call);
        }
        Seen::ModelServed { model } => say(Tone::Plain, "served by", model),
        Seen::ModelFallback { from, to } => say(Tone::Warning, "fallback:", &format!("{from} to {to}")),
        Seen::ApiError { kind, .. } => say(Tone::Warning, "api error:", kind),
        Seen::AgentStarted { .. }
        | Seen::TextDelta { .. }
        | Seen::RateLimit(_)
        | Seen::UnknownAgentEvent { .. } => {}
    }
}

/// Marks what is only rehearsed.
fn marked(word: &str, rehearsal: bool) -> String {
    if rehearsal { format!("rehearsal: {word}") } else { word.to_owned() }
}

fn print_fact(fact: &Fact, rehearsal: bool) {
    let word = |word: &str| marked(word, rehearsal);
    match fact {
        Fact::Requested(_) => {}
        Fact::Routed { route } => output::say(Tone::Plain, &word("route:"), &route::in_words(route)),
        Fact::Approved { by } => output::say(Tone::Plain, &word("approved:"), by),
        Fact::AttemptStarted(started) => output::say(
            Tone::Plain,
            &word(&format!("attempt {}:", started.attempt)),
            &format!("{} ({}), model {}", started.agent, started.tier, started.model_requested),
        ),
        Fact::AttemptEnded(ended) => output::say(
            if ended.outcome.exit_code() == 0 { Tone::Good } else { Tone::Warning },
            &word(&format!("{}:", ended.outcome)),
            &format!("{} ({})", ended.detail, run_summary::seconds(ended.duration_ms)),
        ),
        Fact::Waiting { until, .. } => output::say(Tone::Plain, &word("waiting:"), &format!("until {until}")),
        Fact::Finished { verdict, code, reason, .. } => {
            output::say(Tone::Plain, &word(&output::coded(verdict.as_str(), *code)), reason);
        }
    }
}
