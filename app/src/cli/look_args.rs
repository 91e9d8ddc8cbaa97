//! The flags of the verbs that look back: `runs` and `report cost`.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand, ValueEnum};
use pointsman_core::report::cost::CostBy;
use pointsman_core::run::filter::STATES;

use super::since::{self, Since};
use crate::config::model::HumanDuration;
use crate::present::output::{Format, PlainFormat, ReportFormat};

/// Look at runs, follow them, stop them.
///
/// RUN is the short id that lists show (`k3f9qx`, or the first 4 characters of it and more), a whole id, the beginning of
/// one, or `latest`. Where it fits several runs, the error names them.
#[derive(Debug, Args)]
pub struct RunsArgs {
    #[command(subcommand)]
    pub verb: RunsVerb,
}

#[derive(Debug, Subcommand)]
pub enum RunsVerb {
    /// List runs, newest first.
    List(ListArgs),
    /// List sessions, those used last first. A run without `--session` has one of its own.
    ///
    /// `run --session SESSION` goes on in one; SESSION is the name or the short id that is shown.
    Sessions(ListArgs),
    /// Show one run: route, attempts, outcome, cost.
    Show {
        /// The run's short id, its id, the beginning of one, or `latest`.
        run: String,
        /// How to print: text or json.
        #[arg(long, short, value_enum, value_name = "FORMAT", default_value = "text")]
        output: PlainFormat,
    },
    /// Print what a run's agent said and did.
    Logs {
        /// The run's short id, its id, the beginning of one, or `latest`.
        run: String,
        /// Go on until the run is over; exits with the run's exit code.
        #[arg(long, short)]
        follow: bool,
        /// How to print: text or jsonl.
        #[arg(long, short, value_enum, value_name = "FORMAT", default_value = "text")]
        output: Format,
    },
    /// Go on with a run's conversation in the agent's own CLI: starts it at a terminal, prints the command otherwise.
    Open {
        /// The run's short id, its id, the beginning of one, or `latest`.
        run: String,
        /// Only print the command.
        #[arg(long)]
        print: bool,
    },
    /// Show what a run changed, as a patch.
    Diff {
        /// The run's short id, its id, the beginning of one, or `latest`.
        run: String,
        /// Only the files, and how many lines changed.
        #[arg(long)]
        stat: bool,
    },
    /// Take back what a run changed, if nothing else touched these files since.
    Undo {
        /// The run's short id, its id, the beginning of one, or `latest`.
        run: String,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
    /// Stop a run.
    Cancel {
        /// The run's short id, its id, the beginning of one, or `latest`.
        run: String,
    },
    Prune(PruneArgs),
}

/// What a list has, and how it is printed.
#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    pub filter: FilterArgs,
    /// How many at most.
    #[arg(long, short = 'n', default_value_t = 20, value_name = "COUNT")]
    pub limit: usize,
    /// How to print: text or json.
    #[arg(long, short, value_enum, value_name = "FORMAT", default_value = "text")]
    pub output: PlainFormat,
}

/// Which runs are listed.
#[derive(Debug, Args)]
pub struct FilterArgs {
    /// Only runs in this directory or below it.
    #[arg(long, value_name = "DIR")]
    pub project: Option<PathBuf>,
    /// Only runs of this session: its name, or its short id.
    #[arg(long, value_name = "SESSION")]
    pub session: Option<String>,
    /// Only runs in these states, by commas.
    #[arg(long, value_name = "STATE", value_delimiter = ',', value_parser = PossibleValuesParser::new(STATES))]
    pub state: Vec<String>,
    /// Only runs that failed; short for `--state failed`.
    #[arg(long, conflicts_with = "state")]
    pub failed: bool,
    /// Only runs since then: 12h, 7d, 4w, today, yesterday, 2026-11-01.
    #[arg(long, value_name = "WHEN", value_parser = since::parse)]
    pub since: Option<Since>,
}

/// Remove old runs, live logs, facts of hooks and metrics.
///
/// By the limits of the settings, `store.keep` and `store.bytes_max`. The newest 200 runs and 30 days stay however old
/// they are, and so does what is not over. Shows what would go, and asks; the same is done in the background once a day.
#[derive(Debug, Args)]
#[command(visible_alias = "gc")]
pub struct PruneArgs {
    /// Keep only what is younger than this, such as 30d, in the place of `store.keep`.
    #[arg(long, value_name = "TIME", value_parser = keep)]
    pub keep: Option<HumanDuration>,
    /// Show what would go, and remove nothing.
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
    /// Do not ask.
    #[arg(long, short)]
    pub yes: bool,
    /// How to print: text or json.
    #[arg(long, short, value_enum, value_name = "FORMAT", default_value = "text")]
    pub output: PlainFormat,
}

/// Show what runs cost, and what the same tokens would have cost on one tier.
///
/// What agents reported and what is estimated stand apart. Comparisons are estimates: the same tokens at the list prices
/// of the settings (`prices`). Rehearsals are left out. Days and weeks are those of the local time zone.
#[derive(Debug, Args)]
pub struct CostArgs {
    /// What a line is about.
    #[arg(long, value_enum, value_name = "WHAT", default_value = "day")]
    pub by: CostByArg,
    /// Only runs since then: 12h, 7d, 4w, today, yesterday, 2026-11-01; `all` for all that is kept.
    #[arg(long, value_name = "WHEN", value_parser = since::parse, default_value = "30d")]
    pub since: Since,
    /// How to print: text, json, csv, or md for a document.
    #[arg(long, short, value_enum, value_name = "FORMAT", default_value = "text")]
    pub output: ReportFormat,
}

/// What a line of `report cost` is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CostByArg {
    /// A day.
    Day,
    /// A week, from Monday.
    Week,
    /// A tier.
    Tier,
    /// An agent.
    Agent,
    /// A project.
    Project,
    /// A session.
    Session,
}

impl From<CostByArg> for CostBy {
    fn from(by: CostByArg) -> CostBy {
        match by {
            CostByArg::Day => CostBy::Day,
            CostByArg::Week => CostBy::Week,
            CostByArg::Tier => CostBy::Tier,
            CostByArg::Agent => CostBy::Agent,
            CostByArg::Project => CostBy::Project,
            CostByArg::Session => CostBy::Session,
        }
    }
}

fn keep(text: &str) -> Result<HumanDuration, &'static str> {
    HumanDuration::parse(text).ok_or("use a time such as 12h, 7d or 4w")
}
