//! `pointsman report`: summarises what was recorded. `routing`: which rule was wrong; `compliance`: which directives
//! were followed.

use jiff::{SignedDuration, Timestamp};
use pointsman_core::compliance::{Surroundings, directives, report};
use pointsman_core::feedback::Feedback;

use super::context::{environment, runtime};
use super::exit::Failure;
use super::routing_args::{ReportArgs, ReportFormat, ReportVerb};
use crate::clock;
use crate::engine::history::Span;
use crate::engine::hooks::HookCounts;
use crate::present::output::{self, Tone};
use crate::present::{compliance_report, routing_report};

/// Runs the verb.
pub fn main(args: ReportArgs) -> Result<u8, Failure> {
    match args.verb {
        ReportVerb::Routing { span, output } => routing(span.span(), output),
        ReportVerb::Compliance { since, output } => compliance(since, output),
    }
}

fn routing(span: Span, format: ReportFormat) -> Result<u8, Failure> {
    let mut feedback = Feedback::default();
    let history = environment(None)?.history();
    runtime()?.block_on(history.each(span, |past| match &past.state {
        Some(run) => feedback.add(run),
        None => feedback.add_unreadable(),
    }))?;
    let report = feedback.report();
    match format {
        ReportFormat::Text => output::text(&routing_report::text(&report)),
        ReportFormat::Json => output::json(&routing_report::Printed::new(&report)),
        ReportFormat::Csv => output::text(&routing_report::csv(&report)),
        ReportFormat::Md => output::text(&routing_report::markdown(&report)),
    }
    if format != ReportFormat::Json && !report.proposals.is_empty() {
        output::say(Tone::Plain, "nothing was changed:", "a proposal is for you to judge and to write down");
    }
    Ok(0)
}

fn compliance(since: Option<SignedDuration>, format: ReportFormat) -> Result<u8, Failure> {
    let environment = environment(None)?;
    let (loaded, _) = environment.settings_or_defaults();
    let (engine, project) = (environment.engine()?, environment.project(&loaded)?);
    let since = since.map(|span| clock::now().saturating_sub(span).unwrap_or(Timestamp::MIN));
    let (facts, runs) = runtime()?.block_on(async {
        engine.tidy_up(&project).await;
        engine.hook_facts(since.unwrap_or(Timestamp::MIN)).await
    })?;
    let tier_of = |model: &str| project.catalog().tier_of_model(model);
    let zone = clock::local_zone();
    let around = Surroundings {
        time_zone: zone.iana_name().map_or_else(
            || clock::now().to_zoned(zone.clone()).strftime("UTC%:z").to_string(),
            str::to_owned,
        ),
        gave_up: HookCounts::new(&environment.store_paths().state)
            .gave_up_since(since.unwrap_or(Timestamp::MIN)),
    };
    let report = report(&directives(&facts, &runs, &tier_of, &zone), &facts, around);
    match format {
        ReportFormat::Text => output::text(&compliance_report::text(&report, since)),
        ReportFormat::Json => output::json(&compliance_report::Printed::new(&report, since)),
        ReportFormat::Csv => output::text(&compliance_report::csv(&report)),
        ReportFormat::Md => output::text(&compliance_report::markdown(&report)),
    }
    Ok(0)
}
