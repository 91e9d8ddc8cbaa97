//! The flags of the verbs that measure the router: `eval`, `replay`, `report`, `scan`.

use std::path::PathBuf;

use pointsman_core::agent::PermissionMode;

use super::look_args::CostArgs;
use super::request_args::supposed_permission_modes;
use clap::{Args, Subcommand};
use jiff::SignedDuration;
use pointsman_core::eval::gates::Gates;

use crate::config::model::parse_duration;
use crate::present::output::{PlainFormat, ReportFormat};

/// Measure the router on labelled requests.
///
/// FILE has one {"id", "request", "label"} a line; a label is haiku, sonnet, opus or escalate. "acceptable" may name
/// further answers that are no error, "category" what kind of request it is. Exits 1 when a threshold is missed.
#[derive(Debug, Args)]
pub struct EvalArgs {
    /// The labelled requests, one JSON object a line; `-` for standard input.
    pub file: PathBuf,
    /// Measure with this policy file in the place of those in force too, and show which answers change. Thresholds
    /// hold for the policy in force.
    #[arg(long, value_name = "POLICY")]
    pub against: Option<PathBuf>,
    /// List the wrong answers, each with the rule behind it.
    #[arg(long)]
    pub wrong: bool,
    /// Decide as if every agent had this permission mode; without it, as the agents are set up.
    #[arg(long, value_name = "MODE", value_parser = supposed_permission_modes())]
    pub permission_mode: Option<PermissionMode>,
    /// Put the time of a decision into the JSON, which then differs from run to run.
    #[arg(long)]
    pub latency: bool,
    #[command(flatten)]
    pub thresholds: ThresholdArgs,
    /// The project directory; the current one without it.
    #[arg(long, value_name = "DIR")]
    pub project: Option<PathBuf>,
    /// How to print: text or json.
    #[arg(long, short, value_enum, value_name = "FORMAT", default_value = "text")]
    pub output: PlainFormat,
}

/// What an evaluation must reach.
#[derive(Debug, Args)]
#[command(next_help_heading = "Thresholds (shares from 0 to 1)")]
pub struct ThresholdArgs {
    /// Least share of acceptable answers.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub min_accuracy: Option<f64>,
    /// Least macro-F1.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub min_macro_f1: Option<f64>,
    /// Most work that goes to too weak a tier.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub max_under: Option<f64>,
    /// Most work that goes to too strong a tier.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub max_over: Option<f64>,
    /// Most work for which a person is asked without need.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub max_needless: Option<f64>,
    /// Most requests that need a person and are run.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub max_missed: Option<f64>,
    /// Most dangerous requests that are run unasked.
    #[arg(long, value_name = "COUNT")]
    pub max_dangerous_missed: Option<usize>,
    /// Most expected calibration error.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub max_ece: Option<f64>,
    /// Most mean loss; one task on the opus tier is 1.
    #[arg(long, value_name = "LOSS", value_parser = loss)]
    pub max_loss: Option<f64>,
    /// Least share of acceptable answers in every adversarial category (`adv:…`) with five requests or more.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub min_slice_accuracy: Option<f64>,
}

impl ThresholdArgs {
    /// Returns the thresholds as a value.
    pub fn gates(&self) -> Gates {
        Gates {
            min_accuracy: self.min_accuracy,
            min_macro_f1: self.min_macro_f1,
            max_under: self.max_under,
            max_over: self.max_over,
            max_needless: self.max_needless,
            max_missed: self.max_missed,
            max_dangerous_missed: self.max_dangerous_missed,
            max_ece: self.max_ece,
            max_loss: self.max_loss,
            min_slice_accuracy: self.min_slice_accuracy,
        }
    }
}

/// Decide past requests again and list what would be different. Reads the ledger and never writes it.
///
/// Only requests whose words were stored can be decided again; secrets in them are redacted, so a rule that looks for
/// one may see it otherwise.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// Decide with this policy file in the place of those in force.
    #[arg(long, value_name = "POLICY")]
    pub against: Option<PathBuf>,
    #[command(flatten)]
    pub span: SpanArgs,
    /// Exit 1 when anything would be different.
    #[arg(long)]
    pub fail_on_change: bool,
    /// The project directory, whose settings hold; the current one without it.
    #[arg(long, value_name = "DIR")]
    pub project: Option<PathBuf>,
    /// How to print: text or json.
    #[arg(long, short, value_enum, value_name = "FORMAT", default_value = "text")]
    pub output: PlainFormat,
}

/// Which runs are looked at.
#[derive(Debug, Clone, Args)]
pub struct SpanArgs {
    /// Only runs of the last time, such as 12h, 7d or 4w.
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub since: Option<SignedDuration>,
    /// Only the newest runs, so many.
    #[arg(long, short = 'n', value_name = "COUNT")]
    pub limit: Option<usize>,
}

/// Report on what was recorded.
#[derive(Debug, Args)]
pub struct ReportArgs {
    #[command(subcommand)]
    pub verb: ReportVerb,
}

#[derive(Debug, Subcommand)]
pub enum ReportVerb {
    /// Show which rule was wrong how often, and what would be better. Changes nothing by itself.
    ///
    /// A route was wrong where a stronger tier had to take over, or where a person chose another tier than the router
    /// would have. Shares are smoothed, so that few runs make no bold claim. Rehearsals are left out.
    Routing {
        #[command(flatten)]
        span: SpanArgs,
        /// Count rehearsals instead of real runs.
        #[arg(long)]
        rehearsals: bool,
        /// How to print: text, json, csv, or md for a document.
        #[arg(long, short, value_enum, value_name = "FORMAT", default_value = "text")]
        output: ReportFormat,
    },
    /// Show which directives of hooks were followed, by the models that really answered.
    ///
    /// The rate is followed of followed and ignored; what is not known stands beside it. Prompts and delegations are
    /// counted apart.
    Compliance {
        /// Only the last time, such as 12h, 7d or 4w.
        #[arg(long, value_name = "TIME", value_parser = span)]
        since: Option<SignedDuration>,
        /// How to print: text, json, csv, or md for a document.
        #[arg(long, short, value_enum, value_name = "FORMAT", default_value = "text")]
        output: ReportFormat,
    },
    Cost(CostArgs),
}

/// Show what your own Claude Code sessions used, and where the router would have sent their prompts.
///
/// Reads the transcripts of all projects in `projects` of CLAUDE_CONFIG_DIR (`~/.claude`), and nothing else: no
/// settings, no network. Prints counts and no word of a prompt; writes nothing. Prompts are decided by the built-in
/// rules, whatever the directory. Costs are estimates at list prices of the API.
#[derive(Debug, Args)]
pub struct ScanArgs {
    /// Only the last time, such as 12h, 7d or 4w.
    #[arg(long, value_name = "TIME", value_parser = span, default_value = "30d")]
    pub since: SignedDuration,
    /// How to print: text or json.
    #[arg(long, short, value_enum, value_name = "FORMAT", default_value = "text")]
    pub output: PlainFormat,
}

fn share(text: &str) -> Result<f64, &'static str> {
    let share: Option<f64> = text.parse().ok();
    share.filter(|share| (0.0..=1.0).contains(share)).ok_or("use a share from 0 to 1")
}

fn loss(text: &str) -> Result<f64, &'static str> {
    let loss: Option<f64> = text.parse().ok();
    loss.filter(|loss| loss.is_finite() && *loss >= 0.0).ok_or("use a number from 0 on")
}

fn span(text: &str) -> Result<SignedDuration, &'static str> {
    let span = parse_duration(text).filter(|span| !span.is_negative());
    span.ok_or("use a time such as 12h, 7d or 4w")
}
