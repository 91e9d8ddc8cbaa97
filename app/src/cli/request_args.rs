//! Flags of the verbs that take a request: `run` and `route`.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use pointsman_core::agent::{PermissionMode, PermissionProfile, Tier};
use pointsman_core::ids::{AgentName, SessionId};
use pointsman_core::run::scenario::Scenario;

use super::exit;
use crate::config::model::HumanDuration;
use crate::present::output::{Format, Verbosity};

/// The words of a request.
#[derive(Debug, Clone, Default, Args)]
pub struct PromptArgs {
    /// The request. `-` or nothing reads it from standard input; beside a request, what is piped in is context.
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

fn pressure(text: &str) -> Result<f64, &'static str> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or("use a number from 0 (plenty) to 1 (almost nothing left)")
}

fn duration(text: &str) -> Result<Duration, &'static str> {
    let read = HumanDuration::parse(text).map(|HumanDuration(duration)| duration);
    read.filter(|duration| !duration.is_zero()).ok_or("use a time such as 90s, 10m or 1h30m")
}

fn shell_command(text: &str) -> Result<String, &'static str> {
    let is_given = text.chars().any(|c| !c.is_whitespace());
    is_given.then(|| text.to_owned()).ok_or("give a command, such as 'cargo test'")
}

/// Names of scenarios, offered by completion.
fn scenarios() -> impl TypedValueParser<Value = Scenario> {
    let names = PossibleValuesParser::new(Scenario::ALL.map(Scenario::as_str));
    names.map(|name| Scenario::parse(&name).expect("only names of scenarios are let through"))
}

fn tier(text: &str) -> Result<Tier, &'static str> {
    Tier::parse(text).ok_or("use haiku, sonnet or opus")
}

/// The mode of routing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ModeArg {
    /// pointsman decides alone and runs the agent.
    Orchestration,
    /// The route is advice: you are asked on the terminal before the agent runs.
    Directive,
}

/// The permission modes that may be asked for, with what they mean. All but one: it stands in the settings of an agent,
/// where a person has thought of it.
fn permission_modes() -> impl TypedValueParser<Value = PermissionMode> {
    parser_of(PermissionMode::ALL.into_iter().filter(|mode| *mode != PermissionMode::BypassPermissions))
}

/// The permission modes that a decision may be made for: it runs nothing.
pub fn supposed_permission_modes() -> impl TypedValueParser<Value = PermissionMode> {
    parser_of(PermissionMode::ALL.into_iter())
}

/// The permission profiles, offered by completion.
fn permission_profiles() -> impl TypedValueParser<Value = PermissionProfile> {
    PossibleValuesParser::new(PermissionProfile::ALL.map(PermissionProfile::as_str))
        .map(|name| PermissionProfile::parse(&name).expect("only names of profiles are let through"))
}

fn parser_of(modes: impl Iterator<Item = PermissionMode>) -> impl TypedValueParser<Value = PermissionMode> {
    let meaning = |mode: PermissionMode| match mode {
        PermissionMode::Default => "The CLI's own default",
        PermissionMode::AcceptEdits => "Edits inside the project are accepted",
        PermissionMode::Plan => "Plan and change nothing",
        PermissionMode::DontAsk => "Questions are denied",
        PermissionMode::Auto => "The CLI's own classifier decides",
        PermissionMode::BypassPermissions => "No questions at all: the agent may do what you may",
    };
    PossibleValuesParser::new(modes.map(|mode| PossibleValue::new(mode.as_str()).help(meaning(mode))))
        .map(|name| PermissionMode::parse(&name).expect("only names of modes are let through"))
}

/// Route a request, run it with the chosen agent, and print the answer.
///
/// Standard output has the answer and nothing else; the route, the progress and a summary go to standard
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
    /// Go on in the last session of this directory.
    #[arg(long = "continue", short = 'c', conflicts_with = "session")]
    pub goes_on: bool,
    /// Attach an image. Repeatable.
    #[arg(long, value_name = "PATH")]
    pub image: Vec<PathBuf>,
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
    #[arg(long, value_name = "MODE", value_parser = permission_modes())]
    pub permission_mode: Option<PermissionMode>,
    /// Allow a tool besides what the permission mode allows, as a rule of the agent's CLI: `Bash(cargo test:*)`. Repeatable.
    #[arg(long, value_name = "RULE")]
    pub allow_tool: Vec<String>,
    /// What the agent may do besides editing: edit (nothing), test (the project's own tests, builds and checks) or
    /// full-in-worktree (all commands, in a further working tree of git).
    #[arg(long, value_name = "PROFILE", value_parser = permission_profiles(), hide_possible_values = true)]
    pub permission_profile: Option<PermissionProfile>,
    /// Check the work with this command, for a shell: its exit code says whether the work is done. Where it fails, one
    /// stronger tier tries again.
    #[arg(long, value_name = "COMMAND", value_parser = shell_command)]
    pub verify: Option<String>,
    /// Do not check the work, whatever `verify.command` says.
    #[arg(long, conflicts_with = "verify")]
    pub no_verify: bool,
    /// Never try a stronger tier.
    #[arg(long)]
    pub no_escalate: bool,
    /// Run it even where a person must say yes first: this is the yes.
    #[arg(long)]
    pub approve: bool,
    /// Go on without your own settings file or policy file where it is broken: the built-in settings and rules hold. This is
    /// the yes to the question that a terminal asks.
    #[arg(long)]
    pub ignore_config: bool,
    /// Wait for limits that start anew, instead of ending with exit 75.
    #[arg(long)]
    pub wait: bool,
    /// Print the run's id and go on in the background; `pointsman runs logs -f` follows it.
    #[arg(long, conflicts_with = "dry_run")]
    pub detach: bool,
    /// Show route, command, environment names and limits; start nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Take back what that run changed, if nothing else touched its files since; `--approve` says yes beforehand. Short for
    /// `pointsman runs undo RUN`.
    #[arg(long, value_name = "RUN", conflicts_with_all = ["prompt", "file", "detach", "dry_run", "goes_on", "behind"])]
    pub undo: Option<String>,
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
    quiet: bool,
    /// Flags for Claude Code itself, behind `--`: --add-dir, --mcp-config, --append-system-prompt and a few more.
    #[arg(last = true, value_name = "FLAGS")]
    pub behind: Vec<String>,
}

impl RunArgs {
    /// Returns how much is said beside the answer.
    pub fn verbosity(&self) -> Verbosity {
        if self.quiet { Verbosity::Quiet } else { Verbosity::Normal }
    }
}

/// Decide who would do a request, and do nothing. Always exits 0 once the request could be read.
#[derive(Debug, Args)]
pub struct RouteArgs {
    #[command(flatten)]
    pub words: PromptArgs,
    #[command(flatten)]
    pub overrides: OverrideArgs,
    /// Decide as if every agent had this permission mode: what a run cannot do needs no question. Without it, as the agents
    /// are set up.
    #[arg(long, value_name = "MODE", value_parser = supposed_permission_modes())]
    pub permission_mode: Option<PermissionMode>,
    /// Decide as words of a session that goes on, in which the agent said this last: "yes" agrees to what it proposed.
    #[arg(long, value_name = "SAID")]
    pub after: Option<String>,
    /// The tier that has the session.
    #[arg(long, value_name = "TIER", value_parser = tier, requires = "after")]
    pub last_tier: Option<Tier>,
    /// The project directory; the current one without it.
    #[arg(long, value_name = "DIR")]
    pub project: Option<PathBuf>,
    /// Decide many: a file with one {"id", "request", "after"} a line, `-` for standard input. Prints jsonl.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["prompt", "file", "after"])]
    pub batch: Option<PathBuf>,
    /// How to print: text, json, or jsonl for a batch.
    #[arg(long, short, value_enum, value_name = "FORMAT", default_value = "text")]
    pub output: Format,
}
