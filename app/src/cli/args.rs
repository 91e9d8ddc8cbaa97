//! Every verb and flag, with its help.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use pointsman_core::agent::{PermissionMode, Tier};
use pointsman_core::ids::{AgentName, SessionId};
use pointsman_core::run::scenario::Scenario;

use super::exit;
use super::routing_args::{EvalArgs, ReplayArgs, ReportArgs, ReportFormat, ReportVerb};
use crate::config::model::HumanDuration;
use crate::present::output::{Format, PlainFormat};

/// Sends every request for a coding agent down the right track, and proves afterwards that it went there.
///
/// pointsman decides which agent and model tier does a request, spawns that agent's CLI, watches it, judges
/// what came back, retries or escalates on evidence, and records everything.
#[derive(Debug, Parser)]
#[command(name = "pointsman", version, after_help = AFTER_HELP, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub verb: Verb,
}

const AFTER_HELP: &str = "\
Start here:
  pointsman run \"explain what src/main.rs does\"     route it, run it, print the answer
  pointsman run --rehearse \"fix the parser\"         the same path without any agent CLI
  pointsman route \"rename foo to bar in lib.rs\"     only decide
  pointsman explain latest                          why the last run went where it went
  pointsman doctor                                  what is installed, and who would pay

`pointsman VERB --help` has the details; exit codes are listed under `pointsman run --help`.";

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Route a request, run it with the chosen agent, and print the answer.
    Run(Box<RunArgs>),
    /// Decide who would do a request, and do nothing.
    Route(RouteArgs),
    /// Show why a request or a run goes where it goes, or what an error code means.
    Explain(ExplainArgs),
    /// Look at runs, follow them, stop them.
    Runs(RunsArgs),
    /// Measure the router on labelled requests.
    Eval(EvalArgs),
    /// Decide past requests again, and list what would be different.
    Replay(ReplayArgs),
    /// Report on what was recorded.
    Report(ReportArgs),
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
    /// Approve what a repository's files want beyond the harmless.
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
            },
            Verb::Doctor(args) => args.output == PlainFormat::Json,
            Verb::Runs(args) => match &args.verb {
                RunsVerb::List { output, .. } | RunsVerb::Show { output, .. } => *output == PlainFormat::Json,
                RunsVerb::Logs { output, .. } => *output != Format::Text,
                RunsVerb::Cancel { .. } => false,
            },
            Verb::Config(args) => {
                matches!(args.verb, ConfigVerb::Show { output: PlainFormat::Json, .. })
            }
            Verb::Policy(args) => match &args.verb {
                PolicyVerb::Test { output, .. }
                | PolicyVerb::Check { output, .. }
                | PolicyVerb::Show { output } => *output == PlainFormat::Json,
                PolicyVerb::Schema | PolicyVerb::Init { .. } => false,
            },
            Verb::Plugin(args) => {
                matches!(args.verb, PluginVerb::Status { output: PlainFormat::Json, .. })
            }
            Verb::Trust(_)
            | Verb::Hook { .. }
            | Verb::ShellInit { .. }
            | Verb::Completions { .. }
            | Verb::Man { .. } => false,
        }
    }
}

/// The words of a request.
#[derive(Debug, Clone, Default, Args)]
pub struct PromptArgs {
    /// The request. `-` or nothing reads it from standard input.
    pub prompt: Option<String>,
    /// Read the request from a file.
    #[arg(long, short, value_name = "PATH", conflicts_with = "prompt")]
    pub file: Option<PathBuf>,
}

/// What a person fixes about the route.
#[derive(Debug, Clone, Default, Args)]
pub struct OverrideArgs {
    /// Use this agent. Safety still holds.
    #[arg(long, value_name = "NAME")]
    pub agent: Option<AgentName>,
    /// Use this tier: haiku, sonnet or opus. Safety still holds.
    #[arg(long, value_name = "TIER", value_parser = tier)]
    pub tier: Option<Tier>,
    /// How scarce quotas are, 0 to 1: doubtful requests go to cheaper tiers. Never moves whether a person is asked.
    #[arg(long, value_name = "SHARE", value_parser = pressure, default_value = "0", hide_default_value = true)]
    pub quota_pressure: f64,
}

fn pressure(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "use a number from 0 (plenty) to 1 (almost nothing left)".to_owned())
}

fn duration(text: &str) -> Result<Duration, String> {
    let read = HumanDuration::parse(text).map(|HumanDuration(duration)| duration);
    read.filter(|duration| !duration.is_zero())
        .ok_or_else(|| "use a time such as 90s, 10m or 1h30m".to_owned())
}

/// Names of scenarios, offered by completion.
fn scenarios() -> impl TypedValueParser<Value = Scenario> {
    let names = PossibleValuesParser::new(Scenario::ALL.map(Scenario::as_str));
    names.map(|name| Scenario::parse(&name).expect("only names of scenarios are let through"))
}

fn tier(text: &str) -> Result<Tier, String> {
    Tier::parse(text).ok_or_else(|| "use haiku, sonnet or opus".to_owned())
}

/// The mode of routing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ModeArg {
    /// pointsman decides alone and runs the agent.
    Orchestration,
    /// The route is advice: you are asked on the terminal before the agent runs.
    Directive,
}

/// How the agent's CLI answers its own permission questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PermissionModeArg {
    /// The CLI's own default.
    #[value(name = "default")]
    Default,
    /// Edits inside the project are accepted.
    #[value(name = "acceptEdits")]
    AcceptEdits,
    /// Plan and change nothing.
    #[value(name = "plan")]
    Plan,
    /// Questions are denied.
    #[value(name = "dontAsk")]
    DontAsk,
    /// The CLI's own classifier decides.
    #[value(name = "auto")]
    Auto,
}

impl From<PermissionModeArg> for PermissionMode {
    fn from(mode: PermissionModeArg) -> PermissionMode {
        match mode {
            PermissionModeArg::Default => PermissionMode::Default,
            PermissionModeArg::AcceptEdits => PermissionMode::AcceptEdits,
            PermissionModeArg::Plan => PermissionMode::Plan,
            PermissionModeArg::DontAsk => PermissionMode::DontAsk,
            PermissionModeArg::Auto => PermissionMode::Auto,
        }
    }
}

/// Route a request, run it with the chosen agent, and print the answer.
///
/// Standard output has the answer and nothing else; the route, the progress and a closing line go to standard
/// error. A request that a person must approve is not run (exit 77): `--approve` says yes.
#[derive(Debug, Clone, Args)]
#[command(after_help = exit::TABLE)]
pub struct RunArgs {
    #[command(flatten)]
    pub words: PromptArgs,
    #[command(flatten)]
    pub overrides: OverrideArgs,
    /// Go on in this session: the agent remembers its earlier runs.
    #[arg(long, value_name = "NAME")]
    pub session: Option<SessionId>,
    /// The project directory; the current one without it.
    #[arg(long, value_name = "DIR")]
    pub project: Option<PathBuf>,
    /// The mode of routing.
    #[arg(long, value_enum, default_value = "orchestration")]
    pub mode: ModeArg,
    /// The longest one attempt may take, such as 90s or 1h30m.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub timeout: Option<Duration>,
    /// The most US dollars that the run may cost.
    #[arg(long, value_name = "USD")]
    pub max_usd: Option<f64>,
    /// The most agent turns of one attempt.
    #[arg(long, value_name = "COUNT")]
    pub max_turns: Option<u32>,
    /// How the agent's CLI answers its own permission questions.
    #[arg(long, value_enum, value_name = "MODE")]
    pub permission_mode: Option<PermissionModeArg>,
    /// Allow a tool besides what the permission mode allows, as a rule of the agent's CLI: `Bash(cargo test:*)`. Repeatable.
    #[arg(long, value_name = "RULE")]
    pub allow_tool: Vec<String>,
    /// Never try a stronger tier.
    #[arg(long)]
    pub no_escalate: bool,
    /// Run it even where a person must say yes first: this is the yes.
    #[arg(long)]
    pub approve: bool,
    /// Wait for limits that start anew, instead of ending with exit 75.
    #[arg(long)]
    pub wait: bool,
    /// Print the run's id and go on in the background; `pointsman runs logs -f` follows it.
    #[arg(long, conflicts_with = "dry_run")]
    pub detach: bool,
    /// Show route, command, environment names and limits; start nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Play the run with a scripted agent that asks no model: success, if-needed, fail, hang, escalate,
    /// quota, overloaded, denied, mismatch or empty.
    #[arg(long, value_parser = scenarios(), value_name = "SCENARIO", num_args = 0..=1, require_equals = true,
          default_missing_value = "success", hide_possible_values = true)]
    pub rehearse: Option<Scenario>,
    /// How to print: text, json (one value at the end) or jsonl (events as they happen).
    #[arg(long, short, value_enum, value_name = "FORMAT", default_value = "text")]
    pub output: Format,
    /// Say nothing on standard error but failures.
    #[arg(long, short)]
    pub quiet: bool,
}

/// Decide who would do a request, and do nothing. Always exits 0 once the request could be read.
#[derive(Debug, Args)]
pub struct RouteArgs {
    #[command(flatten)]
    pub words: PromptArgs,
    #[command(flatten)]
    pub overrides: OverrideArgs,
    /// The project directory; the current one without it.
    #[arg(long, value_name = "DIR")]
    pub project: Option<PathBuf>,
    /// Decide many: a file with one {"id", "request"} a line, `-` for standard input. Prints jsonl.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["prompt", "file"])]
    pub batch: Option<PathBuf>,
    /// How to print: text, json, or jsonl for a batch.
    #[arg(long, short, value_enum, value_name = "FORMAT", default_value = "text")]
    pub output: Format,
}

/// Show why a request or a run goes where it goes: every rule that was looked at, which fired, and for a run
/// the routed against the served model. For an error code: what it means and what to do.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// A run's id, at least its first 6 characters, `latest`, an error code such as E0202, or the words of a
    /// request. Nothing reads standard input.
    pub what: Option<String>,
    #[command(flatten)]
    pub overrides: OverrideArgs,
    /// The project directory; the current one without it.
    #[arg(long, value_name = "DIR")]
    pub project: Option<PathBuf>,
    /// Show also the rules that had nothing to say.
    #[arg(long)]
    pub all: bool,
    /// List every error code.
    #[arg(long, conflicts_with_all = ["what", "all"])]
    pub codes: bool,
    /// How to print: text or json.
    #[arg(long, short, value_enum, value_name = "FORMAT", default_value = "text")]
    pub output: PlainFormat,
}

#[derive(Debug, Args)]
pub struct RunsArgs {
    #[command(subcommand)]
    pub verb: RunsVerb,
}

#[derive(Debug, Subcommand)]
pub enum RunsVerb {
    /// List runs, newest first.
    List {
        /// How many at most.
        #[arg(long, short = 'n', default_value_t = 20, value_name = "COUNT")]
        limit: usize,
        /// How to print: text or json.
        #[arg(long, short, value_enum, value_name = "FORMAT", default_value = "text")]
        output: PlainFormat,
    },
    /// Show one run: route, attempts, outcome, cost.
    Show {
        /// The run's id, the beginning of one, or `latest`.
        run: String,
        /// How to print: text or json.
        #[arg(long, short, value_enum, value_name = "FORMAT", default_value = "text")]
        output: PlainFormat,
    },
    /// Print what a run's agent said and did.
    Logs {
        /// The run's id, the beginning of one, or `latest`.
        run: String,
        /// Go on until the run is over; exits with the run's exit code.
        #[arg(long, short)]
        follow: bool,
        /// How to print: text or jsonl.
        #[arg(long, short, value_enum, value_name = "FORMAT", default_value = "text")]
        output: Format,
    },
    /// Stop a run.
    Cancel {
        /// The run's id, the beginning of one, or `latest`.
        run: String,
    },
}

/// Check agents, login, configuration and store. Spends no tokens. Exits 1 when something is broken.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Repair what can be repaired without losing anything.
    #[arg(long)]
    pub fix: bool,
    /// How to print: text or json.
    #[arg(long, short, value_enum, value_name = "FORMAT", default_value = "text")]
    pub output: PlainFormat,
}

#[derive(Debug, Args)]
pub struct ConfigArgs {
    #[command(subcommand)]
    pub verb: ConfigVerb,
}

#[derive(Debug, Subcommand)]
pub enum ConfigVerb {
    /// Show every setting that holds here.
    Show {
        /// Show also where each value comes from.
        #[arg(long)]
        origin: bool,
        /// How to print: text or json.
        #[arg(long, short, value_enum, value_name = "FORMAT", default_value = "text")]
        output: PlainFormat,
    },
    /// Print the JSON schema of the configuration file, for editors.
    Schema,
    /// Write a configuration file with every setting commented out.
    Init,
}

#[derive(Debug, Args)]
pub struct PolicyArgs {
    #[command(subcommand)]
    pub verb: PolicyVerb,
}

/// The plugin in Claude Code.
#[derive(Debug, Args)]
pub struct PluginArgs {
    #[command(subcommand)]
    pub verb: PluginVerb,
}

#[derive(Debug, Subcommand)]
pub enum PluginVerb {
    /// Show what would change in the settings, ask, and put the plugin in.
    Install {
        #[command(flatten)]
        place: PluginPlace,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
    /// Show where the plugin is switched on, and whether it is up to date.
    Status {
        #[command(flatten)]
        place: PluginPlace,
        /// How to print: text or json.
        #[arg(long, short, value_enum, value_name = "FORMAT", default_value = "text")]
        output: PlainFormat,
    },
    /// Bring the plugin up to date with this program: its path, agents and hooks. Changes no settings.
    Update,
    /// Take the plugin out: the settings are as they were, or without exactly our keys where others wrote since.
    Uninstall {
        #[command(flatten)]
        place: PluginPlace,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
}

/// Where the plugin is switched on.
#[derive(Debug, Clone, Args)]
pub struct PluginPlace {
    /// For you everywhere, or for everybody in one project.
    #[arg(long, value_enum, value_name = "SCOPE", default_value = "user")]
    pub scope: ScopeArg,
    /// The project; the current directory without it.
    #[arg(long, value_name = "DIR")]
    pub project: Option<PathBuf>,
}

/// Where the plugin is switched on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ScopeArg {
    /// In every session of yours.
    User,
    /// In the sessions of one project.
    Project,
}

/// Shells that a function can be printed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum InitShell {
    /// Bash.
    Bash,
    /// Zsh.
    Zsh,
    /// Fish.
    Fish,
}

#[derive(Debug, Subcommand)]
pub enum PolicyVerb {
    /// Route every example of the policy files and compare. Exits 1 when one does not hold.
    Test {
        /// Only this file, as if it were yours; without it the files that hold here.
        file: Option<PathBuf>,
        /// Read the file as a repository's, whose rules may do less.
        #[arg(long, requires = "file")]
        of_project: bool,
        /// How to print: text or json.
        #[arg(long, short, value_enum, value_name = "FORMAT", default_value = "text")]
        output: PlainFormat,
    },
    /// Read the policy files and say what is wrong with them.
    Check {
        /// Only this file, as if it were yours; without it the files that hold here.
        file: Option<PathBuf>,
        /// Read the file as a repository's, whose rules may do less.
        #[arg(long, requires = "file")]
        of_project: bool,
        /// How to print: text or json.
        #[arg(long, short, value_enum, value_name = "FORMAT", default_value = "text")]
        output: PlainFormat,
    },
    /// Show the rules that hold here, in the order in which they are looked at.
    Show {
        /// How to print: text or json.
        #[arg(long, short, value_enum, value_name = "FORMAT", default_value = "text")]
        output: PlainFormat,
    },
    /// Print the JSON schema of policy files, for editors.
    Schema,
    /// Write a first policy file with examples in comments.
    Init {
        /// Into the project, for everybody who works in it.
        #[arg(long)]
        project: bool,
    },
}

/// Approve what a repository's files want beyond the harmless (commands, environment, permissions).
///
/// Shows the files, asks, and records their hash: when a file changes, the approval is void.
#[derive(Debug, Args)]
pub struct TrustArgs {
    /// The project directory; the current one without it.
    pub dir: Option<PathBuf>,
    /// Say yes without being asked.
    #[arg(long, short)]
    pub yes: bool,
    /// Take the approval back.
    #[arg(long, conflicts_with_all = ["yes", "list"])]
    pub revoke: bool,
    /// List what was approved.
    #[arg(long, conflicts_with = "dir")]
    pub list: bool,
}
