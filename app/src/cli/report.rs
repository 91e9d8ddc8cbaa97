//! `pointsman report`: summarises what was recorded. `routing`: which rule was wrong; `compliance`: which directives
//! were followed; `cost`: what runs cost.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use pointsman_core::compliance::{Surroundings, directives, report};
use pointsman_core::feedback::{Counted, Feedback};
use pointsman_core::report::cost::CostRecords;

use super::context::{environment_to_look, runtime};
use super::exit::Failure;
use super::look_args::CostArgs;
use super::routing_args::{ReportArgs, ReportVerb};
use crate::clock;
use crate::engine::history::Span;
use crate::engine::hooks::HookCounts;
use crate::present::output::{self, ReportFormat, Tone};
use crate::present::{compliance_report, cost_report, pager, routing_report};

/// Runs the verb.
pub fn main(args: ReportArgs) -> Result<u8, Failure> {
    match args.verb {
        ReportVerb::Routing { span, rehearsals, output } => {
            let counted = if rehearsals { Counted::Rehearsals } else { Counted::Real };
            routing(span.span(), counted, output)
        }
        ReportVerb::Compliance { since, output } => compliance(since, output),
        ReportVerb::Cost(args) => cost(&args),
    }
}

fn cost(args: &CostArgs) -> Result<u8, Failure> {
    let environment = environment_to_look()?;
    let (loaded, trouble) = environment.settings_or_defaults();
    if let Some(trouble) = trouble {
        output::say(Tone::Warning, "notice:", &format!("{trouble}; the list prices are the built-in ones"));
    }
    let zone = clock::local_zone();
    let since = Some(args.since.instant(clock::now(), &zone)).filter(|since| *since > Timestamp::MIN);
    let mut records = CostRecords::default();
    let span = Span { since, count_max: None };
    runtime()?.block_on(environment.history().each(span, |past| match &past.state {
        Some(run) => records.add(&past.row.run_id, run),
        None => records.add_unreadable(),
    }))?;
    let report = records.report(args.by.into(), &zone, zone_name(&zone), &loaded.settings.price_table());
    match args.output {
        ReportFormat::Text => {
            pager::styled(&environment, &cost_report::text(&report, since, output::width()))
        }
        ReportFormat::Json => output::json(&cost_report::Printed::new(&report, since)),
        ReportFormat::Csv => output::text(&cost_report::csv(&report)),
        ReportFormat::Md => output::text(&cost_report::markdown(&report)),
    }
    Ok(0)
}

/// Returns the name of the local time zone, or its distance from UTC.
fn zone_name(zone: &TimeZone) -> String {
    let distance = || clock::now().to_zoned(zone.clone()).strftime("UTC%:z").to_string();
    zone.iana_name().map_or_else(distance, str::to_owned)
}

fn routing(span: Span, counted: Counted, format: ReportFormat) -> Result<u8, Failure> {
    let mut feedback = Feedback::of(counted);
    let environment = environment_to_look()?;
    let history = environment.history();
    runtime()?.block_on(history.each(span, |past| match &past.state {
        Some(run) => feedback.add(run),
        None => feedback.add_unreadable(),
    }))?;
    let report = feedback.report();
    match format {
        ReportFormat::Text => pager::text(&environment, &routing_report::text(&report)),
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
    let environment = environment_to_look()?;
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
        time_zone: zone_name(&zone),
        gave_up: HookCounts::new(&environment.store_paths().state)
            .gave_up_since(since.unwrap_or(Timestamp::MIN)),
    };
    let report = report(&directives(&facts, &runs, &tier_of, &zone), &facts, around);
    match format {
        ReportFormat::Text => pager::text(&environment, &compliance_report::text(&report, since)),
        ReportFormat::Json => output::json(&compliance_report::Printed::new(&report, since)),
        ReportFormat::Csv => output::text(&compliance_report::csv(&report)),
        ReportFormat::Md => output::text(&compliance_report::markdown(&report)),
    }
    Ok(0)
}
