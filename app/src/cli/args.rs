//! Every verb and flag, with its help.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::look_args::{RunsArgs, RunsVerb};
use super::request_args::{OverrideArgs, RouteArgs, RunArgs};
use super::routing_args::{EvalArgs, ReplayArgs, ReportArgs, ReportVerb, ScanArgs};
use super::setup_args::{
    ConfigArgs, ConfigVerb, DoctorArgs, InitArgs, InitShell, PluginArgs, PluginVerb, PolicyArgs, PolicyVerb,
    TrustArgs,
};
use crate::present::output::{Format, PlainFormat, ReportFormat};

/// Sends every request for a coding agent down the right track, and proves afterwards that it went there.
///
/// pointsman decides which agent and model tier does a request, spawns that agent's CLI, watches it, judges
/// what came back, retries or escalates on evidence, and records everything.
#[derive(Debug, Parser)]
#[command(name = "pointsman", version, after_help = AFTER_HELP, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub verb: Verb,
    /// Show long texts without a pager.
    #[arg(long, global = true)]
    pub no_pager: bool,
}

const AFTER_HELP: &str = "\
Start here:
  pointsman demo                                    see what it does, offline, in seconds
  pointsman init                                    settings, plugin, completions; asks for each
  pointsman run \"explain what src/main.rs does\"     route it, run it, print the answer
  pointsman run --rehearse \"fix the parser\"         the same path without any agent CLI
  pointsman route \"rename foo to bar in lib.rs\"     only decide
  pointsman explain latest                          why the last run went where it went
  pointsman scan                                    what your own Claude Code sessions show
  pointsman doctor                                  what is installed, and who would pay

`pointsman VERB --help` has the details; exit codes are listed under `pointsman run --help`.";

#[derive(Debug, Subcommand)]
pub enum Verb {
    Run(Box<RunArgs>),
    /// Decide who would do a request, and do nothing.
    Route(RouteArgs),
    /// Show why a request or a run goes where it goes, or what an error code means.
    Explain(ExplainArgs),
    Runs(RunsArgs),
    /// Measure the router on labelled requests.
    Eval(EvalArgs),
    /// Decide past requests again, and list what would be different.
    Replay(ReplayArgs),
    /// Report on what was recorded.
    Report(ReportArgs),
    Scan(ScanArgs),
    Init(InitArgs),
    /// Show in seconds what pointsman does, offline, in a temporary place.
    ///
    /// Real processes and a real ledger, with a scripted agent: requests are routed, held, escalated, a limit is waited for, and a driver
    /// is killed. Nothing of yours is read or changed, and all of it is removed at the end.
    Demo,
    /// Check agents, login, configuration and store.
    Doctor(DoctorArgs),
    /// Show or begin the configuration.
    Config(ConfigArgs),
    /// Check, test, show or begin policy files.
    Policy(PolicyArgs),
    /// Put the plugin into Claude Code, look at it, take it out.
    Plugin(PluginArgs),
    /// Answer an event of Claude Code. The plugin calls it; people do not.
    ///
    /// Reads the event from standard input and prints at most one JSON object. Always exits 0 within 200 ms: a person waits for it.
    Hook {
        /// The event, where the input does not name it.
        event: Option<String>,
    },
    /// Print a shell function that sends `claude --orchestrated "..."` to `pointsman run`.
    ShellInit {
        /// The shell.
        #[arg(value_enum)]
        shell: InitShell,
    },
    Trust(TrustArgs),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write one page per verb into a directory.
    Man {
        /// The directory for one page per verb.
        dir: Option<PathBuf>,
    },
}

impl Verb {
    /// Tells whether the verb was asked for JSON: then a failure is data as well.
    pub fn prints_json(&self) -> bool {
        match self {
            Verb::Run(args) => args.output != Format::Text,
            Verb::Route(args) => args.output != Format::Text,
            Verb::Explain(args) => args.output == PlainFormat::Json,
            Verb::Eval(args) => args.output == PlainFormat::Json,
            Verb::Replay(args) => args.output == PlainFormat::Json,
            Verb::Report(args) => match &args.verb {
                ReportVerb::Routing { output, .. } | ReportVerb::Compliance { output, .. } => {
                    *output == ReportFormat::Json
                }
                ReportVerb::Cost(args) => args.output == ReportFormat::Json,
            },
            Verb::Scan(args) => args.output == PlainFormat::Json,
            Verb::Doctor(args) => args.output == PlainFormat::Json,
            Verb::Runs(args) => match &args.verb {
                RunsVerb::List(args) | RunsVerb::Sessions(args) => args.output == PlainFormat::Json,
                RunsVerb::Show { output, .. } => *output == PlainFormat::Json,
                RunsVerb::Logs { output, .. } => *output != Format::Text,
                RunsVerb::Prune(args) => args.output == PlainFormat::Json,
                RunsVerb::Open { .. }
                | RunsVerb::Diff { .. }
                | RunsVerb::Undo { .. }
                | RunsVerb::Cancel { .. } => false,
            },
            Verb::Config(args) => {
                matches!(args.verb, ConfigVerb::Show { output: PlainFormat::Json, .. })
            }
            Verb::Policy(args) => match &args.verb {
                PolicyVerb::Test { output, .. }
                | PolicyVerb::Check { output, .. }
                | PolicyVerb::Learn { output, .. }
                | PolicyVerb::Show { output } => *output == PlainFormat::Json,
                PolicyVerb::Schema | PolicyVerb::Init { .. } => false,
            },
            Verb::Plugin(args) => {
                matches!(args.verb, PluginVerb::Status { output: PlainFormat::Json, .. })
            }
            Verb::Trust(_)
            | Verb::Init(_)
            | Verb::Demo
            | Verb::Hook { .. }
            | Verb::ShellInit { .. }
            | Verb::Completions { .. }
            | Verb::Man { .. } => false,
        }
    }
}

/// Show why a request or a run goes where it goes: which rules fired, what its words are like, and for a run
/// the routed against the served model. For an error code: what it means and what to do.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// A run's short id, its id, at least the first 6 characters of one, `latest`, an error code such as E0202, or the
    /// words of a request. Nothing reads standard input.
    pub what: Option<String>,
    #[command(flatten)]
    pub overrides: OverrideArgs,
    /// The project directory; the current one without it.
    #[arg(long, value_name = "DIR")]
    pub project: Option<PathBuf>,
    /// Show every rule that was tried, and what each word counted.
    #[arg(long)]
    pub all: bool,
    /// List every error code.
    #[arg(long, conflicts_with_all = ["what", "all"])]
    pub codes: bool,
    /// How to print: text or json.
    #[arg(long, short, value_enum, value_name = "FORMAT", default_value = "text")]
    pub output: PlainFormat,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    /// Seen to fail with a sentence at the variant as well: it replaced all that the flags' struct says.
    #[test]
    fn a_verb_that_has_more_to_say_says_it_in_its_help() {
        let cli = Cli::command();
        for (verb, sentence) in
            [("run", "Standard output has the answer and nothing else"), ("trust", "records their hash")]
        {
            let help = cli.find_subcommand(verb).unwrap().clone().render_long_help().to_string();
            assert!(help.contains(sentence), "{verb}: {help}");
        }
    }
}
