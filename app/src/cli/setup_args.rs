//! Flags of the verbs that look at and set up the place: `init`, `doctor`, `config`, `policy`, `plugin`, `shell-init`, `trust`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use pointsman_core::policy::file_rule::Author;

use super::consent::Consent;
use super::routing_args::SpanArgs;
use crate::present::output::PlainFormat;

/// Check agents, login, configuration and store. Spends no tokens. Exits 1 when something is broken.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Repair what can be repaired without losing anything, and remove what is older than `store.keep` or beyond
    /// `store.bytes_max`.
    #[arg(long)]
    pub fix: bool,
    /// How to print: text or json.
    #[arg(long, short, value_enum, value_name = "FORMAT", default_value = "text")]
    pub output: PlainFormat,
}

/// Set pointsman up, step by step: shows what is there (agents, login, the project's commands), then offers a commented
/// configuration, a policy file of your own, the plugin for Claude Code, and completions for your shell.
///
/// Asks before each, changes nothing that is there already, and writes nothing into the project.
#[derive(Debug, Args)]
pub struct InitArgs {
    #[command(flatten)]
    pub consent: ConsentArgs,
    /// Only show what would be done.
    #[arg(long, short = 'n', conflicts_with = "yes")]
    pub dry_run: bool,
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
    /// Show what would change in the settings, ask, and put the plugin in. Where it is already, only its folder is renewed.
    Install {
        #[command(flatten)]
        place: PluginPlace,
        #[command(flatten)]
        consent: ConsentArgs,
    },
    /// Show where the plugin is switched on, whether it is up to date, and what keeps its hooks from working here. Exits 1
    /// when it is not installed, or its hooks do nothing.
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
        #[command(flatten)]
        consent: ConsentArgs,
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
        #[command(flatten)]
        file: PolicyFileArgs,
        /// How to print: text or json.
        #[arg(long, short, value_enum, value_name = "FORMAT", default_value = "text")]
        output: PlainFormat,
    },
    /// Read the policy files and say what is wrong with them.
    Check {
        #[command(flatten)]
        file: PolicyFileArgs,
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
    /// Learn from past runs: propose rules for your own policy file, as a difference to it.
    ///
    /// Looks for words that stand in requests which another tier did in the end, which you gave to another tier, or whose
    /// question you answered with yes at once, and hardly in others. Nothing is written without `--write`.
    Learn {
        #[command(flatten)]
        span: SpanArgs,
        /// Write the proposal into your policy file, after a question.
        #[arg(long)]
        write: bool,
        #[command(flatten)]
        consent: ConsentArgs,
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
    #[command(flatten)]
    pub consent: ConsentArgs,
    /// Take the approval back.
    #[arg(long, conflicts_with_all = ["yes", "list"])]
    pub revoke: bool,
    /// List what was approved.
    #[arg(long, conflicts_with = "dir")]
    pub list: bool,
}

/// Whether the person agrees beforehand.
#[derive(Debug, Clone, Copy, Args)]
pub struct ConsentArgs {
    /// Say yes without being asked.
    #[arg(long, short)]
    yes: bool,
}

impl ConsentArgs {
    /// Returns whether the person has agreed already.
    pub fn consent(self) -> Consent {
        if self.yes { Consent::Given } else { Consent::Asked }
    }
}

/// A policy file that is named.
#[derive(Debug, Args)]
pub struct PolicyFileArgs {
    /// Only this file, as if it were yours; without it the files that hold here.
    file: Option<PathBuf>,
    /// Read the file as a repository's, whose rules may do less.
    #[arg(long, requires = "file")]
    of_project: bool,
}

impl PolicyFileArgs {
    /// Returns the file, and whose it counts as.
    pub fn named(&self) -> Option<(&Path, Author)> {
        let author = if self.of_project { Author::Project } else { Author::User };
        self.file.as_deref().map(|path| (path, author))
    }
}
